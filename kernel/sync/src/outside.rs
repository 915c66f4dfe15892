//! Where the state of a scheduler, a task and a channel stands within them, for who looks at it from outside: a debugger,
//! which reads memory and can call nothing.

use switchlab_records::outside::{CHANNEL_EMPTY, Outside, PARKER_AWAITED};

use crate::{Channel, Cpu, Parker, Platform, Task, channel, park};

const _: () = assert!(park::AWAITED == PARKER_AWAITED && channel::EMPTY as u64 == CHANNEL_EMPTY);

/// Each of these words of the table, with its value.
pub const fn places<P: Platform>() -> [(Outside, usize); 12] {
    [
        (Outside::SchedulerIdle, Cpu::<P>::IDLE),
        (Outside::SchedulerLine, Cpu::<P>::LINE),
        (Outside::TaskId, Task::<P>::ID),
        (Outside::TaskScheduler, Task::<P>::CPU),
        (Outside::TaskParker, Task::<P>::PARKER),
        (Outside::TaskStart, Task::<P>::START),
        (Outside::TaskEnd, Task::<P>::END),
        (Outside::ParkerToken, Parker::<P>::TOKEN_AT),
        (Outside::ParkerOwner, Parker::<P>::OWNER_AT),
        (Outside::ChannelState, Channel::<P>::STATE),
        (Outside::ChannelReceiver, Channel::<P>::RECEIVER),
        (Outside::ChannelSender, Channel::<P>::SENDER),
    ]
}
