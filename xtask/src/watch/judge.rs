//! What an interval's facts mean: whether what was timed in it is void, by one pure function, and
//! with its thresholds.

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::qemu::{Config, Timing};

/// The host's clock moves on while QEMU waits, so waiting enters the figures as it is. A share of one
/// in twenty is what a comparison of two modes is still expected to find (METHOD: +5 %).
const SHARE: u32 = 20;

/// Two ticks of the host's accounting (10 ms each): what is shorter, it cannot tell from nothing. A
/// block this short is void all the same where QEMU was stopped.
pub(super) const LEAST: Duration = Duration::from_millis(20);

/// The same for what is found as a remainder of other figures, each with an error of its own.
const LEAST_MISSING: Duration = Duration::from_millis(50);

/// How the host runs the virtual CPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// One thread runs all of them, in turn. While anything is measured it never rests, and it has
    /// nobody of its own to wait for.
    One,
    /// Each has its own. They sleep while their CPU is halted, and they may wait for each other.
    Several,
}

impl Threads {
    /// How the host runs those of `config`; `None` where instructions are counted, which do not hang on
    /// it.
    pub const fn of(config: &Config) -> Option<Self> {
        match config.timing {
            Timing::Instructions => None,
            Timing::Host if config.accelerator.has_thread_per_cpu() => Some(Self::Several),
            Timing::Host => Some(Self::One),
        }
    }
}

/// What was seen between the arrivals of two records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// How long it was.
    pub length: Duration,
    /// How long QEMU's process was stopped by a signal or a debugger.
    pub stopped: Duration,
    /// How long the guest was paused by QEMU's monitor.
    pub paused: Duration,
    /// How long nobody looked, in gaps that are much longer than what is between two looks.
    pub unwatched: Duration,
    /// What the host's accounting says; `None` where it could not be read at both ends.
    pub cpu: Option<CpuTime>,
}

/// Processor time of an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// QEMU's threads ran, all together.
    pub ran: Duration,
    /// QEMU's threads were runnable and got no CPU, all together.
    pub waited: Duration,
    /// The CPUs that QEMU may use were there, all together.
    pub available: Duration,
    /// They worked, for whomever.
    pub busy: Duration,
    /// The hypervisor below the host gave them to others.
    pub stolen: Duration,
    /// The host slept.
    pub host_slept: Duration,
    /// QEMU's threads ran, as [`ran`](Self::ran), and exactly at the moment of looking.
    pub process: Duration,
}

impl AddAssign for CpuTime {
    fn add_assign(&mut self, other: Self) {
        let Self { ran, waited, available, busy, stolen, host_slept, process } = self;
        *ran += other.ran;
        *waited += other.waited;
        *available += other.available;
        *busy += other.busy;
        *stolen += other.stolen;
        *host_slept += other.host_slept;
        *process += other.process;
    }
}

impl CpuTime {
    /// For others than QEMU. The host's ticks are coarser than the figures of QEMU's threads, so that
    /// the difference may come out below 0: then it is none.
    pub fn others(&self) -> Duration {
        self.busy.saturating_sub(self.ran)
    }
}

/// Why what was timed is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum VoidReason {
    /// QEMU's process was stopped: SIGSTOP, Ctrl-Z, a debugger.
    Stopped {
        /// For so long, as seen by looks some milliseconds apart.
        ms: u64,
    },
    /// QEMU's monitor said that the guest was paused.
    Paused {
        /// For so long.
        ms: u64,
    },
    /// The host slept.
    HostSlept {
        /// For so long.
        ms: u64,
    },
    /// This tool did not run, so that nobody looked whether QEMU was stopped.
    Unwatched {
        /// For so long.
        ms: u64,
    },
    /// QEMU's threads could run and got no CPU.
    Starved {
        /// For so long, all together.
        ms: u64,
        /// In an interval of this length.
        of_ms: u64,
    },
    /// The hypervisor below the host took its CPUs away.
    Stolen {
        /// QEMU's share of it, by its share of the work.
        ms: u64,
        /// In an interval of this length.
        of_ms: u64,
    },
    /// The one thread that runs all vCPUs neither ran nor waited for a CPU, though a measurement never
    /// rests: it was frozen, or waited for a disk.
    Rested {
        /// For so long.
        ms: u64,
        /// In an interval of this length.
        of_ms: u64,
    },
}

impl VoidReason {
    /// Whether QEMU was stopped or not seen, rather than short of CPU time.
    pub fn is_stroke(&self) -> bool {
        !matches!(self, Self::Starved { .. } | Self::Stolen { .. })
    }

    /// Nobody looked for `time`.
    pub fn unwatched(time: Duration) -> Self {
        Self::Unwatched { ms: ms(time) }
    }
}

impl fmt::Display for VoidReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped { ms } => write!(f, "stopped for {ms} ms"),
            Self::Paused { ms } => write!(f, "paused for {ms} ms by QEMU's monitor"),
            Self::HostSlept { ms } => write!(f, "the host slept for {ms} ms"),
            Self::Unwatched { ms } => write!(f, "nobody watched for {ms} ms"),
            Self::Starved { ms, of_ms } => {
                write!(f, "starved: {ms} of {of_ms} ms spent waiting for a host CPU")
            }
            Self::Stolen { ms, of_ms } => {
                write!(f, "robbed: about {ms} of {of_ms} ms taken by the hypervisor below the host")
            }
            Self::Rested { ms, of_ms } => {
                write!(f, "at rest for {ms} of {of_ms} ms: neither running nor waiting for a host CPU")
            }
        }
    }
}

/// Why what was timed in `interval` is void; empty where it is not.
///
/// Being stopped or paused is void however short, and so is what nobody looked at. Waiting for a CPU, and theft, are where they make
/// up more than a twentieth of the interval and more than 20 ms.
///
/// With one thread for all vCPUs, the time that it waited on a run queue is exactly the time that it
/// was starved. With several, they wait for each other as well, and by design where they are pinned
/// to fewer CPUs; whom a thread waited for the host does not say. But it waited for others only while
/// others ran: so no more of it counts than others' time on the CPUs that QEMU may use. That may still
/// be too much, where others ran on one CPU and siblings waited for each other on another; a run
/// is then void that need not be, and none passes that should not.
pub fn judge_interval(interval: &Interval, threads: Threads) -> Vec<VoidReason> {
    let length = interval.length;
    let mut reasons = Vec::new();
    if !interval.stopped.is_zero() {
        reasons.push(VoidReason::Stopped { ms: ms(interval.stopped) });
    }
    if !interval.paused.is_zero() {
        reasons.push(VoidReason::Paused { ms: ms(interval.paused) });
    }
    if !interval.unwatched.is_zero() {
        reasons.push(VoidReason::unwatched(interval.unwatched));
    }
    let Some(cpu) = interval.cpu else { return reasons };
    if cpu.host_slept > LEAST {
        reasons.push(VoidReason::HostSlept { ms: ms(cpu.host_slept) });
    }
    let matters = |time: Duration, least| time > least && time * SHARE > length;
    let starved = match threads {
        Threads::One => cpu.waited,
        Threads::Several => cpu.waited.min(cpu.others()),
    };
    if matters(starved, LEAST) {
        reasons.push(VoidReason::Starved { ms: ms(starved), of_ms: ms(length) });
    }
    // The host knows what was taken from its CPUs and not from whom. A CPU without work loses none.
    let share = cpu.ran.min(cpu.busy).div_duration_f64(cpu.busy.max(Duration::from_nanos(1)));
    let stolen = cpu.stolen.mul_f64(share);
    if matters(stolen, LEAST) {
        reasons.push(VoidReason::Stolen { ms: ms(stolen), of_ms: ms(length) });
    }
    let missing = length.saturating_sub(cpu.ran + cpu.waited + interval.stopped + interval.paused);
    if threads == Threads::One && matters(missing, LEAST_MISSING) {
        reasons.push(VoidReason::Rested { ms: ms(missing), of_ms: ms(length) });
    }
    reasons
}

/// Milliseconds, up: nothing that was there is shown as 0.
fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milliseconds(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A second in which one of two host CPUs worked for QEMU alone.
    fn quiet() -> Interval {
        let cpu = CpuTime {
            ran: milliseconds(998),
            waited: milliseconds(1),
            available: milliseconds(2_000),
            busy: milliseconds(1_010),
            stolen: Duration::ZERO,
            host_slept: Duration::ZERO,
            process: milliseconds(999),
        };
        Interval {
            length: milliseconds(1_000),
            stopped: Duration::ZERO,
            paused: Duration::ZERO,
            unwatched: Duration::ZERO,
            cpu: Some(cpu),
        }
    }

    fn with_cpu(change: impl FnOnce(&mut CpuTime)) -> Interval {
        let mut interval = quiet();
        change(interval.cpu.as_mut().unwrap());
        interval
    }

    #[test]
    fn quiet_interval_holds() {
        for threads in [Threads::One, Threads::Several] {
            assert_eq!(judge_interval(&quiet(), threads), []);
        }
    }

    #[test]
    fn stop_and_pause_are_void_however_short() {
        let stopped = Interval { stopped: Duration::from_micros(10), ..quiet() };
        assert_eq!(judge_interval(&stopped, Threads::Several), [VoidReason::Stopped { ms: 1 }]);
        let paused = Interval { paused: milliseconds(3), ..quiet() };
        assert_eq!(judge_interval(&paused, Threads::Several), [VoidReason::Paused { ms: 3 }]);
    }

    #[test]
    fn what_nobody_watched_is_void() {
        let unwatched = Interval { unwatched: milliseconds(700), ..quiet() };
        let reasons = judge_interval(&unwatched, Threads::Several);
        assert_eq!(reasons, [VoidReason::Unwatched { ms: 700 }]);
        assert_eq!(reasons[0].to_string(), "nobody watched for 700 ms");
    }

    #[test]
    fn stop_is_not_told_twice() {
        let mut stopped = with_cpu(|cpu| cpu.ran = milliseconds(500));
        stopped.stopped = milliseconds(495);
        assert_eq!(judge_interval(&stopped, Threads::One), [VoidReason::Stopped { ms: 495 }]);
    }

    #[test]
    fn sleep_of_the_host_is_void() {
        let slept = with_cpu(|cpu| cpu.host_slept = Duration::from_secs(60));
        assert_eq!(judge_interval(&slept, Threads::One), [VoidReason::HostSlept { ms: 60_000 }]);
    }

    #[test]
    fn one_thread_that_waits_is_starved() {
        let starved = |waited| {
            with_cpu(|cpu| {
                cpu.ran -= milliseconds(waited);
                cpu.waited += milliseconds(waited);
            })
        };
        assert_eq!(
            judge_interval(&starved(60), Threads::One),
            [VoidReason::Starved { ms: 61, of_ms: 1_000 }]
        );
        assert_eq!(judge_interval(&starved(40), Threads::One), [], "4 % is let pass");
        let short = Interval { length: milliseconds(100), ..starved(18) };
        assert_eq!(judge_interval(&short, Threads::One), [], "19 ms are less than the host can tell");
    }

    #[test]
    fn siblings_that_wait_for_each_other_are_not_starved() {
        // Pinned to one CPU: two threads, one always waits.
        let siblings = with_cpu(|cpu| {
            cpu.available = milliseconds(1_000);
            cpu.busy = milliseconds(1_000);
            cpu.waited = milliseconds(480);
        });
        assert_eq!(judge_interval(&siblings, Threads::Several), []);
        let neighbours = with_cpu(|cpu| {
            cpu.available = milliseconds(1_000);
            cpu.busy = milliseconds(1_000);
            cpu.ran = milliseconds(700);
            cpu.waited = milliseconds(480);
        });
        let reasons = judge_interval(&neighbours, Threads::Several);
        assert_eq!(reasons, [VoidReason::Starved { ms: 300, of_ms: 1_000 }]);
    }

    #[test]
    fn busy_neighbours_that_leave_a_cpu_to_qemu_do_no_harm() {
        let beside = with_cpu(|cpu| cpu.busy = milliseconds(2_000));
        for threads in [Threads::One, Threads::Several] {
            assert_eq!(judge_interval(&beside, threads), []);
        }
    }

    #[test]
    fn theft_counts_by_the_share_of_the_work() {
        let stolen = |busy| {
            with_cpu(|cpu| {
                cpu.busy = milliseconds(busy);
                cpu.stolen = milliseconds(80);
            })
        };
        let alone = judge_interval(&stolen(998), Threads::Several);
        assert_eq!(alone, [VoidReason::Stolen { ms: 80, of_ms: 1_000 }]);
        assert_eq!(judge_interval(&stolen(1_996), Threads::Several), [], "40 ms of it are QEMU's");
    }

    #[test]
    fn one_thread_that_rests_is_void_and_several_may() {
        let rested = with_cpu(|cpu| cpu.ran = milliseconds(900));
        assert_eq!(judge_interval(&rested, Threads::One), [VoidReason::Rested { ms: 99, of_ms: 1_000 }]);
        assert_eq!(judge_interval(&rested, Threads::Several), []);
    }

    #[test]
    fn what_the_host_does_not_tell_is_not_judged() {
        let unknown = Interval { cpu: None, ..quiet() };
        assert_eq!(judge_interval(&unknown, Threads::One), []);
        assert_eq!(
            judge_interval(&Interval { cpu: Some(CpuTime::default()), ..quiet() }, Threads::Several),
            []
        );
    }
}
