//! The kernel goes on in a process's program. Must crash.

use case::{count, cpu};
use switchlab_kernel::{
    arch::ring3,
    bring_up::Lab,
    user::{self, Spec, program::CODE, programs},
};

pub fn user_smep(_: &Lab) {
    count("has_it", u64::from(ring3::protection().smep));
    count("address", CODE);
    let hosted = user::host(cpu(1), Spec::new(&programs::PING), |_| {
        // SAFETY: mapped, and faults, which is what this is for.
        unsafe { core::arch::asm!("call {}", in(reg) CODE, clobber_abi("C")) };
        case::failure!("ring 0 executed a page of ring 3");
    });
    hosted.expect("a process").join();
}
