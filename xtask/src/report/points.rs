//! The page of an experiment with many points: the answer first, what was measured as tables and pictures, how far
//! to believe it, and the files.

use askama::Template;
use switchlab_records::{Unit, read_log};

use super::Report;
use super::embed::{EmbeddedFile, EmbeddedRun};
use super::frame::Frame;
use super::model::{LAST_LINES, NoResult, manifest_beside};
use super::plots::{Plot, Quantity, growth, heat};
use super::sections::belief::{ALARM, Fact, NUMBERS, weighed};
use super::sections::glossary;
use super::sections::levels::{self, Beside, Host, Kernel};
use super::sections::peers::{self, Peers};
use super::table::{Table, prose, spaced};
use crate::judged::{self, Found};
use crate::survey::cells::{groups, places_of, series_of};
use crate::survey::hierarchy::is_hierarchy;
use crate::survey::show::{self, answer, is_matrix, matrices, scale_of};
use crate::survey::waiting::place_text;
use crate::survey::{Cell, Survey};

/// Whether a run is of such an experiment, by its first log.
pub(super) fn is_survey(run: &EmbeddedRun) -> bool {
    run.logs().next().is_some_and(|log| Survey::is_survey(&read_log(&log.text)))
}

/// Makes the report of such runs.
///
/// # Errors
///
/// Status 6: a `bench.json` that is not what `bench` wrote. A run without a result is a page that says so.
pub(super) fn render(embedded: &[EmbeddedRun]) -> anyhow::Result<Report> {
    let logs = embedded.iter().flat_map(|run| run.logs().map(move |log| (run, log)));
    let mut number = 0;
    let (peers, hosts) = (peers::all(embedded)?, levels::all(embedded)?);
    let runs: Vec<Section> = logs
        .map(|(run, log)| {
            number += 1;
            Section::new(run, log, &format!("run-{number}"))
        })
        .collect();
    let no_result = runs.iter().find_map(|run| run.no_result.clone());
    let sentences: Vec<_> = runs.iter().map(|run| run.sentence.clone()).collect();
    let several = runs.len() > 1;
    let beside = Beside::new(runs.iter().find_map(|run| run.kernel.as_ref()), hosts.first());
    let title = runs.first().map_or_else(String::new, |run| run.title.clone());
    let mut page = Page {
        title: format!("{} · switchlab", title.split(':').next().unwrap_or_default()),
        sentences,
        class: if no_result.is_some() { "failed" } else { "answer" },
        runs,
        several,
        beside,
        peers,
        hosts,
        frame: Frame::new(embedded)?,
    };
    page.frame.glossary = glossary::used_in(&page.render()?);
    Ok(Report { html: page.render()?, no_result })
}

/// The page, in the order in which it is read.
#[derive(Template)]
#[template(path = "points.html")]
struct Page {
    title: String,
    sentences: Vec<String>,
    class: &'static str,
    runs: Vec<Section>,
    several: bool,
    /// The benchmarks beside them.
    peers: Vec<Peers>,
    hosts: Vec<Host>,
    /// The guesses, the first hierarchy of the kernel and the first host's.
    beside: Option<Beside>,
    frame: Frame,
}

/// What the page says of one run.
struct Section {
    name: String,
    sentence: String,
    /// What was measured, in a line.
    title: String,
    /// Pictures and tables, in order.
    figures: Vec<Plot>,
    tables: Vec<Table>,
    /// Label and text, as HTML.
    findings: Vec<(&'static str, String)>,
    belief: Vec<Fact>,
    /// Its levels, where it is a hierarchy.
    kernel: Option<Kernel>,
    no_result: Option<NoResult>,
    /// The end of the log of one without a result.
    tail: String,
}

/// Findings that say how far to believe it.
const CHECKS: [&str; 2] = ["Counts", "Void"];
/// The finding that stands at the top of the page.
const ANSWER: &str = "In short";

impl Section {
    fn new(run: &EmbeddedRun, log: &EmbeddedFile, id: &str) -> Self {
        let (manifest, problem) = manifest_beside(run, log);
        let found = judged::saved_of_any_kind(&log.text, manifest.as_ref());
        let survey = found.and_then(|found| match found {
            Found::Survey(mut survey) => {
                // Of a boot that did not count, the folder keeps the log.
                if let Some((counted, _)) = run.counted(log)
                    && let Ok(counted) = counted.survey()
                {
                    let _ = survey.count(&counted);
                }
                Ok(survey)
            }
            Found::Classic(_) => Err(crate::exit::Outcome::InvalidLog("it has no points".into())),
        });
        let problem = problem.map(|why| weighed("Conditions", format!("not known: {why}")));
        let survey = match survey {
            Ok(survey) => survey,
            Err(outcome) => {
                let none = NoResult::new(&outcome);
                let lines: Vec<&str> = log.text.lines().collect();
                let conditions = manifest.as_ref().map(|manifest| manifest.conditions()).unwrap_or_default();
                let belief = conditions.into_iter().filter(|(label, _)| *label != NUMBERS);
                return Self {
                    name: run.name.clone(),
                    sentence: format!("No result: {} (exit status {}).", none.outcome, none.status),
                    title: "no result".into(),
                    figures: Vec::new(),
                    tables: Vec::new(),
                    findings: Vec::new(),
                    belief: belief.map(|(label, text)| weighed(label, text)).chain(problem).collect(),
                    kernel: None,
                    no_result: Some(none),
                    tail: lines[lines.len().saturating_sub(LAST_LINES)..].join("\n"),
                };
            }
        };
        let report = show::Report::new(&survey, manifest.as_ref());
        let (checks, findings): (Vec<_>, Vec<_>) = report
            .findings
            .into_iter()
            .filter(|(label, _)| *label != ANSWER)
            .partition(|(label, _)| CHECKS.contains(label));
        let belief = checks.into_iter().chain(report.conditions).map(|(label, text)| weighed(label, text));
        let mut belief: Vec<Fact> = belief.chain(problem).collect();
        belief.sort_by_key(|fact| (fact.label != NUMBERS, fact.class != ALARM, fact.is_code));
        let mut tables: Vec<Table> =
            report.parts.iter().map(|part| Table::of_sheet(caption(&part.caption), &part.sheet)).collect();
        tables.extend(topology(&survey));
        Self {
            name: run.name.clone(),
            sentence: spaced(&sentence(&answer(&survey))),
            title: spaced(&report.title),
            figures: figures(&survey, id),
            tables,
            findings: findings.into_iter().map(|(label, text)| (label, prose(&text))).collect(),
            belief,
            kernel: Kernel::new(&survey),
            no_result: None,
            tail: String::new(),
        }
    }
}

/// A table of a page has a caption.
fn caption(text: &str) -> String {
    if text.is_empty() { "What was found".into() } else { sentence(text).trim_end_matches('.').into() }
}

/// With a capital letter and a full stop. Names of series begin as they are.
fn sentence(text: &str) -> String {
    let is_name = text.split(' ').next().is_some_and(|word| word.contains('-'));
    let mut letters = text.chars();
    let first = letters.next().filter(|_| !is_name).map(|letter| letter.to_uppercase().to_string());
    match first {
        Some(first) => format!("{first}{}.", letters.as_str()),
        None => format!("{text}."),
    }
}

/// More places with several coordinates have no picture.
const MOST_ROWS_FIGURES: usize = 4;

/// A picture for each kind of coordinates; what can not be drawn is in the tables. Levels have pictures of their own.
fn figures(survey: &Survey<'_>, id: &str) -> Vec<Plot> {
    if is_hierarchy(survey) {
        return levels::plots(survey, id);
    }
    let quantity = match survey.plan.unit {
        Unit::Time => Quantity::Time,
        Unit::Instructions => Quantity::Instructions,
    };
    let mut figures = Vec::new();
    for (group, number) in groups(&survey.cells).iter().zip(1..) {
        let id = format!("{id}-{number}");
        let places = places_of(group);
        let is_line = places.iter().all(|at| at.len() == 1 && at[0].1 > 0) && places.len() > 1;
        if places.len() == 1 {
            figures.push(Plot::new(series_of(group).join(", "), growth::rows(&id, quantity, group)));
        } else if is_matrix(group) {
            figures.extend(matrices(group).iter().map(|matrix| {
                let id = format!("{id}-{}", matrix.series);
                let drawn = heat::figure(&id, quantity, scale_of(survey, matrix), matrix);
                Plot::new(format!("the pairs of {}", matrix.series), drawn)
            }));
        } else if is_line {
            let of = |name: &&'_ str| group.iter().copied().filter(|cell| cell.series == **name).collect();
            let series: Vec<(&str, Vec<&Cell>)> =
                series_of(group).into_iter().map(|name| (name, of(&name))).collect();
            let axis = &places[0][0].0;
            figures.push(Plot::new(format!("growth by {axis}"), growth::lines(&id, quantity, axis, &series)));
        } else if places.len() <= MOST_ROWS_FIGURES {
            for (at, number) in places.iter().zip(1..) {
                let here: Vec<&Cell> = group.iter().copied().filter(|cell| cell.at == **at).collect();
                let drawn = growth::rows(&format!("{id}-{number}"), quantity, &here);
                figures.push(Plot::new(place_text(here[0]), drawn));
            }
        } else {
            let why = format!(
                "its {} places have several coordinates each, and no more than {MOST_ROWS_FIGURES} of them have a \
                 picture each; they are in the table",
                places.len()
            );
            figures.push(Plot::new(series_of(group).join(", "), Err(why)));
        }
    }
    figures
}

/// Where each CPU is.
fn topology(survey: &Survey<'_>) -> Option<Table> {
    let rows = survey.topology.iter().map(|cpu| {
        let numbers = [cpu.cpu, cpu.apic_id, cpu.socket, cpu.die, cpu.core, cpu.thread];
        numbers.map(|number| number.to_string()).into()
    });
    let header = ["CPU", "APIC id", "Socket", "Die", "Core", "Thread"];
    (!survey.topology.is_empty()).then(|| {
        Table::of_text(
            "Where the CPUs are, by CPUID: those that share a number share the part",
            &header,
            rows.collect(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{self, points as golden_points};
    use crate::report::testing;
    use crate::status::{Status, status_of};

    fn page(records: Vec<switchlab_records::Record<'_>>) -> Report {
        let run = testing::run(&golden::ended(records), Some(&testing::manifest()));
        super::super::render(&[run]).unwrap()
    }

    #[test]
    fn page_says_the_answer_first_and_draws_what_was_measured() {
        let wait = page(golden_points::wait(5)).html;
        let heading = wait.split_once("<h1>").unwrap().1.split_once("</h1>").unwrap().0;
        assert!(heading.starts_with("Halt takes least, 3.00\u{202f}µs one way"), "{heading}");
        assert!(wait.contains("no MONITOR and MWAIT") && wait.matches("<figure>").count() == 1);
        let matrix = page(golden_points::matrix(4, 1)).html;
        assert!(matrix.matches("<figure>").count() == 2 && matrix.contains("APIC id"));
        let scale = page(golden_points::scale(1)).html;
        assert!(scale.matches("<figure>").count() == 2 && scale.contains("Jain"), "tasks, and pairs");
    }

    #[test]
    fn places_that_are_too_many_to_be_drawn_are_told_of() {
        let place = |from, to| golden_points::Place {
            series: "halt",
            at: vec![("from", from), ("to", to), ("bystanders", from + to)],
            ticks: 1_000,
            also: vec![],
        };
        let page = |places: &[golden_points::Place]| {
            page(golden_points::survey("wait", Unit::Time, 4, 1, places)).html
        };
        let why = "No plot of halt: its 5 places have several coordinates each";
        let [a, b, c, d, e] = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3)].map(|(from, to)| place(from, to));
        let few = page(&[a, b, c, d]);
        assert!(!few.contains("No plot") && few.matches("<figure>").count() == 4);
        let [a, b, c, d] = [(0, 1), (0, 2), (0, 3), (1, 2)].map(|(from, to)| place(from, to));
        let many = page(&[a, b, c, d, e]);
        assert!(many.contains(why) && many.matches("<figure>").count() == 0);
    }

    #[test]
    fn log_of_points_without_a_result_is_a_page_that_says_why() {
        let mut records = golden_points::ring(1);
        records.push(golden::failure("run 1, token: wrong"));
        let report = page(records);
        let none = report.no_result.unwrap();
        assert_eq!(none.status, Status::Fail.code());
        assert!(report.html.contains("run 1, token: wrong") && report.html.contains("No result"));
    }

    #[test]
    fn runs_of_two_kinds_have_no_page_in_common() {
        let ring = testing::run(&golden::ended(golden_points::ring(1)), None);
        let classic = testing::run(&golden::ended(golden::classic(12, 1, 1_000)), None);
        let error = super::super::render(&[ring, classic]).unwrap_err();
        assert_eq!(status_of(&error), Status::Usage);
        assert!(error.to_string().contains("make one of each kind"), "{error}");
    }
}
