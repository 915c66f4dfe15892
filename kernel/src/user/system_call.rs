//! System calls: what a program can ask for.
//!
//! | number | call | arguments | gives, besides a status |
//! |---|---|---|---|
//! | 0 | exit | two words | does not return |
//! | 1 | send | port, word | |
//! | 2 | recv | port | the word |
//! | 3 | yield | | |
//! | 4 | say | address, length: at most [`SAID_BYTES`] | |
//! | 5 | status | address of [`Status`] | writes it there |
//! | 6 | set bases | base of FS, base of GS: below the end of the program's half | |
//! | 7 | call | port, four words | four words |
//! | 8 | answer and wait | port, four words | the next call's four words |
//! | 9 | wait | port | the first call's four words |
//!
//! | 10 to 14 | | | for processes with a container: `contained` |
//!
//! The four words are in rsi, rdx, r8 and r9, both ways.
//!
//! How the registers go is in `kernel/src/arch/x86_64/ring3/entries.rs`. From there a call comes to the `handle` of the
//! caller's kind: here, in `vectored` or in `contained`. They are alike and stand apart, since an entry is a function
//! with its registers as they came, and each has in it only what its kind pays for; what they do is `make`.
//!
//! A port that the process has not got, an address that is not its own and a number that means nothing are answered by
//! a status: a program may be wrong, and lives. So is one who sends to, or receives from, a process that is dead: by
//! [`GONE`].

use core::slice;

use switchlab_core::address_space::{USER_END, UserRange};
use switchlab_sync::{Away, gate::Letter};

use super::{Ended, Process, SAID_BYTES, Said, process::HeldPort};
use crate::{
    arch::ring3::{self, Answer, LEAVE},
    sched::{Receiver, Sender},
};

#[expect(missing_docs, reason = "in the table above")]
mod numbers {
    pub const EXIT: u64 = 0;
    pub const SEND: u64 = 1;
    pub const RECV: u64 = 2;
    pub const YIELD: u64 = 3;
    pub const SAY: u64 = 4;
    pub const STATUS: u64 = 5;
    pub const SET_BASES: u64 = 6;
    pub const CALL: u64 = 7;
    pub const ANSWER: u64 = 8;
    pub const WAIT: u64 = 9;
    pub const MAP: u64 = 10;
    pub const ID: u64 = 11;
    pub const END: u64 = 12;
    pub const OPEN: u64 = 13;
    pub const READ: u64 = 14;
}
pub use numbers::*;

/// It is done.
pub const DONE: u64 = 0;
/// There is no system call of this number.
pub const NO_SUCH_CALL: u64 = 1;
/// The process has no such port.
pub const NO_SUCH_PORT: u64 = 2;
/// A range that is not the program's, or where nothing is.
pub const BAD_ADDRESS: u64 = 3;
/// More bytes than are taken.
pub const TOO_LONG: u64 = 4;
/// Who was at the other end of the channel, or the other side of the gate, is dead.
pub const GONE: u64 = 5;
/// The container's filter does not let the call through.
pub const REFUSED: u64 = 6;
/// It would be over a group's limit.
pub const OVER_LIMIT: u64 = 7;
/// The id stands for nobody in the caller's namespace.
pub const UNKNOWN_ID: u64 = 8;
/// The name stands for nothing in the caller's namespace.
pub const UNKNOWN_NAME: u64 = 9;
/// What the name stands for has such an end's owner already.
pub const IN_USE: u64 = 10;
/// The path leads to no file, from the caller's root.
pub const NO_SUCH_FILE: u64 = 11;
/// The machine has no memory left.
pub const NO_MEMORY: u64 = 12;

/// What a process can learn of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Status {
    /// Number of its task.
    pub task: u64,
    /// Number of its CPU.
    pub cpu: u64,
    /// Ticks that it took in ring 3.
    pub ticks: u64,
}

/// Where the system calls of processes come that have neither a container nor vector state.
///
/// It stands in one page with the entry that calls it: behind a load of CR3 each page that is touched costs a walk of the
/// tables.
#[unsafe(link_section = ".text.ring3_page")]
pub extern "C" fn handle(
    first: u64,
    second: u64,
    third: u64,
    number: u64,
    fourth: u64,
    fifth: u64,
) -> Answer {
    let process = Process::current();
    ring3::count_call();
    make(process, number, [first, second, third, fourth, fifth], &(), |_, _, _| answer(NO_SUCH_CALL))
}

/// Makes a call; `away` is told where others may run meanwhile, and `others` makes what is not for every process.
#[inline(always)]
pub(super) fn make(
    process: &Process,
    number: u64,
    arguments: [u64; 5],
    away: &impl Away,
    others: impl FnOnce(&Process, u64, [u64; 5]) -> Answer,
) -> Answer {
    if !matches!(number, SEND | RECV | CALL | ANSWER) {
        return rarely(process, number, arguments, away, others);
    }
    let [first, second, third, fourth, fifth] = arguments;
    let Some(port) = process.port(first) else { return go_on(process, answer(NO_SUCH_PORT), true) };
    // Number by number and not by one `match` of all kinds of ports: of that the compiler would make a table, which is one
    // page more.
    let (given, is_final) = if number == SEND {
        let HeldPort::Sends(sender) = port else { return go_on(process, answer(NO_SUCH_PORT), true) };
        sender.send_telling(second, away);
        (answer(DONE), false)
    } else if number == RECV {
        let HeldPort::Receives(receiver) = port else { return go_on(process, answer(NO_SUCH_PORT), true) };
        (Answer { status: DONE, value: receiver.recv_telling(away) }, false)
    } else {
        match port {
            HeldPort::Calls(gate) if number == CALL => {
                (deliver(process, during(away, || gate.call([second, third, fourth, fifth]))), true)
            }
            HeldPort::Answers(gate) if number == ANSWER => {
                (deliver(process, during(away, || gate.answer([second, third, fourth, fifth]))), true)
            }
            HeldPort::Across { call, sender, receiver } if number == *call => {
                (across(process, sender, receiver, second, away), false)
            }
            _ => (answer(NO_SUCH_PORT), true),
        }
    };
    go_on(process, given, is_final)
}

/// Goes on with what is given; its status is that of who was at the other end of a channel, but where it `is_final`: a
/// gate says itself whether who was there is gone.
#[inline(always)]
fn go_on(process: &Process, given: Answer, is_final: bool) -> Answer {
    let status = process.go_on();
    if is_final || status == DONE { given } else { Answer { status, ..given } }
}

/// What no exchange asks for: out of the way of what does.
#[inline(never)]
fn rarely(
    process: &Process,
    number: u64,
    arguments: [u64; 5],
    away: &impl Away,
    others: impl FnOnce(&Process, u64, [u64; 5]) -> Answer,
) -> Answer {
    let [first, second, ..] = arguments;
    match number {
        EXIT => {
            process.end(Ended::Exited([first, second]));
            Answer { status: LEAVE, value: 0 }
        }
        WAIT => wait(process, first, away),
        YIELD => {
            process.let_others_run(away);
            answer(DONE)
        }
        SAY => answer(say(process, first, second)),
        STATUS => answer(status(process, first)),
        SET_BASES => answer(set_bases(process, first, second)),
        _ => others(process, number, arguments),
    }
}

pub(super) const fn answer(status: u64) -> Answer {
    Answer { status, value: 0 }
}

/// Sends a word and receives one: a call or an answer where there is no gate.
#[inline(always)]
fn across(process: &Process, sender: &Sender, receiver: &Receiver, word: u64, away: &impl Away) -> Answer {
    sender.send_telling(word, away);
    deliver(process, Some([receiver.recv_telling(away), 0, 0, 0]))
}

#[inline(never)]
fn wait(process: &Process, port: u64, away: &impl Away) -> Answer {
    let (given, is_final) = match process.port(port) {
        Some(HeldPort::Answers(gate)) => (deliver(process, during(away, || gate.wait())), true),
        Some(HeldPort::Across { call: ANSWER, receiver, .. }) => {
            (deliver(process, Some([receiver.recv_telling(away), 0, 0, 0])), false)
        }
        _ => return answer(NO_SUCH_PORT),
    };
    go_on(process, given, is_final)
}

/// What a gate gives, at which others run meanwhile.
#[inline(always)]
fn during(away: &impl Away, at_gate: impl FnOnce() -> Option<Letter>) -> Option<Letter> {
    away.begins();
    let letter = at_gate();
    away.ends();
    letter
}

/// Gives the program the letter that came by a gate, in the registers that its own went in.
#[inline(always)]
fn deliver(process: &Process, letter: Option<Letter>) -> Answer {
    let Some([rsi, rdx, r8, r9]) = letter else { return answer(GONE) };
    // SAFETY: this is a system call of this process, whose frame stands below where its ring 3 is left to, and which
    // nothing refers to meanwhile.
    unsafe { (*process.frame()).words = [r9, r8, rsi] };
    Answer { status: DONE, value: rdx }
}

fn say(process: &Process, address: u64, length: u64) -> u64 {
    let Ok(range) = UserRange::new(address, length) else { return BAD_ADDRESS };
    let mut said = Said::NOTHING;
    let Some(bytes) = usize::try_from(length).ok().and_then(|length| said.bytes.get_mut(..length)) else {
        return TOO_LONG;
    };
    const { assert!(SAID_BYTES <= 4096, "a copy on the stack") };
    if ring3::copy_from_user(bytes, range).is_err() {
        return BAD_ADDRESS;
    }
    said.length = bytes.len();
    process.set_said(said);
    DONE
}

fn status(process: &Process, address: u64) -> u64 {
    let status = process.status();
    let Ok(range) = UserRange::new(address, size_of::<Status>() as u64) else { return BAD_ADDRESS };
    // SAFETY: three words, without a gap.
    let bytes = unsafe { slice::from_raw_parts((&raw const status).cast::<u8>(), size_of::<Status>()) };
    match ring3::copy_to_user(range, bytes) {
        Ok(()) => DONE,
        Err(_) => BAD_ADDRESS,
    }
}

fn set_bases(process: &Process, fs: u64, gs: u64) -> u64 {
    // A base in the kernel's half would pass for the kernel's own, where an entry looks at it.
    if fs >= USER_END || gs >= USER_END {
        return BAD_ADDRESS;
    }
    process.set_bases(fs, gs);
    DONE
}
