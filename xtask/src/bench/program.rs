//! The programs that are peers: each lists the peers it holds and runs one of them, in JSON on stdout. Owns
//! how they are built, asked and ended; `tests/peers` is the other side.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Deserialize;
use wait_timeout::ChildExt;

use super::row::{Crossed, Switched};
use super::scale::Scaled;
use crate::build::Talk;
use crate::cmd::lint::host_cargo;
use crate::interrupt;
use crate::status::{Refusal, Status};
use crate::workspace;

/// The program in Rust, once it is built.
const NAME: &str = "switchlab-peers";
/// How long one start of a peer may take.
const DEADLINE: Duration = Duration::from_secs(60);
/// How often Ctrl-C is looked for meanwhile.
const LOOK: Duration = Duration::from_millis(100);

/// A peer, as its program tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct About {
    /// What the command line calls it.
    pub id: String,
    /// What the table calls it.
    pub title: String,
    /// The row of ours that it is held against.
    pub base: Option<String>,
    /// Its version.
    pub version: String,
    /// Its level, as a rung of the hierarchy.
    #[serde(default)]
    pub level: Option<String>,
}

/// Which of its peers a program is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those of `bench`.
    Peers,
    /// The rungs of the hierarchy, for `host`.
    Levels,
}

impl Which {
    /// The word that asks for them.
    const fn word(self) -> &'static str {
        match self {
            Self::Peers => "list",
            Self::Levels => "levels",
        }
    }
}

/// What a peer said after its exchanges.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Answer {
    /// Which one.
    pub id: String,
    /// Exchanges of a timed block.
    pub exchanges: u64,
    /// A value for each block, in nanoseconds of one switch; none where there is a reason.
    pub one_way_ns: Vec<f64>,
    /// Why there is none.
    pub reason: Option<String>,
    /// The system's own switches meanwhile.
    pub switched: Option<Switched>,
    /// The handoffs that left their CPU, where that is not said by what it is.
    pub crossed: Option<Crossed>,
}

/// What a peer said after its single steps.
#[derive(Debug, Deserialize)]
struct Stepped {
    id: String,
    instructions: Option<f64>,
    reason: Option<String>,
}

/// An executable that holds peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program(PathBuf);

/// Builds the peers in Rust and says where they are.
///
/// # Errors
///
/// Status 101 where cargo fails: its own words stand above. Status 130 after Ctrl-C.
pub fn build(talk: Talk) -> anyhow::Result<Program> {
    let folder = workspace::root().join("tests/peers");
    let target = workspace::target_dir().join("peers");
    let mut command = host_cargo("build");
    command.args(["--release", "--locked"]).current_dir(&folder).env("CARGO_TARGET_DIR", &target);
    if talk == Talk::Quiet {
        command.arg("--quiet");
    }
    let status = interrupt::build(command.stdin(Stdio::null()))?;
    if !status.success() {
        let message = format!(
            "the peers were not built ({status}); cargo's own words stand above\ncommand: cd {} && cargo build \
             --release --locked; the first build downloads the crates of its Cargo.lock",
            folder.display()
        );
        return Err(Refusal::with(Status::Build, message));
    }
    Ok(Program::at(&target.join("release").join(NAME)))
}

impl Program {
    /// The one at `path`.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The peers that it holds.
    ///
    /// # Errors
    ///
    /// It cannot be started, or says something else.
    pub fn list(&self, which: Which) -> anyhow::Result<Vec<About>> {
        let word = which.word();
        let said = self.say(&[word])?.map_err(|why| anyhow::anyhow!("{} {word}: {why}", self.0.display()))?;
        let lines = said.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().with_context(|| format!("what {} lists", self.0.display()))
    }

    /// Starts the peer `id` and waits for its times; a reason where it has none.
    ///
    /// # Errors
    ///
    /// Status 130 after Ctrl-C, which ends it; its start failed.
    pub fn run(&self, id: &str, exchanges: u64, repeats: u32) -> anyhow::Result<Result<Answer, String>> {
        let said = self.say(&["run", id, &exchanges.to_string(), &repeats.to_string()])?;
        Ok(said.and_then(|said| answer(&said, id, repeats)))
    }

    /// Lets it count the instructions of one switch of the peer `id`; a reason where it can't, as that its sides are
    /// threads of the system.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn step(&self, id: &str) -> anyhow::Result<Result<f64, String>> {
        let said = self.say(&["step", id])?;
        Ok(said.and_then(|said| instructions(&said, id)))
    }

    /// Lets it remove what starts that were ended by force left behind. What can not be removed stays.
    pub fn sweep(&self) {
        let _ = Command::new(&self.0).arg("sweep").stdin(Stdio::null()).status();
    }

    /// Lets it measure our tasks in rings of up to `most`, and waits for that; a reason where nothing came of it.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn scale(&self, block: Duration, repeats: u32, most: u32) -> anyhow::Result<Result<Scaled, String>> {
        let words = [block.as_millis().to_string(), repeats.to_string(), most.to_string()];
        let said = self.say(&["scale", &words[0], &words[1], &words[2]])?;
        let read =
            |said: String| serde_json::from_str(&said).map_err(|why| format!("not JSON as expected: {why}"));
        Ok(said.and_then(read))
    }

    /// What it writes, or how it ended otherwise.
    fn say(&self, arguments: &[&str]) -> anyhow::Result<Result<String, String>> {
        let mut command = Command::new(&self.0);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().with_context(|| format!("starting {}", self.0.display()))?;
        let mut ending = Ending(child);
        let Some(status) = ending.wait()? else {
            return Ok(Err(format!("did not end within {} s", DEADLINE.as_secs())));
        };
        // A line or two: never more than the pipe holds, so it is read after the end.
        let [said, complained] = ending.read();
        if status.success() {
            return Ok(Ok(said));
        }
        let last = complained.lines().last().map_or_else(String::new, |line| format!(": {line}"));
        Ok(Err(format!("ended by {status}{last}")))
    }
}

/// Reads an answer, and believes it only where it is about what was asked.
fn answer(said: &str, id: &str, repeats: u32) -> Result<Answer, String> {
    let answer: Answer =
        serde_json::from_str(said).map_err(|why| format!("its answer is not JSON as expected: {why}"))?;
    if let Some(reason) = answer.reason {
        return Err(reason);
    }
    if answer.id != id || answer.one_way_ns.len() != repeats as usize {
        let (got, of) = (answer.one_way_ns.len(), answer.id);
        return Err(format!("answered {got} times of `{of}`, where {repeats} of `{id}` were asked for"));
    }
    Ok(answer)
}

/// Reads a count of instructions, and believes it only where it is about what was asked.
fn instructions(said: &str, id: &str) -> Result<f64, String> {
    let stepped: Stepped =
        serde_json::from_str(said).map_err(|why| format!("its count is not JSON as expected: {why}"))?;
    match stepped {
        Stepped { reason: Some(reason), .. } => Err(reason),
        Stepped { id: of, instructions: Some(count), .. } if of == id && count.is_finite() && count > 0.0 => {
            Ok(count)
        }
        Stepped { id: of, instructions, .. } => {
            Err(format!("counted {instructions:?} of `{of}`, where a number above 0 of `{id}` was asked for"))
        }
    }
}

/// A process that does not outlive whoever waits for it.
struct Ending(Child);

impl Ending {
    /// How it ended; `None` where it did not in time.
    fn wait(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        let started = Instant::now();
        while started.elapsed() < DEADLINE {
            if let Some(status) = self.0.wait_timeout(LOOK).context("waiting for a peer")? {
                return if interrupt::came() { Err(interrupted()) } else { Ok(Some(status)) };
            }
            if interrupt::came() {
                return Err(interrupted());
            }
        }
        Ok(None)
    }

    fn read(&mut self) -> [String; 2] {
        let mut texts = [String::new(), String::new()];
        // What is no text is no answer either.
        if let Some(stdout) = &mut self.0.stdout {
            let _ = stdout.read_to_string(&mut texts[0]);
        }
        if let Some(stderr) = &mut self.0.stderr {
            let _ = stderr.read_to_string(&mut texts[1]);
        }
        texts
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        // Both fail where it has ended, and then there is nothing to do.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn interrupted() -> anyhow::Error {
    Refusal::with(Status::Interrupted, "Ctrl-C: the peer was ended, and nothing was written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_is_about_what_was_asked() {
        let said = r#"{"id":"pipe","exchanges":20,"one_way_ns":[2.5,3.0]}"#;
        assert_eq!(answer(said, "pipe", 2).unwrap().one_way_ns, [2.5, 3.0]);
        assert!(answer(said, "pipe", 3).unwrap_err().contains("answered 2 times of `pipe`"));
        assert!(answer(said, "futex", 2).unwrap_err().contains("of `futex`"));
        assert!(answer("", "pipe", 2).unwrap_err().contains("not JSON"));
    }

    #[test]
    fn count_of_instructions_is_about_what_was_asked() {
        assert_eq!(instructions(r#"{"id":"pipe","instructions":7.95}"#, "pipe"), Ok(7.95));
        let why = |said: &str, id: &str| instructions(said, id).unwrap_err();
        assert!(why(r#"{"id":"pipe","instructions":7.95}"#, "futex").contains("of `futex` was asked for"));
        assert_eq!(
            why(r#"{"id":"pipe","instructions":null,"reason":"lost exchanges"}"#, "pipe"),
            "lost exchanges"
        );
        assert!(why(r#"{"id":"pipe","instructions":0}"#, "pipe").contains("Some(0.0)"));
        assert!(why("usage", "pipe").contains("not JSON"));
    }

    #[test]
    fn a_peers_reason_is_its_answer() {
        let said = r#"{"id":"pipe","exchanges":20,"one_way_ns":[],"reason":"lost its place"}"#;
        assert_eq!(answer(said, "pipe", 2).unwrap_err(), "lost its place");
    }

    #[test]
    fn a_peer_that_fails_says_how_and_one_that_is_not_there_is_an_error() {
        let failed = Program::at(Path::new("/bin/cat")).run("no-such-file", 1, 1).unwrap();
        assert!(failed.unwrap_err().starts_with("ended by exit status: 1: "));
        assert!(Program::at(Path::new("/no/such/program")).list(Which::Peers).is_err());
    }
}
