//! Two bare contexts that hand the processor to and fro: no scheduler, no channel, no queue. The
//! floor under everything that the scheduler adds.
//!
//! Each holds the other by value: where a loop keeps it in a local variable, it stays in three registers,
//! and a switch touches no memory.

use alloc::boxed::Box;
use core::ptr;

use switchlab_records::Mark;
use switchlab_switch as switch;
use switchlab_sync::Platform;

use super::Kernel;
use crate::mm::{Stack, StackError, StackSize};

/// A second flow of control that runs only while its owner waits in [`resume`](Self::resume).
#[derive(Debug)]
pub struct Fiber {
    suspended: switch::Fiber,
    stack: Option<Stack>,
}

/// What a fiber does.
pub trait Body: Send + 'static {
    /// Runs, with the way back to its owner, and does not end.
    fn run(self, owner: Owner) -> !;
}

/// The fiber's way back to its owner.
#[derive(Debug)]
pub struct Owner(switch::Owner);

impl Fiber {
    /// A fiber that starts with `body` when it is first resumed.
    ///
    /// # Errors
    ///
    /// [`StackError`] where there is no stack for it.
    pub fn new<B: Body>(body: B) -> Result<Self, StackError> {
        let stack = Stack::allocate(StackSize::Usual)?;
        let body = ptr::from_mut(Box::leak(Box::new(body))).expose_provenance();
        // SAFETY: the stack is the fiber's alone until the fiber is gone, when nobody can resume it.
        let suspended = unsafe { switch::Fiber::prepare(stack.top(), enter::<B>, body) };
        Ok(Self { suspended, stack: Some(stack) })
    }

    /// Hands over to the fiber; returns when it suspends itself.
    #[inline(always)]
    pub fn resume(&mut self) {
        go_on_with(&mut self.suspended);
    }

    /// Does `work` with the fiber in a local variable, so that a loop keeps it in registers.
    #[inline(always)]
    pub fn in_registers<R>(&mut self, work: impl FnOnce(&mut Self) -> R) -> R {
        // With its stack: whoever swaps two fibers swaps both.
        // SAFETY: moved out, and back before anybody else can look: nothing here unwinds.
        let mut local = unsafe { ptr::read(self) };
        let result = work(&mut local);
        // SAFETY: as above.
        unsafe { ptr::write(self, local) };
        result
    }
}

impl Drop for Fiber {
    fn drop(&mut self) {
        if let Some(stack) = self.stack.take() {
            stack.give_back();
        }
    }
}

impl Owner {
    /// Hands back to the owner; returns when it resumes the fiber.
    #[inline(always)]
    pub fn suspend(&mut self) {
        Kernel::mark(Mark::SwitchBegins);
        // SAFETY: as in `go_on_with`.
        unsafe { ptr::write(&mut self.0, ptr::read(&self.0).suspend()) };
        Kernel::mark(Mark::Switched);
    }
}

#[inline(always)]
fn go_on_with(fiber: &mut switch::Fiber) {
    Kernel::mark(Mark::SwitchBegins);
    // SAFETY: owner and fiber each hold the other while they run, and stay on the CPU that made them,
    // since tasks do and neither is `Send`. What is moved out is replaced before anybody can look: nothing here
    // unwinds.
    unsafe { ptr::write(fiber, ptr::read(fiber).resume()) };
    Kernel::mark(Mark::Switched);
}

extern "C" fn enter<B: Body>(stack_pointer: usize, resume_at: usize, base_pointer: usize, body: usize) -> ! {
    // SAFETY: the words that an entry gets, once; and `new` passes a body that it gave away.
    let (owner, body) = unsafe {
        let body: *mut B = ptr::with_exposed_provenance_mut(body);
        (switch::Owner::from_words(stack_pointer, resume_at, base_pointer), Box::from_raw(body))
    };
    (*body).run(Owner(owner))
}
