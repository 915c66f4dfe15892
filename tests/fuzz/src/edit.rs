//! Edits of bytes.

use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;

/// Longest piece that is put in, taken out or moved.
const PIECE: usize = 64;
/// Inputs grow no longer.
const LONGEST: usize = 64 << 10;
/// Numbers that readers stumble over.
const HARD: [u64; 10] =
    [0, 1, 0x7f, 0xff, 0x7fff_ffff, 0xffff_ffff, 1 << 47, i64::MAX as u64, u64::MAX - 4095, u64::MAX];
/// And those that are hard as text.
const HARD_IN_TEXT: [u64; 11] =
    [0, 1, 2, 0x7fff_ffff, 0xffff_ffff, 1 << 32, 1 << 53, i64::MAX as u64, 1 << 63, u64::MAX - 1, u64::MAX];

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
    let one = (0..11_u8, any::<u32>(), any::<u32>(), any::<u8>());
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
            8 => {
                if let Some(number) = number_behind(bytes, at) {
                    let hard = self.hard_in_text();
                    if bytes.len() + hard.len() <= LONGEST {
                        bytes.splice(number, hard);
                    }
                }
            }
            9 => self.set_fields(bytes, at),
            _ => bytes.truncate(at),
        }
    }

    /// A hard number in decimal.
    fn hard_in_text(&self) -> Vec<u8> {
        HARD_IN_TEXT[self.other as usize % HARD_IN_TEXT.len()].to_string().into_bytes()
    }

    /// Gives all fields of a name the same hard number: what is told twice, such as a count and what was expected of it,
    /// agrees all the same.
    fn set_fields(&self, bytes: &mut Vec<u8>, at: usize) {
        let Some((name, _)) = field_behind(bytes, at) else { return };
        let name = bytes[name].to_vec();
        let hard = self.hard_in_text();
        let (mut edited, mut kept) = (Vec::with_capacity(bytes.len()), 0);
        while let Some((found, number)) = field_behind(bytes, kept) {
            let is_it = bytes[found] == *name;
            edited.extend(&bytes[kept..if is_it { number.start } else { number.end }]);
            if is_it {
                edited.extend(&hard);
            }
            kept = number.end;
        }
        edited.extend(&bytes[kept..]);
        if edited.len() <= LONGEST {
            *bytes = edited;
        }
    }
}

/// The first decimal number at or behind a place: where the place is within one, the rest of it.
fn number_behind(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let start = at + bytes[at..].iter().position(u8::is_ascii_digit)?;
    Some(start..start + digits(&bytes[start..]))
}

/// The name with its quotes and its colon, and the number, of the first `"name":123` whose colon is at or behind a place.
fn field_behind(bytes: &[u8], at: usize) -> Option<(Range<usize>, Range<usize>)> {
    let mut from = at;
    loop {
        let colon = from + bytes[from..].windows(2).position(|two| two == b"\":")? + 1;
        let number = colon + 1..colon + 1 + digits(&bytes[colon + 1..]);
        let quote = bytes[..colon - 1].iter().rposition(|byte| *byte == b'"');
        match quote {
            Some(quote) if !number.is_empty() => return Some((quote..colon + 1, number)),
            _ => from = colon + 1,
        }
    }
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn insert(bytes: &mut Vec<u8>, at: usize, piece: Vec<u8>) {
    if bytes.len() + piece.len() <= LONGEST {
        bytes.splice(at..at, piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(kind: u8, at: u32, other: u32, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        Edit { kind, at, other, value: 0 }.make(&mut bytes, &[]);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn number_at_or_behind_the_place_becomes_a_hard_one() {
        assert_eq!(edited(8, 0, 10, "a 12 b 34"), "a 18446744073709551615 b 34");
        assert_eq!(edited(8, 4, 8, "a 12 b 34"), "a 12 b 9223372036854775808");
        assert_eq!(edited(8, 9, 0, "a 12 b 34"), "a 12 b 34");
    }

    #[test]
    fn all_fields_of_a_name_become_the_same_hard_number() {
        let text = r#"{"n":1,"name":"n","m":22} {"n":333,"of":{"n":4}}"#;
        assert_eq!(edited(9, 0, 1, text), r#"{"n":1,"name":"n","m":22} {"n":1,"of":{"n":1}}"#);
        assert_eq!(edited(9, 8, 0, text), r#"{"n":1,"name":"n","m":0} {"n":333,"of":{"n":4}}"#);
        assert_eq!(edited(9, 0, 0, "no field: 5"), "no field: 5");
    }
}
