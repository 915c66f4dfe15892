//! What each CPU was found to do, and who is to blame for a hang: pure, from what was seen.

use super::kernel::{Task, Wait};

/// A CPU, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The kernel's number, or QEMU's where the kernel has none.
    pub cpu: u32,
    /// What it does.
    pub state: State,
    /// Whether it would take an interrupt.
    pub has_interrupts_on: bool,
    /// The function, and how far in.
    pub place: String,
    /// Interrupts that arrived, and were not taken.
    pub pending: Vec<String>,
    /// Those that were taken, and not acknowledged.
    pub in_service: Vec<String>,
    /// The IPI that it sent last, and to whom.
    pub sent: String,
    /// What the kernel has of it, where that can be read.
    pub kernel: Option<InKernel>,
}

/// What a CPU does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It runs instructions.
    Runs,
    /// It halts.
    Halts,
    /// It was never started.
    NotStarted,
}

/// What the kernel has of a CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InKernel {
    /// Who runs; `None` for the idle task.
    pub task: Option<Task>,
    /// What that one waits for, where it is known.
    pub wait: Option<Wait>,
    /// Switches and messages between two looks; `None` where one of them did not tell.
    pub work: Option<u64>,
    /// A wake-up lies in its inbox.
    pub has_mail: bool,
    /// Wake-up IPIs sent.
    pub ipis_sent: u64,
    /// Those that its handler took.
    pub ipis_taken: u64,
    /// Those it looked after.
    pub ipis_seen: u64,
}

/// Names who is to blame, in a line each; where nobody is, says what is so.
pub fn culprits(all: &[Found], apart: &str) -> Vec<String> {
    let work: u64 = all.iter().filter_map(|found| found.kernel?.work).sum();
    let deaf = all.iter().filter(|found| found.state == State::Halts && !found.has_interrupts_on);
    let mut named: Vec<String> = deaf
        .map(|found| {
            let (cpu, place) = (found.cpu, &found.place);
            format!("CPU {cpu} halts with interrupts off, in {place}: only an NMI or a reset ends that")
        })
        .collect();
    if work > 0 {
        named.push(format!(
            "no other hang: switches and messages went on, {work} of them in {apart}: the guest is slower than its deadline"
        ));
        return named;
    }
    named.extend(all.iter().filter_map(|found| stuck(found, apart)));
    named.extend(all.iter().filter_map(|found| lost(found, all)));
    if named.is_empty() {
        named.extend(circles(all));
    }
    if named.is_empty() {
        named.extend(all.iter().filter_map(waits_in_vain));
    }
    if named.is_empty() {
        named.push("none is found: see what each CPU does".into());
    }
    named
}

/// A CPU that runs and gets nowhere, or that nothing gets through to.
fn stuck(found: &Found, apart: &str) -> Option<String> {
    let cpu = found.cpu;
    match found.state {
        State::Runs => {
            let interrupts = if found.has_interrupts_on { "on" } else { "off" };
            let waiting = match found.pending.as_slice() {
                [] => String::new(),
                pending => format!("; pending: {}", pending.join(", ")),
            };
            let place = &found.place;
            let got_on = match found.kernel.and_then(|kernel| kernel.work) {
                Some(_) => format!("no switch and no message was counted in {apart}"),
                None => "whether it got on is not known: its kernel does not tell".into(),
            };
            Some(format!("CPU {cpu} runs with interrupts {interrupts}, in {place}, and {got_on}{waiting}"))
        }
        State::Halts if !found.in_service.is_empty() && found.has_interrupts_on => Some(format!(
            "CPU {cpu} took {} and never acknowledged it, so its APIC holds back all that is not more urgent",
            found.in_service.join(", ")
        )),
        _ => None,
    }
}

/// A wake-up that has come to a CPU of `all`, which halts all the same.
fn lost(found: &Found, all: &[Found]) -> Option<String> {
    let kernel = found.kernel.filter(|_| found.state == State::Halts && found.has_interrupts_on)?;
    let cpu = found.cpu;
    if !found.pending.is_empty() {
        return None;
    }
    if kernel.ipis_taken != kernel.ipis_seen {
        let (taken, seen) = (kernel.ipis_taken, kernel.ipis_seen);
        return Some(format!("lost wake-up: CPU {cpu} took {taken} IPIs, looked after {seen}, and halts"));
    }
    if kernel.has_mail {
        return Some(format!(
            "lost wake-up: one lies in the inbox of CPU {cpu}, which halts, and no IPI came with it"
        ));
    }
    let Some(Wait::Message { from, is_there: true }) = kernel.wait else { return None };
    let of = kernel.task.map_or_else(String::new, |task| format!(" for task {}", task.number));
    let by = from.map_or_else(String::new, |from| format!(" from task {} on CPU {}", from.number, from.cpu));
    // Where its IPI went, if not to this CPU.
    let sender = from.and_then(|from| all.iter().find(|found| found.cpu == from.cpu));
    let sent = sender.filter(|sender| !sender.sent.is_empty());
    let sent =
        sent.map_or_else(String::new, |sender| format!("; CPU {} sent last: {}", sender.cpu, sender.sent));
    Some(format!(
        "lost wake-up: a message{by} lies there{of} on CPU {cpu}, which halts, and no IPI came with it{sent}"
    ))
}

/// Tasks that wait for each other, each circle once.
fn circles(all: &[Found]) -> Vec<String> {
    let waits: Vec<(Task, Wait)> = all
        .iter()
        .filter_map(|found| found.kernel)
        .filter_map(|kernel| Some((kernel.task?, kernel.wait?)))
        .collect();
    let next =
        |task: Task| waits.iter().find(|(waiting, _)| *waiting == task).and_then(|(_, wait)| wait.whom());
    let mut circles = Vec::new();
    for &(first, _) in &waits {
        let mut circle = vec![first];
        let mut whom = next(first);
        while let Some(task) = whom.filter(|task| !circle.contains(task)) {
            circle.push(task);
            whom = next(task);
        }
        // By the one with the least number.
        if whom == Some(first) && circle.iter().all(|task| first.number <= task.number) {
            let links = circle.iter().filter_map(|task| waits.iter().find(|(waiting, _)| waiting == task));
            let links: Vec<_> = links.map(|(task, wait)| link(*task, wait)).collect();
            circles.push(format!("a circle: {}", links.join("; ")));
        }
    }
    circles
}

fn link(task: Task, wait: &Wait) -> String {
    format!("task {} on CPU {} waits for {}", task.number, task.cpu, what(wait))
}

fn waits_in_vain(found: &Found) -> Option<String> {
    let kernel = found.kernel?;
    let task = kernel.task?;
    let waits = match &kernel.wait {
        Some(wait) => link(task, wait),
        None => format!("task {} on CPU {} halts in {}", task.number, task.cpu, found.place),
    };
    let coming = match found.pending.as_slice() {
        [] => "nothing is on its way".into(),
        pending => format!("{} has come and is not taken", pending.join(", ")),
    };
    Some(format!("{waits}, and {coming}"))
}

/// What is waited for, in words.
pub fn what(wait: &Wait) -> String {
    let of = |whom: Option<Task>, nobody: &str| match whom {
        Some(task) => format!("task {} on CPU {}", task.number, task.cpu),
        None => nobody.to_owned(),
    };
    match *wait {
        Wait::Message { from, is_there: false } => format!("a message from {}", of(from, "nobody yet")),
        Wait::Message { from, is_there: true } => {
            format!("the IPI of a message from {}", of(from, "nobody known"))
        }
        Wait::Room { of: whom } => format!("room for a message to {}", of(whom, "nobody yet")),
        Wait::End { of: whom } => format!("the end of {}", of(whom, "a task")),
        Wait::WakeUp => "a wake-up".into(),
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    pub fn task(number: u32) -> Task {
        Task { number, cpu: number }
    }

    /// Halts with interrupts on, idle.
    pub fn idle(cpu: u32) -> Found {
        Found {
            cpu,
            state: State::Halts,
            has_interrupts_on: true,
            place: "run_idle+0x8".into(),
            pending: Vec::new(),
            in_service: Vec::new(),
            sent: String::new(),
            kernel: Some(InKernel { work: Some(0), ..InKernel::default() }),
        }
    }

    /// Task `cpu` halts there for this.
    pub fn waiting(cpu: u32, wait: Wait) -> Found {
        let kernel =
            InKernel { task: Some(task(cpu)), wait: Some(wait), work: Some(0), ..InKernel::default() };
        Found { place: "recv+0x10".into(), kernel: Some(kernel), ..idle(cpu) }
    }

    pub fn message_from(number: u32) -> Wait {
        Wait::Message { from: Some(task(number)), is_there: false }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{idle, message_from, task, waiting};
    use super::*;

    fn named(all: &[Found]) -> Vec<String> {
        culprits(all, "300 ms")
    }

    fn in_kernel(found: Found, change: impl FnOnce(&mut InKernel)) -> Found {
        let mut kernel = found.kernel.unwrap_or_default();
        change(&mut kernel);
        Found { kernel: Some(kernel), ..found }
    }

    #[test]
    fn deaf_cpu_is_named_whatever_else_goes_on() {
        let deaf = Found { has_interrupts_on: false, ..idle(1) };
        let expected = "CPU 1 halts with interrupts off, in run_idle+0x8: only an NMI or a reset ends that";
        assert_eq!(named(&[idle(0), deaf.clone()]), [expected]);
        let at_work = in_kernel(idle(0), |kernel| kernel.work = Some(7));
        let named = named(&[at_work, deaf]);
        assert_eq!(named[0], expected);
        assert!(named[1].contains("7 of them in 300 ms"), "{named:?}");
    }

    #[test]
    fn cpu_that_was_not_started_is_not_deaf() {
        let not_started = Found { state: State::NotStarted, has_interrupts_on: false, ..idle(1) };
        assert_eq!(named(&[idle(0), not_started]), ["none is found: see what each CPU does"]);
    }

    #[test]
    fn cpu_that_gets_nowhere_is_named_with_what_waits_for_it() {
        let spins = |has_interrupts_on| Found {
            state: State::Runs,
            has_interrupts_on,
            place: "spin+0x2".into(),
            pending: vec!["wake-up".into()],
            ..idle(2)
        };
        let text = |interrupts| {
            format!(
                "CPU 2 runs with interrupts {interrupts}, in spin+0x2, and no switch and no message was counted in 300 ms; \
                 pending: wake-up"
            )
        };
        // Who waits for a task of that CPU is not to blame.
        assert_eq!(named(&[waiting(0, message_from(2)), spins(false)]), [text("off")]);
        assert_eq!(named(&[idle(0), spins(true)]), [text("on")]);
        let at_work = in_kernel(spins(false), |kernel| kernel.work = Some(1));
        assert!(named(&[at_work])[0].starts_with("no other hang: "));
        let silent = Found { kernel: None, ..spins(true) };
        let told_once = in_kernel(spins(true), |kernel| kernel.work = None);
        for unknown in [silent, told_once] {
            let named = named(&[unknown]);
            assert!(
                named[0].contains("whether it got on is not known") && !named[0].contains("no switch"),
                "{named:?}"
            );
        }
    }

    #[test]
    fn interrupt_that_nobody_acknowledged_is_named() {
        let (in_service, pending) = (vec!["wake-up".into()], vec!["tick".into()]);
        let named = named(&[idle(0), Found { in_service, pending, ..idle(1) }]);
        assert_eq!(named.len(), 1);
        assert!(named[0].starts_with("CPU 1 took wake-up and never acknowledged it"), "{named:?}");
    }

    #[test]
    fn lost_wake_ups_are_told_from_each_other_and_from_those_on_their_way() {
        let not_looked_after = in_kernel(idle(1), |kernel| (kernel.ipis_taken, kernel.ipis_seen) = (4, 3));
        assert_eq!(
            named(&[not_looked_after]),
            ["lost wake-up: CPU 1 took 4 IPIs, looked after 3, and halts"]
        );
        let mail = in_kernel(idle(1), |kernel| kernel.has_mail = true);
        let expected = "lost wake-up: one lies in the inbox of CPU 1, which halts, and no IPI came with it";
        assert_eq!(named(std::slice::from_ref(&mail)), [expected]);
        let there = waiting(1, Wait::Message { from: Some(task(2)), is_there: true });
        let expected = "lost wake-up: a message from task 2 on CPU 2 lies there for task 1 on CPU 1, which halts, and \
                        no IPI came with it";
        assert_eq!(named(std::slice::from_ref(&there)), [expected]);
        let sender = Found { sent: "wake-up to APIC id 254".into(), ..idle(2) };
        let expected = format!("{expected}; CPU 2 sent last: wake-up to APIC id 254");
        assert_eq!(named(&[there.clone(), sender]), [expected]);
        for found in [mail, there] {
            let on_its_way = Found { pending: vec!["wake-up".into()], ..found };
            assert!(!named(&[on_its_way])[0].starts_with("lost"));
        }
    }

    #[test]
    fn circles_are_named_once_and_who_waits_for_one_is_not() {
        let all = [
            waiting(0, Wait::End { of: Some(task(1)) }),
            waiting(1, message_from(3)),
            waiting(2, Wait::Room { of: Some(task(1)) }),
            waiting(3, message_from(2)),
        ];
        let expected = "a circle: task 1 on CPU 1 waits for a message from task 3 on CPU 3; task 3 on CPU 3 waits for a \
                        message from task 2 on CPU 2; task 2 on CPU 2 waits for room for a message to task 1 on CPU 1";
        assert_eq!(named(&all), [expected]);
        let pairs = [(0, 1), (1, 0), (2, 3), (3, 2)].map(|(cpu, from)| waiting(cpu, message_from(from)));
        assert_eq!(named(&pairs).len(), 2);
    }

    #[test]
    fn who_waits_for_nobody_is_named_where_there_is_no_circle() {
        let alone = in_kernel(waiting(1, Wait::WakeUp), |kernel| kernel.wait = None);
        let nobody = waiting(2, Wait::Message { from: None, is_there: false });
        let expected = [
            "task 0 on CPU 0 waits for a wake-up, and nothing is on its way",
            "task 1 on CPU 1 halts in recv+0x10, and nothing is on its way",
            "task 2 on CPU 2 waits for a message from nobody yet, and nothing is on its way",
        ];
        assert_eq!(named(&[waiting(0, Wait::WakeUp), alone, nobody]), expected);
        let pending = Found { pending: vec!["wake-up".into()], ..waiting(0, Wait::WakeUp) };
        let expected = "task 0 on CPU 0 waits for a wake-up, and wake-up has come and is not taken";
        assert_eq!(named(&[pending]), [expected]);
    }
}
