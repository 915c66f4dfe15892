//! Two processes: the tasks of level `task`, each in ring 3 and an address space of its own. `process` sends and
//! receives, by a system call each; `process-fastpath` calls and answers, by one, and on one CPU the CPU goes with
//! the call. And two threads in one address space, `thread-user`: each a process that shares its space, with vector
//! state, which hands over by one system call that sends and receives.

use alloc::{borrow::Cow, boxed::Box, format};
use core::cell::Cell;

use switchlab_records::{Counts, Mode};

use super::{Context, Level, Taken, mode, no_state, say};
use crate::{
    arch::ring3,
    container::Container,
    lock::Lock,
    measure::{Measured, NO_NUMBER, SETTLING, Wrong, measure_block, probe::Batch, snapshot},
    sched::{Channel, Cpu, Gate},
    user::{
        self, Ended, Port, Space, Spec, Why,
        program::{CODE, STACK_BYTES},
        programs,
    },
};

/// Processes in one of their forms.
pub struct Processes {
    name: &'static str,
    /// Whether they have vector state and share an address space, as threads do.
    are_threads: bool,
    pair: fn([&'static Cpu; 2]) -> Result<Pair, Why>,
}

/// By send and recv.
pub static PROCESS: Processes =
    Processes { name: "process", are_threads: false, pair: |_| Ok(sending([None; 2])) };
/// By call and answer.
pub static FAST_PATH: Processes =
    Processes { name: "process-fastpath", are_threads: false, pair: |cpus| Ok(calling(cpus)) };
/// Threads of one address space.
pub static THREADS: Processes =
    Processes { name: "thread-user", are_threads: true, pair: |_| calling_in_one_space() };

impl Level for Processes {
    fn name(&self) -> &'static str {
        self.name
    }

    fn absent(&self) -> Option<Cow<'static, str>> {
        user::absent().or_else(|| if self.are_threads { no_state() } else { None })
    }

    fn crosses_cpus(&self) -> bool {
        true
    }

    /// Threads have no CR3 of their own, and the vector state, which is saved wherever they wait.
    fn context(&self, mode: Mode) -> Context {
        let waiting = context(mode);
        match (self.are_threads, mode) {
            (false, _) => waiting,
            (true, Mode::CrossCore) => waiting.with(Context::of_state()),
            (true, _) => Context::of_words(user::CONTEXT_WORDS - user::SPACE_WORDS).with(Context::of_state()),
        }
    }

    fn measure(
        &self,
        cpus: [&'static Cpu; 2],
        warm_up: u64,
        exchanges: u64,
    ) -> Result<Taken, Cow<'static, str>> {
        measure((self.pair)(cpus).map_err(say)?, cpus, warm_up, exchanges)
    }
}

/// Of a process without vector state. Across CPUs each stays loaded on its own: its system call has saved what that
/// saves, and its task halts.
pub(super) fn context(mode: Mode) -> Context {
    match mode {
        Mode::CrossCore => Context::of_words(ring3::SAVED_WORDS).with(Context::of_halt()),
        _ => Context::of_words(user::CONTEXT_WORDS),
    }
}

/// The two processes.
pub(super) struct Pair {
    /// The address space that both have; `None` where each has its own.
    space: Option<Space>,
    asking: Spec,
    answering: Spec,
    calls_of_an_exchange: u64,
}

/// They send and receive, each in its container, if any.
pub(super) fn sending([of_asking, of_answering]: [Option<&'static Container>; 2]) -> Pair {
    let [there, back] = channels();
    Pair {
        space: None,
        asking: Spec {
            ports: [Port::Sends(there), Port::Receives(back)].into(),
            container: of_asking,
            ends_by_itself: true,
            ..Spec::new(&programs::PING)
        },
        answering: Spec {
            ports: [Port::Sends(back), Port::Receives(there)].into(),
            container: of_answering,
            ends_by_itself: true,
            ..Spec::new(&programs::PONG)
        },
        calls_of_an_exchange: 4,
    }
}

/// One calls, and the other answers.
fn calling(cpus: [&'static Cpu; 2]) -> Pair {
    let [asking, answering] = if on_one(cpus) {
        let gate: &'static Gate = Box::leak(Box::default());
        [Port::Calls(gate), Port::Answers(gate)]
    } else {
        // There is no handing over a CPU to another one: the call goes by channels, and stays one system call.
        let [there, back] = channels();
        [Port::CallsAcross { there, back }, Port::AnswersAcross { there, back }]
    };
    Pair {
        space: None,
        asking: Spec { ports: [asking].into(), ..Spec::new(&programs::CALLER) },
        answering: Spec { ports: [answering].into(), ..Spec::new(&programs::ANSWERER) },
        calls_of_an_exchange: 2,
    }
}

/// The same by channels on any CPUs, in one address space and with vector state.
fn calling_in_one_space() -> Result<Pair, Why> {
    let [there, back] = channels();
    Ok(Pair {
        space: Some(Space::new(None)?),
        asking: Spec {
            ports: [Port::CallsAcross { there, back }].into(),
            vectors: true,
            ..Spec::new(&programs::CALLER)
        },
        answering: Spec {
            ports: [Port::AnswersAcross { there, back }].into(),
            vectors: true,
            // The other program of the same space, and its other stack.
            code_at: CODE + STACK_BYTES,
            thread: 1,
            ..Spec::new(&programs::ANSWERER)
        },
        calls_of_an_exchange: 2,
    })
}

fn channels() -> [&'static Channel; 2] {
    [(); 2].map(|()| &*Box::leak(Box::default()))
}

fn on_one(cpus: [&'static Cpu; 2]) -> bool {
    mode(cpus) == Mode::SameCore
}

/// What the asking process was measured with, and what processes counted in the block.
type Found = Result<(Measured, user::Counts), Ended>;

/// Measures `exchanges` of the two.
pub(super) fn measure(
    pair: Pair,
    cpus: [&'static Cpu; 2],
    warm_up: u64,
    exchanges: u64,
) -> Result<Taken, Cow<'static, str>> {
    let Pair { space, asking, answering, calls_of_an_exchange } = pair;
    let is_shared = space.is_some();
    let of = |spec: &Spec| space.clone().map_or_else(|| Space::new(spec.container), Ok).map_err(say);
    let spaces = [of(&asking)?, of(&answering)?];
    let [of_asking, of_answering] = spaces;
    let found: &'static Lock<Option<Found>> = Box::leak(Box::new(Lock::new(None)));
    let answering = user::spawn_in(cpus[1], answering, of_answering).map_err(say)?;
    let asking = user::host_in(cpus[0], asking, of_asking, move |process| {
        *found.lock() = Some(ask(process, cpus, warm_up, exchanges));
        // The other side takes it for the end.
        process.hand_over_last(NO_NUMBER);
    });
    asking.map_err(say)?.join();
    let answered = answering.join().ended;
    let found = found.lock().take().expect("the asking process leaves what it found");
    let (measured, counted) = found.map_err(|ended| say(format_args!("the asking process {ended}")))?;
    let due = warm_up + SETTLING + exchanges;
    if measured.wrong.is_none() && answered != Ended::Exited([due, NO_NUMBER]) {
        return Err(format!("the answering process {answered}, behind {due} numbers").into());
    }
    let loads = if is_shared || !on_one(cpus) { 0 } else { 2 * exchanges };
    judge(loads, mode(cpus), calls_of_an_exchange * exchanges + 1, counted)?;
    let also = [("address-space-loads", counted.loads), ("system-calls", counted.calls)];
    Ok(Taken::by_tasks(cpus, exchanges, measured).with(also))
}

/// One load of CR3 for each switch between address spaces, and so many system calls, with that by which the asking
/// process ends. Across CPUs the other side may be on its way to its last one.
fn judge(loads: u64, mode: Mode, calls: u64, counted: user::Counts) -> Result<(), Cow<'static, str>> {
    let late = if mode == Mode::SameCore { 0 } else { 1 };
    if counted.loads != loads {
        return Err(format!("loads of CR3: expected {loads}, found {}", counted.loads).into());
    }
    // Late by one before the block as behind it.
    if counted.calls.abs_diff(calls) > late {
        return Err(format!("system calls: expected {calls}, found {}", counted.calls).into());
    }
    Ok(())
}

/// The asking process's task: the program runs once for the warm-up, and once for the block.
fn ask(process: &user::Process, cpus: [&'static Cpu; 2], warm_up: u64, exchanges: u64) -> Found {
    let pair = if on_one(cpus) { &cpus[..1] } else { &cpus[..] };
    let mut asking = Asking { process, pair, counted: Cell::default(), ended: Cell::new(None) };
    let measured = measure_block(
        &mut asking,
        |asking| asking.count(&cpus),
        |asking, from, to, _| asking.hand_over(from, to),
        warm_up + SETTLING,
        exchanges,
        &mut Batch,
    );
    match asking.ended.get() {
        Some(ended) => Err(ended),
        None => Ok((measured, asking.counted.get())),
    }
}

struct Asking<'a> {
    process: &'a user::Process,
    pair: &'a [&'static Cpu],
    /// What processes have counted: so far, then in the block.
    counted: Cell<user::Counts>,
    /// How the program ended, where it did not do all.
    ended: Cell<Option<Ended>>,
}

impl Asking<'_> {
    /// Called twice: before the block, and behind it.
    fn count(&self, cpus: &[&'static Cpu; 2]) -> Counts {
        self.counted.set(user::counted_on(self.pair).since(self.counted.get()));
        snapshot(cpus)
    }

    fn hand_over(&self, from: u64, to: u64) -> Option<Wrong> {
        match self.process.run([from, to, 0, 0]) {
            Ended::Exited([0, 0]) => None,
            Ended::Exited([expected, found]) => Some(Wrong { expected, found }),
            ended => {
                self.ended.set(Some(ended));
                Some(Wrong { expected: from, found: NO_NUMBER })
            }
        }
    }
}
