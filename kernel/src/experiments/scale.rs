//! What a switch costs as tasks become more, and a handoff as CPUs do.
//!
//! - `switch-touch-0k`, `-1k`, `-16k`, by tasks: so many tasks of one CPU yield round their ring, and each reads
//!   so much memory of its own between two switches, as `lat_ctx` of lmbench does.
//! - `handoff`, by CPUs: a token around so many of them, over channels.

mod switches;

use alloc::{boxed::Box, format, vec::Vec};
use core::convert::identity;

use switchlab_core::{params::Params, sizes::doubling};
use switchlab_records::{Counts, Point};

use super::{
    Experiment, Results,
    points::{self, Means},
    probe::Batch,
    ring::Token,
};
use crate::{
    bring_up::{Lab, refuse},
    failure,
    mm::StackError,
    sched::{self, Cpu},
};
use switches::{Fit, Members, Touch};

const NAME: &str = "scale";
const HANDOFF: &str = "handoff";

/// The most tasks, where nobody says.
const TASKS: u32 = 65_536;

/// The experiment.
pub struct Scale;

impl Experiment for Scale {
    fn name(&self) -> &'static str {
        NAME
    }

    fn run(&self, parameters: &Params, lab: &Lab) -> Box<dyn Results> {
        let most = parameters.tasks.unwrap_or(TASKS);
        let fit = Fit::of_this_machine(most);
        let counts: Vec<u32> = doubling(2, most).collect();
        let places: Vec<(Touch, u32)> = counts
            .iter()
            .flat_map(|&tasks| Touch::ALL.map(|touch| (touch, tasks)))
            .filter(|&(touch, tasks)| fit.allows(touch, tasks))
            .collect();
        let rings: Vec<u32> = doubling(2, lab.cpus).collect();
        let blocks = (places.len() + rings.len()) as u32 * parameters.runs;
        points::announce(NAME, parameters, parameters.exchanges, blocks);
        for &tasks in &counts {
            for touch in Touch::ALL.into_iter().filter(|&touch| !fit.allows(touch, tasks)) {
                let at = points::named([("tasks", tasks.into())]);
                points::absent(touch.series(), at, fit.what_is_needed(touch, tasks));
            }
        }
        if rings.is_empty() {
            points::absent(HANDOFF, Vec::new(), "one CPU: a handoff between CPUs needs two; --smp 2");
        }
        let (parameters, cpus) = (*parameters, points::cpus_from_pair(parameters));
        let first = cpus[0];
        let means = sched::run_on(first, move || measure_all(&parameters, cpus, &fit, &places, &rings));
        match means.and_then(identity) {
            Ok(means) => Box::new(means),
            Err(error) => refuse(format_args!("{NAME}: {error}")),
        }
    }
}

/// All points of all runs, on the first CPU.
fn measure_all(
    parameters: &Params,
    cpus: Vec<&'static Cpu>,
    fit: &Fit,
    places: &[(Touch, u32)],
    rings: &[u32],
) -> Result<Means, StackError> {
    let mut means = Means::new(parameters.unit);
    let members = Members::start(cpus[0], fit)?;
    // The token's tasks share the first CPU's ring with nobody: the members are blocked between points.
    for run in 1..=parameters.runs {
        let mut position = 0;
        for &(touch, tasks) in places {
            position += 1;
            let place = (run, position);
            let point = members.measure(place, touch, tasks, parameters);
            means.add(&point);
            points::judge(point);
        }
        if rings.is_empty() {
            continue;
        }
        let token = Token::<Batch>::start(cpus.clone())?;
        for &size in rings {
            position += 1;
            let point = go_round(&token, (run, position), size, parameters);
            means.add(&point);
            points::judge(point);
        }
        token.stop();
    }
    Ok(means)
}

fn go_round(
    token: &Token<Batch>,
    (run, position): (u32, u32),
    size: u32,
    parameters: &Params,
) -> Point<'static> {
    let hops = u64::from(size);
    let rounds = points::rounds(parameters.exchanges, hops);
    let warm_up = points::rounds(parameters.warm_up, hops);
    let measured = token.measure(size as usize, warm_up, rounds, &mut Batch);
    if let Some(wrong) = measured.wrong {
        failure!("run {run}, {HANDOFF} around {size} CPUs: {wrong}");
    }
    let (counts, handoffs) = (measured.counts, hops * rounds);
    Point {
        run,
        position,
        series: HANDOFF.into(),
        at: points::named([("cpus", hops)]),
        handoffs,
        ticks: measured.ticks,
        counts,
        expected: Counts {
            handoffs,
            switches: 0,
            ipis_sent: handoffs,
            ipis_taken: handoffs,
            halts: counts.halts,
        },
        also: points::named([("rounds", rounds)]),
    }
}

/// A size as a person gives it.
fn mib(bytes: u64) -> alloc::string::String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}
