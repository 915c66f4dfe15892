//! A log's records outside its blocks: gathered, and whether they are all there, once each, and agree with each
//! other. `from_log` asks, of either kind of results.

use switchlab_records::{Clock, ClockPhase, Cpus, Machine, Mode, Offset, Plan, Record, Start, Tsc};

use crate::printable::tame;

/// What every log has, whatever was measured, as its records come.
#[derive(Default)]
pub struct Head<'a> {
    start: Option<Start<'a>>,
    plan: Option<Plan<'a>>,
    pub cpus: Option<Cpus>,
    pub machine: Option<Machine<'a>>,
    pub tsc: Option<Tsc>,
    pub clocks: Vec<Clock>,
    pub offsets: Vec<Offset>,
}

impl<'a> Head<'a> {
    /// Takes `record` where it belongs here, and says whether it does.
    ///
    /// # Errors
    ///
    /// A record that stands in a log once came again: nothing tells which of the two is true.
    pub fn take(&mut self, record: &Record<'a>) -> Result<bool, String> {
        match record {
            Record::Start(record) => once(&mut self.start, record, "start")?,
            Record::Plan(record) => once(&mut self.plan, record, "plan")?,
            Record::Cpus(record) => once(&mut self.cpus, record, "cpus")?,
            Record::Machine(record) => once(&mut self.machine, record, "machine")?,
            Record::Tsc(record) => once(&mut self.tsc, record, "tsc")?,
            Record::Clock(record) => self.clocks.push(*record),
            Record::Offset(record) => self.offsets.push(*record),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The kernel and the job, once all records have come. From then on the texts that are shown move no cursor
    /// and forge no line, wherever they go.
    ///
    /// # Errors
    ///
    /// There is none of them.
    pub fn start_and_plan(&mut self) -> Result<(Start<'a>, Plan<'a>), String> {
        let mut start = self.start.take().ok_or("there is no start record")?;
        let mut plan = self.plan.take().ok_or("there is no plan record: this kernel measured nothing")?;
        let Start { kernel, version, command_line, parameters } = &mut start;
        [kernel, version, command_line, parameters, &mut plan.experiment].into_iter().for_each(tame);
        if let Some(Machine { hypervisor, cpu, .. }) = &mut self.machine {
            [hypervisor, cpu].into_iter().for_each(tame);
        }
        Ok((start, plan))
    }
}

fn once<T: Clone>(place: &mut Option<T>, record: &T, name: &str) -> Result<(), String> {
    match place.replace(record.clone()) {
        None => Ok(()),
        Some(_) => Err(format!("there are two {name} records, and one is due")),
    }
}

/// What is gathered of a log but its blocks.
pub struct Conditions<'a> {
    pub start: &'a Start<'a>,
    pub plan: &'a Plan<'a>,
    pub cpus: Option<&'a Cpus>,
    pub machine: Option<&'a Machine<'a>>,
    pub clocks: &'a [Clock],
}

impl Conditions<'_> {
    /// Checks them. `modes` are those of the blocks.
    ///
    /// # Errors
    ///
    /// The first that is missing or contradicts another.
    pub fn check(&self, mut modes: impl Iterator<Item = Mode>) -> Result<(), String> {
        let cpus = self.check_records()?;
        let Plan { pair: [first, second], exchanges, .. } = *self.plan;
        let is_crossed = modes.any(|mode| mode == Mode::CrossCore);
        // Without a second CPU the plan names one all the same, and the mode is skipped.
        let named = if is_crossed { &[first, second][..] } else { &[first] };
        if let Some(cpu) = named.iter().find(|cpu| **cpu >= cpus.up) {
            return Err(format!("the plan's pair names CPU {cpu}, and {} were up", cpus.up));
        }
        if is_crossed && first == second {
            return Err(format!("cross-core blocks of CPU {first} with itself"));
        }
        self.agrees("exchanges", exchanges)
    }

    /// Checks what every log has, whatever was measured: the CPUs, which it gives back, the machine, the
    /// clocks, and as many runs as were asked for.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn check_records(&self) -> Result<&Cpus, String> {
        let cpus = self.cpus.ok_or("there is no cpus record: nobody knows which CPUs were up")?;
        self.machine.ok_or("there is no machine record: nobody knows what was measured")?;
        check_clocks(self.clocks)?;
        self.agrees("runs", self.plan.runs.into())?;
        Ok(cpus)
    }

    /// Holds a parameter against what the plan has; one that is not told contradicts nothing.
    fn agrees(&self, name: &str, planned: u64) -> Result<(), String> {
        let mut words = self.start.parameters.split_whitespace();
        let told = words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        match told {
            Some(told) if told.parse() != Ok(planned) => {
                Err(format!("the start record says {name}={told}, the plan {planned}"))
            }
            _ => Ok(()),
        }
    }
}

/// The clocks are compared before the job and after it.
fn check_clocks(clocks: &[Clock]) -> Result<(), String> {
    let phases: Vec<_> = clocks.iter().map(|clock| clock.phase).collect();
    match phases[..] {
        [ClockPhase::Before, ClockPhase::After] => Ok(()),
        [] => Err("there is no clock record: ticks have no length".into()),
        [ClockPhase::Before] => Err("there is no clock record after the job".into()),
        [ClockPhase::After] => Err("there is no clock record before the job".into()),
        [ClockPhase::After, ClockPhase::Before] => {
            Err("the clock record after the job stands before the one before it".into())
        }
        _ => Err(format!(
            "there are {} clock records; one before the job and one after it are due",
            phases.len()
        )),
    }
}
