//! Ours, bare: the two switches of the kernel, without scheduler or channel.

use std::ptr;

use corosensei::stack::{DefaultStack, Stack};
use switchlab_switch::{Context, Fiber, FiberEntry, Message, Owner, switch_context};

use super::STACK_BYTES;
use crate::Peer;
use crate::answer::About;
use crate::bare::{Live, Tally, ping, pong};
use crate::plan::{Failure, Plan, Times};
use crate::versions::of_crate;

/// `resume` and `suspend`: a fiber and its owner, which hold each other in registers.
pub struct Bare(pub Live);

/// `switch_context`: two contexts in memory, where a scheduler finds them.
pub struct InMemory(pub Live);

/// What the two sides share.
struct Pair {
    plan: Plan,
    tally: Tally,
    ping: Context,
    pong: Context,
}

impl Pair {
    fn new(plan: Plan) -> Self {
        Self { plan, tally: Tally::default(), ping: Context::empty(), pong: Context::empty() }
    }

    fn address(&self) -> usize {
        ptr::from_ref(self).expose_provenance()
    }

    /// # Safety
    ///
    /// The address is that of a pair which outlives the answering side.
    unsafe fn at<'a>(address: usize) -> &'a Self {
        // SAFETY: the caller owes it.
        unsafe { &*ptr::with_exposed_provenance(address) }
    }
}

/// The answering side's stack, of the peer's kind, so that both stand on the same ground.
fn stack() -> Result<(DefaultStack, *mut u8), Failure> {
    let stack = DefaultStack::new(STACK_BYTES).map_err(|why| Failure::System { what: "a stack", why })?;
    let top = ptr::with_exposed_provenance_mut(stack.base().get());
    Ok((stack, top))
}

impl Peer for Bare {
    fn about(&self) -> About {
        let (id, title) = match self.0 {
            Live::Nothing => ("ours-bare", "ours, bare, nothing live"),
            Live::SixValues => ("ours-bare-six", "ours, bare, six values live"),
        };
        About { id, title, base: None, version: of_crate("switchlab-switch") }
    }

    fn exchange(&self, plan: Plan) -> Result<Times, Failure> {
        match self.0 {
            Live::Nothing => resuming(plan, Live::Nothing, suspend_with_nothing),
            Live::SixValues => resuming(plan, Live::SixValues, suspend_with_six),
        }
    }

    fn is_of_one_thread(&self) -> bool {
        true
    }
}

#[inline(always)]
fn resuming(plan: Plan, live: Live, answer: FiberEntry) -> Result<Times, Failure> {
    let (_stack, top) = stack()?;
    let pair = Pair::new(plan);
    // SAFETY: the stack is ours, page-aligned at its top, and outlives the exchanges.
    let mut fiber = unsafe { Fiber::prepare(top, answer, pair.address()) };
    ping(plan, live, &pair.tally, || {
        // SAFETY: the fiber is suspended while its owner runs, on this thread. What is moved out is replaced
        // before anybody can look: nothing here unwinds.
        unsafe { ptr::write(&mut fiber, ptr::read(&fiber).resume()) };
    })
}

extern "C" fn suspend_with_nothing(
    stack_pointer: usize,
    resume_at: usize,
    base_pointer: usize,
    pair: usize,
) -> ! {
    suspend(stack_pointer, resume_at, base_pointer, pair, Live::Nothing)
}

extern "C" fn suspend_with_six(
    stack_pointer: usize,
    resume_at: usize,
    base_pointer: usize,
    pair: usize,
) -> ! {
    suspend(stack_pointer, resume_at, base_pointer, pair, Live::SixValues)
}

#[inline(always)]
fn suspend(stack_pointer: usize, resume_at: usize, base_pointer: usize, pair: usize, live: Live) -> ! {
    // SAFETY: the words that an entry gets, once; `resuming` passed its pair's address.
    let (mut owner, pair) =
        unsafe { (Owner::from_words(stack_pointer, resume_at, base_pointer), Pair::at(pair)) };
    pong(pair.plan, live, &pair.tally, || {
        // SAFETY: as in `resuming`.
        unsafe { ptr::write(&mut owner, ptr::read(&owner).suspend()) };
    });
    unreachable!("the side that starts does not hand over after the last exchange")
}

impl Peer for InMemory {
    fn about(&self) -> About {
        let (id, title, base) = match self.0 {
            Live::Nothing => ("ours-in-memory", "ours, contexts in memory, nothing live", "ours-bare"),
            Live::SixValues => {
                ("ours-in-memory-six", "ours, contexts in memory, six values live", "ours-bare-six")
            }
        };
        About { id, title, base: Some(base), version: of_crate("switchlab-switch") }
    }

    fn exchange(&self, plan: Plan) -> Result<Times, Failure> {
        match self.0 {
            Live::Nothing => between(plan, Live::Nothing, answer_with_nothing),
            Live::SixValues => between(plan, Live::SixValues, answer_with_six),
        }
    }

    fn is_of_one_thread(&self) -> bool {
        true
    }
}

#[inline(always)]
fn between(plan: Plan, live: Live, answer: extern "C" fn(usize) -> !) -> Result<Times, Failure> {
    let (_stack, top) = stack()?;
    let pair = Pair::new(plan);
    // SAFETY: as in `resuming`; nobody has restored the context yet.
    unsafe { pair.pong.prepare(top, answer, pair.address()) };
    ping(plan, live, &pair.tally, || {
        // SAFETY: the other side is suspended, by `prepare` or by its own switch, and on this thread.
        unsafe { switch_context(&pair.ping, &pair.pong, Message::uninit()) };
    })
}

extern "C" fn answer_with_nothing(pair: usize) -> ! {
    answer(pair, Live::Nothing)
}

extern "C" fn answer_with_six(pair: usize) -> ! {
    answer(pair, Live::SixValues)
}

#[inline(always)]
fn answer(pair: usize, live: Live) -> ! {
    // SAFETY: `between` passed its pair's address.
    let pair = unsafe { Pair::at(pair) };
    pong(pair.plan, live, &pair.tally, || {
        // SAFETY: as in `between`.
        unsafe { switch_context(&pair.pong, &pair.ping, Message::uninit()) };
    });
    unreachable!("the side that starts does not hand over after the last exchange")
}
