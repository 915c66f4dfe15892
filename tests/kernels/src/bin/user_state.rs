//! Two processes fill all their registers, flags and bases with patterns, are interrupted by the timer 100,000 times
//! each, and find them.
#![no_std]
#![no_main]

use case::{check, count, cpu};
use switchlab_kernel::{
    bring_up::Lab,
    program,
    user::{self, Ended, Quantum, Spec},
};

case::case!("user_state", user_state);

/// Interrupts that each has to take.
const TICKS: u64 = 100_000;
/// What the timer counts from one to the next: some rounds of the program, where a tick is an instruction.
const COUNTS: u32 = 20_000;

/// CF, PF, AF, ZF, SF, DF, OF, AC, ID; and IF and bit 1, which are set in ring 3.
const ALL_FLAGS: u64 = 0x24_0ed7;
/// IF and bit 1.
const NO_FLAGS: u64 = 0x202;

program! {
    /// rdi is a seed, rsi the ticks, rdx the flags. Exits with 0 and the rounds, or with what was lost: the number of
    /// a register from 1 on, in the order below, 17 for the flags, 18 and 19 for what is at the bases of FS and GS; and
    /// with what was found.
    static KEEPS =
        ".set AT, 0x480000",
        "mov [AT], rdi",
        "mov [AT + 8], rsi",
        "mov [AT + 16], rdx",
        "mov qword ptr [AT + 24], 0",       // rounds
        "mov [AT + 0x100], rdi",            // what FS and GS lead to
        "mov [AT + 0x200], rdi",
        "not qword ptr [AT + 0x200]",
        "mov edi, AT + 0x100",
        "mov esi, AT + 0x200",
        "mov eax, SYS_SET_BASES",
        "syscall",
        "2:",                               // a round: fill
        "mov rsp, 0x500000",
        "push [AT + 16]",
        "popfq",
        "mov rax, [AT]",
        "lea rbx, [rax + 2]",
        "lea rcx, [rax + 3]",
        "lea rdx, [rax + 4]",
        "lea rsi, [rax + 5]",
        "lea rdi, [rax + 6]",
        "lea rbp, [rax + 7]",
        "lea r8, [rax + 8]",
        "lea r9, [rax + 9]",
        "lea r10, [rax + 10]",
        "lea r11, [rax + 11]",
        "lea r12, [rax + 12]",
        "lea r13, [rax + 13]",
        "lea r14, [rax + 14]",
        "lea r15, [rax + 15]",
        "lea rsp, [rax + 16]",              // ring 3 is left to another stack
        "lea rax, [rax + 1]",
        ".fill 2000, 1, 0x90",              // wait, without touching one of them
        "mov [AT + 0x300], rax",            // look: what is here changes no flags
        "mov [AT + 0x308], rbx",
        "mov [AT + 0x310], rcx",
        "mov [AT + 0x318], rdx",
        "mov [AT + 0x320], rsi",
        "mov [AT + 0x328], rdi",
        "mov [AT + 0x330], rbp",
        "mov [AT + 0x338], r8",
        "mov [AT + 0x340], r9",
        "mov [AT + 0x348], r10",
        "mov [AT + 0x350], r11",
        "mov [AT + 0x358], r12",
        "mov [AT + 0x360], r13",
        "mov [AT + 0x368], r14",
        "mov [AT + 0x370], r15",
        "mov [AT + 0x378], rsp",
        "mov rsp, 0x500000",
        "pushfq",
        "pop rsi",
        "mov edi, 17",
        "cmp rsi, [AT + 16]",
        "jne 5f",
        "mov edi, 18",
        "mov rsi, fs:[0]",
        "cmp rsi, [AT]",
        "jne 5f",
        "mov edi, 19",
        "mov rsi, gs:[0]",
        "not rsi",
        "cmp rsi, [AT]",
        "jne 5f",
        "mov rax, [AT]",
        "mov edi, 1",
        "3:",
        "mov rsi, [rdi * 8 + AT + 0x2f8]",
        "lea rcx, [rax + rdi]",
        "cmp rsi, rcx",
        "jne 5f",
        "inc edi",
        "cmp edi, 17",
        "jne 3b",
        "inc qword ptr [AT + 24]",
        "mov edi, AT + 0x400",              // enough?
        "mov eax, SYS_STATUS",
        "syscall",
        "mov rax, [AT + 0x410]",
        "cmp rax, [AT + 8]",
        "jb 2b",
        "xor edi, edi",
        "mov rsi, [AT + 24]",
        "5:",
        "mov eax, SYS_EXIT",
        "syscall",
        "ud2",
}

fn user_state(_: &Lab) {
    let quantum = Some(Quantum { counts: COUNTS, most: u64::MAX });
    let spec = |seed, ticks, flags| Spec { arguments: [seed, ticks, flags, 0], quantum, ..Spec::new(&KEEPS) };
    // The one goes on when the other has ended, and with it the other's wish for ticks.
    let seed = 0x0123_4567_89ab_cdef;
    let processes = [spec(seed, TICKS, ALL_FLAGS), spec(!seed, TICKS + TICKS / 100, NO_FLAGS)]
        .map(|spec| user::spawn(cpu(0), spec).expect("a process"));
    let mut ticks = u64::MAX;
    for process in processes {
        let report = process.join();
        let fits = matches!(report.ended, Ended::Exited([0, rounds]) if rounds > 0);
        check!(fits, "what was lost, and what it was: it {}", report.ended);
        ticks = ticks.min(report.ticks);
    }
    count("ticks", ticks);
}
