//! Whether a log's blocks are all there, and hold what they have to: counts, samples, places. What a block of the
//! log becomes is [`BlockResult`](super::BlockResult).

use std::collections::BTreeSet;

use switchlab_core::counts;
use switchlab_core::histogram::Histogram;
use switchlab_core::ruler::Ruler;
use switchlab_records::{self as records, Block, Mode, Pass, Plan, Skipped, Subject};

/// A histogram belongs to the block right before it.
pub(super) fn take_samples(
    blocks: &mut [(Block, Option<Histogram>)],
    record: &records::Histogram,
) -> Result<(), String> {
    let place = || format!("the histogram of run {}, {}", record.run, record.mode.name());
    let (block, samples) = blocks.last_mut().ok_or_else(|| format!("{} has no block", place()))?;
    let fits = (block.run, block.mode, block.subject) == (record.run, record.mode, record.subject)
        && block.pass == Pass::Sampled
        && samples.is_none();
    if !fits {
        return Err(format!("{} does not belong to the block before it", place()));
    }
    let histogram = Histogram::from_buckets(&record.buckets);
    *samples = Some(histogram.map_err(|error| format!("{}: {error}", place()))?);
    Ok(())
}

/// The kernel has checked the counts; a result rests on them, so they are checked again, and what
/// was expected as well.
pub(super) fn check_block(block: &Block, samples: Option<&Histogram>, ruler: Ruler) -> Result<(), String> {
    let Block { run, mode, subject, pass, exchanges, .. } = *block;
    let place = || format!("run {run}, {} {} {}", mode.name(), subject.name(), pass.name());
    let due = counts::expected(subject, mode, exchanges, &block.counts);
    counts::check(&block.expected, &due)
        .map_err(|mismatch| format!("{}: the kernel expected the wrong count of {mismatch}", place()))?;
    counts::check(&block.counts, &due)
        .map_err(|mismatch| format!("{}: the kernel passed a wrong count of {mismatch}", place()))?;
    if !counts::can_cross(subject, mode, exchanges, block.crossings) {
        let found = block.crossings.map_or("none told".into(), |crossings| crossings.to_string());
        let due = match (subject, mode) {
            (Subject::Handoff, Mode::Free) => format!("0 to {}", exchanges.saturating_mul(2)),
            _ => "none told".into(),
        };
        return Err(format!(
            "{}: the kernel passed a wrong count of crossings: expected {due}, found {found}",
            place()
        ));
    }
    let found = samples.map(Histogram::samples);
    let due = (pass == Pass::Sampled).then_some(exchanges);
    if found != due {
        let [found, due] = [found, due].map(|samples| samples.unwrap_or_default());
        return Err(format!("{}: {found} samples, {due} were due", place()));
    }
    samples
        .map_or(Ok(()), |samples| check_sum(block.ticks, samples, ruler))
        .map_err(|why| format!("{}: {why}", place()))
}

/// Holds the samples of a block against its ticks: they follow each other without a gap, and the block
/// holds all of them but for the beginning of the first.
///
/// So all but one can not be longer than the block, whatever the host does. It may be longer than all of
/// them, by what lies between the last sample's end and its own. Counted, that is a few instructions; in time
/// it has no bound, and where it is long the block is void and not the log ([`overrun`]).
fn check_sum(ticks: u64, samples: &Histogram, ruler: Ruler) -> Result<(), String> {
    let (least, most) = samples.sum();
    let longest = samples.longest().unwrap_or_default();
    if least - u128::from(longest) > u128::from(ticks) {
        return Err(format!(
            "its samples take {least} ticks at least, {longest} of them the longest, and the block took {ticks}"
        ));
    }
    if ruler == Ruler::Instructions && overrun(ticks, samples, ruler).is_some() {
        return Err(format!("its samples take {most} ticks at most, and the block took {ticks}"));
    }
    Ok(())
}

/// How much longer a block took than all of its samples, in ticks; `None` where that is what may lie behind
/// the last of them.
pub(super) fn overrun(ticks: u64, samples: &Histogram, ruler: Ruler) -> Option<u64> {
    /// In time, a few turns of other processes; in instructions, many times what is there.
    const END_NS: u128 = 5_000_000;
    const END_INSTRUCTIONS: u128 = 1_000;
    let end = match ruler {
        Ruler::Time(hz) => END_NS * u128::from(hz.get()) / 1_000_000_000,
        Ruler::Instructions => END_INSTRUCTIONS,
    };
    let (_, most) = samples.sum();
    let overrun = u128::from(ticks).checked_sub(most).filter(|overrun| *overrun > end)?;
    u64::try_from(overrun).ok()
}

/// Each run has each of its blocks once, and nothing is both skipped and measured.
pub(super) fn check_places<'a>(
    plan: &Plan<'_>,
    skipped: &[Skipped<'_>],
    blocks: impl Iterator<Item = &'a Block>,
) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for block in blocks {
        let Block { run, mode, subject, pass, ticks, .. } = *block;
        let place = || format!("run {run}, {} {} {}", mode.name(), subject.name(), pass.name());
        if !(1..=plan.runs).contains(&run) {
            return Err(format!("{}: the plan has runs 1 to {}", place(), plan.runs));
        }
        if !seen.insert((run, mode, subject, pass)) {
            return Err(format!("{}: there are two blocks of it", place()));
        }
        if skipped.iter().any(|skipped| skipped.mode == mode) {
            return Err(format!("{}: it was skipped as well", place()));
        }
        if ticks == 0 {
            return Err(format!("{}: it took no ticks", place()));
        }
    }
    // The table has a row for each run, so a plan of more runs than came is refused, however many it names.
    let came = seen.iter().map(|(run, ..)| *run).collect::<BTreeSet<_>>().len();
    if came != plan.runs as usize {
        return Err(format!("the plan has runs 1 to {}, and blocks of {came} came", plan.runs));
    }
    Ok(())
}
