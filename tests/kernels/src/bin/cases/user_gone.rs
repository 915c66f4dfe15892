//! A process that waits in a channel for one that dies is woken and told, whichever end it has, wherever it is.

use case::{check, count, cpu, for_ever};
use switchlab_kernel::{
    bring_up::Lab,
    program,
    sched::Channel,
    user::{
        self, Ended, Port, Program, Spec, programs,
        system_call::{DONE, GONE},
    },
};

program! {
    /// Receives at port 0 until it is told otherwise, and asks once more; exits with both statuses, and how many
    /// numbers came.
    static RECEIVES =
        "xor ebx, ebx",
        "2:",
        "xor edi, edi",
        "mov eax, SYS_RECV",
        "syscall",
        "test rax, rax",
        "jnz 3f",
        "inc rbx",
        "jmp 2b",
        "3:",
        "mov rbp, rax",
        "xor edi, edi",
        "mov eax, SYS_RECV",
        "syscall",
        "shl rax, 8", "or rax, rbp",
        "mov rdi, rax",
        "mov rsi, rbx",
        "mov eax, SYS_EXIT",
        "syscall",
}
program! {
    /// Sends at port 0 until it is told otherwise, and once more; exits with both statuses.
    static SENDS =
        "2:",
        "xor edi, edi",
        "xor esi, esi",
        "mov eax, SYS_SEND",
        "syscall",
        "test rax, rax",
        "jz 2b",
        "mov rbp, rax",
        "xor edi, edi",
        "mov eax, SYS_SEND",
        "syscall",
        "shl rax, 8", "or rax, rbp",
        "mov rdi, rax",
        "xor esi, esi",
        "mov eax, SYS_EXIT",
        "syscall",
}
program! {
    /// Sends rdi numbers at port 0, yields rsi times, and dies.
    static SENDS_AND_DIES =
        "mov rbx, rdi",
        "mov rbp, rsi",
        "2:", "test rbx, rbx", "jz 3f",
        "xor edi, edi",
        "mov rsi, rbx",
        "mov eax, SYS_SEND",
        "syscall",
        "dec rbx",
        "jmp 2b",
        "3:", "test rbp, rbp", "jz 4f",
        "mov eax, SYS_YIELD",
        "syscall",
        "dec rbp",
        "jmp 3b",
        "4:", "ud2",
}
program! {
    /// Receives rdi numbers at port 0, yields rsi times, and dies.
    static RECEIVES_AND_DIES =
        "mov rbx, rdi",
        "mov rbp, rsi",
        "2:", "test rbx, rbx", "jz 3f",
        "xor edi, edi",
        "mov eax, SYS_RECV",
        "syscall",
        "dec rbx",
        "jmp 2b",
        "3:", "test rbp, rbp", "jz 4f",
        "mov eax, SYS_YIELD",
        "syscall",
        "dec rbp",
        "jmp 3b",
        "4:", "ud2",
}

const TWICE: u64 = GONE << 8 | GONE;

pub fn user_gone(lab: &Lab) {
    let mut cases = 0;
    let places: &[[usize; 2]] = if lab.cpus > 1 { &[[0, 0], [0, 1], [1, 0], [1, 1]] } else { &[[0, 0]] };
    for &[first, second] in places {
        for numbers in [0, 1, 2, 100] {
            for yields in [0, 1, 50] {
                for dies_first in [true, false] {
                    receiver_is_told(first, second, numbers, yields, dies_first);
                    sender_is_told(first, second, numbers, yields, dies_first);
                    cases += 2;
                }
            }
        }
    }
    count("told", cases);
    both_die();
}

/// Starts both, one of which dies; returns what becomes of the other.
fn two(
    cpus: [usize; 2],
    ports: [Port; 2],
    programs: [&'static Program; 2],
    arguments: [u64; 4],
    dies_first: bool,
) -> user::Report {
    let [port_of_dying, port_of_other] = ports;
    let dying = Spec { ports: [port_of_dying].into(), arguments, ..Spec::new(programs[0]) };
    let other = Spec { ports: [port_of_other].into(), ..Spec::new(programs[1]) };
    let start = |number, spec| user::spawn(cpu(number), spec).expect("a process");
    let (dying, other) = if dies_first {
        let dying = start(cpus[0], dying);
        (dying, start(cpus[1], other))
    } else {
        let other = start(cpus[1], other);
        (start(cpus[0], dying), other)
    };
    let ended = dying.join().ended;
    check!(matches!(ended, Ended::Faulted(_)), "the one that dies {ended}");
    other.join()
}

fn receiver_is_told(first: usize, second: usize, numbers: u64, yields: u64, dies_first: bool) {
    let channel = for_ever(Channel::new());
    let ports = [Port::Sends(channel), Port::Receives(channel)];
    let report =
        two([first, second], ports, [&SENDS_AND_DIES, &RECEIVES], [numbers, yields, 0, 0], dies_first);
    // A wait that began when the other was gone already, and had never been there, is one for a first message.
    let what = (first, second, numbers, yields, dies_first);
    check!(
        report.ended == Ended::Exited([TWICE, numbers]),
        "of {numbers} numbers, {what:?}: it {}",
        report.ended
    );
    check!(report.gone == Some(0), "{what:?}: named {:?}", report.gone);
}

fn sender_is_told(first: usize, second: usize, numbers: u64, yields: u64, dies_first: bool) {
    let channel = for_ever(Channel::new());
    let ports = [Port::Receives(channel), Port::Sends(channel)];
    let report =
        two([first, second], ports, [&RECEIVES_AND_DIES, &SENDS], [numbers, yields, 0, 0], dies_first);
    let what = (first, second, numbers, yields, dies_first);
    check!(
        report.ended == Ended::Exited([TWICE, 0]),
        "behind {numbers} numbers, {what:?}: it {}",
        report.ended
    );
    check!(report.gone == Some(0), "{what:?}: named {:?}", report.gone);
}

/// One that nobody is left to be told by, and others beside, go on.
fn both_die() {
    let (there, back) = (for_ever(Channel::new()), for_ever(Channel::new()));
    let ping = Spec {
        ports: [Port::Sends(there), Port::Receives(back)].into(),
        arguments: [0, 100, 0, 0],
        ..Spec::new(&programs::PING)
    };
    let pong =
        Spec { ports: [Port::Sends(back), Port::Receives(there)].into(), ..Spec::new(&programs::PONG) };
    let pong = user::spawn(cpu(0), pong).expect("a process");
    let ping = user::spawn(cpu(0), ping).expect("a process").join();
    check!(ping.ended == Ended::Exited([DONE, 0]) && ping.gone.is_none(), "the one that asks {}", ping.ended);
    // It is told by a word that is none: 0, where 100 was due.
    let pong = pong.join();
    check!(
        pong.ended == Ended::Exited([100, 0]) && pong.gone == Some(1),
        "the one that answers {}",
        pong.ended
    );
}
