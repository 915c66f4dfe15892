//! Facts about surveys: figures, refusals, tables.

use super::show::Report;
use super::*;
use crate::golden::{self, points as golden_points};
use crate::watch::{HostTime, PointTime, VoidPoint, VoidReason, Watched};
use switchlab_records::{Counts, read_log};

fn survey_of(text: &str) -> Survey<'_> {
    Survey::from_log(&read_log(text)).unwrap()
}

fn watch(void_points: Vec<VoidPoint>) -> Watch {
    Watch {
        process: Watched::Yes,
        monitor: Watched::Yes,
        blocks: 9,
        unwatched_blocks: 0,
        host_busy_percent: None,
        outside: crate::watch::Outside::default(),
        events: Vec::new(),
        guest_time: None,
        voids: Vec::new(),
        void_points,
        point_times: Vec::new(),
    }
}

fn text_of(records: Vec<Record<'_>>) -> String {
    let text = golden::ended(records);
    Report::new(&survey_of(&text), None).text()
}

#[test]
fn work_grows_with_the_points_and_not_with_their_square() {
    let looks_at_a_cell = |cpus: u32| {
        let text = golden::ended(golden_points::matrix(cpus, 1));
        let cells = survey_of(&text).cells.len() as u64;
        cells::looks::of(|| {
            let survey = survey_of(&text);
            let report = Report::new(&survey, None);
            assert!(!report.text().is_empty() && !report.markdown().is_empty());
            assert!(survey.json().is_ok() && survey.csv().is_ok());
        }) / cells
    };
    // 16 times the points: a search of all cells for each would look 16 times as often at each.
    let (few, many) = (looks_at_a_cell(16), looks_at_a_cell(64));
    assert!(few > 0 && many <= 2 * few, "a cell is looked at {few} times, of 16 times as many {many} times");
}

#[test]
fn costs_are_one_way_by_the_last_clock_and_medians_of_the_runs() {
    let text = golden::ended(golden_points::wait(5));
    let survey = survey_of(&text);
    assert_eq!((survey.unit, survey.tsc_hz), ("ns", Some(golden::TSC_HZ)));
    // 6,000 to 6,004 ticks at 2 GHz.
    let halt = &survey.cells[0];
    assert_eq!((halt.name(), halt.runs), ("halt from 0 to 1".into(), 5));
    assert_eq!((halt.least, halt.one_way, halt.most), (3_000.0, 3_001.0, 3_002.0));
    assert_eq!((halt.handoffs, halt.also("bystander-loops")), (10_000, Some(900_000)));
    assert!(halt.interval.is_some_and(|interval| interval.includes(halt.one_way)));
    let four = golden::ended(golden_points::wait(4));
    assert_eq!(survey_of(&four).cells[0].interval, None, "four runs have no interval");
}

#[test]
fn place_has_the_sums_of_its_runs_and_the_median_of_what_else_was_counted() {
    let mut records = golden_points::wait(3);
    for point in points_of(&mut records).filter(|point| point.series == "halt") {
        point.also[0].1 = [10, 30, 20][point.run as usize - 1];
        // Each count is another number.
        (point.counts.switches, point.counts.ipis_sent, point.counts.ipis_taken) = (1, 20, 300);
        point.expected = point.counts;
    }
    let text = golden::ended(records);
    let survey = survey_of(&text);
    let halt = &survey.cells[0];
    assert_eq!((halt.also("bystander-loops"), halt.ticks), (Some(20), 3 * 2_000 * 6_001));
    let Counts { handoffs, switches, ipis_sent, ipis_taken, halts } = halt.counts;
    assert_eq!((handoffs, switches, ipis_sent, ipis_taken, halts), (6_000, 3, 60, 900, 6_000));
    let csv = survey.csv().unwrap();
    assert!(csv.lines().nth(1).unwrap().contains(",ns,1,20,300,2000,,"), "{csv}");
}

#[test]
fn places_have_one_order_whatever_order_they_were_measured_in() {
    let names = |records| {
        let text = golden::ended(records);
        survey_of(&text).cells.iter().map(Cell::name).collect::<Vec<_>>()
    };
    for records in [golden_points::wait(2), golden_points::ring(2)] {
        let mut turned = records.clone();
        for point in points_of(&mut turned) {
            point.position = 100 - point.position;
        }
        let last = points_of(&mut turned).map(|point| point.position).min().unwrap() - 1;
        points_of(&mut turned).for_each(|point| point.position -= last);
        let first = turned.iter().position(is_point).unwrap();
        let behind = turned.iter().rposition(is_point).unwrap() + 1;
        turned[first..behind].reverse();
        assert_eq!(names(turned), names(records));
    }
}

#[test]
fn crossings_are_told_of_the_fewest_pairs_in_all_runs() {
    let mut records = golden_points::ring(2);
    for point in points_of(&mut records) {
        let crossings = if point.at[0].1 == 2 { [3, 5][point.run as usize - 1] } else { 1_000 };
        point.also.push(("crossings".into(), crossings));
    }
    let text = golden::ended(records);
    let told = crossings::of(&survey_of(&text));
    assert_eq!(told, ["token cpus 2: 8 of 4,000 handoffs went to another CPU, 0.20 %"]);
}

#[test]
fn growth_is_told_of_each_series_with_a_coordinate() {
    let text = golden::ended(golden_points::scale(1));
    let survey = survey_of(&text);
    let grown: Vec<_> = survey.growth.iter().map(|growth| (&*growth.series, growth.last_to_first)).collect();
    assert_eq!(grown, [("switch-touch-0k", 1.0), ("switch-touch-16k", 1.4)]);
    assert_eq!(survey.growth[0].exponent, 0.0);
}

#[test]
fn tables_are_as_they_were_looked_at() {
    insta::assert_snapshot!("wait", text_of(golden_points::wait(5)));
    insta::assert_snapshot!("wait_beside", text_of(golden_points::wait_beside(5)));
    insta::assert_snapshot!("matrix", text_of(golden_points::matrix(12, 1)));
    insta::assert_snapshot!("scale", text_of(golden_points::scale(1)));
    insta::assert_snapshot!("ring", text_of(golden_points::ring(5)));
    insta::assert_snapshot!("hierarchy", text_of(golden_points::hierarchy(5, Unit::Time)));
    insta::assert_snapshot!("hierarchy_counted", text_of(golden_points::hierarchy(1, Unit::Instructions)));
}

#[test]
fn cpu_time_of_qemu_is_told_for_a_handoff_where_it_is_known_and_else_why_not() {
    let text = golden::ended(golden_points::wait_beside(1));
    // One CPU at work in the first point, two in the third; of the others nothing is known.
    let time = |position, cpu_us| PointTime { run: 1, position, time: HostTime { wall_us: 100_000, cpu_us } };
    let watch = Watch { point_times: vec![time(1, 100_000), time(3, 200_000)], ..watch(Vec::new()) };
    let survey = survey_of(&text).watched(Some(&watch));
    let shown = Report::new(&survey, None).text();
    let row = |way: &str| {
        let line = shown.lines().find(|line| line.trim_start().starts_with(way)).unwrap();
        line.split_whitespace().skip(3).take(2).collect::<Vec<_>>()
    };
    assert_eq!(row("halt"), ["3.00µs", "1.00"], "{shown}");
    assert_eq!(row("spin-pause"), ["3.00µs", "2.00"], "1.5 µs on two CPUs: {shown}");
    assert_eq!(row("spin-halt"), ["-", "-"], "{shown}");
    assert!(shown.contains("not told of 6 of 8 points"), "{shown}");
    assert!(survey.csv().unwrap().lines().nth(1).unwrap().contains(",100000,100000,"));
    let unknown = Report::new(&survey_of(&text), None).text();
    assert!(unknown.contains("Host CPU:    not told:") && !unknown.contains("Host CPUs"), "{unknown}");
}

/// What waits leave to others in three runs of each, where `change` alters a count of one of `runs`.
fn left_where(runs: &[u32], change: impl Fn(&str, &mut u64)) -> Vec<f64> {
    let mut records = golden_points::wait_beside(3);
    for record in &mut records {
        if let Record::Point(point) = record
            && runs.contains(&point.run)
        {
            point.also.iter_mut().for_each(|(name, number)| change(name, number));
        }
    }
    let text = golden::ended(records);
    survey_of(&text).cells.iter().filter_map(|cell| cell.left).collect()
}

#[test]
fn work_of_others_is_held_against_what_they_did_alone_in_the_same_run() {
    let is_due = |left: &[f64]| {
        let is_about = |share: f64, due: f64| (share - due).abs() < 0.01;
        left.len() == 4 && is_about(left[0], 0.9) && left[1..].iter().all(|share| is_about(*share, 0.5))
    };
    let undisturbed = left_where(&[], |_, _| ());
    assert!(is_due(&undisturbed), "{undisturbed:?}");
    // The host gives the machine half as much in two of the runs, from begin to end.
    let slower = left_where(&[1, 2], |name, number| {
        if name.starts_with("bystander-loops") {
            *number /= 2;
        }
    });
    assert!(is_due(&slower), "{slower:?}");
    // The host was busy in one run while the pair halted.
    let busy = left_where(&[2], |name, number| {
        if name == "bystander-loops-alone" {
            *number /= 2;
        }
    });
    assert!(is_due(&busy), "{busy:?}");
}

#[test]
fn markdown_has_the_same_tables() {
    let text = golden::ended(golden_points::wait(5));
    insta::assert_snapshot!("wait_markdown", Report::new(&survey_of(&text), None).markdown());
}

#[test]
fn matrix_of_twelve_fits_a_terminal_and_one_of_many_is_summed_up() {
    let twelve = text_of(golden_points::matrix(12, 1));
    let tables = twelve.split("In short:").next().unwrap();
    assert!(tables.lines().all(|line| line.chars().count() <= 100), "{tables}");
    let many = text_of(golden_points::matrix(20, 1));
    assert!(many.contains("All pairs") && !many.contains("from (row) to (column)"), "{many}");
}

#[test]
fn csv_has_a_row_for_each_point_and_a_column_for_each_name() {
    let text = golden::ended(golden_points::wait(2));
    let csv = survey_of(&text).csv().unwrap();
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(
        lines[0],
        "run,position,series,from,to,handoffs,ticks,total,one_way,unit,switches,ipis_sent,ipis_taken,halts,host_wall_us,host_cpu_us,void,bystander-loops,break-even-ticks,absent"
    );
    assert_eq!(lines[1], "1,1,halt,0,1,2000,12000000,6000000,3000,ns,0,2000,2000,2000,,,,900000,4000,");
    assert_eq!(lines.len(), 1 + 2 * 3 + 1);
    assert!(lines[7].starts_with(",,mwait,,,,") && lines[7].contains("this CPU has no MONITOR"));
    let text = golden::ended(golden_points::scale(1));
    let csv = survey_of(&text).csv().unwrap();
    assert!(csv.starts_with("run,position,series,tasks,pairs,handoffs,"), "{csv}");
    // No name stands over two columns.
    let mut records = golden_points::wait(1);
    points_of(&mut records).for_each(|point| point.also[0].0 = "ticks".into());
    let text = golden::ended(records);
    assert!(survey_of(&text).csv().unwrap().contains(",void,also-ticks,break-even-ticks,absent"));
    let mut records = golden_points::scale(1);
    last_of_run(&mut records, 1).also[0].0 = "tasks".into();
    let text = golden::ended(records);
    assert!(survey_of(&text).csv().unwrap().contains(",also-tasks,"), "a coordinate of another series");
}

#[test]
fn json_holds_points_cells_and_growth() {
    let text = golden::ended(golden_points::scale(2));
    let json: serde_json::Value = serde_json::from_str(&survey_of(&text).json().unwrap()).unwrap();
    assert_eq!(json["points"].as_array().unwrap().len(), 20);
    assert_eq!(json["cells"].as_array().unwrap().len(), 10);
    assert_eq!(json["points"][0]["series"], "switch-touch-0k");
    assert_eq!(json["points"][0]["one_way"], 20.0);
    assert_eq!(json["growth"][1]["along"], "tasks");
    let shares = &json["fairness"][1];
    assert_eq!((&shares["at"][0][1], &shares["sharers"]), (&2.into(), &2.into()));
    assert_eq!((shares["least"].as_f64(), shares["most"].as_f64()), (Some(0.4), Some(0.6)));
}

#[test]
fn instructions_are_never_told_as_time() {
    let text = text_of(golden_points::scale(1));
    let tables = text.split("Conditions:").next().unwrap();
    assert!(!tables.contains("ns") || tables.contains("instructions"), "{tables}");
    assert!(!tables.contains("µs") && !tables.contains("ms "), "{tables}");
}

#[test]
fn void_points_are_out_of_the_figures_and_a_place_that_is_void_throughout_says_so() {
    let void = |run, position| VoidPoint {
        run,
        position,
        series: "halt".into(),
        reasons: vec![VoidReason::Stopped { ms: 300 }],
    };
    let text = golden::ended(golden_points::wait(3));
    let one = survey_of(&text).watched(Some(&watch(vec![void(1, 1)])));
    assert_eq!((one.cells[0].runs, one.cells[0].one_way), (2, 3_000.75));
    assert!(!one.cells[0].all_void);
    let csv = one.csv().unwrap();
    let told: Vec<_> = csv.lines().filter(|line| line.contains(",void,")).collect();
    assert!(told.len() == 2 && told[1].starts_with("1,1,halt,"), "the header and one: {csv}");
    let all = survey_of(&text).watched(Some(&watch(vec![void(1, 1), void(2, 1), void(3, 1)])));
    assert!(all.cells[0].all_void && all.cells[0].runs == 3);
    let text = Report::new(&all, None).text();
    assert!(text.contains("halt in every run: not to be trusted"), "{text}");
}

#[test]
fn trackers_get_a_figure_for_each_place() {
    let text = golden::ended(golden_points::ring(3));
    let survey = survey_of(&text);
    let json: serde_json::Value =
        serde_json::from_str(&crate::export::points::bencher(&survey).unwrap()).unwrap();
    assert_eq!(json["ring token cpus 12"]["latency"]["value"], 3_100.5);
    assert_eq!(json.as_object().unwrap().len(), 4);
    let json: serde_json::Value =
        serde_json::from_str(&crate::export::points::github(&survey, None).unwrap()).unwrap();
    assert_eq!(json[0]["name"], "ring token cpus 2");
}

/// Why the records, changed, are no result.
fn refused(mut records: Vec<Record<'static>>, change: impl FnOnce(&mut Vec<Record<'static>>)) -> String {
    change(&mut records);
    let text = golden::ended(records);
    Survey::from_log(&read_log(&text)).map(|_| "results").unwrap_err()
}

/// The same with the first point changed.
fn refused_point(change: impl FnOnce(&mut Point<'static>)) -> String {
    refused(golden_points::wait(2), |records| {
        let point = records.iter_mut().find_map(|record| match record {
            Record::Point(point) => Some(point),
            _ => None,
        });
        change(point.unwrap());
    })
}

fn points_of<'r>(records: &'r mut [Record<'static>]) -> impl Iterator<Item = &'r mut Point<'static>> {
    records.iter_mut().filter_map(|record| match record {
        Record::Point(point) => Some(point),
        _ => None,
    })
}

fn last_of_run<'r>(records: &'r mut [Record<'static>], run: u32) -> &'r mut Point<'static> {
    points_of(records).filter(|point| point.run == run).last().unwrap()
}

/// Run 2 has all places of run 1, and one more.
fn one_more_in_run_2(records: &mut Vec<Record<'static>>) {
    let mut more = last_of_run(records, 2).clone();
    (more.position, more.at[1].1) = (4, 2);
    let behind = records.iter().rposition(is_point).unwrap() + 1;
    records.insert(behind, Record::Point(more));
    for record in records {
        if let Record::Plan(plan) = record {
            plan.blocks += 1;
        }
    }
}

fn is_point(record: &Record<'_>) -> bool {
    matches!(record, Record::Point(_))
}

#[test]
fn log_whose_points_contradict_each_other_is_no_result() {
    let wrong = [
        (refused_point(|point| point.handoffs = 0), "it has no handoffs"),
        (refused_point(|point| point.ticks = 0), "it took no ticks"),
        (refused_point(|point| point.handoffs = 1), "its ticks are of 1 handoffs, 2000 were counted"),
        (refused_point(|point| point.counts.ipis_taken -= 1), "wrong count of ipis_taken"),
        (refused_point(|point| point.run = 3), "the plan has runs 1 to 2"),
        (refused_point(|point| point.run = 0), "the plan has runs 1 to 2"),
        (refused_point(|point| point.series = "spin".into()), "there are two points of it"),
        (refused_point(|point| point.series = "Halt\u{1b}".into()), "no name in kebab-case"),
        (refused_point(|point| point.at = vec![("from".into(), 0), ("from".into(), 1)]), "it has from twice"),
        (refused_point(|point| point.at[1].1 = 12), "to is CPU 12, and 12 were up"),
        (refused_point(|point| point.at[1].1 = 2), "do not both have halt"),
        (refused_point(|point| point.at[1].0 = "target".into()), "before they were"),
        (refused_point(|point| point.position = 2), "there are two points 2"),
        (refused_point(|point| point.position = 9), "are not 1 to 3"),
        (refused_point(|point| point.also[1].0 = "bystander-loops".into()), "it has bystander-loops twice"),
        (
            refused(golden_points::ring(1), |records| last_of_run(records, 1).at[0].1 = 13),
            "it has 13 CPUs, and",
        ),
        (refused(golden_points::wait(2), one_more_in_run_2), "do not both have spin-halt from 0 to 2"),
    ];
    for (why, told) in wrong {
        assert!(why.contains(told), "{why}: {told}");
    }
}

#[test]
fn log_that_lacks_points_or_has_blocks_as_well_is_no_result() {
    let lost = refused(golden_points::wait(2), |records| {
        let first = records.iter().position(is_point).unwrap();
        records.remove(first);
    });
    assert_eq!(lost, "the plan says 6 points, 5 came");
    let mixed = refused(golden_points::wait(2), |records| {
        let block =
            golden::classic(12, 1, 1_000).into_iter().find(|record| matches!(record, Record::Block(_)));
        records.insert(8, block.unwrap());
    });
    assert!(mixed.contains("blocks of the classic job"), "{mixed}");
    for is_it in [
        (|record| matches!(record, Record::Cpus(_))) as fn(&Record<'_>) -> bool,
        |record| matches!(record, Record::Machine(_)),
        |record| matches!(record, Record::Clock(_)),
        |record| matches!(record, Record::Plan(_)),
    ] {
        let why = refused(golden_points::wait(2), |records| records.retain(|record| !is_it(record)));
        assert!(why.starts_with("there is no "), "{why}");
    }
}

#[test]
fn what_is_absent_and_measured_is_refused_and_so_is_a_cpu_that_is_none() {
    let both = refused(golden_points::wait(1), |records| {
        let at = Vec::new();
        records.insert(9, Record::Absent(Absent { series: "spin".into(), at, reason: "no".into() }));
    });
    assert!(both.contains("it is absent as well"), "{both}");
    let absent_to = |to| {
        let at = vec![("from".into(), 0), ("to".into(), to)];
        Record::Absent(Absent { series: "spin".into(), at, reason: "no".into() })
    };
    let here = refused(golden_points::wait(1), |records| records.insert(9, absent_to(1)));
    assert!(here.contains("it is absent as well"), "{here}");
    let mut elsewhere = golden_points::wait(1);
    elsewhere.insert(9, absent_to(2));
    assert!(Survey::from_log(&read_log(&golden::ended(elsewhere))).is_ok());
    let no_name = refused(golden_points::wait(1), |records| {
        let series = "No name".into();
        records.insert(9, Record::Absent(Absent { series, at: Vec::new(), reason: "no".into() }));
    });
    assert!(no_name.contains("no name in kebab-case"), "{no_name}");
    let topology = |cpu| Topology { cpu, apic_id: 0, socket: 0, die: 0, core: 0, thread: 0 };
    let twice = refused(golden_points::wait(1), |records| {
        records.splice(9..9, [Record::Topology(topology(1)), Record::Topology(topology(1))]);
    });
    assert_eq!(twice, "the topology has CPU 1 twice");
    let none = refused(golden_points::wait(1), |records| {
        records.insert(9, Record::Topology(topology(12)));
    });
    assert_eq!(none, "the topology has CPU 12, and 12 were up");
    let twice = refused(golden_points::hierarchy(1, Unit::Time), |records| {
        let is_protection = |record: &Record<'_>| matches!(record, Record::Protection(_));
        let place = records.iter().position(is_protection).unwrap();
        records.insert(place, records[place].clone());
    });
    assert_eq!(twice, "the protection has CPU 0 twice");
}

#[test]
fn kind_of_a_log_is_found_out() {
    for (records, is_survey) in
        [(golden_points::ring(1), true), (golden::classic(12, 1, 10), false), (vec![golden::start()], false)]
    {
        let text = golden::ended(records);
        assert_eq!(Survey::is_survey(&read_log(&text)), is_survey);
    }
}

#[test]
fn waits_that_have_no_sum_are_told_all_the_same() {
    let mut records = golden_points::wait_beside(2);
    for record in &mut records {
        if let Record::Point(point) = record {
            point.handoffs = 1 << 63;
            point.counts.handoffs = 1 << 63;
            point.expected.handoffs = 1 << 63;
            point
                .also
                .iter_mut()
                .filter(|(name, _)| name == "halted")
                .for_each(|(_, count)| *count = 1 << 63);
        }
    }
    let most = "18,446,744,073,709,551,615";
    let text = text_of(records);
    assert!(text.contains(&format!("{most} of {most} waits halted")), "{text}");
}
