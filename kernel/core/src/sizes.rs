//! How many of something an experiment takes, point by point: CPUs, tasks. The experiments ask.

/// `from`, then twice as many each time, and at last `to`, each once; nothing where `to` is less than
/// `from`. `from` is not 0.
///
/// ```
/// use switchlab_core::sizes::doubling;
///
/// assert_eq!(doubling(2, 12).collect::<Vec<_>>(), [2, 4, 8, 12]);
/// ```
pub fn doubling(from: u32, to: u32) -> impl Iterator<Item = u32> + Clone {
    let below =
        core::iter::successors(Some(from), |size| size.checked_mul(2)).take_while(move |size| *size < to);
    below.chain((from <= to).then_some(to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn sizes(from: u32, to: u32) -> Vec<u32> {
        doubling(from, to).collect()
    }

    #[test]
    fn sizes_double_and_end_with_all() {
        assert_eq!(sizes(2, 64), [2, 4, 8, 16, 32, 64]);
        assert_eq!(sizes(1, 11), [1, 2, 4, 8, 11]);
        assert_eq!(sizes(2, 3), [2, 3]);
        assert_eq!(sizes(3, 7), [3, 6, 7]);
    }

    #[test]
    fn one_size_comes_once_and_too_few_give_none() {
        assert_eq!(sizes(2, 2), [2]);
        assert!(sizes(2, 1).is_empty());
        assert!(sizes(1, 0).is_empty());
    }

    #[test]
    fn largest_numbers_do_not_overflow() {
        assert_eq!(sizes(1 << 30, u32::MAX), [1 << 30, 1 << 31, u32::MAX]);
    }
}
