//! What a process must not do is stopped and named, and two others beside it finish their exchanges.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use case::{check, contained::beside_others, count, cpu, for_ever, spawn};
use switchlab_core::address_space::USER_END;
use switchlab_kernel::{
    arch::{apic, ring3},
    bring_up::Lab,
    mm, program,
    sched::Channel,
    user::{
        self, Ended, Fault, Program, Quantum, Spec,
        program::{CODE, STACK_BYTES, STACK_TOP},
    },
};

/// Ticks that one that loops may take.
const TICKS: u64 = 5;

const DIVIDE_ERROR: u8 = 0;
const DEBUG: u8 = 1;
const INVALID_OPCODE: u8 = 6;
const NOT_AVAILABLE: u8 = 7;
const GENERAL_PROTECTION: u8 = 13;
const PAGE_FAULT: u8 = 14;

/// Bits of a page fault's error code (Intel SDM vol. 3, 4.7).
const PRESENT: u64 = 1;
const WRITE: u64 = 2;
const USER: u64 = 4;
const FETCH: u64 = 16;

const KERNEL: u64 = 0xffff_ffff_8000_0000;

program! {
    /// Reads at rdi.
    static READS = "mov rax, [rdi]", "ud2"
}
program! {
    /// Writes into its own code.
    static WRITES_CODE = "lea rax, [rip]", "mov byte ptr [rax], 0x90", "ud2"
}
program! {
    /// Goes to rdi.
    static JUMPS = "jmp rdi"
}
program! {
    /// Executes its stack.
    static RUNS_DATA = "mov byte ptr [rsp - 8], 0xc3", "lea rax, [rsp - 8]", "jmp rax"
}
program! {
    /// Pushes for ever.
    static OVERFLOWS = "2:", "push rax", "jmp 2b"
}
program! {
    /// Loops for ever, and tries to keep interrupts out.
    static LOOPS = "2:", "pushfq", "and dword ptr [rsp], ~0x200", "popfq", "jmp 2b"
}
program! {
    /// Divides by 0.
    static DIVIDES = "xor edx, edx", "xor ecx, ecx", "div rcx", "ud2"
}
program! {
    /// Single-steps.
    static STEPS = "pushfq", "or dword ptr [rsp], 0x100", "popfq", "nop", "nop", "ud2"
}
program! {
    /// Makes a system call as its last instruction, where it lies at the end of its half.
    static AT_THE_END = "mov eax, SYS_YIELD", ".fill 4089, 1, 0x90", "syscall"
}
program! { static CLI = "cli", "ud2" }
program! { static STI = "sti", "ud2" }
program! { static HLT = "hlt", "ud2" }
program! { static MOV_CR3 = "mov rax, 0x1000", "mov cr3, rax", "ud2" }
program! { static MOV_FROM_CR0 = "mov rax, cr0", "ud2" }
program! { static WRMSR = "mov ecx, 0xc0000080", "xor eax, eax", "xor edx, edx", "wrmsr", "ud2" }
program! { static RDMSR = "mov ecx, 0xc0000080", "rdmsr", "ud2" }
program! { static IN = "in al, 0x21", "ud2" }
program! { static OUT = "xor eax, eax", "mov dx, 0xf4", "out dx, al", "ud2" }
program! { static LIDT = "lidt [rsp - 16]", "ud2" }
program! { static INVLPG = "invlpg [rsp]", "ud2" }
program! { static SWAPGS = "swapgs", "ud2" }
program! { static INT_WAKE_UP = "int 0x50", "ud2" }
program! { static INT_DOUBLE_FAULT = "int 8", "ud2" }
program! {
    /// Goes to ring 0 by its selectors.
    static IRET_TO_RING_0 = "push 0x10", "push rsp", "push 2", "push 8", "lea rax, [rip]", "push rax", "iretq"
}
program! { static SIDT = "sidt [rsp - 16]", "mov eax, SYS_EXIT", "syscall", "ud2" }
// What is an invalid opcode ends otherwise where it is none.
program! { static WRGSBASE = "mov rax, -1", "wrgsbase rax", "mov eax, SYS_EXIT", "syscall", "ud2" }
program! { static X87 = "fninit", "ud2" }
program! { static SSE = "xorps xmm0, xmm0", "mov eax, SYS_EXIT", "syscall", "ud2" }
program! {
    static XSAVES =
        "mov eax, 7", "xor edx, edx", "and rsp, -64", "xsave [rsp - 1024]",
        "mov eax, SYS_EXIT", "syscall", "ud2",
}
program! {
    static XRSTORS =
        "mov eax, 7", "xor edx, edx", "and rsp, -64", "xrstor [rsp - 1024]",
        "mov eax, SYS_EXIT", "syscall", "ud2",
}
program! { static WAITS = "fwait", "ud2" }
program! {
    /// Has rdi in a vector and an x87 error pending, lets others run 20 times, and exits with what is in the vector.
    static HOLDS_VECTORS =
        "movq xmm1, rdi",
        "push 0x37b", "fldcw [rsp]", "fld1", "fldz", "fdivp st(1), st",
        "mov ebx, 20",
        "2: mov eax, SYS_YIELD", "syscall", "dec ebx", "jnz 2b",
        "movq rdi, xmm1", "xor esi, esi", "mov eax, SYS_EXIT", "syscall",
}

pub fn user_isolation(lab: &Lab) {
    faults();
    privileged();
    vectors_of_another();
    out_of_time();
    bad_return();
    if lab.cpus > 1 {
        wake_up_in_ring_3();
    }
    nothing_is_left();
}

fn faults() {
    let page_fault = |bits, address| Fault {
        vector: PAGE_FAULT,
        error_code: USER | bits,
        address: Some(address),
        rip: CODE,
    };
    for kernel in [KERNEL, mm::PHYSICAL_MEMORY, 0xffff_a000_0000_1000] {
        faulted("reads the kernel's memory", with(&READS, kernel), page_fault(PRESENT, kernel));
        let fault = Fault { rip: kernel, ..page_fault(PRESENT | FETCH, kernel) };
        faulted("jumps into the kernel", with(&JUMPS, kernel), fault);
    }
    faulted("reads where nothing is", with(&READS, 0), page_fault(0, 0));
    let not_canonical = Fault { vector: GENERAL_PROTECTION, error_code: 0, address: None, rip: CODE };
    faulted("reads at no address", with(&READS, 1 << 63), not_canonical);
    // `lea` is seven bytes long.
    let fault = Fault { rip: CODE + 7, ..page_fault(PRESENT | WRITE, CODE + 7) };
    faulted("writes its code", Spec::new(&WRITES_CODE), fault);
    let fault = Fault { rip: STACK_TOP - 8, ..page_fault(PRESENT | FETCH, STACK_TOP - 8) };
    faulted("executes its stack", Spec::new(&RUNS_DATA), fault);
    faulted("runs off its stack", Spec::new(&OVERFLOWS), page_fault(WRITE, STACK_TOP - STACK_BYTES - 8));
}

fn with(program: &'static Program, argument: u64) -> Spec {
    Spec { arguments: [argument, 0, 0, 0], ..Spec::new(program) }
}

/// Each ends by its vector and error code, at whatever instruction.
fn privileged() {
    let mut cases = 0;
    let mut ends = |what, program, fits: &dyn Fn(Fault) -> bool| {
        cases += 1;
        let ended = beside_others(Spec::new(program)).ended;
        check!(matches!(ended, Ended::Faulted(fault) if fits(fault)), "{what}: {ended}");
    };
    let mut stopped = |what, program, vector, error_code| {
        ends(what, program, &|fault: Fault| {
            fault.vector == vector && fault.error_code == error_code && fault.address.is_none()
        });
    };
    for (what, program) in [
        ("cli", &CLI),
        ("sti", &STI),
        ("hlt", &HLT),
        ("mov cr3", &MOV_CR3),
        ("mov from cr0", &MOV_FROM_CR0),
        ("wrmsr", &WRMSR),
        ("rdmsr", &RDMSR),
        ("in", &IN),
        ("out", &OUT),
        ("lidt", &LIDT),
        ("invlpg", &INVLPG),
        ("swapgs", &SWAPGS),
    ] {
        stopped(what, program, GENERAL_PROTECTION, 0);
    }
    if ring3::protection().umip {
        stopped("sidt", &SIDT, GENERAL_PROTECTION, 0);
    }
    stopped("wrgsbase", &WRGSBASE, INVALID_OPCODE, 0);
    stopped("x87", &X87, NOT_AVAILABLE, 0);
    stopped("division", &DIVIDES, DIVIDE_ERROR, 0);
    stopped("single step", &STEPS, DEBUG, 0);
    // INT n to a gate of ring 0: the error code is the gate's place in the IDT and the bit that says IDT. QEMU 7.2 says
    // the place in words of 8 bytes.
    let gate = |vector: u64| {
        move |fault: Fault| {
            fault.vector == GENERAL_PROTECTION
                && [vector << 3 | 2, vector << 4 | 2].contains(&fault.error_code)
        }
    };
    // By EM an invalid opcode, which comes first (Intel SDM vol. 3, 2.5); QEMU looks at TS first.
    let no_vectors = |fault: Fault| [INVALID_OPCODE, NOT_AVAILABLE].contains(&fault.vector);
    ends("sse", &SSE, &no_vectors);
    ends("int with the wake-up's vector", &INT_WAKE_UP, &gate(0x50));
    ends("int with an exception's vector", &INT_DOUBLE_FAULT, &gate(8));
    // The selector of ring 0's code. QEMU 7.2 reads IRET's frame as ring 0 would, which SMAP forbids.
    ends("iret to ring 0", &IRET_TO_RING_0, &|fault| {
        (fault.vector, fault.error_code) == (GENERAL_PROTECTION, 8)
            || (fault.vector, fault.error_code) == (PAGE_FAULT, PRESENT) && ring3::protection().smap
    });
    count("privileged", cases);
}

/// One without vector state beside one that has some: it can neither see it nor touch it, nor meets its pending error.
fn vectors_of_another() {
    const HELD: u64 = 0x5ec2_e7ab_cdef_0123;
    let mut cases = 0;
    for (what, program, vectors) in [
        ("xsave", &XSAVES, &[INVALID_OPCODE][..]),
        ("xrstor", &XRSTORS, &[INVALID_OPCODE]),
        ("wait", &WAITS, &[NOT_AVAILABLE]),
        ("sse", &SSE, &[INVALID_OPCODE, NOT_AVAILABLE]),
    ] {
        cases += 1;
        let holding = Spec { vectors: true, ..with(&HOLDS_VECTORS, HELD) };
        let holding = user::spawn(cpu(0), holding).expect("a process");
        let ended = user::spawn(cpu(0), Spec::new(program)).expect("a process").join().ended;
        check!(matches!(ended, Ended::Faulted(fault) if vectors.contains(&fault.vector)), "{what}: {ended}");
        let held = holding.join().ended;
        check!(held == Ended::Exited([HELD, 0]), "who held its vectors beside {what}: {held}");
    }
    count("vectors_of_another", cases);
}

fn out_of_time() {
    let quantum = Some(Quantum { counts: apic::TICK_COUNTS, most: TICKS });
    let ended = beside_others(Spec { quantum, ..Spec::new(&LOOPS) }).ended;
    let fits = matches!(ended, Ended::OutOfTime { ticks, rip }
        if ticks == TICKS + 1 && (CODE..CODE + LOOPS.bytes().len() as u64).contains(&rip));
    check!(fits, "loops for ever: {ended}");
}

fn bad_return() {
    let spec = Spec { code_at: USER_END - 4096, ..Spec::new(&AT_THE_END) };
    let ended = beside_others(spec).ended;
    check!(ended == Ended::BadReturn { address: USER_END }, "a call at the end of its half: {ended}");
}

fn faulted(what: &str, spec: Spec, fault: Fault) {
    let ended = beside_others(spec).ended;
    check!(ended == Ended::Faulted(fault), "{what}: expected {fault}, found: {ended}");
}

/// A wake-up that comes while ring 3 runs lets the task go on that it is for.
fn wake_up_in_ring_3() {
    let (go, pipe) = (for_ever(Channel::new()), for_ever(Channel::new()));
    let received = for_ever(AtomicU64::new(0));
    let task = spawn(cpu(1), || {
        let (go, pipe) = (go.sender(), pipe.receiver());
        go.send(1);
        for n in 1..=100 {
            check!(pipe.recv() == n, "message {n} to a CPU in ring 3");
            received.store(n, Relaxed);
            go.send(n);
        }
    });
    let go = go.receiver();
    go.recv();
    let quantum = Some(Quantum { counts: 50 * apic::TICK_COUNTS, most: 20 });
    let looping = user::spawn(cpu(1), Spec { quantum, ..Spec::new(&LOOPS) }).expect("a process");
    let pipe = pipe.sender();
    for n in 1..=100 {
        pipe.send(n);
        go.recv();
    }
    let report = looping.join();
    task.join();
    check!(received.load(Relaxed) == 100, "{} messages to a CPU in ring 3", received.load(Relaxed));
    check!(matches!(report.ended, Ended::OutOfTime { .. }), "beside them: {}", report.ended);
    check!(ring3::loads_of(switchlab_kernel::sched::percpu(cpu(1).id())) >= 2, "it was in an address space");
}

/// What processes had is there for the next.
fn nothing_is_left() {
    let run = || {
        for _ in 0..50 {
            let ended = user::spawn(cpu(0), with(&READS, 0)).expect("a process").join().ended;
            check!(matches!(ended, Ended::Faulted(_)), "{ended}");
        }
        mm::taken_bytes()
    };
    let [before, after] = [run(), run()];
    check!(before == after, "50 processes leave {} bytes behind", after - before);
}
