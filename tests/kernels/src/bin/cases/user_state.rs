//! Two processes fill all their registers, flags and bases with patterns, are interrupted by the timer 100,000 times
//! each while all hold them, and find them.

use crate::user_shared::keep;
use case::cpu;
use switchlab_kernel::{bring_up::Lab, user};

pub fn user_state(_: &Lab) {
    keep(None, None, |_, spec| user::spawn(cpu(0), spec));
}
