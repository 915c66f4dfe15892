//! `build`: the loader and the kernels, where they are, and which source of `core` was taken.

use std::process::ExitCode;

use crate::build::{KERNEL_PACKAGE, LOADER_PACKAGE, TEST_KERNELS_PACKAGE, Talk, build, build_marked};
use crate::status::Status;

/// Options of `build`.
#[derive(clap::Args)]
pub struct Args {
    /// Build the test kernels as well
    #[arg(long)]
    tests: bool,
    /// Install what is missing (as root, on Debian or Ubuntu, by apt-get)
    #[arg(long)]
    install: bool,
}

/// Builds, and prints the paths.
///
/// # Errors
///
/// See [`build`].
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut packages = vec![LOADER_PACKAGE, KERNEL_PACKAGE];
    packages.extend(args.tests.then_some(TEST_KERNELS_PACKAGE));
    let artefacts = build(&packages, args.install.into(), Talk::Normal)?;
    let marked = build_marked(args.install.into(), Talk::Quiet)?;
    for (name, path) in artefacts.executables.iter().chain(&marked.executables) {
        println!("{name}: {}", path.display());
    }
    Ok(Status::Pass.into())
}
