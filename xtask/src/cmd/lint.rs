//! `lint`: clippy with warnings denied and documentation without warnings, for every crate: the
//! host's with the host's toolchain, those for bare metal with the one that builds them.

use std::env;
use std::process::{Command, ExitCode};

use anyhow::Context;

use crate::build::{KERNEL_PACKAGE, LOADER_PACKAGE, TEST_KERNELS_PACKAGE, core_source};
use crate::install::{self, Need};
use crate::status::{Refusal, Status};
use crate::toolchain::{CoreSource, clean_environment};
use crate::workspace;

/// Options of `lint`.
#[derive(clap::Args)]
pub struct Args {
    /// Install what is missing (as root, on Debian or Ubuntu, by apt-get)
    #[arg(long)]
    install: bool,
}

const BARE: [&str; 3] = [LOADER_PACKAGE, KERNEL_PACKAGE, TEST_KERNELS_PACKAGE];

/// Checks all crates.
///
/// # Errors
///
/// Status 1 with the checks that fail, 5 where a part is missing.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let source = core_source(args.install.into())?;
    eprintln!("core: {source}");
    if let CoreSource::FromSource { compiler, .. } = &source
        && !compiler.cargo.with_file_name("cargo-clippy").is_file()
    {
        install::bring(
            &[Need::Toolchain],
            "the distribution's toolchain has no clippy",
            args.install.into(),
        )?;
    }
    let mut clippy = host_cargo("clippy");
    clippy.args(["--all-targets", "--", "-D", "warnings"]);
    let mut doc = host_cargo("doc");
    doc.args(["--no-deps", "--document-private-items"]);
    let mut bare_clippy = source.cargo("clippy");
    bare_packages(&mut bare_clippy).args(["--", "-D", "warnings"]);
    let mut bare_doc = source.cargo("doc");
    bare_packages(&mut bare_doc).args(["--no-deps", "--document-private-items"]);
    let mut failed = Vec::new();
    for (what, command) in [
        ("clippy, host", &mut clippy),
        ("documentation, host", &mut doc),
        ("clippy, bare metal", &mut bare_clippy),
        ("documentation, bare metal", &mut bare_doc),
    ] {
        eprintln!("== {what}");
        let status = command
            .env("RUSTDOCFLAGS", "-D warnings")
            .status()
            .with_context(|| format!("starting {}", command.get_program().display()))?;
        if !status.success() {
            failed.push(what);
        }
    }
    match failed[..] {
        [] => Ok(Status::Pass.into()),
        _ => Err(Refusal::with(Status::Fail, format!("not clean: {}", failed.join("; ")))),
    }
}

fn bare_packages(command: &mut Command) -> &mut Command {
    BARE.iter().fold(command, |command, package| command.args(["-p", package]))
}

/// Cargo for the host's crates: the workspace's default members.
pub(crate) fn host_cargo(subcommand: &str) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    clean_environment(&mut command);
    if let Some(target) = env::var_os("CARGO_TARGET_DIR") {
        command.env("CARGO_TARGET_DIR", target);
    }
    command.current_dir(workspace::root()).arg(subcommand);
    command
}
