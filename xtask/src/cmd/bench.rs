//! `bench`: the laboratory's own handoffs beside everyone else's, natively, in one run; options in, one
//! table out, and `bench.json` in a folder of its own. With `--guest-linux` beside Linux's, in one emulator.

mod guest;
mod scale;

use std::process::ExitCode;
use std::time::SystemTime;

use super::native::{Chosen, Kept, Kind, NativeArgs, Show};
use super::output::print;
use crate::bench::program::Which;
use crate::bench::row::FILE;
use crate::bench::show;
use crate::status::Status;
use crate::{folder, interrupt};

/// Options of `bench`.
#[derive(clap::Args)]
pub struct Args {
    /// Measure these only, and those of ours that they are held against: names, or what they begin with, as
    /// `--list` has them [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    peers: Vec<String>,
    /// Say which peers there are, and measure nothing
    #[arg(long)]
    list: bool,
    /// Measure our tasks alone, as they become more: 2 to 65,536 in a ring, what a switch takes at each size beside
    /// a walk over as many cache lines, and where the caches of this host end
    #[arg(long, conflicts_with_all = ["peers", "list", "exchanges", "seed", "guest_linux"])]
    scale: bool,
    #[command(flatten)]
    native: NativeArgs,
    /// Install Go where it is missing (as root, on Debian or Ubuntu, by apt-get), and with --guest-linux all
    /// else that is, and unpack Linux's kernel
    #[arg(long)]
    install: bool,
    #[command(flatten)]
    guest: guest::GuestLinuxArgs,
}

/// What is kept of the peers.
const KIND: Kind = Kind { name: "bench", file: FILE, latest: folder::LATEST_BENCH };
/// How they are shown.
const SHOW: Show = Show { text: show::text, json: show::json };

/// Builds the peers, measures them, and shows what they come to.
///
/// # Errors
///
/// Status 2 for a peer that does not exist or a folder that cannot be written, 101 where the peers are not
/// built, 130 after Ctrl-C.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    interrupt::take_over()?;
    if args.guest.is_wanted() {
        return guest::run(args);
    }
    if args.scale {
        return scale::run(args);
    }
    let native = &args.native;
    let wanted = ("peers", args.peers.as_slice());
    let chosen = Chosen::build(Which::Peers, wanted, args.install.into(), native.talk())?;
    if args.list {
        print(&chosen.list())?;
        return Ok(Status::Pass.into());
    }
    let started = SystemTime::now();
    let kept = Kept::create(&native.out, started, KIND)?;
    let bench = native.measure(chosen, started)?;
    Ok(native.end(&bench, kept, &SHOW)?.into())
}
