//! `audit`: what neither the compiler nor a test looks for: undefined behaviour, by Miri and a sanitizer where the toolchain
//! has them; licences; known vulnerabilities. Fetches nothing: what is not there is skipped, with the reason.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Context;
use serde::Deserialize;

use super::lint::{cargo, host_cargo_by};
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
#[derive(Debug)]
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
    let parts = parts(&host)?;
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

/// Each part: what is looked for, and what came of it.
fn parts(host: &Host) -> anyhow::Result<[(&'static str, Found); 4]> {
    Ok([
        ("undefined behaviour, by Miri", miri(host)?),
        ("accesses beyond what is there, by AddressSanitizer", address_sanitizer(host)?),
        ("licences of all that is built", licences(host)?),
        ("known vulnerabilities, without those of the peers", vulnerabilities(host)?),
    ])
}

/// What this host has to look with.
struct Host {
    /// The program that is run as cargo.
    cargo: OsString,
    /// The folder of the compiler for the host.
    sysroot: PathBuf,
    /// The host, as that compiler names it.
    triple: String,
    /// cargo-audit is installed.
    has_cargo_audit: bool,
    /// The folder of what cargo has fetched.
    cargo_home: Option<PathBuf>,
}

impl Host {
    fn ask() -> anyhow::Result<Self> {
        let ask = |arguments: &[&str]| {
            let output = Command::new("rustc").args(arguments).output().context("asking rustc")?;
            anyhow::ensure!(output.status.success(), "rustc {}: {}", arguments.join(" "), output.status);
            anyhow::Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
        Ok(Self {
            cargo: cargo(),
            sysroot: ask(&["--print", "sysroot"])?.into(),
            triple: ask(&["--print", "host-tuple"])?,
            has_cargo_audit: which::which("cargo-audit").is_ok(),
            cargo_home: home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo"))),
        })
    }

    fn cargo(&self, subcommand: &str) -> Command {
        host_cargo_by(&self.cargo, subcommand)
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
    let mut command = host.cargo("miri");
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
    let mut command = host.cargo("test");
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
    let mut command = host.cargo("metadata");
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

fn vulnerabilities(host: &Host) -> anyhow::Result<Found> {
    if !host.has_cargo_audit {
        return Ok(Found::Skipped(
            "cargo-audit is not installed; `cargo install cargo-audit` brings it".into(),
        ));
    }
    if !host.cargo_home.as_ref().is_some_and(|home| home.join("advisory-db").is_dir()) {
        return Ok(Found::Skipped("there is no advisory database; `cargo audit` fetches one".into()));
    }
    ended(
        host.cargo("audit").arg("--no-fetch"),
        "in Cargo.lock, by the advisory database that is here".into(),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;
    use crate::cmd::fake_cargo;

    /// A host that has all that is looked with, in `folder`, and on which cargo is a shell script. The script's folder
    /// has the file `calls`, of what it was called with.
    fn host(folder: &Path, script: &str) -> Host {
        let runtime = folder.join("lib/rustlib/some-triple/lib/librustc_rt.asan.a");
        for file in ["bin/cargo-miri".as_ref(), &*runtime, "advisory-db/there".as_ref()] {
            let file = folder.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        fs::write(folder.join("calls"), "").unwrap();
        Host {
            cargo: fake_cargo::make(folder, &format!("echo \"$*\" >> \"${{0%/*}}/calls\"\n{script}")),
            sysroot: folder.into(),
            triple: "some-triple".into(),
            has_cargo_audit: true,
            cargo_home: Some(folder.into()),
        }
    }

    fn calls(folder: &Path) -> Vec<String> {
        fs::read_to_string(folder.join("calls")).unwrap().lines().map(str::to_owned).collect()
    }

    /// What a script says as cargo where all packages are here.
    const ALL_HERE: &str =
        r#"[ $1 != metadata ] || echo '{"packages": [{"name": "a", "version": "1.0.0", "license": "MIT"}]}'"#;

    #[test]
    fn each_cargo_of_the_audit_is_kept_from_fetching() {
        let folder = tempfile::tempdir().unwrap();
        let parts = parts(&host(folder.path(), ALL_HERE)).unwrap();
        assert!(parts.iter().all(|(_, found)| matches!(found, Found::Passed(_))), "{parts:?}");
        let calls = calls(folder.path());
        let subcommands: BTreeSet<_> = calls.iter().filter_map(|call| call.split(' ').next()).collect();
        assert_eq!(subcommands, BTreeSet::from(["audit", "metadata", "miri", "test"]));
        for call in &calls {
            let has = |word: &str| call.split(' ').any(|has| has == word);
            let is_kept = if has("audit") { has("--no-fetch") } else { has("--offline") && has("--locked") };
            assert!(is_kept, "{call}");
        }
    }

    #[test]
    fn what_is_not_there_is_skipped_and_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let bare = Host {
            sysroot: "no-such-folder".into(),
            has_cargo_audit: false,
            ..host(folder.path(), ALL_HERE)
        };
        let no_database = Host { cargo_home: None, ..host(folder.path(), ALL_HERE) };
        for found in
            [miri(&bare), address_sanitizer(&bare), vulnerabilities(&bare), vulnerabilities(&no_database)]
        {
            let found = found.unwrap();
            assert!(matches!(found, Found::Skipped(_)), "{found:?}");
        }
        assert!(calls(folder.path()).is_empty());
    }

    #[test]
    fn packages_that_are_not_here_are_no_failed_test() {
        let folder = tempfile::tempdir().unwrap();
        let host = host(folder.path(), "echo 'error: you are in the offline mode (--offline)' >&2\nexit 101");
        for found in [miri(&host), address_sanitizer(&host), licences(&host)] {
            let found = found.unwrap();
            assert!(matches!(&found, Found::Skipped(why) if why.contains("cargo fetch")), "{found:?}");
        }
        assert!(calls(folder.path()).iter().all(|call| call.starts_with("metadata ")));
    }

    /// By the real cargo's words.
    #[test]
    fn refusal_of_cargo_is_skipped_only_where_packages_are_not_here() {
        const PACKAGE: &str = "[package]\nname = \"a\"\nversion = \"1.0.0\"\nedition = \"2024\"\n";
        const LOCKED: &str = "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n";
        let of_git = format!("{PACKAGE}[dependencies]\nb = {{ git = \"https://localhost/b\" }}\n");
        let hash = "0".repeat(40);
        let of_git_locked = format!(
            "{LOCKED}dependencies = [\"b\"]\n[[package]]\nname = \"b\"\nversion = \"1.0.0\"\n\
             source = \"git+https://localhost/b#{hash}\"\n"
        );
        let host = Host::ask().unwrap();
        let stale = LOCKED.replace("1.0.0", "0.9.0");
        for (manifest, lock, expected) in [
            (PACKAGE, LOCKED, Ok(1)),
            (&of_git, &of_git_locked, Err("not all packages")),
            (PACKAGE, &stale, Err("FAILED: cargo metadata")),
            ("no manifest", LOCKED, Err("FAILED: cargo metadata")),
        ] {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("src")).unwrap();
            for (file, text) in [("Cargo.toml", manifest), ("Cargo.lock", lock), ("src/lib.rs", "")] {
                fs::write(folder.path().join(file), text).unwrap();
            }
            let found = match packages(&host, folder.path()).unwrap() {
                Ok(packages) => Ok(packages.len()),
                Err(Found::Skipped(why)) => Err(why),
                Err(Found::Failed(why)) => Err(format!("FAILED: {why}")),
                Err(Found::Passed(what)) => panic!("{what}"),
            };
            match (&found, expected) {
                (Err(words), Err(start)) if words.starts_with(start) => (),
                _ => assert_eq!(found, expected.map_err(str::to_owned)),
            }
        }
    }

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
