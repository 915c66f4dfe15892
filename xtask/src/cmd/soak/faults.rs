//! Every way in which a run is disturbed on purpose, and how each has to end. A fault that is survived leaves its counts
//! right, and its time void where that was disturbed; every other ends the run with a status of its own, and a line that
//! names it.

use std::time::Duration;

use super::damage::Damage;
use super::strike::Stroke;
use crate::process::Ended;
use crate::status::Status;

/// Stands for the deadline of runs that are to reach it, once they were struck.
pub const DEADLINE: &str = "DEADLINE";

/// A fault.
#[derive(Debug)]
pub struct Fault {
    /// Its name, by which it is chosen.
    pub name: &'static str,
    /// What is done.
    pub how: How,
    /// How the run has to end.
    pub must: Must,
}

/// An end.
#[derive(Clone, Copy, Debug)]
pub struct Must {
    /// With this status.
    pub status: Status,
    /// And this is said: each of them.
    pub says: &'static [&'static str],
}

/// How a run is disturbed.
#[derive(Debug)]
pub enum How {
    /// QEMU, or what it writes to, is struck at the seed's moment.
    Stroke(Stroke, &'static [&'static str]),
    /// The same at a moment before the first block.
    EarlyStroke(Stroke),
    /// A case of the test kernel of cases does it to itself, with the seed's number of CPUs.
    Case(&'static str, &'static [&'static str]),
    /// The laboratory with a fault of its own or of the machine's, at the seed's exchange or place: the test kernel
    /// `faulty`.
    Within(&'static str),
    /// The same with a fault of a process, at the seed's address.
    InProcess(&'static str),
    /// An NMI is injected at the seed's moment, which this CPU alone takes.
    NmiOn(u32),
    /// The kernel's ELF is cut at the seed's place.
    CutKernel,
    /// A bit of what is loaded of it is another one.
    FlipKernel,
    /// A word on the kernel's command line is none that it takes: the seed's one of several.
    WrongParameter,
    /// The machine has more CPUs than the kernel can run on.
    TooManyCpus,
    /// A whole log is damaged at the seed's place, and read again.
    Log(Damage),
    /// There is no room for all of the log.
    FullDisk,
    /// A second run works in the same folder of runs meanwhile.
    TwoRuns,
}

const fn stroke(name: &'static str, stroke: Stroke, status: Status, says: &'static [&'static str]) -> Fault {
    Fault { name, how: How::Stroke(stroke, &[]), must: Must { status, says } }
}

const fn case(
    name: &'static str,
    case: &'static str,
    status: Status,
    says: &'static [&'static str],
) -> Fault {
    Fault { name, how: How::Case(case, &[]), must: Must { status, says } }
}

/// What a guest says that survives its fault.
pub const STRUCK: &str = "the fault has struck";

const fn within(name: &'static str, status: Status, says: &'static [&'static str]) -> Fault {
    Fault { name, how: How::Within(name), must: Must { status, says } }
}

/// `says` names who is to blame.
const fn hang(name: &'static str, how: How, says: &'static [&'static str]) -> Fault {
    Fault { name, how, must: Must { status: Status::Deadline, says } }
}

const fn log(name: &'static str, damage: Damage, says: &'static [&'static str]) -> Fault {
    Fault { name, how: How::Log(damage), must: Must { status: Status::InvalidLog, says } }
}

/// All of them.
pub const FAULTS: &[Fault] = &[
    stroke("qemu-killed", Stroke::Kill, Status::Crashed, &["QEMU was killed by SIGKILL"]),
    stroke(
        "qemu-stopped-and-continued",
        Stroke::Stop(Duration::from_millis(600)),
        Status::Pass,
        &["stopped for ", "void", "are as they must be"],
    ),
    Fault {
        name: "qemu-stopped-as-it-starts",
        how: How::EarlyStroke(Stroke::Stop(Duration::from_millis(600))),
        must: Must { status: Status::Pass, says: &["stopped for ", "are as they must be"] },
    },
    Fault {
        name: "qemu-stopped-beyond-the-deadline",
        how: How::Stroke(Stroke::StopForGood, &["--timeout", DEADLINE]),
        must: Must { status: Status::Deadline, says: &["culprit: QEMU's process is stopped, by a signal"] },
    },
    // Shorter than the time between two looks at its state.
    stroke(
        "qemu-stopped-for-a-moment",
        Stroke::Stop(Duration::from_millis(5)),
        Status::Pass,
        &["stopped for ", "void", "are as they must be"],
    ),
    stroke(
        "guest-paused-and-continued",
        Stroke::Pause(Duration::from_millis(600)),
        Status::Pass,
        &["paused for ", "by QEMU's monitor", "void", "are as they must be"],
    ),
    Fault {
        name: "guest-paused-beyond-the-deadline",
        how: How::Stroke(Stroke::PauseForGood, &["--timeout", DEADLINE]),
        must: Must {
            status: Status::Deadline,
            says: &["culprit: the guest does not run: QEMU says that it is paused"],
        },
    },
    stroke(
        "reset",
        Stroke::Monitor("system_reset"),
        Status::Crashed,
        &["the machine was reset, by QEMU's monitor"],
    ),
    stroke(
        "power-down",
        Stroke::Monitor("system_powerdown"),
        Status::Crashed,
        &["the machine was asked to power down"],
    ),
    stroke("qemu-told-to-quit", Stroke::Monitor("quit"), Status::Crashed, &["QEMU was told to quit"]),
    stroke("nmi", Stroke::Monitor("inject-nmi"), Status::Crashed, &["non-maskable interrupt"]),
    stroke("folder-gone", Stroke::RemoveFolder, Status::Missing, &["No such file or directory"]),
    Fault {
        name: "disk-full",
        how: How::FullDisk,
        must: Must { status: Status::Missing, says: &["No space left on device"] },
    },
    Fault {
        name: "two-runs-in-one-folder",
        how: How::TwoRuns,
        must: Must { status: Status::Pass, says: &["Counts: ", "are as they must be"] },
    },
    Fault {
        name: "parameter-out-of-range",
        how: How::WrongParameter,
        must: Must { status: Status::Fail, says: &["kernel parameter `"] },
    },
    Fault {
        name: "kernel-cut",
        how: How::CutKernel,
        must: Must { status: Status::Crashed, says: &["the loader refused the kernel"] },
    },
    Fault {
        name: "kernel-flipped",
        how: How::FlipKernel,
        must: Must {
            status: Status::Crashed,
            says: &["the loader refused the kernel", "was changed since it was built"],
        },
    },
    within("stack-overflow", Status::Crashed, &["stack overflow into its guard page (vector 8"]),
    within("double-fault", Status::Crashed, &["double fault (vector 8"]),
    within("triple-fault", Status::Crashed, &["reset (a triple fault, most often)"]),
    within("page-fault", Status::Crashed, &["page fault (vector 14", ", on CPU 0"]),
    Fault {
        name: "page-fault-in-ring-3",
        how: How::InProcess("page-fault-in-ring-3"),
        must: Must {
            status: Status::Fail,
            // So do the containers, whose processes are the same.
            says: &[
                "process on 1 CPUs: the asking process ended by page fault",
                "process on 2 CPUs: the asking process ended by page fault",
                "the asking process ended by page fault",
            ],
        },
    },
    case("panic", "panics", Status::Crashed, &["the lock is held"]),
    case("wrong-number", "wrong_number", Status::Fail, &["sequence number: expected 500, found 501"]),
    case("no-end-record", "no_end", Status::InvalidLog, &["end record"]),
    hang(
        "hang",
        How::Within("hang"),
        &["the guest stands still", "culprit: CPU 0 halts with interrupts off, in "],
    ),
    hang(
        "spin",
        How::Case("spins", &["--timeout", DEADLINE]),
        &["the deadline passed", "culprit: CPU 1 runs with interrupts off, in cases::spins::spin_for_ever"],
    ),
    Fault {
        name: "nmi-on-the-bsp",
        how: How::NmiOn(0),
        must: Must { status: Status::Crashed, says: &["non-maskable interrupt", "on CPU 0"] },
    },
    Fault {
        name: "nmi-on-an-ap",
        how: How::NmiOn(1),
        must: Must { status: Status::Crashed, says: &["non-maskable interrupt", "on CPU 1"] },
    },
    within(
        "ipi-spurious",
        Status::Fail,
        &["cross-core handoff batch: ipis_taken: expected 40000, found 40001"],
    ),
    hang("ipi-lost", How::Within("ipi-lost"), &["the guest stands still", "culprit: lost wake-up: "]),
    within(
        "ipi-doubled",
        Status::Fail,
        &["cross-core handoff batch: ipis_taken: expected 40000, found 40001"],
    ),
    // The one that comes again is pending until its CPU takes interrupts, and by then it is one with the next.
    within("ipi-merged", Status::Pass, &[STRUCK, "Counts: ", "are as they must be"]),
    within(
        "wake-doubled",
        Status::Fail,
        &["cross-core handoff batch: ipis_sent: expected 40000, found 40001"],
    ),
    hang(
        "eoi-left-out",
        How::Within("eoi-left-out"),
        &["the guest stands still", "culprit: CPU ", " took wake-up and never acknowledged it"],
    ),
    within(
        "register-lost",
        Status::Fail,
        &[
            "same-core handoff batch: sequence number: expected ",
            "handoff batch: handoffs: expected 40000, found ",
        ],
    ),
    within(
        "tsc-forward",
        Status::Fail,
        // CPU 0's, by ten million and more.
        &["the TSC of CPU 1 was ahead of CPU 0's by ", " ticks and is by -1", "it was stepped meanwhile"],
    ),
    within(
        "tsc-back",
        Status::Fail,
        &["the TSC of CPU 1 was ahead of CPU 0's by ", " ticks and is by 1", "it was stepped meanwhile"],
    ),
    within(
        "canary-overwritten",
        Status::Crashed,
        // The stroke itself asks the page tables, which have a lock.
        &[
            "the last word of a stack of 32768 bytes was overwritten",
            "heap calls 0, locks 1, queue locks 0, texts 0",
        ],
    ),
    within("heap-exhausted", Status::Crashed, &["memory allocation of ", " bytes failed"]),
    within("ap-missing", Status::Fail, &["CPU ", "did not start: no sign of it"]),
    within(
        "ap-late",
        Status::Fail,
        &["CPU 63 (APIC id 77) did not start: no sign of it", "CPU 1 came, too late, and took nothing"],
    ),
    within("madt-checksum", Status::Fail, &["MADT: checksum is wrong"]),
    within("madt-length", Status::Fail, &["MADT: the entry at byte ", "has a wrong length"]),
    within("madt-duplicate", Status::Fail, &["MADT: APIC id ", "is listed twice"]),
    Fault {
        name: "madt-too-many",
        how: How::TooManyCpus,
        must: Must { status: Status::Fail, says: &["MADT: ", "CPUs, at most 64 are supported"] },
    },
    log("log-cut", Damage::Cut, &["the log is not valid"]),
    log("log-garbled", Damage::Garble, &["the log is not valid"]),
    log("log-doubled", Damage::Double, &["the log is not valid"]),
    log("log-reordered", Damage::Reorder, &["the log is not valid"]),
];

impl Must {
    /// What of this does not hold; `None` where all does. Where the guest says what `failures` there are, they are those
    /// that are expected and no others.
    pub fn broken_by(&self, ended: &Ended, failures: &[String]) -> Option<String> {
        if ended.status != Some(i32::from(self.status.code())) {
            let status = ended.status.map_or("a signal".into(), |status| format!("status {status}"));
            return Some(format!("{status}, not {}", self.status.code()));
        }
        if let Some(missing) = self.says.iter().find(|words| !ended.said.contains(**words)) {
            return Some(format!("status {}, and `{missing}` is not said", self.status.code()));
        }
        let is_expected = |failure: &&String| self.says.iter().any(|words| failure.contains(words));
        let other = failures.iter().find(|failure| !is_expected(failure))?;
        Some(format!("status {}, and this failed too: {other}", self.status.code()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn end_that_is_another_or_says_nothing_is_broken() {
        let must = Must { status: Status::Crashed, says: &["killed"] };
        let ended = |status, said: &str| Ended { status, said: said.into(), elapsed: Duration::ZERO };
        assert_eq!(must.broken_by(&ended(Some(3), "QEMU was killed"), &[]), None);
        assert_eq!(
            must.broken_by(&ended(Some(0), "QEMU was killed"), &[]).as_deref(),
            Some("status 0, not 3")
        );
        assert_eq!(must.broken_by(&ended(None, ""), &[]).as_deref(), Some("a signal, not 3"));
        let also = must.broken_by(&ended(Some(3), "QEMU was killed"), &["killed".into(), "lost".into()]);
        assert_eq!(also.as_deref(), Some("status 3, and this failed too: lost"));
        let silent = must.broken_by(&ended(Some(3), "it ended"), &[]);
        assert_eq!(silent.as_deref(), Some("status 3, and `killed` is not said"));
    }

    #[test]
    fn faults_have_names_of_their_own_and_say_something() {
        let names: BTreeSet<&str> = FAULTS.iter().map(|fault| fault.name).collect();
        assert_eq!(names.len(), FAULTS.len());
        assert!(FAULTS.iter().all(|fault| !fault.must.says.is_empty()));
    }
}
