//! A gate of the interrupt table that the running CPU uses: what it leads to, read and changed where it lies (Intel SDM
//! volume 3, 6.14.1).

use x86_64::instructions::tables::sidt;

/// Bytes of one.
const BYTES: u64 = 16;
/// In the first word: selector, stack and attributes.
const KEPT: u64 = 0x0000_ffff_ffff_0000;

/// One of the table's 256.
#[derive(Clone, Copy, Debug)]
pub struct Gate(*mut u64);

impl Gate {
    /// That of a vector.
    pub fn of(vector: u8) -> Self {
        Self((sidt().base + BYTES * u64::from(vector)).as_mut_ptr())
    }

    /// What it is.
    pub fn words(self) -> [u64; 2] {
        // SAFETY: a gate of the table in use.
        unsafe { [self.0.read_volatile(), self.0.add(1).read_volatile()] }
    }

    /// Where its handler is.
    pub fn handler(self) -> u64 {
        let [low, high] = self.words();
        high << 32 | low >> 48 << 16 | low & 0xffff
    }

    /// The number of its handler's stack; 0 for the one that runs.
    pub fn stack(self) -> u64 {
        self.words()[0] >> 32 & 7
    }

    /// Its first word, which the two that name a handler in the same 4 GiB differ in.
    pub fn first_word(self) -> *mut u64 {
        self.0
    }

    /// Lets it lead to another handler, in one write: other CPUs may use the table meanwhile.
    ///
    /// # Panics
    ///
    /// If that is in other 4 GiB than the one that was there.
    ///
    /// # Safety
    ///
    /// An interrupt gate may enter that code, with the stack that it has.
    pub unsafe fn lead_to(self, handler: u64) {
        let [low, high] = self.words();
        assert!(handler >> 32 == high, "all handlers are in the uppermost 2 GiB");
        // SAFETY: the half of the gate that is another one; who calls vouches for the code.
        unsafe { self.0.write_volatile(handler & 0xffff | low & KEPT | (handler & 0xffff_0000) << 32) };
    }
}
