//! What the marked kernel's log says: which CPU passed which mark when. And the way of the message
//! through it, exchange by exchange. `steps` cuts that into steps, `timeline` draws it.

use switchlab_core::ruler::Ruler;
use switchlab_records::{Log, Mark, Marks, Mode, Record, Skipped, Trace, Unit};

use crate::build::MARKED;
use crate::clock::OneWay;

/// No trace is longer: at 2 GHz seven weeks. A thousandth of each tick is then still a number of 64 bits.
const MOST_TICKS: u64 = 1 << 53;

/// No mark costs more: at 2 GHz two seconds. So many marks as a log can hold then are no overflow either.
const MOST_MARK_TICKS: u64 = 1 << 32;

/// All that was traced in a boot of the marked kernel.
#[derive(Clone, Debug)]
pub struct Traced<'a> {
    /// Each mode that was traced.
    pub modes: Vec<ModeTrace>,
    /// What was not, and why.
    pub skipped: Vec<Skipped<'a>>,
    /// How its ticks are told.
    pub ruler: Ruler,
}

/// The trace of one mode.
#[derive(Clone, Debug)]
pub struct ModeTrace {
    /// What was traced.
    pub trace: Trace,
    /// All that was recorded, by time. It begins before the first whole exchange and ends behind the
    /// last.
    pub events: Vec<Event>,
    /// What its figures from one CPU to the other are worth; `None` where both have one counter.
    pub one_way: Option<OneWay>,
    /// Parts that came.
    parts: u32,
}

/// A CPU passed a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The CPU's TSC.
    pub ticks: u64,
    /// The CPU, by `CpuId`.
    pub cpu: u32,
    /// The mark.
    pub mark: Mark,
}

/// The way of the message through one exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// From the asking side's beginning of this exchange to that of the next, both included.
    pub path: Vec<Event>,
    /// Marks that a CPU passed meanwhile which did not have the message: its work overlapped.
    pub beside: u32,
}

impl<'a> Traced<'a> {
    /// Takes a log of the marked kernel, which passed, apart.
    ///
    /// # Errors
    ///
    /// What the log lacks, or what in it contradicts itself.
    pub fn from_log(log: &Log<'a>) -> Result<Self, String> {
        let (mut modes, mut skipped) = (Vec::<ModeTrace>::new(), Vec::new());
        let (mut kernel, mut tsc_hz, mut offsets) = ("", 0, Vec::new());
        for record in &log.records {
            match record {
                Record::Start(start) => kernel = &start.kernel,
                Record::Clock(clock) => tsc_hz = clock.tsc_hz,
                Record::Offset(offset) => offsets.push(*offset),
                Record::Skipped(record) => skipped.push(record.clone()),
                Record::Trace(trace) => modes.push(ModeTrace::new(*trace)),
                Record::Marks(marks) => {
                    modes.last_mut().ok_or("marks of no trace")?.take(marks)?;
                }
                _ => {}
            }
        }
        if kernel != MARKED {
            return Err(format!("it comes from the kernel `{kernel}`: a trace comes from `{MARKED}`"));
        }
        let unit = modes.first().ok_or("there is no trace record")?.trace.unit;
        let ruler = Ruler::new(unit, tsc_hz).ok_or("the last clock record says 0 Hz")?;
        for mode in &mut modes {
            mode.check(unit)?;
            mode.one_way = OneWay::new(&offsets, mode.trace.cpus, ruler);
            // Stable: what one CPU passed in a row stays in a row.
            mode.events.sort_by_key(|event| event.ticks);
        }
        Ok(Self { modes, skipped, ruler })
    }

    /// What was not traced, and why.
    pub fn skipped_texts(&self) -> Vec<String> {
        let text = |skipped: &Skipped<'_>| format!("{}: {}", skipped.mode.name(), skipped.reason);
        self.skipped.iter().map(text).collect()
    }

    /// The trace of `mode`; `None` where it was skipped.
    pub fn mode(&self, mode: Mode) -> Option<&ModeTrace> {
        self.modes.iter().find(|trace| trace.trace.mode == mode)
    }
}

impl ModeTrace {
    const fn new(trace: Trace) -> Self {
        Self { trace, events: Vec::new(), one_way: None, parts: 0 }
    }

    /// Adds a part.
    fn take(&mut self, marks: &Marks) -> Result<(), String> {
        let Marks { part, cpu, start_ticks, ref events } = *marks;
        let place = format!("part {part} of the trace of {}", self.trace.mode.name());
        self.parts += 1;
        if part != self.parts {
            return Err(format!("{place} came where part {} was due", self.parts));
        }
        if !self.trace.cpus.contains(&cpu) {
            return Err(format!("{place} is of CPU {cpu}, which was not traced"));
        }
        let last = self.events.iter().rfind(|event| event.cpu == cpu);
        if last.is_some_and(|last| start_ticks < last.ticks) {
            return Err(format!("{place} begins before the one before it has ended"));
        }
        let mut ticks = start_ticks;
        for &(number, since) in events {
            let mark = Mark::try_from(number).map_err(|error| format!("{place}: {error}"))?;
            ticks = ticks.checked_add(since).ok_or_else(|| format!("{place} has no end"))?;
            self.events.push(Event { ticks, cpu, mark });
        }
        Ok(())
    }

    fn check(&self, unit: Unit) -> Result<(), String> {
        let name = self.trace.mode.name();
        if self.parts != self.trace.parts {
            return Err(format!("the trace of {name} has {} parts, {} came", self.trace.parts, self.parts));
        }
        if self.trace.unit != unit {
            return Err(format!("the trace of {name} has another unit than the one before it"));
        }
        let ticks = || self.events.iter().map(|event| event.ticks);
        let span_ticks = ticks().max().zip(ticks().min()).map_or(0, |(last, first)| last - first);
        if span_ticks > MOST_TICKS {
            return Err(format!("the trace of {name} lasts {span_ticks} ticks; {MOST_TICKS} are the most"));
        }
        let mark_ticks = self.trace.mark_ticks;
        if mark_ticks > MOST_MARK_TICKS {
            return Err(format!(
                "a mark of the trace of {name} costs {mark_ticks} ticks; {MOST_MARK_TICKS} are the most"
            ));
        }
        Ok(())
    }

    /// The way of the message through each exchange, from the first that was recorded whole on.
    ///
    /// It follows the message: on the CPU that has it, and from where that CPU has posted a wake-up to the
    /// other, on to where the other enters the interrupt.
    ///
    /// # Errors
    ///
    /// Where it can not be followed through as many exchanges as were traced.
    pub fn exchanges(&self) -> Result<Vec<Exchange>, String> {
        let mut exchanges = Vec::new();
        let mut exchange = Exchange { path: Vec::new(), beside: 0 };
        let mut follower = Follower { cpu: self.trace.cpus[0], posted: false };
        let mut handoffs = 0;
        for event in &self.events[self.first_whole_exchange()..] {
            if exchanges.len() as u64 == self.trace.exchanges {
                break;
            }
            if !follower.follows(event) {
                exchange.beside += 1;
                continue;
            }
            exchange.path.push(*event);
            if event.mark == Mark::HandoffBegins {
                handoffs += 1;
                // The asking side's, for the second time.
                if handoffs % 2 == 1 && handoffs > 1 {
                    let next = Exchange { path: vec![*event], beside: 0 };
                    exchanges.push(std::mem::replace(&mut exchange, next));
                }
            }
        }
        let (found, asked) = (exchanges.len() as u64, self.trace.exchanges);
        if found == asked {
            return Ok(exchanges);
        }
        let name = self.trace.mode.name();
        Err(format!("the trace of {name} can be followed through {found} exchanges, of {asked}"))
    }

    /// Where the first whole exchange begins. In the one before it, the second CPU began to record.
    fn first_whole_exchange(&self) -> usize {
        let [asking, answering] = self.trace.cpus;
        // On one CPU both sides' handoffs begin there.
        let before = if asking == answering { 2 } else { 1 };
        let begins = |event: &Event| (event.mark, event.cpu) == (Mark::HandoffBegins, asking);
        let places = self.events.iter().enumerate().filter(|(_, event)| begins(event));
        places.map(|(place, _)| place).nth(before).unwrap_or(self.events.len())
    }
}

/// Where the message is.
struct Follower {
    cpu: u32,
    posted: bool,
}

impl Follower {
    /// Whether the message was there when `event` happened.
    fn follows(&mut self, event: &Event) -> bool {
        let here = event.cpu == self.cpu;
        match event.mark {
            Mark::Posted if here => self.posted = true,
            Mark::InterruptEntered if self.posted && !here => {
                *self = Self { cpu: event.cpu, posted: false };
                return true;
            }
            _ => {}
        }
        here
    }
}

#[cfg(test)]
pub mod tests;
