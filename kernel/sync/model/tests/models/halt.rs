//! The halt and its interrupt window. With interrupts off from the check to the halt, and the two that let them in and
//! halt back to back, no wake-up is lost. Where `cli` is left out one is, and the model finds it.

use crate::{
    channel::exchange,
    explore::Explore,
    machine::{Halt, Machine},
    park::park_and_wake,
};

/// `cli` left out: check, then the interrupt, then the halt.
const INTERRUPTS_ON: Machine = Machine { halt: Halt::TwoSteps };

#[test]
fn wake_up_is_not_lost_where_interrupts_are_off_from_the_check_to_the_halt() {
    park_and_wake(Explore::ALL.on(Machine::SOUND)).at_least(5);
    exchange(Explore::up_to(2), 1).at_least(10);
}

#[test]
#[should_panic(expected = "deadlock")]
fn wake_up_is_lost_where_cli_is_left_out() {
    park_and_wake(Explore::ALL.on(INTERRUPTS_ON));
}

#[test]
#[should_panic(expected = "deadlock")]
fn message_is_not_taken_where_cli_is_left_out() {
    exchange(Explore::up_to(2).on(INTERRUPTS_ON), 1);
}
