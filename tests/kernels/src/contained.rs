//! What the kernels about processes and containers share: who tries something, and two others beside it that go on.
//! The names of its programs are nobody else's: they are labels in every test kernel.

use core::sync::atomic::Ordering::Relaxed;

use switchlab_kernel::{
    container::Container,
    program,
    sched::Channel,
    user::{self, Ended, Port, Program, Report, Spec, programs},
};

use crate::{check, cpu, for_ever};

const EXCHANGES: u64 = 200;

/// The first number that half a register does not hold.
pub const HIGH: u64 = 1 << 32;

program! {
    /// Makes system call rdi with the words rsi, rdx and r8; exits with its status and its word.
    pub static MAKES_CALL =
        "mov rax, rdi",
        "mov rdi, rsi",
        "mov rsi, rdx",
        "mov rdx, r8",
        "syscall",
        "mov rdi, rax",
        "mov rsi, rdx",
        "mov eax, SYS_EXIT",
        "syscall",
}
program! {
    /// Yields for ever.
    pub static YIELDS = "2:", "mov eax, SYS_YIELD", "syscall", "jmp 2b"
}

program! {
    /// Ends whoever has an id from rdi up to rsi; exits with the sum of all statuses, and its own id.
    pub static ENDS_IDS =
        "mov rbx, rdi",
        "mov rbp, rsi",
        "xor r12d, r12d",
        "2:",
        "cmp rbx, rbp",
        "je 3f",
        "mov rdi, rbx",
        "mov eax, SYS_END",
        "syscall",
        "add r12, rax",
        "inc rbx",
        "jmp 2b",
        "3:",
        "mov eax, SYS_ID",
        "syscall",
        "mov rdi, r12",
        "mov rsi, rdx",
        "mov eax, SYS_EXIT",
        "syscall",
}
program! {
    /// Receives at port 0. What comes behind that is none of its business: a fault.
    pub static WAITS = "xor edi, edi", "mov eax, SYS_RECV", "syscall", "ud2"
}
program! {
    /// Loops for ever.
    pub static LOOPS_FOR_EVER = "2:", "jmp 2b"
}
program! {
    /// Asks for a page more and writes it, until there is none; exits with the status and how many it got.
    pub static EATS =
        "xor ebx, ebx",
        "2:",
        "mov edi, 1",
        "mov eax, SYS_MAP",
        "syscall",
        "test rax, rax",
        "jnz 3f",
        "mov [rdx + 4088], rbx",
        "inc rbx",
        "jmp 2b",
        "3:",
        "mov rdi, rax",
        "mov rsi, rbx",
        "mov eax, SYS_EXIT",
        "syscall",
}
program! {
    /// Opens the name in rdi, rsi and rdx, by the side r8; exits with the status and the port.
    pub static OPENS =
        "mov [0x480000], rdi", "mov [0x480008], rsi", "mov [0x480010], rdx",
        "mov rdx, r8",
        "mov edi, 0x480000",
        "mov rsi, -1",
        "2:", "inc rsi", "cmp byte ptr [rdi + rsi], 0", "jne 2b",
        "mov eax, SYS_OPEN",
        "syscall",
        "mov rdi, rax",
        "mov rsi, rdx",
        "mov eax, SYS_EXIT",
        "syscall",
}
program! {
    /// Reads the file whose path is in rdi, rsi, rdx and r8; exits with the status and the first 8 bytes.
    pub static READS_FILE =
        "mov [0x480000], rdi", "mov [0x480008], rsi", "mov [0x480010], rdx", "mov [0x480018], r8",
        "mov edi, 0x480000",
        "mov rsi, -1",
        "2:", "inc rsi", "cmp byte ptr [rdi + rsi], 0", "jne 2b",
        "mov edx, 0x480100",
        "mov r8d, 64",
        "mov eax, SYS_READ",
        "syscall",
        "mov rdi, rax",
        "mov rsi, [0x480100]",
        "mov eax, SYS_EXIT",
        "syscall",
}

/// One in this container.
pub fn with(container: &'static Container, program: &'static Program, arguments: [u64; 4]) -> Spec {
    Spec { arguments, container: Some(container), ..Spec::new(program) }
}

/// A text as a program gets it: in registers, behind its end zeros.
///
/// # Panics
///
/// If it is longer.
pub fn words<const N: usize>(text: &str) -> [u64; N] {
    let mut words = [0; N];
    for (at, byte) in text.bytes().enumerate() {
        words[at / 8] |= u64::from(byte) << (8 * (at % 8));
    }
    words
}

/// What one did beside two others; counted.
pub fn stopped(cases: &mut u64, spec: Spec) -> Report {
    *cases += 1;
    beside_others(spec)
}

/// Runs it while two others exchange numbers on the same CPU, which must come out exact; tells how it ended.
pub fn beside_others(spec: Spec) -> Report {
    beside_others_in(None, spec)
}

/// The same beside two in `container`, which has time and memory enough.
pub fn beside_others_in(container: Option<&'static Container>, spec: Spec) -> Report {
    let counters = cpu(0).counters();
    let before = counters.handoffs.load(Relaxed);
    let report = beside(container, || user::spawn(cpu(0), spec).expect("a process").join());
    let handoffs = counters.handoffs.load(Relaxed) - before;
    // Each exchange is two, and the end is one.
    check!(handoffs == 2 * EXCHANGES + 1, "beside it: {handoffs} handoffs");
    report
}

/// Does this while two in `container` exchange numbers on the same CPU.
pub fn beside<T>(container: Option<&'static Container>, meanwhile: impl FnOnce() -> T) -> T {
    let (there, back) = (for_ever(Channel::new()), for_ever(Channel::new()));
    let one_of = |ports, program| Spec { ports, container, ends_by_itself: true, ..Spec::new(program) };
    let ping = one_of([Port::Sends(there), Port::Receives(back)].into(), &programs::PING);
    let pong = one_of([Port::Sends(back), Port::Receives(there)].into(), &programs::PONG);
    let pong = user::spawn(cpu(0), pong).expect("a process");
    let ping = user::host(cpu(0), ping, |process| {
        // In two runs, so that what runs beside them is in the midst of them.
        for from in [0, EXCHANGES / 2] {
            let ended = process.run([from, from + EXCHANGES / 2, 0, 0]);
            check!(ended == Ended::Exited([0, 0]), "the one side beside it {ended}");
        }
        process.hand_over_last(u64::MAX);
    });
    let done = meanwhile();
    ping.expect("a process").join();
    let answered = pong.join().ended;
    check!(answered == Ended::Exited([EXCHANGES, u64::MAX]), "the other side beside it {answered}");
    done
}
