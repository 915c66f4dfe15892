//! An address space with its programs, which one process has, or several: those are threads of ring 3.

use alloc::sync::Arc;

use super::{
    Spec, Why,
    program::{DATA, DATA_BYTES, STACK_BYTES},
};
use crate::{
    arch::ring3,
    container::Container,
    lock::Lock,
    mm::{Access, AddressSpace, SpaceError},
};

/// An address space. Lives as long as one of its threads, or whoever else holds it.
#[derive(Clone, Debug)]
pub struct Space {
    shared: Arc<Lock<AddressSpace>>,
}

impl Space {
    /// One with the page of data and nothing else, whose memory is charged to the container's group, if any.
    ///
    /// # Errors
    ///
    /// [`Why::Space`].
    pub fn new(container: Option<&'static Container>) -> Result<Self, Why> {
        let group = container.and_then(|container| container.memory);
        let mut space = AddressSpace::new(ring3::protection().pcid, group)?;
        space.map_zeros(DATA, DATA_BYTES, Access::Data)?;
        Ok(Self { shared: Arc::new(Lock::new(space)) })
    }

    /// Maps what `spec` runs, and its stack. A program of another thread at the same place is the same program.
    pub(super) fn add(&self, spec: &Spec) -> Result<(), Why> {
        let mut space = self.shared.lock();
        if !space.is_mapped(spec.code_at) {
            space.map_copy(spec.code_at, spec.program.bytes(), Access::Code)?;
        }
        space.map_zeros(spec.stack_top() - STACK_BYTES, STACK_BYTES, Access::Data)?;
        Ok(())
    }

    /// Maps a page of zeros.
    pub(super) fn map_page(&self, at: u64) -> Result<(), SpaceError> {
        self.shared.lock().map_zeros(at, 1, Access::Data)
    }

    /// See [`AddressSpace::cr3_words`].
    pub(super) fn cr3_words(&self, cpu: usize) -> [u64; 2] {
        self.shared.lock().cr3_words(cpu)
    }

    /// Frames that it takes, tables and all.
    pub(super) fn frames(&self) -> usize {
        self.shared.lock().frames()
    }
}
