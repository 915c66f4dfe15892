//! Which stretch of host time judges a block, where records were read late: those that came together are
//! judged together. Pure; the watcher calls it once the guest has ended.
//!
//! A block is held against what was seen between the arrival of its record and of the one before. Where
//! this tool is held up itself, the records that wait arrive all at once: the first gets the time of all,
//! the others next to none, in which nothing can be seen. A stretch that is shorter than what the block
//! itself took can not be its own.
//!
//! Two points can be of one timed block, as the two ways of a pair are: their records come together, and what was
//! seen before the first is of both.

use std::iter::repeat_n;
use std::ops::Add;
use std::time::Duration;

use super::GAP;
use super::found::HostTime;
use super::judge::{CpuTime, Interval, LEAST, Threads, VoidReason, judge_interval};

/// What is shorter than a block by no more than a twentieth of it still judges it: the two clocks differ,
/// and records take a while to come.
const SHARE: u32 = 20;

/// The arrival of a record.
#[derive(Clone, Copy, Debug)]
pub struct Arrived {
    /// What was seen since the arrival before it.
    pub interval: Interval,
    /// What it tells of.
    pub told: Told,
}

/// What a record tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// A timed block, which took this long by the guest's clock; `None` where its frequency is not known.
    Block(Option<Duration>),
    /// Another part of the block that was told right before, which is as much longer.
    SameBlock(Option<Duration>),
    /// Anything else.
    Other,
}

impl Told {
    const fn took(self) -> Duration {
        match self {
            Self::Block(Some(took)) | Self::SameBlock(Some(took)) => took,
            Self::Block(None) | Self::SameBlock(None) | Self::Other => Duration::ZERO,
        }
    }
}

/// QEMU's CPU time over each told block, in order, where it is known of all of the block; of a block that was told
/// in several records, in equal parts.
pub fn host_times(arrivals: &[Arrived]) -> Vec<Option<HostTime>> {
    let time = |(arrived, parts): (Arrived, u32)| {
        let Interval { length, cpu, .. } = arrived.interval;
        let is_its_own = length >= LEAST && fits(length, arrived.told.took());
        let time = cpu
            .filter(|_| is_its_own)
            .map(|cpu| HostTime { wall_us: us(length / parts), cpu_us: us(cpu.process / parts) });
        (time, if arrived.told == Told::Other { 0 } else { parts })
    };
    let times = whole(arrivals).into_iter().map(time);
    times.flat_map(|(time, parts)| repeat_n(time, parts as usize)).collect()
}

fn us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Blocks that were told in several records are put together; with each, how many records there were.
fn whole(arrivals: &[Arrived]) -> Vec<(Arrived, u32)> {
    let mut whole: Vec<(Arrived, u32)> = Vec::with_capacity(arrivals.len());
    for arrived in arrivals {
        match (arrived.told, whole.last_mut()) {
            (Told::SameBlock(more), Some((Arrived { interval, told: Told::Block(took) }, parts))) => {
                *interval = *interval + arrived.interval;
                *took = took.zip(more).map(|(took, more)| took.saturating_add(more));
                *parts += 1;
            }
            _ => whole.push((*arrived, 1)),
        }
    }
    whole
}

impl Add for Interval {
    type Output = Self;

    /// Two that follow each other. What is not known of one of them is not known of both.
    fn add(self, later: Self) -> Self {
        let both = |earlier: CpuTime, later| {
            let mut sum = earlier;
            sum += later;
            sum
        };
        Self {
            length: self.length + later.length,
            stopped: self.stopped + later.stopped,
            paused: self.paused + later.paused,
            unwatched: self.unwatched + later.unwatched,
            cpu: self.cpu.zip(later.cpu).map(|(earlier, later)| both(earlier, later)),
        }
    }
}

/// Why the blocks among `arrivals` are void, one list for each block, in order; empty where it is not.
///
/// Each is judged by its own interval. Where that is shorter than the block, the intervals before it are
/// added until they are as long as all blocks in them, and what they say together is true of each that has
/// no reason of its own. What QEMU was stopped or paused between two blocks makes the one behind void: nobody can say
/// that nothing of it is left there. The first arrival is that of the guest's first record: no block is before it.
pub fn judge_all(arrivals: &[Arrived], threads: Threads) -> Vec<Vec<VoidReason>> {
    let (arrivals, parts): (Vec<Arrived>, Vec<u32>) = whole(arrivals).into_iter().unzip();
    let is_told = arrivals.iter().any(|arrived| arrived.interval.cpu.is_some());
    let mut verdicts: Vec<_> =
        arrivals.iter().map(|arrived| judge_interval(&arrived.interval, threads)).collect();
    for (last, arrived) in arrivals.iter().enumerate() {
        if fits(arrived.interval.length, arrived.told.took()) {
            continue;
        }
        let (first, interval) = group(&arrivals[..=last]);
        let mut reasons = judge_interval(&interval, threads);
        if interval.cpu.is_none() && is_told && reasons.is_empty() && interval.length >= GAP {
            // QEMU had gone before its last records were read.
            reasons.push(VoidReason::unwatched(interval.length));
        }
        for verdict in verdicts[first..=last].iter_mut().filter(|verdict| verdict.is_empty()) {
            verdict.clone_from(&reasons);
        }
    }
    hand_on(&arrivals, &mut verdicts);
    let blocks = verdicts.into_iter().zip(arrivals.iter().zip(parts));
    let told = blocks.filter(|(_, (arrived, _))| arrived.told != Told::Other);
    told.flat_map(|(verdict, (_, parts))| repeat_n(verdict, parts as usize)).collect()
}

/// Adds what QEMU was stopped or paused between two blocks to the verdict on the one behind.
fn hand_on(arrivals: &[Arrived], verdicts: &mut [Vec<VoidReason>]) {
    let first = arrivals.iter().position(|arrived| arrived.told != Told::Other);
    let mut between = Vec::new();
    for (arrived, verdict) in arrivals.iter().zip(verdicts).skip(first.unwrap_or(arrivals.len())) {
        if arrived.told == Told::Other {
            between.extend(verdict.extract_if(.., |reason| reason.is_stroke()));
        } else {
            verdict.append(&mut between);
        }
    }
}

/// The shortest end of `arrivals` that is as long as its blocks, else all of it but the first: where it
/// begins, and its common interval.
fn group(arrivals: &[Arrived]) -> (usize, Interval) {
    let last = arrivals.len() - 1;
    let (mut first, mut interval) = (last, arrivals[last].interval);
    let mut took = arrivals[last].told.took();
    while !fits(interval.length, took) && first > 1 {
        first -= 1;
        interval = arrivals[first].interval + interval;
        took = took.saturating_add(arrivals[first].told.took());
    }
    (first, interval)
}

fn fits(length: Duration, took: Duration) -> bool {
    length.as_nanos() * u128::from(SHARE) >= took.as_nanos() * u128::from(SHARE - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Of which QEMU ran all but `waited`.
    fn interval(length: u64, waited: u64) -> Interval {
        let ran = ms(length - waited);
        let cpu = CpuTime { ran, waited: ms(waited), process: ran, ..CpuTime::default() };
        Interval { length: ms(length), stopped: ms(0), paused: ms(0), unwatched: ms(0), cpu: Some(cpu) }
    }

    fn block(length: u64, waited: u64, took: u64) -> Arrived {
        Arrived { interval: interval(length, waited), told: Told::Block(Some(ms(took))) }
    }

    fn other(length: u64, waited: u64) -> Arrived {
        Arrived { interval: interval(length, waited), told: Told::Other }
    }

    fn is_void(arrivals: &[Arrived]) -> Vec<bool> {
        judge_all(arrivals, Threads::One).iter().map(|reasons| !reasons.is_empty()).collect()
    }

    #[test]
    fn blocks_that_came_one_by_one_are_judged_one_by_one() {
        let arrivals =
            [other(50, 0), block(1_100, 0, 1_000), block(1_100, 400, 1_000), block(1_100, 0, 1_000)];
        assert_eq!(is_void(&arrivals), [false, true, false]);
    }

    #[test]
    fn blocks_that_came_together_are_judged_by_their_common_interval() {
        // Starved for 2 of 5 s, of which the first one's record got all.
        let late =
            [block(1_100, 0, 1_000), block(5_000, 2_000, 1_000), block(1, 0, 1_000), block(0, 0, 1_000)];
        let arrivals: Vec<_> =
            [other(50, 0)].into_iter().chain(late).chain([block(1_100, 0, 1_000)]).collect();
        assert_eq!(is_void(&arrivals), [false, true, true, true, false]);
        // The same, where one that is no block came first.
        let arrivals =
            [other(50, 0), other(5_000, 2_000), block(1, 0, 1_000), other(1, 0), block(1, 0, 1_000)];
        assert_eq!(is_void(&arrivals), [true, true]);
    }

    #[test]
    fn block_that_was_under_way_when_others_were_read_late_shares_their_verdict() {
        let arrivals = [other(50, 0), block(5_200, 2_000, 1_000), block(1, 0, 4_000), block(800, 0, 1_000)];
        assert_eq!(is_void(&arrivals), [true, true, true]);
    }

    #[test]
    fn late_records_of_a_quiet_host_hold() {
        let arrivals = [other(50, 0), block(3_300, 10, 1_000), block(1, 0, 1_000), block(0, 0, 1_000)];
        assert_eq!(is_void(&arrivals), [false; 3]);
    }

    #[test]
    fn stop_between_two_blocks_makes_the_one_behind_void() {
        let struck = |arrived: Arrived| Arrived {
            interval: Interval { stopped: ms(600), ..arrived.interval },
            ..arrived
        };
        let (quiet, starved) = (block(1_100, 0, 1_000), block(1_100, 400, 1_000));
        let told = |arrivals: &[Arrived]| -> Vec<usize> {
            judge_all(arrivals, Threads::One).iter().map(Vec::len).collect()
        };
        assert_eq!(told(&[other(50, 0), quiet, struck(other(602, 0)), quiet, quiet]), [0, 1, 0]);
        assert_eq!(told(&[other(50, 0), quiet, struck(other(602, 0)), starved]), [0, 2], "and it says both");
        assert_eq!(told(&[struck(other(650, 0)), quiet]), [0], "a boot has no time that counts");
    }

    #[test]
    fn group_is_no_longer_than_its_blocks() {
        let arrivals = [
            other(50, 0),
            block(1_100, 500, 1_000),
            block(2_200, 0, 1_000),
            block(1, 0, 1_000),
            block(960, 0, 1_000),
        ];
        assert_eq!(is_void(&arrivals), [true, false, false, false], "and 4 % are let pass");
    }

    #[test]
    fn boot_is_in_no_group_and_absurd_ticks_end_at_it() {
        let arrivals = [other(900, 500), block(5, 0, u64::MAX), block(5, 0, u64::MAX)];
        assert_eq!(is_void(&arrivals), [false; 2]);
        assert_eq!(is_void(&[block(5, 0, u64::MAX)]), [false]);
    }

    #[test]
    fn late_records_of_a_qemu_that_is_gone_are_void() {
        let gone = |told| Arrived { interval: Interval { cpu: None, ..interval(1, 0) }, told };
        let took = Told::Block(Some(ms(1_000)));
        let arrivals = [other(50, 0), other(600, 0), gone(took)];
        assert_eq!(judge_all(&arrivals, Threads::One), [[VoidReason::Unwatched { ms: 601 }]]);
        let arrivals = [other(50, 0), other(100, 0), gone(took)];
        assert_eq!(is_void(&arrivals), [false], "no gap worth the name: it is counted as not known");
        let arrivals = [gone(Told::Other), gone(Told::Other), gone(took)];
        assert_eq!(is_void(&arrivals), [false], "nothing was ever known: that is said by itself");
    }

    #[test]
    fn two_parts_of_a_block_share_its_verdict_and_its_time() {
        let part =
            |length, waited| Arrived { told: Told::SameBlock(Some(ms(500))), ..block(length, waited, 0) };
        let arrivals = [other(50, 0), block(1_100, 400, 500), part(2, 0), block(1_000, 0, 500), part(0, 0)];
        assert_eq!(is_void(&arrivals), [true, true, false, false]);
        let times = host_times(&arrivals).into_iter();
        let times: Vec<_> = times.map(|time| time.map(|time| (time.wall_us, time.cpu_us))).collect();
        let (first, second) = (Some((551_000, 351_000)), Some((500_000, 500_000)));
        assert_eq!(times, [first, first, second, second]);
        assert_eq!(host_times(&[other(50, 0), part(600, 0)]).len(), 1, "a part of nothing is a block");
    }

    #[test]
    fn time_of_what_is_too_short_or_came_late_is_not_told() {
        let arrivals = [other(50, 0), block(19, 0, 10), block(3_000, 0, 1_000), block(100, 0, 1_000)];
        let times: Vec<_> = host_times(&arrivals).iter().map(Option::is_some).collect();
        assert_eq!(times, [false, true, false]);
    }

    #[test]
    fn without_a_frequency_each_is_judged_alone() {
        let unknown = |length, waited| Arrived { told: Told::Block(None), ..block(length, waited, 0) };
        let arrivals = [other(50, 0), unknown(5_000, 2_000), unknown(0, 0)];
        assert_eq!(is_void(&arrivals), [true, false]);
    }
}
