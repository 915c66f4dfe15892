//! The guest's kernel: the distribution's, from `/boot`, or unpacked from its package into a folder below
//! `target`. Nothing is installed as the host's kernel.

use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Absent, cache};
use crate::install::Permission;

/// The packages that depend on the newest kernel, best first: Debian's for virtual machines, Debian's for all,
/// Ubuntu's for virtual machines.
const PACKAGES: [&str; 3] = ["linux-image-cloud-amd64", "linux-image-amd64", "linux-image-virtual"];
/// How a kernel's file begins.
const FILE: &str = "vmlinuz-";
/// Where the distribution puts the host's own.
const BOOT: &str = "/boot";
/// What brings one.
const TO_DO: &str =
    "cargo xtask bench --guest-linux --install\n  or: cargo xtask bench --guest-linux --guest-kernel FILE";

/// The kernel to boot: `named`, else the newest in `/boot`, else one unpacked before, else one from its
/// package, where that is allowed.
///
/// # Errors
///
/// There is none: why, and what brings one.
pub fn find(named: Option<&Path>, permission: Permission) -> Result<PathBuf, Absent> {
    if let Some(path) = named {
        return Ok(path.to_path_buf());
    }
    let cache = cache();
    if let Some(path) = newest(Path::new(BOOT)).or_else(|| newest(&cache)) {
        return Ok(path);
    }
    match permission {
        Permission::Granted => unpack(&cache).map_err(|why| Absent::missing(why, "")),
        Permission::SayOnly => {
            let places = format!("{BOOT} or {}", cache.display());
            let reason = format!("no kernel for the guest: no {FILE}* that can be read in {places}");
            Err(Absent::missing(reason, TO_DO))
        }
    }
}

/// The newest kernel in `folder` that can be read.
fn newest(folder: &Path) -> Option<PathBuf> {
    let files = fs::read_dir(folder).ok()?.flatten();
    let kernels = files.filter(|file| file.file_name().to_string_lossy().starts_with(FILE));
    kernels
        .map(|file| file.path())
        .filter(|path| {
            fs::File::open(path).is_ok_and(|file| file.metadata().is_ok_and(|facts| facts.is_file()))
        })
        .max_by(|one, other| by_release(&one.to_string_lossy(), &other.to_string_lossy()))
}

/// Numbers in names by their value: 6.1.0-9 is older than 6.1.0-56.
fn by_release(one: &str, other: &str) -> Ordering {
    let parts = |name: &str| -> Vec<(u64, String)> {
        let words = name.split(['.', '-', '_', '+', '~']);
        words.map(|word| (word.parse().unwrap_or(0), word.to_owned())).collect()
    };
    parts(one).cmp(&parts(other))
}

/// Downloads the package with apt, as no one in particular, and takes the kernel out of it.
fn unpack(cache: &Path) -> Result<PathBuf, String> {
    if which::which("apt-get").is_err() || which::which("dpkg").is_err() {
        return Err(
            "no kernel for the guest: --install takes it from a package of Debian or Ubuntu, and there is \
                    no apt-get and dpkg here; --guest-kernel FILE names one"
                .into(),
        );
    }
    let package = match depended_on() {
        Some(package) => package,
        None => {
            // The lists of packages may be missing. Root may fetch them.
            run(Command::new("apt-get").arg("update"))?;
            depended_on().ok_or_else(|| {
                format!("no kernel for the guest: apt knows none of {}", PACKAGES.join(", "))
            })?
        }
    };
    let fresh = cache.join("unpacked");
    let failed = |error: std::io::Error| format!("no kernel for the guest: {}: {error}", cache.display());
    let _ = fs::remove_dir_all(&fresh);
    fs::create_dir_all(&fresh).map_err(failed)?;
    run(Command::new("apt-get").args(["download", &package]).current_dir(&fresh))?;
    let archive = fs::read_dir(&fresh)
        .map_err(failed)?
        .flatten()
        .find(|file| file.path().extension().is_some_and(|end| end == "deb"));
    let archive = archive
        .ok_or_else(|| format!("no kernel for the guest: apt-get download {package} left no package"))?;
    run(Command::new("dpkg").arg("-x").arg(archive.path()).arg(&fresh))?;
    let kernel = newest(&fresh.join("boot"))
        .ok_or_else(|| format!("no kernel for the guest: {package} has none in its boot/"))?;
    let kept = cache.join(kernel.file_name().unwrap_or_default());
    fs::rename(&kernel, &kept).and_then(|()| fs::remove_dir_all(&fresh)).map_err(failed)?;
    Ok(kept)
}

/// The package of the kernel itself, on which one of [`PACKAGES`] depends.
fn depended_on() -> Option<String> {
    PACKAGES.iter().find_map(|package| {
        let output =
            Command::new("apt-cache").args(["depends", package]).stderr(Stdio::null()).output().ok()?;
        kernel_in(&String::from_utf8_lossy(&output.stdout))
    })
}

/// The kernel among what `apt-cache depends` says.
fn kernel_in(text: &str) -> Option<String> {
    let depends =
        text.lines().filter_map(|line| line.trim().trim_start_matches('|').strip_prefix("Depends: "));
    depends.map(str::trim).find(|name| name.starts_with("linux-image-")).map(str::to_owned)
}

/// Runs a command of the distribution's; its words go to stderr, since stdout is the results'.
fn run(command: &mut Command) -> Result<(), String> {
    let words: Vec<_> =
        [command.get_program()].into_iter().chain(command.get_args()).map(Into::into).collect();
    let shown = crate::qemu::shell_line(&words);
    eprintln!("$ {shown}");
    match command.stdin(Stdio::null()).stdout(std::io::stderr()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            Err(format!("no kernel for the guest: `{shown}` failed ({status}): its own words stand above"))
        }
        Err(error) => Err(format!("no kernel for the guest: `{shown}` did not start: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_release_is_taken_by_its_numbers() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(newest(folder.path()), None);
        for name in
            ["vmlinuz-6.1.0-9-amd64", "vmlinuz-6.1.0-56-amd64", "vmlinuz-5.10.0-99-amd64", "initrd.img-7.0"]
        {
            fs::write(folder.path().join(name), "kernel").unwrap();
        }
        fs::create_dir(folder.path().join("vmlinuz-9")).unwrap();
        let found = newest(folder.path()).unwrap();
        assert_eq!(found.file_name().unwrap(), "vmlinuz-6.1.0-56-amd64");
    }

    #[test]
    fn kernels_package_is_the_one_that_is_depended_on() {
        let debian = "linux-image-cloud-amd64\n  Depends: linux-image-6.1.0-56-cloud-amd64\n";
        assert_eq!(kernel_in(debian).as_deref(), Some("linux-image-6.1.0-56-cloud-amd64"));
        let ubuntu =
            "linux-image-virtual\n  Depends: linux-firmware\n |Depends: linux-image-6.8.0-45-generic\n";
        assert_eq!(kernel_in(ubuntu).as_deref(), Some("linux-image-6.8.0-45-generic"));
        assert_eq!(kernel_in(""), None);
    }

    #[test]
    fn kernel_that_was_named_is_taken_as_it_is() {
        assert_eq!(find(Some(Path::new("/k")), Permission::SayOnly), Ok(PathBuf::from("/k")));
    }
}
