//! A run drawn at random: of the same seed and number always the same, so that a miss can be made again.

use clap::Parser;
use switchlab_core::random::SplitMix64;

use super::super::options::{EXPERIMENTS, ExperimentArgs, GuestArgs, Repeat};
use crate::survey::about::{About, Takes};

/// The most numbers that one run takes of its stream.
const NUMBERS: u64 = 1 << 16;
/// The most CPUs of an experiment that measures each pair of them.
const MATRIX_CPUS: u64 = 6;
/// How long each point of an experiment with many is measured at most: milliseconds, or millions of instructions.
const BUDGETS: [u64; 3] = [1, 5, 20];

/// A drawn run, as options of `run`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// The options.
    pub words: Vec<String>,
    /// Its experiment.
    pub experiment: &'static str,
}

impl Drawn {
    /// The command that makes it again.
    pub fn command(&self) -> String {
        format!("cargo xtask run {}", self.words.join(" "))
    }
}

/// What is drawn is held against what `run` takes by the same check, but for `--trace`, which is of no matter to it.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    experiment: ExperimentArgs,
    #[command(flatten)]
    guest: GuestArgs,
    #[arg(long)]
    trace: Option<u64>,
}

/// The run of this number, from 0.
///
/// # Panics
///
/// No draw of many is one that `run` takes: the drawing is wrong.
pub fn draw(seed: u64, number: u64) -> Drawn {
    let mut stream = Stream(SplitMix64::new(seed).skip(number.wrapping_mul(NUMBERS)));
    for _ in 0..1_000 {
        let drawn = stream.draw_one();
        if is_taken(&drawn.words) {
            return drawn;
        }
    }
    panic!("seed {seed}, run {number}: nothing that was drawn is taken by `run`");
}

/// Whether `run` takes it.
fn is_taken(words: &[String]) -> bool {
    let words = [String::new()].into_iter().chain(words.iter().cloned());
    Options::try_parse_from(words).is_ok_and(|Options { experiment, guest, .. }| {
        experiment.check(guest.smp, guest.manner(Repeat::One)).is_ok() && guest.check().is_ok()
    })
}

struct Stream(SplitMix64);

impl Stream {
    /// One of `from` to `to`, both included.
    fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.0.draw() % (to - from + 1)
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.between(0, all.len() as u64 - 1) as usize]
    }

    /// Each magnitude as often as the others.
    fn of_any_magnitude(&mut self, most: u64) -> u64 {
        let magnitude = self.between(0, u64::from(most.ilog2()));
        self.between(1 << magnitude, ((2 << magnitude) - 1).min(most))
    }

    fn subset(&mut self, all: &[&str]) -> String {
        let mut chosen: Vec<&str> = all.iter().copied().filter(|_| self.between(0, 1) == 1).collect();
        if chosen.is_empty() {
            chosen.push(self.one_of(all));
        }
        chosen.join(",")
    }

    fn draw_one(&mut self) -> Drawn {
        let experiment = self.one_of(&EXPERIMENTS);
        let mut words = vec!["--experiment".to_owned(), experiment.to_owned()];
        let mut add = |option: &str, value: String| words.extend([option.to_owned(), value]);
        let cpus = match (experiment, self.between(0, 1)) {
            ("matrix", _) => self.between(2, MATRIX_CPUS),
            // Of which one CPU is none.
            ("wait" | "ring" | "fan", 0) => self.one_of(&[2, 3, 4, 12]),
            ("wait" | "ring" | "fan", _) => self.between(2, 64),
            (_, 0) => self.one_of(&[1, 2, 3, 4, 12]),
            _ => self.between(1, 64),
        };
        add("--smp", cpus.to_string());
        add("--machine", self.one_of(&["pc", "q35"]).into());
        add("--runs", self.between(1, 2).to_string());
        let most = if experiment == "classic" { 100_000 } else { 10_000 };
        add("--exchanges", self.of_any_magnitude(most).to_string());
        add("--warm-up", self.between(0, 300).to_string());
        if experiment == "classic" {
            add("--samples", self.of_any_magnitude(10_000).to_string());
        } else if About::of(experiment).is_some_and(|about| about.takes(Takes::Budget)) {
            add("--budget", self.one_of(&BUDGETS).to_string());
        }
        let takes_pair = About::of(experiment).is_none_or(|about| about.takes(Takes::Pair));
        if takes_pair && cpus > 1 && self.between(0, 1) == 1 {
            let first = self.between(0, cpus - 1);
            let second = (first + self.between(1, cpus - 1)) % cpus;
            add("--pair", format!("{first},{second}"));
        }
        if matches!(experiment, "wait" | "matrix") {
            add("--ways", self.subset(&["halt", "spin", "spin-pause", "spin-halt"]));
        }
        if experiment == "policy" {
            add("--policy", self.subset(&["round-robin", "lifo", "stealing"]));
        }
        if matches!(experiment, "policy" | "scale") {
            add("--tasks", self.of_any_magnitude(512).max(2).to_string());
        }
        if experiment == "classic" {
            // Which would take a kernel of its own where instructions are counted.
            words.extend(["--trace", "0"].map(str::to_owned));
        }
        match self.between(0, 3) {
            0 => words.push("--deterministic".into()),
            1 => words.extend(["--accel", "tcg", "--tcg-thread", "multi"].map(str::to_owned)),
            _ => words.extend(["--accel", "tcg"].map(str::to_owned)),
        }
        Drawn { words, experiment }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn same_seed_and_number_draw_the_same_run_and_others_others() {
        let runs: Vec<Drawn> = (0..200).map(|number| draw(7, number)).collect();
        assert_eq!(runs, (0..200).map(|number| draw(7, number)).collect::<Vec<_>>());
        let apart: BTreeSet<String> = runs.iter().map(Drawn::command).collect();
        assert!(apart.len() > 190, "{} of 200", apart.len());
        assert_ne!(draw(8, 0), runs[0]);
    }

    #[test]
    fn every_experiment_and_way_to_run_is_drawn() {
        let commands: Vec<String> = (0..300).map(|number| draw(1, number).command()).collect();
        let drawn = |what: &str| commands.iter().any(|command| command.contains(what));
        for experiment in EXPERIMENTS {
            assert!(drawn(&format!("--experiment {experiment}")), "{experiment}");
        }
        for what in
            ["--deterministic", "multi", "q35", "--smp 1 ", "--smp 64 ", "--pair ", "spin-halt", "stealing"]
        {
            assert!(drawn(what), "{what}");
        }
    }

    #[test]
    fn what_run_refuses_is_not_taken() {
        let taken = |words: &str| is_taken(&words.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert!(taken("--experiment ring --smp 3 --pair 2,0"));
        for refused in ["--experiment ring --smp 3 --pair 2,3", "--experiment classic --budget 5", "--smp 65"]
        {
            assert!(!taken(refused), "{refused}");
        }
    }
}
