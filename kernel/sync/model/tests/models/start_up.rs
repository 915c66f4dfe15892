//! The start of CPUs, one after the other, each with a deadline: a CPU that comes in time has its own stack, nobody
//! else has it, and the starter sees what it has done; one that comes late has none, though the next one has been
//! offered the same by then.

use loom::{cell::UnsafeCell, thread};
use switchlab_sync_model::{
    Platform,
    start_up::{GivenUp, StartUp, StillComing},
};

use crate::{
    explore::{Explore, for_ever, see},
    machine::{Model, ModelCpu, touch},
};

/// Two APs at most, with numbers from 1 on.
const PLACES: usize = 3;

#[derive(Clone, Copy)]
struct Shared {
    start_up: &'static StartUp,
    /// What a CPU that runs uses, and whoever gives it away: the checker fails where two do and neither is behind the
    /// other.
    stacks: &'static [UnsafeCell<u64>; PLACES],
    /// What an AP writes before it says that it has arrived.
    data: &'static [UnsafeCell<u64>; PLACES],
}

fn share<const N: usize>(_: [&'static ModelCpu; N]) -> Shared {
    let cells = || for_ever(std::array::from_fn(|_| UnsafeCell::new(0)));
    let start_up = for_ever(StartUp::new());
    touch(start_up);
    Shared { start_up, stacks: cells(), data: cells() }
}

fn write(cell: &UnsafeCell<u64>, value: u64) {
    // SAFETY: the checker sees to it that nobody else does.
    cell.with_mut(|place| unsafe { *place = value });
}

fn read(cell: &UnsafeCell<u64>) -> u64 {
    // SAFETY: the checker sees to it that nobody writes.
    cell.with(|place| unsafe { *place })
}

/// The start-up IPI, which an AP waits for.
fn call(cpu: &'static ModelCpu) {
    Model::send_ipi(cpu.cpu().words());
}

/// What an AP does, from its start-up IPI on.
fn ap(own: u32) -> impl Fn(Shared, &'static ModelCpu) + Send + Sync {
    move |Shared { start_up, stacks, data }, _| {
        Model::halt();
        let Some((stack, argument)) = start_up.take(own) else {
            see(format_args!("CPU {own} is late"));
            return;
        };
        assert_eq!(argument, u64::from(own), "what was offered to another");
        let stack = &stacks[stack as usize];
        assert_eq!(read(stack), u64::from(own), "a stack that was prepared for another");
        write(&data[own as usize], 7);
        start_up.arrive(own);
        // It goes on running there.
        write(stack, u64::from(own));
        see(format_args!("CPU {own} runs"));
    }
}

/// Starts the APs `cpus`, which are numbers 1 and so on, as the kernel does: the deadline passes at any time.
fn start_all(Shared { start_up, stacks, data }: Shared, cpus: &[&'static ModelCpu]) {
    let mut stack = 1;
    for (own, cpu) in (1..).zip(cpus) {
        write(&stacks[stack], own.into());
        if let Err(StillComing { who }) = start_up.offer(own, stack as u64, own.into()) {
            assert_eq!(who, own - 1);
            see(format_args!("CPU {own} is not called in time"));
            // It finds nothing that is its own.
            call(cpu);
            continue;
        }
        call(cpu);
        let is_up = start_up.is_up(own);
        match if is_up { GivenUp::Up } else { start_up.give_up(own) } {
            GivenUp::Up => {
                see(format_args!("CPU {own} is up"));
                assert_eq!(read(&data[own as usize]), 7, "what it did before it arrived");
                stack += 1;
            }
            // The next one is offered that stack.
            GivenUp::NotTaken => see(format_args!("CPU {own} is given up")),
            GivenUp::Taken => {
                see(format_args!("CPU {own} is somewhere"));
                stack += 1;
            }
        }
    }
}

#[test]
fn cpu_comes_in_time_or_finds_nothing() {
    Explore::ALL
        .run(
            |cpus: [_; 2]| (share(cpus), cpus),
            [
                Box::new(|(shared, cpus): (_, [_; 2]), _| start_all(shared, &cpus[1..])),
                Box::new(|(shared, _), cpu| ap(1)(shared, cpu)),
            ],
            |_, _| (),
        )
        .at_least(4)
        .saw(&["CPU 1 is given up", "CPU 1 is late", "CPU 1 is somewhere", "CPU 1 is up", "CPU 1 runs"]);
}

#[test]
fn cpu_that_comes_late_takes_nothing_that_the_next_one_was_given() {
    Explore::ALL
        .run(
            |cpus: [_; 3]| (share(cpus), cpus),
            [
                Box::new(|(shared, cpus): (_, [_; 3]), _| start_all(shared, &cpus[1..])),
                Box::new(|(shared, _), cpu| ap(1)(shared, cpu)),
                Box::new(|(shared, _), cpu| ap(2)(shared, cpu)),
            ],
            |_, _| (),
        )
        .at_least(50)
        .saw(&[
            "CPU 1 is given up",
            "CPU 1 is late",
            "CPU 1 is somewhere",
            "CPU 1 is up",
            "CPU 1 runs",
            "CPU 2 is given up",
            "CPU 2 is late",
            "CPU 2 is not called in time",
            "CPU 2 is somewhere",
            "CPU 2 is up",
            "CPU 2 runs",
        ]);
}

/// Without a deadline both come.
#[test]
fn cpu_that_is_waited_for_is_seen_to_come() {
    Explore::ALL
        .run(
            |cpus: [_; 3]| (share(cpus), cpus),
            [
                Box::new(|(Shared { start_up, stacks, data }, cpus): (Shared, [&'static ModelCpu; 3]), _| {
                    for own in 1..=2_u32 {
                        write(&stacks[own as usize], own.into());
                        assert_eq!(start_up.offer(own, own.into(), own.into()), Ok(()));
                        call(cpus[own as usize]);
                        while !start_up.is_up(own) {
                            thread::yield_now();
                        }
                        assert_eq!(read(&data[own as usize]), 7, "what it did before it arrived");
                    }
                }),
                Box::new(|(shared, _), cpu| ap(1)(shared, cpu)),
                Box::new(|(shared, _), cpu| ap(2)(shared, cpu)),
            ],
            |_, _| (),
        )
        .at_least(4)
        .saw(&["CPU 1 runs", "CPU 2 runs"]);
}

/// Given up and tried once more, it takes the one offer or the other, though it was called by the first.
#[test]
fn cpu_that_is_tried_twice_takes_one_offer() {
    Explore::ALL
        .run(
            |cpus: [_; 2]| (share(cpus), cpus),
            [
                Box::new(|(Shared { start_up, stacks, data }, cpus): (Shared, [&'static ModelCpu; 2]), _| {
                    for (stack, time) in [(1, "first"), (2, "second")] {
                        write(&stacks[stack], 1);
                        assert_eq!(start_up.offer(1, stack as u64, 1), Ok(()));
                        call(cpus[1]);
                        match start_up.give_up(1) {
                            GivenUp::NotTaken => continue,
                            GivenUp::Taken => {}
                            GivenUp::Up => assert_eq!(read(&data[1]), 7, "what it did before it arrived"),
                        }
                        see(format_args!("{time} offer taken"));
                        return;
                    }
                    see("none taken");
                }),
                Box::new(|(shared, _), cpu| ap(1)(shared, cpu)),
            ],
            |_, _| (),
        )
        .at_least(10)
        .saw(&["CPU 1 is late", "CPU 1 runs", "first offer taken", "none taken", "second offer taken"]);
}
