//! What a process with a container must not do is stopped and named, what it had is given back, and two others
//! beside it finish their exchanges.
#![no_std]
#![no_main]

use core::sync::atomic::Ordering::Relaxed;

use case::{check, count, cpu, for_ever};
use switchlab_core::container::{
    filter::{Action, Filter, NUMBERS, Rule, Test},
    memory::{MemoryGroup, OverLimit},
    mounts::{Mount, Node, View},
};
use switchlab_kernel::{
    arch::apic,
    bring_up::Lab,
    container::{self, Container, IdSpace, NameSpace},
    mm::SpaceError,
    program,
    sched::Channel,
    user::{
        self, Ended, Port, Program, Quantum, Report, Space, Spec, Why, programs,
        system_call::{
            DONE, END, EXIT, ID, IN_USE, MAP, NO_SUCH_CALL, NO_SUCH_FILE, OPEN, OVER_LIMIT, READ, REFUSED,
            SEND, STATUS, TOO_LONG, UNKNOWN_ID, UNKNOWN_NAME, YIELD,
        },
    },
};

case::case!("container_isolation", container_isolation);

const EXCHANGES: u64 = 200;

/// The first number that half a register does not hold.
const HIGH: u64 = 1 << 32;

program! {
    /// Makes system call rdi with the words rsi, rdx and r8; exits with its status and its word.
    static CALLS =
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
    /// Asks for a page more and writes it, until there is none; exits with the status and how many it got.
    static EATS =
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
    /// Ends whoever has an id from rdi up to rsi; exits with the sum of all statuses, and its own id.
    static ENDS =
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
    /// Yields for ever.
    static YIELDS = "2:", "mov eax, SYS_YIELD", "syscall", "jmp 2b"
}
program! {
    /// Receives at port 0, and loops for ever.
    static WAITS_AND_LOOPS = "xor edi, edi", "mov eax, SYS_RECV", "syscall", "2:", "jmp 2b"
}
program! {
    /// Loops for ever.
    static LOOPS = "2:", "jmp 2b"
}
program! {
    /// Counts for ever, in a word that its threads share.
    static COUNTS = "2:", "inc qword ptr [0x480000]", "jmp 2b"
}
program! {
    /// Exits when another thread has begun to count.
    static SEES =
        "2:", "cmp qword ptr [0x480000], 0", "je 2b",
        "xor edi, edi",
        "xor esi, esi",
        "mov eax, SYS_EXIT",
        "syscall",
}
program! {
    /// Opens the name in rdi, rsi and rdx, by the side r8; exits with the status and the port.
    static OPENS =
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
    /// Opens the name in rdi, rsi and rdx for sending, and sends r8 there; exits with the status of that.
    static OPENS_AND_SENDS =
        "mov [0x480000], rdi", "mov [0x480008], rsi", "mov [0x480010], rdx",
        "mov rbx, r8",
        "mov edi, 0x480000",
        "mov rsi, -1",
        "2:", "inc rsi", "cmp byte ptr [rdi + rsi], 0", "jne 2b",
        "xor edx, edx",
        "mov eax, SYS_OPEN",
        "syscall",
        "mov rdi, rdx",
        "mov rsi, rbx",
        "mov eax, SYS_SEND",
        "syscall",
        "mov rdi, rax",
        "xor esi, esi",
        "mov eax, SYS_EXIT",
        "syscall",
}
program! {
    /// Reads the file whose path is in rdi, rsi, rdx and r8; exits with the status and the first 8 bytes.
    static READS =
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

fn container_isolation(_: &Lab) {
    limits();
    filters();
    ids();
    names();
    paths();
    without_parts();
}

/// What contained processes did beside two others, how often.
fn stopped(cases: &mut u64, spec: Spec) -> Report {
    *cases += 1;
    beside_others(spec)
}

fn words<const N: usize>(text: &str) -> [u64; N] {
    let mut words = [0; N];
    for (at, byte) in text.bytes().enumerate() {
        words[at / 8] |= u64::from(byte) << (8 * (at % 8));
    }
    words
}

fn with(container: &'static Container, program: &'static Program, arguments: [u64; 4]) -> Spec {
    Spec { arguments, container: Some(container), ..Spec::new(program) }
}

fn limits() {
    let mut cases = 0;
    let web = for_ever(MemoryGroup::new("web", 60));
    let job = for_ever(MemoryGroup::within(web, "job", 40));
    let sibling = for_ever(MemoryGroup::within(web, "sibling", 40));
    let limited = |memory: &'static MemoryGroup| -> &'static Container {
        for_ever(Container { memory: Some(memory), ..Container::new() })
    };
    let [of_job, of_sibling] = [limited(job), limited(sibling)];

    // Its own limit.
    let report = stopped(&mut cases, with(of_job, &EATS, [0; 4]));
    let over = Some(OverLimit { group: "job", limit: 40 });
    check!(
        matches!(report.ended, Ended::Exited([OVER_LIMIT, pages]) if pages > 0),
        "it eats: {}",
        report.ended
    );
    check!(report.over_limit == over, "it eats: over the limit of {:?}", report.over_limit);
    check!(
        job.most() == 40 && job.refusals() == 1,
        "at most {} pages, {} refusals",
        job.most(),
        job.refusals()
    );
    check!(job.used() == 0 && web.used() == 0, "left behind: {} and {} pages", job.used(), web.used());

    // That of the group around it, while its sibling has some: nobody's own limit is reached.
    let go = for_ever(Channel::new());
    let waits = user::host(cpu(0), with(of_sibling, &YIELDS, [0; 4]), |_| {
        go.receiver().recv();
    });
    let report = stopped(&mut cases, with(of_job, &EATS, [0; 4]));
    let over = Some(OverLimit { group: "web", limit: 60 });
    check!(report.over_limit == over, "beside a sibling: over the limit of {:?}", report.over_limit);
    check!(job.refusals() == 1, "a refusal of its own");
    check!(
        web.used() == sibling.used() && sibling.used() > 0,
        "the sibling has {} of {}",
        sibling.used(),
        web.used()
    );
    go.sender().send(1);
    waits.expect("a process").join();
    check!(web.used() == 0, "left behind: {} pages", web.used());

    // Too much for a beginning.
    let tiny = for_ever(MemoryGroup::new("tiny", 3));
    let refused = user::spawn(cpu(0), with(limited(tiny), &EATS, [0; 4])).err();
    let over = OverLimit { group: "tiny", limit: 3 };
    check!(refused == Some(Why::Space(SpaceError::OverLimit(over))), "no process: {refused:?}");
    check!(tiny.used() == 0, "of what did not begin: {} pages", tiny.used());

    let report = stopped(&mut cases, with(of_job, &CALLS, [MAP, u64::MAX, 0, 0]));
    check!(report.ended == Ended::Exited([TOO_LONG, 0]), "all pages there are: {}", report.ended);

    // What is refused halfway: the pages that there are, each with a frame, and a table for them all.
    let born = beside_others(with(of_job, &CALLS, [EXIT, 0, 0, 0])).frames as u64;
    let report = stopped(&mut cases, with(of_job, &CALLS, [MAP, 40, 0, 0]));
    let expected = Ended::Exited([OVER_LIMIT, 40 - born - 1]);
    check!(report.ended == expected, "more than there may be, born with {born}: {}", report.ended);

    // A page whose table would be over the limit is none, and is charged to nobody.
    let full = for_ever(MemoryGroup::new("full", born + 1));
    let report = stopped(&mut cases, with(limited(full), &CALLS, [MAP, 1, 0, 0]));
    check!(report.ended == Ended::Exited([OVER_LIMIT, 0]), "no room for a table: {}", report.ended);
    check!(report.frames as u64 == born, "born with {born}, {} with no page more", report.frames);
    check!(full.used() == 0, "left behind: {} pages", full.used());
    count("limits", cases);
}

const NO_STATUS: Filter =
    filter(&[Rule::of(STATUS, Action::End), Rule::of(YIELD, Action::Refuse)], Action::Allow);
const SENDS_BY_PORT_0: Filter = filter(
    &[Rule::where_argument(SEND, 0, Test::Below(1), Action::Allow), Rule::of(EXIT, Action::Allow)],
    Action::End,
);

const fn filter(rules: &[Rule], otherwise: Action) -> Filter {
    match Filter::new(rules, otherwise) {
        Ok(filter) => filter,
        Err(_) => panic!("these rules are a filter"),
    }
}

fn filters() {
    let mut cases = 0;
    let filtered =
        |filter| -> &'static Container { for_ever(Container { filter: Some(filter), ..Container::new() }) };
    let container = filtered(NO_STATUS);
    let report = stopped(&mut cases, with(container, &CALLS, [STATUS, 0x48_0000, 0, 0]));
    check!(report.ended == Ended::Filtered { call: STATUS }, "a call that ends it: {}", report.ended);
    let report = stopped(&mut cases, with(container, &CALLS, [YIELD, 0, 0, 0]));
    check!(report.ended == Ended::Exited([REFUSED, 0]), "a call that is refused: {}", report.ended);
    check!(report.refused == Some(YIELD), "refused: {:?}", report.refused);

    let container = filtered(SENDS_BY_PORT_0);
    let sends = |port| Spec {
        ports: [Port::Sends(for_ever(Channel::new()))].into(),
        ..with(container, &CALLS, [SEND, port, 7, 0])
    };
    let report = stopped(&mut cases, sends(1));
    check!(report.ended == Ended::Filtered { call: SEND }, "by port 1: {}", report.ended);
    let report = stopped(&mut cases, sends(0));
    check!(report.ended == Ended::Exited([DONE, 0]), "by port 0: {}", report.ended);
    // Numbers that have no bit of their own, but that of a call that is let through.
    for call in [NUMBERS + EXIT, HIGH - NUMBERS + EXIT, HIGH + EXIT, HIGH + SEND] {
        let report = stopped(&mut cases, with(container, &CALLS, [call, 0, 0, 0]));
        check!(report.ended == Ended::Filtered { call }, "call {call}: {}", report.ended);
    }
    count("filtered", cases);
}

static SPACES: [IdSpace; 2] = [const { container::id_space() }; 2];

fn ids() {
    const GUESSES: u64 = 300;
    let mut cases = 0;
    let [web, batch] = SPACES
        .each_ref()
        .map(|ids| -> &'static Container { for_ever(Container { ids: Some(ids), ..Container::new() }) });
    // A first of each namespace: the same id, and another.
    let victim = user::spawn(cpu(0), with(web, &YIELDS, [0; 4])).expect("a process");
    let victim_2 =
        user::spawn(cpu(0), Spec { quantum: TICKS_ALONE, ..with(web, &LOOPS, [0; 4]) }).expect("a process");
    let report = stopped(&mut cases, with(batch, &ENDS, [2, GUESSES, 0, 0]));
    let expected = Ended::Exited([UNKNOWN_ID * (GUESSES - 2), 1]);
    check!(report.ended == expected, "it guesses ids: {}", report.ended);
    // Their numbers outside, and nobody's.
    for id in [u64::from(victim.task().id().get()), 0, u64::MAX] {
        let report = stopped(&mut cases, with(batch, &CALLS, [END, id, 0, 0]));
        check!(report.ended == Ended::Exited([UNKNOWN_ID, 0]), "it guesses {id}: {}", report.ended);
    }
    check!(SPACES[0].lock().members() == 2, "the other namespace has its two");
    // Its fellow can: of one that calls, and one that never does.
    let report = stopped(&mut cases, with(web, &ENDS, [1, 3, 0, 0]));
    check!(report.ended == Ended::Exited([2 * DONE, 3]), "it ends its fellows: {}", report.ended);
    for (what, victim) in [("calls", victim), ("never calls", victim_2)] {
        let ended = victim.join().ended;
        check!(ended == Ended::EndedByFellow, "its fellow that {what} {ended}");
    }
    // Who is gone is nobody, and its id is not given again.
    let report = stopped(&mut cases, with(web, &CALLS, [END, 1, 0, 0]));
    check!(report.ended == Ended::Exited([UNKNOWN_ID, 0]), "one that is gone: {}", report.ended);
    let report = stopped(&mut cases, with(web, &CALLS, [ID, 0, 0, 0]));
    check!(report.ended == Ended::Exited([DONE, 5]), "its own: {}", report.ended);
    // One that waits does not come back from that.
    let word = for_ever(Channel::new());
    let waits = Spec { ports: [Port::Receives(word)].into(), ..with(web, &WAITS_AND_LOOPS, [0; 4]) };
    let waits = user::spawn(cpu(0), waits).expect("a process");
    let report = stopped(&mut cases, with(web, &CALLS, [END, 6, 0, 0]));
    check!(report.ended == Ended::Exited([DONE, 0]), "it ends one that waits: {}", report.ended);
    word.sender().send(1);
    let ended = waits.join().ended;
    check!(ended == Ended::EndedByFellow, "its fellow that waits {ended}");
    ended_on_another_cpu(web);
    check!(SPACES.iter().all(|ids| ids.lock().members() == 0), "all are gone");
    count("guessed", cases);
}

/// Of a second program in one address space.
const ANOTHER_PLACE: u64 = 0x50_0000;

/// No call and no tick brings them into the kernel.
fn ended_on_another_cpu(web: &'static Container) {
    let ends = |id| {
        let report = user::spawn(cpu(0), with(web, &CALLS, [END, id, 0, 0])).expect("a process").join();
        check!(report.ended == Ended::Exited([DONE, 0]), "it ends one on another CPU: {}", report.ended);
    };
    let space = Space::new(None).expect("an address space");
    let loops = user::spawn_in(cpu(1), with(web, &COUNTS, [0; 4]), space.clone()).expect("a process");
    // So it is in ring 3.
    let sees = Spec { code_at: ANOTHER_PLACE, thread: 1, ..Spec::new(&SEES) };
    let sees = user::spawn_in(cpu(0), sees, space).expect("a thread").join();
    check!(sees.ended == Ended::Exited([0, 0]), "it looks at one on another CPU: {}", sees.ended);
    ends(8);
    let ended = loops.join().ended;
    check!(ended == Ended::EndedByFellow, "its fellow that loops on another CPU {ended}");

    // One that has its id, and has not begun.
    let go = for_ever(Channel::new());
    let begins = user::host(cpu(1), with(web, &LOOPS, [0; 4]), |process| {
        go.receiver().recv();
        let ended = process.run([0; 4]);
        check!(ended == Ended::EndedByFellow, "its fellow that begins on another CPU {ended}");
    });
    ends(10);
    go.sender().send(1);
    begins.expect("a process").join();
}

/// A timer that ticks, and ends nobody.
const TICKS_ALONE: Option<Quantum> = Some(Quantum { counts: apic::TICK_COUNTS / 10, most: u64::MAX });

static NAMES: [NameSpace; 2] = [const { container::name_space() }; 2];

fn names() {
    let mut cases = 0;
    let [web, batch] = NAMES.each_ref().map(|names| -> &'static Container {
        for_ever(Container { names: Some(names), ..Container::new() })
    });
    let channel = for_ever(Channel::new());
    NAMES[0].lock().publish("requests", channel).expect("a name");
    NAMES[1].lock().publish("results", for_ever(Channel::new())).expect("a name");
    let opens = |container, name, side| {
        let [first, second, third] = words(name);
        with(container, &OPENS, [first, second, third, side])
    };
    for (what, name, side) in
        [("another's", "requests", 0), ("nobody's", "request", 1), ("no side", "results", 2)]
    {
        let report = stopped(&mut cases, opens(batch, name, side));
        check!(report.ended == Ended::Exited([UNKNOWN_NAME, 0]), "{what}: {}", report.ended);
    }
    let report = stopped(
        &mut cases,
        Spec { ports: [Port::Sends(for_ever(Channel::new()))].into(), ..opens(web, "requests", 1) },
    );
    check!(report.ended == Ended::Exited([DONE, 1]), "its own, behind port 0: {}", report.ended);
    let report = stopped(&mut cases, opens(web, "requests", 1));
    check!(report.ended == Ended::Exited([IN_USE, 0]), "an end that has an owner: {}", report.ended);
    // So are those whose owner has it by another name, elsewhere, by none, or is the kernel.
    let [held, port] = [(); 2].map(|()| -> &'static Channel { for_ever(Channel::new()) });
    let _of_the_kernel = held.receiver();
    NAMES[1].lock().publish("lent", channel).expect("a name");
    for (name, channel) in [("again", channel), ("held", held), ("port", port)] {
        NAMES[0].lock().publish(name, channel).expect("a name");
    }
    let has_it = Spec { ports: [Port::Receives(port)].into(), ..opens(web, "port", 1) };
    for (what, spec) in [
        ("another namespace's", opens(batch, "lent", 1)),
        ("another name's", opens(web, "again", 1)),
        ("the kernel's", opens(web, "held", 1)),
        ("its own port's", has_it),
    ] {
        let report = stopped(&mut cases, spec);
        check!(report.ended == Ended::Exited([IN_USE, 0]), "{what}: {}", report.ended);
    }
    // What goes by a name arrives.
    let results = for_ever(Channel::new());
    NAMES[0].lock().publish("results", results).expect("a name");
    let [first, second, third] = words("results");
    let sends =
        user::spawn(cpu(0), with(web, &OPENS_AND_SENDS, [first, second, third, 77])).expect("a process");
    check!(results.receiver().recv() == 77, "what was sent by a name");
    let ended = sends.join().ended;
    check!(ended == Ended::Exited([DONE, 0]), "it opens and sends: {ended}");
    count("opened", cases);
}

static SECRET: Node = Node::File(b"the host");
static INDEX: Node = Node::File(b"an index");
static SHARED: Node = Node::File(b"of both.");
static LONG: Node = Node::File(&[b'x'; 65]);
static DATA: Node = Node::Folder(&[]);
static WEB: Node = Node::Folder(&[("index", &INDEX), ("data", &DATA), ("long", &LONG)]);
static LIBRARY: Node = Node::Folder(&[("shared", &SHARED)]);
static HOST: Node = Node::Folder(&[("secret", &SECRET), ("web", &WEB), ("library", &LIBRARY)]);

fn paths() {
    let mut cases = 0;
    let sees = |view| -> &'static Container { for_ever(Container { view: Some(view), ..Container::new() }) };
    let web = sees(View { root: &WEB, mounts: for_ever([Mount { over: &DATA, tree: &LIBRARY }]) });
    let host = sees(View { root: &HOST, mounts: &[] });
    let eight = |text: &[u8; 8]| u64::from_le_bytes(*text);
    for (container, path, status, bytes) in [
        (web, "/index", DONE, eight(b"an index")),
        (web, "/data/shared", DONE, eight(b"of both.")),
        (web, "/../../index", DONE, eight(b"an index")),
        (web, "/../secret", NO_SUCH_FILE, 0),
        (web, "data/../../secret", NO_SUCH_FILE, 0),
        (web, "/web/index", NO_SUCH_FILE, 0),
        (web, "/data", NO_SUCH_FILE, 0),
        (web, "/long", TOO_LONG, 0),
        (host, "/web/../secret", DONE, eight(b"the host")),
        (host, "/web/data/shared", NO_SUCH_FILE, 0),
    ] {
        let report = stopped(&mut cases, with(container, &READS, words(path)));
        check!(report.ended == Ended::Exited([status, bytes]), "{path}: {}", report.ended);
    }
    count("paths", cases);
}

/// A part that is not there is a system call that is not.
fn without_parts() {
    let container = for_ever(Container::new());
    for container in [None, Some(container)] {
        for call in [MAP, ID, END, OPEN, READ, READ + 1, NUMBERS + EXIT, HIGH + EXIT, HIGH + SEND] {
            let report = beside_others(Spec {
                container,
                ..with(for_ever(Container::new()), &CALLS, [call, 1, 0, 0])
            });
            check!(report.ended == Ended::Exited([NO_SUCH_CALL, 0]), "call {call}: {}", report.ended);
        }
    }
}

/// Runs it while two others exchange numbers on the same CPU, which must come out exact; tells how it ended.
fn beside_others(spec: Spec) -> Report {
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
