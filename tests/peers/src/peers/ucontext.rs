//! `swapcontext` of the C library, which saves the signal mask too: a system call each way.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicPtr, Ordering};

use corosensei::stack::{DefaultStack, Stack};
use libc::{getcontext, makecontext, swapcontext, ucontext_t};

use super::{STACK_BYTES, bare_base};
use crate::Peer;
use crate::answer::About;
use crate::bare::{Live, Tally, ping, pong};
use crate::plan::{Failure, Plan, Times};
use crate::versions::of_libc;

/// `swapcontext`.
pub struct Ucontext;

struct Pair {
    plan: Plan,
    tally: Tally,
    ping: MaybeUninit<ucontext_t>,
    pong: MaybeUninit<ucontext_t>,
}

/// What the answering side works on: `makecontext` passes no pointer.
static PAIR: AtomicPtr<Pair> = AtomicPtr::new(std::ptr::null_mut());

impl Peer for Ucontext {
    fn about(&self) -> About {
        let (id, title) = ("ucontext", "ucontext, nothing live");
        About { id, title, base: bare_base(Live::Nothing), version: of_libc() }
    }

    fn exchange(&self, plan: Plan) -> Result<Times, Failure> {
        let stack = DefaultStack::new(STACK_BYTES).map_err(|why| Failure::System { what: "a stack", why })?;
        let mut pair =
            Pair { plan, tally: Tally::default(), ping: MaybeUninit::zeroed(), pong: MaybeUninit::zeroed() };
        let (here, there) = (pair.ping.as_mut_ptr(), pair.pong.as_mut_ptr());
        // SAFETY: the context is filled by `getcontext` before its stack is set; the stack is that long
        // below its top and outlives the exchanges.
        unsafe {
            getcontext(there);
            let bottom = stack.base().get() - STACK_BYTES;
            (*there).uc_stack.ss_sp = std::ptr::with_exposed_provenance_mut(bottom);
            (*there).uc_stack.ss_size = STACK_BYTES;
            makecontext(there, answer, 0);
        }
        let pair = &raw mut pair;
        PAIR.store(pair, Ordering::Relaxed);
        // SAFETY: the pair lives until the end of this function; both sides run on this thread, and what
        // they share is in cells.
        let tally = unsafe { &(*pair).tally };
        ping(plan, Live::Nothing, tally, || {
            // SAFETY: the other side is suspended, by `makecontext` or by its own switch.
            unsafe { swapcontext(here, there) };
        })
    }

    fn is_of_one_thread(&self) -> bool {
        true
    }
}

extern "C" fn answer() {
    let pair = PAIR.load(Ordering::Relaxed);
    // SAFETY: as in `exchange`.
    let (plan, tally, here, there) =
        unsafe { ((*pair).plan, &(*pair).tally, (*pair).pong.as_mut_ptr(), (*pair).ping.as_ptr()) };
    pong(plan, Live::Nothing, tally, || {
        // SAFETY: as in `exchange`.
        unsafe { swapcontext(here, there) };
    });
    unreachable!("the side that starts does not hand over after the last exchange")
}
