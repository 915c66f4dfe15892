//! Facts about `params`.

use super::*;
use crate::format::Grouped;
use proptest::prelude::*;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

const KNOWN: &[&str] = &["classic", "null"];

const DEFAULTS: Params = Params {
    experiment: "classic",
    runs: 5,
    exchanges: 1_000_000,
    warm_up: 10_000,
    samples: 100_000,
    pair: None,
    seed: 0,
    unit: Unit::Time,
    offsets: Offsets::Bsp,
    trace: 0,
    ways: None,
    budget_ms: None,
    tasks: None,
    policies: None,
};

fn message(text: &str) -> String {
    Params::parse(text, KNOWN).unwrap_err().to_string()
}

#[test]
fn empty_command_line_means_the_defaults() {
    for text in ["", "   ", "\t\n"] {
        assert_eq!(Params::parse(text, KNOWN), Ok(DEFAULTS));
    }
    let shown = "experiment=classic runs=5 exchanges=1000000 warmup=10000 samples=100000 pair=0,1 seed=0 \
                 unit=time offsets=bsp trace=0";
    assert_eq!(DEFAULTS.to_string(), shown);
    assert_eq!(DEFAULTS.cpu_pair(), (CpuId::new(0), CpuId::new(1)));
}

#[test]
fn all_keys_are_taken_in_any_order() {
    let text = " seed=18446744073709551615  pair=2,1 warmup=0 exchanges=777777 samples=0 runs=2\t\
                experiment=null unit=instructions trace=5000 offsets=all \
                tasks=65536 ways=spin,halt policy=stealing,lifo budget=60000 ";
    let params = Params::parse(text, KNOWN).unwrap();
    assert_eq!(
        params,
        Params {
            experiment: "null",
            runs: 2,
            exchanges: 777_777,
            warm_up: 0,
            samples: 0,
            pair: Some((2, 1)),
            seed: u64::MAX,
            offsets: Offsets::All,
            unit: Unit::Instructions,
            trace: 5_000,
            ways: Ways::parse("halt,spin"),
            budget_ms: Some(60_000),
            tasks: Some(65_536),
            policies: Policies::parse("lifo,stealing"),
        }
    );
    assert_eq!(params.cpu_pair(), (CpuId::new(2), CpuId::new(1)));
}

#[test]
fn kernel_without_experiments_has_none() {
    assert_eq!(Params::parse("", &[]).unwrap().experiment, "none");
    let error = Params::parse("experiment=classic", &[]).unwrap_err();
    assert_eq!(error.to_string(), "unknown experiment `classic`: allowed are (none)");
}

#[test]
fn word_that_is_not_key_and_value_is_malformed() {
    for word in ["quiet", "=5", "="] {
        assert_eq!(Params::parse(word, KNOWN), Err(ParamError::Malformed { word }));
    }
    assert_eq!(
        message("quiet"),
        "malformed kernel parameter `quiet`: key=value expected, with one of the keys \
         experiment, runs, exchanges, warmup, samples, pair, seed, unit, offsets, trace, ways, budget, tasks, \
         policy"
    );
}

#[test]
fn unknown_key_is_named_with_those_that_are_known() {
    assert_eq!(Params::parse("runs=1 Runs=2", KNOWN), Err(ParamError::UnknownKey { key: "Runs" }));
    assert_eq!(
        message("speed=1"),
        "unknown kernel parameter `speed`: allowed are experiment, runs, exchanges, warmup, \
         samples, pair, seed, unit, offsets, trace, ways, budget, tasks, policy"
    );
}

#[test]
fn key_given_twice_is_an_error() {
    assert_eq!(message("runs=5 seed=1 runs=5"), "kernel parameter `runs` is given twice: once is allowed");
}

#[test]
fn unknown_experiment_is_named_with_those_that_are_known() {
    assert_eq!(message("experiment=fast"), "unknown experiment `fast`: allowed are classic, null");
    assert_eq!(message("experiment="), "unknown experiment ``: allowed are classic, null");
}

#[test]
fn numbers_outside_their_range_are_errors() {
    for (key, values) in [
        ("runs", ["0", "1001", "4294967297"]),
        ("exchanges", ["0", "1000000001", "18446744073709551616"]),
        ("warmup", ["1000000001", "-1", "99999999999999999999999"]),
        ("samples", ["1000000001", "-1", "1e5"]),
        ("seed", ["18446744073709551616", "-1", "x"]),
    ] {
        for value in values {
            let text = format!("{key}={value}");
            let error = Params::parse(&text, KNOWN).unwrap_err();
            assert!(
                matches!(error, ParamError::Value { key: k, value: v, .. } if k == key && v == value),
                "{text}: {error}"
            );
        }
    }
    assert_eq!(
        message("exchanges=0"),
        "bad value `0` of kernel parameter `exchanges`: allowed is a number from 1 to 1000000000"
    );
}

#[test]
fn unit_is_one_of_two() {
    assert_eq!(
        message("unit=ns"),
        "bad value `ns` of kernel parameter `unit`: allowed is time, instructions"
    );
}

#[test]
fn offsets_are_one_of_three_words() {
    for offsets in Offsets::VALUES {
        let text = format!("offsets={}", offsets.name());
        assert_eq!(Params::parse(&text, KNOWN).unwrap().offsets, offsets);
    }
    for value in ["", "All", "bsp,all", "0"] {
        let text = format!("offsets={value}");
        assert!(
            matches!(Params::parse(&text, KNOWN), Err(ParamError::Value { key: "offsets", .. })),
            "{text}"
        );
    }
    assert_eq!(
        message("offsets=some"),
        "bad value `some` of kernel parameter `offsets`: allowed is all, bsp, none"
    );
}

#[test]
fn sampled_pass_has_no_more_exchanges_than_the_batch_pass() {
    assert_eq!(Params { exchanges: 1_000, ..DEFAULTS }.sampled_exchanges(), 1_000);
    assert_eq!(DEFAULTS.sampled_exchanges(), 100_000);
}

#[test]
fn limits_themselves_are_allowed() {
    let text = "runs=1000 exchanges=1000000000 warmup=1000000000";
    assert!(Params::parse(text, KNOWN).is_ok());
    assert!(Params::parse("runs=1 exchanges=1 warmup=0", KNOWN).is_ok());
}

#[test]
fn what_is_beyond_a_limit_is_refused_with_what_is_allowed() {
    let tasks = message("tasks=65537");
    let (allowed, why) = tasks.split_once("; ").expect("what is allowed, and why");
    assert_eq!(allowed, "bad value `65537` of kernel parameter `tasks`: allowed is a number from 2 to 65536");
    assert_eq!(why, WHY_TASKS);
    assert!(why.contains(&std::format!("of {} MiB at most", MOST_HEAP_BYTES >> 20)), "{why}");
    assert!(why.contains(&std::format!("{} tasks", Grouped(*TASKS.end()))), "{why}");
    assert_eq!(
        message("budget=0"),
        "bad value `0` of kernel parameter `budget`: allowed is a number from 1 to 60000"
    );
    assert_eq!(
        message("policy=fair"),
        "bad value `fair` of kernel parameter `policy`: allowed is one or more, with commas between them, of \
         round-robin, lifo, stealing"
    );
    assert_eq!(
        message("ways=sleep"),
        "bad value `sleep` of kernel parameter `ways`: allowed is one or more, with commas between them, of \
         halt, spin, spin-pause, spin-halt, mwait"
    );
}

#[test]
fn number_is_digits_and_nothing_else() {
    for value in ["", "+5", "1_000", "5.0", "0x5", "5e3", "٥", "5=5"] {
        let text = format!("runs={value}");
        assert!(matches!(Params::parse(&text, KNOWN), Err(ParamError::Value { key: "runs", .. })), "{text}");
    }
}

#[test]
fn pair_is_two_numbers() {
    for value in ["", "0", "0,", ",1", "0,1,2", "a,b", "0;1", "-1,0", "0,4294967296"] {
        let text = format!("pair={value}");
        assert!(matches!(Params::parse(&text, KNOWN), Err(ParamError::Value { key: "pair", .. })), "{text}");
    }
    assert_eq!(message("pair=0"), "bad value `0` of kernel parameter `pair`: allowed is two CPU numbers A,B");
}

#[test]
fn pair_needs_two_different_cpus_that_exist() {
    let with = |pair| Params { pair, ..DEFAULTS };
    assert_eq!(with(Some((0, 0))).validate(12), Err(ParamError::SameCpu { cpu: 0 }));
    assert_eq!(with(Some((0, 12))).validate(12), Err(ParamError::AbsentCpu { cpu: 12, last: 12, cpus: 12 }));
    assert_eq!(with(Some((12, 0))).validate(12), Err(ParamError::AbsentCpu { cpu: 12, last: 12, cpus: 12 }));
    assert_eq!(with(Some((11, 0))).validate(12), Ok(()));
    let message = |pair, cpus| with(Some(pair)).validate(cpus).unwrap_err().to_string();
    assert_eq!(
        message((3, 4), 4),
        "kernel parameter `pair`: CPU 4 is absent, allowed are 0 to 3; this pair needs --smp 5 or more"
    );
    assert_eq!(
        message((0, 1), 1),
        "kernel parameter `pair`: CPU 1 is absent, this machine has CPU 0 only and no pair is allowed; this pair needs --smp 2 or more"
    );
    // The larger of two that are absent says what is needed.
    assert!(
        message((12, 20), 12)
            .ends_with("CPU 12 is absent, allowed are 0 to 11; this pair needs --smp 21 or more")
    );
    assert!(message((0, 63), 12).ends_with("this pair needs --smp 64 or more"));
    let beyond = message((0, 64), 12);
    assert!(beyond.ends_with("allowed are 0 to 11; no machine has CPU 64: --smp goes up to 64"), "{beyond}");
    assert!(message((u32::MAX, 0), 64).ends_with("no machine has CPU 4294967295: --smp goes up to 64"));
    assert_eq!(message((2, 2), 4), "kernel parameter `pair`: 2,2 is one CPU, allowed are two different ones");
}

#[test]
fn pair_that_was_not_named_fits_every_machine() {
    assert_eq!(DEFAULTS.validate(1), Ok(()));
    assert_eq!(DEFAULTS.validate(64), Ok(()));
}

/// Words that are nearly right, so that parsing gets beyond the first of them.
fn any_word() -> impl Strategy<Value = String> {
    let keys = prop::sample::select(KEYS.to_vec());
    prop_oneof![(keys, "[0-9,a-z]{0,6}").prop_map(|(key, value)| format!("{key}={value}")), "\\PC{0,8}"]
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,80}", cpus: u32) {
        match Params::parse(&text, KNOWN) {
            Ok(params) => { let _ = params.validate(cpus).map_err(|e| e.to_string()); }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn nearly_right_words_never_panic(words in prop::collection::vec(any_word(), 0..8)) {
        let text: Vec<&str> = words.iter().map(String::as_str).collect();
        if let Ok(params) = Params::parse(&text.join(" "), KNOWN) {
            prop_assert!(RUNS.contains(&u64::from(params.runs)));
            prop_assert!(EXCHANGES.contains(&params.exchanges));
            prop_assert!(WARM_UP.contains(&params.warm_up));
        }
    }

    #[test]
    fn what_is_shown_parses_to_the_same(
        experiment in prop::sample::select(KNOWN.to_vec()),
        runs in 1u32..=1000,
        exchanges in EXCHANGES,
        warm_up in WARM_UP,
        samples in SAMPLES,
        pair: (u32, u32),
        seed: u64,
        unit in prop::sample::select(UNITS.to_vec()),
        offsets in prop::sample::select(Offsets::VALUES.to_vec()),
        trace in TRACE,
        ways in prop::option::of(prop::sample::select(Vec::from([Ways::ALL, Ways::parse("spin-pause").unwrap()]))),
        budget_ms in prop::option::of(BUDGET),
        tasks in prop::option::of(2u32..=65_536),
        policies in prop::option::of(prop::sample::select(Vec::from([Policies::ALL, Policies::parse("lifo").unwrap()]))),
    ) {
        let pair = Some(pair);
        let params = Params {
            experiment, runs, exchanges, warm_up, samples, pair, seed, unit, offsets, trace, ways, budget_ms, tasks,
            policies,
        };
        let shown = params.to_string();
        prop_assert_eq!(Params::parse(&shown, KNOWN), Ok(params));
    }
}

/// The decision that lists the keys for a person.
const DECISION: &str = include_str!("../../../docs/decisions/0009-parameters.md");

#[test]
fn decision_lists_each_key_with_what_is_allowed_and_its_default() {
    let rows = DECISION.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    let rows: Vec<(&str, &str)> = rows.filter_map(|row| row.split_once("` | ")).collect();
    let keys: Vec<_> = rows.iter().map(|(key, _)| *key).collect();
    assert_eq!(keys, KEYS);
    let shown = DEFAULTS.to_string();
    // What is not shown has no default of its own: the experiment has one.
    let defaults = shown.split(' ').map(Some).chain(std::iter::repeat(None));
    for ((key, row), default) in rows.into_iter().zip(defaults) {
        let (value, listed) = row.rsplit_once(" | ").unwrap();
        let wrong = format!("{key}=?");
        match Params::parse(&wrong, KNOWN).unwrap_err() {
            ParamError::Value { allowed: Allowed::Number { from, to }, .. } => {
                let range = format!("{} to {}", Grouped(from), Grouped(to));
                // Not a part of a longer number.
                let padded = format!(" {value},");
                assert!(padded.contains(&format!(" {range},")), "{key}: {range}: {value}");
            }
            ParamError::Value { allowed: Allowed::Words(words) | Allowed::ListOf(words), .. } => {
                assert!(
                    words.iter().all(|word| value.contains(&format!("`{word}`"))),
                    "{key}: {words:?}: {value}"
                );
            }
            ParamError::Value { allowed: Allowed::CpuPair, .. } => {
                assert!(value.contains("`A,B`"), "{value}")
            }
            error => assert_eq!(error, ParamError::UnknownExperiment { name: "?", known: KNOWN }),
        }
        // The last word, without what is there for the eye.
        let bare = |text: &str| text.replace(['`', ','], "");
        let listed = bare(listed.rsplit(' ').next().unwrap());
        match default {
            Some(default) => assert_eq!(format!("{key}={listed}"), bare(default)),
            None => assert_eq!(listed, "experiment's", "{key}"),
        }
    }
}
