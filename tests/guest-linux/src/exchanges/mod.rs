//! The exchanges, each a ping and a pong with a number that the other side checks, and how they are timed.
//!
//! Both sides of an exchange on one core are bound to [`FIRST`], those on two cores to [`FIRST`] and
//! [`SECOND`]: the same CPUs that the laboratory's own experiment takes.

mod calls;
mod futex;
mod go;
pub mod pipe;
mod turns;

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};
use rustix::thread::{CpuSet, sched_setaffinity};
use switchlab_guest_linux::{Block, Exchange, GO, Record, Skipped};

use crate::plan::Plan;
use crate::report::Report;

/// CPU of the ping, and on one core of the pong too.
pub const FIRST: usize = 0;
/// CPU of the pong on two cores.
pub const SECOND: usize = 1;

/// Exchanges of the first block, from which is told how many fit.
const FEWEST: u32 = 16;
/// The most in a block: numbers of both sides stay below 2^32.
const MOST: u32 = 1 << 30;

/// Measures every exchange and writes its blocks.
///
/// # Errors
///
/// What failed in the guest, with the exchange's name.
pub fn measure_all(plan: Plan, report: &mut Report) -> anyhow::Result<()> {
    for exchange in Exchange::ALL {
        if let Some(why) = cannot(exchange) {
            report.write(&Record::Skipped(Skipped { exchange, why: why.into() }))?;
            continue;
        }
        measure(exchange, plan, report).with_context(|| exchange.words())?;
    }
    Ok(())
}

fn cannot(exchange: Exchange) -> Option<&'static str> {
    let is_alone = thread::available_parallelism().is_ok_and(|cpus| cpus.get() == 1);
    match exchange {
        Exchange::GoOne | Exchange::GoAll if !std::path::Path::new(GO).exists() => {
            Some("there is no Go program in the guest")
        }
        Exchange::FutexOther | Exchange::PipeThreadsOther | Exchange::PipeProcessesOther if is_alone => {
            Some("there is one CPU only")
        }
        _ => None,
    }
}

fn measure(exchange: Exchange, plan: Plan, report: &mut Report) -> anyhow::Result<()> {
    let mut exchanges = FEWEST;
    loop {
        let elapsed = block(exchange, exchanges)?.elapsed;
        if elapsed * 8 >= plan.budget || exchanges >= MOST {
            exchanges = fitting(exchanges, elapsed, plan.budget);
            break;
        }
        exchanges *= 4;
    }
    for repetition in 1..=plan.repetitions {
        let Timed { handoffs, elapsed } = block(exchange, exchanges)?;
        let elapsed_ns = u64::try_from(elapsed.as_nanos())?;
        report.write(&Record::Block(Block { exchange, repetition, handoffs, elapsed_ns }))?;
    }
    Ok(())
}

/// How many exchanges fit in `budget`, where `exchanges` took `elapsed`.
fn fitting(exchanges: u32, elapsed: Duration, budget: Duration) -> u32 {
    let fit = f64::from(exchanges) * budget.as_secs_f64() / elapsed.as_secs_f64().max(1e-9);
    (fit as u32).clamp(FEWEST, MOST)
}

/// A block that ended.
pub struct Timed {
    /// One-way handoffs in it.
    pub handoffs: u64,
    /// How long it took.
    pub elapsed: Duration,
}

fn block(exchange: Exchange, exchanges: u32) -> anyhow::Result<Timed> {
    match exchange {
        Exchange::Getppid => calls::getppid(exchanges),
        Exchange::SchedYield => between_threads(&turns::Turns::default(), FIRST, exchanges),
        Exchange::FutexSame => between_threads(&futex::Futex::default(), FIRST, exchanges),
        Exchange::FutexOther => between_threads(&futex::Futex::default(), SECOND, exchanges),
        Exchange::PipeThreadsSame => between_threads(&pipe::Pipes::new()?, FIRST, exchanges),
        Exchange::PipeThreadsOther => between_threads(&pipe::Pipes::new()?, SECOND, exchanges),
        Exchange::PipeProcessesSame => pipe::between_processes(FIRST, exchanges),
        Exchange::PipeProcessesOther => pipe::between_processes(SECOND, exchanges),
        Exchange::GoOne => go::channel(1, exchanges),
        Exchange::GoAll => go::channel(thread::available_parallelism()?.get(), exchanges),
    }
}

/// What two sides hand a number over by. Pings are odd; the pong to each is the next number.
pub trait Medium: Sync {
    /// Hands `number` over and waits until `number + 1` is there.
    fn ping(&self, number: u32) -> anyhow::Result<()>;

    /// Waits until `number` is there and hands `number + 1` over.
    fn pong(&self, number: u32) -> anyhow::Result<()>;
}

/// The number of the ping of exchange `index`, from 0.
pub const fn number(index: u32) -> u32 {
    index * 2 + 1
}

/// Exchanges before those that are timed.
pub const fn warm_up(exchanges: u32) -> u32 {
    exchanges / 16 + 8
}

/// Times the pings of this thread, warm-up first.
pub fn time(exchanges: u32, mut ping: impl FnMut(u32) -> anyhow::Result<()>) -> anyhow::Result<Timed> {
    let first = warm_up(exchanges);
    (0..first).try_for_each(|index| ping(number(index)))?;
    let start = Instant::now();
    (first..first + exchanges).try_for_each(|index| ping(number(index)))?;
    Ok(Timed { handoffs: u64::from(exchanges) * 2, elapsed: start.elapsed() })
}

/// Times exchanges between a thread on [`FIRST`] and one on `other`.
fn between_threads(medium: &impl Medium, other: usize, exchanges: u32) -> anyhow::Result<Timed> {
    // Neither runs before both are where they belong.
    let placed = Barrier::new(2);
    let at = |cpu| {
        let bound = bind(cpu);
        placed.wait();
        bound
    };
    thread::scope(|scope| {
        let pong = scope.spawn(|| {
            at(other)?;
            (0..warm_up(exchanges) + exchanges).try_for_each(|index| medium.pong(number(index)))
        });
        let ping = scope.spawn(|| {
            at(FIRST)?;
            time(exchanges, |number| medium.ping(number))
        });
        let timed = ping.join().map_err(|_| anyhow!("the ping panicked"))?;
        pong.join().map_err(|_| anyhow!("the pong panicked"))??;
        timed
    })
}

/// Binds this thread to `cpu`.
pub fn bind(cpu: usize) -> anyhow::Result<()> {
    let mut only = CpuSet::new();
    only.set(cpu);
    sched_setaffinity(None, &only).with_context(|| format!("binding a thread to CPU {cpu}"))
}

/// That the other side answered with the number that was due.
pub fn check(expected: u32, found: u32) -> anyhow::Result<()> {
    ensure!(found == expected, "number {expected} was due, {found} came");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_medium_hands_every_number_over() {
        for exchange in Exchange::ALL {
            // Of processes, `peer` is this program only in the guest.
            let of_processes = [Exchange::PipeProcessesSame, Exchange::PipeProcessesOther];
            if of_processes.contains(&exchange) || cannot(exchange).is_some() {
                continue;
            }
            let Timed { handoffs, elapsed } = block(exchange, 100).unwrap();
            let each = if exchange == Exchange::Getppid { 1 } else { 2 };
            assert_eq!(handoffs, 100 * each, "{exchange}");
            assert!(elapsed > Duration::ZERO, "{exchange}");
        }
    }

    #[test]
    fn block_is_as_long_as_the_budget_lets_it_be() {
        let ms = Duration::from_millis;
        assert_eq!(fitting(1_000, ms(10), ms(100)), 10_000);
        assert_eq!(fitting(16, ms(1_000), ms(100)), FEWEST);
        assert_eq!(fitting(MOST, ms(1), ms(100)), MOST);
    }

    #[test]
    fn wrong_number_is_named() {
        assert_eq!(check(3, 4).unwrap_err().to_string(), "number 3 was due, 4 came");
        assert!(check(3, 3).is_ok());
    }
}
