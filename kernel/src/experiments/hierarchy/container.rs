//! Two processes, as level `process` has them, each in a container of its own: `container` with all that there is,
//! the others with one part of it. What a level takes over `process` is what that part costs where messages go to
//! and fro. Namespaces and limits of memory decide as something is opened or allocated, which no handoff does.
//!
//! No limit is ever reached here, so nobody is refused or rests: `tests/kernels/src/bin/cases/container_*.rs` look at that.

use alloc::{borrow::Cow, boxed::Box, format};

use switchlab_core::container::{
    cpu::CpuGroup,
    filter::{Action, Filter, Rule, Test},
    memory::MemoryGroup,
    mounts::{Node, View},
};
use switchlab_records::Mode;

use super::{Context, Level, Taken, process};
use crate::{
    container::{self, Container, IdSpace, NameSpace},
    sched::Cpu,
    user::{
        self,
        system_call::{EXIT, RECV, SEND},
    },
};

/// A container with some of its parts.
pub struct Parts {
    name: &'static str,
    has_namespaces: bool,
    has_quota: bool,
    has_limit: bool,
    filter: Option<Filter>,
}

/// None of them.
const NOTHING: Parts =
    Parts { name: "", has_namespaces: false, has_quota: false, has_limit: false, filter: None };

/// All of them.
pub static CONTAINER: Parts = Parts {
    name: "container",
    has_namespaces: true,
    has_quota: true,
    has_limit: true,
    filter: Some(filter(BY_NUMBER)),
};
/// Ids, names and files of their own.
pub static NAMESPACES: Parts = Parts { name: "container-namespaces", has_namespaces: true, ..NOTHING };
/// CPU time that is charged, to two groups.
pub static QUOTA: Parts = Parts { name: "container-quota", has_quota: true, ..NOTHING };
/// Pages that are charged, to two groups.
pub static MEMORY: Parts = Parts { name: "container-memory", has_limit: true, ..NOTHING };
/// A filter that decides by the call's number.
pub static FILTER: Parts = Parts { name: "container-filter", filter: Some(filter(BY_NUMBER)), ..NOTHING };
/// A filter that has to look at arguments.
pub static FILTER_ARGUMENTS: Parts =
    Parts { name: "container-filter-arguments", filter: Some(filter(BY_ARGUMENTS)), ..NOTHING };

/// What the two programs call.
const BY_NUMBER: &[Rule] =
    &[Rule::of(SEND, Action::Allow), Rule::of(RECV, Action::Allow), Rule::of(EXIT, Action::Allow)];
const BY_ARGUMENTS: &[Rule] = &[
    Rule::where_argument(SEND, 0, Test::Equal(0), Action::Allow),
    Rule::where_argument(RECV, 0, Test::Equal(1), Action::Allow),
    Rule::of(EXIT, Action::Allow),
];

const fn filter(rules: &[Rule]) -> Filter {
    match Filter::new(rules, Action::End) {
        Ok(filter) => filter,
        Err(_) => panic!("these rules are a filter"),
    }
}

/// TSC ticks of a period: about 100 ms, Linux's own.
const PERIOD: u64 = 1 << 28;
/// More than any of them uses, though the host may take the CPU away for a while.
const BUDGET: u64 = PERIOD << 10;
/// Pages: more than the two have.
const LIMIT: u64 = 128;

static ALL_TIME: CpuGroup = CpuGroup::new("containers", 2 * BUDGET, PERIOD);
static TIME: [CpuGroup; 2] =
    [CpuGroup::within(&ALL_TIME, "asking", BUDGET), CpuGroup::within(&ALL_TIME, "answering", BUDGET)];
static ALL_MEMORY: MemoryGroup = MemoryGroup::new("containers", 2 * LIMIT);
static PAGES: [MemoryGroup; 2] =
    [MemoryGroup::within(&ALL_MEMORY, "asking", LIMIT), MemoryGroup::within(&ALL_MEMORY, "answering", LIMIT)];
static IDS: [IdSpace; 2] = [const { container::id_space() }; 2];
static NAMES: [NameSpace; 2] = [const { container::name_space() }; 2];
static ROOTS: [Node; 2] = [Node::Folder(&[]), Node::Folder(&[])];

impl Parts {
    /// The container of one side.
    fn of_side(&self, side: usize) -> &'static Container {
        let container = Container {
            ids: self.has_namespaces.then_some(&IDS[side]),
            names: self.has_namespaces.then_some(&NAMES[side]),
            view: self.has_namespaces.then_some(View { root: &ROOTS[side], mounts: &[] }),
            cpu: self.has_quota.then_some(&TIME[side]),
            memory: self.has_limit.then_some(&PAGES[side]),
            filter: self.filter,
        };
        Box::leak(Box::new(container))
    }
}

impl Level for Parts {
    fn name(&self) -> &'static str {
        self.name
    }

    fn absent(&self) -> Option<Cow<'static, str>> {
        user::absent()
    }

    fn crosses_cpus(&self) -> bool {
        true
    }

    fn context(&self, mode: Mode) -> Context {
        // It is charged wherever it waits.
        let of_account = if self.has_quota { container::CONTEXT_WORDS } else { 0 };
        process::context(mode).with(Context::of_words(of_account))
    }

    fn measure(
        &self,
        cpus: [&'static Cpu; 2],
        warm_up: u64,
        exchanges: u64,
    ) -> Result<Taken, Cow<'static, str>> {
        let before = TIME.each_ref().map(CpuGroup::used);
        let containers = [0, 1].map(|side| Some(self.of_side(side)));
        let mut taken = process::measure(process::sending(containers), cpus, warm_up, exchanges)?;
        if self.has_quota {
            let throttles = ALL_TIME.throttles() + TIME.iter().map(CpuGroup::throttles).sum::<u64>();
            if throttles != 0 {
                return Err(
                    format!("{throttles} waits for the next period, of budgets that nobody uses up").into()
                );
            }
            for (group, before) in TIME.iter().zip(before) {
                if group.used() == before {
                    return Err(format!("nothing was charged to {}", group.name()).into());
                }
            }
            taken = taken.with([("throttles", throttles)]);
        }
        if self.has_limit {
            let pages = ALL_MEMORY.most();
            if pages == 0 || ALL_MEMORY.used() != 0 {
                return Err(
                    format!("pages charged: {pages} at most, {} left behind", ALL_MEMORY.used()).into()
                );
            }
            taken = taken.with([("charged-pages", pages)]);
        }
        Ok(taken)
    }
}
