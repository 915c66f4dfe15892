//! Who uses up its CPU time waits for the next period and goes on then; nobody else does. A tick is an instruction.

use core::sync::atomic::Ordering::Relaxed;

use case::{check, count, cpu, for_ever};
use switchlab_core::container::cpu::{CpuGroup, UNLIMITED};
use switchlab_kernel::{
    arch::{ring3, tsc},
    bring_up::Lab,
    container::{self, Container, IdSpace},
    program,
    sched::{self, Channel},
    user::{self, Ended, Port, Program, Quantum, Spec, Why, programs, system_call::DONE},
};

/// TSC ticks of a period.
const PERIOD: u64 = 10_000_000;
/// A fifth of it.
const BUDGET: u64 = PERIOD / 5;
/// Counts of a tick of the timer, and ticks that one that loops may take: those of five budgets.
const COUNTS: u32 = 100_000;
const TICKS: u64 = 100;
/// Iterations that `WORKS` is asked for, of two instructions each: four periods.
const ITERATIONS: u64 = 2 * PERIOD;
const INSTRUCTIONS: u64 = 2 * ITERATIONS;

program! {
    /// Loops for ever.
    static LOOPS = "2:", "jmp 2b"
}
program! {
    /// Counts rdi down.
    static WORKS = "2:", "dec rdi", "jnz 2b", "xor esi, esi", "mov eax, SYS_EXIT", "syscall"
}
program! {
    /// Ends who has the id rdi; exits with the status.
    static ENDS = "mov eax, SYS_END", "syscall", "mov rdi, rax", "xor esi, esi", "mov eax, SYS_EXIT", "syscall"
}

pub fn container_quota(_: &Lab) {
    alone();
    beside_a_sibling();
    group_around();
    between_calls();
    without_ticks();
    ended_as_it_rests();
}

fn group(name: &'static str, budget: u64) -> &'static CpuGroup {
    for_ever(CpuGroup::new(name, budget, PERIOD))
}

fn spec(group: &'static CpuGroup, program: &'static Program, most: u64) -> Spec {
    let container = for_ever(Container { cpu: Some(group), ..Container::new() });
    let quantum = Some(Quantum { counts: COUNTS, most });
    Spec { container: Some(container), quantum, arguments: [ITERATIONS, 0, 0, 0], ..Spec::new(program) }
}

/// What it used fits what it was granted, but for the tick that found it out.
fn within(group: &CpuGroup) {
    let (used, granted) = (group.used(), group.granted());
    check!(used <= granted + 2 * u64::from(COUNTS), "{} used {used} of {granted}", group.name());
}

/// The CPU halts meanwhile.
fn alone() {
    let hog = group("hog", BUDGET);
    let halts = || cpu(0).counters().halts.load(Relaxed);
    let (before, start) = (halts(), tsc::unfenced());
    let ended = user::spawn(cpu(0), spec(hog, &LOOPS, TICKS)).expect("a process").join().ended;
    let took = tsc::unfenced() - start;
    // So it went on behind each wait.
    check!(matches!(ended, Ended::OutOfTime { ticks, .. } if ticks == TICKS + 1), "alone it {ended}");
    check!((4..=6).contains(&hog.throttles()), "alone it waits {} times", hog.throttles());
    check!(halts() - before >= hog.throttles(), "{} halts", halts() - before);
    check!(took >= 3 * PERIOD, "five budgets, each of its period, in {took}");
    within(hog);
    count("throttles", hog.throttles());
}

/// A sibling without a budget has what the other may not take.
fn beside_a_sibling() {
    let machine = group("machine", UNLIMITED);
    let hog = for_ever(CpuGroup::within(machine, "hog", BUDGET));
    let sibling = for_ever(CpuGroup::within(machine, "sibling", UNLIMITED));
    let looping = user::spawn(cpu(0), spec(hog, &LOOPS, TICKS)).expect("a process");
    let start = tsc::unfenced();
    let ended = user::spawn(cpu(0), spec(sibling, &WORKS, u64::MAX)).expect("a process").join().ended;
    let took = tsc::unfenced() - start;
    check!(ended == Ended::Exited([0, 0]), "the sibling {ended}");
    check!(sibling.throttles() == 0, "the sibling waits {} times", sibling.throttles());
    check!(sibling.used() >= INSTRUCTIONS, "the sibling used {}", sibling.used());
    // A fifth is the other's: so it takes five quarters as long, where halves would make it twice.
    check!(took < INSTRUCTIONS * 3 / 2, "{INSTRUCTIONS} instructions of the sibling took {took}");
    let ended = looping.join().ended;
    check!(matches!(ended, Ended::OutOfTime { .. }), "beside a sibling it {ended}");
    check!(hog.throttles() >= 3, "beside a sibling it waits {} times", hog.throttles());
    check!(machine.used() == hog.used() + sibling.used(), "two that make up the group around them");
    within(hog);
    count("sibling_took", took);
}

/// The budget of a group around two is used up before that of either; whoever else there is goes on.
fn group_around() {
    let web = group("web", BUDGET);
    let jobs = ["job 1", "job 2"].map(|name| for_ever(CpuGroup::within(web, name, PERIOD / 2)));
    let other = group("other", PERIOD);
    let looping = jobs.map(|job| user::spawn(cpu(0), spec(job, &LOOPS, TICKS / 2)).expect("a process"));
    let ended = user::spawn(cpu(0), spec(other, &WORKS, u64::MAX)).expect("a process").join().ended;
    check!(ended == Ended::Exited([0, 0]), "who is in another group {ended}");
    check!(other.throttles() == 0, "who is in another group waits {} times", other.throttles());
    for looping in looping {
        let ended = looping.join().ended;
        check!(matches!(ended, Ended::OutOfTime { .. }), "one of two {ended}");
    }
    check!(web.throttles() >= 3, "the two wait {} times", web.throttles());
    check!(jobs.iter().all(|job| job.throttles() == 0), "for the group around them alone");
    check!(web.used() == jobs[0].used() + jobs[1].used(), "two that make up the group around them");
    within(web);
    count("around", web.throttles());
}

/// Two that exchange numbers and take no ticks are charged as they switch.
fn between_calls() {
    const EXCHANGES: u64 = 20_000;
    let pair = group("pair", BUDGET / 4);
    let container = for_ever(Container { cpu: Some(pair), ..Container::new() });
    let (there, back) = (for_ever(Channel::new()), for_ever(Channel::new()));
    let spec = |ports, program| Spec {
        ports,
        container: Some(container),
        ends_by_itself: true,
        ..Spec::new(program)
    };
    let ping = spec([Port::Sends(there), Port::Receives(back)].into(), &programs::PING);
    let pong = spec([Port::Sends(back), Port::Receives(there)].into(), &programs::PONG);
    let pong = user::spawn(cpu(0), pong).expect("a process");
    let ping = user::host(cpu(0), ping, |process| {
        let ended = process.run([0, EXCHANGES, 0, 0]);
        check!(ended == Ended::Exited([0, 0]), "the one that asks {ended}");
        process.hand_over_last(u64::MAX);
    });
    ping.expect("a process").join();
    let ended = pong.join().ended;
    check!(ended == Ended::Exited([EXCHANGES, u64::MAX]), "the one that answers {ended}");
    check!(pair.throttles() > 0, "they never wait");
    check!(ring3::loads_of(sched::percpu(cpu(0).id())) >= 2 * EXCHANGES, "two switches each");
    within(pair);
    count("between_calls", pair.throttles());
}

/// One who owes more than it will ever have rests; a fellow ends it all the same.
fn ended_as_it_rests() {
    static IDS: IdSpace = container::id_space();
    let ever = 1 << 50;
    let debtor = for_ever(CpuGroup::new("debtor", 1, ever));
    let of_debtor = for_ever(Container { ids: Some(&IDS), cpu: Some(debtor), ..Container::new() });
    let fellow = for_ever(Container { ids: Some(&IDS), ..Container::new() });
    let looping = Spec { container: Some(of_debtor), ..spec(debtor, &LOOPS, u64::MAX) };
    let looping = user::spawn(cpu(0), looping).expect("a process");
    while debtor.throttles() == 0 {
        sched::yield_now();
    }
    // The first of its namespace.
    let ends = Spec { container: Some(fellow), arguments: [1, 0, 0, 0], ..Spec::new(&ENDS) };
    let ended = user::spawn(cpu(0), ends).expect("a process").join().ended;
    check!(ended == Ended::Exited([DONE, 0]), "its fellow {ended}");
    let ended = looping.join().ended;
    check!(ended == Ended::EndedByFellow, "one that rests {ended}");
    check!(debtor.throttles() == 1 && tsc::unfenced() < ever, "it rested to the end of its period");
}

/// Who never calls is caught by ticks alone, so nobody is charged without, unless its program is vouched for.
fn without_ticks() {
    let free = group("free", BUDGET);
    let refused = user::spawn(cpu(0), Spec { quantum: None, ..spec(free, &LOOPS, TICKS) }).err();
    check!(refused == Some(Why::NoQuantum), "a quota without ticks: {refused:?}");
    check!(free.used() == 0, "of what did not begin: {}", free.used());
}
