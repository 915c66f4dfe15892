//! The guest's programs, built on the spot and static: its first process from `tests/guest-linux`, and Go's
//! from `tests/guest-linux/go`, where there is a Go.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Absent, cache};
use crate::build::Talk;
use crate::cmd::lint::host_cargo;
use crate::install::{self, Need, Permission};
use crate::status::{Refusal, Status};
use crate::{interrupt, workspace};

/// The package of the guest's first process.
const PACKAGE: &str = "switchlab-guest-linux";
/// Its executable.
const EXECUTABLE: &str = "switchlab-init";

/// With a C library of its own, static by nature.
const MUSL: &str = "x86_64-unknown-linux-musl";
/// With the distribution's C library, which has to have its static half.
const GNU: &str = "x86_64-unknown-linux-gnu";

/// Builds the first process and reads it.
///
/// # Errors
///
/// Inside, what this host lacks for it. Outside, status 101 where cargo fails, 130 after Ctrl-C.
pub fn init(permission: Permission, talk: Talk) -> anyhow::Result<Result<Vec<u8>, Absent>> {
    let target = match target(permission)? {
        Ok(target) => target,
        Err(absent) => return Ok(Err(absent)),
    };
    let mut command = host_cargo("build");
    command.args(["--release", "-p", PACKAGE, "--bin", EXECUTABLE, "--target", target]);
    let flags = format!("CARGO_TARGET_{}_RUSTFLAGS", target.to_uppercase().replace('-', "_"));
    command.env(flags, "-C target-feature=+crt-static -C strip=symbols");
    if talk == Talk::Quiet {
        command.arg("--quiet");
    }
    let status = interrupt::build(command.stdin(Stdio::null()).stdout(std::io::stderr()))?;
    if !status.success() {
        let message = format!("the guest's program was not built ({status}); cargo's own words stand above");
        return Err(Refusal::with(Status::Build, message));
    }
    let path = workspace::target_dir().join(target).join("release").join(EXECUTABLE);
    Ok(Ok(fs::read(&path).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?))
}

/// What the first process is built for here.
fn target(permission: Permission) -> anyhow::Result<Result<&'static str, Absent>> {
    if has_target(MUSL) {
        return Ok(Ok(MUSL));
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        let reason = format!("the guest's program cannot be built: std for {MUSL} is not installed");
        return Ok(Err(Absent::missing(reason, format!("rustup target add {MUSL}"))));
    }
    if !has_static_c() {
        let what = format!(
            "the guest's program cannot be built: there is no static C library (libc.a), and std for {MUSL}, which \
             brings its own, is not installed"
        );
        if permission == Permission::SayOnly {
            let to_do = format!("rustup target add {MUSL}\n  or: {}", install::apt_command(&[Need::StaticC]));
            return Ok(Err(Absent::missing(what, to_do)));
        }
        install::bring(&[Need::StaticC], &what, permission)?;
    }
    Ok(Ok(GNU))
}

/// Whether the compiler that cargo takes has a standard library for `target`.
fn has_target(target: &str) -> bool {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(["--print", "sysroot"]).current_dir(workspace::root()).output();
    output.is_ok_and(|output| {
        let sysroot = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Path::new(&sysroot).join("lib/rustlib").join(target).join("lib").is_dir()
    })
}

/// Whether the linker would find a static C library.
fn has_static_c() -> bool {
    let output = Command::new("cc").arg("-print-file-name=libc.a").output();
    // What is not there is said as it was asked for: by its name alone.
    output.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_file())
}

/// Go's program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Go {
    /// The executable's bytes.
    pub program: Vec<u8>,
    /// As it says: `go1.19.8`.
    pub version: String,
}

/// Builds Go's program and reads it.
///
/// # Errors
///
/// There is no Go, or it does not build: why, and what brings it.
pub fn go(permission: Permission) -> Result<Go, Absent> {
    if which::which("go").is_err() {
        let what = "no Go toolchain: `go` is not in PATH";
        let brought = install::bring(&[Need::Go], what, permission);
        if let (Permission::Granted, Err(error)) = (permission, &brought) {
            return Err(Absent::missing(error.to_string(), ""));
        }
        if brought.is_err() {
            return Err(Absent::missing(what, install::commands(&[Need::Go]).join("\n  or: ")));
        }
    }
    build_go().map_err(|reason| Absent::missing(reason, ""))
}

fn build_go() -> Result<Go, String> {
    let (cache, program) = (cache(), cache().join("go-channel"));
    fs::create_dir_all(&cache).map_err(|error| format!("{}: {error}", cache.display()))?;
    let output = go_command(&cache)
        .args(["build", "-trimpath", "-ldflags=-s -w", "-o"])
        .arg(&program)
        .arg("main.go")
        .output()
        .map_err(|error| format!("`go build` did not start: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`go build` failed ({}): {}", output.status, said.trim()));
    }
    let program = fs::read(&program).map_err(|error| format!("{}: {error}", program.display()))?;
    let said = go_command(&cache).arg("version").output().map(|output| output.stdout).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let version =
        said.split_whitespace().nth(2).unwrap_or("go, of a version that it does not say").to_owned();
    Ok(Go { program, version })
}

/// Go without the network, and without what else the environment may say to it.
fn go_command(cache: &Path) -> Command {
    let mut command = Command::new("go");
    let sources: PathBuf = workspace::root().join("tests/guest-linux/go");
    command.current_dir(sources).env("GOCACHE", cache.join("go-cache"));
    command.envs([("CGO_ENABLED", "0"), ("GOOS", "linux"), ("GOARCH", "amd64"), ("GOFLAGS", "")]);
    command.envs([("GO111MODULE", "off"), ("GOTOOLCHAIN", "local"), ("GOPROXY", "off")]);
    command.stdin(Stdio::null());
    command
}
