//! What the guest's serial line says, read strictly, and what its end means. Between the records stand the
//! words of Linux.

use switchlab_guest_linux::{Block, Exchange, Record};
use switchlab_records::{FrameError, parse_frame};

use crate::capture::{Ending, LOG_LIMIT};
use crate::exit::Outcome;
use crate::status::Status;

/// A log that is whole.
#[derive(Clone, Debug, PartialEq)]
pub struct GuestLog {
    /// What Linux says of itself.
    pub system: System,
    /// The timed blocks, in order.
    pub blocks: Vec<Block>,
    /// What could not be measured in the guest, and why.
    pub skipped: Vec<(Exchange, String)>,
}

/// What Linux says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct System {
    /// As `uname -r`.
    pub release: String,
    /// The clock source that it took.
    pub clock_source: String,
    /// CPUs that are up.
    pub cpus: u32,
    /// The weaknesses that it works around; empty with mitigations off.
    pub mitigations: String,
}

/// What Linux says when it can not go on.
const PANIC: &str = "Kernel panic - not syncing: ";

/// Judges an end: the log, where it is whole. A guest that is done resets, which ends QEMU with status 0; so
/// does one that panics, so that only a whole log is a pass.
///
/// # Errors
///
/// What became of the guest.
pub fn judge(ending: Ending, log: &str, stderr: &str) -> Result<GuestLog, Outcome> {
    let last =
        |text: &str| text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("").to_owned();
    match ending {
        Ending::Interrupted => return Err(Outcome::Interrupted),
        Ending::Endless => {
            return Err(Outcome::InvalidLog(format!(
                "it grew beyond {} MiB and QEMU was ended",
                LOG_LIMIT >> 20
            )));
        }
        Ending::Exited(1 | 126 | 127) | Ending::Signalled(_) if log.is_empty() => {
            return Err(Outcome::NotStarted(last(stderr)));
        }
        _ => {}
    }
    if let Some(panic) = log.lines().find_map(|line| Some(line.split_once(PANIC)?.1.trim_end())) {
        let program = log.lines().find(|line| line.contains("panicked at")).map(str::trim_end);
        let of = program.map_or_else(String::new, |line| format!(" ({line})"));
        return Err(Outcome::Crashed(format!("Linux panicked: {panic}{of}")));
    }
    match ending {
        Ending::Deadline => Err(Outcome::TimedOut),
        Ending::Still => Err(Outcome::StandsStill),
        Ending::Exited(0) => read(log),
        Ending::Exited(status) => {
            let said = last(stderr);
            Err(Outcome::Crashed(format!(
                "QEMU ended with status {status}, where a guest's reset is 0; it said: {said}"
            )))
        }
        Ending::Signalled(number) => Err(Outcome::Crashed(format!("QEMU was killed by signal {number}"))),
        Ending::Interrupted | Ending::Endless => Err(Outcome::Interrupted),
    }
}

/// Reads a log. Nothing that is wrong makes a shorter result.
fn read(text: &str) -> Result<GuestLog, Outcome> {
    let invalid = |why: String| Outcome::InvalidLog(why);
    let mut reader = Reader::default();
    for (index, line) in text.lines().enumerate() {
        // Linux may have written before it on the same line; a record that it wrote into is torn.
        let Some(frame) = parse_frame(line.trim_end_matches('\r')) else { continue };
        let number = index + 1;
        let frame = frame.map_err(|error| invalid(format!("line {number}: {}", why(&error))))?;
        let record: Record<'_> = serde_json::from_str(frame.json)
            .map_err(|error| invalid(format!("line {number}: no record of the guest's ({error})")))?;
        if frame.sequence != reader.records {
            let due = reader.records;
            return Err(invalid(format!("line {number}: record {} where {due} was due", frame.sequence)));
        }
        reader.take(record).map_err(|outcome| match outcome {
            Outcome::InvalidLog(why) => invalid(format!("line {number}: {why}")),
            outcome => outcome,
        })?;
    }
    match (reader.system, reader.ended) {
        (None, _) => Err(invalid("no record in it".into())),
        (_, false) => Err(invalid("the end record is missing: the log is cut".into())),
        (Some(system), true) => Ok(GuestLog { system, blocks: reader.blocks, skipped: reader.skipped }),
    }
}

fn why(error: &FrameError) -> String {
    match error {
        FrameError::Malformed => "record cut or overwritten".into(),
        FrameError::Version(version) => format!("record format {version}, which this tool does not read"),
        FrameError::Checksum => "wrong checksum".into(),
    }
}

#[derive(Default)]
struct Reader {
    records: u64,
    system: Option<System>,
    blocks: Vec<Block>,
    skipped: Vec<(Exchange, String)>,
    ended: bool,
}

impl Reader {
    fn take(&mut self, record: Record<'_>) -> Result<(), Outcome> {
        let invalid = |why: &str| Err(Outcome::InvalidLog(why.into()));
        self.records += 1;
        match record {
            Record::Failure(failure) => {
                let text = format!("the guest's program says that it failed: {}", failure.what);
                return Err(Outcome::Noted { status: Status::Fail, text });
            }
            _ if self.ended => return invalid("a record after the end record"),
            Record::Boot(_) if self.system.is_some() => return invalid("a second boot record"),
            Record::Boot(boot) => {
                self.system = Some(System {
                    release: boot.release.into_owned(),
                    clock_source: boot.clock_source.into_owned(),
                    cpus: boot.cpus,
                    mitigations: boot.mitigations.into_owned(),
                });
            }
            _ if self.system.is_none() => return invalid("the first record is not the boot record"),
            Record::Block(block) if block.handoffs == 0 || block.elapsed_ns == 0 => {
                return invalid("a block without handoffs, or one that took no time");
            }
            Record::Block(block) => self.blocks.push(block),
            Record::Skipped(skipped) => self.skipped.push((skipped.exchange, skipped.why.into_owned())),
            Record::End(end) if end.records != self.records => {
                let Self { records, .. } = self;
                return invalid(&format!("the end record counts {} records, {records} came", end.records));
            }
            Record::End(_) => self.ended = true,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
