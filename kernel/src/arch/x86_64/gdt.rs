//! Each CPU's GDT and TSS. The TSS names a stack of its own for the three exceptions that may come
//! when the current stack is not to be trusted: double fault, NMI, machine check (Intel SDM vol. 3,
//! 7.14.5); and the stack on which ring 3 is left by an interrupt or an exception.
//!
//! | selector | segment | why there |
//! |---|---|---|
//! | 0x08 | code of ring 0 | SYSCALL takes it from STAR, bits 32 to 47 |
//! | 0x10 | data of ring 0 | SYSCALL takes that plus 8 |
//! | 0x1b | data of ring 3 | SYSRET takes what STAR has in bits 48 to 63 plus 8 |
//! | 0x23 | code of ring 3 | and plus 16, for 64-bit code (Intel SDM vol. 2, SYSRET) |
//! | 0x28 | the TSS, of two entries | |

use alloc::{boxed::Box, vec};
use core::{cell::UnsafeCell, mem::offset_of};

use x86_64::{
    PrivilegeLevel, VirtAddr,
    instructions::{
        segmentation::{CS, DS, ES, FS, GS, SS, Segment},
        tables::load_tss,
    },
    structures::{
        gdt::{Descriptor, GlobalDescriptorTable, SegmentSelector},
        tss::TaskStateSegment,
    },
};

/// The stack of an exception, by its place in the TSS's interrupt stack table (0 to 6; the IDT
/// counts from 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum IstStack {
    /// For vector 8.
    DoubleFault = 0,
    /// For vector 2.
    Nmi = 1,
    /// For vector 18.
    MachineCheck = 2,
}

const IST_STACKS: [IstStack; 3] = [IstStack::DoubleFault, IstStack::Nmi, IstStack::MachineCheck];

/// Bytes of each of these stacks: a crash report runs on it, whose texts are less than 1 KiB.
const IST_STACK_BYTES: usize = 16 * 1024;

/// Bytes of them all on one CPU, from the heap.
pub const IST_BYTES_OF_A_CPU: usize = IST_STACKS.len() * IST_STACK_BYTES;

/// Code of ring 0.
pub const KERNEL_CODE: SegmentSelector = SegmentSelector::new(1, PrivilegeLevel::Ring0);
/// Data of ring 0.
pub const KERNEL_DATA: SegmentSelector = SegmentSelector::new(2, PrivilegeLevel::Ring0);
/// Data and stack of ring 3.
pub const USER_DATA: SegmentSelector = SegmentSelector::new(3, PrivilegeLevel::Ring3);
/// Code of ring 3.
pub const USER_CODE: SegmentSelector = SegmentSelector::new(4, PrivilegeLevel::Ring3);

/// One CPU's descriptor tables.
#[derive(Debug)]
#[repr(C)]
pub struct Tables {
    gdt: UnsafeCell<GlobalDescriptorTable>,
    tss: Tss,
}

/// Aligned, so that the stack pointer in it does not lie on two cache lines.
#[derive(Debug)]
#[repr(C, align(16))]
struct Tss(UnsafeCell<TaskStateSegment>);

/// Where in [`Tables`] the stack pointer is that the processor takes as it leaves ring 3. The CPU's own code
/// writes and reads it by GS.
pub(super) const KERNEL_STACK: usize =
    offset_of!(Tables, tss) + offset_of!(TaskStateSegment, privilege_stack_table);

// SAFETY: touched by `load` alone, which the owning CPU calls once; after that only the processor reads
// them, but for the word at `KERNEL_STACK`, which the owning CPU alone writes.
unsafe impl Sync for Tables {}

impl Tables {
    /// Empty tables.
    pub fn new() -> Self {
        Self {
            gdt: UnsafeCell::new(GlobalDescriptorTable::new()),
            tss: Tss(UnsafeCell::new(TaskStateSegment::new())),
        }
    }

    /// Fills them in and loads them: code, data and task segment.
    pub(super) fn load(&'static self) {
        // SAFETY: called once by the CPU that they belong to (`PerCpu::install`), before the
        // processor knows them.
        let (gdt, tss) = unsafe { (&mut *self.gdt.get(), &mut *self.tss.0.get()) };
        for stack in IST_STACKS {
            tss.interrupt_stack_table[stack as usize] = new_ist_stack();
        }
        let code = gdt.append(Descriptor::kernel_code_segment());
        let data = gdt.append(Descriptor::kernel_data_segment());
        let user_data = gdt.append(Descriptor::user_data_segment());
        let user_code = gdt.append(Descriptor::user_code_segment());
        let task = gdt.append(Descriptor::tss_segment(tss));
        assert_eq!([code, data, user_data, user_code], [KERNEL_CODE, KERNEL_DATA, USER_DATA, USER_CODE]);
        // SAFETY: the tables live for ever; the selectors are those of the entries just made. The
        // GS base is set behind this, by the caller.
        unsafe {
            gdt.load_unsafe();
            CS::set_reg(code);
            SS::set_reg(data);
            for set in [DS::set_reg, ES::set_reg, FS::set_reg, GS::set_reg] {
                set(SegmentSelector::NULL);
            }
            load_tss(task);
        }
    }
}

impl Default for Tables {
    fn default() -> Self {
        Self::new()
    }
}

/// The top of a fresh stack that is never freed. From the heap, without a guard page: what runs on
/// it is the crash report alone.
fn new_ist_stack() -> VirtAddr {
    let stack = Box::leak(vec![0_u128; IST_STACK_BYTES / size_of::<u128>()].into_boxed_slice());
    VirtAddr::from_ptr(stack.as_mut_ptr_range().end)
}
