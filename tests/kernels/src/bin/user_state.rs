//! Two processes fill all their registers, flags and bases with patterns, are interrupted by the timer 100,000 times
//! each while all hold them, and find them.
#![no_std]
#![no_main]

mod user_shared;

use case::cpu;
use switchlab_kernel::{bring_up::Lab, user};
use user_shared::keep;

case::case!("user_state", user_state);

fn user_state(_: &Lab) {
    keep(None, None, |_, spec| user::spawn(cpu(0), spec));
}
