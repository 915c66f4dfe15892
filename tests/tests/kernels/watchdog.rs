//! Guests that hang, each in a known way: what each CPU does is told, and who is to blame.

use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::{Failed, Trial};
use switchlab_tests::{Parts, Verdict, left_out, trial, without_xtask};

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    let why = without_xtask(parts);
    vec![
        trial(parts, "watchdog::cpu_that_spins_with_interrupts_off_is_named", |parts| {
            let hang = Hang::at_deadline(parts, &parts.cases(), "--append case=spins")?;
            hang.row("1", &["runs", "off", "spins::spin_for_ever+", "(spins.rs:"])?;
            hang.row("0", &["halts", "on", "the end of task 5 on CPU 1"])?;
            hang.row("2–3", &["halts", "on", "idle", "::run_idle+"])?;
            hang.blames(&["CPU 1 runs with interrupts off, in cases::spins::spin_for_ever+"])
        }),
        trial(parts, "watchdog::cpu_that_halts_with_interrupts_off_is_named", |parts| {
            let hang = Hang::still(parts, "hangs")?;
            hang.row("0", &["halts", "off"])?;
            hang.row("1–3", &["halts", "on", "idle"])?;
            hang.blames(&["CPU 0 halts with interrupts off, in "])
        }),
        trial(parts, "watchdog::tasks_that_wait_for_each_other_are_named", |parts| {
            tasks_that_wait_for_each_other(&Hang::still(parts, "nobody_sends")?)
        }),
        trial(parts, "watchdog::so_they_are_where_instructions_are_counted", |parts| {
            let words = "--deterministic --trace 0 --append case=nobody_sends";
            tasks_that_wait_for_each_other(&Hang::at_deadline(parts, &parts.cases(), words)?)
        }),
        trial(parts, "watchdog::message_whose_wake_up_was_lost_is_named", |parts| {
            let hang = Hang::still(parts, "lost_wake_up")?;
            hang.row("1", &["halts", "on", "the IPI of a message from task 6 on CPU 2"])?;
            hang.blames(&["lost wake-up: a message from task 6 on CPU 2 lies there for task 5 on CPU 1"])
        }),
        trial(parts, "watchdog::guest_that_only_needs_longer_is_no_hang", |parts| {
            let hang = Hang::at_deadline(parts, &parts.laboratory, "--exchanges 1000000 --runs 1000")?;
            hang.blames(&["no other hang: switches and messages went on"])
        }),
    ]
    .into_iter()
    .map(|trial| left_out(why, trial))
    .collect()
}

fn tasks_that_wait_for_each_other(hang: &Hang) -> Verdict {
    hang.row("0", &["halts", "on", "a message from task 5 on CPU 1"])?;
    hang.row("1", &["halts", "on", "a message from task 6 on CPU 2", "nobody_sends::take_turns+"])?;
    hang.row("2", &["halts", "on", "a message from task 5 on CPU 1", "nobody_sends::take_turns+"])?;
    hang.row("3", &["halts", "on", "idle"])?;
    hang.blames(&["a circle: task 5 on CPU 1 waits for a message from task 6 on CPU 2; task 6 on CPU 2 waits for a message from task 5"])
}

/// What is said of a hang, and kept.
struct Hang {
    said: String,
}

impl Hang {
    /// Of the case of this name, whose CPUs all halt: long before the deadline, where the system tells of it.
    fn still(parts: &Parts, case: &str) -> Result<Self, Failed> {
        let seen = if cfg!(target_os = "linux") { "the guest stands still" } else { "the deadline passed" };
        Self::run(parts, &parts.cases(), &format!("--append case={case}"), seen)
    }

    /// Of a guest that goes on, by a deadline that leaves it time to get there.
    fn at_deadline(parts: &Parts, kernel: &Path, words: &str) -> Result<Self, Failed> {
        Self::run(parts, kernel, &format!("--timeout 10 {words}"), "the deadline passed")
    }

    /// Of a guest on four CPUs, of which is to be said by what it is seen.
    fn run(parts: &Parts, kernel: &Path, words: &str, seen: &str) -> Result<Self, Failed> {
        let runs = tempfile::tempdir()?;
        let xtask = parts.xtask.as_ref().ok_or("trials without xtask are ignored")?;
        let output = Command::new(xtask)
            .args(["run", "--accel", "tcg", "--smp", "4", "--quiet", "--out"])
            .arg(runs.path())
            .args(words.split_whitespace())
            .env("SWITCHLAB_QEMU", &parts.qemu)
            .env("SWITCHLAB_LOADER", &parts.loader)
            .env("SWITCHLAB_KERNEL", kernel)
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let hang = Self { said };
        let kept = fs::read_to_string(runs.path().join("latest/hang.txt"))?;
        let has_all = output.status.code() == Some(4)
            && hang.culprits().iter().all(|culprit| kept.contains(culprit))
            && (0..4).all(|cpu| kept.contains(&format!("CPU#{cpu}")))
            && kept.contains("local APIC state")
            && hang.said.contains(seen);
        if has_all {
            Ok(hang)
        } else {
            Err(hang.failed(&format!("`{seen}`, all of it to be kept, and status 4:\n{kept}")))
        }
    }

    fn culprits(&self) -> Vec<&str> {
        self.said.lines().filter_map(|line| line.strip_prefix("culprit: ")).collect()
    }

    /// The row of these CPUs has these words, in this order.
    fn row(&self, cpus: &str, words: &[&str]) -> Verdict {
        let row = self.said.lines().find(|line| line.trim_start().split("  ").next() == Some(cpus));
        let mut rest = row.ok_or_else(|| self.failed(&format!("a row of CPU {cpus}")))?;
        for word in words {
            let (_, behind) =
                rest.split_once(word).ok_or_else(|| self.failed(&format!("`{word}` of CPU {cpus}")))?;
            rest = behind;
        }
        Ok(())
    }

    /// These are to blame, and nobody else.
    fn blames(&self, expected: &[&str]) -> Verdict {
        let culprits = self.culprits();
        let fits = culprits.len() == expected.len()
            && culprits.iter().zip(expected).all(|(found, begin)| found.starts_with(begin));
        if fits { Ok(()) } else { Err(self.failed(&format!("culprits {expected:?}"))) }
    }

    fn failed(&self, expected: &str) -> Failed {
        format!("expected {expected}\nsaid:\n{}", self.said).into()
    }
}
