//! What the loops of the experiment `scale` take at their ends: few and many tasks, CPUs and pairs. Counted as the
//! shapes are, by the differences of blocks; only in the batch pass, which is the one that `scale` has.

use switchlab_kernel::{
    experiments::{
        ring::Token,
        scale::{
            Size,
            pairs::{self, Pairs},
            switches::{Fit, Members, Touch},
        },
    },
    failure,
    measure::probe::Batch,
    mm::StackError,
    sched,
};
use switchlab_records::Unit;

use crate::{cpu, shapes::EXCHANGES};

/// The most tasks.
const TASKS: u32 = 65_536;
/// CPUs of the large ring.
pub const CPUS: usize = 64;
/// Pairs at once.
const PAIRS: usize = 6;

/// Names and ticks of [`EXCHANGES`] exchanges each. On as many CPUs as the large ring has.
///
/// # Errors
///
/// [`StackError`] where there is no stack for a task.
pub fn counts() -> Result<[(&'static str, u64); 7], StackError> {
    sched::run_on(cpu(0), || {
        let members = Members::start(cpu(0), &Fit::of_this_machine(TASKS))?;
        let switches = |touch: Touch, tasks: u32| {
            move |members: &Members, rounds: u64| {
                // The experiment goes round a sixteenth as often where a turn is so much longer.
                let times = if touch == Touch::SixteenKib { 16 } else { 1 };
                let exchanges = times * rounds * u64::from(tasks) / 2;
                let size = Size {
                    runs: 1,
                    seed: 0,
                    unit: Unit::Instructions,
                    warm_up: 0,
                    exchanges,
                    budget_ticks: u64::MAX,
                };
                let point = members.measure((1, 1), touch, tasks, &size);
                if point.handoffs != rounds * u64::from(tasks) {
                    failure!("{}: {} handoffs in {rounds} rounds", touch.series(), point.handoffs);
                }
                point.ticks
            }
        };
        let of_two = |touch: Touch| {
            let name = alloc::format!("a ring of 2 tasks, {}", touch.series());
            exact(&name, 2, 1_000, |rounds| switches(touch, 2)(&members, rounds))
        };
        let few = of_two(Touch::Nothing);
        let many = exact("a ring of 65,536 tasks", TASKS.into(), 1, |rounds| {
            switches(Touch::Nothing, TASKS)(&members, rounds)
        });

        let token = Token::<Batch>::start(sched::cpus().into())?;
        let hops = CPUS as u64;
        let around = exact("a token around 64 CPUs", hops, 125, |rounds| {
            token.measure(CPUS, 0, rounds, &mut Batch).ticks
        });
        token.stop();

        let all = Pairs::<Batch>::start(&sched::cpus()[..2 * PAIRS])?;
        let at_once = |pairs: usize| {
            exact("pairs at once", 2 * pairs as u64, 1_000, |exchanges| {
                let size = pairs::Size { pairs, warm_up: 0, exchanges, budget_ticks: u64::MAX };
                all.measure(size).ticks
            })
        };
        let (alone, together) = (at_once(1), at_once(PAIRS));
        all.stop();
        // Last: they are long, and what comes behind them in QEMU 10 meets its timers elsewhere.
        let [touching_1k, touching_16k] = [Touch::OneKib, Touch::SixteenKib].map(of_two);
        Ok([
            ("scale_switch_2", few),
            ("scale_switch_2_touching_1k", touching_1k),
            ("scale_switch_2_touching_16k", touching_16k),
            ("scale_switch_65536", many),
            ("scale_token_64", around),
            ("scale_pairs_1", alone),
            ("scale_pairs_6", together),
        ])
    })?
}

/// Ticks of twice [`EXCHANGES`] handoffs, where a round has `handoffs` of them, by what `rounds` more rounds take; up to
/// the next whole one, where they are no whole rounds. The case fails where others take other ticks.
fn exact(name: &str, handoffs: u64, rounds: u64, measure: impl Fn(u64) -> u64) -> u64 {
    let [one, two, three] = [1, 2, 3].map(|times| measure(times * rounds));
    let (first, second) = (two.wrapping_sub(one), three.wrapping_sub(two));
    if first != second {
        failure!("{name}: {rounds} rounds of {handoffs} handoffs take {first} ticks, and others {second}");
    }
    first.wrapping_mul(2 * EXCHANGES).div_ceil(rounds * handoffs)
}
