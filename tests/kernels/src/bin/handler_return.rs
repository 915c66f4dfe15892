//! A handler goes back to where interrupts are let in, with the stack as it was and interrupts off.
#![no_std]
#![no_main]

use core::{arch::asm, hint::black_box};

use case::{check, count, cpu};
use switchlab_kernel::{
    arch::{interrupts, ipi, percpu},
    bring_up::Lab,
};
use switchlab_sync::Words;

case::case!("handler_return", handler_return);

const TIMES: u64 = 100;

fn handler_return(_: &Lab) {
    for _ in 0..TIMES {
        // Frames of many sizes, so that nothing rests on how deep the stack is.
        framed::<1>(interrupts::halt);
        framed::<2>(interrupts::window);
        framed::<3>(interrupts::halt);
        framed::<4>(interrupts::window);
        framed::<5>(interrupts::halt);
    }
    count("returned", 5 * TIMES);
}

/// Lets an interrupt in, which is pending, below a frame with so many words.
#[inline(never)]
fn framed<const WORDS: usize>(let_in: impl Fn()) {
    let words = black_box([WORDS as u64; WORDS]);
    let taken = percpu::word::<{ Words::IPIS_TAKEN }>();
    ipi::send_wake_up(cpu(0).words());
    let before = stack_pointer();
    let_in();
    check!(stack_pointer() == before, "the stack pointer has moved");
    check!(!interrupts::are_enabled(), "interrupts are on");
    check!(percpu::word_is::<{ Words::IPIS_TAKEN }>(taken + 1), "not one IPI was taken");
    check!(black_box(words) == [WORDS as u64; WORDS], "the frame has changed");
}

fn stack_pointer() -> u64 {
    let rsp;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, rsp", out(reg) rsp, options(nomem, nostack, preserves_flags)) };
    rsp
}
