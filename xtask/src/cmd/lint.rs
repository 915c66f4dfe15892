//! `lint`: clippy with warnings denied and documentation without warnings, for every crate: the
//! host's with the host's toolchain, those for bare metal with the one that builds them. And for the peers of
//! `bench`, which are a workspace of their own.
//!
//! Each release of Rust brings new lints. A compiler newer than `CLEAN_WITH` says what it warns of, and a
//! warning is no failure there: what was clean yesterday does not fail today because a stable channel moved on.

use std::env;
use std::ffi::{OsStr, OsString};
use std::process::{Command, ExitCode};

use anyhow::Context;

use crate::build::{
    KERNEL, KERNEL_PACKAGE, LOADER, LOADER_PACKAGE, MARKED, TEST_KERNELS_PACKAGE, core_source,
};
use crate::install::{self, Need};
use crate::status::{Refusal, Status};
use crate::toolchain::{self, CoreSource, Version, clean_environment};
use crate::workspace;

/// Options of `lint`.
#[derive(clap::Args)]
pub struct Args {
    /// Install what is missing (as root, on Debian or Ubuntu, by apt-get)
    #[arg(long)]
    install: bool,
}

/// The newest minor release that all crates were made clean for.
const CLEAN_WITH: Version = Version(1, 96, 0);

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
    let host = Warnings::of(toolchain::facts().host.map(|host| host.version));
    let bare = Warnings::of(Some(source.compiler().version));
    let mut clippy = host_cargo("clippy");
    clippy.args(["--all-targets", "--"]).args(host.flags());
    let mut peers = host_cargo("clippy");
    peers
        .current_dir(workspace::root().join("tests/peers"))
        .env("CARGO_TARGET_DIR", workspace::target_dir().join("peers"))
        .args(["--all-targets", "--"])
        .args(host.flags());
    let mut peers_format = host_cargo("fmt");
    peers_format.current_dir(workspace::root().join("tests/peers")).arg("--check");
    let mut doc = host_cargo("doc");
    doc.args(["--no-deps", "--document-private-items"]);
    let bare_clippy = |packages: &[&str]| {
        let mut command = source.cargo("clippy");
        add(packages, &mut command).arg("--").args(bare.flags());
        command
    };
    // Of the test kernels what they share: each of themselves is a page that leads nowhere.
    let bare_doc = |packages: &[&str], executables: &[&str]| {
        let mut command = source.cargo("doc");
        add(packages, &mut command).args(["--no-deps", "--document-private-items", "--lib"]);
        for executable in executables {
            command.args(["--bin", executable]);
        }
        command
    };
    let mut failed = Vec::new();
    for (what, command, warnings) in [
        ("clippy, host", &mut clippy, host),
        ("documentation, host", &mut doc, host),
        ("clippy, peers of `bench`", &mut peers, host),
        ("format, peers of `bench`", &mut peers_format, host),
        ("clippy, bare metal", &mut bare_clippy(&BARE), bare),
        ("documentation, bare metal", &mut bare_doc(&BARE, &[LOADER, KERNEL]), bare),
        ("clippy, marked kernel", &mut bare_clippy(&WITH_MARKS), bare),
        ("documentation, marked kernel", &mut bare_doc(&WITH_MARKS, &[MARKED]), bare),
    ] {
        eprintln!("== {what}{}", warnings.remark());
        let status = command
            .env("RUSTDOCFLAGS", warnings.flags().join(" "))
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

/// What becomes of a compiler's warnings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Warnings {
    Denied,
    /// Shown, since this compiler may know lints that the crates were never held against.
    Shown,
}

impl Warnings {
    /// By this compiler; of one that does not tell its version they are denied.
    fn of(version: Option<Version>) -> Self {
        let minor = |Version(major, minor, _)| (major, minor);
        match version {
            Some(version) if minor(version) > minor(CLEAN_WITH) => Self::Shown,
            _ => Self::Denied,
        }
    }

    const fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Denied => &["-D", "warnings"],
            Self::Shown => &[],
        }
    }

    fn remark(self) -> String {
        match self {
            Self::Denied => String::new(),
            Self::Shown => {
                format!(" (newer than {CLEAN_WITH}, up to which the crates are clean: warnings do not fail)")
            }
        }
    }
}

fn add<'a>(packages: &[&str], command: &'a mut Command) -> &'a mut Command {
    packages.iter().fold(command, |command, package| command.args(["-p", package]))
}

/// Cargo for the host's crates: the workspace's default members.
pub(crate) fn host_cargo(subcommand: &str) -> Command {
    host_cargo_by(&cargo(), subcommand)
}

/// The same by another program than [`cargo`], as tests have it.
pub(crate) fn host_cargo_by(cargo: &OsStr, subcommand: &str) -> Command {
    let mut command = Command::new(cargo);
    clean_environment(&mut command);
    if let Some(target) = env::var_os("CARGO_TARGET_DIR") {
        command.env("CARGO_TARGET_DIR", target);
    }
    command.current_dir(workspace::root()).arg(subcommand);
    command
}

/// The program that is run as cargo.
pub(crate) fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lints_of_a_newer_compiler_do_not_fail() {
        let of = |minor, patch| Warnings::of(Some(Version(1, minor, patch)));
        assert_eq!([of(95, 0), of(96, 0), of(96, 7), Warnings::of(None)], [Warnings::Denied; 4]);
        assert_eq!([of(97, 0), Warnings::of(Some(Version(2, 0, 0)))], [Warnings::Shown; 2]);
        assert!(Warnings::Shown.flags().is_empty());
    }
}
