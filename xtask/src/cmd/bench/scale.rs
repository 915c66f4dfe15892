//! `bench --scale`: our tasks as they become more, natively.

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use super::{Args, KIND, print};
use crate::bench::program;
use crate::bench::scale::{self, FILE, Rings};
use crate::bench::{caches, scale::show};
use crate::cmd::native::{Format, Kept, Kind, this_host};
use crate::progress::{StartsProgress, Style};
use crate::status::{Refusal, Status};

/// Timed blocks of each size in one start.
const REPEATS: u32 = 3;

/// Builds the program, starts it once for each round, and shows what the rings come to.
///
/// # Errors
///
/// Status 1 where the program has no figures, 2 for a folder that cannot be written, 101 where it is not built, 130
/// after Ctrl-C.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let native = &args.native;
    let program = program::build(native.talk())?;
    let started = SystemTime::now();
    let kept = Kept::create(&native.out, started, Kind { file: FILE, ..KIND })?;
    let block = Duration::from_millis(native.block_ms);
    let mut progress = StartsProgress::new(Style::suiting(native.quiet));
    let mut answers = Vec::new();
    for round in 0..native.rounds {
        progress.start("our tasks, 2 to 65,536", round, native.rounds);
        let answer = program.scale(block, REPEATS, scale::MOST_TASKS)?;
        answers
            .push(answer.map_err(|why| Refusal::with(Status::Fail, format!("our tasks in rings: {why}")))?);
    }
    progress.end();
    let rings = Rings::new(&answers, caches::of_this_host(), this_host())?;
    let json = serde_json::to_string_pretty(&rings)? + "\n";
    let file = kept.keep(&json)?;
    match native.format {
        Format::Json => print(&json)?,
        Format::Table => print(&format!("{}Kept:      {}\n", show::text(&rings), file.display()))?,
    }
    Ok(Status::Pass.into())
}
