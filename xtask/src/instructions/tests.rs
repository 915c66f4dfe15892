//! Facts about `instructions`.

use super::*;

fn pair(rustc: &str) -> Pair {
    Pair { rustc: rustc.into(), core: "installed".into() }
}

fn counted(apic: Apic, counts: &[(&str, u64)]) -> Counted {
    Counted { apic, exchanges: 1_000, counts: of(counts) }
}

fn of(counts: &[(&str, u64)]) -> Counts {
    counts.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

/// A file that knows one pair.
fn expected() -> Expected {
    let mut expected = Expected::default();
    expected
        .bless(&pair("1.95.0"), counted(Apic::Xapic, &[("switch_batch", 44_000), ("yield_batch", 72_000)]));
    expected.bless(&pair("1.95.0"), counted(Apic::X2apic, &[("ipi_handoff_x2apic_batch", 295_000)]));
    expected
}

fn differences(found: &Counted) -> Vec<(String, Difference)> {
    match expected().judge(&pair("1.95.0"), found).unwrap() {
        Judgement::Known(differences) => differences,
        Judgement::UnknownPair => panic!("the pair is known"),
    }
}

#[test]
fn count_that_grew_fails_and_is_named() {
    let found = counted(Apic::Xapic, &[("switch_batch", 46_000), ("yield_batch", 72_000)]);
    let differences = differences(&found);
    let [(name, difference)] = &differences[..] else { panic!("{differences:?}") };
    assert!(difference.fails());
    assert_eq!(
        difference.text(name, 1_000),
        "switch_batch GREW: 44,000 instructions expected, 46,000 found, so 2 more in each of 1,000 exchanges"
    );
}

#[test]
fn count_that_shrank_or_is_new_is_told_and_passes() {
    let found =
        counted(Apic::Xapic, &[("channel_batch", 5), ("switch_batch", 43_500), ("yield_batch", 72_000)]);
    let differences = differences(&found);
    assert_eq!(
        differences,
        [
            ("switch_batch".into(), Difference::Other { expected: 44_000, found: 43_500 }),
            ("channel_batch".into(), Difference::New(5))
        ]
    );
    assert!(differences.iter().all(|(_, difference)| !difference.fails()));
    assert!(differences[0].1.text("switch_batch", 1_000).contains("shrank"));
    assert!(differences[0].1.text("switch_batch", 1_000).contains("0.5 fewer"));
}

#[test]
fn count_that_is_not_counted_any_more_fails() {
    let differences = differences(&counted(Apic::Xapic, &[("switch_batch", 44_000)]));
    assert_eq!(differences, [("yield_batch".into(), Difference::Missing(72_000))]);
    assert!(differences[0].1.fails());
}

#[test]
fn modes_of_the_apic_are_judged_apart() {
    assert_eq!(differences(&counted(Apic::X2apic, &[("ipi_handoff_x2apic_batch", 295_000)])), []);
    let grew = differences(&counted(Apic::X2apic, &[("ipi_handoff_x2apic_batch", 295_001)]));
    assert!(grew[0].1.fails());
}

#[test]
fn unknown_pair_has_nothing_to_be_held_against() {
    for unknown in [pair("1.96.0"), Pair { core: "from-source".into(), ..pair("1.95.0") }] {
        let found = counted(Apic::Xapic, &[("switch_batch", u64::MAX)]);
        assert_eq!(expected().judge(&unknown, &found), Ok(Judgement::UnknownPair));
        assert!(!expected().knows(&unknown));
    }
}

#[test]
fn counts_of_other_exchanges_can_not_be_judged() {
    let found = Counted { exchanges: 10, ..counted(Apic::Xapic, &[]) };
    assert!(expected().judge(&pair("1.95.0"), &found).unwrap_err().contains(BLESS));
}

#[test]
fn blessing_changes_one_pair_and_one_mode() {
    let mut blessed = expected();
    blessed.bless(&pair("1.9.0"), counted(Apic::Xapic, &[("switch_batch", 1)]));
    blessed.bless(&pair("1.95.0"), counted(Apic::Xapic, &[("yield_batch", 70_000)]));
    let text = blessed.text().unwrap();
    assert_eq!(
        text.strip_prefix(HEADER),
        Some(
            "exchanges = 1000\n\n\
             [counts.\"rustc 1.9.0, core installed\"]\nswitch_batch = 1\n\n\
             [counts.\"rustc 1.95.0, core installed\"]\nipi_handoff_x2apic_batch = 295000\nyield_batch = 70000\n"
        )
    );
    assert_eq!(Expected::parse(&text).unwrap(), blessed);
}

#[test]
fn file_that_is_not_right_is_an_error() {
    for text in ["exchanges = -1", "exchanges = 1\n[counts.a]\nb = \"c\"", "what = 1", "["] {
        assert!(Expected::parse(text).is_err(), "{text}");
    }
}

#[test]
fn counts_are_taken_from_the_log() {
    let mut log = String::new();
    let names = [("exchanges", 1_000), ("switch_batch", 44_000), ("ipi_handoff_batch", 281_000)];
    for (sequence, (name, value)) in (0..).zip(names) {
        let record = Record::Count(switchlab_records::Count { name: name.into(), value });
        let mut line = [0; switchlab_records::MAX_LINE];
        let length = switchlab_records::encode(sequence, &record, &mut line).unwrap();
        log += std::str::from_utf8(&line[..length]).unwrap();
    }
    let all = Counted::from_log(&log, Apic::Xapic).unwrap();
    assert_eq!(all, counted(Apic::Xapic, &[("ipi_handoff_batch", 281_000), ("switch_batch", 44_000)]));
    let with_ipis = Counted::from_log(&log, Apic::X2apic).unwrap();
    assert_eq!(with_ipis, counted(Apic::X2apic, &[("ipi_handoff_x2apic_batch", 281_000)]));
    assert_eq!(Counted::from_log("", Apic::Xapic), None);
}

/// The figures of the documentation are those that CI holds, one way, of the pair of compiler and core that
/// the file knows.
#[test]
fn documented_figures_are_those_of_the_file() {
    const PAGE: &str = include_str!("../../../kernel/docs/performance.md");
    let file = Expected::read(&Expected::path()).unwrap();
    let counts = file.counts.values().next().expect("the file knows a pair");
    let of_one_way = |name: &str| counts[&format!("{name}_batch")] as f64 / (2 * file.exchanges) as f64;
    let rows: Vec<_> = PAGE
        .lines()
        .filter_map(|line| {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            let ["", name, _, _, now, ""] = cells[..] else { return None };
            Some((name.strip_prefix('`')?.strip_suffix('`')?, now))
        })
        .collect();
    // Those of levels the experiment prints, in its own table.
    let is_row =
        |name: &&String| name.ends_with("_batch") && !name.contains("_null_") && !name.starts_with("level_");
    let batches = counts.keys().filter(is_row);
    assert_eq!(rows.len(), batches.count(), "each handoff that is counted has its row");
    for (name, now) in rows {
        assert_eq!(now, of_one_way(name).to_string(), "{name}");
    }
}

/// Instructions of one handoff at the most, set-up, spills and loop included: what was asked for. In x2APIC mode an
/// IPI and its acknowledgement are written by WRMSR, behind fences, each with three registers: see
/// kernel/docs/performance.md.
const LIMITS: [(&str, u64); 5] = [
    ("bare_switch_batch", 8),
    ("yield_batch", 20),
    ("channel_batch", 35),
    ("bare_ipi_batch", 18),
    ("ipi_handoff_batch", 50),
];

#[test]
fn nothing_is_blessed_beyond_what_was_asked_for() {
    let file = Expected::read(&Expected::path()).unwrap();
    assert!(!file.counts.is_empty());
    for (pair, counts) in &file.counts {
        for (name, limit) in LIMITS {
            let found = counts[name];
            assert!(
                found <= 2 * file.exchanges * limit,
                "{pair}: {name} is {found}, more than {limit} a handoff"
            );
        }
    }
}
