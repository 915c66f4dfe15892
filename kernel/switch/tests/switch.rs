//! The switch as ordinary user-mode code.

use std::{
    cell::Cell,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use switchlab_switch::{Context, Fiber, Message, Owner, switch_context};

const STACK_WORDS: usize = 64 * 1024 / 16;

struct Pair {
    main: Context,
    other: Context,
    value: AtomicU64,
}

impl Pair {
    fn start(entry: extern "C" fn(usize) -> !) -> (Box<Self>, Vec<u128>) {
        let mut stack = vec![0_u128; STACK_WORDS];
        let pair =
            Box::new(Self { main: Context::empty(), other: Context::empty(), value: AtomicU64::new(0) });
        let top = stack.as_mut_ptr_range().end.cast();
        // SAFETY: the stack is this pair's alone, aligned as u128, and outlives the test.
        unsafe { pair.other.prepare(top, entry, &raw const *pair as usize) };
        (pair, stack)
    }

    fn to_other(&self) {
        // SAFETY: `other` is suspended whenever main runs.
        unsafe { switch_context(&self.main, &self.other, Message::uninit()) };
    }

    fn to_main(&self) {
        // SAFETY: `main` is suspended whenever other runs.
        unsafe { switch_context(&self.other, &self.main, Message::uninit()) };
    }
}

fn pair_of<'a>(argument: usize) -> &'a Pair {
    // SAFETY: `Pair::start` passes the address of a pair that outlives its context.
    unsafe { &*(argument as *const Pair) }
}

extern "C" fn double(argument: usize) -> ! {
    let pair = pair_of(argument);
    loop {
        pair.value.store(pair.value.load(Relaxed) * 2, Relaxed);
        pair.to_main();
    }
}

#[test]
fn control_goes_to_and_fro() {
    let (pair, _stack) = Pair::start(double);
    for n in 0..1000 {
        pair.value.store(n, Relaxed);
        pair.to_other();
        assert_eq!(pair.value.load(Relaxed), 2 * n);
    }
}

#[test]
fn values_that_live_across_the_switch_survive() {
    let (pair, _stack) = Pair::start(double);
    let seed = Cell::new(std::hint::black_box(3_u64));
    let values: [u64; 12] =
        std::array::from_fn(|i| seed.get().wrapping_mul(0x9e37_79b9_7f4a_7c15 + i as u64));
    let floats: [f64; 8] = std::array::from_fn(|i| seed.get() as f64 + i as f64 / 7.0);
    let [a, b, c, d, e, f, g, h, i, j, k, l] = values;
    let [x0, x1, x2, x3, x4, x5, x6, x7] = floats;
    for _ in 0..100 {
        pair.to_other();
    }
    assert_eq!([a, b, c, d, e, f, g, h, i, j, k, l], values);
    assert_eq!([x0, x1, x2, x3, x4, x5, x6, x7], floats);
}

extern "C" fn report_alignment(argument: usize) -> ! {
    let pair = pair_of(argument);
    let local = 0_u128;
    pair.value.store((&raw const local).addr() as u64 % 16, Relaxed);
    loop {
        pair.to_main();
    }
}

#[test]
fn new_context_has_an_aligned_stack() {
    let (pair, _stack) = Pair::start(report_alignment);
    pair.value.store(99, Relaxed);
    pair.to_other();
    assert_eq!(pair.value.load(Relaxed), 0);
}

extern "C" fn hand_message_back(argument: usize) -> ! {
    let pair = pair_of(argument);
    let mut message = Message::new(7);
    loop {
        // SAFETY: `main` is suspended whenever other runs, and gives a message whenever it resumes it.
        message = unsafe { switch_context(&pair.other, &pair.main, message) };
        // SAFETY: as above.
        message = Message::new(unsafe { message.assume_init() } + 1);
    }
}

#[test]
fn message_comes_with_the_switch_both_ways() {
    let (pair, _stack) = Pair::start(hand_message_back);
    // SAFETY: `other` is suspended whenever main runs, and hands over a message each time.
    let hand = |message| unsafe { switch_context(&pair.main, &pair.other, message).assume_init() };
    assert_eq!(hand(Message::uninit()), 7);
    for n in 0..1000 {
        assert_eq!(hand(Message::new(n)), n + 1);
    }
}

extern "C" fn double_in_a_fiber(
    stack_pointer: usize,
    resume_at: usize,
    base_pointer: usize,
    argument: usize,
) -> ! {
    // SAFETY: the words that this entry got, once.
    let mut main = unsafe { Owner::from_words(stack_pointer, resume_at, base_pointer) };
    let value = std::ptr::with_exposed_provenance::<AtomicU64>(argument);
    loop {
        // SAFETY: the test's value outlives its stack.
        let value = unsafe { &*value };
        value.store(value.load(Relaxed) * 2, Relaxed);
        // SAFETY: main waits on its own stack.
        main = unsafe { main.suspend() };
    }
}

#[test]
fn two_that_hold_each_other_go_to_and_fro_and_keep_what_lives() {
    let value = AtomicU64::new(0);
    let mut stack = vec![0_u128; STACK_WORDS];
    let top = stack.as_mut_ptr_range().end.cast();
    let address = std::ptr::from_ref(&value).expose_provenance();
    // SAFETY: the stack is its alone, aligned as u128, and outlives it.
    let mut other = unsafe { Fiber::prepare(top, double_in_a_fiber, address) };
    let seed = std::hint::black_box(3_u64);
    let kept: [u64; 12] = std::array::from_fn(|i| seed.wrapping_mul(0x9e37_79b9_7f4a_7c15 + i as u64));
    let [a, b, c, d, e, f, g, h, i, j, k, l] = kept;
    for n in 0..1000 {
        value.store(n, Relaxed);
        // SAFETY: the other side waits on its own stack.
        other = unsafe { other.resume() };
        assert_eq!(value.load(Relaxed), 2 * n);
    }
    assert_eq!([a, b, c, d, e, f, g, h, i, j, k, l], kept);
}
