//! What the kernels about the state of ring 3 share: a program that fills all that the processor keeps for it with
//! patterns and looks whether it is still there, until the timer has interrupted it often enough; and several that run it
//! at once, so that each interrupt gives the CPU to one with other patterns.

use alloc::{vec, vec::Vec};
use core::{ops::RangeInclusive, sync::atomic::Ordering::Relaxed};

use case::{check, count, cpu, for_ever, met, spawn};
use switchlab_kernel::{
    arch::{idt::vector, xsave::State},
    program,
    sched::{Channel, Gate},
    user::{
        Ended, Handle, Port, Quantum, Report, Spec, Why,
        program::{CODE, DATA, DATA_BYTES},
        system_call::GONE,
    },
};

/// Interrupts that each has to take, each of which gives the CPU to another: more than are to meet its patterns, since some
/// come while they are filled in or compared.
const TICKS: u64 = 140_000;
/// What the timer counts from one to the next: more than a round of the program, where a tick is an instruction.
const COUNTS: u32 = 5_000;

/// Switches that no tick makes, at most.
const BEGINNINGS_AND_ENDS: u64 = 16;

/// CF, PF, AF, ZF, SF, DF, OF, AC, ID; and IF and bit 1, which are set in ring 3.
const ALL_FLAGS: u64 = 0x24_0ed7;
/// IF and bit 1.
const NO_FLAGS: u64 = 0x202;
/// CF, AF, SF, DF; and those two.
const SOME_FLAGS: u64 = 0x693;

// What else there is of one, by bits.
const VECTORS: u64 = 1;
const UPPER_HALVES: u64 = 2;
const AT_GATE: u64 = 4;
const ANSWERS: u64 = 8;
const OTHER_GS: u64 = 16;

program! {
    /// rdi is where its words lie, rsi its seed, rdx the ticks, r8 the flags and what else there is. Exits with 0 and the
    /// rounds, or with what was lost, and what was found: the number of a register from 1 on, in the order below, 17
    /// for the flags, 18 and 19 for the bases of FS and GS, 20 for MXCSR, 21 for the x87 control word, 22 for a vector,
    /// 23 for the upper half of one and 24 for an x87 register; 32 more where it was lost in a call.
    ///
    /// At a gate it calls, or answers, once in each round, where all registers are full that a call does not use. What the
    /// other's seed is follows from its own. Who calls ends when both have had their ticks, and who answers then too.
    static KEEPS =
        // Its words, by FS.
        ".set SEED, 0",
        ".set TICKS, 8",
        ".set FLAGS_OF, 16",
        ".set ROUNDS, 24",
        ".set HAS, 32",
        ".set STACK, 40",
        ".set MXCSR_OF, 48",
        ".set CONTROL, 56",
        ".set ITSELF, 64",
        ".set STATUS, 72",                  // its third word is the ticks
        ".set CALL, 96",                    // its next call at the gate
        ".set LETTERS, 104",                // that came
        ".set ENOUGH, 112",                 // ticks were taken
        ".set WHERE, 120",                  // 0, or 32 in a call
        ".set SCRATCH, 0xf0",
        ".set VECTORS, 0x100",
        ".set UPPERS, 0x200",
        ".set X87, 0x300",
        ".set FOUND, 0x340",
        ".set BEHIND, 0x400",               // what is in the registers behind a call
        ".set BY_GS, 0x7f0",                // of two, wherever the words are
        ".macro FILL",
        "mov rsp, fs:[STACK]",
        "push fs:[FLAGS_OF]",
        "popfq",
        "mov rax, fs:[SEED]",
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
        "lea rsp, [rax + 16]",
        "lea rax, [rax + 1]",
        ".endm",
        ".macro LOOK",                      // what is before the flags are read changes none
        "mov fs:[FOUND + 0x00], rax",
        "mov fs:[FOUND + 0x08], rbx",
        "mov fs:[FOUND + 0x10], rcx",
        "mov fs:[FOUND + 0x18], rdx",
        "mov fs:[FOUND + 0x20], rsi",
        "mov fs:[FOUND + 0x28], rdi",
        "mov fs:[FOUND + 0x30], rbp",
        "mov fs:[FOUND + 0x38], r8",
        "mov fs:[FOUND + 0x40], r9",
        "mov fs:[FOUND + 0x48], r10",
        "mov fs:[FOUND + 0x50], r11",
        "mov fs:[FOUND + 0x58], r12",
        "mov fs:[FOUND + 0x60], r13",
        "mov fs:[FOUND + 0x68], r14",
        "mov fs:[FOUND + 0x70], r15",
        "mov fs:[FOUND + 0x78], rsp",
        "mov rsp, fs:[STACK]",
        "pushfq",
        "pop rsi",
        "cld",
        "mov edi, 17",
        "cmp rsi, fs:[FLAGS_OF]",
        "jne 5f",
        "mov edi, 18",                      // the stack is its own
        "mov rsi, fs:[ITSELF]",
        "cmp rsi, [rsp]",
        "jne 5f",
        "mov edi, 19",
        "mov rsi, gs:[0]",
        "not rsi",
        "cmp rsi, fs:[SEED]",
        "jne 5f",
        ".endm",
        "push rdi",
        "mov [rdi + STACK], rsp",
        "mov [rdi + ITSELF], rdi",
        "mov [rdi + SEED], rsi",
        "mov [rdi + TICKS], rdx",
        "mov qword ptr [rdi + ROUNDS], 0",
        "mov eax, r8d",
        "mov [rdi + FLAGS_OF], rax",
        "shr r8, 32",
        "mov [rdi + HAS], r8",
        "mov eax, esi",                     // rounding, by the seed: all exceptions are masked
        "and eax, 3",
        "mov ecx, eax",
        "shl ecx, 13",
        "or ecx, 0x1f80",
        "mov [rdi + MXCSR_OF], rcx",
        "shl eax, 10",
        "or eax, 0x37f",
        "mov [rdi + CONTROL], rax",
        "mov rax, rsi",
        "not rax",                          // the other's seed
        "add rax, 4",
        "mov [rdi + BEHIND + 0x18], rax",
        "add rax, 4",
        "mov [rdi + BEHIND + 0x38], rax",
        "lea rax, [rip + 7f]",
        "mov [rdi + BEHIND + 0x10], rax",   // as SYSCALL has it
        "mov rax, [rdi + FLAGS_OF]",
        "mov [rdi + BEHIND + 0x50], rax",   // as SYSCALL has them
        ".irp i, 2, 7, 12, 13, 14, 15, 16", // what a call keeps
        "lea rax, [rsi + \\i]",
        "mov [rdi + BEHIND + 8 * \\i - 8], rax",
        ".endr",
        "mov qword ptr [rdi + CALL], SYS_CALL",
        "test byte ptr [rdi + HAS], 8",
        "jz 2f",
        "mov qword ptr [rdi + CALL], SYS_WAIT",
        "2:",
        "xor ecx, ecx",
        "2:",                               // other numbers in each word of the vectors, and for x87
        "imul rsi, rsi, 0x1234567",
        "add rsi, 0x89abcdf",
        "mov [rdi + rcx * 8 + VECTORS], rsi",
        "inc ecx",
        "cmp ecx, 72",
        "jne 2b",
        "mov rax, [rdi + SEED]",
        "not rax",
        "mov rsi, rdi",
        "and rsi, -4096",
        "add rsi, BY_GS",
        "test byte ptr [rdi + HAS], 16",
        "jz 2f",
        "add rsi, 8",
        "2:",
        "mov [rsi], rax",
        "mov eax, SYS_SET_BASES",
        "syscall",
        "test byte ptr fs:[HAS], 1",
        "jz 2f",
        "ldmxcsr fs:[MXCSR_OF]",
        "fldcw fs:[CONTROL]",
        ".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
        "movdqa xmm\\i, fs:[VECTORS + 16 * \\i]",
        ".endr",
        "test byte ptr fs:[HAS], 2",
        "jz 2f",
        ".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
        "vinsertf128 ymm\\i, ymm\\i, fs:[UPPERS + 16 * \\i], 1",
        ".endr",
        "2:",                               // a round: fill
        "test byte ptr fs:[HAS], 1",
        "jz 3f",
        ".irp i, 0,1,2,3,4,5,6,7",
        "fild qword ptr fs:[X87 + 8 * \\i]",
        ".endr",
        "3:",
        "FILL",
        ".global keeps_window",
        "keeps_window:",
        ".fill 3000, 1, 0x90",              // wait, without touching one of them
        ".global keeps_window_end",
        "keeps_window_end:",
        "LOOK",
        "test byte ptr fs:[HAS], 1",
        "jz 4f",
        "mov edi, 20",
        "stmxcsr fs:[SCRATCH]",
        "mov esi, fs:[SCRATCH]",
        "cmp esi, fs:[MXCSR_OF]",
        "jne 5f",
        "mov edi, 21",
        "fnstcw fs:[SCRATCH]",
        "movzx esi, word ptr fs:[SCRATCH]",
        "cmp esi, fs:[CONTROL]",
        "jne 5f",
        "mov edi, 22",                      // through memory: all sixteen are held
        ".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
        "movdqa fs:[SCRATCH], xmm\\i",
        "mov rsi, fs:[SCRATCH]",
        "cmp rsi, fs:[VECTORS + 16 * \\i]",
        "jne 5f",
        "mov rsi, fs:[SCRATCH + 8]",
        "cmp rsi, fs:[VECTORS + 16 * \\i + 8]",
        "jne 5f",
        ".endr",
        "mov edi, 24",                      // the last is on top
        ".irp i, 7,6,5,4,3,2,1,0",
        "fistp qword ptr fs:[SCRATCH]",
        "mov rsi, fs:[SCRATCH]",
        "cmp rsi, fs:[X87 + 8 * \\i]",
        "jne 5f",
        ".endr",
        "test byte ptr fs:[HAS], 2",
        "jz 4f",
        "mov edi, 23",
        ".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
        "vextractf128 fs:[SCRATCH], ymm\\i, 1",
        "mov rsi, fs:[SCRATCH]",
        "cmp rsi, fs:[UPPERS + 16 * \\i]",
        "jne 5f",
        "mov rsi, fs:[SCRATCH + 8]",
        "cmp rsi, fs:[UPPERS + 16 * \\i + 8]",
        "jne 5f",
        ".endr",
        "4:",
        "mov rax, fs:[SEED]",
        "mov edi, 1",
        "3:",
        "mov rsi, fs:[rdi * 8 + FOUND - 8]",
        "lea rcx, [rax + rdi]",
        "cmp rsi, rcx",
        "jne 5f",
        "inc edi",
        "cmp edi, 17",
        "jne 3b",
        "inc qword ptr fs:[ROUNDS]",
        "test byte ptr fs:[HAS], 4",
        "jz 6f",
        "FILL",                             // a letter: how many came, two words, and whether this one has enough
        "mov edi, 1",                       // a port that is not the 0 behind the call
        "mov rsi, fs:[LETTERS]",
        "mov r9, fs:[ENOUGH]",
        "mov rax, fs:[CALL]",
        "mov byte ptr fs:[WHERE], 32",
        "syscall",
        "7:",
        "LOOK",
        "mov rdi, fs:[FOUND]",              // the status: who calls goes when both have enough
        "cmp rdi, {gone}",
        "jne 3f",
        "cmp qword ptr fs:[ENOUGH], 0",
        "jne 8f",
        "3:",
        "mov qword ptr fs:[CALL], SYS_CALL",
        "mov rsi, fs:[LETTERS]",            // who answers has got one more when it does
        "test byte ptr fs:[HAS], 8",
        "jnz 4f",
        "inc rsi",
        "jmp 3f",
        "4:",
        "mov qword ptr fs:[CALL], SYS_ANSWER",
        "3:",
        "mov fs:[BEHIND + 0x20], rsi",
        "mov rsi, fs:[FOUND + 0x40]",
        "and esi, 1",
        "mov fs:[BEHIND + 0x40], rsi",
        "inc qword ptr fs:[LETTERS]",
        "mov edi, 1",
        "3:",
        "mov rsi, fs:[rdi * 8 + FOUND - 8]",
        "cmp rsi, fs:[rdi * 8 + BEHIND - 8]",
        "jne 5f",
        "inc edi",
        "cmp edi, 17",
        "jne 3b",
        "mov byte ptr fs:[WHERE], 0",
        "6:",
        "mov rdi, fs:[ITSELF]",             // enough?
        "add rdi, STATUS",
        "mov eax, SYS_STATUS",
        "syscall",
        "mov rax, fs:[STATUS + 16]",
        "cmp rax, fs:[TICKS]",
        "jb 2b",
        "mov byte ptr fs:[ENOUGH], 1",
        "test byte ptr fs:[HAS], 4",
        "jz 4f",
        "test byte ptr fs:[HAS], 8",
        "jnz 2b",                           // until who calls is gone
        "cmp qword ptr fs:[BEHIND + 0x40], 0",
        "je 2b",                            // until who answers has enough too
        "4:",
        "8:",
        "xor edi, edi",
        "mov rsi, fs:[ROUNDS]",
        "jmp 3f",
        "5:",
        "add rdi, fs:[WHERE]",
        "3:",
        "mov eax, SYS_EXIT",
        "syscall",
        "ud2";
        gone = const GONE,
}

/// Starts some of them by `start`, which gets the place of each in an address space too, and waits until all have seen
/// their interrupts: two, or, where there is a gate, the two at it and one beside them. They have `vectors`, if any. Reports
/// how often each was interrupted at least, and another ran; and how often while all its registers held patterns.
pub fn keep(
    vectors: Option<State>,
    gate: Option<&'static Gate>,
    start: impl Fn(u64, Spec) -> Result<Handle, Why>,
) {
    let has = vectors.map_or(0, |state| VECTORS | if state.has_avx() { UPPER_HALVES } else { 0 });
    let start = |place, seed, ticks, flags, has_besides, ports: Vec<Port>| {
        let spec = Spec {
            arguments: [DATA + place * DATA_BYTES / 2, seed, ticks, flags | (has | has_besides) << 32],
            quantum: Some(Quantum { counts: COUNTS, most: u64::MAX }),
            ports,
            ..Spec::new(&KEEPS)
        };
        start(place, spec).unwrap_or_else(|why| panic!("in place {place}: {why}"))
    };
    let counted = || {
        let counters = cpu(0).counters();
        // A letter goes by a switch.
        counters.switches.load(Relaxed) - counters.handoffs.load(Relaxed)
    };
    let before = counted();
    let seed = 0x0123_4567_89ab_cdef;
    let unused = || Port::Sends(for_ever(Channel::new()));
    // Of the three, two differ by the base of GS alone, and two by that of FS.
    let holding = match gate {
        None => vec![start(0, seed, TICKS, ALL_FLAGS, 0, vec![])],
        Some(gate) => vec![
            start(0, seed, TICKS, ALL_FLAGS, AT_GATE | ANSWERS, vec![unused(), Port::Answers(gate)]),
            start(0, !seed, TICKS, SOME_FLAGS, AT_GATE | OTHER_GS, vec![unused(), Port::Calls(gate)]),
        ],
    };
    // It has as many ticks as they have together. It goes on when they have ended, and with them their wishes for ticks.
    let ticks_beside = holding.len() as u64 * (TICKS + TICKS / 20);
    let beside = start(1, !seed.rotate_left(32), ticks_beside, NO_FLAGS, OTHER_GS, vec![]);
    // Behind them in line: with the first the CPU's table has become that of ring 3.
    let flags = if gate.is_some() { &[ALL_FLAGS, NO_FLAGS, SOME_FLAGS][..] } else { &[ALL_FLAGS, NO_FLAGS] };
    spawn(cpu(0), move || met::watch(vector::TICK, &window(), flags)).join();
    let ticks = holding.into_iter().map(|one| held(one.join()).ticks).collect::<Vec<_>>();
    let by_ticks = counted() - before;
    let ticks_beside = held(beside.join()).ticks;
    // Each tick of theirs gives the CPU to the one beside them, and each of its back to them. What is more are four for
    // each, as it begins and ends; who answers may be ticked before it first waits, while three are in line.
    let all = ticks.iter().sum::<u64>();
    check!(
        by_ticks.abs_diff(2 * all) <= BEGINNINGS_AND_ENDS,
        "{all} ticks with one beside, and {by_ticks} switches, not twice as many"
    );
    check!(ticks_beside >= all, "{all} ticks, and {ticks_beside} of the one beside");
    count("ticks", ticks.into_iter().min().unwrap_or_default());
    count("met", met::least());
}

/// Where in a process the program waits and all registers hold patterns.
fn window() -> RangeInclusive<u64> {
    unsafe extern "C" {
        static keeps_window: u8;
        static keeps_window_end: u8;
    }
    let there = |label: *const u8| CODE + (label.addr() - KEEPS.bytes().as_ptr().addr()) as u64;
    there(&raw const keeps_window)..=there(&raw const keeps_window_end)
}

/// What there is to tell of one that has found all that it held.
fn held(report: Report) -> Report {
    let fits = matches!(report.ended, Ended::Exited([0, rounds]) if rounds > 0);
    check!(fits, "what was lost, and what it was: it {}", report.ended);
    report
}
