//! What may come at any instruction comes on a stack of its own: NMI, double fault and machine check, on each CPU
//! another one, as the processor's own tables have it.

use alloc::vec::Vec;
use core::arch::asm;

use case::{check, count, gate::Gate, spawn};
use spin::Mutex;
use switchlab_kernel::{bring_up::Lab, sched};
use x86_64::instructions::tables::sgdt;

const NMI: u8 = 2;
const DOUBLE_FAULT: u8 = 8;
const MACHINE_CHECK: u8 = 18;

static TOPS: Mutex<Vec<u64>> = Mutex::new(Vec::new());

pub fn interrupt_stacks(lab: &Lab) {
    for &cpu in sched::cpus() {
        spawn(cpu, move || {
            let tss = task_state();
            for vector in [NMI, DOUBLE_FAULT, MACHINE_CHECK] {
                let number = Gate::of(vector).stack();
                check!(number != 0, "CPU {}: vector {vector} has no stack of its own", cpu.id());
                // SAFETY: the TSS of this CPU has seven tops from byte 36 on (Intel SDM volume 3, 8.7).
                let top = unsafe { word(tss + 36 + 8 * (number - 1)) };
                check!(top.is_multiple_of(16) && top != 0, "CPU {}: vector {vector}: top {top:#x}", cpu.id());
                TOPS.lock().push(top);
            }
        })
        .join();
    }
    let mut tops = TOPS.lock();
    tops.sort_unstable();
    tops.dedup();
    check!(tops.len() == 3 * lab.cpus as usize, "{} stacks for 3 vectors on {} CPUs", tops.len(), lab.cpus);
    count("stacks", tops.len() as u64);
}

/// Where this CPU's TSS is, by its descriptor (Intel SDM volume 3, figure 8-4).
fn task_state() -> u64 {
    let selector: u16;
    // SAFETY: reads a register.
    unsafe { asm!("str {:x}", out(reg) selector, options(nomem, nostack, preserves_flags)) };
    let descriptor = sgdt().base.as_u64() + u64::from(selector & !7);
    // SAFETY: the descriptor that the selector leads to, two words of the table that is loaded.
    let (low, high) = unsafe { (word(descriptor), word(descriptor + 8)) };
    low >> 16 & 0xff_ffff | (low >> 56 & 0xff) << 24 | high << 32
}

/// # Safety
///
/// Memory that can be read.
unsafe fn word(address: u64) -> u64 {
    // SAFETY: the caller owes it.
    unsafe { (address as *const u64).read_unaligned() }
}
