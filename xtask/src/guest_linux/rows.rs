//! What the rounds come to, as rows of the benchmark's table: ours first, then Linux's, and beside virtual
//! CPUs that are threads what the host's own threads cost.

use switchlab_guest_linux::Exchange;
use switchlab_records::Mode;

use super::Absent;
use super::rounds::Series;
use crate::bench::row::{Measured, Missing, Outcome, Place, Row};

/// The laboratory's two tasks that hand over by channels on one CPU.
const CHANNEL: &str = "laboratory-channel";
/// Its two CPUs, of which each wakes the other by an IPI.
const IPI: &str = "laboratory-ipi";

/// What the rows need to know beside the figures.
pub struct Facts<'a> {
    /// Exchanges of a timed block of the laboratory's.
    pub exchanges: u64,
    /// As the laboratory's rows have it: `switchlab 0.1.0`.
    pub laboratory: &'a str,
    /// Go's version, or why its program is not in the guest.
    pub go: Result<&'a str, &'a Absent>,
}

/// All rows, in the order of the table.
pub fn rows(series: &Series, facts: &Facts<'_>) -> Vec<Row> {
    let ours = [Mode::SameCore, Mode::CrossCore].map(|mode| laboratory(mode, series, facts));
    let linux = Exchange::ALL.map(|exchange| linux(exchange, series, facts));
    ours.into_iter().chain(linux).chain(host(series)).collect()
}

fn laboratory(mode: Mode, series: &Series, facts: &Facts<'_>) -> Row {
    let (id, title) = match mode {
        Mode::CrossCore => (IPI, "IPI handoff, two cores"),
        _ => (CHANNEL, "channel, one core"),
    };
    let reason = "it did not run: two CPUs are wanted";
    Row {
        id: id.into(),
        title: title.into(),
        place: Place::Laboratory,
        base: None,
        version: facts.laboratory.into(),
        level: None,
        outcome: match series.laboratory.get(&mode) {
            Some(values) => measured(facts.exchanges, values),
            None => missing(all_void(series).unwrap_or(reason.into()), String::new()),
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
        base: base(exchange).map(str::to_owned),
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
        base: Some(IPI.into()),
        version: String::new(),
        level: None,
        outcome: measured(series.host_exchanges, &series.host),
    })
}

/// The row of ours of the same kind: on one core, or on two. Where Go runs its goroutines is its own choice,
/// and as a rule one core.
const fn base(exchange: Exchange) -> Option<&'static str> {
    match exchange {
        Exchange::Getppid => None,
        Exchange::FutexOther | Exchange::PipeThreadsOther | Exchange::PipeProcessesOther => Some(IPI),
        Exchange::SchedYield
        | Exchange::FutexSame
        | Exchange::PipeThreadsSame
        | Exchange::PipeProcessesSame
        | Exchange::GoOne
        | Exchange::GoAll => Some(CHANNEL),
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
        series.laboratory.insert(Mode::SameCore, five(50.0));
        series.laboratory.insert(Mode::CrossCore, five(1_700.0));
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
        rows(&series(), &Facts { exchanges: 1_000, laboratory: "switchlab", go })
    }

    fn row<'a>(rows: &'a [Row], id: &str) -> &'a Row {
        rows.iter().find(|row| row.id == id).expect("a row of this name")
    }

    #[test]
    fn linux_is_held_against_ours_of_the_same_kind() {
        let rows = facts(Err(&no_go()));
        let judged = judge_rows(&rows).unwrap();
        let ratio = |id: &str| {
            let found = judged.iter().find(|judged| judged.row.id == id).unwrap();
            found.against_ours.as_ref().map(|comparison| (comparison.base.clone(), comparison.ratio))
        };
        let (base, times) = ratio("linux-futex-other").unwrap();
        assert_eq!(base, "IPI handoff, two cores");
        assert!((times - 34_002.0 / 1_702.0).abs() < 1e-9, "{times}");
        assert_eq!(ratio("linux-futex-same").unwrap().0, "channel, one core");
        assert_eq!(ratio("host-wake-up").unwrap().0, "IPI handoff, two cores");
        assert_eq!(ratio("linux-getppid"), None);
        assert_eq!(ratio("linux-go-1"), None);
    }

    #[test]
    fn what_is_missing_is_named_and_the_rest_stays() {
        let rows = facts(Err(&no_go()));
        assert_eq!(row(&rows, "linux-go-1").outcome, missing("no Go".into(), "install Go".into()));
        assert!(row(&rows, "linux-futex-same").measured().is_some());
        let absent = Absent::missing("no kernel", "install one");
        let without = Series { absent: Some(absent), linux: [].into(), ..series() };
        let all = super::rows(&without, &Facts { exchanges: 1, laboratory: "", go: Ok("go1.19") });
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
        let all = rows(&void, &Facts { exchanges: 1, laboratory: "", go: Ok("go1.19") });
        let Outcome::Missing(why) = &row(&all, "linux-futex-same").outcome else { panic!("a figure") };
        assert!(
            why.reason.contains("each of 10 rounds is void") && why.reason.contains("48 %"),
            "{}",
            why.reason
        );
    }
}
