//! The laboratory and Linux in turn, round by round, so that what the host does meanwhile meets both, and a
//! ratio is one of neighbours in time.

use std::collections::BTreeMap;
use std::path::Path;

use switchlab_guest_linux::Exchange;

use super::Absent;
use super::boots::{Guest, LaboratoryBoot, LinuxBoot};
use super::log::System;
use super::ours::Ours;
use crate::exit::Outcome;
use crate::floor;
use crate::status::Refusal;

/// A round in which something has no figure is made up for, as long as no more than so many times the rounds
/// that were asked for have been tried.
const TRIES: u32 = 3;

/// The laboratory's boots of a round: how progress names them, and the names of their logs.
const LABORATORY: [(&str, &str); 2] =
    [("the laboratory", "laboratory"), ("the laboratory's levels", "laboratory-levels")];

/// What is booted.
pub struct Sides {
    /// The laboratory: its experiment `classic`, and its levels.
    pub laboratory: [Guest; 2],
    /// Linux, or why not.
    pub linux: Result<Guest, Absent>,
}

/// What all rounds came to. The n-th values are of the same round.
#[derive(Debug, Default)]
pub struct Series {
    /// Of the laboratory.
    pub laboratory: BTreeMap<Ours, Vec<f64>>,
    /// Of Linux's exchanges.
    pub linux: BTreeMap<Exchange, Vec<f64>>,
    /// Of two threads of the host that wake each other; where each virtual CPU is a thread.
    pub host: Vec<f64>,
    /// One-way handoffs in a timed block of Linux's, in the last round.
    pub handoffs: BTreeMap<Exchange, u64>,
    /// Exchanges between the host's threads, in the last round.
    pub host_exchanges: u64,
    /// The same of the laboratory's, by row.
    pub laboratory_handoffs: BTreeMap<Ours, u64>,
    /// What the laboratory's machine does not have, and why.
    pub laboratory_absent: Vec<(Ours, String)>,
    /// What Linux could not measure, and why.
    pub skipped: Vec<(Exchange, String)>,
    /// What Linux says of itself.
    pub system: Option<System>,
    /// Why Linux has no figures, where it has none.
    pub absent: Option<Absent>,
    /// Rounds that count.
    pub counted: u32,
    /// Rounds that do not, because the host got in the way.
    pub void: u32,
    /// Rounds in which Linux came to no end: one is forgiven.
    pub hung: u32,
    /// The share of the host's CPU time that went to others, in percent, the largest of all boots.
    pub host_busy_percent: Option<f64>,
}

/// Measures so many rounds that count. `hears` hears of each boot: what, how many there were, and how many
/// there will be if no round is void. Logs go to `folder`.
///
/// # Errors
///
/// A boot of the laboratory that did not pass, with its status; Ctrl-C; a log that cannot be written.
pub fn measure(
    sides: &Sides,
    rounds: u32,
    folder: &Path,
    hears: &mut dyn FnMut(&str, u32, u32),
) -> anyhow::Result<Series> {
    let mut series = Series { absent: sides.linux.as_ref().err().cloned(), ..Series::default() };
    let each = sides.laboratory.len() as u32 + u32::from(sides.linux.is_ok());
    for number in 1..=rounds * TRIES {
        if series.counted == rounds {
            break;
        }
        let mut done = series.counted * each;
        let mut laboratory = Vec::new();
        for (guest, (title, name)) in sides.laboratory.iter().zip(LABORATORY) {
            hears(title, done, rounds * each);
            let log = folder.join(format!("round-{number:02}-{name}.log"));
            laboratory.push(guest.boot_laboratory(&log)?.map_err(|outcome| failed(&outcome))?);
            done += 1;
        }
        let linux = match (&sides.linux, &series.absent) {
            (Ok(guest), None) => {
                hears("Linux", done, rounds * each);
                let log = folder.join(format!("round-{number:02}-linux.log"));
                match guest.boot_linux(&log)? {
                    Ok(boot) => Some(boot),
                    Err(Outcome::Interrupted) => return Err(failed(&Outcome::Interrupted)),
                    // Linux was once seen to stop in its boot, with a thread for each virtual CPU.
                    Err(Outcome::TimedOut) if series.hung == 0 => {
                        series.hung += 1;
                        continue;
                    }
                    Err(outcome) => {
                        // A guest that fails once has no figure at all, and costs no more deadlines.
                        let reason = format!("{outcome}; its log: {}", log.display());
                        let status = outcome.status();
                        series.absent = Some(Absent { reason, to_do: String::new(), status });
                        None
                    }
                }
            }
            _ => None,
        };
        let config = &sides.laboratory[0].config;
        let host = match config.accelerator.has_thread_per_cpu() {
            true => Some(floor::measure(config.host_cpus.as_deref())?),
            false => None,
        };
        series.take(&laboratory, linux, host);
    }
    Ok(series)
}

/// The laboratory's own boot did not pass: there is nothing to hold anything against.
fn failed(outcome: &Outcome) -> anyhow::Error {
    Refusal::with(outcome.status(), format!("a boot of the laboratory's own has no figures: {outcome}"))
}

impl Series {
    /// Takes a round, or counts it as void: rounds are pairs, so none counts in part.
    fn take(&mut self, laboratory: &[LaboratoryBoot], linux: Option<LinuxBoot>, host: Option<floor::Floor>) {
        let ours = || laboratory.iter().map(|boot| &boot.values);
        let watches = ours().map(|values| &values.watch).chain(linux.as_ref().map(|boot| &boot.values.watch));
        for watch in watches {
            self.host_busy_percent = match (self.host_busy_percent, watch.host_busy_percent) {
                (Some(one), Some(other)) => Some(one.max(other)),
                (one, other) => one.or(other),
            };
        }
        self.laboratory_absent = laboratory.iter().flat_map(|boot| boot.absent.clone()).collect();
        for boot in laboratory {
            self.laboratory_handoffs.extend(&boot.handoffs);
        }
        if let Some(boot) = &linux {
            self.system = Some(boot.system.clone());
            self.skipped.clone_from(&boot.skipped);
            self.handoffs.clone_from(&boot.handoffs);
        }
        let is_void = ours().any(|values| !values.void.is_empty())
            || linux.as_ref().is_some_and(|boot| !boot.values.void.is_empty());
        if is_void {
            self.void += 1;
            return;
        }
        self.counted += 1;
        for (ours, value) in ours().flat_map(|values| &values.one_way_ns) {
            self.laboratory.entry(*ours).or_default().push(*value);
        }
        for (exchange, value) in linux.iter().flat_map(|boot| &boot.values.one_way_ns) {
            self.linux.entry(*exchange).or_default().push(*value);
        }
        if let Some(floor) = host {
            self.host.push(floor.switch_ns as f64);
            self.host_exchanges = floor.exchanges;
        }
    }
}
