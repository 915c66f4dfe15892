//! The host's CPUs: their name, how many may be used, and lists of them.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;

use crate::install::{self, Need};
use crate::status::Refusal;

/// Name of the host's CPU.
pub fn cpu_name() -> String {
    let named = if cfg!(target_os = "macos") {
        let output = Command::new("sysctl").args(["-n", "machdep.cpu.brand_string"]).output();
        output.ok().and_then(|output| String::from_utf8(output.stdout).ok())
    } else {
        fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| model_name(&text).map(str::to_owned))
    };
    named
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "unknown".into())
}

fn model_name(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

/// How many CPUs QEMU may use: those of `list`, else all that xtask may use.
pub fn usable_cpus(list: Option<&str>) -> u32 {
    let all =
        || thread::available_parallelism().map_or(1, |count| count.get().try_into().unwrap_or(u32::MAX));
    list.and_then(count).unwrap_or_else(all)
}

/// How many CPUs a list like `0,2-3` names; `None` for what is no list.
fn count(list: &str) -> Option<u32> {
    let mut cpus = std::collections::BTreeSet::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
        if last < first {
            return None;
        }
        cpus.extend(first..=last);
    }
    cpus.len().try_into().ok()
}

/// Proves that QEMU can be pinned to `list`.
///
/// # Errors
///
/// Status 2 for a list that is none or names CPUs that are not there, 5 without `taskset`.
pub fn check_list(list: &str) -> anyhow::Result<()> {
    let bad = |why: &str| {
        Refusal::usage(format!(
            "--host-cpus {list}: {why}; allowed is a list of this host's CPUs, like 0 or 0,2-3"
        ))
    };
    count(list).ok_or_else(|| bad("not a list of CPUs"))?;
    if which::which("taskset").is_err() {
        let what = "--host-cpus pins QEMU by `taskset`, which is not in PATH";
        return match cfg!(target_os = "linux") {
            true => install::bring(&[Need::Taskset], what, install::Permission::SayOnly),
            false => Err(Refusal::missing(format!("{what}: this works on Linux only"))),
        };
    }
    let tried = Command::new("taskset").args(["-c", list, "true"]).stderr(Stdio::null()).status();
    if tried.is_ok_and(|status| status.success()) { Ok(()) } else { Err(bad("no such CPUs here")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_counted() {
        assert_eq!(count("0"), Some(1));
        assert_eq!(count("0,2-3"), Some(3));
        assert_eq!(count("0-3,2"), Some(4));
        for list in ["", "a", "3-1", "0,", "-1", "0 1"] {
            assert_eq!(count(list), None, "{list}");
        }
    }

    #[test]
    fn model_name_is_the_first_cpus() {
        assert_eq!(
            model_name("processor\t: 0\nmodel name\t: AMD EPYC\nmodel name\t: other\n"),
            Some("AMD EPYC")
        );
        assert_eq!(model_name("nothing"), None);
    }
}
