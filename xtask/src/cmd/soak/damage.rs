//! What is done to a file, at the place of a seed.

use switchlab_core::random::SplitMix64;

/// What is done to a log.
#[derive(Clone, Copy, Debug)]
pub enum Damage {
    /// It ends at some byte.
    Cut,
    /// A byte is another one.
    Garble,
    /// A record stands there twice.
    Double,
    /// Two records have changed places.
    Reorder,
}

impl Damage {
    /// The log, with this done to it.
    pub fn done_to(self, log: &str, seed: u64) -> Vec<u8> {
        let mut stream = SplitMix64::new(seed);
        let mut below = |limit: usize| (stream.draw() % limit as u64) as usize;
        let mut lines: Vec<&str> = log.split_inclusive('\n').collect();
        let records: Vec<usize> = (0..lines.len()).filter(|line| lines[*line].contains("{\"")).collect();
        match self {
            Self::Cut => return log.as_bytes()[..below(log.len() - 1)].to_vec(),
            Self::Garble => {
                let mut bytes = log.as_bytes().to_vec();
                let line = records[below(records.len())];
                let start: usize = lines[..line].iter().map(|line| line.len()).sum();
                let place = start + below(lines[line].trim_end().len());
                bytes[place] ^= 1 << below(7);
                return bytes;
            }
            Self::Double => {
                let line = records[below(records.len())];
                lines.insert(line, lines[line]);
            }
            Self::Reorder => {
                let place = below(records.len() - 1);
                lines.swap(records[place], records[place + 1]);
            }
        }
        lines.concat().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const LOG: &str = "loader: hello\nSL1 1 00 {\"start\":1}\nSL1 2 00 {\"block\":2}\nSL1 3 00 {\"end\":3}\n";

    #[test]
    fn damage_is_done_and_is_that_of_its_seed() {
        for damage in [Damage::Cut, Damage::Garble, Damage::Double, Damage::Reorder] {
            let done: BTreeSet<Vec<u8>> = (0..40).map(|seed| damage.done_to(LOG, seed)).collect();
            assert!(done.len() > 1 && !done.contains(LOG.as_bytes()), "{damage:?}");
            assert_eq!(damage.done_to(LOG, 3), damage.done_to(LOG, 3));
        }
    }
}
