//! Many tasks of one CPU that yield round their ring. They are all started before the first point, and block
//! between points; so a point with n tasks wakes n - 1 of them, the task that measures being the first.

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::{
    fmt,
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use switchlab_core::budget::affordable;
use switchlab_records::{Counts, Point};

use super::Size;
use crate::{
    bring_up::refuse,
    experiments::{
        points,
        room::{FRAMES_OF_A_TASK, Room, memory_that, mib, whole_mib},
    },
    failure,
    measure::{Noted, Timed, Wrong, probe::Batch, snapshot, time, watch::MeasuredLocks},
    mm::{self, StackError, StackSize},
    sched::{self, Cpu, Task},
};

/// How much memory of its own a task reads between two switches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Touch {
    /// None.
    Nothing,
    /// 1 KiB.
    OneKib,
    /// 16 KiB.
    SixteenKib,
}

impl Touch {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Nothing, Self::OneKib, Self::SixteenKib];

    /// The series of it.
    pub const fn series(self) -> &'static str {
        match self {
            Self::Nothing => "switch-touch-0k",
            Self::OneKib => "switch-touch-1k",
            Self::SixteenKib => "switch-touch-16k",
        }
    }

    const fn bytes(self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::OneKib => 1 << 10,
            Self::SixteenKib => 16 << 10,
        }
    }

    const fn words(self) -> usize {
        self.bytes() as usize / size_of::<u64>()
    }
}

/// Bytes of the heap that a task takes: itself, and where it is found.
const HEAP_OF_A_TASK: u64 = size_of::<Task>() as u64 + 8;

/// What fits into the memory.
#[derive(Clone, Copy, Debug)]
pub struct Fit {
    room: Room,
    /// The most tasks that are wanted.
    most: u64,
    /// The most that are started.
    tasks: u64,
    /// Bytes that they read, all of them together, where they read most.
    arena: u64,
}

impl Fit {
    /// Of this machine, with up to `most` tasks.
    pub fn of_this_machine(most: u32) -> Self {
        Self::into(Room::of_this_machine(), most.into())
    }

    fn into(room: Room, most: u64) -> Self {
        let sizes = || core::iter::successors(Some(most.next_power_of_two()), |n| (*n > 2).then_some(n / 2));
        let tasks = sizes()
            .map(|n| n.min(most))
            .find(|n| n * FRAMES_OF_A_TASK <= room.frames && n * HEAP_OF_A_TASK <= room.heap)
            .unwrap_or(0);
        let left = room.frames - tasks * FRAMES_OF_A_TASK;
        let read = sizes().map(|n| n.min(tasks)).flat_map(|n| Touch::ALL.map(|touch| n * touch.bytes()));
        let arena = read.filter(|bytes| *bytes <= left).max().unwrap_or(0);
        Self { room, most, tasks, arena }
    }

    /// Whether a point does.
    pub fn allows(&self, touch: Touch, tasks: u32) -> bool {
        let tasks = u64::from(tasks);
        tasks <= self.tasks && tasks * touch.bytes() <= self.arena
    }

    /// Why a point is absent, and what it needs.
    pub fn what_is_needed(&self, touch: Touch, tasks: u32) -> String {
        let n = u64::from(tasks);
        let (stacks, touched, kib) = (n * FRAMES_OF_A_TASK, n * touch.bytes(), touch.bytes() >> 10);
        let Self { room, most, tasks: started, .. } = *self;
        let free = whole_mib(room.frames);
        let why = if n <= started {
            let left = whole_mib(room.frames - started * FRAMES_OF_A_TASK);
            format!(
                "{kib} KiB for each of {tasks} tasks are {}; {left} are left of {free}, because the stacks of all {started} tasks come first, which are started once for all points",
                mib(touched)
            )
        } else if stacks <= room.frames {
            let (heap, free) = (mib(n * HEAP_OF_A_TASK), whole_mib(room.heap));
            format!("{tasks} tasks take {heap} of the heap; {free} of it are free")
        } else if touched == 0 {
            format!("the stacks of {tasks} tasks are {}; {free} are free", mib(stacks))
        } else {
            let (stacks, touched) = (mib(stacks), mib(touched));
            format!(
                "the stacks of {tasks} tasks are {stacks}, and {kib} KiB for each are {touched}; {free} are free"
            )
        };
        let memory = memory_that(|room| Self::into(room, most).allows(touch, tasks));
        let fewer = if Self::into(room, n).allows(touch, tasks) {
            format!(", or --tasks {tasks}")
        } else {
            String::new()
        };
        format!("{why}; {memory}{fewer}")
    }
}

/// The turn that nobody is due at: ends a point.
const STOP: u64 = u64::MAX;

/// What all tasks of the ring see.
#[repr(C, align(64))]
struct Shared {
    /// The next turn; each task holds it against the one that it is due at.
    turn: AtomicU64,
    tasks: AtomicU64,
    words: AtomicU64,
    /// A wrong turn.
    wrong: Noted,
    memory: &'static [u64],
}

/// The tasks, blocked.
pub struct Members {
    cpu: &'static Cpu,
    shared: &'static Shared,
    tasks: Vec<&'static Task>,
    bytes_per_task: u64,
}

impl Members {
    /// Starts as many as fit. By a task on `cpu`.
    ///
    /// # Errors
    ///
    /// [`StackError`] where there is no stack for one of them.
    pub fn start(cpu: &'static Cpu, fit: &Fit) -> Result<Self, StackError> {
        let memory: &'static [u64] = match fit.arena {
            0 => &[],
            bytes => mm::zeroed_words(bytes).unwrap_or_else(|| {
                refuse(format_args!("no {} in one piece for tasks to read; --tasks 2 needs none", mib(bytes)))
            }),
        };
        let shared: &'static Shared = Box::leak(Box::new(Shared {
            turn: AtomicU64::new(0),
            tasks: AtomicU64::new(0),
            words: AtomicU64::new(0),
            wrong: Noted::new(),
            memory,
        }));
        let taken = || mm::taken_bytes() + mm::heap_taken_bytes();
        let before = taken();
        let count = fit.tasks.saturating_sub(1) as usize;
        let mut tasks = Vec::with_capacity(count);
        for index in 1..=count {
            let task = sched::spawn_sized_on(cpu, StackSize::Smallest, move || live(shared, index))?;
            tasks.push(task.task());
        }
        let bytes_per_task = (taken() - before).div_ceil(count.max(1) as u64);
        // Each blocks.
        sched::yield_now();
        Ok(Self { cpu, shared, tasks, bytes_per_task })
    }

    /// One point.
    pub fn measure(
        &self,
        (run, position): (u32, u32),
        touch: Touch,
        tasks: u32,
        size: &Size,
    ) -> Point<'static> {
        let n = u64::from(tasks);
        let rounds = |exchanges| match (touch, points::rounds(exchanges, n)) {
            // A turn is 100 times longer.
            (Touch::SixteenKib, rounds) => (rounds / 16).max(1),
            (Touch::Nothing | Touch::OneKib, rounds) => rounds,
        };
        let (warm_up, rounds) = (rounds(size.warm_up), rounds(size.exchanges));
        let shared = self.shared;
        shared.turn.store(0, Relaxed);
        shared.tasks.store(n, Relaxed);
        shared.words.store(touch.words() as u64, Relaxed);
        self.tasks[..tasks as usize - 1].iter().for_each(|task| task.wake());

        let take = |from: u64, rounds: u64| match touch {
            Touch::Nothing => lead::<{ Touch::Nothing.words() }>(shared, n, from, rounds),
            Touch::OneKib => lead::<{ Touch::OneKib.words() }>(shared, n, from, rounds),
            Touch::SixteenKib => lead::<{ Touch::SixteenKib.words() }>(shared, n, from, rounds),
        };
        let pair = [self.cpu, self.cpu];
        let (warmed, mut wrong) = timed(format_args!("the warm-up of {tasks} tasks"), || take(0, warm_up));
        let rounds = affordable(size.budget_ticks, warm_up, warmed, rounds);
        let (counts, turns) = (snapshot(&pair), shared.turn.load(Relaxed));
        let block = format_args!("the timed block of {tasks} tasks whose record is next");
        let (ticks, of_block) = timed(block, || match wrong {
            None => take(warm_up * n, rounds),
            Some(_) => None,
        });
        wrong = wrong.or(of_block);
        let counted = snapshot(&pair).since(counts);
        // A yield hands over no message; each turn is a handoff.
        let counts = Counts { handoffs: shared.turn.load(Relaxed).wrapping_sub(turns), ..counted };

        shared.turn.store(STOP, Relaxed);
        sched::yield_now();
        self.report_wrong(run, touch, tasks, wrong);
        let handoffs = rounds * n;
        Point {
            run,
            position,
            series: touch.series().into(),
            at: points::named([("tasks", n)]),
            handoffs,
            ticks,
            counts,
            expected: Counts {
                handoffs,
                switches: handoffs,
                ipis_sent: 0,
                ipis_taken: 0,
                halts: counts.halts,
            },
            also: points::named([
                ("warm-up-rounds", warm_up),
                ("null-ticks", self.time_null(touch, n, rounds)),
                ("bytes-per-task", self.bytes_per_task),
            ]),
        }
    }

    fn report_wrong(&self, run: u32, touch: Touch, tasks: u32, wrong: Option<Wrong>) {
        if let Some(wrong) = self.shared.wrong.take().or(wrong) {
            failure!("run {run}, {} with {tasks} tasks: turns out of order: {wrong}", touch.series());
        }
    }

    /// The null experiment: one task does what all do, but for yielding.
    fn time_null(&self, touch: Touch, n: u64, rounds: u64) -> u64 {
        let shared = self.shared;
        shared.turn.store(0, Relaxed);
        let (ticks, wrong) = timed(format_args!("the null loop of {}", touch.series()), || match touch {
            Touch::Nothing => keep_on::<{ Touch::Nothing.words() }>(shared, n, rounds),
            Touch::OneKib => keep_on::<{ Touch::OneKib.words() }>(shared, n, rounds),
            Touch::SixteenKib => keep_on::<{ Touch::SixteenKib.words() }>(shared, n, rounds),
        });
        if let Some(wrong) = wrong {
            failure!("the null loop of {}: {wrong}", touch.series());
        }
        ticks
    }
}

/// What a block takes, in ticks, and what is wrong with it.
fn timed(name: fmt::Arguments<'_>, block: impl FnOnce() -> Option<Wrong>) -> (u64, Option<Wrong>) {
    let Timed { value: wrong, ticks, .. } = time(MeasuredLocks::None, name, &mut Batch, |_, _| block());
    (ticks, wrong)
}

/// A member's life: takes part in points that it is woken for, and blocks in between.
fn live(shared: &'static Shared, index: usize) {
    loop {
        sched::block_current();
        match shared.words.load(Relaxed) as usize {
            words if words == Touch::OneKib.words() => take_part::<{ Touch::OneKib.words() }>(shared, index),
            words if words == Touch::SixteenKib.words() => {
                take_part::<{ Touch::SixteenKib.words() }>(shared, index);
            }
            _ => take_part::<{ Touch::Nothing.words() }>(shared, index),
        }
    }
}

/// One point of a member: until a turn that is not its own.
fn take_part<const WORDS: usize>(shared: &Shared, index: usize) {
    let own = own::<WORDS>(shared, index);
    let tasks = shared.tasks.load(Relaxed);
    // No turn counts that far, so only another turn ends it.
    let (due, found) = take_turns::<WORDS>(shared, own, tasks, index as u64, STOP);
    if found != STOP {
        shared.wrong.note(Wrong { expected: due, found });
    }
}

/// The first task's turns of `rounds` rounds, from turn `from` on.
fn lead<const WORDS: usize>(shared: &Shared, tasks: u64, from: u64, rounds: u64) -> Option<Wrong> {
    let end = from + rounds * tasks;
    let (expected, found) = take_turns::<WORDS>(shared, own::<WORDS>(shared, 0), tasks, from, end);
    (found != end).then_some(Wrong { expected, found })
}

/// The loop of every task: its turns from `due` on, until `end` is due or the turn is another. Returns the turn that
/// was due and the one that was found.
///
/// One for all, so that with two tasks a turn takes what it takes with many.
#[inline(never)]
fn take_turns<const WORDS: usize>(
    shared: &Shared,
    own: &[u64],
    tasks: u64,
    mut due: u64,
    end: u64,
) -> (u64, u64) {
    loop {
        let found = shared.turn.load(Relaxed);
        if found != due || due == end {
            return (due, found);
        }
        shared.turn.store(due + 1, Relaxed);
        due += tasks;
        touch::<WORDS>(own);
        sched::yield_now();
    }
}

/// The null experiment's timed loop.
#[inline(never)]
fn keep_on<const WORDS: usize>(shared: &Shared, tasks: u64, rounds: u64) -> Option<Wrong> {
    let mut due = 0;
    for _ in 0..rounds {
        for index in 0..tasks {
            let found = shared.turn.load(Relaxed);
            if found != due {
                return Some(Wrong { expected: due, found });
            }
            due += 1;
            shared.turn.store(due, Relaxed);
            touch::<WORDS>(own::<WORDS>(shared, index as usize));
        }
    }
    None
}

/// The memory of a task.
#[inline(always)]
fn own<const WORDS: usize>(shared: &Shared, index: usize) -> &'static [u64] {
    &shared.memory[index * WORDS..][..WORDS]
}

/// Reads all of it, as `lat_ctx` does.
#[inline(always)]
fn touch<const WORDS: usize>(own: &[u64]) {
    if WORDS != 0 {
        black_box(own.iter().fold(0, |sum: u64, word| sum.wrapping_add(*word)));
    }
}
