//! What the test kernels share: the bring-up of the real kernel, then the case, then the end record.
#![no_std]

extern crate alloc;

pub mod bare;
pub mod contained;
pub mod faults;
pub mod frees;
pub mod gate;
pub mod held;
pub mod late;
pub mod levels;
pub mod met;
mod planted;
pub mod scaled;
pub mod shapes;
pub mod waits;
pub mod yields;

use core::cmp::Reverse;

use bootloader_api::BootInfo;
use switchlab_kernel::{
    bring_up::{self, Handover, Lab},
    mm::StackSize,
    report::report,
    sched::{self, Cpu, JoinHandle},
};
use switchlab_records::{Count, Record, Unit};

pub use bootloader_api::entry_point;
pub use planted::Planted;
pub use switchlab_kernel::{bring_up::LOADER_CONFIG, failure};

/// Makes a kernel of a name and a function that takes `&Lab`.
#[macro_export]
macro_rules! case {
    ($name:literal, $body:path) => {
        $crate::entry_point!(enter, config = &$crate::LOADER_CONFIG);

        fn enter(boot_info: &'static mut bootloader_api::BootInfo) -> ! {
            $crate::run(boot_info, $name, $body)
        }
    };
}

/// Checks that something holds; where it does not, the case fails, with these words.
#[macro_export]
macro_rules! check {
    ($holds:expr, $($words:tt)*) => {
        if !$holds {
            $crate::failure!($($words)*);
        }
    };
}

/// Brings the machine up, does the case, and ends.
pub fn run(boot_info: &'static mut BootInfo, name: &str, case: fn(&Lab)) -> ! {
    finish(&bring_up::begin(boot_info), name, case)
}

/// A case, and the name by which the command line asks for it.
pub type NamedCase = (&'static str, fn(&Lab));

/// Brings the machine up, does the one of the cases that the command line names by `case=NAME`, and ends. Without such
/// a one it fails.
pub fn run_one_of(boot_info: &'static mut BootInfo, cases: &[NamedCase]) -> ! {
    let handover = bring_up::begin(boot_info);
    let word = handover.command_line.split_whitespace().find_map(|word| word.strip_prefix("case="));
    let named = cases.iter().copied().find(|&(name, _)| Some(name) == word);
    let (name, case) = named
        .unwrap_or(("cases", |_| failure!("the command line names no case of this kernel by case=NAME")));
    finish(&handover, name, case)
}

fn finish(handover: &Handover, name: &str, case: fn(&Lab)) -> ! {
    bring_up::announce(handover, name, "");
    let lab = bring_up::start_cpus(handover);
    case(&lab);
    lab.finish(Unit::Time, |_| {})
}

/// Of nine blocks the ticks that occur most often. As a block of free tasks begins, CPUs are on their way to a halt, or
/// look for work; once in a while a first task meets one there that has got less far, or the emulator ends a turn in
/// between. The case fails where no two are the same.
pub fn most_usual(name: &str, mut block: impl FnMut() -> u64) -> u64 {
    let ticks = [(); 9].map(|()| block());
    let how_often = |ticks_of_one: u64| ticks.iter().filter(|&&ticks| ticks == ticks_of_one).count();
    let usual = ticks.into_iter().max_by_key(|&ticks| (how_often(ticks), Reverse(ticks))).unwrap_or_default();
    if how_often(usual) < 2 {
        failure!("{name}: no two of nine blocks take the same ticks: {ticks:?}");
    }
    usual
}

/// Reports a count for the host to judge.
pub fn count(name: &str, value: u64) {
    report(&Record::Count(Count { name: name.into(), value }));
}

/// Starts a task; a case without stacks is no case.
///
/// # Panics
///
/// If there is no stack for it.
pub fn spawn(cpu: &'static Cpu, body: impl FnOnce() + Send + 'static) -> JoinHandle {
    sched::spawn_on(cpu, body).unwrap_or_else(|error| panic!("spawn: {error}"))
}

/// Starts a task on the smallest stack.
///
/// # Panics
///
/// If there is no memory for it.
pub fn spawn_small(cpu: &'static Cpu, body: impl FnOnce() + Send + 'static) -> JoinHandle {
    let task = sched::spawn_sized_on(cpu, StackSize::Smallest, body);
    task.unwrap_or_else(|error| panic!("spawn: {error}"))
}

/// CPU `number`.
pub fn cpu(number: usize) -> &'static Cpu {
    sched::cpus()[number]
}

/// A value that lives for ever, as what tasks share must.
pub fn for_ever<T>(value: T) -> &'static T {
    alloc::boxed::Box::leak(alloc::boxed::Box::new(value))
}
