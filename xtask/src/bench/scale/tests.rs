//! Facts about rings: medians over starts, the cost of the lines, knees.

use super::*;

/// Costs in a cache of so many tasks: dearer beyond it, at once or over some sizes.
fn answer(cost: impl Fn(u64) -> f64) -> Scaled {
    let times = |part: f64, tasks| vec![cost(tasks) * part; 3];
    let point = |tasks| Point {
        tasks,
        switch_ns: times(1.0, tasks),
        line_ns: times(0.25, tasks),
        shuffled_line_ns: times(0.5, tasks),
    };
    Scaled {
        touched: Some(Touched { instructions: 28, task_lines: 1, stack_lines: 1, other_lines: 0 }),
        reason: None,
        points: (1..=10).map(|power| point(1 << power)).collect(),
    }
}

fn host() -> Host {
    Host { cpu: "a CPU".into(), cpus: 2, system: "Linux".into(), rustc: "rustc".into() }
}

/// Holds 12 tasks, and 512.
const CACHES: [Cache; 2] =
    [Cache { level: 1, bytes: 48 << 10, ways: 12 }, Cache { level: 2, bytes: 2 << 20, ways: 16 }];

fn rings(answers: &[Scaled]) -> Rings {
    Rings::new(answers, CACHES.into(), host()).unwrap()
}

#[test]
fn knee_of_a_cache_is_where_half_of_the_way_beyond_it_is_done() {
    let rings = rings(&[answer(|tasks| match tasks {
        ..=8 => 4.0,
        16 => 4.5,
        32..=512 => 6.0,
        _ => 12.0,
    })]);
    let found: Vec<_> = rings.knees.iter().map(|knee| (knee.fits, knee.knee)).collect();
    assert_eq!(found, [(12, Some(32)), (512, Some(1_024))]);
    let text = show::text(&rings);
    assert!(text.contains("L1, 48 KiB: at 32 tasks, where the lines of 12 fit: 4.00 ns within"), "{text}");
}

#[test]
fn one_ring_that_lies_badly_is_no_knee() {
    let rings = rings(&[answer(|tasks| match tasks {
        ..=8 => 4.0,
        32 => 9.0,
        _ if tasks <= 64 => 4.5,
        _ => 8.0,
    })]);
    assert_eq!(rings.knees[0].knee, Some(128));
}

#[test]
fn switch_that_does_not_get_dearer_has_no_knee() {
    let rings = rings(&[answer(|tasks| 4.0 + tasks as f64 / 10_000.0)]);
    assert!(rings.knees.iter().all(|knee| knee.knee.is_none()), "{:?}", rings.knees);
    assert!(show::text(&rings).contains("none shows"));
}

#[test]
fn growth_is_held_against_the_lines_that_a_switch_touches() {
    let rings = rings(&[answer(|tasks| if tasks == 64 { 8.0 } else { 4.0 })]);
    // Two lines of a quarter each, or of a half where they are shuffled.
    let size = |tasks| rings.sizes.iter().find(|size| size.tasks == tasks).unwrap();
    let of = |lines: &Option<Lines>| lines.as_ref().map(|lines| (lines.all_ns, lines.growth)).unwrap();
    let found = [2, 64, 128].map(|tasks| [of(&size(tasks).in_order), of(&size(tasks).shuffled)]);
    assert_eq!(
        found,
        [
            [(2.0, None), (4.0, None)],
            [(4.0, Some(1.0)), (8.0, Some(0.5))],
            [(2.0, Some(0.0)), (4.0, Some(0.0))]
        ]
    );
    let text = show::text(&rings);
    assert!(text.contains("by at most 1.00 times (with 64 tasks) what its 2 lines alone take"), "{text}");
    assert!(text.contains("and by at most 0.50 times (with 64 tasks) what they take where"), "{text}");
}

#[test]
fn medians_are_of_the_starts_and_an_interval_takes_five() {
    let answers: Vec<_> = [3.0, 5.0, 4.0, 9.0, 4.0].map(|cost| answer(move |_| cost)).into();
    let size = |answers: &[Scaled]| rings(answers).sizes[0].switch.clone();
    assert_eq!(size(&answers).median_ns, 4.0);
    assert!(size(&answers).interval_ns.is_some() && size(&answers[..4]).interval_ns.is_none());
}

#[test]
fn starts_that_counted_other_lines_are_no_result() {
    let mut other = answer(|_| 4.0);
    other.touched = None;
    let error = Rings::new(&[answer(|_| 4.0), other.clone()], CACHES.into(), host()).unwrap_err();
    assert!(error.to_string().contains("the lines that a switch touches"), "{error}");
    // Where none could count, there are costs all the same.
    other.reason = Some("no instruction trapped".into());
    let rings = rings(&[other]);
    assert!(rings.knees.is_empty() && rings.sizes[0].in_order.is_none());
    assert!(show::text(&rings).contains("not counted: no instruction trapped"));
}
