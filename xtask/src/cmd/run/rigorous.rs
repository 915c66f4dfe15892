//! Rigorous mode of `run`: boots the kernel again and again, each time with the modes in another order,
//! until there are enough boots, and shows what they come to.

use std::fs;
use std::process::ExitCode;
use std::time::SystemTime;

use super::boot::Boot;
use super::{Args, Prepared, cannot_write};
use crate::cmd::options::Repeat;
use crate::cmd::output::render_boots;
use crate::exit::Outcome;
use crate::interrupt;
use crate::judged::Found;
use crate::progress::{BootsProgress, Style};
use crate::qemu::Config;
use crate::rigorous::{
    self, BootEntry, BootResult, Boots, End, Findings, Goal, LEAST_BOOTS, MOST_BOOTS, Step,
};
use crate::status::{Refusal, Status};

/// How often to boot.
#[derive(clap::Args)]
#[command(next_help_heading = "Rigorous mode")]
pub(super) struct RigorousArgs {
    /// Boot so often, 1 to 1000, each time a QEMU of its own, and compare the boots: runs of one boot
    /// are not independent of each other [default with the option alone: 10]
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "10", value_parser = clap::value_parser!(u32).range(1..=1000))]
    boots: Option<u32>,
    /// Shuffle the order of the modes by this number, each boot and run in another way; 0 keeps the
    /// order that alternates [default: drawn from the clock, and said]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Go on booting until the 95 % interval of the ratio between the modes is no wider, from end to
    /// end, than this part of the ratio; at least --boots that count (10), at most --max-boots
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    until_stable: Option<f64>,
    /// The most boots that --until-stable makes, 1 to 1000 [default: 50]
    #[arg(long, value_name = "N", requires = "until_stable", value_parser = clap::value_parser!(u32).range(1..=1000))]
    max_boots: Option<u32>,
}

fn percent(text: &str) -> Result<f64, String> {
    let allowed = || "a number above 0 is expected, up to 100, like 5 or 0.5".to_owned();
    let number: f64 = text.parse().map_err(|_| allowed())?;
    if number > 0.0 && number <= 100.0 { Ok(number) } else { Err(allowed()) }
}

impl RigorousArgs {
    /// How often a job is booted.
    pub(super) const fn repeat(&self) -> Repeat {
        if self.boots.is_some() || self.until_stable.is_some() { Repeat::Many } else { Repeat::One }
    }

    /// Holds the options against the others.
    ///
    /// # Errors
    ///
    /// Status 2.
    pub(super) fn check(&self, args: &Args) -> anyhow::Result<()> {
        let refuse = |what: &str| Err(Refusal::usage(what.to_owned()));
        if self.repeat() == Repeat::One {
            return match self.seed {
                Some(_) => {
                    refuse("--seed without --boots: it shuffles the order from boot to boot; add --boots")
                }
                None => Ok(()),
            };
        }
        if args.guest.kernel.is_some() {
            return refuse(
                "--boots with --kernel: what is compared are the modes of the laboratory's own kernel",
            );
        }
        if args
            .guest
            .append
            .as_deref()
            .is_some_and(|words| words.split_whitespace().any(|word| word.starts_with("seed=")))
        {
            return refuse(
                "--append seed= with --boots: each boot gets a seed of its own; --seed S sets what they are drawn from",
            );
        }
        if self.until_stable.is_some() && args.guest.smp == 1 {
            return refuse("--until-stable with --smp 1: without a cross-core mode there is no ratio");
        }
        match self.goal() {
            Goal::Stable { least, most, .. } if least > most => Err(Refusal::usage(format!(
                "--max-boots {most}: at least --boots {least} have to count; give more"
            ))),
            _ => Ok(()),
        }
    }

    fn goal(&self) -> Goal {
        let boots = self.boots.unwrap_or(LEAST_BOOTS);
        match self.until_stable {
            None => Goal::Boots { boots },
            Some(percent) => {
                let most = self.max_boots.unwrap_or(MOST_BOOTS.max(boots));
                Goal::Stable { percent, least: boots, most }
            }
        }
    }
}

impl Prepared<'_> {
    /// Boots our kernel until there are enough boots, and shows what they come to.
    pub(super) fn rigorous(mut self) -> anyhow::Result<ExitCode> {
        let args = &self.args.rigorous;
        let seed = args.seed.unwrap_or_else(|| rigorous::drawn(SystemTime::now()));
        let mut boots = Boots::new(&self.args.experiment.experiment, seed, args.goal());
        self.say(&format!("seed: {seed}"));
        self.measure_floor()?;
        let mut progress = BootsProgress::new(Style::suiting(self.args.quiet), boots.goal);
        let mut results = Vec::new();
        let ended = self.boot_all(&mut boots, &mut results, &mut progress);
        progress.finish();
        let (status, kept) = ended?;
        boots.end = Some(End { status: status.code(), outcome: self.outcome_of(status, boots.boots.len()) });
        let findings = Findings::new(&boots, &results);
        let kept = kept.and(boots.write(&self.folder)).and(findings.write(&self.folder));
        // Less than was asked for is no result; what is whole is not lost.
        if !matches!(status, Status::Pass | Status::Unstable) {
            self.say_what_is_whole(&boots);
            return Ok(self.end(status, kept));
        }
        let shown = self.show_figures(render_boots(self.args.format, &findings))?;
        let kept = match (status, shown) {
            (Status::Pass, Status::Unstable) => {
                let outcome = "all boots are void, and a tracker wanted figures".into();
                boots.end = Some(End { status: shown.code(), outcome });
                kept.and(boots.write(&self.folder))
            }
            _ => kept,
        };
        Ok(self.end(self.trace(&BootResult::middle(&results))?.or(status).or(shown), kept))
    }

    /// Boots until it is enough, or one fails: the status that it ends with.
    fn boot_all(
        &self,
        boots: &mut Boots,
        results: &mut Vec<BootResult>,
        progress: &mut BootsProgress,
    ) -> anyhow::Result<(Status, anyhow::Result<()>)> {
        loop {
            boots.write(&self.folder).map_err(|error| cannot_write(&self.args.out, &error))?;
            let findings = Findings::new(boots, results);
            let step = findings.step();
            progress.step(step, &findings.tally);
            match step {
                Step::Complete | Step::Stable => return Ok((Status::Pass, Ok(()))),
                Step::OutOfReach { .. } => return Ok((Status::Unstable, Ok(()))),
                Step::GoOn { .. } => {}
            }
            let number = u32::try_from(results.len()).unwrap_or(u32::MAX).saturating_add(1);
            let (status, kept) = self.boot_one(number, boots, results, progress)?;
            if status != Status::Pass || kept.is_err() {
                return Ok((status, kept));
            }
            // Between two boots there is no QEMU that Ctrl-C could end.
            if interrupt::came() {
                eprintln!("interrupted");
                return Ok((Status::Interrupted, kept));
            }
        }
    }

    fn boot_one(
        &self,
        number: u32,
        boots: &mut Boots,
        results: &mut Vec<BootResult>,
        progress: &mut BootsProgress,
    ) -> anyhow::Result<(Status, anyhow::Result<()>)> {
        let seed = rigorous::of_boot(boots.seed, number);
        let entry = BootEntry { number, folder: rigorous::folder_name(number), seed };
        let folder = self.folder.join(&entry.folder);
        fs::create_dir(&folder).map_err(|error| cannot_write(&self.args.out, &error))?;
        let command_line = format!("{} seed={seed}", self.config.command_line);
        let config = Config { command_line, ..self.config.clone() };
        let mut boot = Boot::new(config, &self.manifest, folder, self.deadline);
        if number == 1 {
            self.say(&format!("$ {}", boot.command()));
        }
        progress.start(number);
        boot.measure(progress, |boot, judged, kept| match judged.and_then(Found::classic) {
            Ok(of_boot) => {
                results.push(BootResult::new(&entry, &of_boot, Some(&boot.manifest))?);
                boots.boots.push(entry);
                Ok((Status::Pass, kept))
            }
            Err(outcome) => Ok((outcome.status(), kept)),
        })
    }

    fn outcome_of(&self, status: Status, whole: usize) -> String {
        match status {
            Status::Pass => Outcome::Pass.to_string(),
            Status::Unstable => "--until-stable was not reached".into(),
            Status::Interrupted => format!("interrupted in boot {}", whole + 1),
            _ => format!("boot {} ended it, with status {}", whole + 1, status.code()),
        }
    }

    fn say_what_is_whole(&self, boots: &Boots) {
        let folder = self.folder.display();
        match boots.boots.len() {
            0 => eprintln!("no boot is whole; what came is kept: {folder}"),
            1 => eprintln!("1 boot is whole and kept: cargo xtask replay {folder}"),
            whole => eprintln!("{whole} boots are whole and kept: cargo xtask replay {folder}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_is_a_part_of_the_whole() {
        assert_eq!((percent("5"), percent("0.5"), percent("100")), (Ok(5.0), Ok(0.5), Ok(100.0)));
        for text in ["0", "-1", "100.1", "NaN", "inf", "5%", ""] {
            assert!(percent(text).unwrap_err().contains("up to 100"), "{text}");
        }
    }

    #[test]
    fn goal_is_what_was_asked_for() {
        let none = RigorousArgs { boots: None, seed: None, until_stable: None, max_boots: None };
        assert_eq!(none.repeat(), Repeat::One);
        let boots = RigorousArgs { boots: Some(7), ..none };
        assert_eq!((boots.repeat(), boots.goal()), (Repeat::Many, Goal::Boots { boots: 7 }));
        let stable = RigorousArgs { boots: None, until_stable: Some(5.0), ..boots };
        assert_eq!(stable.goal(), Goal::Stable { percent: 5.0, least: 10, most: 50 });
        let many = RigorousArgs { boots: Some(80), ..stable };
        assert_eq!(many.goal(), Goal::Stable { percent: 5.0, least: 80, most: 80 });
    }
}
