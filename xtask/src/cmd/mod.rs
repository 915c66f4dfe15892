//! The subcommands: options in, exit status out.

pub mod analyse;
pub mod audit;
pub mod bench;
pub mod build;
pub mod compare;
pub mod doctor;
#[cfg(test)]
mod fake_cargo;
pub mod fuzz;
pub mod gdb;
pub mod host;
pub mod lint;
pub mod mutants;
pub mod native;
pub mod options;
pub mod output;
pub mod replay;
pub mod report;
pub mod run;
pub mod soak;
pub mod steps;
pub mod test;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::build::Artefacts;
use crate::install::{self, Need};
use crate::status::Status;
use crate::{floor, qemu};

/// The QEMU that the options name; where it is missing and may be installed, it is.
///
/// # Errors
///
/// Status 5: the name that was looked for, and what brings it.
pub(crate) fn find_qemu(option: Option<&Path>, permission: install::Permission) -> anyhow::Result<PathBuf> {
    let wanted = match qemu::find(option) {
        Ok(path) => return Ok(path),
        Err(wanted) => wanted,
    };
    let what = format!(
        "QEMU is missing: `{}` is not an executable in PATH (named by --qemu, else SWITCHLAB_QEMU, else {})",
        wanted.display(),
        qemu::PROGRAM
    );
    // A package brings the usual one, and not what the user has named.
    let usual = wanted.as_os_str() == qemu::PROGRAM;
    install::bring(&[Need::Qemu], &what, if usual { permission } else { install::Permission::SayOnly })?;
    qemu::find(option).map_err(|_| crate::status::Refusal::missing(what))
}

/// The files of `artefacts` with these names.
pub(crate) fn loader_and_kernel(artefacts: &Artefacts) -> anyhow::Result<(PathBuf, PathBuf)> {
    let loader = artefacts.path(crate::build::LOADER)?.to_path_buf();
    Ok((loader, artefacts.path(crate::build::KERNEL)?.to_path_buf()))
}

/// Measures the host's floor and prints it as JSON.
///
/// # Errors
///
/// None to be expected.
pub fn host_floor() -> anyhow::Result<ExitCode> {
    println!("{}", serde_json::to_string(&floor::ping_pong())?);
    Ok(Status::Pass.into())
}
