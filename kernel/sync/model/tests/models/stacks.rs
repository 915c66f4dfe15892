//! Tasks with stacks of their own, and the switch between them: the real one, since one thread of the host runs all
//! that a model consists of.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use loom::cell::UnsafeCell;
use switchlab_switch::{Context, Entry, Message, switch_context};

use crate::machine::{Model, this_model_cpu};

/// Enough for a panic.
const STACK: usize = 256 * 1024;

struct Stacks {
    all: Vec<&'static mut [u128]>,
    taken: usize,
}

thread_local! {
    static STACKS: RefCell<Stacks> = const { RefCell::new(Stacks { all: Vec::new(), taken: 0 }) };
    /// Of each context: whether it is saved. The checker's cell: who touches it must have seen what who touched it
    /// before did.
    static SAVED: RefCell<HashMap<usize, UnsafeCell<bool>>> = RefCell::new(HashMap::new());
}

/// All stacks are free again.
pub fn begin() {
    STACKS.with_borrow_mut(|stacks| stacks.taken = 0);
    SAVED.take();
}

/// Top of a stack that nobody else has in this execution.
fn take() -> *mut u8 {
    STACKS.with_borrow_mut(|Stacks { all, taken }| {
        if *taken == all.len() {
            all.push(vec![0; STACK / size_of::<u128>()].leak());
        }
        *taken += 1;
        all[*taken - 1].as_mut_ptr_range().end.cast()
    })
}

fn is_taken(address: usize) -> bool {
    STACKS.with_borrow(|stacks| {
        stacks.all[..stacks.taken].iter().any(|stack| {
            let range = stack.as_ptr_range();
            (range.start.addr()..range.end.addr()).contains(&address)
        })
    })
}

/// What a task does: it ends with what never returns.
pub struct Flow(Cell<Option<Box<dyn FnOnce()>>>);

impl Flow {
    pub fn new(run: impl FnOnce() + 'static) -> Self {
        Self(Cell::new(Some(Box::new(run))))
    }

    /// Hands over a stack, an entry and its argument, with which a context is prepared.
    pub fn prepare(&'static self, prepare: impl FnOnce(*mut u8, Entry, usize)) {
        prepare(take(), enter, std::ptr::from_ref(self).expose_provenance());
    }
}

extern "C" fn enter(flow: usize) -> ! {
    // SAFETY: `prepare` passes the address of what lives as long as this.
    let flow = unsafe { &*std::ptr::with_exposed_provenance::<Flow>(flow) };
    let run = flow.0.take().expect("a task starts once");
    let reason = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(()) => Box::new("a task returned"),
        Err(reason) => reason,
    };
    // No panic leaves this stack: the CPU's own goes on with it.
    let cpu = this_model_cpu();
    cpu.failed.set(Some(reason));
    let home = cpu.home.get().expect("who runs a task has left its own stack");
    let nowhere = Context::empty();
    // SAFETY: it was left by `switch`, and what runs here never goes on.
    unsafe { switch_context(&nowhere, &*home, Message::uninit()) };
    unreachable!("a task runs after its end")
}

/// Whether a context can be gone on with is looked at by each switch.
fn touch(context: &Context, first: bool, act: impl FnOnce(&mut bool)) {
    SAVED.with_borrow_mut(|saved| {
        let saved = saved.entry(std::ptr::from_ref(context).addr()).or_insert_with(|| UnsafeCell::new(first));
        // SAFETY: one thread of the host; the checker's threads change nowhere in here.
        saved.with_mut(|saved| act(unsafe { &mut *saved }));
    });
}

/// The switch, which checks that it is one.
///
/// # Safety
///
/// What runs here is what `from` is of, and `to` is prepared, or was saved here.
pub unsafe fn switch(from: &Context, to: &Context, message: Message) -> Message {
    // Nothing below is a step of the checker: to others it all happens at once.
    touch(to, true, |saved| assert!(std::mem::take(saved), "who goes on has not been left"));
    touch(from, false, |saved| assert!(!std::mem::replace(saved, true), "who is left does not run"));
    let here = 0_u8;
    if !is_taken((&raw const here).addr()) {
        this_model_cpu().home.set(Some(from));
    }
    // SAFETY: the caller owes it.
    let message = unsafe { switch_context(from, to, message) };
    if let Some(reason) = this_model_cpu().failed.take() {
        resume_unwind(reason);
    }
    message
}

/// Why a task failed.
pub type Reason = Box<dyn Any + Send>;

/// The idle task's body.
pub fn idle() -> Flow {
    Flow::new(|| switchlab_sync_model::Cpu::<Model>::run_idle(|_| ()))
}
