//! Into a guest and back: VMRUN with all that it leaves to software (AMD APM vol. 2, 15.5).
//!
//! VMRUN swaps what the state save area holds up to RAX: segments, control registers, RFLAGS, RIP, RSP, RAX. It
//! leaves three things alone, which are swapped here: the other general registers, by hand; and FS, GS, TR, LDTR, the
//! MSRs of SYSCALL and SYSENTER and the base that SWAPGS takes, by VMLOAD and VMSAVE. The host's own of those were
//! saved once, when the CPU began to run guests: the host's GS base is this kernel's way to its per-CPU data, so a
//! handler that came between the two VMLOADs would find the guest's. None can: the global interrupt flag is clear
//! there, which holds back NMIs too.

use core::{arch::naked_asm, mem::offset_of};

use super::Vmcb;

/// The guest's general registers that are in no VMCB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
#[expect(missing_docs, reason = "registers")]
pub struct Registers {
    pub rbx: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    pub rbp: u64,
    pub r8: u64,
    pub r9: u64,
    pub r10: u64,
    pub r11: u64,
    pub r12: u64,
    pub r13: u64,
    pub r14: u64,
    pub r15: u64,
}

/// Both sides of a VMRUN.
#[derive(Debug)]
#[repr(C)]
pub struct World {
    /// Physical address of the guest's VMCB.
    pub guest: u64,
    /// Physical address of the VMCB that [`save_host`] has filled on this CPU.
    pub host: u64,
    /// The guest's.
    pub registers: Registers,
}

/// Saves what VMLOAD gives back to the host behind a guest, into the VMCB at this physical address.
///
/// # Safety
///
/// There is a VMCB, and SVM is on.
pub unsafe fn save_host(vmcb: u64) {
    // SAFETY: the caller owes it; VMSAVE writes there and nowhere else.
    unsafe { core::arch::asm!("vmsave rax", in("rax") vmcb, options(nostack, preserves_flags)) };
}

/// Runs the guest until it exits. Interrupts are off before and after; those that come meanwhile end the guest and
/// stay pending. The processor writes to `vmcb`; it is an argument so that the compiler knows.
///
/// ```text
///   return address        rsp + 56    the caller's
///   rbx rbp r12 … r15     rsp + 8     what a call preserves
///   world                 rsp         the argument, for behind the guest
/// ```
///
/// # Safety
///
/// SVM is on, with a save area for the host. `world.guest` is the physical address of `vmcb`, whose tables lead to
/// memory that the guest may write, and whose intercepts keep it from the rest; `world.host` was filled on this CPU
/// since its FS, GS, TR, LDTR and the MSRs of system calls changed last.
#[unsafe(naked)]
pub unsafe extern "C" fn run(world: &mut World, vmcb: &mut Vmcb) {
    naked_asm!(
        "push rbx",
        "push rbp",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "push rdi",
        "clgi",                       // from here on nothing comes to this CPU, not even an NMI
        "sti",                        // the host's flag decides what ends the guest (V_INTR_MASKING)
        "mov rax, [rdi + {guest}]",
        "vmload rax",                 // the guest's FS, GS, TR, LDTR, system call MSRs: GS is not ours
        "mov rbx, [rdi + {rbx}]",
        "mov rcx, [rdi + {rcx}]",
        "mov rdx, [rdi + {rdx}]",
        "mov rsi, [rdi + {rsi}]",
        "mov rbp, [rdi + {rbp}]",
        "mov r8,  [rdi + {r8}]",
        "mov r9,  [rdi + {r9}]",
        "mov r10, [rdi + {r10}]",
        "mov r11, [rdi + {r11}]",
        "mov r12, [rdi + {r12}]",
        "mov r13, [rdi + {r13}]",
        "mov r14, [rdi + {r14}]",
        "mov r15, [rdi + {r15}]",
        "mov rdi, [rdi + {rdi}]",     // the pointer last
        "vmrun rax",                  // comes back with the host's rax, rsp and flags, and GIF clear
        "vmsave rax",
        "mov rax, [rsp]",             // world: the only register that is free
        "mov [rax + {rbx}], rbx",
        "mov [rax + {rcx}], rcx",
        "mov [rax + {rdx}], rdx",
        "mov [rax + {rsi}], rsi",
        "mov [rax + {rdi}], rdi",
        "mov [rax + {rbp}], rbp",
        "mov [rax + {r8}],  r8",
        "mov [rax + {r9}],  r9",
        "mov [rax + {r10}], r10",
        "mov [rax + {r11}], r11",
        "mov [rax + {r12}], r12",
        "mov [rax + {r13}], r13",
        "mov [rax + {r14}], r14",
        "mov [rax + {r15}], r15",
        "mov rax, [rax + {host}]",
        "vmload rax",                 // GS is ours again
        "cli",
        "stgi",                       // NMIs come again; interrupts stay pending
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbp",
        "pop rbx",
        "ret",
        guest = const offset_of!(World, guest),
        host = const offset_of!(World, host),
        rbx = const offset_of!(World, registers.rbx),
        rcx = const offset_of!(World, registers.rcx),
        rdx = const offset_of!(World, registers.rdx),
        rsi = const offset_of!(World, registers.rsi),
        rdi = const offset_of!(World, registers.rdi),
        rbp = const offset_of!(World, registers.rbp),
        r8 = const offset_of!(World, registers.r8),
        r9 = const offset_of!(World, registers.r9),
        r10 = const offset_of!(World, registers.r10),
        r11 = const offset_of!(World, registers.r11),
        r12 = const offset_of!(World, registers.r12),
        r13 = const offset_of!(World, registers.r13),
        r14 = const offset_of!(World, registers.r14),
        r15 = const offset_of!(World, registers.r15),
    )
}
