//! Two tasks on two CPUs, each of which waits for the other to send; a third waits for the first to send at all. Must
//! run into the deadline.

use case::{cpu, for_ever, spawn};
use switchlab_kernel::{
    bring_up::Lab,
    sched::{Channel, Receiver, Sender},
};

/// Until then they take turns, so that it is settled how messages go.
const TURNS: u64 = 10;

pub fn nobody_sends(_: &Lab) {
    let [there, back, silent] = [(); 3].map(|()| for_ever(Channel::new()));
    let first = spawn(cpu(1), move || {
        let _silent = silent.sender();
        let (there, back) = (there.sender(), back.receiver());
        there.send(0);
        take_turns(&there, &back);
    });
    let second = spawn(cpu(2), move || take_turns(&back.sender(), &there.receiver()));
    silent.receiver().recv();
    first.join();
    second.join();
}

fn take_turns(to: &Sender, from: &Receiver) {
    for turn in 0.. {
        from.recv();
        if turn < TURNS {
            to.send(turn);
        }
    }
}
