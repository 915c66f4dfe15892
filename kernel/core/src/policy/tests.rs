//! The policies over random sequences of what can happen: tasks wake each other, wait, and CPUs look for
//! work. After each step every task is in one place, and none waits longer than its bound.

use std::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use proptest::{
    prelude::*,
    test_runner::{RngAlgorithm, TestError, TestRng, TestRunner},
};

use super::*;
use crate::random::SplitMix64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Ready,
    Running(usize),
    Blocked,
}

#[derive(Debug)]
struct Task {
    place: Place,
    last: usize,
    /// Since it was made ready: picks of its CPU that went by, and how many may.
    passed: u64,
    bound: u64,
}

/// CPUs with queues, one after the other; every change is held against the invariants.
struct Machine {
    queues: Vec<Queue<'static>>,
    running: Vec<Option<u32>>,
    tasks: Vec<Task>,
    random: SplitMix64,
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// What runs on this CPU wakes a blocked task.
    Wake { cpu: usize, task: u32 },
    /// What runs on this CPU waits, and the next runs.
    Wait { cpu: usize },
    /// What runs on this CPU goes to the end of the line, as when a wake-up came before it was left.
    WaitInVain { cpu: usize },
}

impl Machine {
    fn new<P: Policy>(cpus: usize, tasks: u32, seed: u64) -> Self {
        let queue = |_| Queue::new(vec![0; Queue::slots(tasks as usize)].leak());
        let mut machine = Self {
            queues: (0..cpus).map(queue).collect(),
            running: vec![None; cpus],
            tasks: (0..tasks).map(|_| Task { place: Place::Blocked, last: 0, passed: 0, bound: 0 }).collect(),
            random: SplitMix64::new(seed),
        };
        for task in 0..tasks {
            machine.make_ready::<P>(task, P::place_new(task, 0, cpus));
        }
        machine
    }

    fn make_ready<P: Policy>(&mut self, task: u32, at: usize) {
        let bound = P::most_passed_over(self.queues[at].len());
        let place = &mut self.tasks[task as usize];
        assert_eq!(place.place, Place::Blocked);
        *place = Task { place: Place::Ready, last: place.last, passed: 0, bound };
        self.queues[at].put(task);
    }

    /// The CPU goes on with the next, of its own or of another's; returns whether there is one.
    fn go_on<P: Policy>(&mut self, cpu: usize) -> bool {
        let mut next = P::next(&mut self.queues[cpu]);
        if next.is_none() && P::IDLE == Idle::Steal {
            let mut watched = Watched(&mut self.queues);
            next = steal::<P>(&mut watched, cpu, &mut self.random);
        }
        let Some(task) = next else {
            if P::IDLE == Idle::Steal {
                assert!(self.queues.iter().all(|queue| queue.len() < 2), "CPU {cpu} overlooked a task");
            }
            return false;
        };
        for waiting in self.queues[cpu].iter() {
            let waiting = &mut self.tasks[waiting as usize];
            waiting.passed += 1;
            assert!(waiting.passed <= waiting.bound, "{waiting:?} is passed over on CPU {cpu}");
        }
        let place = &mut self.tasks[task as usize];
        assert_eq!(place.place, Place::Ready, "task {task}");
        (place.place, place.last) = (Place::Running(cpu), cpu);
        self.running[cpu] = Some(task);
        true
    }

    fn step<P: Policy>(&mut self, step: Step) {
        match step {
            Step::Wake { cpu, task } => {
                if self.running[cpu].is_some() && self.tasks[task as usize].place == Place::Blocked {
                    self.make_ready::<P>(task, P::place_woken(self.tasks[task as usize].last, cpu));
                }
            }
            Step::Wait { cpu } | Step::WaitInVain { cpu } => {
                if let Some(task) = self.running[cpu].take() {
                    self.tasks[task as usize].place = Place::Blocked;
                    if matches!(step, Step::WaitInVain { .. }) {
                        self.make_ready::<P>(task, P::place_woken(cpu, cpu));
                    }
                }
                self.go_on::<P>(cpu);
            }
        }
        self.check();
    }

    /// No task is lost, none is in two places.
    fn check(&self) {
        let mut found = vec![0; self.tasks.len()];
        for task in self.queues.iter().flat_map(Queue::iter) {
            assert_eq!(self.tasks[task as usize].place, Place::Ready, "task {task} is in a queue");
            found[task as usize] += 1;
        }
        for (cpu, task) in self.running.iter().enumerate() {
            if let Some(task) = *task {
                assert_eq!(self.tasks[task as usize].place, Place::Running(cpu), "task {task} runs");
                found[task as usize] += 1;
            }
        }
        for (task, found) in self.tasks.iter().zip(found) {
            assert_eq!(found, usize::from(task.place != Place::Blocked), "{task:?}");
        }
    }
}

/// The queues, each theft held against what it must leave.
struct Watched<'a>(&'a mut [Queue<'static>]);

impl Queues for Watched<'_> {
    fn cpus(&self) -> usize {
        self.0.len()
    }

    fn len(&self, cpu: usize) -> usize {
        self.0[cpu].len()
    }

    fn with_both<T>(
        &mut self,
        thief: usize,
        victim: usize,
        act: impl FnOnce(&mut Queue<'_>, &mut Queue<'_>) -> T,
    ) -> T {
        let before: Vec<_> = self.0[victim].iter().collect();
        assert!(self.0[thief].is_empty() && before.len() > 1, "CPU {thief} takes of {before:?}");
        let [own, other] = self.0.get_disjoint_mut([thief, victim]).expect("nobody takes of itself");
        let result = act(own, other);
        // The thief has one of them already.
        let (oldest, rest) = before.split_at(before.len() / 2);
        assert!(other.iter().eq(rest.iter().copied()), "the rest stays, in order");
        let left: Vec<_> = own.iter().collect();
        let gone: Vec<_> = oldest.iter().copied().filter(|task| !left.contains(task)).collect();
        assert_eq!(
            (gone.len(), left.len()),
            (1, oldest.len() - 1),
            "half of {before:?}, of which one goes on"
        );
        assert!(
            left.is_sorted_by_key(|task| oldest.iter().position(|of| of == task)),
            "the oldest, in order"
        );
        result
    }
}

fn sequences() -> impl Strategy<Value = (usize, u32, u64, Vec<Step>)> {
    (1_usize..6, 1_u32..12, any::<u64>()).prop_flat_map(|(cpus, tasks, seed)| {
        let step = prop_oneof![
            (0..cpus, 0..tasks).prop_map(|(cpu, task)| Step::Wake { cpu, task }),
            (0..cpus).prop_map(|cpu| Step::Wait { cpu }),
            (0..cpus).prop_map(|cpu| Step::WaitInVain { cpu }),
        ];
        (Just(cpus), Just(tasks), Just(seed), proptest::collection::vec(step, 1..400))
    })
}

fn keeps_the_invariants<P: Policy>((cpus, tasks, seed, steps): (usize, u32, u64, Vec<Step>)) {
    let mut machine = Machine::new::<P>(cpus, tasks, seed);
    machine.check();
    for step in steps {
        machine.step::<P>(step);
    }
    // Whoever runs waits, until nobody is left: all were run.
    for _ in 0..=tasks {
        for cpu in 0..cpus {
            machine.step::<P>(Step::Wait { cpu });
        }
    }
    assert!(machine.tasks.iter().all(|task| task.place == Place::Blocked), "{:?}", machine.tasks);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn round_robin_loses_none_and_doubles_none_and_starves_none(sequence in sequences()) {
        keeps_the_invariants::<RoundRobin>(sequence);
    }

    #[test]
    fn lifo_loses_none_and_doubles_none_and_starves_none(sequence in sequences()) {
        keeps_the_invariants::<Lifo<2>>(sequence);
    }

    #[test]
    fn stealing_loses_none_and_doubles_none_and_starves_none(sequence in sequences()) {
        keeps_the_invariants::<Stealing<2>>(sequence);
    }

    #[test]
    fn thief_looks_at_each_other_cpu_once(cpus in 1_usize..65, me in 0_usize..64, seed: u64) {
        let me = me % cpus;
        let mut victims: Vec<_> = Victims::of(me, cpus, &mut SplitMix64::new(seed)).collect();
        victims.sort_unstable();
        prop_assert!(victims.into_iter().eq((0..cpus).filter(|cpu| *cpu != me)));
    }
}

/// What the invariants say of a policy that breaks one of them.
fn found_in<P: Policy>() -> String {
    let config =
        ProptestConfig { failure_persistence: None, max_shrink_iters: 0, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let kept = runner.run(&sequences(), |sequence| {
        keeps_the_invariants::<P>(sequence);
        Ok(())
    });
    match kept {
        Err(TestError::Fail(reason, _)) => reason.message().to_string(),
        other => panic!("nothing was found: {other:?}"),
    }
}

/// Round-robin, but for its choice of the next, and with a bound of its own.
macro_rules! round_robin_but {
    ($name:ident, $bound:expr, $queue:ident => $next:expr) => {
        enum $name {}

        impl Policy for $name {
            const NAME: PolicyName = PolicyName::RoundRobin;
            const IDLE: Idle = Idle::Wait;

            fn place_new(task: u32, starter: usize, cpus: usize) -> usize {
                RoundRobin::place_new(task, starter, cpus)
            }

            fn place_woken(last: usize, waker: usize) -> usize {
                RoundRobin::place_woken(last, waker)
            }

            fn most_passed_over(ahead: usize) -> u64 {
                $bound(ahead)
            }

            fn next($queue: &mut Queue<'_>) -> Option<u32> {
                $next
            }

            fn call(at: usize, idle: u64) -> Option<usize> {
                RoundRobin::call(at, idle)
            }
        }
    };
}

round_robin_but!(Loses, RoundRobin::most_passed_over, queue => {
    if queue.len() > 2 {
        queue.take_oldest();
    }
    queue.take_oldest()
});
// Who is there twice is passed over for ever.
round_robin_but!(Doubles, |_| u64::MAX, queue => {
    let oldest = queue.take_oldest()?;
    if queue.len() > 1 {
        queue.put(oldest);
    }
    Some(oldest)
});
round_robin_but!(Starves, RoundRobin::most_passed_over, queue => queue.take_newest_in_turn(u32::MAX));

#[test]
fn policy_that_loses_doubles_or_starves_a_task_is_found() {
    for (found, say) in [
        (found_in::<Loses>(), "left: 0\n right: 1"),
        (found_in::<Doubles>(), "is in a queue"),
        (found_in::<Starves>(), "is passed over on CPU"),
    ] {
        assert!(found.contains(say), "`{say}` in `{found}`");
    }
}

/// Two tasks that wake each other for ever, and others that wait: on one CPU.
fn longest_wait<P: Policy>(others: u32) -> u64 {
    let mut machine = Machine::new::<P>(1, others + 2, 0);
    let mut longest = 0;
    machine.go_on::<P>(0);
    for _ in 0..10_000 {
        // Who runs wakes its partner, the one of the two that waits, and waits itself.
        let runs = machine.running[0].unwrap();
        if runs < 2 {
            machine.step::<P>(Step::Wake { cpu: 0, task: 1 - runs });
            machine.step::<P>(Step::Wait { cpu: 0 });
        } else {
            machine.step::<P>(Step::WaitInVain { cpu: 0 });
        }
        longest = machine.tasks.iter().map(|task| task.passed).chain([longest]).max().unwrap();
    }
    longest
}

#[test]
fn pair_that_hands_over_to_each_other_starves_nobody() {
    assert!(longest_wait::<RoundRobin>(3) <= 4);
    let turns = u64::from(TURNS);
    for longest in [longest_wait::<Lifo<TURNS>>(1), longest_wait::<Stealing<TURNS>>(1)] {
        assert!((turns..=2 * (turns + 1)).contains(&longest), "{longest}");
    }
}

#[test]
fn lifo_runs_whom_it_woke_next_on_the_wakers_cpu() {
    let mut queue = Queue::new(vec![0; 4].leak());
    [0, 1, 2].into_iter().for_each(|task| queue.put(task));
    assert_eq!(Lifo::<TURNS>::place_woken(3, 1), 1);
    queue.put(3);
    assert_eq!(Lifo::<TURNS>::next(&mut queue), Some(3));
    assert_eq!(RoundRobin::place_woken(3, 1), 3);
    assert_eq!(RoundRobin::next(&mut queue), Some(0));
}

#[test]
fn stolen_task_is_passed_over_no_more_often_than_where_it_was() {
    let mut victim = Queue::new(vec![0; 4].leak());
    let mut thief = Queue::new(vec![0; 4].leak());
    [0, 1].into_iter().for_each(|task| victim.put(task));
    // Task 1 hands over to itself while 0 waits: but for one turn as often as it may.
    for _ in 1..TURNS {
        assert_eq!(Stealing::<TURNS>::next(&mut victim), Some(1));
        victim.put(1);
    }
    assert_eq!(victim.give_half(&mut thief), 1);
    // And so do 2 and 3 on the thief.
    thief.put(2);
    assert_eq!(Stealing::<TURNS>::next(&mut thief), Some(2), "one turn was left");
    thief.put(3);
    assert_eq!(Stealing::<TURNS>::next(&mut thief), Some(0), "it was passed over often enough");
}

#[test]
fn idle_cpu_is_called_where_it_can_get_something() {
    assert_eq!(RoundRobin::call(2, 0b1100), Some(2));
    assert_eq!(RoundRobin::call(1, 0b1100), None);
    assert_eq!(Lifo::<TURNS>::call(1, 0b1100), None);
    assert_eq!(Stealing::<TURNS>::call(1, 0b1100), Some(2));
    assert_eq!(Stealing::<TURNS>::call(1, 0), None);
    assert_eq!(RoundRobin::call(63, 1 << 63), Some(63));
}

#[test]
fn list_of_names_reads_back_in_the_order_in_which_it_is_shown() {
    let policies = Policies::parse("stealing,round-robin").unwrap();
    assert_eq!(policies.iter().collect::<Vec<_>>(), [PolicyName::RoundRobin, PolicyName::Stealing]);
    assert_eq!(policies.to_string(), "round-robin,stealing");
    assert_eq!(Policies::parse(&format!("{}", Policies::ALL)), Some(Policies::ALL));
}

#[test]
fn list_with_a_name_that_is_none_or_twice_or_missing_is_refused() {
    for text in ["", "lifo,", ",lifo", "lifo,lifo", "fifo", "LIFO", "lifo stealing"] {
        assert_eq!(Policies::parse(text), None, "{text}");
    }
}
