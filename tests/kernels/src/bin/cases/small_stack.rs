//! How much of a stack of one page is used by a task that yields, waits for messages of another CPU, and takes
//! their interrupts.

use core::{ptr, slice};

use case::{check, count, cpu, for_ever, spawn_small};
use switchlab_kernel::{
    bring_up::Lab,
    mm,
    sched::{self, Channel},
};

const MESSAGES: u64 = 10_000;
const PAGE: usize = 4096;
/// Its last word is the canary.
const CANARY: usize = size_of::<u64>();
/// What nobody else writes.
const PAINT: u8 = 0xa5;
/// What is left alone below the frame that paints: more than it takes itself.
const MARGIN: usize = 256;

pub fn small_stack(_: &Lab) {
    let [there, back]: [&'static Channel; 2] = [for_ever(Channel::new()), for_ever(Channel::new())];
    let neighbour = spawn_small(cpu(1), || (0..MESSAGES / 2).for_each(|_| sched::yield_now()));
    let answering = spawn_small(cpu(1), || {
        let painted = paint();
        let (there, back) = (there.receiver(), back.sender());
        for _ in 0..MESSAGES {
            back.send(there.recv());
            sched::yield_now();
        }
        let untouched = painted.iter().take_while(|&&byte| byte == PAINT).count();
        back.send(untouched as u64);
    });
    let (there, back) = (there.sender(), back.receiver());
    for n in 0..MESSAGES {
        there.send(n);
        let found = back.recv();
        check!(found == n, "message {n} is {found}");
    }
    let untouched = back.recv();
    answering.join();
    neighbour.join();
    count("used_bytes", (PAGE - CANARY) as u64 - untouched);
}

/// Paints what is not used yet of the stack that runs.
#[inline(never)]
fn paint() -> &'static [u8] {
    let here = 0_u8;
    let bottom = mm::guard_page_of_current_stack().map_or(0, |guard| guard as usize + PAGE + CANARY);
    let length = ((&raw const here).addr() - bottom).saturating_sub(MARGIN);
    let unused = ptr::with_exposed_provenance_mut::<u8>(bottom);
    // SAFETY: the stack is mapped from below that on, and what is that far below the running frame is in no
    // use. What runs later may write there, and this only ever compares bytes.
    unsafe {
        unused.write_bytes(PAINT, length);
        slice::from_raw_parts(unused, length)
    }
}
