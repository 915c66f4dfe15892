//! `fuzz`: whatever reads bytes from outside, fed with inputs that are drawn. A program of its own does it
//! (`tests/fuzz`), so that xtask does not carry the engine.

use std::ffi::OsString;
use std::process::ExitCode;

use super::lint::host_cargo;
use crate::interrupt;
use crate::status::Status;
use crate::workspace;

/// Options of `fuzz`.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// --inputs N, --seed N, --only NAME, --file FILE, --out DIR; --help says more
    #[arg(value_name = "OPTIONS", trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<OsString>,
}

/// Builds the program and runs it; its status is ours.
///
/// # Errors
///
/// Cargo does not start; 130 after Ctrl-C.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    interrupt::take_over()?;
    let mut command = host_cargo("run");
    // Not by its package: that has features of its own, and with them all that it needs is built once more.
    command.args(["--quiet", "--bin", "switchlab-fuzz", "--manifest-path"]);
    command.arg(workspace::root().join("Cargo.toml")).arg("--").args(&args.options);
    // From where it was asked for, so that paths mean what they say.
    command.current_dir(std::env::current_dir()?);
    let status = interrupt::build(&mut command)?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(Status::Fail.into(), ExitCode::from))
}
