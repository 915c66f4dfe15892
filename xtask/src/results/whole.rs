//! Whether a log's records outside its blocks are all there and agree with each other. `from_log` asks,
//! of either kind of results, once it has gathered them.

use switchlab_records::{Clock, ClockPhase, Cpus, Machine, Mode, Plan, Start};

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
