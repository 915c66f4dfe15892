//! The answering side sends a number that is not due. Must fail, and name both.
#![no_std]
#![no_main]

use case::{cpu, for_ever, spawn};
use switchlab_kernel::{bring_up::Lab, experiments::exchange, measure::probe::Batch, sched::Channel};

case::case!("wrong_number", wrong_number);

fn wrong_number(_: &Lab) {
    let (there, back) = (for_ever(Channel::new()), for_ever(Channel::new()));
    let answering = spawn(cpu(1), move || {
        let (there, back) = (there.receiver(), back.sender());
        for n in 0..=500 {
            let asked = there.recv();
            back.send(if n == 500 { asked + 1 } else { asked });
        }
    });
    let wrong = exchange::hand_over(&there.sender(), &back.receiver(), 0, 1_000, &mut Batch);
    if let Some(wrong) = wrong {
        case::failure!("{wrong}");
    }
    answering.join();
}
