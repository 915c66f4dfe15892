//! Instructions beside time: one more boot, before the one that measures, in which TCG counts them. So that what is told
//! of a level has both: what it takes here, and how much work that is anywhere.

use super::side::Side;
use super::{Args, Prepared};
use crate::cmd::options::{ExperimentArgs, Manner, Repeat};
use crate::exit::Outcome;
use crate::judged::SideLog;
use crate::qemu::{Accelerator, Config, TcgThread, Timing};
use crate::status::Status;
use crate::{folder, manifest};

/// How that boot is measured.
const MANNER: Manner = Manner { timing: Timing::Instructions, boots: Repeat::One };

impl Args {
    /// Whether instructions are to be counted beside.
    pub(super) fn counts_beside(&self) -> bool {
        let is_asked_for = self.experiment.about().is_some_and(|about| about.counts_beside);
        is_asked_for && !self.no_instructions && !self.guest.deterministic && self.guest.kernel.is_none()
    }

    /// The same experiment, as long as suits where all exchanges are alike, and no longer than was asked for.
    fn counted(&self) -> ExperimentArgs {
        let of = ExperimentArgs { runs: None, exchanges: None, ..self.experiment.clone() };
        let most = of.size(MANNER).exchanges;
        let exchanges = self.experiment.exchanges.map_or(most, |asked| asked.min(most));
        // In milliseconds.
        ExperimentArgs { exchanges: Some(exchanges), budget: None, ..of }
    }
}

impl Prepared<'_> {
    /// Counts, where that is to be done. Without a log there is nothing to show of it, and its status tells why.
    ///
    /// # Errors
    ///
    /// The folder cannot be written.
    pub(super) fn count(&self) -> anyhow::Result<(Option<SideLog>, Status)> {
        if !self.args.counts_beside() {
            return Ok((None, Status::Pass));
        }
        let experiment = self.args.counted();
        let words = experiment.words(self.args.guest.smp, MANNER);
        let accelerator = Accelerator::Tcg(TcgThread::Single);
        let config = Config {
            accelerator,
            timing: Timing::Instructions,
            // TCG has no model of that name.
            cpu: self.config.cpu.clone().filter(|model| model != "host"),
            command_line: [Some(words), self.args.guest.append.clone()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(" "),
            ..self.config.clone()
        };
        let deadline = self.args.timeout.map_or_else(
            || experiment.deadline(accelerator, self.args.guest.smp, MANNER),
            std::time::Duration::from_secs,
        );
        let files = [folder::INSTRUCTIONS_LOG, manifest::OF_INSTRUCTIONS];
        let mut side = Side::new(self, config, files, deadline)?;
        self.say(&format!(
            "instructions: of the same, counted in a boot of their own (--no-instructions leaves it out)\n$ {}",
            side.command()
        ));
        let came = side.boot()?;
        let log = SideLog { text: came.text.clone(), outcome: came.outcome.clone() };
        let end = match log.survey() {
            Ok(survey) if survey.counts(&self.args.experiment.experiment) => Outcome::Pass,
            Ok(_) => Outcome::InvalidLog("it does not count this experiment's instructions".into()),
            Err(outcome) => outcome,
        };
        side.note(&came, &end)?;
        match end {
            Outcome::Pass => Ok((Some(log), Status::Pass)),
            Outcome::Interrupted => {
                eprintln!("interrupted: nothing was measured; log: {}", side.log.display());
                Ok((None, Status::Interrupted))
            }
            outcome => {
                side.report("instructions", &outcome, &came);
                Ok((None, outcome.status()))
            }
        }
    }
}
