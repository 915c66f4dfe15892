//! CPUs come up, each once, in both APIC modes.

use std::{fs, os::unix::fs::PermissionsExt};

use libtest_mimic::Trial;
use switchlab_tests::{Case, Parts, TcgThread, Verdict, equal, left_out, trial, without_x2apic};

const COUNTS: [u32; 6] = [1, 2, 3, 12, 16, 64];

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for count in COUNTS {
        trials.push(trial(parts, format!("cpus::{count}_come_up_in_xapic_mode"), move |parts| {
            come_up(parts, count, "max,-x2apic", "xapic")
        }));
        let x2apic = trial(parts, format!("cpus::{count}_come_up_in_x2apic_mode"), move |parts| {
            come_up(parts, count, "max", "x2apic")
        });
        trials.push(left_out(without_x2apic(parts), x2apic));
    }
    trials.push(trial(parts, "cpus::without_rdtscp_and_x2apic_come_up", |parts| {
        come_up(parts, 2, "qemu64", "xapic")
    }));
    trials.push(trial(parts, "cpus::one_that_does_not_come_is_named", |parts| {
        Case::new(parts, "missing_ap").boot().passes()
    }));
    trials.push(trial(parts, "cpus::one_that_comes_late_takes_nothing_of_another", |parts| {
        Case::new(parts, "late_ap").boot().passes()
    }));
    trials.push(trial(parts, "cpus::without_the_leaf_of_wide_apic_ids_come_up", |parts| {
        come_up(parts, 3, "max,cpuid-0xb=off,-x2apic", "xapic")
    }));
    trials.push(trial(parts, "cpus::halted_ones_use_no_host_time", idle_cpus));
    trials.push(trial(parts, "cpus::sparse_apic_ids_come_up", |parts| {
        // Three cores a socket: QEMU leaves APIC id 3 out.
        let end = Case::new(parts, "cpus_up")
            .with(|spec| {
                spec.smp = 6;
                spec.extra = ["-smp", "6,sockets=2,cores=3,threads=1"].map(Into::into).into();
            })
            .boot();
        end.passes()?;
        equal("CPUs", end.count("cpus")?, 6)
    }));
    trials
}

/// With a host thread for each CPU, eleven halted ones beside one that works: bash times QEMU.
fn idle_cpus(parts: &Parts) -> Verdict {
    let folder = tempfile::tempdir()?;
    let (timed_qemu, times) = (folder.path().join("qemu"), folder.path().join("times"));
    let script = format!(
        "#!/usr/bin/env bash\nTIMEFORMAT='%R %U %S'\n{{ time \"{}\" \"$@\"; }} 2> \"{}\"\n",
        parts.qemu.display(),
        times.display()
    );
    fs::write(&timed_qemu, script)?;
    fs::set_permissions(&timed_qemu, fs::Permissions::from_mode(0o755))?;
    let parts = Parts { qemu: timed_qemu, ..parts.clone() };
    let end = Case::new(&parts, "works_alone")
        .with(|spec| {
            spec.smp = 12;
            spec.tcg_thread = TcgThread::Multi;
        })
        .boot();
    end.passes()?;
    let times = fs::read_to_string(&times)?;
    let last_line = times.lines().last().unwrap_or_default();
    let seconds: Vec<f64> = last_line.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [elapsed, user, system] = seconds[..] else {
        return Err(format!("no times of QEMU in {times:?}").into());
    };
    let cores = (user + system) / elapsed;
    end.is(cores < 1.25, format_args!("little more than one core in use; found {cores:.2} of them"))
}

fn come_up(parts: &Parts, count: u32, cpu: &str, mode: &str) -> Verdict {
    let end = Case::new(parts, "cpus_up")
        .with(|spec| {
            spec.smp = count;
            spec.cpu = cpu.into();
        })
        .boot();
    end.passes()?;
    equal("CPUs", end.count("cpus")?, u64::from(count))?;
    end.says(&format!("{{\"found\":{count},\"up\":{count},\"apic\":\"{mode}\""))
}
