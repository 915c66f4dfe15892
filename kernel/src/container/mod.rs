//! Containers: what a process is given so that it sees, and gets, a part of the machine alone.
//!
//! | module | what it owns |
//! |---|---|
//! | this one | a container: which namespaces, groups and filter its processes have |
//! | `account` | the CPU time of one process: charged as it gives the CPU away, and the wait for the next period |
//!
//! What each part decides is in `switchlab_core::container`, tested on the host. A container is made before its
//! processes; each part can be left out, so that it can be measured by itself. A process with a container enters the
//! kernel by entries of its own (`kernel/src/user/contained.rs`), so that one without pays nothing.
//!
//! Locks: one around each namespace, taken by calls that name something. A switch takes none.

mod account;

use core::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Relaxed, Release},
};

use switchlab_core::container::{
    cpu::CpuGroup, filter::Filter, ids::Ids, memory::MemoryGroup, mounts::View, names::Names,
};

pub(crate) use account::Account;
pub use account::CONTEXT_WORDS;

use crate::{
    lock::Lock,
    sched::{Channel, Cpu},
};

/// The most processes of a namespace at one time.
pub const MAX_MEMBERS: usize = 16;
/// The most names of one.
pub const MAX_NAMES: usize = 8;

/// A process of a container, as its entries and its fellows reach it.
#[derive(Debug)]
pub struct Member {
    /// Bit n: call n goes through without a closer look. One word for all that may be in the way, as a kernel has one
    /// for what is to be done on entry.
    pub let_through: AtomicU64,
    is_ended: AtomicBool,
    /// Where it runs; `None` of who has no container.
    cpu: Option<&'static Cpu>,
}

impl Member {
    /// One of this CPU for whom these calls go through, and whom nobody has ended.
    pub const fn new(let_through: u64, cpu: Option<&'static Cpu>) -> Self {
        Self { let_through: AtomicU64::new(let_through), is_ended: AtomicBool::new(false), cpu }
    }

    /// Ends it, as soon as it is in the kernel. On another CPU an interrupt brings it there, though it calls nothing and
    /// takes no ticks; on this one it is there, since another runs.
    pub fn end(&self) {
        self.is_ended.store(true, Relaxed);
        // Release: pairs with the fence of who looks closer, since it found no bit, so that it finds why.
        self.let_through.store(0, Release);
        if let Some(cpu) = self.cpu {
            cpu.interrupt();
        }
    }

    /// Whether one of its namespace has ended it.
    #[inline(always)]
    pub fn is_ended(&self) -> bool {
        self.is_ended.load(Relaxed)
    }
}

/// A namespace of ids.
pub type IdSpace = Lock<Ids<&'static Member, MAX_MEMBERS>>;
/// A namespace of channels' names.
pub type NameSpace = Lock<Names<&'static Channel, MAX_NAMES>>;

/// What processes can be given. What is left out they do without: no ids, no names and no files, no quota and no
/// limit, every system call.
#[derive(Debug)]
pub struct Container {
    /// The ids that its processes have and can name.
    pub ids: Option<&'static IdSpace>,
    /// The names that they can open.
    pub names: Option<&'static NameSpace>,
    /// The files that they see.
    pub view: Option<View>,
    /// Where their CPU time is charged.
    pub cpu: Option<&'static CpuGroup>,
    /// Where their pages are charged.
    pub memory: Option<&'static MemoryGroup>,
    /// Which system calls they may make.
    pub filter: Option<Filter>,
}

impl Container {
    /// One with nothing in it.
    pub const fn new() -> Self {
        Self { ids: None, names: None, view: None, cpu: None, memory: None, filter: None }
    }
}

impl Default for Container {
    fn default() -> Self {
        Self::new()
    }
}

/// A namespace of ids without members.
pub const fn id_space() -> IdSpace {
    Lock::new(Ids::new())
}

/// A namespace of names without any.
pub const fn name_space() -> NameSpace {
    Lock::new(Names::new())
}
