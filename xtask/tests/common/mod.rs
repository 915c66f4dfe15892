//! A fake QEMU, and xtask started against it: every way in which a run can end, without a guest.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use switchlab_records::Unit;
use tempfile::TempDir;

pub mod pages;

#[path = "../../src/golden.rs"]
#[allow(missing_docs, unreachable_pub, reason = "a copy for tests")]
pub mod golden;

/// Answers `--version`, else says what FAKE_LOG holds, and the rest of it after a pause that the test
/// ends, complains FAKE_STDERR, and does FAKE_END.
const SCRIPT: &str = r#"#!/bin/sh
if [ "$1" = --version ]; then echo "QEMU emulator version 99.0 (fake)"; exit 0; fi
# In cargo's place: notes itself and what it started, which would build for a long time.
if [ "$1" = build ]; then
  sleep 600 > /dev/null 2>&1 &
  echo $$ $! > "$FAKE_PIDS.fresh"
  mv "$FAKE_PIDS.fresh" "$FAKE_PIDS"
  wait
  exit 0
fi
# What the marked kernel would say, where that is the one.
case "$*" in */marked*) FAKE_LOG=$FAKE_TRACE FAKE_END=${FAKE_TRACE_END:-$FAKE_END} FAKE_PAUSE= ;; esac
# The n-th to be started says the n-th log, where there is one, and ends by FAKE_THEN from FAKE_TURN on.
if [ -n "$FAKE_TURNS" ]; then
  echo >> "$FAKE_TURNS"
  turn=$(wc -l < "$FAKE_TURNS")
  [ -e "$FAKE_LOG.$turn" ] && FAKE_LOG="$FAKE_LOG.$turn"
  [ -n "$FAKE_TURN" ] && [ "$turn" -ge "$FAKE_TURN" ] && FAKE_END="$FAKE_THEN"
fi
[ -n "$FAKE_LOG" ] && cat "$FAKE_LOG"
# At work between two parts of the log, until it may go on.
if [ -n "$FAKE_PAUSE" ]; then
  echo $$ > "$FAKE_PAUSE/pid"
  while [ ! -e "$FAKE_PAUSE/go" ]; do :; done
  cat "$FAKE_PAUSE/rest"
fi
[ -n "$FAKE_STDERR" ] && echo "$FAKE_STDERR" >&2
case "$FAKE_END" in
  hang) sleep 600 ;;
  kill) kill -9 $$ ;;
  *) exit "$FAKE_END" ;;
esac
"#;

/// Written before this process starts anything: a file that a child holds open for writing cannot
/// be run.
static FAKE_QEMU: LazyLock<PathBuf> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fake-qemu-{}", std::process::id()));
    fs::write(&path, SCRIPT).expect("target folder can be written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("and marked as a program");
    path
});

/// A place with a fake QEMU, a loader and a kernel that are none, and a folder for runs.
pub struct Place {
    dir: TempDir,
}

/// What xtask did.
pub struct Done {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Place {
    pub fn new() -> Self {
        LazyLock::force(&FAKE_QEMU);
        let dir = tempfile::tempdir().expect("a folder");
        for name in ["loader", "kernel", "marked"] {
            fs::write(dir.path().join(name), name).expect("a file");
        }
        Self { dir }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Whole at once: a fake QEMU that reads the file meanwhile finds the old text or the new one.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        let fresh = path.with_extension("fresh");
        fs::write(&fresh, text).and_then(|()| fs::rename(&fresh, &path)).expect("a file");
        path
    }

    /// `cargo xtask` with the fake QEMU, which says `log` and ends by `end`.
    pub fn xtask(&self, log: &str, end: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command
            .current_dir(self.dir.path())
            .env("SWITCHLAB_QEMU", &*FAKE_QEMU)
            .env("SWITCHLAB_LOADER", self.path("loader"))
            .env("SWITCHLAB_KERNEL", self.path("kernel"))
            .env("SWITCHLAB_MARKED", self.path("marked"))
            .env("FAKE_TRACE", self.write("trace-to-say", &traced()))
            .env("FAKE_LOG", self.write("log-to-say", log))
            .env("FAKE_END", end);
        command
    }

    /// What stands in cargo's place, too.
    pub fn cargo(&self) -> &Path {
        &FAKE_QEMU
    }

    /// `run --accel tcg` with these words.
    pub fn run(&self, log: &str, end: &str, words: &str) -> Done {
        let mut command = self.xtask(log, end);
        command.args(["run", "--accel", "tcg"]).args(words.split_whitespace());
        Done::from(command.output().expect("xtask starts"))
    }

    /// Any command of xtask.
    pub fn call(&self, words: &[&str]) -> Done {
        Done::from(self.xtask("", "0").args(words).output().expect("xtask starts"))
    }

    /// A file of the last run.
    pub fn latest(&self, name: &str) -> String {
        fs::read_to_string(self.path("runs/latest").join(name)).expect("the run left it")
    }

    /// How many runs there are.
    pub fn runs(&self) -> usize {
        let Ok(entries) = fs::read_dir(self.path("runs")) else { return 0 };
        entries.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name() != "latest")).count()
    }
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }
}

/// The marked kernel's, of 3 exchanges, in instructions.
pub fn traced() -> String {
    golden::ended(golden::traced(Unit::Instructions, 3))
}

/// A whole log that passes.
pub fn whole() -> String {
    golden::ended(golden::classic(12, 2, 1_000))
}
