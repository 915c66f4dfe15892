//! The cases that need nothing but the kernel that they run on. The word `case=NAME` of the command line says which one.

#![no_std]
#![no_main]

extern crate alloc;

mod channels;
mod clock_offset;
mod container_files;
mod container_filter;
mod container_ids;
mod container_memory;
mod container_names;
mod container_parts;
mod container_quota;
mod container_state;
mod container_without_parts;
mod cpus_up;
mod declared_locks;
mod double_fault;
mod failed_assertion;
mod guard_page;
mod handing_null;
mod hangs;
mod heap;
mod interrupt_stacks;
mod interrupted_state;
mod ipi_counts;
mod jitter;
mod join;
mod late_ap;
mod lost_wake_up;
mod many_tasks;
mod missing_ap;
mod no_end;
mod nobody_sends;
mod nothing_foreign;
mod page_fault;
mod panics;
mod panics_early;
mod panics_twice;
mod patience;
mod round_robin;
mod small_guard_page;
mod small_stack;
mod spins;
mod switch_state;
mod ten_seconds;
mod thread_state;
mod triple_fault;
mod user_call_vectors;
mod user_calls;
mod user_exit;
mod user_gone;
mod user_isolation;
mod user_pointers;
mod user_shared;
mod user_smap;
mod user_smep;
mod user_state;
mod user_threads;
mod user_vectors;
mod vm_isolation;
mod vm_runs;
mod vm_state;
mod vm_wrong_number;
mod wake;
mod works_alone;
mod wrong_hop;
mod wrong_number;
mod wrong_pair;

use bootloader_api::BootInfo;
use case::{LOADER_CONFIG, NamedCase, entry_point};

entry_point!(enter, config = &LOADER_CONFIG);

/// A case is the function that has its module's name.
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        &[$((stringify!($name), $name::$name)),*]
    };
}

/// Each by its name.
const CASES: &[NamedCase] = cases![
    channels,
    clock_offset,
    container_files,
    container_filter,
    container_ids,
    container_memory,
    container_names,
    container_parts,
    container_quota,
    container_state,
    container_without_parts,
    cpus_up,
    declared_locks,
    double_fault,
    failed_assertion,
    guard_page,
    handing_null,
    hangs,
    heap,
    interrupt_stacks,
    interrupted_state,
    ipi_counts,
    jitter,
    join,
    late_ap,
    lost_wake_up,
    many_tasks,
    missing_ap,
    no_end,
    nobody_sends,
    nothing_foreign,
    page_fault,
    panics,
    panics_early,
    panics_twice,
    patience,
    round_robin,
    small_guard_page,
    small_stack,
    spins,
    switch_state,
    ten_seconds,
    thread_state,
    triple_fault,
    user_call_vectors,
    user_calls,
    user_exit,
    user_gone,
    user_isolation,
    user_pointers,
    user_smap,
    user_smep,
    user_state,
    user_threads,
    user_vectors,
    vm_isolation,
    vm_runs,
    vm_state,
    vm_wrong_number,
    wake,
    works_alone,
    wrong_hop,
    wrong_number,
    wrong_pair,
];

fn enter(boot_info: &'static mut BootInfo) -> ! {
    case::run_one_of(boot_info, CASES)
}
