//! From the kernel's start of this program to the guest's end.

use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;

use anyhow::Context;
use rustix::mount::{MountFlags, mount};
use rustix::system::{RebootCommand, reboot};
use rustix::termios::tcdrain;
use switchlab_guest_linux::{Boot, Failure, Record};

use crate::exchanges;
use crate::plan::Plan;
use crate::report::Report;

/// Measures, and ends the guest.
pub fn run(words: &[String]) -> ExitCode {
    let mut report = Report::default();
    let code = match measure(words, &mut report) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let failure = Failure { what: format!("{error:#}").into() };
            if report.write(&Record::Failure(failure)).is_err() {
                eprintln!("{error:#}");
            }
            ExitCode::FAILURE
        }
    };
    // Only in the guest: a host is not reset.
    if std::process::id() == 1
        && let Err(error) = leave()
    {
        // Ending means a panic of the kernel, which resets as well.
        eprintln!("the machine cannot be reset: {error}");
    }
    code
}

fn measure(words: &[String], report: &mut Report) -> anyhow::Result<()> {
    let plan = Plan::parse(words)?;
    if std::process::id() == 1 {
        mount_all()?;
        // From here on Linux is silent but for a panic, so that it writes into no record.
        fs::write("/proc/sys/kernel/printk", "1").context("silencing the kernel")?;
    }
    report.write(&Record::Boot(boot()?))?;
    exchanges::measure_all(plan, report)?;
    report.end()
}

fn mount_all() -> anyhow::Result<()> {
    for (kind, place) in [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")] {
        mount(kind, place, kind, MountFlags::empty(), None).with_context(|| format!("mounting {place}"))?;
    }
    Ok(())
}

fn boot() -> anyhow::Result<Boot<'static>> {
    let read = |path: &str| -> anyhow::Result<String> {
        Ok(fs::read_to_string(path).with_context(|| format!("reading {path}"))?.trim().to_owned())
    };
    Ok(Boot {
        release: read("/proc/sys/kernel/osrelease")?.into(),
        clock_source: read("/sys/devices/system/clocksource/clocksource0/current_clocksource")?.into(),
        cpus: u32::try_from(thread::available_parallelism().context("counting CPUs")?.get())?,
        mitigations: mitigations().into(),
    })
}

/// The weaknesses that the kernel says it works around.
fn mitigations() -> String {
    let Ok(folder) = fs::read_dir("/sys/devices/system/cpu/vulnerabilities") else { return String::new() };
    let mut active: Vec<String> = folder
        .flatten()
        .filter(|file| fs::read_to_string(file.path()).is_ok_and(|text| text.starts_with("Mitigation")))
        .map(|file| file.file_name().to_string_lossy().into_owned())
        .collect();
    active.sort_unstable();
    active.join(" ")
}

/// Resets the machine, once the serial line has taken all: QEMU ends where it may not reboot. Not every
/// distribution's kernel lets a program write to ports, so there is no exit code: a pass is a log that is
/// whole.
fn leave() -> io::Result<()> {
    io::stdout().flush()?;
    tcdrain(io::stdout())?;
    Ok(reboot(RebootCommand::Restart)?)
}
