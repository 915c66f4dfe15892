//! Runs that are drawn at random, and runs that are disturbed, as `cargo xtask soak` makes them: its short form.

use std::process::Command;

use libtest_mimic::{Failed, Trial};
use switchlab_tests::{Parts, Verdict, trial};

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    let is_left_out = parts.as_ref().is_none_or(|parts| parts.xtask.is_none()) || !cfg!(target_os = "linux");
    vec![
        // A seed of their own, so that each run of the tests makes the same boots: new ones are drawn by the command.
        trial(parts, "soak::boots_drawn_at_random_lose_nothing", |parts| {
            soak(parts, "--boots 50 --seed 20261129")
        }),
        trial(parts, "soak::faults_end_as_they_must", |parts| {
            soak(parts, "--faults --moments 1 --seed 3 --patient")
        }),
    ]
    .into_iter()
    .map(|trial| trial.with_ignored_flag(is_left_out))
    .collect()
}

fn soak(parts: &Parts, words: &str) -> Verdict {
    let xtask = parts.xtask.as_ref().ok_or("trials without xtask are ignored")?;
    let kept = tempfile::tempdir()?;
    let output = Command::new(xtask)
        .args(["soak", "--quiet", "--out"])
        .arg(kept.path())
        .args(words.split(' '))
        .env("SWITCHLAB_QEMU", &parts.qemu)
        .env("SWITCHLAB_LOADER", &parts.loader)
        .env("SWITCHLAB_KERNEL", &parts.laboratory)
        .env("SWITCHLAB_TEST_KERNELS", &parts.kernels)
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(Failed::from(format!("`xtask soak {words}`: {}\n{stdout}\n{stderr}", output.status)))
}
