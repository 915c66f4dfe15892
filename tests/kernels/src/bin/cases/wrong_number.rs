//! The answering side sends a number that is not due. Must fail, and name both.

use case::{cpu, for_ever, spawn};
use switchlab_kernel::{
    bring_up::Lab,
    measure::{
        exchange::{self, Ends},
        probe::Batch,
    },
    sched::Channel,
};

pub fn wrong_number(_: &Lab) {
    let (there, back) = (for_ever(Channel::new()), for_ever(Channel::new()));
    let answering = spawn(cpu(1), move || {
        let (there, back) = (there.receiver(), back.sender());
        for n in 0..=500 {
            let asked = there.recv();
            back.send(if n == 500 { asked + 1 } else { asked });
        }
    });
    let mut ends = Ends { to: there.sender(), from: back.receiver() };
    let wrong = exchange::hand_over(&mut ends, 0, 1_000, &mut Batch);
    if let Some(wrong) = wrong {
        case::failure!("{wrong}");
    }
    answering.join();
}
