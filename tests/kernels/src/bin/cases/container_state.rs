//! Two processes, each in a container with all that there is, fill all their registers, flags and bases with patterns,
//! are interrupted by the timer 100,000 times each while all hold them, and find them.

use crate::user_shared::keep;
use case::{check, cpu, for_ever};
use switchlab_core::container::{
    cpu::CpuGroup,
    filter::{Action, Filter, Rule},
    memory::MemoryGroup,
    mounts::{Node, View},
};
use switchlab_kernel::{
    bring_up::Lab,
    container::{self, Container},
    user::{
        self, Spec,
        system_call::{EXIT, SET_BASES, STATUS},
    },
};

/// TSC ticks of a period.
const PERIOD: u64 = 1 << 28;

/// What the program calls.
const FILTER: Filter = match Filter::new(
    &[Rule::of(SET_BASES, Action::Allow), Rule::of(STATUS, Action::Allow), Rule::of(EXIT, Action::Allow)],
    Action::End,
) {
    Ok(filter) => filter,
    Err(_) => panic!("these rules are a filter"),
};

pub fn container_state(_: &Lab) {
    static ROOT: Node = Node::Folder(&[]);
    let times = ["first", "second"].map(|name| for_ever(CpuGroup::new(name, PERIOD, PERIOD)));
    let containers = times.map(|time| {
        for_ever(Container {
            ids: Some(for_ever(container::id_space())),
            names: Some(for_ever(container::name_space())),
            view: Some(View { root: &ROOT, mounts: &[] }),
            cpu: Some(time),
            memory: Some(for_ever(MemoryGroup::new(time.name(), 128))),
            filter: Some(FILTER),
        })
    });
    // No container has vectors.
    keep(None, None, |number, spec| {
        user::spawn(cpu(0), Spec { container: Some(containers[number as usize]), ..spec })
    });
    for time in times {
        check!(time.used() > 0, "nothing was charged to {}", time.name());
        check!(time.throttles() == 0, "{} waits {} times", time.name(), time.throttles());
    }
}
