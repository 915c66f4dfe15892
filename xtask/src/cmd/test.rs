//! `test`: builds the loader and the test kernels, then runs every test of the workspace, those
//! that boot a guest among them, and those of the peers of `bench`.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Context;

use super::lint::host_cargo;
use super::options::Tools;
use crate::build::{
    KERNEL, KERNEL_PACKAGE, LOADER, LOADER_PACKAGE, MARKED, TEST_KERNELS_PACKAGE, Talk, build, build_marked,
};
use crate::instructions::{self, Pair};
use crate::qemu;
use crate::status::{Refusal, Status};
use crate::workspace;

/// Options of `test`.
#[derive(clap::Args)]
pub struct Args {
    /// Run the tests whose names contain this
    #[arg(value_name = "FILTER")]
    filter: Option<String>,
    /// Count instructions first, and expect what was found from now on; prints what changed
    #[arg(long)]
    bless: bool,
    #[command(flatten)]
    tools: Tools,
}

/// What the guests' tests boot, and by what: told to them by variables.
pub(crate) struct Told<'a> {
    pub(crate) loader: &'a Path,
    pub(crate) kernel: &'a Path,
    pub(crate) marked: &'a Path,
    /// The folder of the test kernels.
    pub(crate) kernels: &'a Path,
    pub(crate) qemu: &'a Path,
    /// What built them; `None` where that is not known.
    pub(crate) pair: Option<&'a Pair>,
}

impl Told<'_> {
    /// Sets the variables.
    pub(crate) fn to(&self, tests: &mut Command) {
        tests
            .env(variables::LOADER, self.loader)
            .env(variables::KERNEL, self.kernel)
            .env(variables::MARKED, self.marked)
            .env(variables::TEST_KERNELS, self.kernels)
            .env(variables::QEMU, self.qemu);
        if let Some(Pair { rustc, core }) = self.pair {
            tests.env(variables::RUSTC, rustc).env(variables::CORE, core);
        }
    }
}

/// Where the guests' tests find what they boot.
pub(crate) mod variables {
    pub(crate) const LOADER: &str = "SWITCHLAB_LOADER";
    pub(crate) const KERNEL: &str = "SWITCHLAB_KERNEL";
    pub(super) const MARKED: &str = "SWITCHLAB_MARKED";
    pub(crate) const TEST_KERNELS: &str = "SWITCHLAB_TEST_KERNELS";
    pub(super) const QEMU: &str = "SWITCHLAB_QEMU";
    pub(super) const RUSTC: &str = "SWITCHLAB_RUSTC";
    pub(super) const CORE: &str = "SWITCHLAB_CORE";
    pub(super) const XTASK: &str = "SWITCHLAB_XTASK";
}

/// Builds and tests.
///
/// # Errors
///
/// Status 5 for a missing part, 101 for a build that fails.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let qemu = args.tools.qemu()?;
    let packages = [LOADER_PACKAGE, KERNEL_PACKAGE, TEST_KERNELS_PACKAGE];
    let artefacts = build(&packages, args.tools.permission(), Talk::Normal)?;
    let marked = build_marked(args.tools.permission(), Talk::Quiet)?;
    let loader = artefacts.path(LOADER)?;
    let kernels = loader.parent().unwrap_or_else(|| Path::new("."));
    let pair = artefacts.source.as_ref().map(Pair::of);
    if args.bless {
        bless(&qemu, loader, kernels, pair.as_ref())?;
    }
    let mut cargo = host_cargo("test");
    cargo.arg("--no-fail-fast").args(&args.filter);
    let (kernel, marked) = (artefacts.path(KERNEL)?, marked.path(MARKED)?);
    Told { loader, kernel, marked, kernels, qemu: &qemu, pair: pair.as_ref() }.to(&mut cargo);
    cargo.env(variables::XTASK, std::env::current_exe().context("finding xtask's own executable")?);
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
    if !qemu::has_x2apic(qemu) {
        eprintln!("bless: {} has no x2APIC: what is expected with it stays as it was", qemu.display());
    }
    let diff = instructions::bless(qemu, loader, kernels, pair)?;
    if diff.is_empty() {
        eprintln!("bless: {pair}: nothing changed");
    } else {
        eprintln!("bless: {pair}:");
        print!("{diff}");
    }
    Ok(())
}
