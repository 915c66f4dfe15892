//! CPU 1 takes the IPI of a message without looking after it, and halts for the next. Must run into the deadline.

use core::{
    hint::spin_loop,
    sync::atomic::{
        AtomicBool,
        Ordering::{Acquire, Release},
    },
};

use case::{cpu, for_ever, spawn};
use switchlab_kernel::{bring_up::Lab, sched::Channel};
use switchlab_sync::Words;
use x86_64::instructions::interrupts;

pub fn lost_wake_up(_: &Lab) {
    let pipe = for_ever(Channel::new());
    let came = for_ever(AtomicBool::new(false));
    let was_sent = for_ever(AtomicBool::new(false));
    let receiving = spawn(cpu(1), move || {
        let pipe = pipe.receiver();
        // By the second it is settled that they come on the CPU's line.
        for _ in 0..2 {
            pipe.recv();
        }
        came.store(true, Release);
        while !was_sent.load(Acquire) {
            spin_loop();
        }
        interrupts::enable();
        interrupts::disable();
        let words = cpu(1).words();
        // SAFETY: on its own CPU; a count.
        unsafe { words.set(Words::IPIS_SEEN, words.get(Words::IPIS_TAKEN)) };
        pipe.recv();
    });
    let sending = spawn(cpu(2), move || {
        let pipe = pipe.sender();
        (0..2).for_each(|number| pipe.send(number));
        while !came.load(Acquire) {
            spin_loop();
        }
        pipe.send(2);
        was_sent.store(true, Release);
    });
    receiving.join();
    sending.join();
}
