//! What a process passes to the kernel is looked at, and what it gets back is its own alone. Whatever it tries, two others
//! beside it finish their exchanges.

use case::{check, contained::beside_others, count, cpu};
use switchlab_core::address_space::USER_END;
use switchlab_kernel::{
    arch::ring3,
    bring_up::Lab,
    mm, program,
    sched::{self, Gate},
    user::{
        self, Ended, Port, SAID_BYTES, Spec,
        program::{CODE, DATA, DATA_BYTES, STACK_BYTES, STACK_TOP},
        system_call::{BAD_ADDRESS, DONE, NO_SUCH_CALL, NO_SUCH_PORT, TOO_LONG},
    },
};
use x86_64::registers::control::{Cr0, Cr4, Cr4Flags};

const KERNEL: u64 = 0xffff_ffff_8000_0000;

program! {
    /// Says rsi bytes at rdi; exits with the status.
    static SAYS = "mov eax, SYS_SAY", "syscall", "mov rdi, rax", "xor esi, esi", "mov eax, SYS_EXIT", "syscall"
}
program! {
    /// Fills the first 8 bytes of its data with rdx, and says rsi bytes at rdi.
    static WRITES_AND_SAYS =
        "mov [0x480000], rdx",
        "mov eax, SYS_SAY",
        "syscall",
        "mov rdi, rax",
        "xor esi, esi",
        "mov eax, SYS_EXIT",
        "syscall",
}
program! {
    /// Asks for its status at rdi; exits with the call's status and the first word there, where there is one.
    static ASKS =
        "mov rbx, rdi",
        "mov eax, SYS_STATUS",
        "syscall",
        "mov rdi, rax",
        "xor esi, esi",
        "test rax, rax",
        "jnz 2f",
        "mov rsi, [rbx]",
        "2:",
        "mov eax, SYS_EXIT",
        "syscall",
}
program! {
    /// Does system call rdi with port rsi, a stack pointer of the kernel's half, and exits with the status.
    static CALLS =
        "mov rax, rdi",
        "mov rdi, rsi",
        "mov rsp, -4096",
        "syscall",
        "mov rdi, rax",
        "xor esi, esi",
        "mov eax, SYS_EXIT",
        "syscall",
}
program! {
    /// Sets its bases to rdi and rsi, and exits with the status.
    static SETS_BASES =
        "mov eax, SYS_SET_BASES", "syscall", "mov rdi, rax", "xor esi, esi", "mov eax, SYS_EXIT", "syscall"
}
program! {
    /// Exits with all that is in its registers at its start, one over the other, its arguments and rsp apart; and with
    /// what a system call leaves in those that are not its own.
    static LEAKS =
        "or rax, rbx", "or rax, rcx", "or rax, rbp", "or rax, r9", "or rax, r10", "or rax, r11", "or rax, r12",
        "or rax, r13", "or rax, r14", "or rax, r15",
        "mov rbx, rax",
        "mov eax, SYS_YIELD",
        "syscall",
        "or rsi, rdi", "or rsi, rdx", "or rsi, r8", "or rsi, r9", "or rsi, r10", "or rsi, rax",
        "mov rdi, rbx",
        "mov eax, SYS_EXIT",
        "syscall",
}
program! {
    /// Loads the segment registers with ring 3's data, yields, and exits.
    static LOADS_SELECTORS =
        "mov eax, 0x1b", "mov ds, eax", "mov es, eax", "mov fs, eax", "mov gs, eax",
        "mov eax, SYS_YIELD",
        "syscall",
        "mov eax, SYS_YIELD",
        "syscall",
        "xor edi, edi",
        "xor esi, esi",
        "mov eax, SYS_EXIT",
        "syscall",
}
program! {
    /// Exits with what it finds in the segment registers, one over the other, behind a yield.
    static READS_SELECTORS =
        "mov eax, SYS_YIELD",
        "syscall",
        "xor edi, edi",
        "mov eax, ds", "or edi, eax", "mov eax, es", "or edi, eax", "mov eax, fs", "or edi, eax",
        "mov eax, gs", "or edi, eax",
        "xor esi, esi",
        "mov eax, SYS_EXIT",
        "syscall",
}
program! {
    /// Calls port 0 with 1, 2, 3, 4, and exits with what came back, put together: nothing but these four words goes.
    static CALLS_WITH_FOUR =
        "xor edi, edi", "mov esi, 1", "mov edx, 2", "mov r8d, 3", "mov r9d, 4",
        "mov eax, SYS_CALL",
        "syscall",
        "shl rdx, 8", "or rsi, rdx", "shl r8, 16", "or rsi, r8", "shl r9, 24", "or rsi, r9",
        "mov rdi, rax",
        "mov eax, SYS_EXIT",
        "syscall",
}
program! {
    /// Answers at port 0 once with what came, ten times that, and divides by 0.
    static ANSWERS_AND_DIES =
        "xor edi, edi",
        "mov eax, SYS_WAIT",
        "syscall",
        "add rsi, 16", "add rdx, 16", "add r8, 16", "add r9, 16",
        "xor edi, edi",
        "mov eax, SYS_ANSWER",
        "syscall",
        "ud2",
}

pub fn user_pointers(_: &Lab) {
    bad_ranges();
    good_ranges();
    bad_numbers();
    no_leaks();
    selectors();
    letters();
    protection();
}

/// A program's two words, with these arguments, beside two others.
fn exits(program: &'static user::Program, arguments: [u64; 4]) -> [u64; 2] {
    let ended = beside_others(Spec { arguments, ..Spec::new(program) }).ended;
    match ended {
        Ended::Exited(words) => words,
        _ => {
            case::failure!("with {arguments:x?} it {ended}");
            [u64::MAX; 2]
        }
    }
}

fn bad_ranges() {
    let stack_bottom = STACK_TOP - STACK_BYTES;
    let mut cases = 0;
    for (what, address, length) in [
        ("the kernel's code", KERNEL, 8),
        ("all physical memory", mm::PHYSICAL_MEMORY, 8),
        ("where nothing is", 0x10_0000, 8),
        ("address 0", 0, 1),
        ("no address", 1 << 63, 8),
        ("the first address that is none", USER_END, 1),
        ("over the end of its half", USER_END - 4, 8),
        ("a length that wraps", DATA, u64::MAX),
        ("a length that wraps to the start", DATA, u64::MAX - DATA + 1),
        ("the last bytes there are", u64::MAX - 3, 4),
        ("behind its data", DATA + DATA_BYTES, 8),
        ("over the end of its data", DATA + DATA_BYTES - 4, 8),
        ("over the bottom of its stack", stack_bottom - 4, 8),
        ("over the top of its stack", STACK_TOP - 4, 8),
    ] {
        cases += 1;
        let found = exits(&SAYS, [address, length, 0, 0]);
        check!(found == [BAD_ADDRESS, 0], "says what is in {what}: status {}", found[0]);
        if length <= 8 {
            let found = exits(&ASKS, [address, 0, 0, 0]);
            check!(found == [BAD_ADDRESS, 0], "is told in {what}: status {}", found[0]);
        }
    }
    count("bad_ranges", cases);
    // It may read its code, and not write it.
    check!(exits(&SAYS, [CODE, 8, 0, 0]) == [DONE, 0], "says its code");
    check!(exits(&ASKS, [CODE, 0, 0, 0]) == [BAD_ADDRESS, 0], "is told in its code");
    let found = exits(&SAYS, [DATA, SAID_BYTES as u64 + 1, 0, 0]);
    check!(found == [TOO_LONG, 0], "says too much: status {}", found[0]);
}

fn good_ranges() {
    let arguments = [DATA, 8, u64::from_le_bytes(*b"says so!"), 0];
    let report = beside_others(Spec { arguments, ..Spec::new(&WRITES_AND_SAYS) });
    check!(report.said.bytes() == b"says so!", "it said {:x?}", report.said.bytes());
    check!(report.ended == Ended::Exited([DONE, 0]), "says 8 bytes: it {}", report.ended);
    check!(exits(&SAYS, [DATA + DATA_BYTES - 8, 8, 0, 0]) == [DONE, 0], "the last bytes of its data");
    check!(exits(&SAYS, [USER_END, 0, 0, 0]) == [DONE, 0], "nothing, at the end of its half");
    let [status, task] = exits(&ASKS, [DATA, 0, 0, 0]);
    check!(status == DONE && task != 0, "asks for its status: {status}, task {task}");
}

fn bad_numbers() {
    for number in [10, 1_000, u64::MAX] {
        let found = exits(&CALLS, [number, 0, 0, 0]);
        check!(found == [NO_SUCH_CALL, 0], "system call {number}: status {}", found[0]);
    }
    use user::system_call::{ANSWER, CALL, RECV, SEND, WAIT};
    for number in [SEND, RECV, CALL, ANSWER, WAIT] {
        for port in [0, 1, u64::MAX] {
            let found = exits(&CALLS, [number, port, 0, 0]);
            check!(found == [NO_SUCH_PORT, 0], "call {number} at port {port}: status {}", found[0]);
        }
    }
    for bases in [[KERNEL, 0], [0, KERNEL], [USER_END, 0], [0, u64::MAX]] {
        let found = exits(&SETS_BASES, [bases[0], bases[1], 0, 0]);
        check!(found == [BAD_ADDRESS, 0], "bases {bases:x?}: status {}", found[0]);
    }
    check!(exits(&SETS_BASES, [USER_END - 1, DATA, 0, 0]) == [DONE, 0], "bases of its own half");
}

fn no_leaks() {
    let found = exits(&LEAKS, [0; 4]);
    check!(found == [0, 0], "left in registers: {:#x} at the start, {:#x} behind a call", found[0], found[1]);
}

fn selectors() {
    let loads = user::spawn(cpu(0), Spec::new(&LOADS_SELECTORS)).expect("a process");
    let reads = user::spawn(cpu(0), Spec::new(&READS_SELECTORS)).expect("a process");
    let loads = loads.join().ended;
    check!(loads == Ended::Exited([0, 0]), "it loads selectors, and {loads}");
    let reads = reads.join().ended;
    check!(reads == Ended::Exited([0, 0]), "another's selectors: it {reads}");
}

/// Four words go and come back; and who calls one that is gone is told.
fn letters() {
    let gate = case::for_ever(Gate::new());
    let answers = Spec { ports: [Port::Answers(gate)].into(), ..Spec::new(&ANSWERS_AND_DIES) };
    let calls = Spec { ports: [Port::Calls(gate)].into(), ..Spec::new(&CALLS_WITH_FOUR) };
    let answers = user::spawn(cpu(0), answers).expect("a process");
    let calls = user::host(cpu(0), calls, |process| {
        let first = process.run([0; 4]);
        check!(first == Ended::Exited([DONE, 0x1413_1211]), "a call with four words: it {first}");
        let second = process.run([0; 4]);
        check!(second == Ended::Exited([user::system_call::GONE, 0]), "a call to one that dies: it {second}");
    });
    calls.expect("a process").join();
    let answers = answers.join().ended;
    check!(matches!(answers, Ended::Faulted(_)), "the one that dies {answers}");
}

/// While a process lives, its CPU has what it can have; behind it, it is as it was.
fn protection() {
    let flags = Cr4Flags::SUPERVISOR_MODE_EXECUTION_PROTECTION
        | Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION
        | Cr4Flags::USER_MODE_INSTRUCTION_PREVENTION
        | Cr4Flags::PCID;
    let before = (Cr0::read_raw(), Cr4::read_raw());
    check!(!Cr4::read().intersects(flags), "CR4 is {:#x} without processes", before.1);
    let hosted = user::host(cpu(0), Spec::new(&SAYS), move |_| {
        let has = ring3::protection();
        let wanted = [
            (has.smep, Cr4Flags::SUPERVISOR_MODE_EXECUTION_PROTECTION),
            (has.smap, Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION),
            (has.umip, Cr4Flags::USER_MODE_INSTRUCTION_PREVENTION),
            (has.pcid, Cr4Flags::PCID),
        ];
        for (has, flag) in wanted {
            check!(
                Cr4::read().contains(flag) == has,
                "the CPU has {flag:?}: {has}, CR4 is {:#x}",
                Cr4::read_raw()
            );
        }
        count("has_protection", wanted.iter().filter(|(has, _)| *has).count() as u64);
        check!(has.nx, "EFER.NXE is off");
    });
    hosted.expect("a process").join();
    sched::yield_now();
    let after = (Cr0::read_raw(), Cr4::read_raw());
    check!(before == after, "CR0, CR4: {before:x?} before, {after:x?} behind");
}
