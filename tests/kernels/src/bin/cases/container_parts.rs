//! Every combination of a container's parts: what each of them keeps from a process is stopped and named whatever else
//! there is, what is not there is not asked for, and two in another container of the same parts go on beside it.
//! A tick is an instruction.

use core::fmt;

use case::{
    check,
    contained::{
        EATS, ENDS_IDS, HIGH, LOOPS_FOR_EVER, MAKES_CALL, OPENS, READS_FILE, WAITS, YIELDS, beside,
        beside_others_in, words,
    },
    count, cpu, for_ever,
};
use switchlab_core::container::{
    cpu::CpuGroup,
    filter::{Action, Filter, Rule, Test},
    memory::{MemoryGroup, OverLimit},
    mounts::{Mount, Node, View},
};
use switchlab_kernel::{
    arch::tsc,
    bring_up::Lab,
    container::{self, Container, IdSpace, NameSpace},
    sched::Channel,
    user::{
        self, Ended, Port, Program, Quantum, Report, Spec,
        system_call::{
            DONE, END, EXIT, ID, MAP, NO_SUCH_CALL, NO_SUCH_FILE, OPEN, OVER_LIMIT, READ, RECV, REFUSED, SAY,
            SEND, STATUS, UNKNOWN_ID, UNKNOWN_NAME, YIELD,
        },
    },
};

/// TSC ticks of a period.
const PERIOD: u64 = 200_000;
/// Of those who try: less than two of them take for their exchanges. And of those beside them.
const BUDGET: u64 = PERIOD / 20;
const PLENTY: u64 = PERIOD << 20;
/// Counts of a tick of the timer, ticks that one that loops may take, and more than one that is ended does.
const COUNTS: u32 = 5_000;
const TICKS: u64 = 20;
const MANY_TICKS: u64 = 1_000;
/// Waits of two whose calls are charged.
const MANY_WAITS: u64 = 3;
/// Pages: for four.
const LIMIT: u64 = 128;
/// Ids that are guessed: there are two behind the first in the other namespace, at first.
const GUESSES: u64 = 40;

/// Calls that may be made whatever their arguments.
const ALLOWED: [u64; 7] = [EXIT, YIELD, MAP, ID, END, OPEN, READ];

/// Which system calls may be made, by their numbers alone,
const BY_NUMBER: Filter = filter(Rule::of(RECV, Action::Allow), Rule::of(SEND, Action::Allow));
/// or by their arguments where two exchange numbers.
const BY_ARGUMENTS: Filter = filter(
    Rule::where_argument(RECV, 0, Test::Below(2), Action::Allow),
    Rule::where_argument(SEND, 0, Test::Equal(0), Action::Allow),
);

const fn filter(receives: Rule, sends: Rule) -> Filter {
    let mut rules = [Rule::of(SAY, Action::Refuse); 10];
    let mut at = 0;
    while at < ALLOWED.len() {
        rules[at] = Rule::of(ALLOWED[at], Action::Allow);
        at += 1;
    }
    rules[at] = receives;
    rules[at + 1] = sends;
    match Filter::new(&rules, Action::End) {
        Ok(filter) => filter,
        Err(_) => panic!("these rules are a filter"),
    }
}

static SHARED: Node = Node::File(b"of both.");
static SECRET: Node = Node::File(b"of one..");
static FOLDER: Node = Node::Folder(&[]);
static ROOT: Node = Node::Folder(&[("index", &SHARED), ("data", &FOLDER)]);
static MOUNTED: Node = Node::Folder(&[("secret", &SECRET)]);
static MOUNTS: [Mount; 1] = [Mount { over: &FOLDER, tree: &MOUNTED }];

/// Which parts containers have.
#[derive(Clone, Copy)]
struct Parts {
    namespaces: bool,
    quota: bool,
    limit: bool,
    filter: Option<&'static (&'static str, Filter)>,
}

impl fmt::Display for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.namespaces, "namespaces, "),
            (self.quota, "quota, "),
            (self.limit, "limit, "),
            (self.filter.is_some(), self.filter.map_or("", |(name, _)| name)),
        ];
        f.write_str("with ")?;
        parts.iter().filter(|(has, _)| *has).try_for_each(|(_, part)| f.write_str(part))?;
        f.write_str("and nothing more")
    }
}

/// One container of them, and what it is made of.
struct Made {
    container: &'static Container,
    ids: &'static IdSpace,
    names: &'static NameSpace,
    time: &'static CpuGroup,
    pages: &'static MemoryGroup,
}

impl Parts {
    fn make(self, name: &'static str, budget: u64, mounts: &'static [Mount]) -> Made {
        let ids = for_ever(container::id_space());
        let names = for_ever(container::name_space());
        let time = for_ever(CpuGroup::new(name, budget, PERIOD));
        let pages = for_ever(MemoryGroup::new(name, LIMIT));
        let container = for_ever(Container {
            ids: self.namespaces.then_some(ids),
            names: self.namespaces.then_some(names),
            view: self.namespaces.then_some(View { root: &ROOT, mounts }),
            cpu: self.quota.then_some(time),
            memory: self.limit.then_some(pages),
            filter: self.filter.map(|(_, filter)| *filter),
        });
        Made { container, ids, names, time, pages }
    }
}

pub fn container_parts(_: &Lab) {
    static FILTERS: [(&str, Filter); 2] =
        [("filter by number, ", BY_NUMBER), ("filter by arguments, ", BY_ARGUMENTS)];
    let mut cases = 0;
    for filter in [None, Some(&FILTERS[0]), Some(&FILTERS[1])] {
        for bits in 0..8 {
            let [namespaces, quota, limit] = [1, 2, 4].map(|bit| bits & bit != 0);
            cases += try_all(Parts { namespaces, quota, limit, filter });
        }
    }
    count("cases", cases);
}

/// Tries what there is to try; returns how much that was.
fn try_all(parts: Parts) -> u64 {
    let start = tsc::unfenced();
    let web = parts.make("web", PLENTY, &MOUNTS);
    let batch = parts.make("batch", BUDGET, &[]);
    web.names.lock().publish("requests", for_ever(Channel::new())).expect("a name");
    batch.names.lock().publish("results", for_ever(Channel::new())).expect("a name");
    let tries = Tries { parts, web, batch };
    let tried = tries.ids() + tries.names() + tries.files() + tries.memory() + tries.filter() + tries.time();
    let Tries { web, batch, .. } = tries;
    check!(web.ids.lock().members() + batch.ids.lock().members() == 0, "{parts}: all are gone");
    check!(web.pages.used() + batch.pages.used() == 0, "{parts}: pages are left behind");
    check!((web.pages.most() > 0) == parts.limit, "{parts}: {} pages beside it", web.pages.most());
    check!(web.pages.refusals() == 0, "{parts}: a page is refused beside it");
    let used = [web.time.used(), batch.time.used()];
    check!(used.iter().all(|&used| (used > 0) == parts.quota), "{parts}: they used {used:?}");
    // On one CPU, so nobody is charged what another uses.
    let took = tsc::unfenced() - start;
    check!(used[0] + used[1] <= took, "{parts}: they used {used:?} of {took}");
    check!(web.time.throttles() == 0, "{parts}: it waits beside it");
    tried
}

struct Tries {
    parts: Parts,
    web: Made,
    batch: Made,
}

impl Tries {
    /// One that tries.
    fn of(&self, program: &'static Program, arguments: [u64; 4]) -> Spec {
        let container = Some(self.batch.container);
        Spec { arguments, container, ends_by_itself: true, ..Spec::new(program) }
    }

    /// One that tries, and takes ticks.
    fn ticking(&self, program: &'static Program, most: u64) -> Spec {
        Spec { quantum: Some(Quantum { counts: COUNTS, most }), ..self.of(program, [0; 4]) }
    }

    /// Runs it beside the others, and checks how it ended: as `there` where the part is there.
    fn ends(&self, what: &str, is_there: bool, spec: Spec, there: Ended, not_there: Ended) -> Report {
        let report = beside_others_in(Some(self.web.container), spec);
        let expected = if is_there { there } else { not_there };
        check!(report.ended == expected, "{}: {what}: it {}", self.parts, report.ended);
        report
    }

    fn ids(&self) -> u64 {
        let is_there = self.parts.namespaces;
        let there = Ended::Exited([UNKNOWN_ID * (GUESSES - 2), 1]);
        let not_there = Ended::Exited([NO_SUCH_CALL * (GUESSES - 2), 0]);
        self.ends("another's id", is_there, self.of(&ENDS_IDS, [2, GUESSES, 0, 0]), there, not_there);
        if !is_there {
            return 1;
        }
        // Its fellows, whatever they do. Ticks end who goes on behind that.
        let word = for_ever(Channel::new());
        let ports = [Port::Receives(word)].into();
        let fellows = [
            ("calls", self.ticking(&YIELDS, MANY_TICKS)),
            ("loops", self.ticking(&LOOPS_FOR_EVER, MANY_TICKS)),
            ("waits", Spec { ports, ..self.of(&WAITS, [0; 4]) }),
        ]
        .map(|(what, spec)| (what, user::spawn(cpu(0), spec).expect("a process")));
        let ended = Ended::Exited([3 * DONE, 5]);
        self.ends("its fellows' ids", true, self.of(&ENDS_IDS, [2, 5, 0, 0]), ended, ended);
        word.sender().send(1);
        for (what, fellow) in fellows {
            let ended = fellow.join().ended;
            check!(ended == Ended::EndedByFellow, "{}: its fellow that {what} {ended}", self.parts);
        }
        2
    }

    fn names(&self) -> u64 {
        for (name, there) in [("requests", UNKNOWN_NAME), ("results", DONE)] {
            let [first, second, third] = words(name);
            let opens = self.of(&OPENS, [first, second, third, 0]);
            let [there, not_there] = [there, NO_SUCH_CALL].map(|status| Ended::Exited([status, 0]));
            self.ends(name, self.parts.namespaces, opens, there, not_there);
        }
        2
    }

    fn files(&self) -> u64 {
        let bytes = u64::from_le_bytes(*b"of both.");
        for (path, there) in [("/data/secret", [NO_SUCH_FILE, 0]), ("/index", [DONE, bytes])] {
            let reads = self.of(&READS_FILE, words(path));
            let not_there = Ended::Exited([NO_SUCH_CALL, 0]);
            self.ends(path, self.parts.namespaces, reads, Ended::Exited(there), not_there);
        }
        2
    }

    fn memory(&self) -> u64 {
        let is_there = self.parts.limit;
        let born = self.ends(
            "nothing",
            true,
            self.of(&MAKES_CALL, [EXIT, 0, 0, 0]),
            Ended::Exited([0; 2]),
            Ended::Exited([0; 2]),
        );
        // All but a table.
        let pages = LIMIT - born.frames as u64 - 1;
        let there = Ended::Exited([OVER_LIMIT, pages]);
        let eats = self.of(&EATS, [0; 4]);
        let report = self.ends("all pages", is_there, eats, there, Ended::Exited([NO_SUCH_CALL, 0]));
        let over = is_there.then_some(OverLimit { group: "batch", limit: LIMIT });
        check!(report.over_limit == over, "{}: over the limit of {:?}", self.parts, report.over_limit);
        1
    }

    fn filter(&self) -> u64 {
        let is_there = self.parts.filter.is_some();
        let ended = |call| Ended::Filtered { call };
        let status = self.of(&MAKES_CALL, [STATUS, 0x48_0000, 0, 0]);
        self.ends("a call that ends it", is_there, status, ended(STATUS), Ended::Exited([DONE, 0]));
        // A number without a bit of its own, but for another's.
        let high = self.of(&MAKES_CALL, [HIGH + EXIT, 0, 0, 0]);
        let not_there = Ended::Exited([NO_SUCH_CALL, 0]);
        self.ends("a call without a bit", is_there, high, ended(HIGH + EXIT), not_there);
        let say = self.of(&MAKES_CALL, [SAY, 0x48_0000, 0, 0]);
        let there = Ended::Exited([REFUSED, 0]);
        let report = self.ends("a call that is refused", is_there, say, there, Ended::Exited([DONE, 0]));
        let refused = is_there.then_some(SAY);
        check!(report.refused == refused, "{}: refused: {:?}", self.parts, report.refused);
        3
    }

    fn time(&self) -> u64 {
        let is_there = self.parts.quota;
        let throttles = || self.batch.time.throttles();
        // One that never calls is charged by ticks,
        let before = throttles();
        let looping = self.ticking(&LOOPS_FOR_EVER, TICKS);
        let ended = beside_others_in(Some(self.web.container), looping).ended;
        check!(matches!(ended, Ended::OutOfTime { .. }), "{}: one that loops {ended}", self.parts);
        let waits = throttles() - before;
        check!((waits > 0) == is_there, "{}: one that loops waits {waits} times", self.parts);
        // two that take none by their calls: more often than as they begin to run, in debt for a whole run.
        while self.batch.time.out_of_time(tsc::unfenced()).is_some() {}
        let before = throttles();
        beside(Some(self.web.container), || beside(Some(self.batch.container), || {}));
        let waits = throttles() - before;
        let enough = if is_there { MANY_WAITS..=u64::MAX } else { 0..=0 };
        check!(enough.contains(&waits), "{}: two that call wait {waits} times", self.parts);
        // But for what one call takes.
        let (used, granted) = (self.batch.time.used(), self.batch.time.granted());
        check!(used <= granted + u64::from(COUNTS), "{}: two that call used {used} of {granted}", self.parts);
        2
    }
}
