//! Processes: programs in ring 3, each in an address space of its own.
//!
//! | module | what it owns |
//! |---|---|
//! | [`program`] | what is run: bytes of the kernel's image, written in asm |
//! | `process` | one process: its address space, its registers of ring 3, how it ends |
//! | `space` | [`Space`]: an address space, of one process or of several, which are its threads |
//! | `vectored` | the entries of processes with vector state |
//! | [`system_call`] | what a program can ask for, by number |
//! | `contained` | the entries of processes with a container, and what only they can ask for |
//! | [`programs`] | the programs of the experiments |
//!
//! A process is a task that runs in ring 3. To the scheduler it is a task like any other: it blocks in the
//! channels of tasks, on its own kernel stack, and its whole state of ring 3 lies there meanwhile. Whenever it
//! goes on in ring 3 its own code asks whether the CPU has its address space, and loads it if not. So a switch
//! between two processes is a switch between two tasks, and one load of CR3; and tasks pay nothing.
//!
//! The kernel stays as it is: interrupts off. In ring 3 they are on. A tick or a wake-up that is taken there
//! lets the others run.
//!
//! What a program does wrong ends it alone, and whoever joins it is told.

#[expect(unsafe_code, reason = "a port that is added")]
mod contained;
#[expect(unsafe_code, reason = "ring 3 and its address space")]
mod process;
#[expect(unsafe_code, reason = "bytes between two labels")]
pub mod program;
#[expect(unsafe_code, reason = "what the macro for programs expands to")]
pub mod programs;
mod space;
#[expect(unsafe_code, reason = "the frame of a system call")]
pub mod system_call;
mod vectored;

use alloc::{borrow::Cow, boxed::Box, vec::Vec};
use core::fmt;

use spin::Once;
use switchlab_core::container::memory::OverLimit;

pub use process::{CONTEXT_WORDS, Process, SPACE_WORDS};
pub use program::Program;
pub use space::Space;

use crate::{
    arch::{ring3, trap},
    container::Container,
    lock::Lock,
    mm::{SpaceError, StackError},
    sched::{self, Channel, Cpu, Gate, JoinHandle, Task},
};

/// What a process is made of.
#[derive(Debug)]
pub struct Spec {
    /// What it runs.
    pub program: &'static Program,
    /// Where its program lies: whole pages of the lower half.
    pub code_at: u64,
    /// What it begins with, in rdi, rsi, rdx and r8.
    pub arguments: [u64; 4],
    /// What it can name, from 0 on.
    pub ports: Vec<Port>,
    /// The timer's ticks that it may take, where the timer is to tick.
    pub quantum: Option<Quantum>,
    /// That who starts it answers for its program: it calls, and ends by itself. Such a one may be charged its CPU time
    /// without a quantum, by its calls alone: the experiment's programs, whose counts are exact without ticks.
    pub ends_by_itself: bool,
    /// What part of the machine it sees and gets; all that a process can, where there is none.
    pub container: Option<&'static Container>,
    /// Whether it has vector state: x87, SSE and, where the CPU has it, AVX. Without, using it ends it. With a container
    /// there is none.
    pub vectors: bool,
    /// Which thread of its address space it is, from 0 to [`MOST_THREADS`](program::MOST_THREADS) - 1: its stack is that
    /// thread's.
    pub thread: u64,
}

/// One end of something between processes, which only its owner can name.
#[derive(Debug)]
pub enum Port {
    /// Where it sends.
    Sends(&'static Channel),
    /// Where it receives.
    Receives(&'static Channel),
    /// Where it calls who answers, on the same CPU.
    Calls(&'static Gate),
    /// Where it answers.
    Answers(&'static Gate),
    /// Where it calls who answers on another CPU: a letter of one word.
    CallsAcross {
        /// By which the call goes.
        there: &'static Channel,
        /// By which the answer comes.
        back: &'static Channel,
    },
    /// Where it answers one who calls from another CPU.
    AnswersAcross {
        /// By which the call comes.
        there: &'static Channel,
        /// By which the answer goes.
        back: &'static Channel,
    },
}

/// How often the CPU's timer ticks while the process lives, and how many ticks end it.
#[derive(Clone, Copy, Debug)]
pub struct Quantum {
    /// What the local APIC's timer counts for one tick.
    pub counts: u32,
    /// Ticks taken in its ring 3 in one run, behind which it is ended.
    pub most: u64,
}

impl Spec {
    /// A process of this program alone.
    pub fn new(program: &'static Program) -> Self {
        Self {
            program,
            code_at: program::CODE,
            arguments: [0; 4],
            ports: Vec::new(),
            quantum: None,
            ends_by_itself: false,
            container: None,
            vectors: false,
            thread: 0,
        }
    }

    /// Where its stack ends.
    ///
    /// # Panics
    ///
    /// If there is no such thread.
    pub fn stack_top(&self) -> u64 {
        assert!(self.thread < program::MOST_THREADS, "an address space has room for so many stacks");
        program::STACK_TOP - self.thread * program::STACK_DISTANCE
    }
}

/// How a process has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It said so, with two words.
    Exited([u64; 2]),
    /// It did what ring 3 can not.
    Faulted(Fault),
    /// It took more ticks than it may, and was here then.
    OutOfTime {
        /// The ticks.
        ticks: u64,
        /// Where it was.
        rip: u64,
    },
    /// A system call would have gone on at an address that is not canonical.
    BadReturn {
        /// Which.
        address: u64,
    },
    /// It made a system call that its container's filter ends it for.
    Filtered {
        /// The call's number.
        call: u64,
    },
    /// One of its namespace has ended it.
    EndedByFellow,
}

/// An exception in ring 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its vector.
    pub vector: u8,
    /// What the processor pushed with it; 0 where it pushes nothing.
    pub error_code: u64,
    /// Of a page fault, the address that was accessed.
    pub address: Option<u64>,
    /// The instruction.
    pub rip: u64,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited([first, second]) => write!(f, "exited with {first:#x}, {second:#x}"),
            Self::Faulted(fault) => write!(f, "ended by {fault}"),
            Self::OutOfTime { ticks, rip } => write!(f, "out of time after {ticks} ticks, at {rip:#x}"),
            Self::BadReturn { address } => write!(f, "would return to {address:#x}"),
            Self::Filtered { call } => write!(f, "made system call {call}, which its filter ends it for"),
            Self::EndedByFellow => f.write_str("ended by one of its namespace"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { vector, error_code, address, rip } = self;
        write!(
            f,
            "{} (vector {vector}, error code {error_code:#x}) at {rip:#x}",
            trap::name_of(u64::from(*vector))
        )?;
        match address {
            Some(address) => write!(f, ", accessing {address:#x}"),
            None => Ok(()),
        }
    }
}

/// Bytes that a process can say in its life.
pub const SAID_BYTES: usize = 64;

/// What there is to tell of a process that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// How it ended.
    pub ended: Ended,
    /// What it said last.
    pub said: Said,
    /// Ticks that it took in ring 3.
    pub ticks: u64,
    /// Frames that it took.
    pub frames: usize,
    /// Whose limit was in its way, last.
    pub over_limit: Option<OverLimit>,
    /// The last system call that its filter refused.
    pub refused: Option<u64>,
    /// The port at whose other end it found who was there dead, last.
    pub gone: Option<u64>,
}

/// Bytes that a process said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    bytes: [u8; SAID_BYTES],
    length: usize,
}

impl Said {
    /// Nothing.
    pub const NOTHING: Self = Self { bytes: [0; SAID_BYTES], length: 0 };

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Why there is no process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// No address space.
    Space(SpaceError),
    /// No task.
    Task(StackError),
    /// Its container's namespace of ids has as many members as it can have.
    NoId,
    /// Its CPU time is charged, and no tick would catch it where it does not call.
    NoQuantum,
}

impl From<SpaceError> for Why {
    fn from(error: SpaceError) -> Self {
        Self::Space(error)
    }
}

impl From<StackError> for Why {
    fn from(error: StackError) -> Self {
        Self::Task(error)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Space(error) => write!(f, "{error}"),
            Self::Task(error) => write!(f, "{error}"),
            Self::NoId => f.write_str("the namespace has no id left"),
            Self::NoQuantum => f.write_str("without a quantum no tick charges it its CPU time"),
        }
    }
}

/// A process that was started.
#[derive(Debug)]
#[must_use = "nobody else is told how it ends"]
pub struct Handle {
    task: JoinHandle,
    report: &'static Lock<Option<Report>>,
}

impl Handle {
    /// Its task.
    pub fn task(&self) -> &'static Task {
        self.task.task()
    }

    /// Blocks until it has ended and all that it had is free; tells how.
    ///
    /// # Panics
    ///
    /// If it left no report, which it can not.
    pub fn join(self) -> Report {
        self.task.join();
        let report = self.report.lock().take();
        report.expect("a process that was joined has left its report")
    }
}

/// Why there can be no processes here; `None` where there can.
pub fn absent() -> Option<Cow<'static, str>> {
    (!ring3::protection().nx).then(|| "EFER.NXE is off: data could be executed".into())
}

/// Starts a process on `cpu`, which runs its program once.
///
/// # Errors
///
/// [`Why`] there is none.
pub fn spawn(cpu: &'static Cpu, spec: Spec) -> Result<Handle, Why> {
    let space = Space::new(spec.container)?;
    spawn_in(cpu, spec, space)
}

/// The same in an address space that others may have too: they are threads of one process.
///
/// # Errors
///
/// [`Why`] there is none.
pub fn spawn_in(cpu: &'static Cpu, spec: Spec, space: Space) -> Result<Handle, Why> {
    let arguments = spec.arguments;
    let report: &'static Lock<Option<Report>> = Box::leak(Box::new(Lock::new(None)));
    let task = host_in(cpu, spec, space, move |process| {
        process.run(arguments);
        *report.lock() = Some(process.report());
    })?;
    Ok(Handle { task, report })
}

/// Starts a task on `cpu` that is a process: `body` runs its program, as often as it likes.
///
/// # Errors
///
/// [`Why`] there is none.
pub fn host(
    cpu: &'static Cpu,
    spec: Spec,
    body: impl FnOnce(&Process) + Send + 'static,
) -> Result<JoinHandle, Why> {
    let space = Space::new(spec.container)?;
    host_in(cpu, spec, space, body)
}

/// The same in an address space that others may have too.
///
/// # Errors
///
/// [`Why`] there is none.
///
/// # Panics
///
/// If it is to have a container and vector state.
pub fn host_in(
    cpu: &'static Cpu,
    spec: Spec,
    space: Space,
    body: impl FnOnce(&Process) + Send + 'static,
) -> Result<JoinHandle, Why> {
    assert!(spec.container.is_none() || !spec.vectors, "no container has vector state");
    let is_charged = spec.container.is_some_and(|container| container.cpu.is_some());
    if is_charged && spec.quantum.is_none() && !spec.ends_by_itself {
        return Err(Why::NoQuantum);
    }
    static READY: Once<()> = Once::new();
    READY.call_once(|| ring3::init(process::bad_return));
    space.add(&spec)?;
    let membership = contained::Membership::of(spec.container, cpu).map_err(|_| Why::NoId)?;
    let born = Box::new((spec, space, membership));
    Ok(sched::spawn_on(cpu, move || {
        let (spec, space, membership) = *born;
        process::live(spec, space, membership, body);
    })?)
}

/// How often the CPUs, each named once, have loaded CR3 for processes, and how many system calls they have
/// taken.
pub fn counted_on(cpus: &[&'static Cpu]) -> Counts {
    cpus.iter().fold(Counts::default(), |sum, cpu| {
        let percpu = sched::percpu(cpu.id());
        Counts { loads: sum.loads + ring3::loads_of(percpu), calls: sum.calls + ring3::calls_of(percpu) }
    })
}

/// What only processes do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Loads of CR3.
    pub loads: u64,
    /// System calls.
    pub calls: u64,
}

impl Counts {
    /// What came after `before`.
    pub const fn since(self, before: Self) -> Self {
        Self { loads: self.loads - before.loads, calls: self.calls - before.calls }
    }
}
