//! A process in ring 3 does a system call and exits; and two processes exchange numbers.

use case::{check, count, cpu, for_ever};
use switchlab_kernel::{
    bring_up::Lab,
    program,
    sched::Channel,
    user::{self, Ended, Port, Spec, programs},
};

const EXCHANGES: u64 = 1_000;

program! {
    /// Gives its arguments back, with the ring that it is in.
    static ECHO =
        "mov rax, cs",
        "and eax, 3",
        "lea rsi, [rsi + rax]",
        "mov eax, SYS_EXIT",
        "syscall",
        "ud2",
}

/// `ECHO`'s answer to 10, and the ring.
const TEN_AND_RING_3: u64 = 13;

pub fn user_exit(lab: &Lab) {
    let spec = Spec { arguments: [0x1234_5678_9abc_def0, 10, 0, 0], ..Spec::new(&ECHO) };
    let report = user::spawn(cpu(0), spec).expect("a process").join();
    check!(report.ended == Ended::Exited([0x1234_5678_9abc_def0, TEN_AND_RING_3]), "it {}", report.ended);
    count("frames", report.frames as u64);

    exchange(0, 0);
    if lab.cpus > 1 {
        exchange(0, 1);
    }
}

fn exchange(first: usize, second: usize) {
    let (there, back) = (for_ever(Channel::new()), for_ever(Channel::new()));
    let ping =
        Spec { ports: [Port::Sends(there), Port::Receives(back)].into(), ..Spec::new(&programs::PING) };
    let pong =
        Spec { ports: [Port::Sends(back), Port::Receives(there)].into(), ..Spec::new(&programs::PONG) };
    let cpus = [cpu(first), cpu(second)];
    let before = user::counted_on(&cpus[..1]);
    let pong = user::spawn(cpus[1], pong).expect("a process");
    let ping = user::host(cpus[0], ping, |process| {
        let ended = process.run([0, EXCHANGES, 0, 0]);
        check!(ended == Ended::Exited([0, 0]), "ping {ended}");
        process.hand_over_last(u64::MAX);
    });
    ping.expect("a process").join();
    let ended = pong.join().ended;
    check!(ended == Ended::Exited([EXCHANGES, u64::MAX]), "pong {ended}");
    let after = user::counted_on(&cpus[..1]);
    if first == second {
        count("loads", after.loads - before.loads);
        count("calls", after.calls - before.calls);
    }
}
