//! How a model is run: all its executions, how many there were, and what was seen in them.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use loom::{model::Builder, thread};

use crate::{
    machine::{Machine, ModelCpu},
    stacks,
};

/// What a CPU does, with what all share.
pub type Body<S> = Box<dyn Fn(S, &'static ModelCpu) + Send + Sync>;

/// A model of `N` CPUs, to be run.
pub struct Explore {
    preemptions: Option<usize>,
    machine: Machine,
}

/// What came of it.
pub struct Explored {
    pub executions: u64,
    seen: BTreeMap<String, u64>,
}

thread_local! {
    // One thread of the host runs all threads of a model.
    static LIVES: RefCell<Vec<Box<dyn FnOnce()>>> = const { RefCell::new(Vec::new()) };
    static SEEN: RefCell<BTreeMap<String, u64>> = const { RefCell::new(BTreeMap::new()) };
    static MACHINE: Cell<Machine> = const { Cell::new(Machine::SOUND) };
}

/// Keeps a value until the next execution begins: for ever, as far as this one knows.
pub fn for_ever<T: 'static>(value: T) -> &'static mut T {
    let place = Box::into_raw(Box::new(value));
    // SAFETY: it is dropped by that, once, and nothing of this execution is left then.
    LIVES.with_borrow_mut(|lives| lives.push(Box::new(move || drop(unsafe { Box::from_raw(place) }))));
    // SAFETY: as above.
    unsafe { &mut *place }
}

/// Notes that this came about, in this execution.
pub fn see(what: impl fmt::Display) {
    SEEN.with_borrow_mut(|seen| *seen.entry(what.to_string()).or_default() += 1);
}

/// The machine of the model that runs.
pub fn machine() -> Machine {
    MACHINE.get()
}

impl Explore {
    /// Every order there is.
    pub const ALL: Self = Self { preemptions: None, machine: Machine::SOUND };

    /// Every order in which CPUs are interrupted by others at most so many times in all, but for where they wait: most
    /// faults need few (Musuvathi and Qadeer, "Iterative context bounding", PLDI 2007). `LOOM_MAX_PREEMPTIONS` asks for
    /// more.
    pub const fn up_to(preemptions: usize) -> Self {
        Self { preemptions: Some(preemptions), ..Self::ALL }
    }

    /// On another machine.
    pub const fn on(self, machine: Machine) -> Self {
        Self { machine, ..self }
    }

    /// Runs it. `share` makes what the CPUs use, before they run; `at_end` looks at what became of it, when all have
    /// done their part.
    ///
    /// # Panics
    ///
    /// If one of them panics, in any order; or waits, and nobody is left who could wake it: a "deadlock".
    pub fn run<S: Copy + 'static, const N: usize>(
        self,
        share: impl Fn([&'static ModelCpu; N]) -> S + Send + Sync + 'static,
        bodies: [Body<S>; N],
        at_end: impl Fn(S, [&'static ModelCpu; N]) + Send + Sync + 'static,
    ) -> Explored {
        let mut builder = Builder::new();
        builder.max_branches = 20_000;
        builder.preemption_bound = match (self.preemptions, builder.preemption_bound) {
            (Some(least), Some(asked)) => Some(least.max(asked)),
            (own, _) => own,
        };
        let bound = builder.preemption_bound;
        let executions = Arc::new(AtomicU64::new(0));
        let counted = executions.clone();
        let bodies = Arc::new(bodies);
        SEEN.take();
        builder.check(move || {
            counted.fetch_add(1, Relaxed);
            stacks::begin();
            LIVES.take().into_iter().for_each(|end| end());
            MACHINE.set(self.machine);
            let cpus = std::array::from_fn(|id| ModelCpu::start(id as u32));
            let shared = share(cpus);
            for id in 1..N {
                let bodies = bodies.clone();
                let other = thread::spawn(move || {
                    cpus[id].become_this_cpu();
                    bodies[id](shared, cpus[id]);
                    cpus[id].end(cpus);
                });
                cpus[id].set_thread(other.thread().clone());
            }
            cpus[0].set_thread(thread::current());
            cpus[0].become_this_cpu();
            bodies[0](shared, cpus[0]);
            cpus[0].end(cpus);
            at_end(shared, cpus);
        });
        let explored = Explored { executions: executions.load(Relaxed), seen: SEEN.take() };
        println!(
            "{N} CPUs, {}: {explored}",
            match bound {
                None => "all orders".to_string(),
                Some(bound) => format!("at most {bound} preemptions"),
            }
        );
        explored
    }
}

impl Explored {
    /// Asserts that these things came about, each in one execution or more, and no other.
    pub fn saw(&self, expected: &[&str]) -> &Self {
        let seen: Vec<_> = self.seen.keys().map(String::as_str).collect();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(seen, expected, "{self}");
        self
    }

    /// Asserts that so many orders were run, or more: a model of fewer explores less than it says.
    pub fn at_least(&self, executions: u64) -> &Self {
        assert!(self.executions >= executions, "{executions} executions expected: {self}");
        self
    }
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} executions", self.executions)?;
        self.seen.iter().try_for_each(|(what, times)| write!(f, ", {what}: {times}"))
    }
}
