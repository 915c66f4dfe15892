//! What brings a missing part of the host: the exact commands, and running them where that is
//! allowed and possible (root, on a system with apt). It never touches rustup.

use std::fs;
use std::process::Command;

use nix::unistd::geteuid;

use crate::status::Refusal;
use crate::toolchain::TARGET;

/// Whether missing parts may be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// `--install` was given.
    Granted,
    /// Say what to run.
    SayOnly,
}

impl From<bool> for Permission {
    fn from(install: bool) -> Self {
        if install { Self::Granted } else { Self::SayOnly }
    }
}

/// A thing that a system's packages bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A compiler, its cargo, the source of the standard library, clippy and a linker.
    Toolchain,
    /// `qemu-system-x86_64`.
    Qemu,
    /// `taskset`.
    Taskset,
    /// `gdb`.
    Gdb,
    /// Chromium.
    Chromium,
    /// `go`.
    Go,
    /// The half of the C library that goes into static programs, and a linker for them.
    StaticC,
}

impl Need {
    const fn packages(self) -> &'static str {
        match self {
            Self::Toolchain => "rustc-web cargo-web rust-web-src rust-web-clippy lld",
            Self::Qemu => "qemu-system-x86",
            Self::Taskset => "util-linux",
            Self::Gdb => "gdb",
            Self::Chromium => "chromium",
            Self::Go => "golang-go",
            Self::StaticC => "gcc libc6-dev",
        }
    }

    const fn homebrew(self) -> &'static str {
        match self {
            Self::Toolchain => "lld",
            Self::Qemu => "qemu",
            Self::Taskset | Self::StaticC => "",
            Self::Gdb => "gdb",
            Self::Chromium => "chromium",
            Self::Go => "go",
        }
    }
}

/// The command that brings `needs` on Debian and Ubuntu.
pub fn apt_command(needs: &[Need]) -> String {
    let packages = needs.iter().map(|need| need.packages()).collect::<Vec<_>>().join(" ");
    format!("apt-get install -y --no-install-recommends {packages}")
}

/// The commands that bring `needs` on this system, one for each way, best first.
pub fn commands(needs: &[Need]) -> Vec<String> {
    let mut commands = Vec::new();
    if needs.contains(&Need::Toolchain) {
        commands.push(format!("rustup target add {TARGET}"));
    }
    if cfg!(target_os = "macos") {
        let formulas = needs.iter().filter(|need| **need != Need::Toolchain).map(|need| need.homebrew());
        let formulas = formulas.filter(|formula| !formula.is_empty()).collect::<Vec<_>>().join(" ");
        if !formulas.is_empty() {
            commands.push(format!("brew install {formulas}"));
        }
    } else {
        commands.push(apt_command(needs));
    }
    commands
}

/// Whether `/etc/os-release` is that of a system with apt: Debian, Ubuntu or a child of theirs.
fn has_apt(os_release: &str) -> bool {
    os_release
        .lines()
        .filter_map(|line| line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE=")))
        .flat_map(|names| names.trim_matches('"').split(' '))
        .any(|name| name == "debian" || name == "ubuntu")
}

/// Installs `needs`, or says how: `what` names the missing thing.
///
/// # Errors
///
/// Status 5 with the commands, where there is no permission, no root, no apt, or apt fails.
pub fn bring(needs: &[Need], what: &str, permission: Permission) -> anyhow::Result<()> {
    let commands = commands(needs);
    let or = commands.join("\n  or: ");
    if permission == Permission::SayOnly {
        let again = if cfg!(target_os = "linux") {
            "\nOn Debian or Ubuntu, as root, the option --install runs the apt-get command."
        } else {
            ""
        };
        return Err(Refusal::missing(format!("{what}\nTo bring it, run\n      {or}{again}")));
    }
    if !has_apt(&fs::read_to_string("/etc/os-release").unwrap_or_default()) {
        return Err(Refusal::missing(format!(
            "{what}\n--install knows Debian and Ubuntu only; here, run\n      {or}"
        )));
    }
    if !geteuid().is_root() {
        return Err(Refusal::missing(format!("{what}\n--install needs root; as root, run\n      {or}")));
    }
    eprintln!("{what}");
    apt_get(&["update"])?;
    let packages = needs.iter().flat_map(|need| need.packages().split(' '));
    let arguments: Vec<_> =
        ["install", "-y", "--no-install-recommends"].into_iter().chain(packages).collect();
    apt_get(&arguments)
}

fn apt_get(arguments: &[&str]) -> anyhow::Result<()> {
    let shown = format!("apt-get {}", arguments.join(" "));
    eprintln!("$ {shown}");
    // apt talks on stdout, which is the results' here.
    let status = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(std::process::Stdio::null())
        .stdout(std::io::stderr())
        .status()
        .map_err(|error| Refusal::missing(format!("`{shown}` did not start: {error}")))?;
    if status.success() {
        return Ok(());
    }
    Err(Refusal::missing(format!("`{shown}` failed ({status}): its own words stand above")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_and_its_children_have_apt() {
        assert!(has_apt("NAME=\"Debian GNU/Linux\"\nID=debian\n"));
        assert!(has_apt("ID=ubuntu\nID_LIKE=debian\n"));
        assert!(has_apt("ID=pop\nID_LIKE=\"ubuntu debian\"\n"));
        assert!(!has_apt("ID=fedora\nVARIANT_ID=debian\n"));
        assert!(!has_apt(""));
    }

    #[test]
    fn apt_command_names_the_packages() {
        assert_eq!(
            apt_command(&[Need::Toolchain, Need::Qemu]),
            "apt-get install -y --no-install-recommends rustc-web cargo-web rust-web-src rust-web-clippy lld \
             qemu-system-x86"
        );
    }

    #[test]
    fn without_permission_the_commands_are_said() {
        let error = bring(&[Need::Qemu], "no QEMU", Permission::SayOnly).unwrap_err().to_string();
        assert!(error.starts_with("no QEMU\n"), "{error}");
        assert!(error.contains(&commands(&[Need::Qemu])[0]), "{error}");
    }
}
