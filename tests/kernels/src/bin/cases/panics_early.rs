//! A CPU panics before it has its own data: it is started with data that another start has filled in.

use switchlab_core::CpuId;
use switchlab_kernel::{
    arch::smp::{self, Ap},
    bring_up::Lab,
    mm::{self, Stack, StackSize},
    sched,
};

pub fn panics_early(_: &Lab) {
    let mut start_page = mm::start_page().expect("a low page");
    let stack = Stack::allocate(StackSize::Usual).expect("a stack");
    let aps = [Ap { percpu: sched::percpu(CpuId::new(1)), stack_top: stack.top().addr() as u64 }];
    let started = smp::start_others(&mut start_page, &aps, |_| unreachable!("it has panicked"));
    case::failure!("a CPU was started twice: {started:?}");
}
