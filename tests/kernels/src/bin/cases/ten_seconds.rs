//! Hands over between two CPUs for ten seconds by its own clock, for the host to hold against its own:
//! CPUs that halt and wake are what time has to go on with.

use case::{check, count, cpu};
use switchlab_kernel::{arch::tsc, bring_up::Lab, experiments::exchange, measure::probe::Batch};

/// By the frequency that is known before the work; the judgement is by a better one, so a bit more.
const WORK_TENTHS: u64 = 101;

/// Exchanges between two looks at the clock.
const EXCHANGES: u64 = 20_000;

pub fn ten_seconds(lab: &Lab) {
    let work_ticks = lab.clocks.compare_before().tsc_hz / 10 * WORK_TENTHS;
    let begin = tsc::start();
    count("begins_at_ticks", begin);
    let mut end = begin;
    while end - begin < work_ticks {
        let measured = exchange::measure(cpu(0), cpu(1), 0, EXCHANGES, Batch);
        let wrong = measured.map(|(measured, Batch)| measured.wrong);
        check!(matches!(wrong, Ok(None)), "{wrong:?}");
        end = tsc::end();
    }
    count("ends_at_ticks", end);
}
