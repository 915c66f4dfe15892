//! A name stands for a channel of the caller's namespace, one end of which is its opener's alone, or for nothing.

use case::{
    check,
    contained::{OPENS, stopped, with, words},
    count, cpu, for_ever,
};
use switchlab_kernel::{
    bring_up::Lab,
    container::{self, Container, NameSpace},
    program,
    sched::Channel,
    user::{
        self, Ended, Port, Spec,
        system_call::{DONE, IN_USE, UNKNOWN_NAME},
    },
};

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

static NAMES: [NameSpace; 2] = [const { container::name_space() }; 2];

pub fn container_names(_: &Lab) {
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
    count("cases", cases);
}
