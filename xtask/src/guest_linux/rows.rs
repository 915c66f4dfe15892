//! What the rounds come to, as rows of the benchmark's table: ours first, then Linux's, and beside virtual
//! CPUs that are threads what the host's own threads cost.

use switchlab_guest_linux::Exchange;

use super::Absent;
use super::ours::{self, OURS, Ours};
use super::rounds::Series;
use crate::bench::row::{Measured, Missing, Outcome, Place, Row};

/// What the rows need to know beside the figures.
pub struct Facts<'a> {
    /// As the laboratory's rows have it: `switchlab 0.1.0`.
    pub laboratory: &'a str,
    /// Go's version, or why its program is not in the guest.
    pub go: Result<&'a str, &'a Absent>,
}

/// All rows, in the order of the table.
pub fn rows(series: &Series, facts: &Facts<'_>) -> Vec<Row> {
    let ours = OURS.iter().map(|ours| laboratory(*ours, series, facts));
    let linux = Exchange::ALL.map(|exchange| linux(exchange, series, facts));
    ours.chain(linux).chain(host(series)).collect()
}

fn laboratory(ours: Ours, series: &Series, facts: &Facts<'_>) -> Row {
    let absent = series.laboratory_absent.iter().find(|(of, _)| *of == ours).map(|(_, why)| why.clone());
    Row {
        id: ours.id(),
        title: ours.title(),
        place: Place::Laboratory,
        base: ours.base(),
        also: Vec::new(),
        version: facts.laboratory.into(),
        level: None,
        outcome: match series.laboratory.get(&ours) {
            Some(values) => {
                let handoffs = series.laboratory_handoffs.get(&ours).copied().unwrap_or_default();
                measured(handoffs / 2, values)
            }
            None => {
                let why = if ours.is_on_two_cpus() {
                    "it did not run: two CPUs are wanted"
                } else {
                    "the laboratory reported no block of it"
                };
                let reason = absent.or(all_void(series)).unwrap_or(why.into());
                missing(reason, String::new())
            }
        },
    }
}

fn linux(exchange: Exchange, series: &Series, facts: &Facts<'_>) -> Row {
    let release = series.system.as_ref().map_or("Linux", |system| &system.release);
    let is_go = is_go(exchange);
    Row {
        id: format!("linux-{}", word(exchange)),
        title: exchange.words().into(),
        place: Place::LinuxGuest,
        base: base(exchange).map(Ours::id),
        also: also(exchange).map(Ours::id).into_iter().collect(),
        version: match facts.go {
            Ok(version) if is_go => version.into(),
            _ => release.into(),
        },
        level: None,
        outcome: linux_outcome(exchange, series, facts),
    }
}

fn linux_outcome(exchange: Exchange, series: &Series, facts: &Facts<'_>) -> Outcome {
    if let Some(absent) = &series.absent {
        return missing(absent.reason.clone(), absent.to_do.clone());
    }
    if let (true, Err(absent)) = (is_go(exchange), facts.go) {
        return missing(absent.reason.clone(), absent.to_do.clone());
    }
    if let Some(values) = series.linux.get(&exchange) {
        // Half of what the block's handoffs are, as of every row; of a call there is no half.
        let handoffs = series.handoffs.get(&exchange).copied().unwrap_or_default();
        let each = if exchange == Exchange::Getppid { 1 } else { 2 };
        return measured(handoffs / each, values);
    }
    let skipped = series.skipped.iter().find(|(of, _)| *of == exchange).map(|(_, why)| why.clone());
    missing(skipped.or(all_void(series)).unwrap_or("the guest did not measure it".into()), String::new())
}

/// Why there is no figure at all, where the host got in the way each time.
fn all_void(series: &Series) -> Option<String> {
    let busy = series.host_busy_percent.map_or_else(String::new, |percent| {
        format!(" (up to {percent:.0} % of the host's CPU time went to others)")
    });
    (series.counted == 0)
        .then(|| format!("each of {} rounds is void: the host got in the way{busy}", series.void))
}

/// What the host's own threads cost, where each virtual CPU is one: no handoff between CPUs that halt can be
/// cheaper there.
fn host(series: &Series) -> Option<Row> {
    (!series.host.is_empty()).then(|| Row {
        id: "host-wake-up".into(),
        title: "wake-up of a thread".into(),
        place: Place::Host,
        base: Some(ours::IPI.id()),
        also: Vec::new(),
        version: String::new(),
        level: None,
        outcome: measured(series.host_exchanges, &series.host),
    })
}

/// The row of ours of the same kind: threads against threads, processes against processes, each on one core or on
/// two. Goroutines are tasks; where Go runs them is its own choice, and as a rule one core.
const fn base(exchange: Exchange) -> Option<Ours> {
    match exchange {
        Exchange::Getppid => Some(ours::SYSTEM_CALL),
        Exchange::SchedYield | Exchange::FutexSame | Exchange::PipeThreadsSame => Some(ours::THREAD),
        Exchange::FutexOther | Exchange::PipeThreadsOther => Some(ours::THREAD_OTHER),
        Exchange::PipeProcessesSame => Some(ours::PROCESS),
        Exchange::PipeProcessesOther => Some(ours::PROCESS_OTHER),
        Exchange::GoOne | Exchange::GoAll => Some(ours::CHANNEL),
    }
}

/// What else it is held against: the cheapest that Linux has to offer two threads, against the cheapest of ours.
const fn also(exchange: Exchange) -> Option<Ours> {
    match exchange {
        Exchange::FutexSame => Some(ours::CHANNEL),
        Exchange::FutexOther => Some(ours::IPI),
        _ => None,
    }
}

const fn is_go(exchange: Exchange) -> bool {
    matches!(exchange, Exchange::GoOne | Exchange::GoAll)
}

const fn word(exchange: Exchange) -> &'static str {
    match exchange {
        Exchange::Getppid => "getppid",
        Exchange::SchedYield => "sched-yield",
        Exchange::FutexSame => "futex-same",
        Exchange::FutexOther => "futex-other",
        Exchange::PipeThreadsSame => "pipe-threads-same",
        Exchange::PipeThreadsOther => "pipe-threads-other",
        Exchange::PipeProcessesSame => "pipe-processes-same",
        Exchange::PipeProcessesOther => "pipe-processes-other",
        Exchange::GoOne => "go-1",
        Exchange::GoAll => "go-all",
    }
}

fn measured(exchanges: u64, values: &[f64]) -> Outcome {
    Outcome::Measured(Measured {
        exchanges,
        one_way_ns: values.to_vec(),
        switched: None,
        crossed: None,
        instructions: None,
        uncounted: None,
    })
}

fn missing(reason: String, to_do: String) -> Outcome {
    Outcome::Missing(Missing { reason, to_do })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::judged::judge_rows;

    fn series() -> Series {
        let five = |value: f64| vec![value, value + 1.0, value + 2.0, value + 3.0, value + 4.0];
        let mut series = Series { counted: 5, ..Series::default() };
        for (&ours, value) in OURS.iter().zip([50.0, 1_700.0].into_iter().chain(std::iter::repeat(3_400.0))) {
            series.laboratory.insert(ours, five(value));
            series.laboratory_handoffs.insert(ours, 2_000);
        }
        for exchange in Exchange::ALL.into_iter().filter(|exchange| !is_go(*exchange)) {
            series.linux.insert(exchange, five(34_000.0));
            series.handoffs.insert(exchange, 2_000);
        }
        series.host = five(1_600.0);
        series
    }

    fn no_go() -> Absent {
        Absent::missing("no Go", "install Go")
    }

    fn facts(go: Result<&'static str, &Absent>) -> Vec<Row> {
        rows(&series(), &Facts { laboratory: "switchlab", go })
    }

    fn row<'a>(rows: &'a [Row], id: &str) -> &'a Row {
        rows.iter().find(|row| row.id == id).expect("a row of this name")
    }

    #[test]
    fn linux_is_held_against_ours_of_the_same_kind() {
        let rows = facts(Err(&no_go()));
        let judged = judge_rows(&rows).unwrap();
        let found = |id: &str| judged.iter().find(|judged| judged.row.id == id).unwrap();
        let base = |id: &str| found(id).against_ours.as_ref().map(|comparison| comparison.base.clone());
        for (id, ours) in [
            ("linux-getppid", "system-call, one core"),
            ("linux-sched-yield", "thread, one core"),
            ("linux-futex-same", "thread, one core"),
            ("linux-futex-other", "thread, two cores"),
            ("linux-pipe-processes-same", "process, one core"),
            ("linux-pipe-processes-other", "process, two cores"),
            ("host-wake-up", "IPI handoff, two cores"),
        ] {
            assert_eq!(base(id).as_deref(), Some(ours), "{id}");
        }
        assert_eq!(base("linux-go-1"), None);
        // The futex against tasks, too.
        for (id, ours, times) in [
            ("linux-futex-same", ours::CHANNEL, 34_002.0 / 52.0),
            ("linux-futex-other", ours::IPI, 34_002.0 / 1_702.0),
        ] {
            let comparison = found(id).against(&ours.id()).expect("it was held against that");
            assert_eq!(comparison.base, ours.title());
            assert!((comparison.ratio - times).abs() < 1e-9, "{}", comparison.ratio);
        }
    }

    #[test]
    fn row_without_a_figure_wants_two_cpus_only_where_it_is_on_two() {
        let mut series = series();
        series.laboratory.clear();
        let go = no_go();
        let rows = rows(&series, &Facts { laboratory: "switchlab", go: Err(&go) });
        for (ours, wants_two) in
            [(ours::CHANNEL, false), (ours::THREAD, false), (ours::THREAD_OTHER, true), (ours::IPI, true)]
        {
            let Outcome::Missing(missing) = &row(&rows, &ours.id()).outcome else {
                panic!("{ours:?} has a figure")
            };
            assert_eq!(
                missing.reason.contains("two CPUs are wanted"),
                wants_two,
                "{ours:?}: {}",
                missing.reason
            );
        }
    }

    #[test]
    fn level_that_is_absent_says_why() {
        let mut series = series();
        series.laboratory.remove(&ours::THREAD);
        series.laboratory_absent = vec![(ours::THREAD, "no XSAVE".into())];
        let rows = rows(&series, &Facts { laboratory: "", go: Ok("go1.19") });
        assert_eq!(row(&rows, &ours::THREAD.id()).outcome, missing("no XSAVE".into(), String::new()));
        let judged = judge_rows(&rows).unwrap();
        let futex = judged.iter().find(|judged| judged.row.id == "linux-futex-same").unwrap();
        assert_eq!(futex.against_ours, None);
        assert!(futex.against(&ours::CHANNEL.id()).is_some());
    }

    #[test]
    fn what_is_missing_is_named_and_the_rest_stays() {
        let rows = facts(Err(&no_go()));
        assert_eq!(row(&rows, "linux-go-1").outcome, missing("no Go".into(), "install Go".into()));
        assert!(row(&rows, "linux-futex-same").measured().is_some());
        let absent = Absent::missing("no kernel", "install one");
        let without = Series { absent: Some(absent), linux: [].into(), ..series() };
        let all = super::rows(&without, &Facts { laboratory: "", go: Ok("go1.19") });
        let missing_rows = all.iter().filter(|row| row.measured().is_none()).count();
        assert_eq!(missing_rows, Exchange::ALL.len());
        assert!(row(&all, "laboratory-ipi").measured().is_some());
    }

    #[test]
    fn exchanges_are_halves_of_handoffs_but_for_calls() {
        let rows = facts(Ok("go1.19"));
        let exchanges = |id| row(&rows, id).measured().unwrap().exchanges;
        assert_eq!((exchanges("linux-futex-same"), exchanges("linux-getppid")), (1_000, 2_000));
        assert_eq!(exchanges("laboratory-channel"), 1_000);
    }

    #[test]
    fn rounds_that_are_all_void_are_said() {
        let void = Series { void: 10, host_busy_percent: Some(48.0), ..Series::default() };
        let all = rows(&void, &Facts { laboratory: "", go: Ok("go1.19") });
        let Outcome::Missing(why) = &row(&all, "linux-futex-same").outcome else { panic!("a figure") };
        assert!(
            why.reason.contains("each of 10 rounds is void") && why.reason.contains("48 %"),
            "{}",
            why.reason
        );
    }
}
