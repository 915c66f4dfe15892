//! Pages for guests. Frames are never given back, so those of a guest that is gone wait here for the next.

use alloc::vec::Vec;

use super::Why;
use crate::{lock::Lock, mm::SharedPage};

static SPARE: Lock<Vec<SharedPage>> = Lock::new(Vec::new());

/// A page, all words 0. Goes back when it is dropped.
#[derive(Debug)]
pub struct Page(Option<SharedPage>);

impl Page {
    /// One that was used before, or else a fresh one.
    ///
    /// # Errors
    ///
    /// [`Why::OutOfMemory`].
    pub fn take() -> Result<Self, Why> {
        let spare = SPARE.lock().pop();
        let page = match spare {
            Some(mut page) => {
                page.clear();
                page
            }
            None => SharedPage::allocate().ok_or(Why::OutOfMemory)?,
        };
        Ok(Self(Some(page)))
    }
}

const HELD: &str = "a page is held until it is dropped";

impl core::ops::Deref for Page {
    type Target = SharedPage;

    fn deref(&self) -> &SharedPage {
        self.0.as_ref().expect(HELD)
    }
}

impl core::ops::DerefMut for Page {
    fn deref_mut(&mut self) -> &mut SharedPage {
        self.0.as_mut().expect(HELD)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        SPARE.lock().extend(self.0.take());
    }
}
