//! The gate on a host thread: each call has its answer, the CPU goes with it, and others keep their turns.

mod common;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use common::{Host, run_all, spawn, start_cpus};
use switchlab_sync::Cpu;

type HostGate = switchlab_sync::Gate<Host>;
type Side = switchlab_sync::gate::Side<Host>;

const CALLS: u64 = 10_000;

fn gate() -> &'static HostGate {
    Box::leak(Box::default())
}

/// Answers each call with what it got, turned around and inverted, until the gate is closed; returns how many.
fn serve(gate: &Side) -> u64 {
    let mut calls = 0;
    let mut call = gate.wait();
    while let Some([a, b, c, d]) = call {
        calls += 1;
        call = gate.answer([!d, !c, !b, !a]);
    }
    calls
}

fn call(gate: &Side, n: u64) {
    let answer = gate.call([n, n + 1, n + 2, n + 3]);
    assert_eq!(answer, Some([!(n + 3), !(n + 2), !(n + 1), !n]));
}

#[test]
fn call_and_answer_are_two_handoffs_and_two_switches() {
    let cpu = start_cpus(1)[0];
    let gate = gate();
    let serving = spawn(0, cpu, move || assert_eq!(serve(&gate.claim()), CALLS + 1));
    let calling = spawn(1, cpu, move || {
        let gate = gate.claim();
        call(&gate, 0);
        let count = || [cpu.counters().handoffs.load(Relaxed), cpu.counters().switches.load(Relaxed)];
        let before = count();
        (0..CALLS).for_each(|n| call(&gate, n));
        assert_eq!(count(), before.map(|count| count + 2 * CALLS));
        gate.close();
    });
    run_all(&[serving, calling]);
}

/// Whoever comes first: a call that nobody waits for yet is not lost.
#[test]
fn early_call_is_answered() {
    let cpu = start_cpus(1)[0];
    let gate = gate();
    let calling = spawn(0, cpu, move || {
        let gate = gate.claim();
        (0..3).for_each(|n| call(&gate, n));
        gate.close();
    });
    let serving = spawn(1, cpu, move || assert_eq!(serve(&gate.claim()), 3));
    run_all(&[calling, serving]);
}

/// Whoever is handed the CPU stands where the other stood, so a third that yields comes back.
#[test]
fn third_task_keeps_its_turn() {
    let cpu = start_cpus(1)[0];
    let gate = gate();
    let turns = Arc::new(AtomicU64::new(0));
    let (seen, taken) = (turns.clone(), turns.clone());
    let serving = spawn(0, cpu, move || assert_eq!(serve(&gate.claim()), 100));
    let third = spawn(1, cpu, move || {
        for _ in 0..100 {
            taken.fetch_add(1, Relaxed);
            Cpu::<Host>::yield_now();
        }
    });
    let calling = spawn(2, cpu, move || {
        let gate = gate.claim();
        for n in 0..100 {
            call(&gate, n);
            Cpu::<Host>::yield_now();
        }
        assert!(seen.load(Relaxed) >= 99, "{} turns", seen.load(Relaxed));
        gate.close();
    });
    run_all(&[serving, third, calling]);
}

#[test]
fn caller_of_one_that_goes_is_told() {
    let cpu = start_cpus(1)[0];
    let gate = gate();
    let serving = spawn(0, cpu, move || {
        let gate = gate.claim();
        assert_eq!(gate.wait(), Some([7, 0, 0, 0]));
        gate.close();
    });
    let calling = spawn(1, cpu, move || {
        let gate = gate.claim();
        assert_eq!(gate.call([7, 0, 0, 0]), None, "the call whose answer never came");
        assert_eq!(gate.call([8, 0, 0, 0]), None, "a call behind that");
    });
    run_all(&[serving, calling]);
}

#[test]
fn who_answers_one_that_goes_is_told() {
    let cpu = start_cpus(1)[0];
    let gate = gate();
    let serving = spawn(0, cpu, move || {
        let gate = gate.claim();
        assert_eq!(gate.wait(), None);
        assert_eq!(gate.wait(), None);
    });
    let calling = spawn(1, cpu, move || gate.claim().close());
    run_all(&[serving, calling]);
}
