//! Processes with vector state: how they enter the kernel. It is saved where others may run meanwhile, and nowhere else;
//! processes without have other entries and pay nothing.

use switchlab_sync::Away;

use super::{
    Process, process,
    system_call::{NO_SUCH_CALL, answer, make},
};
use crate::arch::{
    ring3::{self, Answer, Entries},
    trap::TrapFrame,
};

/// How they enter the kernel.
pub(super) static ENTRIES: Entries = Entries { system_call: handle, trap };

/// Saves a process's vector state before others run. What is loaded then is loaded with all the rest
/// ([`Process::go_on`]).
pub(super) struct Saving<'a>(pub(super) &'a Process);

impl Away for Saving<'_> {
    #[inline(always)]
    fn begins(&self) {
        self.0.save_vectors();
    }

    #[inline(always)]
    fn ends(&self) {}
}

extern "C" fn handle(first: u64, second: u64, third: u64, number: u64, fourth: u64, fifth: u64) -> Answer {
    let process = Process::current();
    ring3::count_call();
    make(process, number, [first, second, third, fourth, fifth], &Saving(process), |_, _, _| {
        answer(NO_SUCH_CALL)
    })
}

extern "C" fn trap(frame: &mut TrapFrame) -> bool {
    ring3::forbid_access();
    let process = Process::current();
    process::take_trap(process, frame, &Saving(process))
}
