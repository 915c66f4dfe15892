//! `audit`: what neither the compiler nor a test looks for: undefined behaviour, by Miri and a sanitizer where the toolchain
//! has them; licences; known vulnerabilities. Fetches nothing: what is not there is skipped, with the reason.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Context;
use serde::Deserialize;

use super::lint::host_cargo;
use crate::interrupt;
use crate::status::Status;
use crate::table::Sheet;
use crate::workspace;

/// Crates without inline assembly, whose tests Miri and the sanitizers can follow.
const WITHOUT_ASM: [&str; 4] =
    ["switchlab-analysis", "switchlab-boot-plan", "switchlab-core", "switchlab-records"];

/// Licences that what is built here may have, and whatever asks for no more than one of them.
const LICENCES: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Keeps cargo from fetching, and from choosing other packages.
const HERE: [&str; 2] = ["--offline", "--locked"];

/// Options of `audit`.
#[derive(clap::Args)]
#[command(after_help = crate::status::HELP)]
pub struct Args {}

/// What came of a part of it.
enum Found {
    Passed(String),
    Failed(String),
    Skipped(String),
}

/// Looks, and tells of each part: status 1 where one failed.
///
/// # Errors
///
/// Cargo does not start; 130 after Ctrl-C.
pub fn run(_: &Args) -> anyhow::Result<ExitCode> {
    interrupt::take_over()?;
    let host = Host::ask()?;
    let parts = [
        ("undefined behaviour, by Miri", miri(&host)?),
        ("accesses beyond what is there, by AddressSanitizer", address_sanitizer(&host)?),
        ("licences of all that is built", licences(&host)?),
        ("known vulnerabilities, without those of the peers", vulnerabilities()?),
    ];
    let header = ["Looked for", "Found"].map(str::to_owned).into();
    let row = |(what, found): &(&str, Found)| {
        let text = match found {
            Found::Passed(what) => format!("nothing: {what}"),
            Found::Failed(what) => format!("FAILED: {what}"),
            Found::Skipped(why) => format!("skipped: {why}"),
        };
        vec![(*what).to_owned(), text]
    };
    let sheet = Sheet { header, rows: parts.iter().map(row).collect(), words: 1 };
    super::output::print(&(sheet.text() + "\n"))?;
    let has_failed = parts.iter().any(|(_, found)| matches!(found, Found::Failed(_)));
    Ok(if has_failed { Status::Fail.into() } else { Status::Pass.into() })
}

/// The compiler for the host.
struct Host {
    sysroot: PathBuf,
    triple: String,
}

impl Host {
    fn ask() -> anyhow::Result<Self> {
        let ask = |arguments: &[&str]| {
            let output = Command::new("rustc").args(arguments).output().context("asking rustc")?;
            anyhow::ensure!(output.status.success(), "rustc {}: {}", arguments.join(" "), output.status);
            anyhow::Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        Ok(Self { sysroot: ask(&["--print", "sysroot"])?.into(), triple: ask(&["--print", "host-tuple"])? })
    }

    /// The library that code with a sanitizer is linked with.
    fn has_runtime(&self, sanitizer: &str) -> bool {
        let folder = self.sysroot.join("lib/rustlib").join(&self.triple).join("lib");
        let end = format!("_rt.{sanitizer}.a");
        std::fs::read_dir(folder).is_ok_and(|entries| {
            entries.flatten().any(|entry| entry.file_name().to_string_lossy().ends_with(&end))
        })
    }
}

fn tests(command: &mut Command) -> &mut Command {
    WITHOUT_ASM.iter().fold(command, |command, package| command.args(["-p", package]))
}

fn ended(command: &mut Command, passed: String) -> anyhow::Result<Found> {
    let status = interrupt::build(command)?;
    Ok(if status.success() { Found::Passed(passed) } else { Found::Failed(format!("{status}; see above")) })
}

fn miri(host: &Host) -> anyhow::Result<Found> {
    // By the file: a proxy that is asked might fetch what is not there.
    if !host.sysroot.join("bin/cargo-miri").is_file() {
        return Ok(Found::Skipped("this toolchain has no Miri (a component of nightly)".into()));
    }
    if let Err(found) = packages(host, &workspace::root())? {
        return Ok(found);
    }
    let mut command = host_cargo("miri");
    // Drawn inputs by the hundred: each takes a thousand times as long.
    command.env("PROPTEST_CASES", "8").env("MIRIFLAGS", "-Zmiri-disable-isolation");
    ended(tests(command.arg("test").args(HERE)), format!("in the tests of {}", WITHOUT_ASM.join(", ")))
}

fn address_sanitizer(host: &Host) -> anyhow::Result<Found> {
    if !host.has_runtime("asan") {
        return Ok(Found::Skipped(format!("this toolchain has no runtime of it for {}", host.triple)));
    }
    if let Err(found) = packages(host, &workspace::root())? {
        return Ok(found);
    }
    let mut command = host_cargo("test");
    command
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Zsanitizer=address")
        // Tests leave what is to live for ever.
        .env("ASAN_OPTIONS", "detect_leaks=0")
        .env("CARGO_TARGET_DIR", workspace::target_dir().join("sanitized"))
        // With a target of its own, so that what runs in the build is without.
        .args(["--quiet", "--lib", "--tests", "--target", &host.triple])
        .args(HERE);
    ended(tests(&mut command), format!("in the tests of {}", WITHOUT_ASM.join(", ")))
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
}

/// By what each package says of itself, of both workspaces.
fn licences(host: &Host) -> anyhow::Result<Found> {
    let mut packages = Vec::new();
    for folder in [workspace::root(), workspace::root().join("tests/peers")] {
        match self::packages(host, &folder)? {
            Ok(of_one) => packages.extend(of_one),
            Err(found) => return Ok(found),
        }
    }
    let mut refused = BTreeMap::new();
    for package in &packages {
        if let Err(why) = judge(package.license.as_deref()) {
            refused.insert(format!("{} {}", package.name, package.version), why);
        }
    }
    if refused.is_empty() {
        let (packages, licences) = (packages.len(), LICENCES.len());
        return Ok(Found::Passed(format!(
            "each of {packages} packages has one of the {licences} licences that are taken"
        )));
    }
    let told: Vec<_> = refused.iter().map(|(package, why)| format!("{package}: {why}")).collect();
    Ok(Found::Failed(told.join("; ")))
}

/// The packages of the workspace in `folder`; what is to be told instead where cargo would have to fetch some, or
/// can not say.
///
/// Those that this host builds: others need not be here.
fn packages(host: &Host, folder: &Path) -> anyhow::Result<Result<Vec<Package>, Found>> {
    let mut command = host_cargo("metadata");
    command.current_dir(folder).args(["--format-version", "1", "--filter-platform", &host.triple]).args(HERE);
    let output = command.output().context("asking cargo for the packages")?;
    if output.status.success() {
        let Metadata { packages } =
            serde_json::from_slice(&output.stdout).context("reading what cargo says of the packages")?;
        return Ok(Ok(packages));
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let folder = folder.display();
    // Cargo's own words where it is kept from fetching; a stale lock file has others.
    Ok(Err(if words.contains("--offline") && !words.contains("--locked") {
        Found::Skipped(format!("not all packages of {folder} are here; `cargo fetch` there brings them"))
    } else {
        Found::Failed(format!("cargo metadata in {folder}: {}", words.trim()))
    }))
}

/// Whether a licence asks for no more than one of ours.
fn judge(licence: Option<&str>) -> Result<(), String> {
    let licence = licence.ok_or("it names no licence")?;
    let expression = spdx::Expression::parse_mode(licence, spdx::ParseMode::LAX)
        .map_err(|why| format!("`{licence}` is none: {}", why.reason))?;
    let is_ours = |asked: &spdx::LicenseReq| LICENCES.contains(&&*asked.to_string());
    if expression.evaluate(is_ours) { Ok(()) } else { Err(format!("`{licence}` is none of ours")) }
}

fn vulnerabilities() -> anyhow::Result<Found> {
    if which::which("cargo-audit").is_err() {
        return Ok(Found::Skipped(
            "cargo-audit is not installed; `cargo install cargo-audit` brings it".into(),
        ));
    }
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    if !home.is_some_and(|home| home.join("advisory-db").is_dir()) {
        return Ok(Found::Skipped("there is no advisory database; `cargo audit` fetches one".into()));
    }
    ended(
        host_cargo("audit").arg("--no-fetch"),
        "in Cargo.lock, by the advisory database that is here".into(),
    )
}

#[cfg(test)]
mod tests {
    use super::judge;

    #[test]
    fn licence_that_leaves_one_of_ours_to_choose_is_taken() {
        for taken in ["MIT", "MIT OR GPL-3.0-only", "(MIT OR Apache-2.0) AND Unicode-3.0", "MIT/Apache-2.0"] {
            assert_eq!(judge(Some(taken)), Ok(()), "{taken}");
        }
        for (refused, why) in [
            (None, "names no licence"),
            (Some("GPL-3.0-only"), "none of ours"),
            (Some("MIT AND GPL-3.0-only"), "none of ours"),
            (Some("whatever"), "is none"),
        ] {
            let found = judge(refused).unwrap_err();
            assert!(found.contains(why), "{found}");
        }
    }
}
