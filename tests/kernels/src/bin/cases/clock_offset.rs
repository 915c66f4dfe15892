//! An offset between two CPUs' counters is found within its bound, a step back is found where it is. The
//! counters cannot be set, so both are planted into the readings.

use alloc::vec::Vec;

use case::{check, count, cpu};
use switchlab_core::{
    offset::Rounds,
    params::Offsets,
    readings::{Pair, Readings},
};
use switchlab_kernel::{arch::tsc, bring_up::Lab, qualify};

const ROUNDS: u32 = 16;
/// Far more than a round trip takes, so that it cannot be overlooked.
const PLANTED: i64 = 1_000_000_000_000;
/// Added to all readings, so that none falls below 0: the counter is young.
const BASE: u64 = 1 << 60;

pub fn clock_offset(lab: &Lab) {
    counters_are_one();
    planted_offset_comes_back();
    planted_step_back_is_found();
    planted_step_back_on_one_cpu_is_found();
    pairs_are_those_asked_for(lab.cpus);
}

/// CPU `of` held against CPU `against`, with `plant` added to the readings of each, by their number.
fn rounds(against: usize, of: usize, plant: [fn(u32) -> i64; 2]) -> Rounds {
    let [first, second] = plant.map(|plant| {
        let mut number = 0;
        move || {
            number += 1;
            (BASE + tsc::fenced()).wrapping_add_signed(plant(number))
        }
    });
    qualify::exchange_readings(cpu(against), cpu(of), ROUNDS, first, second)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn counters_are_one() {
    for (against, of) in [(0, 1), (1, 2), (2, 0)] {
        expect(&rounds(against, of, [|_| 0, |_| 0]), 0, 0);
    }
}

fn planted_offset_comes_back() {
    // What is ahead is found on the way back, what is behind on the way there: once in each round.
    expect(&rounds(0, 1, [|_| 0, |_| PLANTED]), PLANTED, ROUNDS);
    expect(&rounds(0, 2, [|_| 0, |_| -PLANTED]), -PLANTED, ROUNDS);
    // Of the CPU that asks.
    expect(&rounds(1, 2, [|_| PLANTED, |_| 0]), -PLANTED, ROUNDS);
    // Of both by the same: no offset.
    expect(&rounds(2, 1, [|_| PLANTED, |_| PLANTED]), 0, 0);
}

fn expect(found: &Rounds, planted: i64, steps_back: u32) {
    check!(found.count == ROUNDS, "{} rounds of {ROUNDS}", found.count);
    match found.offset {
        Some(offset) => {
            let off = offset.ticks.abs_diff(planted);
            check!(off <= offset.bound_ticks, "planted {planted}, found {offset:?}");
            check!(offset.bound_ticks < PLANTED as u64 / 2, "{offset:?} would hide {PLANTED}");
        }
        None => check!(false, "planted {planted}, no offset found"),
    }
    check!(found.steps_back == steps_back, "{} steps back for {planted}", found.steps_back);
    let least = if steps_back == 0 { 0 } else { PLANTED as u64 / 2 };
    let largest = found.largest_step_back_ticks;
    check!((least..=PLANTED as u64).contains(&largest), "a step back of {largest} for {planted}");
    check!(found.own_steps_back == 0, "{} steps back of one CPU", found.own_steps_back);
}

/// Once, on the CPU that answers: below its own reading before, and below that of the CPU that asked.
fn planted_step_back_is_found() {
    let found = rounds(0, 1, [|_| 0, |number| if number == 3 { -PLANTED } else { 0 }]);
    check!(found.steps_back == 1, "{} steps back across CPUs, 1 planted", found.steps_back);
    check!(found.own_steps_back == 1, "{} steps back of one CPU, 1 planted", found.own_steps_back);
}

fn planted_step_back_on_one_cpu_is_found() {
    const PAIRS: usize = 100;
    // The readings are taken twice; only what happens the second time counts.
    for (first, expected) in [(usize::MAX, 0), (PAIRS / 2, 0), (PAIRS + PAIRS / 2, 1)] {
        let mut pairs = [Pair::default(); PAIRS];
        let mut number = 0;
        let start = || {
            number += 1;
            (BASE + tsc::start()).wrapping_add_signed(if number == first { -PLANTED } else { 0 })
        };
        qualify::take_readings(&mut pairs, start, || BASE + tsc::end());
        let found = Readings::judge(&mut pairs);
        check!(found.steps_back == expected, "{} steps back, {expected} planted", found.steps_back);
    }
}

fn pairs_are_those_asked_for(cpus: u32) {
    let all = (0..cpus).flat_map(|against| (against + 1..cpus).map(move |cpu| (against, cpu)));
    let of_bsp = (1..cpus).map(|cpu| (0, cpu));
    let measured = |which| {
        let mut pairs = Vec::new();
        let result = qualify::offsets(which, tsc::fenced, |offset| pairs.push((offset.against, offset.cpu)));
        result.unwrap_or_else(|error| panic!("{error}"));
        pairs
    };
    let found = measured(Offsets::All);
    check!(all.eq(found.iter().copied()), "offsets=all: {found:?}");
    count("pairs", found.len() as u64);
    let found = measured(Offsets::Bsp);
    check!(of_bsp.eq(found.iter().copied()), "offsets=bsp: {found:?}");
    let found = measured(Offsets::None);
    check!(found.is_empty(), "offsets=none: {found:?}");
}
