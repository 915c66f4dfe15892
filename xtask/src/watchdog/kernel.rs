//! What our kernel has in memory about each CPU, found by its table ([`switchlab_records::outside`]): who runs there,
//! what that one waits for, and the counts.
//!
//! A task is not written down where it waits: that would be an instruction in every handoff. But who waits on a parker is
//! written into the parker, and who halts has still in hand, in a register or on the stack, what it goes on with: the
//! channel, or the task whose end it waits for. So each address there is looked at, and is taken for that only where it
//! names the task that waits.

use switchlab_records::outside::{self, CHANNEL_EMPTY, MAGIC, Outside, PARKER_AWAITED};

use super::machine::Memory;

/// Our kernel, while it is paused.
pub struct Kernel {
    table: Vec<u64>,
    /// Its CPUs, by number.
    pub cpus: Vec<PerCpu>,
}

/// A CPU, as the kernel has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerCpu {
    /// Its number.
    pub number: u32,
    address: u64,
    scheduler: u64,
    apic_id: u32,
    current: u64,
    tail: u64,
    idle: u64,
    line: u64,
    /// Whether a wake-up lies in its inbox.
    pub has_mail: bool,
    /// IPIs that its handler took, and those it looked after.
    pub ipis_taken: u64,
    /// The latter.
    pub ipis_seen: u64,
    /// Wake-up IPIs sent.
    pub ipis_sent: u64,
    /// Calls of the switch, and messages received: what moves while work is done.
    pub work: u64,
}

/// A task, and where it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its number.
    pub number: u32,
    /// Its CPU's.
    pub cpu: u32,
}

/// What a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// A message, from whoever has the other end.
    Message {
        /// That one, where the end is taken.
        from: Option<Task>,
        /// The message lies there, and only its interrupt is missing.
        is_there: bool,
    },
    /// That its own message is taken, by whoever has the other end.
    Room {
        /// That one.
        of: Option<Task>,
    },
    /// The end of a task.
    End {
        /// That one, where it is known.
        of: Option<Task>,
    },
    /// To be woken, by whoever does.
    WakeUp,
}

impl Wait {
    /// Who would end it, where that is known.
    pub fn whom(&self) -> Option<Task> {
        match *self {
            Self::Message { from: whom, .. } | Self::Room { of: whom } | Self::End { of: whom } => whom,
            Self::WakeUp => None,
        }
    }
}

/// More CPUs than that are no table of ours.
const MOST_CPUS: u64 = 4096;
/// No structure that an offset leads into is as long.
const MOST_OFFSET: u64 = 64 << 10;
const PER_CPU_BYTES: u64 = outside::PER_CPU_BYTES as u64;
/// A channel stands on cache lines of its own.
const CHANNEL_ALIGNMENT: u64 = 64;

/// Memory that was read, by offsets in bytes.
struct Piece(Vec<u64>);

impl Piece {
    fn word(&self, offset: u64) -> u64 {
        self.0[offset as usize / 8]
    }

    fn half(&self, offset: u64) -> u32 {
        (self.word(offset) >> (8 * (offset % 8))) as u32
    }

    fn byte(&self, offset: u64) -> u8 {
        (self.word(offset) >> (8 * (offset % 8))) as u8
    }
}

impl Kernel {
    /// Reads it by the table at this address; `None` where none is, or its CPUs are not known yet.
    pub fn read(memory: &mut dyn Memory, table: u64) -> Option<Self> {
        let table = memory.words(table, Outside::WORDS)?;
        let mut kernel = Self { table, cpus: Vec::new() };
        let cpus = kernel.at(Outside::Cpus);
        // What a guest that hangs has in its memory may be anything: offsets are those of small structures, or none.
        let are_offsets =
            kernel.table[Outside::CpuApicId as usize..].iter().all(|offset| *offset < MOST_OFFSET);
        if kernel.at(Outside::Magic) != MAGIC || !(1..=MOST_CPUS).contains(&cpus) || !are_offsets {
            return None;
        }
        let addresses = memory.words(kernel.at(Outside::PerCpus), cpus as usize)?;
        let cpus = (0..).zip(addresses).map(|(number, address)| kernel.cpu(memory, number, address));
        kernel.cpus = cpus.collect::<Option<_>>()?;
        Some(kernel)
    }

    fn at(&self, word: Outside) -> u64 {
        self.table[word as usize]
    }

    /// The memory from `address` up to the last of what these words of the table lead to there.
    fn piece(&self, memory: &mut dyn Memory, address: u64, words: &[Outside], more: u64) -> Option<Piece> {
        let last = words.iter().map(|&word| self.at(word)).max()? + more;
        Some(Piece(memory.words(address, last as usize / 8 + 1)?))
    }

    fn cpu(&self, memory: &mut dyn Memory, number: u32, address: u64) -> Option<PerCpu> {
        use Outside::{
            CpuApicId, CpuCurrent, CpuHandoffs, CpuInbox, CpuIpisSeen, CpuIpisSent, CpuIpisTaken,
            CpuScheduler, CpuSwitches, CpuTail, SchedulerIdle, SchedulerLine,
        };
        let words = [CpuApicId, CpuScheduler, CpuCurrent, CpuTail, CpuIpisTaken, CpuIpisSeen, CpuIpisSent];
        let words = [&words[..], &[CpuSwitches, CpuHandoffs, CpuInbox]].concat();
        let own = self.piece(memory, address, &words, 0)?;
        let word = |word| own.word(self.at(word));
        let scheduler = word(CpuScheduler);
        let [idle, line] =
            [SchedulerIdle, SchedulerLine].map(|word| memory.word(scheduler.wrapping_add(self.at(word))));
        Some(PerCpu {
            number,
            address,
            scheduler,
            apic_id: own.half(self.at(CpuApicId)),
            current: word(CpuCurrent),
            tail: word(CpuTail),
            idle: idle?,
            line: line?,
            has_mail: word(CpuInbox) != 0,
            ipis_taken: word(CpuIpisTaken),
            ipis_seen: word(CpuIpisSeen),
            ipis_sent: word(CpuIpisSent),
            work: word(CpuSwitches).wrapping_add(word(CpuHandoffs)),
        })
    }

    /// The CPU whose task state segment that is: it stands in the CPU's own data.
    pub fn cpu_of(&self, task_segment: u64) -> Option<&PerCpu> {
        self.cpus.iter().find(|cpu| {
            task_segment.checked_sub(cpu.address).is_some_and(|offset| offset < PER_CPU_BYTES)
                && !self.cpus.iter().any(|other| cpu.address < other.address && other.address <= task_segment)
        })
    }

    /// The CPU with this hardware id.
    pub fn cpu_with(&self, apic_id: u32) -> Option<u32> {
        self.cpus.iter().find(|cpu| cpu.apic_id == apic_id).map(|cpu| cpu.number)
    }

    /// What it calls a vector.
    pub fn vector(&self, vector: u8) -> Option<&'static str> {
        let names = [(Outside::WakeUp, "wake-up"), (Outside::Tick, "tick")];
        names.into_iter().find(|(word, _)| self.at(*word) == u64::from(vector)).map(|(_, name)| name)
    }

    /// Who runs there, if anybody does; the idle task is nobody.
    pub fn task(&self, memory: &mut dyn Memory, cpu: &PerCpu) -> Option<Task> {
        if cpu.current == cpu.idle { None } else { self.task_at(memory, cpu.current) }
    }

    fn task_at(&self, memory: &mut dyn Memory, address: u64) -> Option<Task> {
        let task = self.piece(memory, address, &[Outside::TaskId, Outside::TaskScheduler], 0)?;
        let scheduler = task.word(self.at(Outside::TaskScheduler));
        let cpu = self.cpus.iter().find(|cpu| cpu.scheduler == scheduler)?.number;
        Some(Task { number: task.half(self.at(Outside::TaskId)), cpu })
    }

    /// What the task that runs on `cpu` waits for, which halts with `hands` in its registers and on its stack; `None` for
    /// nothing that is known.
    pub fn wait(&self, memory: &mut dyn Memory, cpu: &PerCpu, hands: &[u64]) -> Option<Wait> {
        if cpu.current == cpu.idle {
            return None;
        }
        let words = [Outside::TaskParker, Outside::TaskStart];
        let task = self.piece(memory, cpu.current, &words, self.parker_end())?;
        if self.is_awaited(&task, self.at(Outside::TaskStart)) {
            return Some(Wait::End { of: self.who_is_joined(memory, cpu, hands) });
        }
        if self.is_awaited(&task, self.at(Outside::TaskParker)) {
            return Some(Wait::WakeUp);
        }
        let [receiver, sender] = [Outside::ChannelReceiver, Outside::ChannelSender].map(|word| self.at(word));
        let mut seen = Vec::new();
        // What is in hand may be the channel, or its parker.
        for &hand in [cpu.line].iter().chain(hands) {
            for place in [Some(hand), hand.checked_sub(receiver), hand.checked_sub(sender)] {
                let Some(place) = place.filter(|place| may_be_channel(*place) && !seen.contains(place))
                else {
                    continue;
                };
                seen.push(place);
                if let Some(wait) = self.wait_in_channel(memory, cpu, place) {
                    return Some(wait);
                }
            }
        }
        None
    }

    /// The last of a parker that is looked at.
    fn parker_end(&self) -> u64 {
        self.at(Outside::ParkerOwner).max(self.at(Outside::ParkerToken))
    }

    fn is_awaited(&self, piece: &Piece, parker: u64) -> bool {
        piece.byte(parker + self.at(Outside::ParkerToken)) == PARKER_AWAITED
    }

    fn wait_in_channel(&self, memory: &mut dyn Memory, cpu: &PerCpu, place: u64) -> Option<Wait> {
        let words = [Outside::ChannelState, Outside::ChannelReceiver, Outside::ChannelSender];
        let channel = self.piece(memory, place, &words, self.parker_end())?;
        let [receiver, sender] = [Outside::ChannelReceiver, Outside::ChannelSender].map(|word| self.at(word));
        let owner = |parker| channel.word(parker + self.at(Outside::ParkerOwner));
        let state = channel.word(self.at(Outside::ChannelState));
        // A task that is alone on its CPU halts for its line without a parker; a direct channel names who waits.
        let waits_on_line = place == cpu.line && cpu.tail == cpu.current;
        let receives = self.is_awaited(&channel, receiver) || waits_on_line || state == cpu.current;
        if owner(receiver) == cpu.current && receives {
            let from = self.task_at(memory, owner(sender));
            let is_there = state != cpu.current && state & CHANNEL_EMPTY == 0;
            return Some(Wait::Message { from, is_there });
        }
        if owner(sender) == cpu.current && self.is_awaited(&channel, sender) {
            return Some(Wait::Room { of: self.task_at(memory, owner(receiver)) });
        }
        None
    }

    /// The task whose end the one on `cpu` waits for: one that runs somewhere, or one in its hands.
    fn who_is_joined(&self, memory: &mut dyn Memory, cpu: &PerCpu, hands: &[u64]) -> Option<Task> {
        let running = self.cpus.iter().map(|cpu| cpu.current);
        let in_hand = hands.iter().copied().filter(|hand| is_of_kernel(*hand));
        let end = self.at(Outside::TaskEnd);
        let found =
            running.chain(in_hand).find(|task| memory.word(task.wrapping_add(end)) == Some(cpu.current))?;
        self.task_at(memory, found)
    }
}

/// The kernel has the upper half of the addresses.
fn is_of_kernel(address: u64) -> bool {
    address >> 63 == 1 && address < u64::MAX - PER_CPU_BYTES
}

fn may_be_channel(address: u64) -> bool {
    is_of_kernel(address) && address.is_multiple_of(CHANNEL_ALIGNMENT)
}

#[cfg(test)]
mod tests;
