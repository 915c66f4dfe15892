//! Processes with a container: how they enter the kernel, and what only they can ask for.
//!
//! | number | call | arguments | gives, besides a status |
//! |---|---|---|---|
//! | 10 | map | pages: at most [`MAX_PAGES`] | the first one's address; where there is no memory for all, how many there are |
//! | 11 | id | | its own id, in its namespace |
//! | 12 | end | an id | |
//! | 13 | open | address and length of a name, side: 0 sends, 1 receives | the port |
//! | 14 | read | address and length of a path, address and length of room for what is there | the file's bytes |
//!
//! A part that the container has not got is a system call that there is not.
//!
//! Each combination of parts that a call meets has an entry of its own, made of one source: so what is not there is
//! not asked for. A process gets its entries as it is made, and `ring3` finds them on its stack.

use alloc::boxed::Box;
use core::sync::atomic::{
    Ordering::{Acquire, Relaxed},
    fence,
};

use switchlab_core::{
    address_space::UserRange,
    container::{
        filter::{ARGUMENTS, Action, Filter, NUMBERS},
        ids::Full,
        mounts::{PATH_BYTES, PathError},
        names::NAME_BYTES,
    },
};
use switchlab_sync::Away;

use super::{
    Ended, Process, process,
    system_call::{
        self, BAD_ADDRESS, DONE, END, ID, IN_USE, MAP, NO_MEMORY, NO_SUCH_CALL, NO_SUCH_FILE, OPEN,
        OVER_LIMIT, READ, REFUSED, TOO_LONG, UNKNOWN_ID, UNKNOWN_NAME, answer, make,
    },
};
use crate::{
    arch::{
        ring3::{self, Answer, Entries, LEAVE},
        trap::TrapFrame,
    },
    container::{Container, Member},
    mm::SpaceError,
    sched::Cpu,
};

/// The most pages of one call.
pub const MAX_PAGES: u64 = 256;

/// What a call meets of a container: that others of its namespace may end it,
const IDS: usize = 1;
/// that its CPU time is charged,
const QUOTA: usize = 2;
/// a filter.
const FILTER: usize = 4;

static PLAIN: Entries = Entries { system_call: system_call::handle, trap: process::trap };

static CONTAINED: [Entries; 8] = [
    of_parts::<0>(),
    of_parts::<1>(),
    of_parts::<2>(),
    of_parts::<3>(),
    of_parts::<4>(),
    of_parts::<5>(),
    of_parts::<6>(),
    of_parts::<7>(),
];

const fn of_parts<const PARTS: usize>() -> Entries {
    Entries { system_call: handle::<PARTS>, trap: trap::<PARTS> }
}

/// How processes of this container enter the kernel.
pub(super) fn entries(container: Option<&Container>) -> &'static Entries {
    let Some(container) = container else { return &PLAIN };
    let parts = [
        (container.ids.is_some(), IDS),
        (container.cpu.is_some(), QUOTA),
        (container.filter.is_some(), FILTER),
    ];
    &CONTAINED[parts.into_iter().filter(|(has, _)| *has).map(|(_, part)| part).sum::<usize>()]
}

/// Who lets everything through.
static NO_FILTER: Filter = match Filter::new(&[], Action::Allow) {
    Ok(filter) => filter,
    Err(_) => unreachable!(),
};

/// One process's place in its container, until it is dropped.
#[derive(Debug)]
pub(super) struct Membership {
    container: Option<&'static Container>,
    filter: &'static Filter,
    id: u64,
    member: &'static Member,
}

impl Membership {
    /// A place in `container`, of a process on `cpu`.
    pub(super) fn of(container: Option<&'static Container>, cpu: &'static Cpu) -> Result<Self, Full> {
        static NOBODY: Member = Member::new(u64::MAX, None);
        let filter = container.and_then(|container| container.filter.as_ref()).unwrap_or(&NO_FILTER);
        // For ever, as a task: its fellows may hold it.
        let member =
            container.map_or(&NOBODY, |_| Box::leak(Box::new(Member::new(filter.always(), Some(cpu)))));
        let id = match container.and_then(|container| container.ids) {
            Some(ids) => ids.lock().enter(member)?,
            None => 0,
        };
        Ok(Self { container, filter, id, member })
    }

    pub(super) fn is_contained(&self) -> bool {
        self.container.is_some()
    }

    /// As its fellows reach it.
    pub(super) fn member(&self) -> &'static Member {
        self.member
    }

    /// Whether one of its namespace has ended it.
    pub(super) fn is_ended(&self) -> bool {
        self.member.is_ended()
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        if let Some(ids) = self.container.and_then(|container| container.ids) {
            ids.lock().leave(self.id);
        }
    }
}

/// A process whose CPU time is charged.
struct Charged<'a>(&'a Process);

impl Away for Charged<'_> {
    #[inline(always)]
    fn begins(&self) {
        self.0.account.begins();
    }

    #[inline(always)]
    fn ends(&self) {
        self.0.account.ends();
    }
}

/// Where system calls come. What needs no closer look goes on at once, with all arguments where they are.
extern "C" fn handle<const PARTS: usize>(
    first: u64,
    second: u64,
    third: u64,
    number: u64,
    fourth: u64,
    fifth: u64,
) -> Answer {
    let process = Process::current();
    ring3::count_call();
    if PARTS & (IDS | FILTER) != 0 {
        let let_through = process.membership.member.let_through.load(Relaxed);
        // Of a number that has no bit, another one's: `others` takes a closer look at it.
        if let_through.wrapping_shr(number as u32) & 1 == 0 {
            return look_closer::<PARTS>(first, second, third, number, fourth, fifth);
        }
    }
    let arguments = [first, second, third, fourth, fifth];
    let given = make_charged::<PARTS>(process, number, arguments, |process, number, arguments| {
        if PARTS & FILTER != 0 && number >= NUMBERS {
            let [first, second, third, fourth, fifth] = arguments;
            return look_closer::<PARTS>(first, second, third, number, fourth, fifth);
        }
        further(process, number, arguments)
    });
    unless_ended::<PARTS>(process, given)
}

/// What a call gives. Others may have run meanwhile, and who was ended by one does not go on.
#[inline(always)]
fn unless_ended<const PARTS: usize>(process: &Process, given: Answer) -> Answer {
    if PARTS & IDS != 0 && process.membership.is_ended() { ended(process, given) } else { given }
}

#[cold]
#[inline(never)]
fn ended(process: &Process, given: Answer) -> Answer {
    if given.status != LEAVE {
        process.end(Ended::EndedByFellow);
    }
    Answer { status: LEAVE, value: 0 }
}

#[inline(always)]
fn make_charged<const PARTS: usize>(
    process: &Process,
    number: u64,
    arguments: [u64; ARGUMENTS],
    others: impl FnOnce(&Process, u64, [u64; ARGUMENTS]) -> Answer,
) -> Answer {
    if PARTS & QUOTA != 0 {
        make(process, number, arguments, &Charged(process), others)
    } else {
        make(process, number, arguments, &(), others)
    }
}

/// The process may be ended, or the call be filtered.
#[inline(never)]
extern "C" fn look_closer<const PARTS: usize>(
    first: u64,
    second: u64,
    third: u64,
    number: u64,
    fourth: u64,
    fifth: u64,
) -> Answer {
    let process = Process::current();
    let arguments = [first, second, third, fourth, fifth];
    if PARTS & IDS != 0 {
        // Acquire: pairs with the release of `Member::end`, through the bit that was not found.
        fence(Acquire);
        if process.membership.is_ended() {
            return ended(process, answer(DONE));
        }
    }
    if PARTS & FILTER != 0 {
        let action = process.membership.filter.judge(number, arguments);
        if action != Action::Allow {
            return filtered(process, number, action);
        }
    }
    let given = make_charged::<PARTS>(process, number, arguments, further);
    unless_ended::<PARTS>(process, given)
}

extern "C" fn trap<const PARTS: usize>(frame: &mut TrapFrame) -> bool {
    ring3::forbid_access();
    let process = Process::current();
    let ends = if PARTS & QUOTA != 0 {
        process::take_trap(process, frame, &Charged(process))
    } else {
        process::take_trap(process, frame, &())
    };
    if PARTS & IDS != 0 && !ends && process.membership.is_ended() {
        process.end(Ended::EndedByFellow);
        return true;
    }
    ends
}

#[cold]
#[inline(never)]
fn filtered(process: &Process, call: u64, action: Action) -> Answer {
    match action {
        Action::End => {
            process.end(Ended::Filtered { call });
            Answer { status: LEAVE, value: 0 }
        }
        Action::Refuse | Action::Allow => {
            process.set_refused(call);
            answer(REFUSED)
        }
    }
}

/// What only processes with a container can ask for.
#[cold]
#[inline(never)]
fn further(process: &Process, number: u64, [first, second, third, fourth, _]: [u64; 5]) -> Answer {
    let container = process.membership.container;
    let made = match number {
        MAP => return map(process, container, first),
        ID => id(process, container),
        END => end(container, first).map(|()| 0),
        OPEN => open(process, container, [first, second], third),
        READ => read(container, [first, second], [third, fourth]),
        _ => Err(NO_SUCH_CALL),
    };
    match made {
        Ok(value) => Answer { status: DONE, value },
        Err(status) => answer(status),
    }
}

/// A call's word, or the status that says why there is none.
type Made = Result<u64, u64>;

fn map(process: &Process, container: Option<&Container>, pages: u64) -> Answer {
    if container.is_none_or(|container| container.memory.is_none()) {
        return answer(NO_SUCH_CALL);
    }
    if pages > MAX_PAGES {
        return answer(TOO_LONG);
    }
    match process.map(pages) {
        Ok(value) => Answer { status: DONE, value },
        Err((SpaceError::OverLimit(_), value)) => Answer { status: OVER_LIMIT, value },
        Err((SpaceError::OutOfMemory | SpaceError::NoRoom { .. }, value)) => {
            Answer { status: NO_MEMORY, value }
        }
    }
}

fn id(process: &Process, container: Option<&Container>) -> Made {
    container.and_then(|container| container.ids).ok_or(NO_SUCH_CALL)?;
    Ok(process.membership.id)
}

/// Ends who has this id in the caller's namespace, as soon as that one is in the kernel.
fn end(container: Option<&Container>, id: u64) -> Result<(), u64> {
    let ids = container.and_then(|container| container.ids).ok_or(NO_SUCH_CALL)?;
    let ids = ids.lock();
    ids.find(id).ok_or(UNKNOWN_ID)?.end();
    Ok(())
}

fn open(process: &Process, container: Option<&Container>, name: [u64; 2], side: u64) -> Made {
    let names = container.and_then(|container| container.names).ok_or(NO_SUCH_CALL)?;
    let claim = match side {
        0 => process::try_sender,
        1 => process::try_receiver,
        _ => return Err(UNKNOWN_NAME),
    };
    let mut room = [0; NAME_BYTES];
    let name = copy_in(&mut room, name)?;
    let channel = names.lock().find(name).ok_or(UNKNOWN_NAME)?;
    // The channel knows who owns that end: by this name, by another, here or elsewhere, or by none.
    let end = claim(channel).ok_or(IN_USE)?;
    // SAFETY: this is a call of its own task's, which uses no port.
    Ok(unsafe { process.add_port(end) })
}

fn read(container: Option<&Container>, path: [u64; 2], [to, room_for]: [u64; 2]) -> Made {
    let view = container.and_then(|container| container.view).ok_or(NO_SUCH_CALL)?;
    let mut room = [0; PATH_BYTES];
    let path = copy_in(&mut room, path)?;
    let bytes = view.read(path).map_err(|_: PathError| NO_SUCH_FILE)?;
    let length = bytes.len() as u64;
    if length > room_for {
        return Err(TOO_LONG);
    }
    let range = UserRange::new(to, length).map_err(|_| BAD_ADDRESS)?;
    ring3::copy_to_user(range, bytes).map_err(|_| BAD_ADDRESS)?;
    Ok(length)
}

/// Bytes of the program's, copied.
fn copy_in(room: &mut [u8], [address, length]: [u64; 2]) -> Result<&[u8], u64> {
    let range = UserRange::new(address, length).map_err(|_| BAD_ADDRESS)?;
    let bytes = usize::try_from(length).ok().and_then(|length| room.get_mut(..length)).ok_or(TOO_LONG)?;
    ring3::copy_from_user(bytes, range).map_err(|_| BAD_ADDRESS)?;
    Ok(bytes)
}
