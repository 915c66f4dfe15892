//! Tests, built and run in the copy of the sources: those of a package of the host's, or trials that boot guests.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::tree::Tree;
use crate::build::{KERNEL, KERNEL_PACKAGE, LOADER, LOADER_PACKAGE, TEST_KERNELS_PACKAGE};
use crate::cmd::lint::host_cargo_by;
use crate::cmd::test::Told;
use crate::instructions::Pair;
use crate::process::{Ended, Running};
use crate::status::{Status, status_of};
use crate::toolchain::CoreSource;

/// A build takes no longer.
const BUILD: Duration = Duration::from_secs(1_200);
/// Tests with no bug planted take no longer.
pub const TESTS: Duration = Duration::from_secs(300);
/// What tests may take at least, whatever they take with no bug planted.
const AT_LEAST: Duration = Duration::from_secs(20);

/// Tests that may find a bug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// Of a package of the host's: those whose names contain a word.
    Host {
        /// The package.
        package: String,
        /// The word.
        filter: String,
    },
    /// Trials that boot kernels: those whose names contain a word.
    Guest {
        /// What they boot: test kernels, or the laboratory.
        kernels: Vec<String>,
        /// The word.
        filter: String,
    },
}

impl Check {
    /// Reads `host PACKAGE FILTER` or `guest KERNEL,KERNEL FILTER`.
    ///
    /// # Errors
    ///
    /// What it is in place of that.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words[..] {
            ["host", package, filter] => Ok(Self::Host { package: package.into(), filter: filter.into() }),
            ["guest", kernels, filter] => Ok(Self::Guest {
                kernels: kernels.split(',').map(str::to_owned).collect(),
                filter: filter.into(),
            }),
            _ => {
                Err(format!("`{}`: `host PACKAGE FILTER` or `guest KERNELS FILTER` is expected", text.trim()))
            }
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { package, filter } => write!(f, "host {package} {filter}"),
            Self::Guest { kernels, filter } => write!(f, "guest {} {filter}", kernels.join(",")),
        }
    }
}

/// How long tests may take with a bug planted that took `idle` without: those that take longer hang, most often. That it
/// was not the host is shown by a run without a bug behind all.
pub fn most(idle: Duration) -> Duration {
    AT_LEAST.max(5 * idle)
}

/// What a check found.
#[derive(Debug)]
pub enum Found {
    /// All its tests passed, which took so long.
    Nothing(Duration),
    /// This test failed.
    Failed(String),
    /// They ended otherwise, or not: so does what is short of memory, or is held up, too.
    Broken(String),
    /// It cannot be built: the end of the compiler's words.
    DoesNotBuild(String),
}

/// Where and with what checks are built and run.
#[derive(Debug)]
pub struct Bench<'a> {
    /// The sources.
    pub tree: &'a Tree,
    /// The program that is run as the host's cargo.
    pub cargo: &'a OsStr,
    /// What builds for bare metal.
    pub source: &'a CoreSource,
    /// The emulator.
    pub qemu: &'a Path,
}

impl Bench<'_> {
    /// Builds and runs a check, whose tests may take so long.
    ///
    /// # Errors
    ///
    /// Something does not start; Ctrl-C.
    pub fn find(&self, check: &Check, most: Duration) -> anyhow::Result<Found> {
        let (package, filter) = match check {
            Check::Host { package, filter } => (&**package, filter),
            Check::Guest { kernels, filter } => {
                if let Some(words) = self.build_kernels(kernels)? {
                    return Ok(Found::DoesNotBuild(words));
                }
                ("switchlab-tests", filter)
            }
        };
        let mut build = self.host_tests(package);
        let built = ended(build.arg("--no-run"), BUILD)?;
        if built.status != Some(0) {
            return Ok(Found::DoesNotBuild(end_of(&built.said)));
        }
        let mut tests = self.host_tests(package);
        tests.args(["--", filter]);
        if let Check::Guest { .. } = check {
            let release = self.bare_release();
            let (loader, kernel) = (release.join(LOADER), release.join(KERNEL));
            // No check traces, so that one is not built.
            let (marked, pair) = (&release.join("no-marked-kernel"), Pair::of(self.source));
            Told {
                loader: &loader,
                kernel: &kernel,
                marked,
                kernels: &release,
                qemu: self.qemu,
                pair: Some(&pair),
            }
            .to(&mut tests);
        }
        let ran = match ended(&mut tests, most) {
            Err(error) if status_of(&error) == Status::Deadline => {
                return Ok(Found::Broken(format!("{check}, which did not end in {} s", most.as_secs())));
            }
            ran => ran?,
        };
        if ran.status == Some(0) {
            let passed = ran.said.lines().filter(|line| is_test(line, "ok")).count();
            anyhow::ensure!(passed > 0, "`{check}` runs no test: its filter fits none");
            return Ok(Found::Nothing(ran.elapsed));
        }
        let failed = ran.said.lines().find(|line| is_test(line, "FAILED"));
        let name = failed.and_then(|line| line.split_whitespace().nth(1));
        Ok(name.map_or_else(
            || Found::Broken(format!("{check}, in which no test failed by name")),
            |name| Found::Failed(name.to_owned()),
        ))
    }

    /// The end of the compiler's words, where they do not build.
    fn build_kernels(&self, kernels: &[String]) -> anyhow::Result<Option<String>> {
        let mut command = self.source.cargo_in(self.tree.root(), self.tree.target(), "build");
        command.args(["--quiet", "-p", LOADER_PACKAGE, "--bin", LOADER]);
        for kernel in kernels {
            let package = if kernel == KERNEL { KERNEL_PACKAGE } else { TEST_KERNELS_PACKAGE };
            command.args(["-p", package, "--bin", kernel]);
        }
        // Of the laboratory's code the listing is looked at. Of a test kernel it is what it does, and a few seconds build
        // it where they would be forty with link-time optimisation.
        if !kernels.iter().any(|kernel| kernel == KERNEL) {
            command.envs([
                ("CARGO_PROFILE_RELEASE_LTO", "off"),
                ("CARGO_PROFILE_RELEASE_INCREMENTAL", "true"),
                ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "64"),
            ]);
        }
        let built = ended(&mut command, BUILD)?;
        Ok((built.status != Some(0)).then(|| end_of(&built.said)))
    }

    fn host_tests(&self, package: &str) -> Command {
        let mut command = host_cargo_by(self.cargo, "test");
        command.current_dir(self.tree.root()).env("CARGO_TARGET_DIR", self.tree.target()).args([
            "--no-fail-fast",
            "-p",
            package,
        ]);
        command
    }

    fn bare_release(&self) -> std::path::PathBuf {
        self.source.bare_target(self.tree.target()).join(crate::toolchain::TARGET).join("release")
    }
}

/// Runs a command with what it says captured.
fn ended(command: &mut Command, most: Duration) -> anyhow::Result<Ended> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Running::start(command)?.wait(most)
}

/// `test NAME ... ok`, as both kinds of tests say it.
fn is_test(line: &str, how: &str) -> bool {
    line.starts_with("test ") && line.trim_end().ends_with(how)
}

/// Enough of it to see what is wrong.
fn end_of(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}
