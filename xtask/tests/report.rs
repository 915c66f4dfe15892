//! The report's structure, its accessibility, and what it carries, without a browser.

mod common;

use std::collections::BTreeSet;
use std::fs;

use common::pages::{self, Page};
use common::{Place, golden, whole};
use scraper::{ElementRef, Html, Selector};
use xtask::report::embedded;

fn select<'a>(html: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    html.select(&Selector::parse(selector).expect("a selector")).collect()
}

fn inside<'a>(element: ElementRef<'a>, selector: &str) -> Vec<ElementRef<'a>> {
    element.select(&Selector::parse(selector).expect("a selector")).collect()
}

fn text(element: ElementRef<'_>) -> String {
    element.text().collect::<String>().trim().to_owned()
}

/// The pages as browsers understand them.
fn each_page(check: impl Fn(&Page, &Html)) {
    for page in pages::all() {
        check(&page, &Html::parse_document(&page.html));
    }
}

const SECTIONS: [&str; 11] = [
    "belief",
    "runs",
    "costs",
    "steps",
    "distribution",
    "order",
    "handoff",
    "limits",
    "words",
    "exercises",
    "data",
];

#[test]
fn sections_stand_in_their_order_below_one_heading() {
    each_page(|page, html| {
        assert_eq!(select(html, "h1").len(), 1, "{}", page.name);
        let sections: Vec<_> =
            select(html, "section").iter().filter_map(|section| section.attr("id")).collect();
        assert_eq!(sections, SECTIONS, "{}", page.name);
        let mut rank = 1;
        for heading in select(html, "h1, h2, h3, h4") {
            let next = heading.value().name()[1..].parse::<u32>().expect("a rank");
            assert!(next <= rank + 1, "{}: `{}` skips a rank", page.name, text(heading));
            assert!(!text(heading).is_empty(), "{}: an empty heading", page.name);
            rank = next;
        }
        let first = select(html, "body *").into_iter().find(|element| !text(*element).is_empty());
        assert_eq!(first.map(text), select(html, "h1").first().map(|h1| inside_header(*h1)), "{}", page.name);
    });
}

/// The header begins with the heading.
fn inside_header(h1: ElementRef<'_>) -> String {
    h1.parent().and_then(ElementRef::wrap).map(text).unwrap_or_default()
}

#[test]
fn page_has_a_language_a_title_and_fits_a_phone() {
    each_page(|page, html| {
        let root = html.root_element();
        assert_eq!(root.attr("lang"), Some("en"), "{}", page.name);
        let viewport = select(html, "meta[name=viewport]");
        assert_eq!(viewport[0].attr("content"), Some("width=device-width, initial-scale=1"), "{}", page.name);
        assert!(!text(select(html, "title")[0]).is_empty(), "{}", page.name);
        assert!(page.html.starts_with("<!doctype html>"), "{}", page.name);
    });
}

#[test]
fn every_picture_is_told_to_those_who_do_not_see_it() {
    each_page(|page, html| {
        for svg in select(html, "svg") {
            assert_eq!(svg.attr("role"), Some("img"), "{}", page.name);
            let [title, desc] = ["title", "desc"].map(|name| inside(svg, name)[0]);
            let names = [title, desc].map(|element| element.attr("id").expect("an id")).join(" ");
            assert_eq!(svg.attr("aria-labelledby"), Some(&*names), "{}", page.name);
            assert!(text(title).len() > 10 && text(desc).len() > 40, "{}: {}", page.name, text(desc));
        }
        for figure in select(html, "figure") {
            let classes: Vec<_> = inside(figure, "svg").iter().filter_map(|svg| svg.attr("class")).collect();
            assert_eq!(classes, ["wide", "narrow"], "{}", page.name);
            assert_eq!(inside(figure, "figcaption").len(), 1, "{}", page.name);
            let section =
                figure.ancestors().filter_map(ElementRef::wrap).find(|one| one.value().name() == "section");
            assert!(
                !inside(section.expect("in a section"), "table").is_empty(),
                "{}: no table beside",
                page.name
            );
        }
        let figures = select(html, "figure").len();
        match page.name {
            "times" => assert_eq!(figures, 5),
            "full" => assert_eq!(figures, 6),
            "failed" | "cut" => assert_eq!(figures, 0),
            _ => {}
        }
    });
}

#[test]
fn ids_are_unique_and_links_lead_somewhere() {
    each_page(|page, html| {
        let ids: Vec<_> = select(html, "[id]").iter().filter_map(|element| element.attr("id")).collect();
        let unique: BTreeSet<_> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len(), "{}: {ids:?}", page.name);
        for link in select(html, "a") {
            let target = link.attr("href").and_then(|href| href.strip_prefix('#'));
            assert!(target.is_some_and(|target| ids.contains(&target)), "{}: {}", page.name, link.html());
        }
    });
}

#[test]
fn every_table_has_a_caption_and_headers_with_scope() {
    each_page(|page, html| {
        for table in select(html, "table") {
            assert_eq!(inside(table, "caption").len(), 1, "{}", page.name);
            let caption = text(inside(table, "caption")[0]);
            assert!(!caption.is_empty(), "{}", page.name);
            let headers = inside(table, "th");
            assert!(headers.len() > 1, "{}: {caption}", page.name);
            for header in headers {
                let scope = header.attr("scope");
                assert!(
                    matches!(scope, Some("col" | "row" | "rowgroup")),
                    "{}: {caption}: {}",
                    page.name,
                    header.html()
                );
            }
            let columns = inside(table, "thead th").len();
            for row in inside(table, "tbody tr") {
                let cells = inside(row, "th, td").into_iter().map(|cell| {
                    cell.attr("colspan").map_or(1, |span| span.parse::<usize>().expect("a number"))
                });
                assert_eq!(cells.sum::<usize>(), columns, "{}: {caption}", page.name);
            }
        }
    });
}

#[test]
fn page_loads_nothing_and_runs_nothing() {
    each_page(|page, html| {
        let scripts = select(html, "script");
        assert_eq!(scripts.len(), 1, "{}", page.name);
        assert_eq!(scripts[0].attr("type"), Some("application/json"), "{}", page.name);
        let style = text(select(html, "style")[0]);
        for loading in ["url(", "@import", "http:", "https:", "expression("] {
            assert!(!style.contains(loading), "{}: {loading}", page.name);
        }
        for forbidden in
            ["link", "img", "iframe", "object", "embed", "base", "audio", "video", "form", "input"]
        {
            assert!(select(html, forbidden).is_empty(), "{}: <{forbidden}>", page.name);
        }
        for element in select(html, "*") {
            for (name, value) in element.value().attrs() {
                assert!(!name.starts_with("on"), "{}: {name}", page.name);
                assert!(!["src", "srcset", "action", "ping"].contains(&name), "{}: {name}", page.name);
                let remote =
                    ["http:", "https:", "//", "javascript:", "data:"].iter().any(|it| value.contains(it));
                assert!(!remote, "{}: {name}={value}", page.name);
            }
        }
        // Whatever else stands on the page is text; the data may name what it likes.
        let (visible, _) = page.html.split_once("<script").expect("the data");
        assert!(!visible.contains("http://") && !visible.contains("https://"), "{}", page.name);
    });
}

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
            "unknown: one run, so nothing tells what the nets of same-core, cross-core, switch are worth",
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
fn void_boot_is_shown_in_the_order_and_counts_nowhere() {
    let html = Html::parse_document(&pages::void_boot().html);
    let heading = text(select(&html, "h1")[0]);
    assert!(heading.ends_with("by the medians of 5 boots."), "{heading}");
    let described = text(select(&html, "#order svg.wide desc")[0]);
    for mode in ["same-core", "cross-core", "switch"] {
        assert!(described.contains(&format!("{mode}: 6 boots, 1 of them void, median ")), "{described}");
    }
    let picture = select(&html, "#order svg.wide")[0];
    let marked = inside(picture, "text").into_iter().filter(|label| text(*label) == "void").count();
    assert_eq!(marked, 3, "in the panel of each mode one");
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

/// Text on its background, by the names of the style sheet.
const TEXTS: [(&str, &str); 12] = [
    ("ink", "paper"),
    ("muted", "paper"),
    ("link", "paper"),
    ("alarm", "paper"),
    ("ink", "panel"),
    ("muted", "panel"),
    ("original", "paper"),
    ("ink", "heat-1"),
    ("ink", "heat-2"),
    ("ink", "heat-3"),
    ("ink", "heat-4"),
    ("ink", "heat-5"),
];

/// Shapes on theirs, which need less (WCAG 1.4.11).
const SHAPES: [(&str, &str); 4] =
    [("same-core", "paper"), ("cross-core", "paper"), ("switch", "paper"), ("guess", "paper")];

#[test]
fn colours_of_both_themes_have_the_contrast_that_eyes_need() {
    let html = Html::parse_document(&pages::times().html);
    let style = text(select(&html, "style")[0]);
    let (light, rest) =
        style.split_once("@media screen and (prefers-color-scheme: dark)").expect("both themes");
    let (dark, rules) = rest.split_once("* { box-sizing").expect("rules behind the colours");
    for (theme, colours) in [("light", light), ("dark", dark)] {
        for ((front, back), least) in
            TEXTS.iter().map(|pair| (pair, 4.5)).chain(SHAPES.iter().map(|pair| (pair, 3.0)))
        {
            let ratio = contrast(colour(colours, front), colour(colours, back));
            assert!(ratio >= least, "{theme}: {front} on {back}: {ratio:.2}, {least} are needed");
        }
    }
    // No colour besides these, so that none escapes the test.
    assert!(!rules.contains('#') && !rules.contains("rgb"), "a colour without a name");
    let known: BTreeSet<_> = TEXTS.iter().chain(&SHAPES).flat_map(|(front, back)| [*front, *back]).collect();
    let named = light.lines().filter_map(|line| line.trim().strip_prefix("--")?.split(':').next());
    for name in named.filter(|name| *name != "rule") {
        assert!(known.contains(name), "--{name} is in no pair");
    }
}

fn colour(style: &str, name: &str) -> [f64; 3] {
    let (_, rest) = style.split_once(&format!("--{name}: #")).unwrap_or_else(|| panic!("no --{name}"));
    let number = u32::from_str_radix(&rest[..6], 16).expect("a colour");
    [16, 8, 0].map(|shift| f64::from(number >> shift & 0xff) / 255.0)
}

/// WCAG 2.2: relative luminance, contrast ratio.
fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let luminance = |colour: [f64; 3]| {
        let linear =
            |part: f64| if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) };
        let [red, green, blue] = colour.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    };
    let [one, other] = [luminance(one), luminance(other)];
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}
