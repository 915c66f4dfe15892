//! Two threads fill every register that a thread has with patterns of their own, are preempted 100,000 times between
//! them and a third, and find them as they were: general registers, flags, vectors with their upper halves, MXCSR and
//! the x87 control word.
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use case::{
    check, count, cpu,
    held::{Patterns, hold, what},
};
use switchlab_kernel::{
    arch::{apic, idt::vector},
    bring_up::Lab,
    sched::JoinHandle,
    thread::{self, Policy, Thread},
};

case::case!("thread_state", thread_state);

/// Of all three threads together.
const PREEMPTIONS: u64 = 100_000;
/// Ticks of the timer's clock in a quantum: a few thousand instructions.
const QUANTUM: u32 = 3_000;

static STOP: AtomicU64 = AtomicU64::new(0);
static PREEMPTED: AtomicU64 = AtomicU64::new(0);
static ROUNDS: AtomicU64 = AtomicU64::new(0);

fn thread_state(_: &Lab) {
    let Some(state) = thread::detect() else {
        switchlab_kernel::failure!("this CPU has no XSAVE");
        return;
    };
    for policy in [Policy::Eager, Policy::Lazy] {
        STOP.store(0, Relaxed);
        PREEMPTED.store(0, Relaxed);
        ROUNDS.store(0, Relaxed);
        let holding = [1_u64, 2].map(|number| {
            start(policy, move |thread| {
                let mut patterns = Patterns::new(number);
                let found = hold(&mut patterns, &STOP, u64::from(state.has_avx()));
                check!(found == 0, "thread {number}, {policy:?}: {} was lost", what(found));
                PREEMPTED.fetch_add(thread.preemptions(), Relaxed);
                ROUNDS.fetch_add(patterns.rounds, Relaxed);
                if policy == Policy::Lazy {
                    check!(thread.traps() > 0, "thread {number} used its state, and nothing trapped");
                }
            })
        });
        let stopping = start(policy, |thread| {
            while thread.preemptions() < PREEMPTIONS / 3 + 1 {
                core::hint::spin_loop();
            }
            STOP.store(1, Relaxed);
            PREEMPTED.fetch_add(thread.preemptions(), Relaxed);
        });
        apic::start_timer(vector::QUANTUM, QUANTUM);
        holding.into_iter().chain([stopping]).for_each(JoinHandle::join);
        apic::stop_ticks();
        let preempted = PREEMPTED.load(Relaxed);
        check!(preempted >= PREEMPTIONS, "{policy:?}: {preempted} preemptions, not {PREEMPTIONS}");
        let rounds = ROUNDS.load(Relaxed);
        check!(rounds > PREEMPTIONS / 3, "{policy:?}: the registers were looked at {rounds} times");
    }
    count("preempted", PREEMPTED.load(Relaxed));
}

fn start(policy: Policy, body: impl FnOnce(&Thread) + Send + 'static) -> JoinHandle {
    thread::spawn_on(cpu(0), policy, body).unwrap_or_else(|error| panic!("spawn: {error}"))
}
