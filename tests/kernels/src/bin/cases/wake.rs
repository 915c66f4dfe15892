//! A wake-up from another CPU comes, also when it comes first; each is one IPI.

use core::sync::atomic::Ordering::Relaxed;

use case::{check, count, cpu, for_ever, spawn};
use switchlab_kernel::{
    bring_up::Lab,
    sched::{self, Channel},
};

const TIMES: u64 = 5_000;

pub fn wake(_: &Lab) {
    let ready = for_ever(Channel::new());
    let sleeper = spawn(cpu(1), move || {
        let ready = ready.sender();
        for n in 0..TIMES {
            ready.send(n);
            // Now and then the wake-up is there before this blocks.
            (0..n % 512).for_each(|_| core::hint::spin_loop());
            sched::block_current();
        }
    });
    let task = sleeper.task();
    let waker = spawn(cpu(2), move || {
        let ready = ready.receiver();
        let sent = || sched::cpus()[2].counters().ipis_sent.load(Relaxed);
        let before = sent();
        for n in 0..TIMES {
            check!(ready.recv() == n, "message {n} is another");
            task.wake();
        }
        let sent = sent() - before;
        check!(sent == TIMES, "{sent} IPIs for {TIMES} wake-ups");
    });
    sleeper.join();
    waker.join();
    count("woken", TIMES);
}
