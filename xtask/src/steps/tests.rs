//! Facts about steps, from a golden trace: same-core 166 instructions an exchange, cross-core 280.

use switchlab_records::{Mark, Record, Unit};

use super::*;
use crate::golden;
use crate::trace::tests::read;

fn whole(mode: Mode, exchange: u64, ruler: Ruler) -> Whole {
    // A block's clock reads are some instructions more.
    Whole { mode, exchanges: 1_000, ticks: exchange * 1_000 + 45, ruler }
}

fn steps_in(unit: Unit, wholes: [u64; 2]) -> Steps {
    let traced = read(golden::traced(unit, 3)).unwrap();
    let [same, cross] = wholes;
    let ruler = traced.ruler;
    let wholes = [whole(Mode::SameCore, same, ruler), whole(Mode::CrossCore, cross, ruler)];
    Steps::new(&traced, &wholes).unwrap()
}

fn values(steps: &ModeSteps) -> Vec<(&str, u64, f64)> {
    steps.steps.iter().map(|cost| (cost.step.name(), cost.times, cost.cost)).collect()
}

#[test]
fn steps_are_their_place() {
    for (place, step) in Step::ALL.into_iter().enumerate() {
        assert_eq!(step as usize, place);
    }
}

#[test]
fn exchange_is_cut_into_its_steps_without_the_marks() {
    let steps = steps_in(Unit::Instructions, golden::TRACED);
    let same = [
        ("loop", 2, 12.0),
        ("message store", 2, 14.0),
        ("wake", 2, 18.0),
        ("run queue", 4, 32.0),
        ("block", 2, 36.0),
        ("switch set-up", 2, 16.0),
        ("switch", 2, 18.0),
        ("return", 2, 8.0),
        ("message take", 2, 12.0),
    ];
    assert_eq!(values(steps.mode(Mode::SameCore).unwrap()), same);
    let cross = [
        ("loop", 2, 12.0),
        ("message store", 2, 14.0),
        ("notice", 2, 40.0),
        ("ICR write", 2, 38.0),
        ("wake", 2, 16.0),
        ("run queue", 6, 44.0),
        ("block", 2, 40.0),
        ("halt, interrupt entry", 4, 6.0),
        ("interrupt handler", 2, 2.0),
        ("EOI", 2, 2.0),
        ("interrupt return", 2, 4.0),
        ("look", 2, 36.0),
        ("return", 2, 14.0),
        ("message take", 2, 12.0),
    ];
    assert_eq!(values(steps.mode(Mode::CrossCore).unwrap()), cross);
}

#[test]
fn steps_add_up_to_what_was_measured_to_the_instruction() {
    let steps = steps_in(Unit::Instructions, golden::TRACED);
    for (mode, whole) in steps.modes.iter().zip(golden::TRACED) {
        assert_eq!((mode.sum, mode.whole, mode.remainder), (whole as f64, whole as f64, 0.0));
        assert_eq!(mode.block_rest, Some(45));
        assert!(mode.all_equal && mode.is_exact());
        assert_eq!(mode.steps.iter().map(|cost| cost.cost).sum::<f64>(), mode.sum);
        let shares: f64 = mode.steps.iter().map(|cost| cost.share).sum();
        assert!((shares - 1.0).abs() < 0.001, "{shares}");
    }
    assert!(steps.text().contains("add up to what was measured, to the instruction"), "{}", steps.text());
}

#[test]
fn one_instruction_that_no_step_has_is_seen() {
    let steps = steps_in(Unit::Instructions, [166, 281]);
    let cross = steps.mode(Mode::CrossCore).unwrap();
    assert_eq!((cross.sum, cross.remainder), (280.0, 1.0));
    assert!(!cross.is_exact());
    assert!(steps.text().contains("NOT exact: cross-core leaves 1 over."), "{}", steps.text());
    // And one that a step has and the whole has not.
    let steps = steps_in(Unit::Instructions, [165, 280]);
    assert_eq!(steps.mode(Mode::SameCore).unwrap().remainder, -1.0);
    assert!(steps.text().contains("NOT exact: same-core leaves -1 over."), "{}", steps.text());
}

#[test]
fn exchange_that_differs_is_named() {
    let mut traced = read(golden::traced(Unit::Instructions, 3)).unwrap();
    let same = &mut traced.modes[0];
    let place = same.events.iter().rposition(|event| event.mark == Mark::MessageStored).unwrap();
    // In the last but one: the last is not looked at.
    for event in &mut same.events[place - 30..] {
        event.ticks += 5;
    }
    let wholes = [(Mode::SameCore, 166), (Mode::CrossCore, 280)];
    let wholes = wholes.map(|(mode, exchange)| whole(mode, exchange, traced.ruler));
    let steps = Steps::new(&traced, &wholes).unwrap();
    let same = steps.mode(Mode::SameCore).unwrap();
    // The medians do not show it.
    assert_eq!((same.sum, same.all_equal), (166.0, false));
    assert!(same.steps.iter().any(|cost| cost.max == cost.cost + 5.0 && cost.min == cost.cost));
    assert!(steps.text().contains("the exchanges of same-core are not all alike"), "{}", steps.text());
}

#[test]
fn waterfall_goes_from_the_one_whole_to_the_other() {
    // What the steps leave over of both: 6 too many of the one, 10 too few of the other.
    for (wholes, remainder) in [(golden::TRACED, 0.0), ([160, 290], 16.0)] {
        let steps = steps_in(Unit::Instructions, wholes);
        let waterfall = steps.waterfall.as_ref().unwrap();
        assert_eq!((waterfall.from, waterfall.to), (Mode::SameCore, Mode::CrossCore));
        let differences: f64 = waterfall.bars.iter().map(|bar| bar.difference).sum();
        // 166 to 280, whatever was measured.
        assert_eq!((differences, waterfall.remainder), (114.0, remainder));
        assert_eq!((waterfall.from_whole, waterfall.to_whole), (wholes[0] as f64, wholes[1] as f64));
        let bar = |step| waterfall.bars.iter().find(|bar| bar.step == step).unwrap().difference;
        assert_eq!((bar(Step::Switch), bar(Step::IcrWrite), bar(Step::MessageStore)), (-18.0, 38.0, 0.0));
    }
}

#[test]
fn time_leaves_a_remainder_and_says_that_it_is_less_sure() {
    let steps = steps_in(Unit::Time, [150, 300]);
    assert_eq!((steps.unit, steps.modes[0].mark), ("ns", 8.5));
    let [same, cross] = [&steps.modes[0], &steps.modes[1]];
    // 2 GHz: two ticks a nanosecond. The blocks' 45 ticks are part of the whole.
    assert_eq!((same.sum, same.whole, same.remainder), (83.0, 75.023, -7.977));
    assert_eq!((cross.sum, cross.whole, cross.remainder), (140.0, 150.023, 10.023));
    assert!(same.block_rest.is_none() && !same.is_exact());
    let text = steps.text();
    assert!(text.contains("less sure") && text.contains("-7.98ns"), "{text}");
}

#[test]
fn trace_of_what_was_not_measured_is_an_error() {
    let traced = read(golden::traced(Unit::Instructions, 3)).unwrap();
    let same = whole(Mode::SameCore, 166, traced.ruler);
    let error = Steps::new(&traced, &[same]).unwrap_err();
    assert_eq!(error, "cross-core was traced and not measured");
    let timed = Whole { ruler: Ruler::new(Unit::Time, 1).unwrap(), ..same };
    assert!(Steps::new(&traced, &[timed]).unwrap_err().contains("different units"));
}

#[test]
fn one_mode_alone_has_steps_and_no_waterfall() {
    let mut records = golden::traced(Unit::Instructions, 3);
    let cross = records.iter().rposition(|record| matches!(record, Record::Trace(_))).unwrap();
    records.drain(cross..records.len() - 1);
    let traced = read(records).unwrap();
    let steps = Steps::new(&traced, &[whole(Mode::SameCore, 166, traced.ruler)]).unwrap();
    assert!(steps.waterfall.is_none() && steps.modes.len() == 1);
    assert!(!steps.text().contains("Difference"), "{}", steps.text());
}

#[test]
fn table_is_as_it_was_looked_at() {
    insta::assert_snapshot!(steps_in(Unit::Instructions, golden::TRACED).text());
}

#[test]
fn json_says_steps_by_name() {
    let json = steps_in(Unit::Instructions, golden::TRACED).json().unwrap();
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    let cross = &value["modes"][1];
    assert_eq!((&cross["mode"], &cross["whole"]), (&"cross-core".into(), &280.0.into()));
    assert_eq!(cross["steps"][3]["name"], "ICR write");
    assert_eq!(cross["steps"][3]["cost"], 38.0);
    assert_eq!(value["waterfall"]["bars"][0]["name"], "loop");
}

#[test]
fn boots_are_told_by_the_one_in_the_middle_of_each_mode() {
    let of = |mode, ticks| Whole { ticks, ..whole(mode, 0, Ruler::Instructions) };
    let boots = [(5, 90), (9, 70), (7, 80), (8, 10)];
    let boots = boots.map(|(same, cross)| [of(Mode::SameCore, same), of(Mode::CrossCore, cross)]);
    let middle = Whole::middle(boots.iter().map(|boot| &boot[..]));
    assert_eq!(middle, [of(Mode::SameCore, 7), of(Mode::CrossCore, 70)]);
    assert_eq!(Whole::middle([]), []);
}

#[test]
fn one_way_between_two_counters_stands_with_its_bound() {
    let of = |records: Vec<Record<'static>>| {
        let traced = read(records).unwrap();
        let wholes = [(Mode::SameCore, 150), (Mode::CrossCore, 300)];
        let wholes = wholes.map(|(mode, exchange)| whole(mode, exchange, traced.ruler));
        Steps::new(&traced, &wholes).unwrap()
    };
    let row =
        |text: &str| text.lines().find(|line| line.starts_with(" halt, interrupt entry")).unwrap().to_owned();
    // A tick at 2 GHz, known to within 3,400.
    let steps = of(golden::traced(Unit::Time, 3));
    let text = steps.text();
    assert!(row(&text).ends_with("to the handler's first instruction; one way ±1.70µs"), "{text}");
    let note = "one way between CPUs 0 and 1 is off by 1.70µs at most: their counters are 0.50ns apart, known to within 1.70µs.";
    assert!(text.contains(note), "{text}");
    let json: serde_json::Value = serde_json::from_str(&steps.json().unwrap()).unwrap();
    assert_eq!(json["modes"][1]["one_way"]["apart"]["off_by_at_most_ns"], 1_700.5);
    assert!(json["modes"][0].get("one_way").is_none(), "one CPU has one counter");
    // Without an offset there is no bound, and it is said.
    let mut records = golden::traced(Unit::Time, 3);
    records.retain(|record| !matches!(record, Record::Offset(_)));
    let text = of(records).text();
    assert!(row(&text).ends_with("; one way: no bound"), "{text}");
    assert!(text.contains("has no bound: the offset between CPUs 0 and 1 was not measured."), "{text}");
    // Instructions are one count for all CPUs.
    let text = of(golden::traced(Unit::Instructions, 3));
    assert!(!text.text().contains("one way") && !text.json().unwrap().contains("one_way"));
}
