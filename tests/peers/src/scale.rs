//! Our tasks, as many as 65,536 of them, that yield round their ring: what a switch takes as they become more, which
//! lines of memory it touches, and what it takes to go over so many lines and nothing else.
//!
//! Tasks and stacks lie as the kernel lays them: tasks of two cache lines one behind the other, stacks of a page.
//! The chase goes over memory of the same shape: in the same order, so that it has the same sets and pages, and what a
//! processor fetches ahead; and in an order that nothing can be fetched ahead in.

mod chase;
mod steps;

use std::alloc::{Layout, alloc_zeroed};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde::Serialize;
use switchlab_core::random::SplitMix64;
use switchlab_sync::{Cpu, Task};

use crate::peers::ours_tasks::{Thread, start, start_task, task_of};
use chase::Chase;
use steps::{Touched, touched};

/// Bytes of a stack, as the kernel's smallest.
const STACK_BYTES: usize = 4096;
/// Bytes of a cache line.
pub const LINE_BYTES: usize = 64;

/// How much to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    block: Duration,
    repeats: usize,
    most: usize,
}

impl Effort {
    /// Of the command line's words; `None` where they are no such numbers.
    pub fn new(block_ms: &str, repeats: &str, most: &str) -> Option<Self> {
        let number = |word: &str, from, to| word.parse().ok().filter(|number| (from..=to).contains(number));
        Some(Self {
            block: Duration::from_millis(number(block_ms, 1, 10_000)?),
            repeats: number(repeats, 1, 1_000)? as usize,
            most: number(most, 2, 1 << 20)? as usize,
        })
    }
}

/// What all rings come to.
#[derive(Debug, Serialize)]
pub struct Scaled {
    /// What one switch touches; absent where it can not be counted.
    touched: Option<Touched>,
    /// Why it can not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    points: Vec<Point>,
}

/// One size of ring.
#[derive(Debug, Serialize)]
struct Point {
    tasks: usize,
    /// One switch, a value for each repeat.
    switch_ns: Vec<f64>,
    /// One line of the chase over as many lines as the tasks have, in their order; empty where these are not counted.
    line_ns: Vec<f64>,
    /// The same in a shuffled order of the tasks.
    shuffled_line_ns: Vec<f64>,
}

/// The turn that nobody is due at: ends a point.
const STOP: u64 = u64::MAX;

/// What all tasks of the ring see.
#[repr(align(64))]
struct Shared {
    turn: AtomicU64,
    tasks: AtomicU64,
}

static SHARED: Shared = Shared { turn: AtomicU64::new(0), tasks: AtomicU64::new(0) };

/// Rings of 2, 4, 8 and so on.
///
/// # Panics
///
/// If a turn is another than the one that is due: then no figure means anything.
pub fn measure(effort: Effort) -> Scaled {
    let ring = Ring::of(effort.most);
    let counted = touched(&ring);
    let lines = counted.as_ref().map_or(0, |touched| touched.lines_of_a_task());
    let chase = Chase::over(effort.most, lines);
    let sizes = std::iter::successors(Some(2), |tasks| Some(2 * tasks)).take_while(|n| *n <= effort.most);
    let points = sizes.map(|tasks| {
        let mut point =
            Point { tasks, switch_ns: Vec::new(), line_ns: Vec::new(), shuffled_line_ns: Vec::new() };
        let in_order: Vec<_> = (0..tasks).collect();
        let shuffled = shuffled(tasks);
        // Side by side, so that what the host does meets both.
        for _ in 0..effort.repeats {
            let switches = |rounds| ring.go_round(tasks, rounds);
            point.switch_ns.push(each_ns(effort.block, tasks, switches));
            if lines > 0 {
                let hops = tasks * lines;
                let line = |order| each_ns(effort.block, hops, |rounds| chase.go_round(order, rounds));
                point.line_ns.push(line(&in_order));
                point.shuffled_line_ns.push(line(&shuffled));
            }
        }
        point
    });
    let points = points.collect();
    match counted {
        Ok(touched) => Scaled { touched: Some(touched), reason: None, points },
        Err(reason) => Scaled { touched: None, reason: Some(reason), points },
    }
}

/// The tasks in an order that is drawn, the same in each start (Fisher and Yates).
fn shuffled(tasks: usize) -> Vec<usize> {
    let mut random = SplitMix64::new(tasks as u64);
    let mut order: Vec<_> = (0..tasks).collect();
    for last in (1..tasks).rev() {
        order.swap(last, (random.draw() % (last as u64 + 1)) as usize);
    }
    order
}

/// What each of the `each` things of a round takes, in a block of about `lasting`. The first rounds, which bring the
/// memory nearer, say how many there can be.
fn each_ns(lasting: Duration, each: usize, go_round: impl Fn(u64) -> Duration) -> f64 {
    let mut rounds = 1;
    let took = loop {
        let took = go_round(rounds);
        if took * 10 >= lasting {
            break took;
        }
        rounds *= 2;
    };
    let fit = lasting.as_secs_f64() / took.as_secs_f64() * rounds as f64;
    let rounds = (fit as u64).max(1);
    go_round(rounds).as_nanos() as f64 / (rounds * each as u64) as f64
}

/// This thread's CPU time: what others do on its CPU meanwhile is not in it.
fn of_this_thread() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it writes a `timespec`.
    let error = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(error, 0, "each thread has a clock");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// All tasks. The first is this thread; the others block between points.
pub struct Ring {
    tasks: &'static [Task<Thread>],
    stacks: usize,
}

impl Ring {
    /// A ring of so many.
    fn of(most: usize) -> Self {
        start();
        let others = 1..most;
        let tasks: Vec<_> =
            others.map(|index| task_of(index as u32 + 2, Box::new(move || live(index)))).collect();
        let tasks: &'static [Task<Thread>] = Vec::leak(tasks);
        let stacks = pages(most);
        for (task, index) in tasks.iter().zip(1..) {
            // SAFETY: each gets a page of its own, which is never freed.
            unsafe { start_task(task, stacks.add((index + 1) * STACK_BYTES)) };
        }
        // Each blocks.
        Cpu::<Thread>::yield_now();
        Self { tasks, stacks: stacks.expose_provenance() }
    }

    /// Lets the first so many go round; returns what it took.
    pub fn go_round(&self, tasks: usize, rounds: u64) -> Duration {
        let mut took = Duration::ZERO;
        self.with(tasks, |turns| {
            let started = of_this_thread();
            turns(rounds);
            took = of_this_thread().saturating_sub(started);
        });
        took
    }

    /// Shows `look` how to let the first `tasks` tasks go round; they have gone round once, so that each stands in its
    /// loop.
    pub fn with(&self, tasks: usize, look: impl FnOnce(&mut dyn FnMut(u64))) {
        SHARED.turn.store(0, Relaxed);
        SHARED.tasks.store(tasks as u64, Relaxed);
        self.tasks[..tasks - 1].iter().for_each(Task::wake);
        let mut turns = |rounds: u64| {
            let from = SHARED.turn.load(Relaxed);
            let end = from + rounds * tasks as u64;
            let ended = take_turns(tasks as u64, from, end);
            assert_eq!(ended, (end, end), "the turns of {tasks} tasks are out of order");
        };
        turns(1);
        look(&mut turns);
        SHARED.turn.store(STOP, Relaxed);
        Cpu::<Thread>::yield_now();
    }

    /// What an address is of.
    pub fn kind_of(&self, address: usize) -> Option<Kind> {
        let within = |from: usize, bytes: usize| (from..from + bytes).contains(&address);
        if within(self.tasks.as_ptr().addr(), size_of_val(self.tasks)) {
            Some(Kind::Task)
        } else {
            within(self.stacks, (self.tasks.len() + 1) * STACK_BYTES).then_some(Kind::Stack)
        }
    }
}

/// What a line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A task.
    Task,
    /// Its stack.
    Stack,
}

/// So many pages for ever, each touched once.
fn pages(count: usize) -> *mut u8 {
    let layout = Layout::from_size_align(count * STACK_BYTES, STACK_BYTES).expect("a size that there may be");
    // SAFETY: the layout has a size.
    let first = unsafe { alloc_zeroed(layout) };
    assert!(!first.is_null(), "no memory for {count} stacks");
    first
}

/// A task's life: takes part in the points that it is woken for.
fn live(index: usize) {
    loop {
        Task::<Thread>::block_current();
        let (due, found) = take_turns(SHARED.tasks.load(Relaxed), index as u64, STOP);
        assert_eq!(found, STOP, "turn {due} was due at task {index}");
    }
}

/// The loop of every task, the kernel's `take_turns` without memory to read.
#[inline(never)]
fn take_turns(tasks: u64, mut due: u64, end: u64) -> (u64, u64) {
    let shared = black_box(&SHARED);
    loop {
        let found = shared.turn.load(Relaxed);
        if found != due || due == end {
            return (due, found);
        }
        shared.turn.store(due + 1, Relaxed);
        due += tasks;
        Cpu::<Thread>::yield_now();
    }
}
