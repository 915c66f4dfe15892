//! Two processes over a pipe, each in what a container is made of: each part by itself, and all of it.

use crate::Peer;
use crate::answer::About;
use crate::cpus::{Cores, pin};
use crate::link::pipe::by_pipe;
use crate::plan::{Failure, Plan, Times};
use crate::shell::cgroup::{self, Groups};
use crate::shell::filter::{self, Looks};
use crate::shell::namespaces;
use crate::sides::between;
use crate::versions::of_linux;

/// What each of both processes is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inside {
    /// Namespaces of its own, all of them.
    Namespaces,
    /// A cgroup of its own, with limits.
    Cgroup,
    /// A filter of system calls.
    Filter(Looks),
    /// All of these.
    All,
}

/// Two such processes.
pub struct Containers(pub Inside, pub Cores);

impl Inside {
    const fn has_namespaces(self) -> bool {
        matches!(self, Self::Namespaces | Self::All)
    }

    const fn has_cgroup(self) -> bool {
        matches!(self, Self::Cgroup | Self::All)
    }

    const fn filter(self) -> Option<Looks> {
        match self {
            Self::Filter(looks) => Some(looks),
            Self::All => Some(Looks::Number),
            Self::Namespaces | Self::Cgroup => None,
        }
    }

    /// Goes into it, as the first side or the second, and to its CPU. The cgroup first, which nobody may choose from
    /// within; the filter last, which refuses the rest.
    fn enter(self, groups: Option<&Groups>, side: usize, cpu: usize) -> Result<(), Failure> {
        groups.map_or(Ok(()), |groups| groups.join(side))?;
        if self.has_namespaces() {
            namespaces::enter()?;
        }
        pin(cpu)?;
        self.filter().map_or(Ok(()), filter::install)
    }
}

impl Peer for Containers {
    fn about(&self) -> About {
        let (id, title) = match (self.0, self.1) {
            (Inside::Namespaces, _) => {
                ("container-namespaces", "processes, pipe, one core; own namespaces, all eight")
            }
            (Inside::Cgroup, _) => ("container-cgroup", "processes, pipe, one core; own cgroups with limits"),
            (Inside::Filter(Looks::Number), _) => {
                ("container-filter", "processes, pipe, one core; seccomp filter by number")
            }
            (Inside::Filter(Looks::Arguments), _) => {
                ("container-filter-arguments", "processes, pipe, one core; seccomp filter by argument")
            }
            (Inside::All, Cores::Same) => {
                ("container-all-same-core", "containers, pipe, one core: all of it")
            }
            (Inside::All, Cores::Two) => {
                ("container-all-other-core", "containers, pipe, two cores: all of it")
            }
        };
        let version = match self.0.has_cgroup() {
            true => format!("{}, {}", of_linux(), cgroup::version()),
            false => of_linux(),
        };
        About { id, title, base: None, version }
    }

    fn exchange(&self, plan: Plan) -> Result<Times, Failure> {
        let ([first, second], inside) = (self.1.cpus()?, self.0);
        let groups = inside.has_cgroup().then(Groups::create).transpose()?;
        let groups = groups.as_ref();
        let [here, there] = by_pipe()?;
        between(
            plan,
            || inside.enter(groups, 0, first).map(|()| here),
            || inside.enter(groups, 1, second).map(|()| there),
        )
    }
}
