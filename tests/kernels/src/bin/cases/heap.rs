//! The heap hands out distinct, aligned memory that keeps what is written, and takes it back.

use alloc::{boxed::Box, vec, vec::Vec};

use case::{check, count};
use switchlab_kernel::bring_up::Lab;

const ROUNDS: usize = 200;
const MIB: usize = 1 << 20;

#[repr(align(4096))]
struct Page([u8; 64]);

pub fn heap(_: &Lab) {
    let mut kept: Vec<Vec<usize>> = Vec::new();
    for n in 0..ROUNDS {
        kept.push(vec![n; n * 7 % 513]);
        if n % 3 == 0 {
            kept.swap_remove(n / 3 % kept.len());
        }
    }
    for block in &kept {
        check!(block.iter().all(|value| value == &block[0]), "a block was overwritten");
    }
    let page = Box::new(Page([7; 64]));
    check!((&raw const *page).addr().is_multiple_of(4096), "alignment is not kept");
    check!(page.0 == [7; 64], "an aligned block was overwritten");
    drop((kept, page));
    // More than the heap holds, one after the other: memory that is given back comes again.
    for n in 0..20 {
        let large = vec![n as u8; 4 * MIB];
        check!(large.iter().all(|&byte| byte == n as u8), "a large block was overwritten");
    }
    count("rounds", ROUNDS as u64);
}
