//! Where the kernel's own state stands in memory, for who looks at it from outside when it answers no more: a table of
//! words at a symbol of the ELF. It costs the kernel nothing: it says where the words are that it has anyway.

/// The table's symbol.
pub const SYMBOL: &str = "SWITCHLAB_OUTSIDE";

/// Its first word, another one where the words that follow change.
pub const MAGIC: u64 = u64::from_le_bytes(*b"sl-out-3");

/// A word of the table. Addresses are virtual; offsets are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Outside {
    /// [`MAGIC`].
    Magic,
    /// How many CPUs there are; 0 before they are known.
    Cpus,
    /// Address of an array of addresses, one of each CPU's own data.
    PerCpus,
    /// Vector of the wake-up IPI.
    WakeUp,
    /// Vector of the tick, which ends a halt and is not counted.
    Tick,
    /// In a CPU's own data: the id of its APIC, 32 bits.
    CpuApicId,
    /// Address of its scheduler.
    CpuScheduler,
    /// The words that follow, each of 64 bits: address of the task that runs.
    CpuCurrent,
    /// Address of the last task in line; 0 where none is ready.
    CpuTail,
    /// IPIs that the handler took.
    CpuIpisTaken,
    /// Those that were looked after.
    CpuIpisSeen,
    /// Wake-up IPIs sent.
    CpuIpisSent,
    /// Calls of the switch.
    CpuSwitches,
    /// Messages received.
    CpuHandoffs,
    /// Address of the newest wake-up in the inbox; 0 where none is.
    CpuInbox,
    /// In a scheduler: address of the idle task.
    SchedulerIdle,
    /// Address of the channel that is looked at whenever an IPI was taken; 0 where none is.
    SchedulerLine,
    /// In a task: its number, 32 bits.
    TaskId,
    /// Address of its CPU's scheduler.
    TaskScheduler,
    /// The parker on which it waits to be woken.
    TaskParker,
    /// The parker on which it waits to be started, and for the ends of others.
    TaskStart,
    /// Address of the task that waits for its end; a small number where none does.
    TaskEnd,
    /// In a parker: 8 bits, [`PARKER_AWAITED`] where its owner waits on it.
    ParkerToken,
    /// Address of the task that waits there.
    ParkerOwner,
    /// In a channel: a number, whose lowest bit says that no message is there; or the address of the receiver that waits.
    ChannelState,
    /// The parker of the receiver.
    ChannelReceiver,
    /// The parker of the sender.
    ChannelSender,
}

/// A CPU's own data is no longer.
pub const PER_CPU_BYTES: usize = 4096;

/// Of [`Outside::ParkerToken`].
pub const PARKER_AWAITED: u8 = 2;
/// Of [`Outside::ChannelState`], where that is a number.
pub const CHANNEL_EMPTY: u64 = 1;

impl Outside {
    /// How many words the table has.
    pub const WORDS: usize = Self::ChannelSender as usize + 1;
}

#[cfg(test)]
mod tests {
    use super::Outside;

    #[test]
    fn table_has_room_for_its_last_word() {
        assert_eq!(Outside::WORDS.checked_sub(1), Some(Outside::ChannelSender as usize));
    }
}
