//! A CPU that does not come is named, within its deadline.

use alloc::format;

use case::{check, count, for_ever};
use switchlab_core::{ApicId, CpuId};
use switchlab_kernel::{
    arch::{
        percpu::PerCpu,
        smp::{self, Ap},
    },
    bring_up::Lab,
    mm::{self, Stack, StackSize},
};

pub fn missing_ap(_: &Lab) {
    let mut start_page = mm::start_page().expect("a low page");
    let percpu = for_ever(PerCpu::new(CpuId::new(63), ApicId::new(77)));
    let stack = Stack::allocate(StackSize::Usual).expect("a stack");
    let aps = [Ap { percpu, stack_top: stack.top().addr() as u64 }];
    match smp::start_others(&mut start_page, &aps, |_| unreachable!("there is no such CPU")) {
        Ok(()) => case::failure!("a CPU that does not exist has started"),
        Err(missing) => {
            let text = format!("{missing}");
            check!(text.contains("CPU 63 (APIC id 77) did not start"), "the message is: {text}");
            count("missing", 1);
        }
    }
}
