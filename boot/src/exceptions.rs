//! No exception ends in a silent reset: each is reported with all that the CPU says of it.
//!
//! GDT, TSS and IDT live in the loader's image, which stays mapped at its own address in the
//! kernel's address space. So they hold until the kernel loads its own. All exceptions use a stack
//! of their own: the kernel's may be what is broken.
#![expect(unsafe_code, reason = "builds and loads the descriptor tables; entered by the CPU")]

use core::{
    arch::global_asm,
    cell::UnsafeCell,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use x86_64::{
    VirtAddr,
    instructions::tables::{lidt, load_tss},
    registers::{
        control::Cr2,
        segmentation::{CS, DS, ES, SS, Segment},
    },
    structures::{
        DescriptorTablePointer,
        gdt::{Descriptor, GlobalDescriptorTable},
        tss::TaskStateSegment,
    },
};

use crate::exit;

/// The exceptions: all vectors that the CPU itself uses.
const VECTORS: usize = 32;

/// Distance between two entries of `exception_stubs`, in bytes.
const STUB_SIZE: usize = 16;

/// The vectors with which the CPU pushes an error code, one bit each (Intel SDM volume 3A, 7.15;
/// AMD APM volume 2, 8.2 for 29 and 30).
const WITH_ERROR_CODE: u32 =
    1 << 8 | 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 17 | 1 << 21 | 1 << 29 | 1 << 30;

const PAGE_FAULT: u64 = 14;

/// Index of the stack in the TSS; a gate names it by this plus one.
const EXCEPTION_STACK: usize = 0;
const EXCEPTION_STACK_SIZE: usize = 16 * 1024;

/// Type and attributes of a gate: present, ring 0, 64-bit interrupt gate.
const INTERRUPT_GATE: u64 = 0x8e;

static TABLES: Shared<Tables> = Shared(UnsafeCell::new(Tables {
    gdt: GlobalDescriptorTable::empty(),
    tss: TaskStateSegment::new(),
    idt: [[0; 2]; VECTORS],
}));
static STACK: Shared<Stack> = Shared(UnsafeCell::new(Stack([0; EXCEPTION_STACK_SIZE])));
static IS_KERNEL_RUNNING: AtomicBool = AtomicBool::new(false);

struct Tables {
    gdt: GlobalDescriptorTable,
    tss: TaskStateSegment,
    idt: [[u64; 2]; VECTORS],
}

#[repr(C, align(16))]
struct Stack([u8; EXCEPTION_STACK_SIZE]);

struct Shared<T>(UnsafeCell<T>);

// SAFETY: one CPU runs the loader; it writes the tables once, before it loads them.
unsafe impl<T> Sync for Shared<T> {}

/// From here on every exception is reported.
pub fn catch_all() {
    // SAFETY: called once, first of all, so this is the only reference there ever is.
    let tables: &'static mut Tables = unsafe { &mut *TABLES.0.get() };
    let stack_end = STACK.0.get().addr() + EXCEPTION_STACK_SIZE;
    tables.tss.interrupt_stack_table[EXCEPTION_STACK] = VirtAddr::new(stack_end as u64);
    let code = tables.gdt.append(Descriptor::kernel_code_segment());
    let data = tables.gdt.append(Descriptor::kernel_data_segment());
    let tss = tables.gdt.append(Descriptor::tss_segment(&tables.tss));
    for (vector, gate) in tables.idt.iter_mut().enumerate() {
        let handler = (&raw const exception_stubs).addr() + vector * STUB_SIZE;
        *gate = interrupt_gate(handler as u64, code.0);
    }
    tables.gdt.load();
    // SAFETY: the selectors are of the GDT that was just loaded, and of the right kinds; the IDT is
    // static and its gates lead to the stubs.
    unsafe {
        CS::set_reg(code);
        SS::set_reg(data);
        DS::set_reg(data);
        ES::set_reg(data);
        load_tss(tss);
        lidt(&DescriptorTablePointer {
            limit: (size_of_val(&tables.idt) - 1) as u16,
            base: VirtAddr::from_ptr(&raw const tables.idt),
        });
    }
}

/// From here on an exception is the kernel's.
pub fn blame_kernel() {
    IS_KERNEL_RUNNING.store(true, Relaxed);
}

/// A 64-bit interrupt gate (Intel SDM volume 3A, 7.14.1).
fn interrupt_gate(handler: u64, code_selector: u16) -> [u64; 2] {
    let low = handler & 0xffff
        | u64::from(code_selector) << 16
        | (EXCEPTION_STACK as u64 + 1) << 32
        | INTERRUPT_GATE << 40
        | (handler >> 16 & 0xffff) << 48;
    [low, handler >> 32]
}

/// What is on the stack when [`report`] is called.
#[repr(C)]
struct ExceptionFrame {
    vector: u64,
    error_code: u64,
    rip: u64,
    cs: u64,
    rflags: u64,
    rsp: u64,
    ss: u64,
}

extern "C" fn report(frame: &ExceptionFrame) -> ! {
    let ExceptionFrame { vector, error_code, rip, rsp, .. } = *frame;
    let cr2 = if vector == PAGE_FAULT { Cr2::read_raw() } else { 0 };
    let what = format_args!(
        "CPU exception {vector}: RIP {rip:#x}, RSP {rsp:#x}, CR2 {cr2:#x}, error code {error_code:#x}"
    );
    if IS_KERNEL_RUNNING.load(Relaxed) {
        exit::report_kernel_exception(what)
    } else {
        exit::refuse(format_args!("the loader itself failed with {what}"))
    }
}

// SAFETY: defined below.
unsafe extern "C" {
    static exception_stubs: u8;
}

// One stub for each vector; together they make the stack the same for all:
//
//   pushed by the CPU   ss  rsp  rflags  cs  rip  (error code)
//   pushed by the stub  (0 where the CPU pushed no error code)  vector   ◄ rsp, an ExceptionFrame
global_asm!(
    r#"
    .text
    .balign {stub_size}
exception_stubs:
    .set boot_vector, 0
    .rept {vectors}
    .balign {stub_size}
    .if (({with_error_code} >> boot_vector) & 1) == 0
    push 0
    .endif
    push boot_vector
    jmp exception_common
    .set boot_vector, boot_vector + 1
    .endr
exception_common:               # never returns, so no register is saved
    cld
    mov rdi, rsp
    and rsp, -16                # the ABI's alignment before a call
    call {report}
    ud2
    "#,
    stub_size = const STUB_SIZE,
    vectors = const VECTORS,
    with_error_code = const WITH_ERROR_CODE,
    report = sym report,
);
