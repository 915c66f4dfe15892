//! Edits of bytes.

use proptest::collection::vec;
use proptest::prelude::*;

/// Longest piece that is put in, taken out or moved.
const PIECE: usize = 64;
/// Inputs grow no longer.
const LONGEST: usize = 64 << 10;
/// Numbers that readers stumble over.
const HARD: [u64; 10] =
    [0, 1, 0x7f, 0xff, 0x7fff_ffff, 0xffff_ffff, 1 << 47, i64::MAX as u64, u64::MAX - 4095, u64::MAX];

/// An edit; places are taken modulo the length.
#[derive(Clone, Debug)]
pub(crate) struct Edit {
    kind: u8,
    at: u32,
    other: u32,
    value: u8,
}

/// One to four of them.
pub(crate) fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let one = (0..9_u8, any::<u32>(), any::<u32>(), any::<u8>());
    vec(one.prop_map(|(kind, at, other, value)| Edit { kind, at, other, value }), 1..=4)
}

impl Edit {
    /// Makes it.
    pub(crate) fn make(&self, bytes: &mut Vec<u8>, others: &[Vec<u8>]) {
        let at = self.at as usize % (bytes.len() + 1);
        let length = 1 + self.value as usize % PIECE;
        let end = (at + length).min(bytes.len());
        let set = |bytes: &mut Vec<u8>, piece: &[u8]| {
            for (place, byte) in bytes.iter_mut().skip(at).zip(piece) {
                *place = *byte;
            }
        };
        match self.kind {
            0 => set(bytes, &[bytes.get(at).copied().unwrap_or_default() ^ 1 << (self.value % 8)]),
            1 => set(bytes, &[self.value]),
            2 => {
                let number = HARD[self.other as usize % HARD.len()].to_le_bytes();
                set(bytes, &number[..[1, 2, 4, 8][self.value as usize % 4]]);
            }
            3 => insert(bytes, at, vec![self.value; 1 + self.other as usize % PIECE]),
            4 => drop(bytes.drain(at..end)),
            5 => {
                let piece = bytes[at..end].to_vec();
                insert(bytes, self.other as usize % (bytes.len() + 1), piece);
            }
            6 => {
                let other = &others[self.other as usize % others.len()];
                let from = self.other as usize % (other.len() + 1);
                insert(bytes, at, other[from..].iter().copied().take(length).collect());
            }
            // A digit, where numbers are text.
            7 => set(bytes, &[b"0123456789-.,:eE \"{}[]\n"[self.value as usize % 23]]),
            _ => bytes.truncate(at),
        }
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, piece: Vec<u8>) {
    if bytes.len() + piece.len() <= LONGEST {
        bytes.splice(at..at, piece);
    }
}
