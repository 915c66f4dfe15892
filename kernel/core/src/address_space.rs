//! What the kernel decides of address spaces: which ranges are a program's, and what CR3 is loaded with.

use core::fmt;

/// The lower half of the canonical addresses is ring 3's; from here on nothing is (Intel SDM vol. 1, 3.3.7.1).
pub const USER_END: u64 = 1 << 47;

/// A range of addresses that a program named, and that lies in its half. Whether anything is there is another
/// question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserRange {
    start: u64,
    length: u64,
}

/// Why a range is none of a program's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadRange {
    /// It ends behind the last address there is.
    Wraps,
    /// It reaches beyond the program's half: to the kernel, or to what no address is.
    BeyondUserEnd,
}

impl fmt::Display for BadRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wraps => "the range wraps around",
            Self::BeyondUserEnd => "the range reaches beyond the program's half",
        })
    }
}

impl core::error::Error for BadRange {}

impl UserRange {
    /// The range of `length` bytes from `start` on.
    ///
    /// # Errors
    ///
    /// [`BadRange`], also of an empty range that begins outside.
    pub const fn new(start: u64, length: u64) -> Result<Self, BadRange> {
        match start.checked_add(length) {
            None => Err(BadRange::Wraps),
            Some(end) if end > USER_END => Err(BadRange::BeyondUserEnd),
            Some(_) => Ok(Self { start, length }),
        }
    }

    /// First address.
    pub const fn start(self) -> u64 {
        self.start
    }

    /// Bytes.
    pub const fn length(self) -> u64 {
        self.length
    }
}

/// A process-context identifier, by which a TLB tells address spaces apart (Intel SDM vol. 3, 4.10.1): 1 to
/// 4,095. 0 is the kernel's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pcid(u16);

/// How many there are, 0 among them: 12 bits.
const PCIDS: u16 = 1 << 12;

/// Bit 63 of what is written to CR3: the TLB keeps what it has of this identifier.
const KEEP: u64 = 1 << 63;

impl Pcid {
    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// The identifiers that nobody has.
#[derive(Debug)]
pub struct Pcids {
    /// A bit for each that is taken.
    taken: [u64; PCIDS as usize / 64],
}

impl Pcids {
    /// All but the kernel's.
    pub const fn new() -> Self {
        let mut taken = [0; PCIDS as usize / 64];
        taken[0] = 1;
        Self { taken }
    }

    /// The lowest that is free; `None` where all are taken: then an address space does without.
    pub fn take(&mut self) -> Option<Pcid> {
        let (index, word) = (0..).zip(&mut self.taken).find(|(_, word)| **word != u64::MAX)?;
        let bit = word.trailing_ones();
        *word |= 1 << bit;
        Some(Pcid((index * u64::BITS + bit) as u16))
    }

    /// Gives one back. What TLBs hold of it stays there: whoever takes it next must not keep that.
    pub fn give_back(&mut self, Pcid(number): Pcid) {
        self.taken[usize::from(number / 64)] &= !(1 << (number % 64));
    }
}

impl Default for Pcids {
    fn default() -> Self {
        Self::new()
    }
}

/// What CR3 is loaded with for the space whose top table is at the physical address `root`.
///
/// `was_here`: this space was loaded on this CPU before, and its mappings have not changed since. Then what
/// the TLB has of its identifier is its own and true, and stays; else it may be of a space that had the
/// identifier before, and goes. Without an identifier the load empties the TLB, whatever is asked.
pub const fn cr3_word(root: u64, pcid: Option<Pcid>, was_here: bool) -> u64 {
    match pcid {
        None => root,
        Some(Pcid(number)) => root | number as u64 | if was_here { KEEP } else { 0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_of_a_program_ends_at_its_half() {
        assert!(UserRange::new(0, 0).is_ok());
        assert!(UserRange::new(0, USER_END).is_ok());
        assert!(UserRange::new(USER_END - 1, 1).is_ok());
        assert_eq!(UserRange::new(USER_END - 1, 2), Err(BadRange::BeyondUserEnd));
        assert_eq!(UserRange::new(0, USER_END + 1), Err(BadRange::BeyondUserEnd));
        assert!(UserRange::new(USER_END, 0).is_ok(), "no byte of it is outside");
    }

    #[test]
    fn range_beyond_is_none() {
        for start in [USER_END + 1, 0x8000_0000_0000_0000, 0xffff_8000_0000_0000, u64::MAX] {
            assert_eq!(UserRange::new(start, 0), Err(BadRange::BeyondUserEnd), "{start:#x}");
        }
    }

    #[test]
    fn length_that_wraps_is_caught() {
        assert_eq!(UserRange::new(0x1000, u64::MAX), Err(BadRange::Wraps));
        assert_eq!(UserRange::new(u64::MAX, 1), Err(BadRange::Wraps));
        // To the last byte, and no further.
        assert_eq!(UserRange::new(1, u64::MAX - 1), Err(BadRange::BeyondUserEnd));
    }

    #[test]
    fn identifiers_are_handed_out_once_and_the_kernels_never() {
        let mut pcids = Pcids::new();
        for expected in 1..PCIDS {
            assert_eq!(pcids.take(), Some(Pcid(expected)));
        }
        assert_eq!(pcids.take(), None);
        pcids.give_back(Pcid(77));
        pcids.give_back(Pcid(4_095));
        assert_eq!([pcids.take(), pcids.take(), pcids.take()], [Some(Pcid(77)), Some(Pcid(4_095)), None]);
    }

    #[test]
    fn first_load_of_an_identifier_keeps_nothing_of_who_had_it() {
        let root = 0x1234_5000;
        assert_eq!(cr3_word(root, Some(Pcid(5)), false), 0x1234_5005);
        assert_eq!(cr3_word(root, Some(Pcid(5)), true), 0x8000_0000_1234_5005);
    }

    #[test]
    fn without_an_identifier_cr3_is_the_root() {
        for was_here in [false, true] {
            assert_eq!(cr3_word(0x1234_5000, None, was_here), 0x1234_5000);
        }
    }
}
