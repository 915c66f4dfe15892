//! `lint`: clippy with warnings denied and documentation without warnings, for every crate: the
//! host's with the host's toolchain, those for bare metal with the one that builds them. And for the peers of
//! `bench`, which are a workspace of their own.

use std::env;
use std::process::{Command, ExitCode};

use anyhow::Context;

use crate::build::{KERNEL_PACKAGE, LOADER_PACKAGE, MARKED, TEST_KERNELS_PACKAGE, core_source};
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
/// The kernel again, with the code that only its marks bring: by an invocation of their own.
const WITH_MARKS: [&str; 2] = [MARKED, KERNEL_PACKAGE];

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
    let mut peers = host_cargo("clippy");
    peers
        .current_dir(workspace::root().join("tests/peers"))
        .env("CARGO_TARGET_DIR", workspace::target_dir().join("peers"))
        .args(["--all-targets", "--", "-D", "warnings"]);
    let mut peers_format = host_cargo("fmt");
    peers_format.current_dir(workspace::root().join("tests/peers")).arg("--check");
    let mut doc = host_cargo("doc");
    doc.args(["--no-deps", "--document-private-items"]);
    let bare_clippy = |packages: &[&str]| {
        let mut command = source.cargo("clippy");
        add(packages, &mut command).args(["--", "-D", "warnings"]);
        command
    };
    let bare_doc = |packages: &[&str]| {
        let mut command = source.cargo("doc");
        add(packages, &mut command).args(["--no-deps", "--document-private-items"]);
        command
    };
    let mut failed = Vec::new();
    for (what, command) in [
        ("clippy, host", &mut clippy),
        ("documentation, host", &mut doc),
        ("clippy, peers of `bench`", &mut peers),
        ("format, peers of `bench`", &mut peers_format),
        ("clippy, bare metal", &mut bare_clippy(&BARE)),
        ("documentation, bare metal", &mut bare_doc(&BARE)),
        ("clippy, marked kernel", &mut bare_clippy(&WITH_MARKS)),
        ("documentation, marked kernel", &mut bare_doc(&WITH_MARKS)),
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

fn add<'a>(packages: &[&str], command: &'a mut Command) -> &'a mut Command {
    packages.iter().fold(command, |command, package| command.args(["-p", package]))
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
