//! A kernel of two CPUs, made of words: what is found in it.

use std::collections::BTreeMap;

use super::*;

/// Memory of words that are written one by one; the others of their kilobytes are 0.
#[derive(Default)]
struct Written(BTreeMap<u64, u64>);

impl Memory for Written {
    fn words(&mut self, address: u64, count: usize) -> Option<Vec<u64>> {
        let is_there = |address: u64| self.0.keys().any(|written| written >> 10 == address >> 10);
        let addresses = (0..count as u64).map(|word| address + 8 * word);
        addresses
            .map(|address| is_there(address).then(|| self.0.get(&address).copied().unwrap_or(0)))
            .collect()
    }
}

const TABLE: u64 = 0xffff_ffff_8000_0000;
const PER_CPUS: u64 = 0xffff_8000_0000_0000;
const CHANNEL: u64 = 0xffff_8000_0011_0040;

fn cpu_at(number: u64) -> u64 {
    0xffff_8000_0020_0000 + 0x400 * number
}

fn scheduler_of(number: u64) -> u64 {
    0xffff_8000_0030_0000 + 0x400 * number
}

fn task_at(number: u64) -> u64 {
    0xffff_8000_0040_0000 + 0x400 * number
}

/// Where each word of the table leads to: a layout of its own, in which nothing stands first and small fields share a word.
fn places() -> Vec<(Outside, u64)> {
    use Outside::*;
    let own = [CpuScheduler, CpuCurrent, CpuTail, CpuIpisTaken, CpuIpisSeen, CpuIpisSent, CpuSwitches];
    let own = own.into_iter().chain([CpuHandoffs, CpuInbox]).zip((0x18..).step_by(8));
    let others = [
        (CpuApicId, 0x14),
        (SchedulerIdle, 0x10),
        (SchedulerLine, 8),
        (TaskId, 0x64),
        (TaskScheduler, 0x10),
        (TaskParker, 0x20),
        (TaskStart, 0x40),
        (TaskEnd, 0x68),
        (ParkerToken, 0x11),
        (ParkerOwner, 8),
        (ChannelState, 0x10),
        (ChannelReceiver, 0x20),
        (ChannelSender, 0x40),
    ];
    own.chain(others).collect()
}

fn place(word: Outside) -> u64 {
    places().into_iter().find(|(other, _)| *other == word).expect("it leads somewhere").1
}

impl Written {
    /// Two CPUs, on each of which the task of its number runs beside an idle one, whose number is 10 more.
    fn two_cpus() -> Self {
        let mut memory = Self::default();
        let head = [
            (Outside::Magic, MAGIC),
            (Outside::Cpus, 2),
            (Outside::PerCpus, PER_CPUS),
            (Outside::WakeUp, 0x50),
        ];
        for (word, value) in head.into_iter().chain(places()) {
            memory.set(TABLE + 8 * word as u64, value);
        }
        for number in 0..2 {
            memory.set(PER_CPUS + 8 * number, cpu_at(number));
            memory.set(cpu_at(number) + 0x10, (7 + number) << 32 | 0xffff);
            memory.set(cpu_at(number) + place(Outside::CpuScheduler), scheduler_of(number));
            memory.set(cpu_at(number) + place(Outside::CpuCurrent), task_at(number));
            memory.set(scheduler_of(number) + place(Outside::SchedulerIdle), task_at(10 + number));
            memory.task(number, number);
            memory.task(10 + number, number);
        }
        memory
    }

    fn set(&mut self, address: u64, value: u64) {
        self.0.insert(address, value);
    }

    fn task(&mut self, number: u64, cpu: u64) {
        self.set(task_at(number) + 0x60, number << 32 | 0xffff);
        self.set(task_at(number) + place(Outside::TaskScheduler), scheduler_of(cpu));
        self.set(task_at(number) + place(Outside::TaskEnd), 1);
    }

    /// Somebody waits on the parker there.
    fn await_at(&mut self, parker: u64) {
        self.set(parker + 0x10, u64::from(PARKER_AWAITED) << 8 | 0xff_00ff);
    }

    /// A channel between task 1, which sends, and task 0.
    fn channel(&mut self, state: u64) {
        self.set(CHANNEL + place(Outside::ChannelState), state);
        for (end, task) in [(Outside::ChannelReceiver, 0), (Outside::ChannelSender, 1)] {
            self.set(CHANNEL + place(end) + place(Outside::ParkerOwner), task_at(task));
        }
    }

    fn kernel(&mut self) -> Kernel {
        Kernel::read(self, TABLE).unwrap()
    }

    /// What the task on CPU `number` waits for, which has these in hand.
    fn wait(&mut self, number: usize, hands: &[u64]) -> Option<Wait> {
        let kernel = self.kernel();
        kernel.wait(self, &kernel.cpus[number], hands)
    }
}

fn task(number: u32) -> Option<Task> {
    Some(Task { number, cpu: number % 10 })
}

#[test]
fn cpus_and_who_runs_there_are_found() {
    let mut memory = Written::two_cpus();
    for (word, value) in [(Outside::CpuIpisSent, 12), (Outside::CpuSwitches, 3), (Outside::CpuHandoffs, 4)] {
        memory.set(cpu_at(1) + place(word), value);
    }
    memory.set(cpu_at(1) + place(Outside::CpuInbox), CHANNEL);
    let kernel = memory.kernel();
    let cpu = kernel.cpus[1];
    assert_eq!((cpu.ipis_sent, cpu.work, cpu.has_mail, kernel.cpus[0].has_mail), (12, 7, true, false));
    assert_eq!((kernel.cpu_with(8), kernel.cpu_with(1)), (Some(1), None));
    assert_eq!(kernel.task(&mut memory, &cpu), task(1));
    assert_eq!((kernel.vector(0x50), kernel.vector(0x51)), (Some("wake-up"), None));
    memory.set(cpu_at(1) + place(Outside::CpuCurrent), task_at(11));
    let kernel = memory.kernel();
    assert_eq!(kernel.task(&mut memory, &kernel.cpus[1]), None, "the idle task");
}

#[test]
fn cpu_is_known_by_its_task_segment() {
    let kernel = Written::two_cpus().kernel();
    let of = |segment| kernel.cpu_of(segment).map(|cpu| cpu.number);
    assert_eq!((of(cpu_at(0) + 0x170), of(cpu_at(1)), of(cpu_at(1) + 0x170)), (Some(0), Some(1), Some(1)));
    assert_eq!((of(cpu_at(0) - 1), of(cpu_at(1) + PER_CPU_BYTES), of(0)), (None, None, None));
}

#[test]
fn what_is_no_table_is_none() {
    for (word, value) in [(Outside::Magic, 0), (Outside::Cpus, 0), (Outside::Cpus, MOST_CPUS + 1)] {
        let mut memory = Written::two_cpus();
        memory.set(TABLE + 8 * word as u64, value);
        assert!(Kernel::read(&mut memory, TABLE).is_none(), "{word:?}");
    }
}

#[test]
fn wait_for_an_end_or_a_wake_up_is_in_the_task() {
    let mut memory = Written::two_cpus();
    assert_eq!(memory.wait(0, &[]), None);
    memory.await_at(task_at(0) + place(Outside::TaskParker));
    assert_eq!(memory.wait(0, &[]), Some(Wait::WakeUp));
    memory.await_at(task_at(0) + place(Outside::TaskStart));
    assert_eq!(memory.wait(0, &[CHANNEL]), Some(Wait::End { of: None }));
    memory.task(21, 1);
    memory.set(task_at(21) + place(Outside::TaskEnd), task_at(0));
    assert_eq!(memory.wait(0, &[3]), Some(Wait::End { of: None }), "it is not in hand");
    assert_eq!(memory.wait(0, &[3, task_at(21)]), Some(Wait::End { of: task(21) }));
    memory.set(task_at(1) + place(Outside::TaskEnd), task_at(0));
    assert_eq!(memory.wait(0, &[]), Some(Wait::End { of: task(1) }), "one that runs");
}

#[test]
fn wait_in_a_channel_is_found_by_what_is_in_hand() {
    let mut memory = Written::two_cpus();
    memory.channel(CHANNEL_EMPTY);
    let empty = Some(Wait::Message { from: task(1), is_there: false });
    assert_eq!(memory.wait(0, &[CHANNEL]), None, "nobody waits there");
    memory.await_at(CHANNEL + place(Outside::ChannelReceiver));
    assert_eq!(memory.wait(0, &[]), None, "it is not in hand");
    assert_eq!(memory.wait(0, &[1, CHANNEL + 8, CHANNEL]), empty);
    assert_eq!(memory.wait(0, &[CHANNEL + place(Outside::ChannelReceiver)]), empty, "its parker is");
    assert_eq!(memory.wait(1, &[CHANNEL]), None, "another waits there");
    memory.channel(0);
    assert_eq!(memory.wait(0, &[CHANNEL]), Some(Wait::Message { from: task(1), is_there: true }));
    memory.await_at(CHANNEL + place(Outside::ChannelSender));
    assert_eq!(memory.wait(1, &[CHANNEL]), Some(Wait::Room { of: task(0) }));
}

#[test]
fn wait_on_a_line_or_in_a_direct_channel_needs_no_parker() {
    let mut memory = Written::two_cpus();
    memory.channel(CHANNEL_EMPTY);
    memory.set(scheduler_of(0) + place(Outside::SchedulerLine), CHANNEL);
    assert_eq!(memory.wait(0, &[]), None, "it is not alone: it does not wait so");
    memory.set(cpu_at(0) + place(Outside::CpuTail), task_at(0));
    let empty = Some(Wait::Message { from: task(1), is_there: false });
    assert_eq!(memory.wait(0, &[]), empty);
    let mut memory = Written::two_cpus();
    memory.channel(task_at(0));
    assert_eq!(memory.wait(0, &[CHANNEL]), empty);
}
