//! The loops of an exchange, one for each side: whoever the two are and whatever is between them, the one sends a
//! number, the other checks it and sends it back, and the one checks what came. Generic over what a side is and over
//! what looks on.
//!
//! Loops stand apart where they do something else: where more than two take part, where a clock or a phase is looked
//! at on the way, or where both sides are one flow of control.

use switchlab_core::policy::Policy;

use super::{Wrong, probe::Probe};
use crate::sched::{
    Receiver, Sender,
    free::{FreeReceiver, FreeSender},
};

/// A side that can ask.
pub trait Asks {
    /// Hands a number over, and waits for the one that comes back.
    fn exchange(&mut self, number: u64) -> u64;
}

/// A side that can ask and answer.
pub trait Side {
    /// Hands a number over.
    fn send(&mut self, number: u64);

    /// Waits for the other side's next number.
    fn recv(&mut self) -> u64;
}

impl<S: Side> Asks for S {
    #[inline(always)]
    fn exchange(&mut self, number: u64) -> u64 {
        self.send(number);
        self.recv()
    }
}

/// A side's ends of two channels.
#[derive(Debug)]
pub struct Ends<S, R> {
    /// To the other side.
    pub to: S,
    /// And from it.
    pub from: R,
}

/// Makes ends a side: of whatever kind, they send and receive by functions of the same names.
macro_rules! side_of {
    ($sender:ty, $receiver:ty $(, $policy:ident)?) => {
        impl$(<$policy: Policy>)? Side for Ends<$sender, $receiver> {
            #[inline(always)]
            fn recv(&mut self) -> u64 {
                self.from.recv()
            }

            #[inline(always)]
            fn send(&mut self, number: u64) {
                self.to.send(number);
            }
        }
    };
}

side_of!(Sender, Receiver);
side_of!(FreeSender<Y>, FreeReceiver<Y>, Y);

/// The timed block, on the side that asks: exchanges `from..to`, up to the first wrong number. Exchange n carries n,
/// there and back.
#[inline(never)]
pub fn hand_over<A: Asks, P: Probe>(side: &mut A, from: u64, to: u64, probe: &mut P) -> Option<Wrong> {
    let (mut number, end) = (from, to);
    while number != end {
        P::before_handoff();
        let found = side.exchange(P::sent(number));
        if found != number {
            return Some(Wrong { expected: number, found });
        }
        probe.exchange();
        number += 1;
    }
    None
}

/// The other side, from the number `due` on: checks each number and sends it back. Returns the first that is not the
/// one due, which `due` is then.
///
/// A part of the function that calls it, which may know better than this one where both channels are.
#[inline(always)]
pub fn answer<S: Side, P: Probe>(side: &mut S, due: &mut u64) -> u64 {
    let mut expected = *due;
    let found = loop {
        let found = side.recv();
        if found != expected {
            break found;
        }
        P::before_handoff();
        side.send(P::sent(expected));
        expected += 1;
    };
    *due = expected;
    found
}
