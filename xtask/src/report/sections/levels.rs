//! The hierarchy: what `host` kept of this Linux, and its levels beside the kernel's and the original's guesses.

use switchlab_records::Unit;

use super::belief::{Fact, fact};
use super::docs;
use super::peers::{absent_table, narrow, thin};
use crate::bench::Bench;
use crate::bench::judged::{Judged, judge};
use crate::guesses::{Off, Span};
use crate::levels::guesses::{self, Guessed, Held};
use crate::levels::{self, FILE, causes, show};
use crate::manifest::plural;
use crate::report::embed::EmbeddedRun;
use crate::report::model::NoResult;
use crate::report::plots::bars::{self, Bar, Group};
use crate::report::plots::shares::{self, Kind, Row};
use crate::report::plots::{Figure, Ink, Plot, Quantity};
use crate::report::table::{Table, prose};
use crate::status::{Refusal, Status};
use crate::survey::hierarchy::{Floor, cell, in_order, is_hierarchy, level, taken};
use crate::survey::{Cell, Survey};
use crate::table::Sheet;

const PERFORMANCE: &str = include_str!("../../../../kernel/docs/performance.md");
/// How the host's levels are measured.
const METHOD: &str = "The hierarchy on this Linux";
/// The level that the kernel's factors are told against; the original's was the goroutine.
const TASK: &str = "task";

/// One hierarchy of a host.
pub(crate) struct Host {
    /// The name of its folder.
    pub(crate) name: String,
    /// What was found, in a sentence.
    pub(crate) sentence: String,
    /// The rungs that have a figure; `None` where none has.
    pub(crate) table: Option<Table>,
    /// What has none, and why.
    pub(crate) absent: Option<Table>,
    /// The original's reasons, each with what became of it; as HTML.
    pub(crate) reasons: Vec<(&'static str, String)>,
    /// What the figures hang on.
    pub(crate) facts: Vec<Fact>,
    /// How they were measured, as HTML.
    pub(crate) method: String,
    /// Why there is no figure at all.
    pub(crate) no_result: Option<NoResult>,
    bench: Bench,
}

/// All hierarchies of hosts in `embedded`, in order.
///
/// # Errors
///
/// Status 6: a file that is not what `host` wrote, and why.
pub(crate) fn all(embedded: &[EmbeddedRun]) -> anyhow::Result<Vec<Host>> {
    embedded.iter().filter(|run| run.is_host()).map(Host::new).collect()
}

impl Host {
    fn new(run: &EmbeddedRun) -> anyhow::Result<Self> {
        let text = run.file(FILE).map_or("", |file| &*file.text);
        let bench = levels::parse(text).map_err(|why| {
            let message =
                format!("{FILE} of {}: {why}; the file that `cargo xtask host` kept is expected", run.name);
            Refusal::with(Status::InvalidLog, message)
        })?;
        let judged = judge(&bench)?;
        let has_figures = judged.iter().any(|judged| judged.cost.is_some());
        let words = |sheet: &Sheet| vec![sheet.header.len() - 1];
        let sheet = narrow(show::rungs(&judged));
        let table = Table::of_many("One switch, one way, on this Linux".into(), &sheet, &words(&sheet));
        let reasons = show::reasons(&causes::weigh(&bench)).into_iter();
        let measured = fact("Measured", bench.started.clone());
        let conditions = show::conditions(&bench).into_iter().map(|(label, text)| fact(label, text));
        Ok(Self {
            name: run.name.clone(),
            sentence: thin(&sentence(&bench, &judged)),
            table: has_figures.then_some(table),
            absent: absent_table(&judged),
            reasons: reasons.map(|(label, text)| (label, thin(&prose(&text)))).collect(),
            facts: [measured].into_iter().chain(conditions).collect(),
            method: docs::section(PERFORMANCE, METHOD),
            no_result: (!has_figures).then(|| NoResult {
                outcome: "nothing was measured of the host's levels".into(),
                status: Status::Fail.code(),
            }),
            bench,
        })
    }
}

/// Of how many levels, and how many of the guesses held.
fn sentence(bench: &Bench, judged: &[Judged<'_>]) -> String {
    let rows = judged.iter().filter(|judged| judged.cost.is_some()).count();
    let held = guesses::held(bench);
    let measured: Vec<_> = held.iter().filter_map(|held| held.measured.as_ref()).collect();
    let met = measured.iter().filter(|measured| measured.off == Off::Meets).count();
    format!(
        "Of the original's {} guesses for this Linux, {} could be held against a measurement, and {met} met it; {} in {}.",
        held.len(),
        measured.len(),
        plural(rows as u64, "row"),
        plural(u64::from(bench.rounds), "round"),
    )
}

/// What the kernel's levels cost, by the original's names for them.
pub(crate) struct Kernel {
    costs: Vec<(&'static str, Costs)>,
    task: Option<f64>,
}

/// What a level costs, in its forms.
#[derive(Clone, Copy)]
struct Costs {
    /// Of the plain one, on one CPU, which a guess is held against; `None` where that was not measured.
    plain: Option<f64>,
    /// Of all.
    all: Span,
}

impl Kernel {
    /// Of a hierarchy in time; `None` of any other survey.
    pub(crate) fn new(survey: &Survey<'_>) -> Option<Self> {
        if !is_hierarchy(survey) || survey.plan.unit != Unit::Time {
            return None;
        }
        let of = |guess: &Guessed| {
            let cells = survey.cells.iter().filter(|cell| is_of(cell, guess.level));
            let all = Span::over(cells.map(|cell| cell.one_way))?;
            let name = if guess.factor.is_none() { TASK } else { guess.level };
            Some((guess.level, Costs { plain: cell(survey, name, 1).map(|cell| cell.one_way), all }))
        };
        let task = cell(survey, TASK, 1).map(|cell| cell.one_way);
        Some(Self { costs: guesses::guesses().iter().filter_map(of).collect(), task })
    }

    fn costs(&self, level: &str) -> Option<Costs> {
        self.costs.iter().find(|(name, _)| *name == level).map(|(_, costs)| *costs)
    }
}

/// Whether a cell is of what the original called `name`: in use, with a guess that it replaces.
fn is_of(cell: &Cell, name: &str) -> bool {
    let has_guess = level(&cell.series).is_some_and(|level| level.guess.is_some());
    let first = cell.series.split('-').next().unwrap_or_default();
    has_guess && (first == name || (first == TASK && name == "goroutine"))
}

/// The original's guesses, the kernel's levels and the host's, each beside the others.
pub(crate) struct Beside {
    pub(crate) figure: Plot,
    pub(crate) table: Table,
}

impl Beside {
    /// Of a run of the kernel and a hierarchy of a host; `None` where there is neither.
    pub(crate) fn new(kernel: Option<&Kernel>, host: Option<&Host>) -> Option<Self> {
        if kernel.is_none() && host.is_none() {
            return None;
        }
        let held = host.map(|host| guesses::held(&host.bench)).unwrap_or_default();
        let sides: Vec<Side> = guesses::guesses()
            .into_iter()
            .map(|guess| {
                let linux = held.iter().find(|held| held.level == guess.level).cloned();
                Side { kernel: kernel.and_then(|kernel| kernel.costs(guess.level)), linux, guess }
            })
            .collect();
        let groups: Vec<Group> = sides.iter().map(Side::group).collect();
        let sheet = sheet(&sides, kernel.and_then(|kernel| kernel.task));
        Some(Self {
            figure: Plot::new(
                "the hierarchy",
                bars::figure("hierarchies", "One switch, one way", Quantity::Time, &groups),
            ),
            table: Table::of_many("The guesses, and what was measured of them".into(), &sheet, &[]),
        })
    }
}

/// A level, of all three.
struct Side {
    guess: Guessed,
    kernel: Option<Costs>,
    linux: Option<Held>,
}

impl Side {
    fn linux(&self) -> Option<Span> {
        self.linux.as_ref()?.measured.as_ref().map(|measured| measured.one_way_ns)
    }

    fn group(&self) -> Group {
        let bar = |label: &str, span: Span, ink| Bar {
            label: label.into(),
            ends: [span.low, span.high],
            text: thin(&show::times(span)),
            ink,
        };
        let guessed = if self.guess.factor.is_none() { "the original's runs" } else { "guessed" };
        let kernel = self.kernel.map(|costs| bar("this kernel, emulated", costs.all, Ink::SameCore));
        let linux = self.linux().map(|span| bar("this Linux", span, Ink::CrossCore));
        let bars = [Some(bar(guessed, self.guess.ns, Ink::Original)), kernel, linux];
        Group { title: self.guess.level.into(), bars: bars.into_iter().flatten().collect() }
    }
}

fn sheet(sides: &[Side], task: Option<f64>) -> Sheet {
    let header = [
        "Level",
        "Guessed",
        "This kernel, emulated, one CPU",
        "The guess is",
        "All its forms",
        "This Linux, all forms",
        "The guess is",
        "Guessed factor",
        "Over our task",
        "Over goroutine",
    ];
    let missing = || "not measured".to_owned();
    let rows = sides.iter().map(|side| {
        let Side { guess: Guessed { level, ns, factor, .. }, kernel, .. } = side;
        let off = |span: Option<Span>| span.map_or_else(String::new, |span| show::off(Off::of(*ns, span)));
        let over = |span: Option<Span>| span.map_or_else(String::new, show::factor);
        let plain = kernel.and_then(|costs| costs.plain).map(|cost| Span::of(cost, cost));
        let of_task = plain.zip(task).map(|(span, task)| span.over_base(task));
        let measured = side.linux.as_ref().and_then(|held| held.measured.as_ref());
        vec![
            (*level).to_owned(),
            show::times(*ns),
            plain.map_or_else(missing, show::times),
            off(plain),
            kernel.map_or_else(missing, |costs| show::times(costs.all)),
            side.linux().map_or_else(missing, show::times),
            off(side.linux()),
            over(*factor),
            over(of_task),
            over(measured.and_then(|measured| measured.over_goroutine)),
        ]
    });
    let rows = rows.map(|row: Vec<String>| row.iter().map(|cell| thin(cell)).collect()).collect();
    Sheet { header: header.map(str::to_owned).to_vec(), rows, words: 0 }
}

/// Where levels are measured, by the number of CPUs.
const PLACES: [(&str, u64); 2] = [("on one CPU", 1), ("across two CPUs", 2)];

/// The pictures of a hierarchy: what each level adds to the one that it builds on, and of what its step is made.
pub(crate) fn plots(survey: &Survey<'_>, id: &str) -> Vec<Plot> {
    let quantity = match survey.plan.unit {
        Unit::Time => Quantity::Time,
        Unit::Instructions => Quantity::Instructions,
    };
    vec![
        Plot::new("what each level adds", additions(survey, quantity, id)),
        Plot::new("what the cost of each level is made of", steps(survey, quantity, id)).read_as(READ_AS),
    ]
}

/// The cells of a place, in order.
fn cells_of<'s>(survey: &'s Survey<'_>, cpus: u64) -> impl Iterator<Item = &'s Cell> {
    in_order(survey).into_iter().filter(move |cell| cell.coordinate("cpus") == Some(cpus))
}

/// A bar from what the level below costs to what this does.
fn additions(survey: &Survey<'_>, quantity: Quantity, id: &str) -> Result<Figure, String> {
    let group = |(title, cpus): (&str, u64)| {
        let bars = cells_of(survey, cpus).map(|of| {
            let over = level(&of.series).and_then(|level| level.over.on(cpus));
            let below = over.and_then(|over| Some((over, cell(survey, over, cpus)?)));
            let Some((over, below)) = below else {
                let without = over.map_or_else(String::new, |over| format!(", without {over}"));
                let text = format!("{}{without}", quantity.text(of.one_way));
                return Bar { label: of.series.clone(), ends: [of.one_way; 2], text, ink: Ink::Original };
            };
            let adds = of.one_way - below.one_way;
            let ink = if adds < 0.0 { Ink::CrossCore } else { Ink::SameCore };
            let ends = [below.one_way, of.one_way];
            Bar { label: of.series.clone(), ends, text: added(quantity, adds, over), ink }
        });
        Group { title: title.into(), bars: bars.collect() }
    };
    let groups: Vec<Group> = PLACES.map(group).into_iter().filter(|group| !group.bars.is_empty()).collect();
    bars::figure(&format!("{id}-levels"), "What each level adds", quantity, &groups)
}

/// What a level adds, signed.
fn added(quantity: Quantity, adds: f64, over: &str) -> String {
    let sign = if adds < 0.0 { "" } else { "+" };
    format!("{sign}{} over {over}", signed(quantity, adds))
}

/// With a sign where it is below 0.
fn signed(quantity: Quantity, cost: f64) -> String {
    let text = quantity.text(cost.abs());
    if cost < 0.0 { format!("−{text}") } else { text }
}

const BELOW: Kind = Kind { name: "the level below", ink: Ink::Guess };
const REST: Kind = Kind { name: "the rest of the step", ink: Ink::SameCore };

const fn kind(floor: Floor) -> Kind {
    let ink = match floor {
        Floor::SystemCall => Ink::Free,
        Floor::Cr3Load => Ink::CrossCore,
        Floor::XsavePair => Ink::Switch,
    };
    Kind { name: floor.name(), ink }
}

/// Each level's cost as a bar of one length: what the level below costs, the floors that the step to this one takes
/// more of, each as dear as it is alone, and what the step has besides. What is told adds up, whatever its signs are; what
/// has no room in the bar is told beside it.
fn steps(survey: &Survey<'_>, quantity: Quantity, id: &str) -> Result<Figure, String> {
    let row = |of: &Cell, cpus: u64| {
        let over = level(&of.series)?.over.on(cpus)?;
        let below = cell(survey, over, cpus)?;
        let adds = of.one_way - below.one_way;
        let floors = Floor::ALL.into_iter().filter_map(|floor| {
            let times = taken(survey, of, floor) - taken(survey, below, floor);
            let alone = cell(survey, floor.name(), 1).filter(|_| times.abs() > 0.05)?.one_way;
            Some(Taken { floor, times, alone })
        });
        let floors: Vec<Taken> = floors.collect();
        let all: f64 = floors.iter().map(Taken::cost).sum();
        // Where the level is cheaper, its whole bar is of what the level below has, too; where the floors take more than
        // the step, they share its length.
        let step = adds.max(0.0);
        let drawn: f64 = floors.iter().map(|of| of.cost().max(0.0)).sum();
        let scale = if drawn > step { step / drawn } else { 1.0 };
        let told = |what: &str, cost: f64| format!("{} {what}", signed(quantity, cost));
        let mut parts = vec![(BELOW, below.one_way.min(of.one_way), told(over, below.one_way))];
        parts.extend(floors.iter().map(|of| {
            let sign = if of.times < 0.0 { "−" } else { "" };
            let text = format!("{sign}{:.1} times {}", of.times.abs(), told(of.floor.name(), of.alone));
            (kind(of.floor), of.cost().max(0.0) * scale, text)
        }));
        parts.push((REST, (step - drawn).max(0.0), told("besides", adds - all)));
        let note = note(quantity, &floors, (adds, over));
        Some(Row { label: of.series.clone(), text: added(quantity, adds, over), note, parts })
    };
    let group = |(title, cpus): (&str, u64)| shares::Group {
        title: title.into(),
        rows: cells_of(survey, cpus).filter_map(|of| row(of, cpus)).collect(),
    };
    let groups = PLACES.map(group).into_iter().filter(|group| !group.rows.is_empty());
    let groups: Vec<shares::Group> = groups.collect();
    let has = |kind: &Kind| {
        let rows = groups.iter().flat_map(|group| &group.rows);
        rows.flat_map(|row| &row.parts).any(|(of, ..)| of == kind)
    };
    let kinds = [BELOW].into_iter().chain(Floor::ALL.map(kind)).chain([REST]);
    let kinds: Vec<Kind> = kinds.filter(has).collect();
    shares::figure(&format!("{id}-steps"), STEPS, &kinds, &groups)
}

/// A floor in a step: how often the level takes it beyond the one below, and what it takes alone.
struct Taken {
    floor: Floor,
    times: f64,
    alone: f64,
}

impl Taken {
    fn cost(&self) -> f64 {
        self.times * self.alone
    }
}

/// What a bar has no room for: that its level is cheaper than the one below, and by how much the floors of its step are
/// more than that.
fn note(quantity: Quantity, floors: &[Taken], (adds, over): (f64, &str)) -> String {
    let mut told = Vec::new();
    if adds < 0.0 {
        told.push(format!("cheaper than {over} by {}", quantity.text(-adds)));
    }
    let all: f64 = floors.iter().map(Taken::cost).sum();
    if !floors.is_empty() && all > adds {
        let names: Vec<&str> = floors.iter().map(|of| of.floor.name()).collect();
        let take = if names.len() == 1 { "takes" } else { "take" };
        told.push(format!(
            "{} alone {take} {}, {} more than the step",
            names.join(" and "),
            signed(quantity, all),
            quantity.text(all - adds)
        ));
    }
    told.join("; ")
}

const STEPS: &str = "What the cost of each level is made of";

/// How the bars of the steps are read.
const READ_AS: &str = "Below, each bar is the whole cost of its level: what the level below costs, and the step to this \
    one. A floor in a step is as long as it takes alone, times how often a handoff takes it; what is left of the step is \
    checks, queues, registers, and what a floor makes dearer behind it, as an empty TLB does. Where the floors alone take \
    more than the step, they share its length, and the row says how much more; a bar without a step is of a level that \
    costs no more than the one below, and the row says how much less. Across CPUs there is no vm-round-trip: what builds \
    on it is told over task there, the nearest level with that form.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::points as golden_points;
    use crate::report::testing;
    use crate::{golden, report};

    fn host() -> EmbeddedRun {
        let bench = levels::testing::sample();
        let kept = show::json(&bench, &judge(&bench).unwrap()).unwrap();
        let mut run = EmbeddedRun { name: "a-host".into(), files: Vec::new() };
        run.push(FILE.into(), kept.into_bytes());
        run
    }

    fn kernel() -> EmbeddedRun {
        testing::run(&golden::ended(golden_points::hierarchy(5, Unit::Time)), Some(&testing::manifest()))
    }

    #[test]
    fn page_has_both_hierarchies_and_the_guesses_side_by_side() {
        let page = report::render(&[kernel(), host()]).unwrap();
        assert!(page.no_result.is_none());
        for told in [
            "This kernel, emulated",
            "This Linux",
            "What each level adds",
            "The guesses, and what was measured",
        ] {
            assert!(page.html.contains(told), "{told}");
        }
        assert!(page.html.contains("KVM: the canary did not end"), "why a row is missing");
        assert_eq!(report::embedded(&page.html).unwrap(), [kernel(), host()]);
    }

    #[test]
    fn step_to_a_level_has_the_floors_that_it_takes_more_of_than_the_level_below() {
        let page = testing::run(
            &golden::ended(golden_points::levels(Unit::Instructions)),
            Some(&testing::manifest()),
        );
        let page = report::render(&[page]).unwrap().html;
        let (_, figure) = page.split_once("What the cost of each level is made of</figcaption>").unwrap();
        let (_, told) = figure.split_once("<desc").unwrap();
        let told = told.split_once("</desc>").unwrap().0;
        for row in [
            "fiber +10 over call (10 call, 10 besides)",
            "thread +600 over task, xsave-pair alone takes 700, 100 more than the step (60 task, 1.0 times 700 xsave-pair, \
             −100 besides)",
            "thread-lazy +40 over task (60 task, 1.0 times 700 xsave-pair",
            "thread-lazy-used +1,000 over thread-lazy (100 thread-lazy, 1.0 times 700 xsave-pair, 300 besides)",
            "thread-user +200 over thread (660 thread, 2.0 times 50 system-call, 100 besides)",
            "process +1,200 over task (60 task, 2.0 times 50 system-call, 1.0 times 800 cr3-load, 300 besides)",
            // Across CPUs nobody loads CR3, and a floor is what it is on one.
            "process +400 over task (3,000 task, 2.0 times 50 system-call, 300 besides)",
            // What the level below takes, too, is no part of the step.
            "container-filter +100 over process (1,260 process, 100 besides)",
            "container-filter-arguments −60 over container-filter, cheaper than container-filter by 60 (1,360 \
             container-filter, −60 besides)",
            // There is none of the level below in this form.
            "vm +5,000 over task (3,000 task, 5,000 besides)",
        ] {
            let is_lazy = row.starts_with("thread-lazy +");
            assert_eq!(told.contains(row), !is_lazy, "{row}: {told}");
        }
    }

    #[test]
    fn plot_that_can_not_be_drawn_says_why_on_the_page() {
        let call = golden_points::Place { series: "call", at: vec![("cpus", 1)], ticks: 10, also: vec![] };
        let records = golden_points::survey("hierarchy", Unit::Time, 2, 1, &[call]);
        let run = testing::run(&golden::ended(records), Some(&testing::manifest()));
        let page = report::render(&[run]).unwrap().html;
        let why = "No plot of what the cost of each level is made of: there is nothing that has parts.";
        assert!(page.contains(why) && page.contains("What each level adds, on"), "the one is drawn");
        assert!(!page.contains("each bar is the whole"), "nothing is to be read");
    }

    #[test]
    fn either_hierarchy_has_a_page_alone() {
        for run in [kernel(), host()] {
            let page = report::render(&[run]).unwrap().html;
            assert!(page.contains("not measured") && page.contains("The guesses, and what was measured"));
        }
    }

    #[test]
    fn host_json_that_was_changed_is_refused() {
        let mut run = host();
        let text = run.files[0].text.replacen("refuted", "confirmed", 1);
        run.files.clear();
        run.push(FILE.into(), text.into_bytes());
        let error = report::render(&[run]).unwrap_err();
        assert_eq!(crate::status::status_of(&error), Status::InvalidLog);
    }
}
