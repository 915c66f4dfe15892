//! Which CPUs the sides run on, and how they are kept there.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::plan::Failure;

/// Where the two sides run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cores {
    /// Both on one.
    Same,
    /// On two.
    Two,
}

/// The calling thread.
const THIS: Pid = Pid::from_raw(0);

impl Cores {
    /// The CPUs of both sides: the first, or the first two, of those that this process may use.
    ///
    /// # Errors
    ///
    /// It takes two and there is one.
    pub fn cpus(self) -> Result<[usize; 2], Failure> {
        let set = sched_getaffinity(THIS)
            .map_err(|why| Failure::System { what: "asking for the CPUs", why: why.into() })?;
        let mut usable = (0..CpuSet::count()).filter(|&cpu| set.is_set(cpu).unwrap_or(false));
        let first = usable.next().unwrap_or(0);
        match self {
            Self::Same => Ok([first, first]),
            Self::Two => usable
                .next()
                .map(|second| [first, second])
                .ok_or(Failure::Unavailable { why: "it takes two CPUs, and this process may use one" }),
        }
    }
}

/// Binds the calling thread to `cpu`.
///
/// # Errors
///
/// The system refuses.
pub fn pin(cpu: usize) -> Result<(), Failure> {
    let mut set = CpuSet::new();
    set.set(cpu)
        .and_then(|()| sched_setaffinity(THIS, &set))
        .map_err(|why| Failure::System { what: "pinning a side", why: why.into() })
}
