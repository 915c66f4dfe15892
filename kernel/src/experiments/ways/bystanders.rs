//! CPUs beside the pair, each with a task that counts its loops for as long as it is let: what waiting takes
//! from others shows in what they get done.
//!
//! They and whoever measures share words alone: no IPI goes to or comes from them while something is measured.

use alloc::{boxed::Box, vec::Vec};
use core::{
    hint::{self, black_box},
    sync::atomic::{
        AtomicBool, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use switchlab_core::CpuId;
use switchlab_records::Named;

use super::staff::{Job, Staff};
use crate::{
    experiments::points::named,
    lock::Lock,
    measure::{Timed, probe::Batch, time, watch::MeasuredLocks},
};

/// Loops between two looks at whether to stop, and a PAUSE: under single-threaded TCG a PAUSE is where a CPU
/// gives way, else it runs for a tenth of a second.
pub const LOOPS: u64 = 1_000;

/// The CPUs, and what they count.
pub struct Bystanders {
    cpus: Vec<CpuId>,
    shared: &'static Shared,
}

#[derive(Debug)]
struct Shared {
    stop: Stop,
    loops: Vec<Loops>,
}

/// On a line of its own: written once, looked at all the time.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Stop(AtomicBool);

/// One CPU's loops, so far, on a line of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Loops(AtomicU64);

/// What they did while nobody handed over.
#[derive(Clone, Copy, Debug)]
pub struct Alone {
    /// Loops of all.
    pub loops: u64,
    /// Ticks that they had.
    pub ticks: u64,
}

impl Alone {
    /// As points have it.
    pub fn told(&self) -> Vec<Named<'static>> {
        named([("bystander-loops-alone", self.loops), ("alone-ticks", self.ticks)])
    }
}

/// Looks at their counts, from the pair.
#[derive(Clone, Copy, Debug)]
pub struct View(&'static Shared);

impl Bystanders {
    /// All CPUs but these two.
    pub fn beside(pair: [CpuId; 2], cpus: u32) -> Self {
        let cpus: Vec<_> = (0..cpus).map(CpuId::new).filter(|cpu| !pair.contains(cpu)).collect();
        let loops = cpus.iter().map(|_| Loops::default()).collect();
        Self { cpus, shared: Box::leak(Box::new(Shared { stop: Stop::default(), loops })) }
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.cpus.len() as u64
    }

    /// Their jobs: they count until `View::stop`.
    pub fn jobs(&self) -> Vec<(CpuId, Job)> {
        self.shared.stop.0.store(false, Relaxed);
        self.shared.loops.iter().for_each(|loops| loops.0.store(0, Relaxed));
        let shared = self.shared;
        let job = |place: usize| -> Job {
            Box::new(move || {
                while !shared.stop.0.load(Relaxed) {
                    shared.loops[place].work();
                }
            })
        };
        self.cpus.iter().enumerate().map(|(place, &cpu)| (cpu, job(place))).collect()
    }

    /// For the pair.
    pub fn view(&self) -> View {
        View(self.shared)
    }

    /// Lets them count for `ticks`, while the pair halts.
    ///
    /// # Panics
    ///
    /// If there are none.
    pub fn alone(&self, staff: &Staff, ticks: u64) -> Alone {
        let found: &'static Lock<Option<Alone>> = Box::leak(Box::new(Lock::new(None)));
        let mut jobs = self.jobs();
        let view = self.view();
        // The first of them looks at the clock, too.
        let (_, first) = jobs.first_mut().expect("there are bystanders");
        *first = Box::new(move || {
            let work = || view.0.loops[0].work();
            while !view.all_run() {
                work();
            }
            let before = view.loops();
            let what = format_args!("what bystanders do alone");
            let Timed { ticks, .. } = time(MeasuredLocks::None, what, &mut Batch, |_, clock| {
                while !clock.has_run(ticks) {
                    work();
                }
            });
            let loops = view.loops() - before;
            view.stop();
            *found.lock() = Some(Alone { loops, ticks });
        });
        staff.run(jobs);
        let alone = found.lock().take();
        alone.expect("the first bystander leaves what it found")
    }
}

impl Loops {
    #[inline(always)]
    fn work(&self) {
        work();
        self.0.store(self.0.load(Relaxed) + LOOPS, Release);
        hint::spin_loop();
    }
}

#[inline(never)]
fn work() {
    for n in 0..LOOPS {
        black_box(n);
    }
}

impl View {
    /// Whether each has looped already.
    pub fn all_run(self) -> bool {
        // Acquire: pairs with `work`.
        self.0.loops.iter().all(|loops| loops.0.load(Acquire) != 0)
    }

    /// Loops of all so far.
    pub fn loops(self) -> u64 {
        self.0.loops.iter().map(|loops| loops.0.load(Relaxed)).sum()
    }

    /// Lets them end.
    pub fn stop(self) {
        self.0.stop.0.store(true, Relaxed);
    }
}
