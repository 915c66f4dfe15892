//! What the kernels about containers share: who tries something, and two others beside it that go on.

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
    pub static CALLS =
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
    let (there, back) = (for_ever(Channel::new()), for_ever(Channel::new()));
    let ping =
        Spec { ports: [Port::Sends(there), Port::Receives(back)].into(), ..Spec::new(&programs::PING) };
    let pong =
        Spec { ports: [Port::Sends(back), Port::Receives(there)].into(), ..Spec::new(&programs::PONG) };
    let counters = cpu(0).counters();
    let before = counters.handoffs.load(Relaxed);
    let pong = user::spawn(cpu(0), pong).expect("a process");
    let ping = user::host(cpu(0), ping, |process| {
        // In two runs, so that what runs beside them is in the midst of them.
        for from in [0, EXCHANGES / 2] {
            let ended = process.run([from, from + EXCHANGES / 2, 0, 0]);
            check!(ended == Ended::Exited([0, 0]), "the one side beside it {ended}");
        }
        process.hand_over_last(u64::MAX);
    });
    let report = user::spawn(cpu(0), spec).expect("a process").join();
    ping.expect("a process").join();
    let answered = pong.join().ended;
    check!(answered == Ended::Exited([EXCHANGES, u64::MAX]), "the other side beside it {answered}");
    let handoffs = counters.handoffs.load(Relaxed) - before;
    // Each exchange is two, and the end is one.
    check!(handoffs == 2 * EXCHANGES + 1, "beside it: {handoffs} handoffs");
    report
}
