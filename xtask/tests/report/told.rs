//! What a page says, and what it does not.

use std::fs;

use scraper::Html;
use switchlab_records::{Mode, Record, Skipped, Unit};

use crate::common::pages::{self, Page};
use crate::common::{Done, Place, golden};
use crate::{inside, select, text};

#[test]
fn first_line_of_a_page_without_a_result_says_so() {
    let first = |page: &Page| text(select(&Html::parse_document(&page.html), "h1")[0]);
    let failed = pages::failed();
    assert_eq!(failed.status, Some(3));
    assert!(first(&failed).starts_with("No result: the guest crashed: page fault"), "{}", first(&failed));
    assert!(first(&failed).ends_with("(exit status 3)."), "{}", first(&failed));
    let cut = pages::cut();
    assert_eq!(cut.status, Some(6));
    assert!(first(&cut).starts_with("No result: the log is not valid: "), "{}", first(&cut));
    let several = pages::several();
    assert_eq!(several.status, Some(4));
    let line = first(&several);
    assert!(line.starts_with("No result for all: ") && line.contains("the deadline passed"), "{line}");
    for page in [failed, cut] {
        let html = Html::parse_document(&page.html);
        assert!(select(&html, "svg").is_empty(), "{}: numbers without a result", page.name);
        let tables = select(&html, "table").len();
        assert_eq!(tables, 1, "{}: only the one of the files", page.name);
        assert!(text(select(&html, "title")[0]).starts_with("No result"), "{}", page.name);
    }
}

#[test]
fn instructions_are_never_told_as_time() {
    let page = pages::instructions();
    let html = Html::parse_document(&page.html);
    let heading = text(select(&html, "h1")[0]);
    assert!(heading.contains("fewer on one CPU") && !heading.contains("faster"), "{heading}");
    for section in ["runs", "costs", "distribution", "order"] {
        let said = text(select(&html, &format!("#{section}"))[0]);
        for unit in ["\u{202f}ns", "\u{202f}µs", "\u{202f}ms", " faster"] {
            assert!(!said.contains(unit), "{section}: `{unit}` in {said}");
        }
    }
}

#[test]
fn resolution_that_one_run_leaves_open_is_said_to_be_unknown() {
    let report_of = |runs| {
        let place = Place::new();
        place.run(&golden::ended(golden::classic(12, runs, 1_000)), "33", "--quiet");
        assert_eq!(place.call(&["report"]).status, Some(0));
        Html::parse_document(&place.latest("report.html"))
    };
    let unknown = |page: &Html| {
        let runs = select(page, "#runs").into_iter().map(text).collect::<String>();
        runs.contains(
            "unknown: one run, so nothing tells what the nets of same-core, cross-core, switch, free are worth",
        )
    };
    assert!(unknown(&report_of(1)));
    assert!(!unknown(&report_of(2)));
}

#[test]
fn what_is_not_measured_says_so() {
    let one_cpu = Html::parse_document(&pages::one_cpu().html);
    assert!(text(select(&one_cpu, "h1")[0]).contains("cross-core was skipped (one CPU)"));
    let times = Html::parse_document(&pages::times().html);
    assert!(text(select(&times, "#steps")[0]).contains("cargo xtask run --deterministic"));
    assert!(text(select(&times, "#costs")[0]).contains("not measured yet"));
    assert!(text(select(&times, "#handoff")[0]).contains("The loops can not be shown: "));
}

#[test]
fn trace_of_one_mode_says_why_it_has_no_way_to_another() {
    let place = Place::new();
    let is_of_both =
        |record: &Record<'_>| matches!(record, Record::Trace(trace) if trace.mode == Mode::CrossCore);
    let traced = golden::traced(Unit::Instructions, 3);
    let of_one = traced.iter().position(is_of_both).expect("a trace across CPUs");
    let mut records: Vec<_> = traced[..of_one].to_vec();
    records.push(Record::Skipped(Skipped { mode: Mode::CrossCore, reason: "one CPU".into() }));
    records.push(traced[traced.len() - 1].clone());
    let trace = place.write("trace-of-one", &golden::ended(records));
    let mut command = place.xtask(&golden::ended(golden::classic_in(Unit::Instructions, 1, 2, 1_000)), "33");
    command.env("FAKE_TRACE", trace).args(["run", "--deterministic", "--quiet", "--smp", "1"]);
    let done = Done::from(command.output().expect("xtask starts"));
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    assert_eq!(place.call(&["report", "--out", "page.html"]).status, Some(0));
    let html = Html::parse_document(&fs::read_to_string(place.path("page.html")).expect("a page"));
    let steps = select(&html, "#steps")[0];
    let why =
        "No plot of the way from one mode to another: it leads from same-core to cross-core, and only one";
    assert!(text(steps).contains(why), "{}", text(steps));
    assert!(inside(steps, "figure").is_empty() && inside(steps, "table").len() == 1);
}

#[test]
fn void_boot_is_shown_in_the_order_and_counts_nowhere() {
    let html = Html::parse_document(&pages::void_boot().html);
    let heading = text(select(&html, "h1")[0]);
    assert!(heading.ends_with("by the medians of 5 boots."), "{heading}");
    let described = text(select(&html, "#order svg.wide desc")[0]);
    for mode in ["same-core", "cross-core", "switch", "free"] {
        assert!(described.contains(&format!("{mode}: 6 boots, 1 of them void, median ")), "{described}");
    }
    let picture = select(&html, "#order svg.wide")[0];
    let marked = inside(picture, "text").into_iter().filter(|label| text(*label) == "void").count();
    assert_eq!(marked, 4, "in the panel of each mode one");
    // It took half as long again, and is no part of any figure.
    assert!(described.contains("the furthest 50.0 % from it"), "{described}");
    let costs = text(select(&html, "#costs tbody")[0]);
    assert!(!costs.contains("boots"), "boots that count are alike: {costs}");
    let rows: Vec<_> = select(&html, "#order tbody tr").into_iter().map(text).collect();
    assert!(rows.len() == 6 && rows[2].contains("all 2: void"), "{rows:?}");
}

#[test]
fn boots_have_the_steps_of_their_trace_with_the_bound_of_what_goes_one_way() {
    let page = pages::boots_with_steps();
    let html = Html::parse_document(&page.html);
    let section = select(&html, "#steps")[0];
    assert_eq!(inside(section, "figure").len(), 1);
    let rows: Vec<_> = inside(section, "tbody tr").into_iter().map(text).collect();
    let halt = rows.iter().find(|row| row.starts_with("halt, interrupt entry")).expect("the step");
    assert!(halt.ends_with("; one way ±1.70\u{202f}µs"), "{halt}");
    let said = text(section);
    assert!(said.contains("one way between CPUs 0 and 1 is off by 1.70\u{202f}µs at most"), "{said}");
    let steps = page.place.call(&["replay", "page.html"]).stdout;
    assert!(steps.contains("; one way ±1.70µs\n"), "{steps}");
}

#[test]
fn rigorous_run_that_ended_early_has_no_result() {
    let page = pages::boots();
    let path = page.place.path("runs/latest/boots.json");
    let boots = fs::read_to_string(&path).expect("the list of the boots");
    let mut boots: serde_json::Value = serde_json::from_str(&boots).expect("JSON");
    boots["end"] = serde_json::json!({ "status": 3, "outcome": "boot 6: the guest crashed: panic" });
    fs::write(&path, boots.to_string()).expect("written");
    let done = page.place.call(&["report", "--out", "early.html"]);
    assert_eq!(done.status, Some(3), "{}", done.stderr);
    let html = Html::parse_document(&fs::read_to_string(page.place.path("early.html")).expect("a page"));
    let heading = text(select(&html, "h1")[0]);
    assert_eq!(heading, "No result: boot 6: the guest crashed: panic (exit status 3).");
    assert!(select(&html, "svg").is_empty());
}

#[test]
fn several_runs_are_held_against_the_first() {
    let page = pages::two();
    let html = Html::parse_document(&page.html);
    let heading = text(select(&html, "h1")[0]);
    assert!(heading.starts_with("No difference shown between "), "{heading}");
    let tables: Vec<_> = select(&html, "#runs caption").into_iter().map(text).collect();
    assert!(tables[0].contains("A is ") && tables[0].ends_with(": one switch"), "{tables:?}");
}
