//! The loops around a bare switch, the same for every peer that has one: with nothing live, and with six
//! live values. They are inlined into each peer, and with them its switch.

use std::cell::Cell;
use std::time::Instant;

use crate::plan::{Failure, Plan, STEP, Times};

/// What a side holds in registers across each switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Live {
    /// No more than the count of its loop.
    Nothing,
    /// Six values, which it checks after each switch.
    SixValues,
}

/// What the answering side has done, and both have seen.
#[derive(Debug, Default)]
pub struct Tally {
    turns: Cell<u64>,
    wrong: Cell<u64>,
}

const _: () = assert!(STEP == 8, "`step!` counts to it");

/// Does `$turn` as often as [`STEP`] says, with how many there are by then, without a loop.
///
/// The count of a loop lives across a switch, so it is written to the stack and read again: with one count a switch
/// that would be the longest chain there is, the same for all, and hide what the switches cost.
macro_rules! step {
    (|$done:pat_param| $turn:expr) => {
        step!(@ $done, $turn, 1 2 3 4 5 6 7 8)
    };
    (@ $done:pat_param, $turn:expr, $($number:literal)*) => {{
        $({
            let $done = $number;
            $turn;
        })*
    }};
}

/// The side that starts: hands over, and is handed to, for each exchange.
///
/// After each block the other side's turns are looked at: two that can only take turns have lost none
/// where these are as many.
///
/// # Errors
///
/// A side's count, or one of its values, is not what it has to be.
#[inline(always)]
pub fn ping(plan: Plan, live: Live, tally: &Tally, mut switch: impl FnMut()) -> Result<Times, Failure> {
    let (mut times, mut values) = (Times::new(), SIX);
    for block in plan.blocks() {
        let started = Instant::now();
        // Plain loops: what an iterator's adapter makes of them may become a function of its own.
        match live {
            Live::Nothing => {
                let exchanges = block.end - block.start;
                for _ in 0..exchanges / STEP {
                    step!(|_| switch());
                }
                for _ in 0..exchanges % STEP {
                    switch();
                }
            }
            Live::SixValues => {
                let exchanges = block.end - block.start;
                for _ in 0..exchanges / STEP {
                    step!(|_| six(&mut values, tally, &mut switch));
                }
                for _ in 0..exchanges % STEP {
                    six(&mut values, tally, &mut switch);
                }
            }
        }
        times.push(&block, started.elapsed());
        // Equal before the last block too, or the counts at the end would hide which block lost one.
        if tally.turns.get() != block.end {
            return Err(Failure::Counts { ping: block.end, pong: tally.turns.get(), due: block.end });
        }
    }
    plan.check(plan.total(), tally.turns.get(), tally.wrong.get())?;
    Ok(times)
}

/// The side that answers, as often as planned.
#[inline(always)]
pub fn pong(plan: Plan, live: Live, tally: &Tally, mut switch: impl FnMut()) {
    let mut values = SIX;
    let whole = plan.total() / STEP * STEP;
    match live {
        Live::Nothing => {
            let mut turn_is = |turn| {
                tally.turns.set(turn);
                switch();
            };
            for turn in (0..whole).step_by(STEP as usize) {
                step!(|done| turn_is(turn + done));
            }
            for turn in whole..plan.total() {
                turn_is(turn + 1);
            }
        }
        Live::SixValues => {
            let mut turn_is = |turn| {
                tally.turns.set(turn);
                six(&mut values, tally, &mut switch);
            };
            for turn in (0..whole).step_by(STEP as usize) {
                step!(|done| turn_is(turn + done));
            }
            for turn in whole..plan.total() {
                turn_is(turn + 1);
            }
        }
    }
}

/// Both sides' turns, done by one flow of control that does `next` where a side would hand over.
///
/// Each side keeps its own values in memory, and loads, checks and stores them once a turn: what every side does that
/// has them in registers, and gives those up as it hands over.
///
/// # Errors
///
/// As [`ping`].
#[inline(always)]
pub fn alternate(plan: Plan, live: Live, tally: &Tally, mut next: impl FnMut()) -> Result<Times, Failure> {
    let (mut times, asking, answering) = (Times::new(), Memory::default(), Memory::default());
    for block in plan.blocks() {
        let started = Instant::now();
        let whole = block.start + (block.end - block.start) / STEP * STEP;
        match live {
            Live::Nothing => {
                let mut turns_are = |turn| {
                    next();
                    tally.turns.set(turn);
                    next();
                };
                for turn in (block.start..whole).step_by(STEP as usize) {
                    step!(|done| turns_are(turn + done));
                }
                for turn in whole..block.end {
                    turns_are(turn + 1);
                }
            }
            Live::SixValues => {
                let mut turns_are = |turn| {
                    asking.take_turn(tally);
                    next();
                    tally.turns.set(turn);
                    answering.take_turn(tally);
                    next();
                };
                for turn in (block.start..whole).step_by(STEP as usize) {
                    step!(|done| turns_are(turn + done));
                }
                for turn in whole..block.end {
                    turns_are(turn + 1);
                }
            }
        }
        times.push(&block, started.elapsed());
    }
    plan.check(plan.total(), tally.turns.get(), tally.wrong.get())?;
    Ok(times)
}

/// No two are equal, so that a swap or a loss shows. Small, so that each comparison is a short instruction.
const SIX: [u64; 6] = [0x11, 0x22, 0x44, 0x08, 0x33, 0x55];

/// Six values while their side does not run.
struct Memory([Cell<u64>; 6]);

impl Default for Memory {
    fn default() -> Self {
        Self(SIX.map(Cell::new))
    }
}

impl Memory {
    /// Loads all six into registers, checks them, and stores them.
    #[inline(always)]
    fn take_turn(&self, tally: &Tally) {
        // Volatile: each is loaded and stored once a turn, whatever the compiler knows of it.
        // SAFETY: they are cells of this value's own.
        let mut values = self.0.each_ref().map(|value| unsafe { value.as_ptr().read_volatile() });
        let [a, b, c, d, e, f] = &mut values;
        in_registers([a, b, c, d, e, f]);
        check(&values, || tally.wrong.set(tally.wrong.get() + 1));
        for (place, value) in self.0.iter().zip(values) {
            // SAFETY: as above.
            unsafe { place.as_ptr().write_volatile(value) };
        }
    }
}

/// Switches with six values in registers, and counts where they are not the same afterwards.
#[inline(always)]
fn six(values: &mut [u64; 6], tally: &Tally, switch: &mut impl FnMut()) {
    let [a, b, c, d, e, f] = values;
    in_registers([a, b, c, d, e, f]);
    switch();
    check(values, || tally.wrong.set(tally.wrong.get() + 1));
}

/// Compares each with what it has to be: two instructions each, which processors do as one operation.
///
/// In asm, since a compiler makes one sum of all and copies what it adds up: more than a switch takes, and the same
/// for all, which hides what the switches cost.
#[inline(always)]
fn check(&[a, b, c, d, e, f]: &[u64; 6], wrong: impl FnOnce()) {
    // SAFETY: compares registers, and goes to where the block says.
    unsafe {
        core::arch::asm!(
            "cmp {a}, {due_a}",
            "jne {wrong}",
            "cmp {b}, {due_b}",
            "jne {wrong}",
            "cmp {c}, {due_c}",
            "jne {wrong}",
            "cmp {d}, {due_d}",
            "jne {wrong}",
            "cmp {e}, {due_e}",
            "jne {wrong}",
            "cmp {f}, {due_f}",
            "jne {wrong}",
            a = in(reg) a,
            b = in(reg) b,
            c = in(reg) c,
            d = in(reg) d,
            e = in(reg) e,
            f = in(reg) f,
            due_a = const SIX[0],
            due_b = const SIX[1],
            due_c = const SIX[2],
            due_d = const SIX[3],
            due_e = const SIX[4],
            due_f = const SIX[5],
            wrong = label { wrong() },
            options(nomem, nostack),
        );
    }
}

/// Makes the compiler have these six in registers, and forget what it knows of them.
#[inline(always)]
fn in_registers([a, b, c, d, e, f]: [&mut u64; 6]) {
    // SAFETY: no instruction at all.
    unsafe {
        core::arch::asm!(
            "/* {} {} {} {} {} {} */",
            inout(reg) * a,
            inout(reg) * b,
            inout(reg) * c,
            inout(reg) * d,
            inout(reg) * e,
            inout(reg) * f,
            options(nomem, nostack, preserves_flags),
        );
    }
}
