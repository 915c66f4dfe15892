//! What `bench` kept, as a page of its own and beside a run: the terminal's table, and nothing that is not its own.

use std::fs;

use scraper::Html;

use crate::common::pages::{self, keep_bench};
use crate::common::{Done, Place, whole};
use crate::{inside, select, text};

const ROWS: &str = include_str!("../data/bench.json");

#[test]
fn page_of_a_benchmark_has_the_terminals_table_and_what_is_absent() {
    for (page, columns) in [(pages::bench(), 7), (pages::bench_guest(), 8), (pages::beside(), 7)] {
        let html = Html::parse_document(&page.html);
        let tables = select(&html, "#peers table");
        let rows: Vec<Vec<String>> = inside(tables[0], "tbody tr")
            .into_iter()
            .map(|row| inside(row, "th, td").into_iter().map(text).collect())
            .collect();
        let shown = page.place.call(&["replay", "runs/latest-bench"]).stdout;
        let (_, table) = shown.split_once("──\n").expect("the rule below the header");
        let lines: Vec<&str> = table.lines().take_while(|line| !line.is_empty()).collect();
        assert_eq!(rows.len(), lines.len(), "{}", page.name);
        for (row, line) in rows.iter().zip(&lines) {
            let in_line = |cell: &String| {
                let cell = cell.replace('\u{202f}', " ");
                let (low, high) = cell.split_once(" to ").unwrap_or((&cell, ""));
                assert!(
                    line.contains(low.trim()) && line.contains(high.trim()),
                    "{}: {cell}: {line}",
                    page.name
                );
            };
            row.iter().for_each(in_line);
            assert_eq!(row.len(), columns, "{row:?}");
        }
        let absent = text(tables[1]);
        assert!(absent.contains("Go channel, P=1") && absent.contains("no `go` in PATH"), "{absent}");
        assert!(absent.contains("apt-get install"), "{absent}");
        let peers = text(select(&html, "#peers")[0]);
        for told in ["Measured", "Host", "Verdict", "the nearest is", "The numbers are", "How it is measured"]
        {
            assert!(peers.contains(told), "{}: {told}", page.name);
        }
    }
}

#[test]
fn heading_counts_the_verdicts_on_others_and_no_floor() {
    let heading = |page: &pages::Page| text(select(&Html::parse_document(&page.html), "h1")[0]);
    let native = heading(&pages::bench());
    assert_eq!(
        native,
        "Of 20 peers held against ours, 19 are slower, none is faster, and 1 shows no difference."
    );
    let guest = pages::bench_guest();
    let told = heading(&guest);
    assert!(told.starts_with("Of 7 peers held against ours, ") && told.contains("none is faster"), "{told}");
    let peers = text(select(&Html::parse_document(&guest.html), "#peers")[0]);
    assert!(peers.contains("the floor is wake-up of a thread, host, "), "{peers}");
    let void = "Void rounds";
    let html = Html::parse_document(&guest.html);
    let alarms: Vec<_> = select(&html, "#peers .alarm dt").into_iter().map(text).collect();
    assert_eq!(alarms, [void], "the conditions that speak against it");
    let beside = heading(&pages::beside());
    assert!(beside.contains("same-core") || beside.contains("one CPU"), "the run's: {beside}");
}

#[test]
fn picture_has_a_group_for_each_kind_with_ours_first() {
    let html = Html::parse_document(&pages::bench().html);
    let words: Vec<_> = inside(select(&html, "#peers svg.wide")[0], "text").into_iter().map(text).collect();
    let at = |wanted: &str| {
        words.iter().position(|word| word == wanted).unwrap_or_else(|| panic!("{wanted}: {words:?}"))
    };
    let order = [
        "bare, nothing live",
        "ours, bare, nothing live",
        "corosensei, nothing live",
        "bare, six values live",
        "ours, bare, six values live",
        "corosensei, six values live",
        "two tasks, channels",
        "tokio, one thread, mpsc",
        "held against nothing of ours",
        "threads, futex, two cores",
    ];
    assert!(order.map(at).is_sorted(), "{words:?}");
}

#[test]
fn report_without_a_name_is_of_the_last_run_and_the_last_benchmark() {
    let place = Place::new();
    let sections = |done: &Done, file: &str| {
        assert_eq!(done.status, Some(0), "{}", done.stderr);
        assert_eq!(done.stdout.trim(), file);
        let html = Html::parse_document(&fs::read_to_string(place.path(file)).expect("a page"));
        ["#peers", "#runs"].map(|section| select(&html, section).len())
    };
    keep_bench(&place, "runs/latest-bench", ROWS);
    assert_eq!(sections(&place.call(&["report"]), "runs/latest-bench/report.html"), [1, 0]);
    place.run(&whole(), "33", "--quiet");
    assert_eq!(sections(&place.call(&["report"]), "runs/latest/report.html"), [1, 1]);
    assert_eq!(sections(&place.call(&["report", "runs/latest"]), "runs/latest/report.html"), [0, 1]);
    fs::remove_dir_all(place.path("runs/latest-bench")).expect("gone");
    assert_eq!(sections(&place.call(&["report"]), "runs/latest/report.html"), [0, 1]);
}

#[test]
fn page_of_a_file_stands_beside_it() {
    let place = Place::new();
    let file = keep_bench(&place, "kept", ROWS);
    let before = fs::read(&file).expect("a file");
    let done = place.call(&["report", "kept/bench.json"]);
    assert_eq!((done.status, done.stdout.trim()), (Some(0), "kept/report.html"), "{}", done.stderr);
    assert_eq!(fs::read(&file).expect("a file"), before);
    let json = place.call(&["replay", "kept/report.html", "--format", "json"]);
    assert_eq!(json.stdout.as_bytes(), before, "{}", json.stderr);
    let csv = place.call(&["replay", "kept", "--format", "csv"]);
    assert!(csv.status == Some(2) && csv.stderr.contains("table or json"), "{}", csv.stderr);
    let analysed = place.call(&["analyse", "kept/report.html"]);
    assert!(analysed.status == Some(2) && analysed.stderr.contains("no runs"), "{}", analysed.stderr);
}

#[test]
fn run_with_a_benchmark_beside_it_stays_that_run() {
    let page = pages::beside();
    let replayed = page.place.call(&["replay", "page.html"]);
    let of_run = page.place.call(&["replay", "runs/latest"]);
    let of_bench = page.place.call(&["replay", "runs/latest-bench"]);
    assert_eq!(replayed.stdout, of_run.stdout + &of_bench.stdout, "{}", replayed.stderr);
    let analysed = |name| page.place.call(&["analyse", name, "--format", "json"]).stdout;
    page.place.call(&["report", "runs/latest", "--out", "alone.html"]);
    assert!(!analysed("page.html").is_empty());
    assert_eq!(analysed("page.html").replace("page.html", "alone.html"), analysed("alone.html"));
    let compared = page.place.call(&["compare", "page.html", "runs/latest"]);
    assert_eq!(compared.status, Some(0), "{}", compared.stderr);
}

#[test]
fn cut_or_changed_benchmark_is_refused_by_name() {
    let place = Place::new();
    let file = keep_bench(&place, "kept", ROWS);
    let kept = fs::read_to_string(&file).expect("a file");
    place.call(&["report", "kept", "--out", "whole.html"]);
    let page = fs::read_to_string(place.path("whole.html")).expect("a page");
    let forged = |text: &str| text.replacen("slower", "faster", 1);
    let cases = [
        (kept[..kept.len() / 2].to_owned(), "it is cut"),
        (forged(&kept), "against_ours.verdict` is \"faster\", where its values come to \"slower\""),
        (kept.replacen("\"format\": 1", "\"format\": 9", 1), "it is of format 9"),
    ];
    for (text, named) in cases {
        place.write("kept/bench.json", &text);
        for words in [&["report", "kept"][..], &["report", "kept/bench.json"], &["replay", "kept"]] {
            let done = place.call(words);
            assert_eq!(done.status, Some(6), "{words:?}: {}", done.stderr);
            assert!(
                done.stderr.contains(named) && done.stderr.contains("kept"),
                "{words:?}: {}",
                done.stderr
            );
        }
    }
    let (before, data) = page.split_once("<script").expect("the data");
    place.write("forged.html", &format!("{before}<script{}", forged(data)));
    for command in ["report", "replay"] {
        let done = place.call(&[command, "forged.html"]);
        assert!(done.status == Some(6) && done.stderr.contains("come to"), "{command}: {}", done.stderr);
    }
}

#[test]
fn benchmark_without_a_figure_or_a_verdict_says_so() {
    let place = Place::new();
    let mut rows: serde_json::Value = serde_json::from_str(ROWS).expect("JSON");
    let heading = |rows: &serde_json::Value, status| {
        keep_bench(&place, "kept", &rows.to_string());
        let done = place.call(&["report", "kept"]);
        assert_eq!(done.status, Some(status), "{}", done.stderr);
        let html = fs::read_to_string(place.path("kept/report.html")).expect("a page");
        text(select(&Html::parse_document(&html), "h1")[0])
    };
    rows["rounds"] = 2.into();
    let all = rows["rows"].as_array_mut().expect("rows");
    for row in all.iter_mut() {
        if let Some(values) = row.pointer_mut("/measured/one_way_ns").and_then(|values| values.as_array_mut())
        {
            values.truncate(2);
        }
    }
    assert_eq!(heading(&rows, 0), "No verdict on 20 peers: 2 rounds, and a verdict takes 5.");
    let all = rows["rows"].as_array_mut().expect("rows");
    all.retain(|row| row.get("missing").is_some());
    assert_eq!(heading(&rows, 1), "No result: nothing was measured: no `go` in PATH (exit status 1).");
}

#[test]
fn page_of_both_hierarchies_has_the_terminals_rungs_and_guesses() {
    let page = pages::hierarchies();
    let html = Html::parse_document(&page.html);
    let shown = page.place.call(&["replay", "runs/latest-host"]).stdout;
    let table = |place: &str| -> Vec<Vec<String>> {
        let rows = inside(select(&html, place)[0], "tbody tr").into_iter();
        rows.map(|row| inside(row, "th, td").into_iter().map(text).collect()).collect()
    };
    let rungs = table("#host table");
    let lines: Vec<&str> =
        shown.split_once("──\n").unwrap().1.lines().take_while(|line| !line.is_empty()).collect();
    assert_eq!(rungs.len(), lines.len());
    let sides = table("#hierarchies table");
    let levels: Vec<&str> = sides.iter().map(|row| &*row[0]).collect();
    assert_eq!(levels, ["goroutine", "thread", "process", "container", "vm", "network"]);
    let guessed = shown.split_once("What the original guessed").unwrap().1;
    for row in &sides {
        let line = guessed.lines().find(|line| line.trim_start().starts_with(&row[0])).unwrap();
        // Of the guess and of this Linux; the kernel's columns are those of another run.
        for cell in [&row[1], &row[5], &row[6]] {
            assert!(line.contains(&cell.replace('\u{202f}', " ")), "{cell}: {line}");
        }
    }
    assert!(inside(select(&html, "#points")[0], "figure").len() >= 2, "what levels add, and their costs");
}
