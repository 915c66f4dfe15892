//! The watcher, with a real guest: what greedy neighbours take from it, makes its run void.

use std::fs;
use std::process::{Child, Command, Stdio};

use libtest_mimic::{Failed, Trial};
use switchlab_tests::{Parts, Verdict, left_out, trial, without_linux, without_xtask};
use xtask::manifest::Manifest;
use xtask::watch::VoidReason;

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    let starved = trial(parts, "watched::guest_beside_greedy_neighbours_is_starved", starved);
    vec![left_out(without_xtask(parts).or(without_linux()), starved)]
}

/// Four neighbours on one CPU leave the guest a fifth of it.
fn starved(parts: &Parts) -> Verdict {
    let folder = tempfile::tempdir()?;
    let neighbours = (0..4).map(|_| Neighbour::start()).collect::<Result<Vec<_>, _>>()?;
    let xtask = parts.xtask.as_ref().ok_or("trials without xtask are ignored")?;
    let words = "run --accel tcg --host-cpus 0 --runs 1 --exchanges 200000 --quiet --timeout 600 --out";
    let output = Command::new(xtask)
        .args(words.split(' '))
        .arg(folder.path())
        .env("SWITCHLAB_QEMU", &parts.qemu)
        .env("SWITCHLAB_LOADER", &parts.loader)
        .env("SWITCHLAB_KERNEL", &parts.laboratory)
        .output()?;
    drop(neighbours);
    let failed = |what: &str| {
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Failed::from(format!("{what}\nstdout: {stdout}\nstderr: {stderr}"))
    };
    if !output.status.success() {
        return Err(failed("a pass was expected"));
    }
    let manifest = Manifest::read(&folder.path().join("latest"))?.ok_or_else(|| failed("no manifest"))?;
    let watch = manifest.watch.ok_or_else(|| failed("nothing was watched"))?;
    let is_starved = |reason: &VoidReason| matches!(reason, VoidReason::Starved { .. });
    if watch.void_runs() != [1].into() || !watch.voids.iter().any(|void| void.reasons.iter().any(is_starved))
    {
        return Err(failed("run 1 was expected to be void, and to be starved"));
    }
    fs::remove_dir_all(folder.path())?;
    Ok(())
}

/// A process that never rests, on the CPU 0; it ends with this.
struct Neighbour(Child);

impl Neighbour {
    fn start() -> std::io::Result<Self> {
        let mut command = Command::new("taskset");
        command.args(["-c", "0", "sh", "-c", "while :; do :; done"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().map(Self)
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
