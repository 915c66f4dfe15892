//! The levels of the experiment `hierarchy`: what each is, which guess of the original's it replaces, and by what
//! factor that was off.

use super::{Cell, Survey};
use crate::guesses::{self, Guess, Off, Span};

/// The experiment.
pub const EXPERIMENT: &str = "hierarchy";

/// Something said of a level, of its form on one CPU and of that across two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said<T> {
    one: T,
    two: T,
}

impl<T: Copy> Said<T> {
    /// The same of both.
    const fn of_both(said: T) -> Self {
        Self { one: said, two: said }
    }

    /// What is said of the form on so many CPUs.
    pub const fn on(self, cpus: u64) -> T {
        if cpus == 2 { self.two } else { self.one }
    }
}

/// A level, in words.
#[derive(Debug)]
pub struct Level {
    /// Its series.
    pub name: &'static str,
    /// The level that it builds on; where that has no such form, the nearest that has. `None` of the first.
    pub over: Said<Option<&'static str>>,
    /// What the original guessed.
    pub guess: Option<Guess>,
    /// What becomes of the floating-point state.
    pub fpu: Said<&'static str>,
    /// What becomes of the address space and the TLB.
    pub memory: Said<&'static str>,
    /// How a side waits.
    pub waits: Said<&'static str>,
}

type Words = Said<&'static str>;

const NOTHING: Said<Option<&str>> = Said::of_both(None);

const fn over(level: &'static str) -> Said<Option<&'static str>> {
    Said::of_both(Some(level))
}

/// No level below `thread` touches it.
const SOFT_FLOAT: Words = Said::of_both("unused: the kernel is built without");
const PROGRAMS_HAVE_NONE: Words = Said::of_both("unused: programs are built without");
const GUEST_HAS_NONE: Words = Said::of_both("none: CR0.EM, and an exit where a guest would change it");
const EAGER: Words = Said {
    one: "saved and loaded at each switch (eager)",
    two: "saved before each wait (eager); not loaded: nobody else's was",
};
const LAZY_USED: Words = Said {
    one: "saved and loaded by a trap at its first use: both use it (lazy)",
    two: "left in the registers: each uses it on its own CPU, where the first use alone traps (lazy)",
};
const SHARED: Words = Said::of_both("shared, nothing flushed");
const OWN_SPACE: Words = Said {
    one: "one of its own: CR3 is loaded, which flushes the TLB where there is no PCID",
    two: "one of its own, which stays loaded on its CPU: nothing flushed",
};
const NESTED: Words =
    Said::of_both("nested tables and a name in the TLB (ASID) of its own; the host's CR3 in between");
const SHADOW: Words =
    Said::of_both("the VMM's tables in place of the guest's; a name in the TLB (ASID) of its own");
const ONE_FLOW: Words = Said::of_both("not at all: it is the same flow of control");
/// Of a floor.
const NOBODY_WAITS: Words = Said::of_both("not at all: there is one side");
const IN_A_CHANNEL: Words =
    Said { one: "blocked in a channel", two: "halted in its own context, until the channel's IPI" };
const IN_A_CALL: Words =
    Said { one: "blocked in a system call", two: "halted in its system call, until the channel's IPI" };
const NOT_ENTERED: Words =
    Said { one: "not entered", two: "not entered; its VMM is halted, until the channel's IPI" };

/// What a level has that is a process with something more.
const CONTAINED: Level = Level {
    name: "",
    over: over("process"),
    guess: None,
    fpu: PROGRAMS_HAVE_NONE,
    memory: OWN_SPACE,
    waits: IN_A_CALL,
};

/// What a level has that is a guest which hands over to another.
const GUEST: Level = Level {
    name: "",
    over: over("vm"),
    guess: None,
    fpu: GUEST_HAS_NONE,
    memory: NESTED,
    waits: NOT_ENTERED,
};

/// Across CPUs there is no way to the VMM and back alone: a task is what halts there.
const OVER_ROUND_TRIP: Said<Option<&str>> = Said { one: Some("vm-round-trip"), two: Some("task") };

/// All levels that there may be, each after the one that it builds on.
pub const LEVELS: &[Level] = &[
    Level { name: "call", over: NOTHING, guess: None, fpu: SOFT_FLOAT, memory: SHARED, waits: ONE_FLOW },
    Level {
        name: "call-indirect",
        over: over("call"),
        guess: None,
        fpu: SOFT_FLOAT,
        memory: SHARED,
        waits: ONE_FLOW,
    },
    Level {
        name: "fiber",
        over: over("call"),
        guess: None,
        fpu: SOFT_FLOAT,
        memory: SHARED,
        waits: Said::of_both("suspended until it is resumed by name"),
    },
    Level {
        name: "task",
        over: over("fiber"),
        guess: Some(guesses::GOROUTINE),
        fpu: SOFT_FLOAT,
        memory: SHARED,
        waits: IN_A_CHANNEL,
    },
    Level {
        name: "xsave-pair",
        over: NOTHING,
        guess: None,
        fpu: Said::of_both("saved and loaded, and nothing else: a floor"),
        memory: SHARED,
        waits: NOBODY_WAITS,
    },
    Level {
        name: "thread",
        over: over("task"),
        guess: Some(guesses::THREAD),
        fpu: EAGER,
        memory: SHARED,
        waits: IN_A_CHANNEL,
    },
    Level {
        name: "thread-lazy",
        over: over("task"),
        guess: Some(guesses::THREAD),
        fpu: Said::of_both("left in the registers: nobody uses it (lazy)"),
        memory: SHARED,
        waits: IN_A_CHANNEL,
    },
    Level {
        name: "thread-lazy-used",
        over: over("thread-lazy"),
        guess: Some(guesses::THREAD),
        fpu: LAZY_USED,
        memory: SHARED,
        waits: IN_A_CHANNEL,
    },
    Level {
        name: "thread-preempted",
        over: over("task"),
        guess: Some(guesses::THREAD),
        fpu: EAGER,
        memory: SHARED,
        waits: Said::of_both("not at all: the quantum's interrupt takes the CPU from it"),
    },
    Level {
        name: "system-call",
        over: NOTHING,
        guess: None,
        fpu: PROGRAMS_HAVE_NONE,
        memory: Said::of_both("one of its own, which stays loaded"),
        waits: Said::of_both("not at all: the call asks for nothing: a floor"),
    },
    Level {
        name: "thread-user",
        over: over("thread"),
        guess: Some(guesses::THREAD),
        fpu: EAGER,
        memory: Said::of_both("one of their own, which both have: it stays loaded"),
        waits: IN_A_CALL,
    },
    Level {
        name: "cr3-load",
        over: NOTHING,
        guess: None,
        fpu: SOFT_FLOAT,
        memory: Said::of_both(
            "the same: CR3 is loaded with what it holds, which flushes the TLB, and nothing else: a floor",
        ),
        waits: NOBODY_WAITS,
    },
    Level {
        name: "process",
        over: over("task"),
        guess: Some(guesses::PROCESS),
        fpu: PROGRAMS_HAVE_NONE,
        memory: OWN_SPACE,
        waits: IN_A_CALL,
    },
    Level {
        name: "process-fastpath",
        over: over("task"),
        guess: Some(guesses::PROCESS),
        fpu: PROGRAMS_HAVE_NONE,
        memory: OWN_SPACE,
        waits: Said { one: "blocked at a gate", ..IN_A_CALL },
    },
    Level { name: "container-namespaces", ..CONTAINED },
    Level { name: "container-quota", ..CONTAINED },
    Level { name: "container-memory", ..CONTAINED },
    Level { name: "container-filter", ..CONTAINED },
    Level { name: "container-filter-arguments", over: over("container-filter"), ..CONTAINED },
    Level { name: "container", guess: Some(guesses::CONTAINER), ..CONTAINED },
    Level {
        name: "vm-round-trip",
        over: over("task"),
        guess: None,
        fpu: GUEST_HAS_NONE,
        memory: NESTED,
        waits: Said::of_both("not at all: the VMM answers"),
    },
    Level { name: "vm", over: OVER_ROUND_TRIP, guess: Some(guesses::VM), ..GUEST },
    Level { name: "vm-shadow", over: OVER_ROUND_TRIP, memory: SHADOW, ..GUEST },
    Level { name: "vm-fpu", fpu: Said::of_both("eager: FXSAVE and FXRSTOR at each switch"), ..GUEST },
    Level {
        name: "vm-wake-up",
        waits: Said {
            one: "halted, until a virtual interrupt (V_IRQ)",
            two: "halted, until a virtual interrupt (V_IRQ); its VMM too, until the channel's IPI",
        },
        ..GUEST
    },
    Level {
        name: "vm-inject",
        waits: Said {
            one: "halted, until an event that VMRUN delivers (EVENTINJ)",
            two: "halted, until an event that VMRUN delivers (EVENTINJ); its VMM too, until the channel's IPI",
        },
        ..GUEST
    },
];

/// What is counted of a switch: the bytes that it saves and restores.
pub const CONTEXT_BYTES: &str = "context-bytes";
/// And the registers.
pub const CONTEXT_REGISTERS: &str = "context-registers";

/// A step that levels can not do without, which is measured alone as a level of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Floor {
    /// A system call that asks for nothing.
    SystemCall,
    /// CR3 is loaded.
    Cr3Load,
    /// XSAVE and XRSTOR.
    XsavePair,
}

impl Floor {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::SystemCall, Self::Cr3Load, Self::XsavePair];

    /// Its series.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SystemCall => "system-call",
            Self::Cr3Load => "cr3-load",
            Self::XsavePair => "xsave-pair",
        }
    }
}

/// Whether the state that XSAVE and XRSTOR move is in what a level says that its switch saves and restores.
fn saves_state(survey: &Survey<'_>, of: &Cell) -> bool {
    let bytes = |cell: &Cell| cell.also(CONTEXT_BYTES);
    let state = cell(survey, Floor::XsavePair.name(), 1).and_then(bytes);
    state.is_some_and(|state| bytes(of).is_some_and(|all| all >= state))
}

/// How many of a floor one handoff of a level takes, by what was counted.
pub fn taken(survey: &Survey<'_>, cell: &Cell, floor: Floor) -> f64 {
    let of_a_run = |name| cell.also(name).unwrap_or_default() as f64 * f64::from(cell.runs);
    let of_all = match floor {
        Floor::SystemCall => of_a_run("system-calls"),
        Floor::Cr3Load => of_a_run("address-space-loads"),
        Floor::XsavePair if saves_state(survey, cell) => cell.counts.switches as f64,
        Floor::XsavePair => 0.0,
    };
    of_all / cell.handoffs as f64
}

/// The level of this name.
pub fn level(name: &str) -> Option<&'static Level> {
    LEVELS.iter().find(|level| level.name == name)
}

/// Whether a survey is of levels.
pub fn is_hierarchy(survey: &Survey<'_>) -> bool {
    survey.plan.experiment == EXPERIMENT
}

/// What a level was measured at, on one CPU (1) or across two (2).
pub fn cell<'s>(survey: &'s Survey<'_>, name: &str, cpus: u64) -> Option<&'s Cell> {
    survey.cells.iter().find(|cell| cell.series == name && cell.coordinate("cpus") == Some(cpus))
}

/// The cells in the order of their levels; what no level is known of, behind.
pub fn in_order<'s>(survey: &'s Survey<'_>) -> Vec<&'s Cell> {
    let mut cells: Vec<&Cell> = survey.cells.iter().collect();
    cells.sort_by_key(|cell| {
        (
            LEVELS.iter().position(|level| level.name == cell.series).unwrap_or(usize::MAX),
            cell.coordinate("cpus"),
        )
    });
    cells
}

/// How far a guess is from what was measured, by its nearer end: `3.4x too high`, or `within`.
pub fn off_text(guessed: Span, measured: f64) -> String {
    match Off::of(guessed, Span::of(measured, measured)) {
        Off::TooHigh { least, .. } => format!("{} too high", times_text(least)),
        Off::Meets => "within".into(),
        Off::TooLow { least, .. } => format!("{} too low", times_text(least)),
    }
}

/// `3.4x`, `120x`, `12,000x`.
pub fn times_text(times: f64) -> String {
    match times {
        ..10.0 => format!("{times:.2}x"),
        ..100.0 => format!("{times:.1}x"),
        _ => format!("{}x", switchlab_core::format::Grouped(times.round() as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guess_is_off_by_its_nearer_end() {
        let off = |measured| off_text(Span::of(1_000.0, 10_000.0), measured);
        assert_eq!(off(30.0), "33.3x too high");
        assert_eq!([off(1_000.0), off(10_000.0)], ["within", "within"]);
        assert_eq!(off(123_456_000.0), "12,346x too low");
    }

    #[test]
    fn each_level_builds_on_one_before_it() {
        for (place, level) in LEVELS.iter().enumerate() {
            for over in [1, 2].map(|cpus| level.over.on(cpus)) {
                let is_before = |over| LEVELS[..place].iter().any(|of| of.name == over);
                assert!(over.is_none_or(is_before), "{level:?}");
            }
            assert!(LEVELS[..place].iter().all(|of| of.name != level.name), "{level:?} twice");
        }
    }
}
