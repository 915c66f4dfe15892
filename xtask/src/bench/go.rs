//! Go's program: built where there is a Go, from one file and the standard library, so that nothing is
//! downloaded. Where it can not be, each of its peers is a row that says why.

use std::io::{Read, Seek};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;

use super::program::{About, Program, Which};
use super::row::{Missing, Outcome, Place, Row};
use crate::install::{self, Need, apt_command};
use crate::{interrupt, workspace};

/// A peer that can not be started here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// What it would be.
    pub about: About,
    /// Why, and what to do.
    pub missing: Missing,
}

impl Absent {
    /// Its row.
    pub fn row(self) -> Row {
        let About { id, title, base, version, level } = self.about;
        Row {
            id,
            title,
            place: Place::Native,
            base,
            also: Vec::new(),
            version,
            level,
            outcome: Outcome::Missing(self.missing),
        }
    }
}

/// Id, title and base of what the program would list: `tests/peers/go/main.go` has the same.
const PEERS: [[&str; 3]; 4] = [
    ["go-channel-p1", "Go channel, P=1", "ours-channel"],
    ["go-channel-p2", "Go channel, P=2", "ours-channel"],
    ["go-channel-p12", "Go channel, P=12", "ours-channel"],
    ["go-gosched", "Go Gosched, P=1", "ours-yield"],
];
/// The same of what it would list of the hierarchy, in [`LEVEL`].
const LEVELS: [[&str; 3]; 3] = [
    ["go-channel-p1", "Go channel, P=1", "ours-bare"],
    ["go-channel-p12", "Go channel, P=12", "ours-bare"],
    ["go-channel-p12-one-cpu", "Go channel, P=12 on one CPU", "ours-bare"],
];
const LEVEL: &str = "goroutine";

/// What the program would list.
fn listed(which: Which) -> (&'static [[&'static str; 3]], Option<String>) {
    match which {
        Which::Peers => (&PEERS, None),
        Which::Levels => (&LEVELS, Some(LEVEL.into())),
    }
}

/// Builds it, after Go was installed where it is missing and `permission` allows it; else those of its peers that are
/// wanted, absent.
///
/// # Errors
///
/// Status 5 where Go was to be installed and was not, 130 after Ctrl-C.
pub fn build(permission: install::Permission, which: Which) -> anyhow::Result<Result<Program, Vec<Absent>>> {
    if which::which("go").is_err() {
        let what = "Go is missing: no `go` in PATH";
        if permission == install::Permission::SayOnly {
            return Ok(Err(absent(which, "no `go` in PATH", &apt_command(&[Need::Go]))));
        }
        install::bring(&[Need::Go], what, permission)?;
    }
    let source = workspace::root().join("tests/peers/go/main.go");
    let program = workspace::target_dir().join("peers/go-peers");
    Ok(match compile(&source, &program)? {
        Ok(()) => Ok(Program::at(&program)),
        Err(why) => Err(absent(which, &format!("`go build` failed: {why}"), "")),
    })
}

fn compile(source: &Path, program: &Path) -> anyhow::Result<Result<(), String>> {
    let mut said = tempfile::tempfile().context("a file for what `go build` says")?;
    let mut command = Command::new("go");
    command
        .args(["build", "-o"])
        .args([program, source])
        // One file is no module, and Go must not fetch another Go.
        .envs([("GO111MODULE", "off"), ("GOTOOLCHAIN", "local"), ("GOFLAGS", "")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(said.try_clone().context("a file for what `go build` says")?);
    let status = interrupt::build(&mut command)?;
    if status.success() {
        return Ok(Ok(()));
    }
    let mut text = String::new();
    let read = said.rewind().and_then(|()| said.read_to_string(&mut text));
    read.context("reading what `go build` said")?;
    Ok(Err(text.lines().last().map_or_else(|| status.to_string(), str::to_owned)))
}

fn absent(which: Which, reason: &str, to_do: &str) -> Vec<Absent> {
    let missing = Missing { reason: reason.into(), to_do: to_do.into() };
    let (peers, level) = listed(which);
    let one = |[id, title, base]: &[&str; 3]| Absent {
        about: About {
            id: (*id).into(),
            title: (*title).into(),
            base: Some((*base).into()),
            version: String::new(),
            level: level.clone(),
        },
        missing: missing.clone(),
    };
    peers.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn without_go_each_of_its_peers_has_a_row_that_says_what_to_do() {
        for which in [Which::Peers, Which::Levels] {
            let rows: Vec<Row> = absent(which, "no `go`", "apt-get").into_iter().map(Absent::row).collect();
            assert_eq!(rows.len(), listed(which).0.len());
            for row in rows {
                let Outcome::Missing(missing) = row.outcome else { panic!("{} has figures", row.id) };
                assert_eq!((missing.reason.as_str(), missing.to_do.as_str()), ("no `go`", "apt-get"));
            }
        }
    }

    #[test]
    fn the_absent_are_those_that_the_program_lists() {
        let source = fs::read_to_string(workspace::root().join("tests/peers/go/main.go")).unwrap();
        let listed = source.lines().filter(|line| line.trim_start().starts_with("{\"go-")).count();
        assert_eq!(listed, PEERS.len() + LEVELS.len());
        for [id, title, base] in PEERS.into_iter().chain(LEVELS) {
            assert!(source.contains(&format!("{{\"{id}\", \"{title}\", \"{base}\", ")), "{id}");
        }
        assert!(source.contains(&format!("const level = \"{LEVEL}\"")));
    }
}
