//! `test`: builds the loader and the test kernels, then runs every test of the workspace, those
//! that boot a guest among them, and those of the peers of `bench`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use super::find_qemu;
use super::lint::host_cargo;
use crate::build::{
    KERNEL, KERNEL_PACKAGE, LOADER, LOADER_PACKAGE, MARKED, TEST_KERNELS_PACKAGE, Talk, build, build_marked,
};
use crate::instructions::{self, Pair};
use crate::status::{Refusal, Status};
use crate::workspace;

/// Options of `test`.
#[derive(clap::Args)]
pub struct Args {
    /// Run the tests whose names contain this
    #[arg(value_name = "FILTER")]
    filter: Option<String>,
    /// QEMU's executable [default: SWITCHLAB_QEMU, else qemu-system-x86_64 in PATH]
    #[arg(long, value_name = "PATH")]
    qemu: Option<PathBuf>,
    /// Count instructions first, and expect what was found from now on; prints what changed
    #[arg(long)]
    bless: bool,
    /// Install what is missing (as root, on Debian or Ubuntu, by apt-get)
    #[arg(long)]
    install: bool,
}

/// Where the guests' tests find what they boot.
pub(crate) mod variables {
    pub(crate) const LOADER: &str = "SWITCHLAB_LOADER";
    pub(crate) const KERNEL: &str = "SWITCHLAB_KERNEL";
    pub(crate) const MARKED: &str = "SWITCHLAB_MARKED";
    pub(crate) const TEST_KERNELS: &str = "SWITCHLAB_TEST_KERNELS";
    pub(crate) const QEMU: &str = "SWITCHLAB_QEMU";
    pub(crate) const RUSTC: &str = "SWITCHLAB_RUSTC";
    pub(crate) const CORE: &str = "SWITCHLAB_CORE";
    pub(crate) const XTASK: &str = "SWITCHLAB_XTASK";
}

/// Builds and tests.
///
/// # Errors
///
/// Status 5 for a missing part, 101 for a build that fails.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let qemu = find_qemu(args.qemu.as_deref(), args.install.into())?;
    let packages = [LOADER_PACKAGE, KERNEL_PACKAGE, TEST_KERNELS_PACKAGE];
    let artefacts = build(&packages, args.install.into(), Talk::Normal)?;
    let marked = build_marked(args.install.into(), Talk::Quiet)?;
    let loader = artefacts.path(LOADER)?;
    let kernels = loader.parent().unwrap_or_else(|| Path::new("."));
    let pair = artefacts.source.as_ref().map(Pair::of);
    if args.bless {
        bless(&qemu, loader, kernels, pair.as_ref())?;
    }
    let mut cargo = host_cargo("test");
    cargo.arg("--no-fail-fast").args(&args.filter);
    cargo.env(variables::LOADER, loader).env(variables::KERNEL, artefacts.path(KERNEL)?);
    cargo.env(variables::MARKED, marked.path(MARKED)?);
    cargo.env(variables::TEST_KERNELS, kernels).env(variables::QEMU, qemu);
    cargo.env(variables::XTASK, std::env::current_exe().context("finding xtask's own executable")?);
    if let Some(Pair { rustc, core }) = pair {
        cargo.env(variables::RUSTC, rustc).env(variables::CORE, core);
    }
    // A workspace of their own, so tests of their own; both run, whatever the first comes to.
    let mut peers = host_cargo("test");
    peers
        .current_dir(workspace::root().join("tests/peers"))
        .env("CARGO_TARGET_DIR", workspace::target_dir().join("peers"))
        .args(["--locked", "--no-fail-fast"])
        .args(&args.filter);
    let mut passed = true;
    for (what, command) in [("cargo test", &mut cargo), ("cargo test for the peers of `bench`", &mut peers)] {
        let status = command.status().with_context(|| format!("starting {what}"))?;
        passed &= status.success();
    }
    Ok(if passed { Status::Pass.into() } else { Status::Fail.into() })
}

/// Rewrites the expected instruction counts.
fn bless(qemu: &Path, loader: &Path, kernels: &Path, pair: Option<&Pair>) -> anyhow::Result<()> {
    let Some(pair) = pair else {
        return Err(Refusal::usage(format!(
            "--bless with {}: counts belong to a compiler, and what built that is not known; unset it",
            variables::LOADER
        )));
    };
    let diff = instructions::bless(qemu, loader, kernels, pair)?;
    if diff.is_empty() {
        eprintln!("bless: {pair}: nothing changed");
    } else {
        eprintln!("bless: {pair}:");
        print!("{diff}");
    }
    Ok(())
}
