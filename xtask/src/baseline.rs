//! Baselines: runs that are kept by a name, under `baselines` in the folder of the runs. `run
//! --save-baseline` makes them, `compare` takes them by their names. What a baseline is, is a folder
//! of a run: it can be replayed, copied and deleted like any other.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::Context;

/// Where baselines stand, in the folder of the runs.
pub const FOLDER: &str = "baselines";

/// Longest name.
const MOST_LETTERS: usize = 64;

/// The folder of the baseline `name`; whether it is there is not looked at.
pub fn path(runs: &Path, name: &Name) -> PathBuf {
    runs.join(FOLDER).join(&name.0)
}

/// A name that a baseline may have: letters, digits, `-`, `_` and `.`, the first a letter or a digit,
/// 64 at most, and not `latest`, which is the last run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Checks a name; usable as a parser of an option.
    ///
    /// # Errors
    ///
    /// What is wrong with it and what is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let allowed = "letters, digits, '-', '_' and '.', the first a letter or a digit, 64 at most";
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if text.is_empty() || text.len() > MOST_LETTERS || !text.chars().all(plain) {
            return Err(format!("not a name for a baseline; allowed are {allowed}"));
        }
        if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err(format!(
                "a baseline's name does not start with '{}'; allowed are {allowed}",
                &text[..1]
            ));
        }
        if text == "latest" {
            return Err("`latest` is the last run; take another name".into());
        }
        Ok(Self(text.to_owned()))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether there was a baseline of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// There was none.
    New,
    /// There was one, and it is gone.
    Replaced,
}

/// Copies the run in `folder` to the baseline `name`. It is copied whole before it takes the place of
/// an old one, so that a copy that fails costs nothing.
///
/// # Errors
///
/// What cannot be read or written.
pub fn save(runs: &Path, name: &Name, folder: &Path) -> anyhow::Result<Saved> {
    let target = path(runs, name);
    let beside = |what: &str| runs.join(FOLDER).join(format!(".{}-{}-{what}", name.0, process::id()));
    let (fresh, old) = (beside("new"), beside("old"));
    let copied = copy(folder, &fresh).with_context(|| format!("copying to {}", fresh.display()));
    let saved = copied.and_then(|()| put_in_place(&fresh, &target, &old));
    if saved.is_err() {
        let _ = fs::remove_dir_all(&fresh);
    }
    saved
}

/// Copies a folder with all that is in it; links are followed.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            copy(&from, &to)?;
        } else {
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}

/// `old` is where the baseline that was there stands meanwhile.
fn put_in_place(fresh: &Path, target: &Path, old: &Path) -> anyhow::Result<Saved> {
    let saved = match fs::rename(target, old) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Saved::New,
        moved => {
            moved.map(|()| Saved::Replaced).with_context(|| format!("replacing {}", target.display()))?
        }
    };
    fs::rename(fresh, target).with_context(|| format!("making {}", target.display()))?;
    if saved == Saved::Replaced {
        fs::remove_dir_all(old).with_context(|| format!("removing {}", old.display()))?;
    }
    Ok(saved)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).expect("allowed")
    }

    #[test]
    fn names_are_those_of_plain_files() {
        for text in ["main", "v1.2", "2026-11-24_a", "0", &"a".repeat(64)] {
            assert_eq!(Name::parse(text).as_ref().map(Name::as_str), Ok(text));
        }
        for text in ["", ".", "..", ".a", "-a", "_a", "a/b", "a b", "é", "a\0", "latest", &"a".repeat(65)] {
            assert!(Name::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn save_copies_all_and_replaces_what_was_there() {
        let runs = tempfile::tempdir().unwrap();
        let run = runs.path().join("run");
        fs::create_dir_all(run.join("boots/1")).unwrap();
        fs::write(run.join("serial.log"), "one").unwrap();
        fs::write(run.join("boots/1/serial.log"), "inner").unwrap();
        assert_eq!(save(runs.path(), &name("a"), &run).unwrap(), Saved::New);
        fs::write(run.join("serial.log"), "two").unwrap();
        fs::remove_dir_all(run.join("boots")).unwrap();
        let kept = path(runs.path(), &name("a"));
        assert_eq!(fs::read_to_string(kept.join("serial.log")).unwrap(), "one");
        assert_eq!(fs::read_to_string(kept.join("boots/1/serial.log")).unwrap(), "inner");
        assert_eq!(save(runs.path(), &name("a"), &run).unwrap(), Saved::Replaced);
        assert_eq!(fs::read_to_string(kept.join("serial.log")).unwrap(), "two");
        assert!(!kept.join("boots").exists());
        assert_eq!(fs::read_dir(runs.path().join(FOLDER)).unwrap().count(), 1);
    }

    #[test]
    fn copy_that_fails_leaves_the_old_one() {
        let runs = tempfile::tempdir().unwrap();
        let run = runs.path().join("run");
        fs::create_dir(&run).unwrap();
        fs::write(run.join("serial.log"), "one").unwrap();
        save(runs.path(), &name("a"), &run).unwrap();
        assert!(save(runs.path(), &name("a"), &runs.path().join("absent")).is_err());
        let kept = path(runs.path(), &name("a")).join("serial.log");
        assert_eq!(fs::read_to_string(kept).unwrap(), "one");
        assert_eq!(fs::read_dir(runs.path().join(FOLDER)).unwrap().count(), 1);
    }
}
