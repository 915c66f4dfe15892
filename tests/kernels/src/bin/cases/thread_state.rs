//! Two threads fill every register that a thread has with patterns of their own, are preempted 100,000 times each while all
//! hold them, and find them as they were: general registers, the stack pointer, flags, vectors with their upper halves, x87's registers,
//! MXCSR and the x87 control word. The bases of FS and GS are no thread's own in ring 0: the one is nobody's, the other
//! leads to the CPU's words. Each thread finds both as they were before there were threads.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use case::{
    check, count, cpu,
    held::{Patterns, hold, what, window},
    met,
};
use switchlab_kernel::{
    arch::{apic, idt::vector},
    bring_up::Lab,
    sched::{self, JoinHandle},
    thread::{self, Policy, Thread},
};
use x86_64::{
    VirtAddr,
    registers::model_specific::{FsBase, GsBase},
};

/// Of each that holds patterns, by each policy: more than are to meet the patterns, since some come while they are filled
/// in or compared.
const PREEMPTIONS: u64 = 130_000;
/// Ticks of the timer's clock in a quantum: a few rounds.
const QUANTUM: u32 = 4_000;
/// What nobody needs: the base of FS.
const FS_BASE: u64 = 0xffff_9123_4567_89ab;

static STOP: AtomicU64 = AtomicU64::new(0);
static LEAST_PREEMPTED: AtomicU64 = AtomicU64::new(u64::MAX);
static LEAST_MET: AtomicU64 = AtomicU64::new(u64::MAX);

pub fn thread_state(_: &Lab) {
    let Some(state) = thread::detect() else {
        switchlab_kernel::failure!("this CPU has no XSAVE");
        return;
    };
    count("upper_halves", state.has_avx().into());
    FsBase::write(VirtAddr::new(FS_BASE));
    let bases = bases();
    for policy in [Policy::Eager, Policy::Lazy] {
        STOP.store(0, Relaxed);
        let holding = [1_u64, 2].map(|number| {
            start(policy, move |thread| {
                let mut patterns = Patterns::new(number);
                let looks = AtomicU64::new(0);
                let found = hold(&mut patterns, &STOP, u64::from(state.has_avx()), &looks);
                let found_bases = self::bases();
                check!(found == 0, "thread {number}, {policy:?}: {} was lost", what(found));
                check!(
                    found_bases == bases,
                    "thread {number}, {policy:?}: the bases of FS and GS are {found_bases:x?}, were {bases:x?}"
                );
                let looks = looks.into_inner();
                check!(looks >= PREEMPTIONS, "thread {number}, {policy:?}: looked {looks} times");
                LEAST_PREEMPTED.fetch_min(thread.preemptions(), Relaxed);
                if policy == Policy::Lazy {
                    check!(thread.traps() > 0, "thread {number} used its state, and nothing trapped");
                }
            })
        });
        // Each time that this one has the CPU, both others were preempted once more.
        let stopping = start(policy, |thread| {
            for _ in 0..=PREEMPTIONS {
                thread.blocking(sched::yield_now);
            }
            STOP.store(1, Relaxed);
        });
        met::watch(vector::QUANTUM, &window(), &[1, 2].map(|number| Patterns::new(number).flags()));
        apic::start_timer(vector::QUANTUM, QUANTUM);
        holding.into_iter().chain([stopping]).for_each(JoinHandle::join);
        apic::stop_ticks();
        LEAST_MET.fetch_min(met::least(), Relaxed);
    }
    count("preempted", LEAST_PREEMPTED.load(Relaxed));
    count("met", LEAST_MET.load(Relaxed));
}

fn bases() -> [VirtAddr; 2] {
    [FsBase::read(), GsBase::read()]
}

fn start(policy: Policy, body: impl FnOnce(&Thread) + Send + 'static) -> JoinHandle {
    thread::spawn_on(cpu(0), policy, body).unwrap_or_else(|error| panic!("spawn: {error}"))
}
