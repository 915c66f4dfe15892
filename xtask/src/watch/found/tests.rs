//! Facts about `found`.

use super::*;

fn watch(voids: Vec<Void>) -> Watch {
    Watch {
        process: Watched::Yes,
        monitor: Watched::Yes,
        blocks: 24,
        unwatched_blocks: 0,
        host_busy_percent: Some(3.4),
        outside: Outside::default(),
        events: Vec::new(),
        guest_time: None,
        voids,
        void_points: Vec::new(),
        point_times: Vec::new(),
    }
}

fn void(run: u32, mode: Mode, subject: Subject, pass: Pass) -> Void {
    Void { run, position: 1, mode, subject, pass, reasons: vec![VoidReason::Stopped { ms: 300 }] }
}

#[test]
fn run_goes_with_any_of_its_compared_blocks() {
    let voids = vec![
        void(4, Mode::CrossCore, Subject::Handoff, Pass::Batch),
        void(2, Mode::SameCore, Subject::Handoff, Pass::Batch),
        void(1, Mode::Switch, Subject::Handoff, Pass::Batch),
        void(3, Mode::SameCore, Subject::Null, Pass::Batch),
        void(5, Mode::SameCore, Subject::Handoff, Pass::Sampled),
    ];
    assert_eq!(watch(voids).void_runs(), [2, 4].into());
}

#[test]
fn voids_are_told_with_their_reasons() {
    let watch = watch(vec![void(2, Mode::CrossCore, Subject::Handoff, Pass::Batch)]);
    let lines = watch.conditions();
    let told = ("Watched", "24 blocks, 1 of them void: run 2 is out of the verdict".to_owned());
    assert!(lines.contains(&told), "{lines:?}");
    assert!(lines.contains(&("Void", "run 2: cross-core stopped for 300 ms".into())), "{lines:?}");
}

#[test]
fn many_voids_are_told_run_by_run_and_not_all() {
    let (handoff, null, batch) = (Subject::Handoff, Subject::Null, Pass::Batch);
    let of_run = |run| [void(run, Mode::Switch, null, batch), void(run, Mode::SameCore, handoff, batch)];
    let lines: Vec<_> = watch((1..=12).flat_map(of_run).collect()).void_lines().collect();
    assert_eq!(lines.len(), 11);
    assert_eq!(lines[0], "run 1: same-core stopped for 300 ms (and 1 other block)");
    assert_eq!(lines[10], "2 runs more, in manifest.json");
}

#[test]
fn stop_is_told_before_what_a_busy_host_did() {
    let starved = Void {
        reasons: vec![VoidReason::Starved { ms: 20, of_ms: 40 }],
        ..void(1, Mode::SameCore, Subject::Handoff, Pass::Batch)
    };
    let stopped = void(1, Mode::Switch, Subject::Null, Pass::Batch);
    let lines: Vec<_> = watch(vec![starved, stopped]).void_lines().collect();
    assert_eq!(lines, ["run 1: switch, null stopped for 300 ms (and 1 other block)"]);
}

#[test]
fn busy_host_is_marked() {
    let load = |percent| {
        let lines = Watch { host_busy_percent: Some(percent), ..watch(Vec::new()) }.conditions();
        lines.into_iter().find(|(label, _)| *label == "Host load").unwrap().1
    };
    assert_eq!(load(3.4), "3 % of its CPU time went to others");
    assert_eq!(load(34.0), "busy: 34 % of its CPU time went to others");
}

#[test]
fn what_was_not_watched_is_never_silently_fine() {
    let unknown = Watch { process: Watched::Not("no /proc".into()), ..watch(Vec::new()) };
    assert!(unknown.conditions().contains(&("Watched", "not: no /proc".into())));
    let deaf = Watch { monitor: Watched::Not("no socket".into()), unwatched_blocks: 3, ..watch(Vec::new()) };
    let text = deaf.conditions().pop().unwrap().1;
    assert!(text.contains("of 3 the host's counters are not known; pauses not: no socket"), "{text}");
}

fn watched(lines: Vec<(&str, String)>) -> String {
    lines.into_iter().find(|(label, _)| *label == "Watched").expect("it is told in each case").1
}

/// It was stopped and paused outside of timed blocks.
fn struck() -> Watch {
    Watch { outside: Outside { stopped_ms: 600, paused_ms: 20 }, ..watch(Vec::new()) }
}

#[test]
fn stop_outside_of_blocks_is_told() {
    let text = watched(struck().conditions());
    assert!(
        text.ends_with("starved; stopped for 600 ms and paused for 20 ms outside of timed blocks"),
        "{text}"
    );
    assert!(!watched(watch(Vec::new()).conditions()).contains("outside"));
    assert!(!serde_json::to_string(&watch(Vec::new())).unwrap().contains("outside"));
}

#[test]
fn stops_outside_of_blocks_are_told_of_all_boots() {
    let (quiet, struck) = (watch(Vec::new()), struck());
    let void = watch(vec![void(2, Mode::SameCore, Subject::Handoff, Pass::Batch)]);
    let blind = Watch { monitor: Watched::Not("no socket".into()), ..watch(Vec::new()) };
    let twice = "stopped for 1200 ms and paused for 40 ms outside of timed blocks, in 2 of 3 boots";
    for (boots, end) in [
        (
            [&quiet, &struck, &quiet],
            "starved; stopped for 600 ms and paused for 20 ms outside of timed blocks, in boot 2",
        ),
        ([&quiet, &struck, &struck], &*format!("starved; {twice}")),
        // Whatever else is told.
        ([&void, &struck, &struck], &format!("1 of them void; {twice}")),
        (
            [&blind, &quiet, &struck],
            "no socket; stopped for 600 ms and paused for 20 ms outside of timed blocks, in boot 3",
        ),
        ([&quiet, &quiet, &quiet], "starved"),
    ] {
        let boots: Vec<_> = (1..).zip(boots).collect();
        let text = watched(conditions_of_all(&boots));
        assert!(text.ends_with(end), "{text}");
    }
}

#[test]
fn boots_are_told_together() {
    let quiet = watch(Vec::new());
    let void = Void {
        reasons: vec![VoidReason::Stopped { ms: 300 }],
        ..void(2, Mode::SameCore, Subject::Handoff, Pass::Batch)
    };
    let busy = Watch { host_busy_percent: Some(34.0), ..watch(vec![void]) };
    let lines = conditions_of_all(&[(1, &quiet), (2, &busy)]);
    assert_eq!(
        lines,
        [
            ("Host load", "3 to 34 % of its CPU time went to others; busy in 1 of 2 boots".to_owned()),
            ("Watched", "48 blocks, 1 of them void".to_owned()),
            ("Void", "boot 2, run 2: same-core stopped for 300 ms".to_owned()),
        ]
    );
    let blind = Watch { process: Watched::Not("no /proc".into()), ..watch(Vec::new()) };
    let lines = conditions_of_all(&[(1, &blind), (2, &quiet)]);
    assert!(lines.contains(&("Watched", "boot 1: not: no /proc".into())), "{lines:?}");
}

#[test]
fn busy_percent_is_what_went_to_others() {
    let ms = Duration::from_millis;
    let cpu =
        CpuTime { ran: ms(500), available: ms(2_000), busy: ms(900), stolen: ms(100), ..CpuTime::default() };
    assert_eq!(busy_percent(&cpu), Some(25.0));
    assert_eq!(busy_percent(&CpuTime::default()), None);
    assert_eq!(busy_percent(&CpuTime { available: ms(999), busy: ms(900), ..CpuTime::default() }), None);
}

#[test]
fn voids_survive_the_manifest() {
    let watch = watch(vec![void(2, Mode::CrossCore, Subject::Handoff, Pass::Batch)]);
    let text = serde_json::to_string(&watch).unwrap();
    assert!(text.contains(r#""reasons":[{"reason":"stopped","ms":300}]"#), "{text}");
    assert_eq!(serde_json::from_str::<Watch>(&text).unwrap(), watch);
}
