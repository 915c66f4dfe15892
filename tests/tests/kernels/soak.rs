//! Runs that are drawn at random, and runs that are disturbed, as `cargo xtask soak` makes them: its short form.

use std::process::Command;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use switchlab_records::{Mode, Record, Subject, read_log};
use switchlab_tests::{Case, Parts, Verdict, equal, left_out, trial, without_linux, without_xtask};

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    let why = without_xtask(parts).or(without_linux());
    let of_xtask = vec![
        // A seed of their own, so that each run of the tests makes the same boots: new ones are drawn by the command.
        trial(parts, "soak::boots_drawn_at_random_lose_nothing", |parts| {
            soak(parts, "--boots 50 --seed 20261129")
        }),
        trial(parts, "soak::faults_end_as_they_must", |parts| {
            soak(parts, "--faults --moments 1 --seed 3 --patient")
        }),
    ];
    let mut trials: Vec<_> = of_xtask.into_iter().map(|trial| left_out(why, trial)).collect();
    trials.extend([
        trial(parts, "soak::ten_million_exchanges_on_one_cpu_lose_nothing", |parts| {
            exchanges(parts, 1, 10_000_000, Mode::SameCore)
        }),
        trial(parts, "soak::a_million_exchanges_by_ipis_lose_nothing", |parts| {
            exchanges(parts, 2, 1_000_000, Mode::CrossCore)
        }),
    ]);
    trials
}

/// One long block of the classic job: each number is checked on its way, and each handoff, switch and IPI counted.
fn exchanges(parts: &Parts, cpus: u32, exchanges: u64, mode: Mode) -> Verdict {
    let case = Case::laboratory(parts).with(|spec| {
        spec.smp = cpus;
        spec.append = format!("experiment=classic runs=1 exchanges={exchanges} samples=0");
        // A minute and more where the host is busy.
        spec.deadline = Duration::from_secs(300);
    });
    let end = case.boot();
    end.passes()?;
    let log = read_log(&end.0.log_text);
    let block = log.records.iter().find_map(|record| match record {
        Record::Block(block) if block.mode == mode && block.subject == Subject::Handoff => Some(*block),
        _ => None,
    });
    let counts = block.ok_or("there is no such block")?.counts;
    let handoffs = 2 * exchanges;
    equal("handoffs", counts.handoffs, handoffs)?;
    let (switches, ipis) = if mode == Mode::SameCore { (handoffs, 0) } else { (0, handoffs) };
    equal(
        "switches, IPIs sent and taken",
        [counts.switches, counts.ipis_sent, counts.ipis_taken],
        [switches, ipis, ipis],
    )
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
