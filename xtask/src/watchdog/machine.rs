//! A guest that is asked from outside, through QEMU's monitor: its CPUs' registers, its memory.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::registers::{Lapic, Registers};
use crate::qmp::Client;

/// How long a QEMU that is well may take to its first answer. One that is stopped never gives it.
const FIRST_ANSWER: Duration = Duration::from_secs(1);
/// How long all answers together may take.
const ALL_ANSWERS: Duration = Duration::from_secs(3);

/// The guest's memory, by virtual addresses.
pub trait Memory {
    /// So many words of 64 bits from this address on; `None` where they can not be read.
    fn words(&mut self, address: u64, count: usize) -> Option<Vec<u64>>;

    /// One of them.
    fn word(&mut self, address: u64) -> Option<u64> {
        self.words(address, 1)?.first().copied()
    }
}

/// A guest whose monitor answers.
pub struct Machine {
    client: Client<UnixStream>,
    until: Instant,
    /// By whose page tables memory is read.
    reader: Option<u64>,
    /// Why it answers no more.
    lost: Option<io::Error>,
}

/// A CPU, as QEMU has it.
#[derive(Clone, Debug)]
pub struct Cpu {
    /// QEMU's number.
    pub index: u64,
    /// What it holds.
    pub registers: Registers,
    /// Its local APIC; `None` where QEMU does not tell.
    pub lapic: Option<Lapic>,
    /// QEMU's own words for both.
    pub text: String,
}

impl Machine {
    /// Asks whether it is there.
    ///
    /// # Errors
    ///
    /// It is not, or does not answer.
    pub fn open(monitor: &Path) -> io::Result<Self> {
        let now = Instant::now();
        let client = Client::open(monitor, now + FIRST_ANSWER)?;
        Ok(Self { client, until: now + ALL_ANSWERS, reader: None, lost: None })
    }

    /// Why it answers no more, where it does not.
    pub fn lost(&self) -> Option<&io::Error> {
        self.lost.as_ref()
    }

    /// What it answers; `None` where it can not, or answers no more.
    fn ask(&mut self, command: &str, arguments: &Value) -> Option<Value> {
        if self.lost.is_some() {
            return None;
        }
        match self.client.execute(command, arguments, self.until) {
            Ok(answer) => Some(answer),
            // It says that it can not: it is well.
            Err(error) if error.kind() == io::ErrorKind::Other => None,
            Err(error) => {
                self.lost = Some(error);
                None
            }
        }
    }

    /// What the guest does as a whole: `running`, `paused`.
    pub fn status(&mut self) -> Option<String> {
        Some(self.ask("query-status", &Value::Null)?.get("status")?.as_str()?.to_owned())
    }

    /// Pauses it.
    pub fn stop(&mut self) {
        self.ask("stop", &Value::Null);
    }

    /// Lets it go on.
    pub fn go_on(&mut self) {
        self.ask("cont", &Value::Null);
    }

    fn human(&mut self, cpu: u64, command: &str) -> Option<String> {
        let arguments = json!({ "command-line": command, "cpu-index": cpu });
        Some(self.ask("human-monitor-command", &arguments)?.as_str()?.to_owned())
    }

    /// All CPUs that QEMU tells of.
    pub fn cpus(&mut self) -> Vec<Cpu> {
        let Some(Value::Array(all)) = self.ask("query-cpus-fast", &Value::Null) else { return Vec::new() };
        let indices = all.iter().filter_map(|cpu| cpu.get("cpu-index")?.as_u64());
        indices.filter_map(|index| self.cpu(index)).collect()
    }

    fn cpu(&mut self, index: u64) -> Option<Cpu> {
        let registers = self.human(index, "info registers")?;
        let lapic = self.human(index, "info lapic").unwrap_or_default();
        Some(Cpu {
            index,
            registers: Registers::parse(&registers)?,
            lapic: Lapic::parse(&lapic),
            text: registers + &lapic,
        })
    }

    /// Reads memory from now on by the page tables of that of `cpus` by which `address` is `value`; says whether there is one.
    /// One that was not started has none, and one in a guest of its own has that one's.
    pub fn read_where(&mut self, cpus: &[Cpu], address: u64, value: u64) -> bool {
        for cpu in cpus {
            self.reader = Some(cpu.index);
            if self.word(address) == Some(value) {
                return true;
            }
        }
        self.reader = None;
        false
    }
}

impl Memory for Machine {
    fn words(&mut self, address: u64, count: usize) -> Option<Vec<u64>> {
        let text = self.human(self.reader?, &format!("x /{count}gx {address:#x}"))?;
        let words = dumped(&text);
        (words.len() == count).then_some(words)
    }
}

/// The words in what the monitor's `x` says: behind an address and a colon, up to two a line.
fn dumped(text: &str) -> Vec<u64> {
    let digits = text.split_whitespace().filter_map(|word| word.strip_prefix("0x"));
    digits.filter_map(|digits| u64::from_str_radix(digits, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::Socket;
    use std::os::unix::net::UnixListener;

    #[test]
    fn words_are_read_from_a_dump() {
        let text = "ffffffff80009000: 0x00fee000b02504c7 0xcccccccf48000000\r\nffffffff80009010: 0x01\r\n";
        assert_eq!(dumped(text), [0x00fe_e000_b025_04c7, 0xcccc_cccf_4800_0000, 1]);
        assert!(dumped("7fffffff80009000: Cannot access memory\r\n").is_empty());
    }

    #[test]
    fn qemu_that_is_stopped_is_not_waited_for() {
        let socket = Socket::new().unwrap();
        // The system takes the connection; nobody answers.
        let _stopped = UnixListener::bind(socket.path()).unwrap();
        let error = Machine::open(socket.path()).map(drop).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
