//! The atomics of the models: what is seen through them is what x86 may show.

use switchlab_sync_model::modelled::{
    AtomicU64,
    Ordering::{self, Relaxed, SeqCst},
};

use crate::{
    explore::{Explore, Explored, for_ever, see},
    machine::touch,
};

/// Each CPU writes its own word and reads the other's: whether both may read what was there before (Intel SDM vol. 3,
/// 9.2.3.4).
fn both_write_and_read(write: Ordering) -> Explored {
    Explore::ALL.run(
        |_| {
            let words: &'static [AtomicU64; 4] = for_ever(std::array::from_fn(|_| AtomicU64::new(0)));
            touch(words);
            words
        },
        [0, 1].map(|own| -> crate::explore::Body<&'static [AtomicU64; 4]> {
            Box::new(move |words, _| {
                words[own].store(1, write);
                let other = words[1 - own].load(SeqCst);
                words[2 + own].store(other, Relaxed);
            })
        }),
        |words, _| {
            let read = [2, 3].map(|place| words[place].load(Relaxed));
            see(format_args!("{read:?}"));
        },
    )
}

#[test]
fn load_overtakes_what_its_cpu_stored_before() {
    both_write_and_read(Relaxed).saw(&["[0, 0]", "[0, 1]", "[1, 0]", "[1, 1]"]);
}

#[test]
fn load_does_not_overtake_a_locked_instruction() {
    both_write_and_read(SeqCst).saw(&["[0, 1]", "[1, 0]", "[1, 1]"]);
}
