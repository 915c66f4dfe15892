//! What a page carries: the files of its runs, which `report`, `replay` and `analyse` take again; and what is no
//! report.

use std::fs;

use scraper::Html;
use xtask::report::embedded;

use crate::common::{Place, golden, pages, whole};
use crate::{select, text};

#[test]
fn embedded_files_are_those_of_the_run_to_the_byte() {
    for page in [pages::full(), pages::failed()] {
        let runs = embedded(&page.html).expect("a report");
        let files: Vec<_> = runs[0].files.iter().map(|file| &*file.path).collect();
        assert!(files.contains(&"serial.log") && files.contains(&"manifest.json"), "{files:?}");
        for file in &runs[0].files {
            let kept = fs::read(page.place.path("runs/latest").join(&file.path)).expect("a file");
            assert_eq!(file.bytes, kept, "{}: {}", page.name, file.path);
        }
    }
    let cut = pages::cut();
    let runs = embedded(&cut.html).expect("a report");
    assert_eq!(runs[0].files[0].bytes, fs::read(cut.place.path("cut/serial.log")).expect("a log"));
}

#[test]
fn report_of_a_report_is_the_same_to_the_byte() {
    for page in pages::all() {
        let done = page.place.call(&["report", "page.html", "--out", "again.html"]);
        assert_eq!(done.status, page.status, "{}", done.stderr);
        let again = fs::read_to_string(page.place.path("again.html")).expect("written");
        assert!(again == page.html, "{}: another page", page.name);
    }
}

#[test]
fn replay_of_a_report_shows_what_the_run_showed() {
    let place = Place::new();
    let done = place.run(&whole(), "33", "--quiet");
    assert_eq!(place.call(&["report"]).status, Some(0));
    let replayed = place.call(&["replay", "runs/latest/report.html"]);
    assert_eq!((replayed.status, replayed.stdout), (Some(0), done.stdout), "{}", replayed.stderr);
    let several = pages::several();
    let replayed = several.place.call(&["replay", "page.html"]);
    assert_eq!(replayed.status, Some(4), "the deadline, as its run had it: {}", replayed.stderr);
    assert!(
        !replayed.stdout.is_empty() && replayed.stderr.matches("== ").count() == 2,
        "{}",
        replayed.stderr
    );
    let refused = several.place.call(&["replay", "page.html", "--out", "again"]);
    assert!(refused.status == Some(2) && refused.stderr.contains("has 2 logs"), "{}", refused.stderr);
}

#[test]
fn what_the_page_says_of_itself_can_be_typed_where_the_report_was_made() {
    let place = Place::new();
    place.run(&whole(), "33", "--quiet");
    assert_eq!(place.call(&["report"]).status, Some(0));
    let page = place.latest("report.html");
    let page = Html::parse_document(&page);
    let shown: Vec<String> = select(&page, "code").into_iter().map(text).collect();
    let lines = shown.iter().flat_map(|code| code.lines());
    let commands: Vec<&str> =
        lines.filter(|line| line.starts_with("cargo xtask") && line.contains("report.html")).collect();
    assert_eq!(commands.len(), 5, "two of the exercises, three of the files: {commands:?}");
    for command in commands {
        let words: Vec<&str> = command.split_whitespace().skip(2).collect();
        let done = place.call(&words);
        assert_eq!(done.status, Some(0), "{command}: {}", done.stderr);
    }
}

#[test]
fn replay_of_a_report_of_boots_shows_what_replay_of_the_run_shows() {
    let page = pages::boots();
    for format in ["table", "csv", "json"] {
        let of_folder = page.place.call(&["replay", "runs/latest", "--format", format]);
        let of_page = page.place.call(&["replay", "page.html", "--format", format]);
        assert_eq!((of_folder.status, of_page.status), (Some(0), Some(0)), "{}", of_page.stderr);
        assert!(!of_page.stdout.is_empty() && of_page.stdout == of_folder.stdout, "{}", of_page.stdout);
    }
    let html = Html::parse_document(&page.html);
    let heading = text(select(&html, "h1")[0]);
    assert!(heading.ends_with("by the medians of 6 boots."), "{heading}");
    assert_eq!(select(&html, "#runs tbody tr").len(), 7, "a row for each boot, and the median");
}

#[test]
fn analysis_of_a_report_has_the_verdict_of_its_page() {
    let page = pages::times();
    let done = page.place.call(&["analyse", "page.html", "--format", "json"]);
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    let analysis: serde_json::Value = serde_json::from_str(&done.stdout).expect("JSON");
    let comparison = &analysis["comparisons"][0];
    let pair = (&comparison["base"], &comparison["other"], &comparison["verdict"]);
    assert_eq!(pair, (&"same-core".into(), &"cross-core".into(), &"slower".into()));
    let ratio = format!("{:.1} times as long", comparison["ratio"].as_f64().expect("a ratio"));
    let heading = text(select(&Html::parse_document(&page.html), "h1")[0]);
    assert!(heading.contains(&ratio), "{ratio}: {heading}");
    let done = pages::several().place.call(&["analyse", "page.html"]);
    assert!(done.status == Some(2) && done.stderr.contains("a report of 2 runs"), "{}", done.stderr);
}

#[test]
fn cut_report_is_no_report() {
    let page = pages::times();
    let half = &page.html[..page.html.len() - 200];
    page.place.write("half.html", half);
    let replayed = page.place.call(&["replay", "half.html"]);
    assert!(replayed.status == Some(6) && replayed.stderr.contains("is cut"), "{}", replayed.stderr);
    let report = page.place.call(&["report", "half.html"]);
    assert!(report.status == Some(2) && report.stderr.contains("is cut"), "{}", report.stderr);
}

#[test]
fn run_that_is_not_there_is_refused_by_name() {
    let place = Place::new();
    let done = place.call(&["report", "no/such/run"]);
    assert!(done.status == Some(2) && done.stderr.contains("no/such/run"), "{}", done.stderr);
    let done = place.call(&["report"]);
    assert!(done.status == Some(2) && done.stderr.contains("runs/latest"), "{}", done.stderr);
    fs::create_dir(place.path("empty")).expect("a folder");
    let done = place.call(&["report", "empty"]);
    assert!(done.status == Some(2) && done.stderr.contains("no serial.log"), "{}", done.stderr);
    fs::write(place.path("empty/serial.log"), golden::ended(golden::classic(12, 1, 1))).expect("written");
    let done = place.call(&["report", "empty", "--out", "/proc/no.html"]);
    assert!(done.status == Some(2) && done.stderr.contains("--out /proc/no.html"), "{}", done.stderr);
}
