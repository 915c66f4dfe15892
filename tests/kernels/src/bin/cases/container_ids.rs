//! An id stands for one of the caller's namespace or for nobody, and who is ended by it ends, whatever it does.

use case::{
    check,
    contained::{ENDS_IDS, LOOPS_FOR_EVER, MAKES_CALL, WAITS, YIELDS, stopped, with},
    count, cpu, for_ever,
};
use switchlab_kernel::{
    arch::apic,
    bring_up::Lab,
    container::{self, Container, IdSpace},
    program,
    sched::Channel,
    user::{
        self, Ended, Port, Quantum, Space, Spec,
        system_call::{DONE, END, ID, UNKNOWN_ID},
    },
};

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

/// A timer that ticks, and ends nobody.
const TICKS_ALONE: Option<Quantum> = Some(Quantum { counts: apic::TICK_COUNTS / 10, most: u64::MAX });

static SPACES: [IdSpace; 2] = [const { container::id_space() }; 2];

pub fn container_ids(_: &Lab) {
    const GUESSES: u64 = 300;
    let mut cases = 0;
    let [web, batch] = SPACES
        .each_ref()
        .map(|ids| -> &'static Container { for_ever(Container { ids: Some(ids), ..Container::new() }) });
    // A first of each namespace: the same id, and another.
    let victim = user::spawn(cpu(0), with(web, &YIELDS, [0; 4])).expect("a process");
    let victim_2 = user::spawn(cpu(0), Spec { quantum: TICKS_ALONE, ..with(web, &LOOPS_FOR_EVER, [0; 4]) })
        .expect("a process");
    let report = stopped(&mut cases, with(batch, &ENDS_IDS, [2, GUESSES, 0, 0]));
    let expected = Ended::Exited([UNKNOWN_ID * (GUESSES - 2), 1]);
    check!(report.ended == expected, "it guesses ids: {}", report.ended);
    // Their numbers outside, and nobody's.
    for id in [u64::from(victim.task().id().get()), 0, u64::MAX] {
        let report = stopped(&mut cases, with(batch, &MAKES_CALL, [END, id, 0, 0]));
        check!(report.ended == Ended::Exited([UNKNOWN_ID, 0]), "it guesses {id}: {}", report.ended);
    }
    check!(SPACES[0].lock().members() == 2, "the other namespace has its two");
    // Its fellow can: of one that calls, and one that never does.
    let report = stopped(&mut cases, with(web, &ENDS_IDS, [1, 3, 0, 0]));
    check!(report.ended == Ended::Exited([2 * DONE, 3]), "it ends its fellows: {}", report.ended);
    for (what, victim) in [("calls", victim), ("never calls", victim_2)] {
        let ended = victim.join().ended;
        check!(ended == Ended::EndedByFellow, "its fellow that {what} {ended}");
    }
    // Who is gone is nobody, and its id is not given again.
    let report = stopped(&mut cases, with(web, &MAKES_CALL, [END, 1, 0, 0]));
    check!(report.ended == Ended::Exited([UNKNOWN_ID, 0]), "one that is gone: {}", report.ended);
    let report = stopped(&mut cases, with(web, &MAKES_CALL, [ID, 0, 0, 0]));
    check!(report.ended == Ended::Exited([DONE, 5]), "its own: {}", report.ended);
    // One that waits does not come back from that.
    let word = for_ever(Channel::new());
    let waits = Spec { ports: [Port::Receives(word)].into(), ..with(web, &WAITS, [0; 4]) };
    let waits = user::spawn(cpu(0), waits).expect("a process");
    let report = stopped(&mut cases, with(web, &MAKES_CALL, [END, 6, 0, 0]));
    check!(report.ended == Ended::Exited([DONE, 0]), "it ends one that waits: {}", report.ended);
    word.sender().send(1);
    let ended = waits.join().ended;
    check!(ended == Ended::EndedByFellow, "its fellow that waits {ended}");
    ended_on_another_cpu(web);
    check!(SPACES.iter().all(|ids| ids.lock().members() == 0), "all are gone");
    count("cases", cases);
}

/// Of a second program in one address space.
const ANOTHER_PLACE: u64 = 0x50_0000;

/// No call and no tick brings them into the kernel.
fn ended_on_another_cpu(web: &'static Container) {
    let ends = |id| {
        let report = user::spawn(cpu(0), with(web, &MAKES_CALL, [END, id, 0, 0])).expect("a process").join();
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
    let begins = user::host(cpu(1), with(web, &LOOPS_FOR_EVER, [0; 4]), |process| {
        go.receiver().recv();
        let ended = process.run([0; 4]);
        check!(ended == Ended::EndedByFellow, "its fellow that begins on another CPU {ended}");
    });
    ends(10);
    go.sender().send(1);
    begins.expect("a process").join();
}
