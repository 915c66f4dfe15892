//! What is said when a guest did not pass: the reason in one line, the last lines of the log, the
//! command line, the log's path, and names for the addresses in a crash.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use switchlab_records::read_log;

use crate::exit::Outcome;
use crate::symbols;

/// How many lines of the log are shown.
const LAST_LINES: usize = 20;

/// What is known of a guest that did not pass.
pub struct Failure<'a> {
    /// What became of it.
    pub outcome: &'a Outcome,
    /// The serial line.
    pub log: &'a str,
    /// Where it stands.
    pub log_path: &'a Path,
    /// The command line; `None` where it is not known.
    pub command: Option<&'a str>,
    /// The kernel's ELF; `None` where it is not known.
    pub kernel: Option<&'a Path>,
}

impl Failure<'_> {
    /// The whole message, the reason first.
    pub fn message(&self) -> String {
        let mut text = format!("{}\n", self.outcome);
        let lines: Vec<&str> = self.log.lines().collect();
        if lines.is_empty() {
            text += "the serial line stayed silent\n";
        } else {
            let shown = &lines[lines.len().saturating_sub(LAST_LINES)..];
            let _ = writeln!(text, "last {} of {} lines on the serial line:", shown.len(), lines.len());
            for line in shown {
                let _ = writeln!(text, "{}", format!("  | {}", printable(line)).trim_end());
            }
        }
        for address in addresses(self.log) {
            if let Some(name) = self.kernel.and_then(|kernel| symbols::name(kernel, address)) {
                let _ = writeln!(text, "{address:#x} is {name}");
            }
        }
        if let Some(command) = self.command {
            let _ = writeln!(text, "command: {command}");
        }
        let _ = writeln!(text, "log: {}", self.log_path.display());
        text
    }
}

/// A line of the log as a terminal can take it: control characters spelt out, and not without end.
fn printable(line: &str) -> String {
    const LONGEST: usize = 1_000;
    let mut text = String::new();
    for character in line.trim_end_matches('\r').chars() {
        if text.len() >= LONGEST {
            return text + " …";
        }
        if character.is_control() && character != '\t' {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
    text
}

/// Start of the kernels' own half of the address space.
const HIGHER_HALF: u64 = 0xffff_8000_0000_0000;

/// The crash record's RIP, and what looks like an address of the kernel's in the last lines that
/// are no records.
fn addresses(log: &str) -> BTreeSet<u64> {
    let mut found: BTreeSet<u64> = read_log(log).crash.iter().map(|crash| crash.rip).collect();
    for line in log.lines().rev().take(LAST_LINES) {
        for word in line.split("0x").skip(1) {
            let digits = word.split(|c: char| !c.is_ascii_hexdigit()).next().unwrap_or_default();
            found.extend(u64::from_str_radix(digits, 16).ok().filter(|address| *address >= HIGHER_HALF));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;

    #[test]
    fn message_begins_with_the_reason_and_ends_with_the_log() {
        let log = golden::log(&[golden::start(), golden::crash()]);
        let failure = Failure {
            outcome: &Outcome::TimedOut,
            log: &log,
            log_path: Path::new("runs/x/serial.log"),
            command: Some("qemu -M pc"),
            kernel: None,
        };
        let message = failure.message();
        assert!(
            message.starts_with("the deadline passed before the guest ended\nlast 3 of 3 lines"),
            "{message}"
        );
        assert!(message.ends_with("command: qemu -M pc\nlog: runs/x/serial.log\n"), "{message}");
    }

    #[test]
    fn addresses_come_from_the_record_and_from_the_words() {
        let log = golden::log(&[golden::start(), golden::crash()]) + "at 0xffffffff80005678, from 0x1000\n";
        assert_eq!(addresses(&log), BTreeSet::from([0xffff_ffff_8000_1234, 0xffff_ffff_8000_5678]));
    }
}
