//! Whether `compare` tells the truth, on what real boots measured: false alarms where nothing differs,
//! power where a difference is planted, and intervals that cover it. The values stand in
//! `data/boots.csv`, with where they come from; the draws are seeded, so each figure repeats.
//!
//! `real_boots_against_themselves` makes new boots, holds them against each other in the order in which
//! they came, and leaves such a file:
//!
//!     cargo test -p xtask --test truth -- --ignored --nocapture

mod common;

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::golden;
use switchlab_core::random::SplitMix64;
use switchlab_records::{Block, Mode, Pass, Record, Subject, read_log};
use xtask::compare::{Basis, Boot, Compared, Direction, Finding, Row, Side, compare, find};
use xtask::results::Results;

/// How many comparisons a share is taken of.
const TRIALS: usize = 200;
/// How many boots a side has (METHOD: rigorous mode): enough to find 5 % on the host that the values
/// come from.
const BOOTS: usize = 10;
/// The fewest with which a false alarm is as rare as it should be.
const FEW_BOOTS: usize = 6;
/// More than anyone takes there: false alarms must not grow with the boots.
const MANY_BOOTS: usize = 30;

#[test]
fn a_against_a_is_called_different_in_at_most_one_of_twenty() {
    let pool = pool(1.0);
    for boots in [FEW_BOOTS, BOOTS, MANY_BOOTS] {
        let tally = tally(&pool, &pool, boots);
        println!("A/A, {boots} boots: {tally}");
        assert!(tally.alarms * 20 <= TRIALS, "{boots} boots: {tally}");
    }
}

#[test]
fn twenty_percent_are_called_slower_nineteen_times_of_twenty() {
    let tally = tally(&pool(1.0), &pool(1.2), BOOTS);
    println!("+20 %, {BOOTS} boots: {tally}");
    for row in &tally.rows {
        assert!(row.slower * 20 >= TRIALS * 19, "{tally}");
        assert_eq!(row.faster, 0, "{tally}");
    }
}

#[test]
fn five_percent_are_called_slower_four_times_of_five() {
    let tally = tally(&pool(1.0), &pool(1.05), BOOTS);
    println!("+5 %, {BOOTS} boots: {tally}");
    for row in &tally.rows {
        assert!(row.slower * 5 >= TRIALS * 4, "{tally}");
        assert_eq!(row.faster, 0, "{tally}");
    }
}

#[test]
fn intervals_cover_a_planted_ratio_nine_times_of_ten() {
    for (ratio, boots) in [(0.8, BOOTS), (1.05, BOOTS), (1.2, BOOTS), (1.05, BOOTS), (30.0, BOOTS)] {
        let mut tally = Tally::default();
        trials(&pool(1.0), &pool(ratio), boots, |compared| tally.count(compared, ratio));
        for row in &tally.rows {
            assert!(row.covered * 10 >= TRIALS * 9, "{ratio}, {boots} boots: {tally}");
        }
    }
}

#[test]
fn planted_instructions_are_recovered_by_one_boot_each_time() {
    // What a run measured does not matter where counts repeat: each boot is the same.
    for more in [1_u64, 10, 100] {
        let boot = |more: u64| {
            let unit = switchlab_records::Unit::Instructions;
            boot(golden::classic_in(unit, 12, 1, 1_000), |block| {
                block.ticks = (block.exchanges * 2) * (83 + more)
            })
        };
        let [a, b] = [0, more].map(|more| side(vec![boot(more)]));
        let compared = compare(&a, &b, &[]).expect("comparable");
        assert_eq!(compared.basis, Basis::Exact);
        for row in &compared.rows {
            let Finding::Exact(exact) = &row.finding else { panic!("{row:?}") };
            assert_eq!((exact.more_in_a_switch, row.finding.direction()), (more as f64, Direction::Worse));
        }
    }
}

#[test]
#[ignore = "prints the figures of kernel/docs/measurement.md, in a minute"]
fn figures_of_the_documentation() {
    let least = |tally: &Tally| tally.rows.iter().map(|row| row.slower).min().unwrap_or_default();
    for boots in [5, 6, 8, 10, 20, 30] {
        let alike = tally(&pool(1.0), &pool(1.0), boots);
        let slower = [1.02, 1.05, 1.2].map(|ratio| least(&tally(&pool(1.0), &pool(ratio), boots)));
        println!("{boots} boots: +2, +5, +20 % called slower in the worst row {slower:?}; A/A: {alike}");
    }
}

/// Boots of a side where real boots are held against each other as they came.
const NEIGHBOURS: usize = FEW_BOOTS;

#[test]
#[ignore = "boots 240 times, ten minutes of a calm host; or reads the boots in the folder SWITCHLAB_AA_BOOTS"]
fn real_boots_against_themselves() {
    let folder = env::var_os("SWITCHLAB_AA_BOOTS").map_or_else(make_boots, PathBuf::from);
    let runs = folder.parent().expect("it stands somewhere");
    let boots = find(&folder.display().to_string(), runs).expect("boots of one build").boots;
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("boots.csv");
    fs::write(&file, csv_of(&boots)).expect("can be written");
    println!("{} boots in {}; their values: {}", boots.len(), folder.display(), file.display());
    let neighbours = in_order(&boots, NEIGHBOURS);
    println!("{NEIGHBOURS} boots against the {NEIGHBOURS} that followed: {neighbours}");
    println!("the runs of a boot against those of the next: {}", in_order(&boots, 1));
    assert!(neighbours.comparisons >= 10 && neighbours.alarms * 20 <= neighbours.comparisons, "{neighbours}");
}

fn make_boots() -> PathBuf {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("a-against-a");
    let words = [
        "run",
        "--boots",
        "240",
        "--runs",
        "10",
        "--exchanges",
        "20000",
        "--quiet",
        "--format",
        "csv",
        "--out",
    ];
    let done =
        Command::new(env!("CARGO_BIN_EXE_xtask")).args(words).arg(&out).output().expect("xtask starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    fs::canonicalize(out.join("latest")).expect("a run")
}

/// Each group of `size` boots against the group that came next, no boot twice.
fn in_order(boots: &[Boot], size: usize) -> Tally {
    let mut tally = Tally::default();
    for both in boots.chunks_exact(2 * size) {
        let (a, b) = both.split_at(size);
        match compare(&side(a.to_vec()), &side(b.to_vec()), &[]) {
            Ok(compared) => tally.count(&compared, 1.0),
            Err(why) => println!("left out: {why}"),
        }
    }
    tally
}

/// The values of `boots` as this test reads them.
fn csv_of(boots: &[Boot]) -> String {
    let manifest = |boot: &Boot| boot.manifest.clone().expect("runs have one");
    let (first, last) = (manifest(&boots[0]), manifest(boots.last().expect("there are")));
    let mut text = format!(
        "# What {} boots measured, from {} to {}: ticks of each run's block of handoffs in the batch pass.\n",
        boots.len(),
        first.started,
        last.started
    );
    // What is the same for all boots.
    const LABELS: [&str; 6] = ["Accelerator", "QEMU", "CPU model", "Host", "vCPUs", "Sources"];
    for (label, condition) in first.conditions().iter().filter(|(label, _)| LABELS.contains(label)) {
        let _ = writeln!(text, "# {label}: {condition}");
    }
    let _ = writeln!(text, "# Kernel: SHA-256 {}", first.kernel.sha256);
    let busy = boots.iter().filter_map(|boot| manifest(boot).watch?.host_busy_percent);
    let (least, most) =
        busy.fold((100.0_f64, 0.0_f64), |(least, most), percent| (least.min(percent), most.max(percent)));
    let _ = writeln!(text, "# Host load, over all boots: {least} to {most} % of its CPU time went to others");
    let mut rows = String::new();
    let (mut runs, mut void) = (0, 0);
    for (boot, number) in boots.iter().zip(1..) {
        let log = fs::read_to_string(&boot.log).expect("was read before");
        let results = Results::from_log(&read_log(&log)).expect("was one before");
        let watch = manifest(boot).watch;
        for run in 1..=results.plan.runs {
            runs += 1;
            let is_void = |mode| {
                let watch = watch.as_ref();
                watch.is_some_and(|watch| watch.is_void(run, mode, Subject::Handoff, Pass::Batch))
            };
            if MODES.into_iter().any(is_void) {
                void += 1;
                continue;
            }
            let [same, cross, switch] =
                MODES.map(|mode| results.block(run, mode).expect("measured").block.ticks);
            let _ = writeln!(rows, "{number},{run},{same},{cross},{switch}");
        }
    }
    let _ = writeln!(text, "# {runs} runs, of which {void} were void and are left out");
    text + "boot,run,same_core_ticks,cross_core_ticks,switch_ticks\n" + &rows
}

/// Where the values are.
fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/boots.csv")
}

const MODES: [Mode; 3] = [Mode::SameCore, Mode::CrossCore, Mode::Switch];

/// The ticks of each mode, of each run, of each boot.
fn values() -> Vec<Vec<[u64; 3]>> {
    let reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_path(data());
    let mut boots: Vec<Vec<[u64; 3]>> = Vec::new();
    for row in reader.expect("there is one").into_deserialize() {
        let (boot, _run, same, cross, switch): (usize, u32, u64, u64, u64) = row.expect("as the header says");
        boots.resize(boots.len().max(boot), Vec::new());
        boots[boot - 1].push([same, cross, switch]);
    }
    assert!(boots.len() >= 2 * MANY_BOOTS && boots.iter().all(|boot| !boot.is_empty()));
    boots
}

/// Every real boot, as if all that it measured had taken `ratio` times as long.
///
/// The file has no values of `free`. Its handoffs stay on one CPU, so for it stands what the boot before took
/// for same-core: values that are no row's of this boot.
fn pool(ratio: f64) -> Vec<Boot> {
    let values = values();
    let before = values.iter().cycle().skip(values.len() - 1);
    let boots = values.iter().zip(before).map(|(runs, before)| {
        let records = golden::classic(12, runs.len() as u32, 20_000);
        boot(records, |block| {
            let run = block.run as usize - 1;
            let ticks = match MODES.iter().position(|mode| *mode == block.mode) {
                Some(mode) => runs[run][mode],
                None => before[run % before.len()][0],
            };
            block.ticks = (ticks as f64 * ratio).round() as u64;
        })
    });
    boots.collect()
}

/// The boot that leaves these records, without the sampled pass, and with other ticks in its handoffs.
fn boot(mut records: Vec<Record<'static>>, ticks: impl Fn(&mut Block)) -> Boot {
    records.retain(|record| match record {
        Record::Block(block) => block.pass == Pass::Batch,
        Record::Histogram(_) => false,
        _ => true,
    });
    for record in &mut records {
        match record {
            Record::Plan(plan) => (plan.blocks, plan.samples) = (plan.blocks / 2, 0),
            Record::Block(block) if block.subject == Subject::Handoff => ticks(block),
            _ => {}
        }
    }
    let text = golden::ended(records);
    Boot::new("drawn".into(), &Results::from_log(&read_log(&text)).expect("a result"), None)
}

fn side(boots: Vec<Boot>) -> Side {
    Side { name: "drawn".into(), boots }
}

/// Compares sides of `boots` boots, drawn from `a` and from `b`, no real boot in both.
fn trials(a: &[Boot], b: &[Boot], boots: usize, mut see: impl FnMut(&Compared)) {
    let mut draw = Draw(SplitMix64::new(20));
    for _ in 0..TRIALS {
        let drawn = draw.different(2 * boots, a.len());
        let side_of =
            |pool: &[Boot], drawn: &[usize]| side(drawn.iter().map(|boot| pool[*boot].clone()).collect());
        let (a, b) = (side_of(a, &drawn[..boots]), side_of(b, &drawn[boots..]));
        see(&compare(&a, &b, &[]).expect("comparable"));
    }
}

fn tally(a: &[Boot], b: &[Boot], boots: usize) -> Tally {
    let mut tally = Tally::default();
    trials(a, b, boots, |compared| tally.count(compared, 1.0));
    tally
}

/// What a number of comparisons came to.
#[derive(Default)]
struct Tally {
    comparisons: usize,
    /// Those in which any row differs.
    alarms: usize,
    rows: Vec<RowTally>,
}

#[derive(Default)]
struct RowTally {
    name: String,
    slower: usize,
    faster: usize,
    covered: usize,
    widths: Vec<f64>,
}

impl Tally {
    fn count(&mut self, compared: &Compared, truth: f64) {
        self.comparisons += 1;
        let differs = |row: &Row| [Direction::Worse, Direction::Better].contains(&row.finding.direction());
        self.alarms += usize::from(compared.rows.iter().any(differs));
        self.rows.resize_with(compared.rows.len(), RowTally::default);
        for (tally, row) in self.rows.iter_mut().zip(&compared.rows) {
            let Finding::Estimated(comparison) = &row.finding else { panic!("{row:?}") };
            tally.name.clone_from(&row.name);
            tally.slower += usize::from(row.finding.direction() == Direction::Worse);
            tally.faster += usize::from(row.finding.direction() == Direction::Better);
            tally.covered +=
                usize::from(comparison.interval.is_some_and(|interval| interval.includes(truth)));
            tally.widths.extend(comparison.relative_width());
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} differ in a row", self.alarms, self.comparisons)?;
        for row in &self.rows {
            let mut widths = row.widths.clone();
            widths.sort_unstable_by(f64::total_cmp);
            let width = widths.get(widths.len() / 2).copied().unwrap_or(f64::NAN) * 100.0;
            let RowTally { name, slower, faster, covered, .. } = row;
            write!(f, "; {name}: {slower} slower, {faster} faster, {covered} cover, width {width:.1} %")?;
        }
        Ok(())
    }
}

/// Enough to draw boots, and the same on every host.
struct Draw(SplitMix64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.0.draw()) * end as u128) >> 64) as usize
    }

    /// `count` different numbers below `end`.
    fn different(&mut self, count: usize, end: usize) -> Vec<usize> {
        let mut all: Vec<_> = (0..end).collect();
        (0..count).for_each(|place| {
            let other = place + self.below(end - place);
            all.swap(place, other);
        });
        all.truncate(count);
        all
    }
}
