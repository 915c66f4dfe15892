//! `host`: the hierarchy of handoffs measured on this Linux, from a call to the network; options in, one table out
//! with the original's guesses beside it, and `host.json` in a folder of its own.

use std::process::ExitCode;
use std::time::SystemTime;

use super::native::{Chosen, Kept, Kind, NativeArgs, Show};
use super::output::print;
use crate::bench::program::Which;
use crate::levels::{self, FILE, show};
use crate::status::Status;
use crate::{folder, interrupt};

/// Options of `host`.
#[derive(clap::Args)]
pub struct Args {
    /// Measure these only, and the bare switch that they are held against: levels, names, or what names begin with,
    /// as `--list` has them [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    levels: Vec<String>,
    /// Say what there is, and measure nothing
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    native: NativeArgs,
    /// Install Go where it is missing (as root, on Debian or Ubuntu, by apt-get)
    #[arg(long)]
    install: bool,
}

const KIND: Kind = Kind { name: "host", file: FILE, latest: folder::LATEST_HOST };
const SHOW: Show = Show { text: show::text, json: show::json };

/// Builds what measures, measures all levels, and shows what they come to.
///
/// # Errors
///
/// Status 2 for a level that does not exist or a folder that cannot be written, 101 where it is not built, 130 after
/// Ctrl-C.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    interrupt::take_over()?;
    let native = &args.native;
    let wanted = ("levels", args.levels.as_slice());
    let mut chosen = Chosen::build(Which::Levels, wanted, args.install.into(), native.talk())?;
    if args.list {
        chosen.jobs.sort_by_key(|job| levels::rank(job.about.level.as_deref()));
        print(&chosen.list())?;
        return Ok(Status::Pass.into());
    }
    let started = SystemTime::now();
    let kept = Kept::create(&native.out, started, KIND)?;
    let program = chosen.program.clone();
    let measured = native.measure(chosen, started);
    // Ended by Ctrl-C or by its deadline, a start leaves its cgroups; all else that it made goes with it.
    program.sweep();
    let mut bench = measured?;
    bench.rows.sort_by_key(|row| levels::rank(row.level.as_deref()));
    Ok(native.end(&bench, kept, &SHOW)?.into())
}
