//! Which accelerator runs the guest. An accelerator that is there proves nothing: it has to run a
//! canary, a guest of nine instructions, in time.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use switchlab_records::ExitCode;

use crate::capture::{Ending, Ignore, Limits, Serial, capture};
use crate::interrupt::INTERRUPTED;
use crate::qemu::{Accelerator, TcgThread};
use crate::status::Refusal;

/// What the user asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Wanted {
    /// KVM, or hvf on macOS, where it proves itself; else TCG.
    Auto,
    /// QEMU's own translator.
    Tcg,
    /// Linux's.
    Kvm,
    /// macOS's.
    Hvf,
}

/// The accelerator that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Which.
    pub accelerator: Accelerator,
    /// Why, in a few words.
    pub why: String,
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.accelerator, self.why)
    }
}

/// What the canary did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Canary {
    /// It sang in this time.
    Sang(Duration),
    /// It did not, and this is why.
    Silent(String),
}

/// Decides, on what the canary of the system's hardware accelerator did. `canary` is asked only
/// where it matters.
///
/// # Errors
///
/// The accelerator that the user insists on does not work.
pub fn choose(
    wanted: Wanted,
    thread: TcgThread,
    canary: impl FnOnce(Accelerator) -> Canary,
) -> Result<Choice, String> {
    let hardware = match wanted {
        Wanted::Tcg => {
            return Ok(Choice { accelerator: Accelerator::Tcg(thread), why: "as asked for".into() });
        }
        Wanted::Kvm => Accelerator::Kvm,
        Wanted::Hvf => Accelerator::Hvf,
        Wanted::Auto => native(),
    };
    match (canary(hardware), wanted) {
        (Canary::Sang(time), _) => {
            let why = format!("proved by a canary in {} ms", time.as_millis());
            Ok(Choice { accelerator: hardware, why })
        }
        (Canary::Silent(why), Wanted::Auto) => {
            let why = format!("{hardware} does not work here: {why}");
            Ok(Choice { accelerator: Accelerator::Tcg(thread), why })
        }
        (Canary::Silent(why), _) => Err(format!("{hardware} does not work here: {why}")),
    }
}

/// The hardware accelerator of this system.
pub const fn native() -> Accelerator {
    if cfg!(target_os = "macos") { Accelerator::Hvf } else { Accelerator::Kvm }
}

/// The same with a real canary.
///
/// # Errors
///
/// Status 5 where the user insists on what does not work.
pub fn prove(wanted: Wanted, thread: TcgThread, qemu: &Path) -> anyhow::Result<Choice> {
    choose(wanted, thread, |accelerator| sing(accelerator, qemu))
        .map_err(|why| Refusal::missing(format!("--accel: {why}\nWhat always works: --accel tcg")))
}

/// The longest that the canary may take. QEMU starts in about 0.1 s; where RDTSC traps, the
/// canary's reads alone take several seconds.
const DEADLINE: Duration = Duration::from_millis(1_500);

/// The same for TCG, which need not prove that it is fast: a busy host is no reason to call it broken.
const TCG_DEADLINE: Duration = Duration::from_secs(20);

/// Clock reads of the canary: 0.1 s on hardware.
const CLOCK_READS: u32 = 4_000_000;

/// Runs the canary under `accelerator`.
pub fn sing(accelerator: Accelerator, qemu: &Path) -> Canary {
    if accelerator == Accelerator::Kvm
        && let Err(error) = std::fs::OpenOptions::new().read(true).write(true).open("/dev/kvm")
    {
        return Canary::Silent(format!("/dev/kvm: {error}"));
    }
    match try_sing(accelerator, qemu) {
        Ok(canary) => canary,
        Err(error) => Canary::Silent(format!("{error:#}")),
    }
}

fn try_sing(accelerator: Accelerator, qemu: &Path) -> anyhow::Result<Canary> {
    let mut rom = tempfile::NamedTempFile::new().context("a file for the canary")?;
    rom.write_all(&canary_rom())?;
    rom.flush()?;
    let exit = format!("isa-debug-exit,iobase={:#x},iosize=1", ExitCode::PORT);
    let mut argv: Vec<OsString> = vec![qemu.into()];
    argv.extend(["-accel", accelerator.argument(), "-cpu", accelerator.default_cpu()].map(OsString::from));
    argv.extend(
        ["-M", "pc", "-m", "16M", "-nodefaults", "-no-reboot", "-display", "none"].map(OsString::from),
    );
    argv.extend(["-device", &exit, "-bios"].map(OsString::from));
    argv.push(rom.path().into());
    let deadline = if matches!(accelerator, Accelerator::Tcg(_)) { TCG_DEADLINE } else { DEADLINE };
    let limits = Limits { deadline, interrupted: &INTERRUPTED };
    let end = capture(&argv, limits, Serial::Piped(&mut io::sink()), &mut Ignore).context("starting QEMU")?;
    Ok(match end.ending {
        Ending::Exited(status) if status == ExitCode::Pass.qemu_status() => Canary::Sang(end.elapsed),
        Ending::Deadline => {
            Canary::Silent(format!("the canary did not end within {} ms", deadline.as_millis()))
        }
        _ => {
            let said = end.stderr.lines().find(|line| !line.trim().is_empty());
            Canary::Silent(said.map_or_else(|| format!("QEMU ended with {:?}", end.ending), str::to_owned))
        }
    })
}

/// A ROM of 64 KiB, in real mode from the reset vector on: it reads the clock, and leaves by the
/// debug-exit port.
fn canary_rom() -> Vec<u8> {
    const SIZE: usize = 64 << 10;
    /// F000:FFF0, the first instruction (Intel SDM vol. 3, 10.1.4).
    const RESET: usize = 0xfff0;
    let mut code = vec![0x66, 0xb9]; // mov ecx, CLOCK_READS
    code.extend(CLOCK_READS.to_le_bytes());
    code.extend([0x0f, 0x31]); // again: rdtsc
    code.extend([0x66, 0x49]); // dec ecx
    code.extend([0x75, 0xfa]); // jnz again
    code.extend([0xb0, ExitCode::Pass as u8]); // mov al, pass
    code.extend([0xe6, ExitCode::PORT as u8]); // out port, al
    code.extend([0xf4, 0xeb, 0xfd]); // rest: hlt; jmp rest
    let mut rom = vec![0xff; SIZE];
    rom[..code.len()].copy_from_slice(&code);
    rom[RESET..RESET + 5].copy_from_slice(&[0xea, 0x00, 0x00, 0x00, 0xf0]); // jmp F000:0000
    rom
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silent(_: Accelerator) -> Canary {
        Canary::Silent("no such device".into())
    }

    fn sang(_: Accelerator) -> Canary {
        Canary::Sang(Duration::from_millis(120))
    }

    #[test]
    fn auto_takes_the_hardware_that_sings() {
        let choice = choose(Wanted::Auto, TcgThread::Single, sang).unwrap();
        assert_eq!(choice.accelerator, native());
        assert_eq!(choice.why, "proved by a canary in 120 ms");
    }

    #[test]
    fn auto_falls_back_and_says_why() {
        let choice = choose(Wanted::Auto, TcgThread::Multi, silent).unwrap();
        assert_eq!(choice.accelerator, Accelerator::Tcg(TcgThread::Multi));
        assert!(choice.why.contains("no such device"), "{}", choice.why);
    }

    #[test]
    fn hardware_that_was_insisted_on_is_no_silent_fallback() {
        assert_eq!(
            choose(Wanted::Kvm, TcgThread::Single, silent),
            Err("kvm does not work here: no such device".into())
        );
    }

    #[test]
    fn tcg_asks_no_canary() {
        let choice = choose(Wanted::Tcg, TcgThread::Single, |_| unreachable!()).unwrap();
        assert_eq!(choice.accelerator, Accelerator::Tcg(TcgThread::Single));
    }

    #[test]
    fn canary_starts_at_the_reset_vector() {
        let rom = canary_rom();
        assert_eq!(rom.len(), 65_536);
        assert_eq!(rom[0xfff0], 0xea);
        assert_eq!(&rom[..2], [0x66, 0xb9]);
    }
}
