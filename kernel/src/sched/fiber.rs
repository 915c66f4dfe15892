//! Two bare contexts that hand the processor to and fro: no scheduler, no channel, no queue. The
//! floor under everything that the scheduler adds.

use alloc::boxed::Box;

use switchlab_records::Mark;
use switchlab_switch::{Context, switch_context};
use switchlab_sync::Platform;

use super::Kernel;
use crate::mm::{Stack, StackError};

/// A second flow of control that runs only while its owner waits in [`resume`](Self::resume).
#[derive(Debug)]
pub struct Fiber<T: Sync + 'static> {
    link: &'static Link<T>,
    stack: Option<Stack>,
}

/// The fiber's way back to its owner.
#[derive(Debug)]
pub struct Link<T: Sync + 'static> {
    owner: Context,
    fiber: Context,
    body: fn(&Self) -> !,
    /// What owner and fiber both look at.
    pub shared: &'static T,
}

impl<T: Sync> Fiber<T> {
    /// A fiber that starts with `body` when it is first resumed.
    ///
    /// # Errors
    ///
    /// [`StackError`] where there is no stack for it.
    pub fn new(body: fn(&Link<T>) -> !, shared: &'static T) -> Result<Self, StackError> {
        let stack = Stack::allocate()?;
        let link: &'static Link<T> =
            Box::leak(Box::new(Link { owner: Context::empty(), fiber: Context::empty(), body, shared }));
        // SAFETY: the stack is the fiber's alone until the fiber is dropped, after which nobody can
        // resume it.
        unsafe { link.fiber.prepare(stack.top(), enter::<T>, core::ptr::from_ref(link).expose_provenance()) };
        Ok(Self { link, stack: Some(stack) })
    }

    /// Hands over to the fiber; returns when it suspends itself.
    #[inline(always)]
    pub fn resume(&mut self) {
        Kernel::mark(Mark::SwitchBegins);
        // SAFETY: `&mut self`, so only one owner resumes, and the fiber is suspended whenever its
        // owner runs: both stay on the CPU that made them, since tasks do.
        unsafe { switch_context(&self.link.owner, &self.link.fiber) }
        Kernel::mark(Mark::Switched);
    }
}

impl<T: Sync> Link<T> {
    /// Hands back to the owner; returns when it resumes the fiber.
    #[inline(always)]
    pub fn suspend(&self) {
        Kernel::mark(Mark::SwitchBegins);
        // SAFETY: only the fiber has the link, and its owner is suspended while it runs.
        unsafe { switch_context(&self.fiber, &self.owner) }
        Kernel::mark(Mark::Switched);
    }
}

impl<T: Sync> Drop for Fiber<T> {
    fn drop(&mut self) {
        if let Some(stack) = self.stack.take() {
            stack.give_back();
        }
    }
}

extern "C" fn enter<T: Sync + 'static>(link: usize) -> ! {
    // SAFETY: `new` passes the address of a link that lives for ever.
    let link: &'static Link<T> = unsafe { &*core::ptr::with_exposed_provenance(link) };
    (link.body)(link)
}
