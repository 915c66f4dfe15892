//! A trace as a timeline: Chrome's trace-event format, which Perfetto and `chrome://tracing` open. (Trace
//! Event Format, Google, 2016: complete events `X`, flow events `s` and `f`, metadata `M`.)
//!
//! Each mode is a process of its own, so that the modes stand below each other, each from 0 on; each CPU
//! is a track in it. On a track: the task that runs, within it the steps; a halt is around the steps in
//! it, and the interrupt's handler around its own. An IPI is an arrow from the step that sends it to the
//! handler that takes it; in time that is from one counter to another, and the bound stands by it.

use serde::Serialize;
use serde_json::{Map, Value, json};
use switchlab_core::ruler::Ruler;
use switchlab_core::stats::ticks_to_ns;
use switchlab_records::{Mark, Mode};

use crate::steps::Step;
use crate::trace::{Event, ModeTrace, Traced};

/// The file's content.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Timeline {
    /// How viewers write times.
    pub display_time_unit: &'static str,
    /// What has to be known to read it.
    pub other_data: Map<String, Value>,
    /// What happened.
    pub trace_events: Vec<TraceEvent>,
}

/// One event of the format. Times are in microseconds, with three decimals.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TraceEvent {
    /// What it is of.
    pub name: String,
    /// Its category.
    pub cat: &'static str,
    /// Its kind: `X`, `s`, `f` or `M`.
    pub ph: &'static str,
    /// When.
    pub ts: f64,
    /// How long, of a slice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dur: Option<f64>,
    /// The mode.
    pub pid: u32,
    /// The CPU.
    pub tid: u32,
    /// Which arrow, of its two ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u32>,
    /// Where an arrow's head is bound: to the slice around it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bp: Option<&'static str>,
    /// More of it.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub args: Map<String, Value>,
}

const SLICE: &str = "X";
const ARROW_TAIL: &str = "s";
const ARROW_HEAD: &str = "f";
const METADATA: &str = "M";

impl Timeline {
    /// Draws all that was traced.
    ///
    /// # Errors
    ///
    /// What can not be followed.
    pub fn new(traced: &Traced<'_>) -> Result<Self, String> {
        let mut events = Vec::new();
        let mut arrows = 0;
        for (trace, process) in traced.modes.iter().zip(1..) {
            Drawing::new(trace, traced.ruler, process)?.draw(&mut events, &mut arrows);
        }
        Ok(Self { display_time_unit: "ns", other_data: other_data(traced), trace_events: events })
    }

    /// As JSON, an event a line.
    ///
    /// # Errors
    ///
    /// None.
    pub fn json(&self) -> anyhow::Result<String> {
        let events: Result<Vec<_>, _> = self.trace_events.iter().map(serde_json::to_string).collect();
        Ok(format!(
            "{{\"displayTimeUnit\":{},\"otherData\":{},\"traceEvents\":[\n{}\n]}}\n",
            serde_json::to_string(self.display_time_unit)?,
            serde_json::to_string(&self.other_data)?,
            events?.join(",\n")
        ))
    }
}

fn other_data(traced: &Traced<'_>) -> Map<String, Value> {
    let unit = match traced.ruler {
        Ruler::Instructions => {
            "one microsecond here is one instruction of any CPU, run one at a time: it is no time"
        }
        Ruler::Time(_) => "time, by the TSC",
    };
    let marks = "each mark makes the step that it ends longer by what a mark costs; steps.json is without";
    let skipped = traced.skipped_texts();
    let mark_ticks = traced.modes.first().map_or(0, |mode| mode.trace.mark_ticks);
    let mut data = json!({ "unit": unit, "marks": marks, "mark_ticks": mark_ticks, "skipped": skipped });
    let one_way = traced.modes.iter().filter_map(|mode| {
        let one_way = mode.one_way.as_ref()?;
        let note = format!("an IPI's arrow, and a step from one track to the other: {one_way}");
        Some(json!({ "mode": mode.trace.mode, "note": note, "counters": one_way }))
    });
    let one_way: Vec<_> = one_way.collect();
    if !one_way.is_empty() {
        data["one_way"] = one_way.into();
    }
    data.as_object().cloned().unwrap_or_default()
}

/// The timeline of one mode.
struct Drawing<'a> {
    trace: &'a ModeTrace,
    ruler: Ruler,
    process: u32,
    /// The whole exchanges, in TSC ticks.
    window: (u64, u64),
}

/// Something that lasts, in TSC ticks.
struct Slice {
    name: String,
    cat: &'static str,
    from: u64,
    to: u64,
}

impl<'a> Drawing<'a> {
    fn new(trace: &'a ModeTrace, ruler: Ruler, process: u32) -> Result<Self, String> {
        let exchanges = trace.exchanges()?;
        let first = exchanges.first().and_then(|exchange| exchange.path.first());
        let last = exchanges.last().and_then(|exchange| exchange.path.last());
        let (first, last) = first.zip(last).ok_or("an exchange at least is needed for a timeline")?;
        Ok(Self { trace, ruler, process, window: (first.ticks, last.ticks) })
    }

    fn draw(&self, events: &mut Vec<TraceEvent>, arrows: &mut u32) {
        let mode = self.trace.trace.mode;
        events.push(self.name("process_name", 0, format!("guest, {}", mode.name())));
        let [asking, answering] = self.trace.trace.cpus;
        for cpu in if asking == answering { vec![asking] } else { vec![asking, answering] } {
            let passed: Vec<Event> =
                self.trace.events.iter().filter(|event| event.cpu == cpu).copied().collect();
            let role = match (asking == answering, cpu == asking) {
                (true, _) => "",
                (false, true) => ", asks",
                (false, false) => ", answers",
            };
            events.push(self.name("thread_name", cpu, format!("CPU {cpu}{role}")));
            let mut slices = self.runs(cpu, &passed);
            slices.extend(around(&passed));
            slices.extend(steps(&passed));
            let mut slices: Vec<_> = slices.iter().filter_map(|slice| self.slice(cpu, slice)).collect();
            // The outer first: the format wants slices that begin at once in the order of their nesting.
            slices.sort_by(|one, other| {
                one.ts.total_cmp(&other.ts).then(other.dur.unwrap_or(0.0).total_cmp(&one.dur.unwrap_or(0.0)))
            });
            events.append(&mut slices);
        }
        self.arrows(events, arrows);
    }

    /// What runs on `cpu`, from switch to switch.
    fn runs(&self, cpu: u32, passed: &[Event]) -> Vec<Slice> {
        let (from, to) = self.window;
        let switches = passed.iter().filter(|event| event.mark == Mark::Switched);
        let switches = switches.map(|event| event.ticks).filter(|ticks| (from + 1..to).contains(ticks));
        let ends: Vec<u64> = switches.chain([to]).collect();
        let asks = self.trace.trace.cpus[0] == cpu;
        let names = match self.trace.trace.mode {
            Mode::Switch => ["owner", "fiber"],
            _ => ["asking task", "answering task"],
        };
        let begins = [from].into_iter().chain(ends.iter().copied());
        let runs = begins.zip(&ends).enumerate().map(|(place, (from, to))| Slice {
            name: names[(place + usize::from(!asks)) % 2].into(),
            cat: "task",
            from,
            to: *to,
        });
        runs.collect()
    }

    /// The slice as far as it lies in the window.
    fn slice(&self, cpu: u32, slice: &Slice) -> Option<TraceEvent> {
        let (from, to) = (slice.from.max(self.window.0), slice.to.min(self.window.1));
        if from >= to {
            return None;
        }
        let (from, to) = (self.ns(from), self.ns(to));
        let mut args = Map::new();
        args.insert("ticks".into(), (slice.to - slice.from).into());
        Some(TraceEvent {
            name: slice.name.clone(),
            cat: slice.cat,
            ph: SLICE,
            ts: us(from),
            dur: Some(us(to - from)),
            pid: self.process,
            tid: cpu,
            id: None,
            bp: None,
            args,
        })
    }

    /// An arrow for each IPI: from where it was sent to where it was taken.
    fn arrows(&self, events: &mut Vec<TraceEvent>, arrows: &mut u32) {
        let within = |event: &&Event| (self.window.0..=self.window.1).contains(&event.ticks);
        let mut under_way: Option<Event> = None;
        for event in self.trace.events.iter().filter(within) {
            match (event.mark, under_way) {
                (Mark::Posted, _) => under_way = Some(*event),
                // One at most is under way to a CPU.
                (Mark::InterruptEntered, Some(posted)) if posted.cpu != event.cpu => {
                    *arrows += 1;
                    let worth = self
                        .trace
                        .one_way
                        .as_ref()
                        .map(|one_way| ("one_way".to_owned(), Value::from(one_way.to_string())));
                    let end = |ph, at: &Event, bp| TraceEvent {
                        name: "IPI".into(),
                        cat: "ipi",
                        ph,
                        // Behind the boundary: there one slice ends and another begins.
                        ts: us(self.ns(at.ticks) + 1),
                        dur: None,
                        pid: self.process,
                        tid: at.cpu,
                        id: Some(*arrows),
                        bp,
                        args: worth.iter().cloned().collect(),
                    };
                    events.push(end(ARROW_TAIL, &posted, None));
                    events.push(end(ARROW_HEAD, event, Some("e")));
                    under_way = None;
                }
                _ => {}
            }
        }
    }

    /// A name of the process or of a track.
    fn name(&self, what: &str, cpu: u32, name: String) -> TraceEvent {
        TraceEvent {
            name: what.into(),
            cat: "__metadata",
            ph: METADATA,
            ts: 0.0,
            dur: None,
            pid: self.process,
            tid: cpu,
            id: None,
            bp: None,
            args: [("name".to_owned(), Value::from(name))].into_iter().collect(),
        }
    }

    /// Nanoseconds since the window's beginning; a thousand of them for each instruction.
    fn ns(&self, ticks: u64) -> u64 {
        let ticks = ticks - self.window.0;
        match self.ruler {
            Ruler::Time(hz) => ticks_to_ns(ticks, hz),
            Ruler::Instructions => ticks * 1_000,
        }
    }
}

fn us(ns: u64) -> f64 {
    ns as f64 / 1_000.0
}

/// Halts, and within them the interrupt's handler. What is not over was begun behind the window.
fn around(passed: &[Event]) -> Vec<Slice> {
    let mut slices = Vec::new();
    for (name, begin, end) in [
        ("halt", Mark::HaltBegins, Mark::HaltEnded),
        ("wake_up handler", Mark::InterruptEntered, Mark::InterruptAcknowledged),
    ] {
        let mut begun = None;
        for event in passed {
            if event.mark == begin {
                begun = Some(event.ticks);
            } else if event.mark == end
                && let Some(from) = begun.take()
            {
                slices.push(Slice { name: name.into(), cat: "cpu", from, to: event.ticks });
            }
        }
    }
    slices
}

/// What lies between two marks of a CPU.
fn steps(passed: &[Event]) -> impl Iterator<Item = Slice> {
    passed.windows(2).map(|pair| Slice {
        name: Step::ended_by(pair[1].mark).name().into(),
        cat: "step",
        from: pair[0].ticks,
        to: pair[1].ticks,
    })
}

#[cfg(test)]
mod tests;
