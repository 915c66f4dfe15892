//! What Linux tells of QEMU's process and of the host's CPUs: the counters of /proc, and nothing of
//! what they mean. Elsewhere there is no such thing, and that is said.

use std::collections::BTreeMap;
use std::time::Duration;

use super::judge::CpuTime;

/// Counters at one moment, since an origin of their own: only differences mean something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Of each of QEMU's threads: how long it ran, and how long it waited on a run queue.
    pub threads: BTreeMap<i32, [Duration; 2]>,
    /// Of the CPUs that QEMU may use, all together: there, at work, stolen.
    pub cpus: [Duration; 3],
    /// How long the host has slept.
    pub host_slept: Duration,
    /// CPU time of the process, exact to this moment. That of a thread is as old as the last tick of the host's
    /// clock on its CPU.
    pub process: Duration,
}

impl Counters {
    /// Processor time from `earlier` to here. A thread that came meanwhile counts from its start; one
    /// that went is lost with what it did since.
    pub fn since(&self, earlier: &Self) -> CpuTime {
        let mut own = [Duration::ZERO; 2];
        for (thread, now) in &self.threads {
            let before = earlier.threads.get(thread).copied().unwrap_or_default();
            for ((sum, now), before) in own.iter_mut().zip(now).zip(before) {
                *sum += now.saturating_sub(before);
            }
        }
        let mut cpus = self.cpus;
        for (now, before) in cpus.iter_mut().zip(earlier.cpus) {
            *now = now.saturating_sub(before);
        }
        let ([ran, waited], [available, busy, stolen]) = (own, cpus);
        let host_slept = self.host_slept.saturating_sub(earlier.host_slept);
        let process = self.process.saturating_sub(earlier.process);
        CpuTime { ran, waited, available, busy, stolen, host_slept, process }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::time::Duration;

    use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
    use nix::time::{ClockId, clock_gettime};
    use nix::unistd::Pid;
    use procfs::process::{ProcState, Process};
    use procfs::{CurrentSI, KernelStats, ProcError};

    use super::Counters;

    /// A tick of /proc/stat: USER_HZ, which Linux keeps at 100 on every machine that QEMU runs on.
    const TICK: Duration = Duration::from_millis(10);

    /// A process whose counters can be read; the process may go, and its number to another, without
    /// this one being taken for it.
    pub struct Watched {
        process: Process,
    }

    impl Watched {
        /// The process `pid`.
        ///
        /// # Errors
        ///
        /// What it lacks, in words.
        pub fn new(pid: u32) -> Result<Self, String> {
            let process = i32::try_from(pid)
                .map_err(|_| format!("{pid} is no process"))
                .and_then(|pid| Process::new(pid).map_err(|error| format!("/proc: {error}")))?;
            if process.schedstat().is_err() {
                return Err("this kernel tells no time on run queues (CONFIG_SCHED_INFO)".into());
            }
            Ok(Self { process })
        }

        /// Whether the process is stopped; `None` where it is gone.
        pub fn is_stopped(&self) -> Option<bool> {
            let state = self.process.stat().ok()?.state().ok()?;
            Some(matches!(state, ProcState::Stopped | ProcState::Tracing))
        }

        /// Whether it was stopped or went on since this was asked last, for however short a time: the system keeps that
        /// for who started the process. False where that was another.
        pub fn was_stopped(&self) -> bool {
            let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WCONTINUED | WaitPidFlag::WNOHANG;
            let mut was_stopped = false;
            while let Ok(WaitStatus::Stopped(..) | WaitStatus::Continued(_)) =
                waitid(Id::Pid(Pid::from_raw(self.process.pid)), flags)
            {
                was_stopped = true;
            }
            was_stopped
        }

        /// CPU time of the process, exact to this moment; `None` where it is gone.
        pub fn cpu_time(&self) -> Option<Duration> {
            let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(self.process.pid)).ok()?;
            Some(clock_gettime(clock).ok()?.into())
        }

        /// Whether one of its threads runs, is ready to, or waits for what can not be interrupted, a disk most often.
        pub fn wants_to_run(&self) -> bool {
            let mut tasks = self.process.tasks().into_iter().flatten().flatten();
            let wants = |state| matches!(state, ProcState::Running | ProcState::Waiting);
            tasks.any(|task| task.stat().and_then(|stat| stat.state()).is_ok_and(wants))
        }

        /// The counters now; `None` where the process is gone.
        pub fn counters(&self) -> Option<Counters> {
            self.try_counters().ok()
        }

        fn try_counters(&self) -> Result<Counters, ProcError> {
            let process = self.cpu_time().ok_or(ProcError::NotFound(None))?;
            let mut counters = Counters { host_slept: slept()?, process, ..Counters::default() };
            for task in self.process.tasks()?.flatten() {
                // A thread may go between the two calls.
                if let Ok(times) = task.schedstat() {
                    let times = [times.sum_exec_runtime, times.run_delay].map(Duration::from_nanos);
                    counters.threads.insert(task.tid, times);
                }
            }
            // What threads of a process that has ended did is not told any more.
            if matches!(self.process.stat()?.state()?, ProcState::Zombie | ProcState::Dead) {
                return Err(ProcError::NotFound(None));
            }
            let allowed = self.process.status()?.cpus_allowed_list.unwrap_or_default();
            let host = KernelStats::current()?;
            let may_use = |cpu: usize| {
                allowed.iter().any(|(first, last)| (*first as usize..=*last as usize).contains(&cpu))
            };
            for (_, cpu) in host.cpu_time.iter().enumerate().filter(|(cpu, _)| may_use(*cpu)) {
                let [iowait, irq, softirq, stolen] =
                    [cpu.iowait, cpu.irq, cpu.softirq, cpu.steal].map(Option::unwrap_or_default);
                // Guests' time is in `user` and `nice` already.
                let busy = cpu.user + cpu.nice + cpu.system + irq + softirq;
                let available = busy + cpu.idle + iowait + stolen;
                for (sum, ticks) in counters.cpus.iter_mut().zip([available, busy, stolen]) {
                    *sum += TICK * u32::try_from(ticks).unwrap_or(u32::MAX);
                }
            }
            Ok(counters)
        }
    }

    fn slept() -> io::Result<Duration> {
        let with_sleep = clock_gettime(ClockId::CLOCK_BOOTTIME)?;
        let without = clock_gettime(ClockId::CLOCK_MONOTONIC)?;
        Ok(Duration::from(with_sleep).saturating_sub(without.into()))
    }
}

#[cfg(target_os = "linux")]
pub use linux::Watched;

/// A process that nothing is known of.
#[cfg(not(target_os = "linux"))]
pub struct Watched(std::convert::Infallible);

#[cfg(not(target_os = "linux"))]
impl Watched {
    /// None.
    ///
    /// # Errors
    ///
    /// Always: why not.
    pub fn new(_: u32) -> Result<Self, String> {
        Err(format!("{} tells no time on run queues", std::env::consts::OS))
    }

    /// Never called.
    pub fn is_stopped(&self) -> Option<bool> {
        match self.0 {}
    }

    /// Never called.
    pub fn was_stopped(&self) -> bool {
        match self.0 {}
    }

    /// Never called.
    pub fn cpu_time(&self) -> Option<Duration> {
        match self.0 {}
    }

    /// Never called.
    pub fn wants_to_run(&self) -> bool {
        match self.0 {}
    }

    /// Never called.
    pub fn counters(&self) -> Option<Counters> {
        match self.0 {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn threads_may_come_and_go_between_two_looks() {
        let earlier = Counters {
            threads: [(1, [ms(100), ms(1)]), (2, [ms(900), ms(9)])].into(),
            cpus: [ms(1_000), ms(500), ms(0)],
            host_slept: ms(0),
            process: ms(1_200),
        };
        let later = Counters {
            threads: [(1, [ms(150), ms(3)]), (3, [ms(7), ms(4)])].into(),
            cpus: [ms(1_200), ms(600), ms(10)],
            host_slept: ms(0),
            process: ms(1_261),
        };
        let between = later.since(&earlier);
        assert_eq!((between.ran, between.waited), (ms(57), ms(6)));
        assert_eq!((between.available, between.busy, between.stolen), (ms(200), ms(100), ms(10)));
        assert_eq!(between.others(), ms(43));
        assert_eq!(between.process, ms(61), "with what threads did that are gone");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn own_process_is_seen_at_work() {
        let own = Watched::new(std::process::id()).unwrap();
        let earlier = own.counters().unwrap();
        // Until the accounting shows it, however coarse it is.
        let work = loop {
            let work = own.counters().unwrap().since(&earlier);
            if !work.ran.is_zero() && !work.busy.is_zero() && !work.process.is_zero() {
                break work;
            }
        };
        assert!(work.available >= work.busy, "{work:?}");
        assert_eq!(own.is_stopped(), Some(false));
    }

    #[test]
    fn process_that_is_not_there_is_said() {
        assert!(Watched::new(u32::MAX).is_err());
    }
}
