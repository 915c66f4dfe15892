//! The folder that each run leaves, and the links that point at the last ones.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process;
use std::time::SystemTime;

/// The raw serial log.
pub const LOG: &str = "serial.log";
/// The raw serial log of the marked kernel, where the run was traced.
pub const TRACE_LOG: &str = "trace.log";
/// The raw serial log of the boot that counted instructions, beside the one that measured time.
pub const INSTRUCTIONS_LOG: &str = "instructions.log";
/// What each CPU did, where the guest hung.
pub const HANG: &str = "hang.txt";
/// What QEMU said on stderr, where it said something.
pub const STDERR: &str = "qemu-stderr.log";

/// A folder of its own below `runs`, with its name: `20261124T005155Z-classic`, and `-2` and so on
/// behind it where that is taken. Runs that start at once do not collide, since making a folder is
/// one step of the file system.
///
/// # Errors
///
/// `runs` cannot be made or written.
pub fn create(runs: &Path, now: SystemTime, name: &str) -> io::Result<PathBuf> {
    fs::create_dir_all(runs)?;
    let stem = format!("{}-{}", timestamp(now), safe(name));
    for number in 1..10_000 {
        let folder = runs.join(if number == 1 { stem.clone() } else { format!("{stem}-{number}") });
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => return made.map(|()| folder),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

/// The log's file in `folder`.
///
/// # Errors
///
/// It cannot be made.
pub fn create_log(folder: &Path) -> io::Result<File> {
    File::create_new(folder.join(LOG))
}

/// The link to the last run.
pub const LATEST: &str = "latest";
/// The link to the last benchmark that was kept.
pub const LATEST_BENCH: &str = "latest-bench";
/// The link to the host's last hierarchy that was kept.
pub const LATEST_HOST: &str = "latest-host";

/// Points the link `name` at `folder`, which stands beside it. The new link is renamed over the old one,
/// so that there is always one.
///
/// # Errors
///
/// The link cannot be made.
pub fn point(name: &str, folder: &Path) -> io::Result<()> {
    let (Some(runs), Some(target)) = (folder.parent(), folder.file_name()) else { return Ok(()) };
    let fresh = runs.join(format!(".{name}-{}", process::id()));
    let _ = fs::remove_file(&fresh);
    symlink(target, &fresh)?;
    fs::rename(&fresh, runs.join(name))
}

/// UTC to the second, without what file systems dislike: `20261124T005155Z`.
fn timestamp(now: SystemTime) -> String {
    humantime::format_rfc3339_seconds(now).to_string().replace(['-', ':'], "")
}

fn safe(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn folders_of_one_second_do_not_collide() {
        let runs = tempfile::tempdir().unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let names = [(); 3].map(|()| create(runs.path(), now, "classic").unwrap());
        let names = names.map(|folder| folder.file_name().unwrap().to_owned());
        assert_eq!(
            names,
            ["20270115T080000Z-classic", "20270115T080000Z-classic-2", "20270115T080000Z-classic-3"]
        );
    }

    #[test]
    fn latest_follows() {
        let runs = tempfile::tempdir().unwrap();
        for name in ["one", "two"] {
            let folder = create(runs.path(), SystemTime::now(), name).unwrap();
            fs::write(folder.join("mark"), name).unwrap();
            point(LATEST, &folder).unwrap();
            assert_eq!(fs::read_to_string(runs.path().join("latest/mark")).unwrap(), name);
        }
    }

    #[test]
    fn name_is_one_component() {
        let runs = tempfile::tempdir().unwrap();
        let folder = create(runs.path(), SystemTime::now(), "../a b").unwrap();
        assert_eq!(folder.parent(), Some(runs.path()));
    }
}
