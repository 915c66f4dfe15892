//! Two processes that exchange: forked, each made ready by itself, the ping's clock told through a pipe. What one of
//! them can not do is told too, and ends both.

use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Read, Write, pipe};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::{process, thread};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork};
use serde::{Deserialize, Serialize};

use crate::link::{Link, Side, joined, ping, pong};
use crate::plan::{Failure, Plan, Times};

/// What a side says.
#[derive(Debug, Serialize, Deserialize)]
enum Word {
    /// It can begin.
    Ready,
    /// It is done.
    Done(Side),
    /// It can not begin.
    Failed(String),
}

/// Forks two processes; each makes itself ready, and with the link that this gives they exchange.
///
/// # Errors
///
/// What either could not do; an exchange got lost.
pub fn between<L: Link>(
    plan: Plan,
    ping_side: impl FnOnce() -> Result<L, Failure>,
    pong_side: impl FnOnce() -> Result<L, Failure>,
) -> Result<Times, Failure> {
    let (said, words) = channel();
    // A side that held the other's ends would never see that the other has gone: each is dropped where it is not
    // used.
    let pings = match begin()? {
        Begun::Side(talk) => {
            drop(pong_side);
            talk.take_part(ping_side, |link| ping(plan, link))
        }
        Begun::Parent(parts) => parts.listen(Which::Ping, &said),
    };
    drop(ping_side);
    let pongs = match begin()? {
        Begun::Side(talk) => talk.take_part(pong_side, |link| pong(plan, link)),
        Begun::Parent(parts) => parts.listen(Which::Pong, &said),
    };
    drop((pong_side, said));
    lead(plan, [pings, pongs], &words)
}

/// Forks.
///
/// # Errors
///
/// The system refuses.
pub fn forked() -> Result<ForkResult, Failure> {
    // SAFETY: this program has one thread when it forks: those that listen are started by the parent of sides, whose
    // second fork does no more than what `take_part` does, and they hold no lock but the channel's, which no side
    // touches, and at times the allocator's, which the C library takes over a fork.
    unsafe { fork() }.map_err(|why| Failure::System { what: "a process", why: why.into() })
}

/// Makes the calling process end when its parent does. What changes a process's rights undoes it.
///
/// # Errors
///
/// The system refuses.
pub fn end_with_parent() -> Result<(), Failure> {
    set_pdeathsig(Signal::SIGKILL)
        .map_err(|why| Failure::System { what: "tying a process to its parent", why: why.into() })
}

/// What a fork gives.
enum Begun {
    Side(Talk),
    Parent(Parts),
}

fn begin() -> Result<Begun, Failure> {
    let pipe = || pipe().map_err(|why| Failure::System { what: "a pipe", why });
    let (report, words) = pipe()?;
    let (go, begin) = pipe()?;
    Ok(match forked()? {
        ForkResult::Child => Begun::Side(Talk { words, go }),
        ForkResult::Parent { child } => Begun::Parent(Parts { process: child, report, begin }),
    })
}

/// A side's way to talk with its parent.
struct Talk {
    words: PipeWriter,
    go: PipeReader,
}

impl Talk {
    /// All that a side does.
    fn take_part<L>(
        mut self,
        ready: impl FnOnce() -> Result<L, Failure>,
        exchange: impl FnOnce(&mut L) -> Side,
    ) -> ! {
        match end_with_parent().and_then(|()| ready()) {
            Err(failure) => self.say(&Word::Failed(failure.to_string())),
            Ok(mut link) => {
                self.say(&Word::Ready);
                // Where nothing comes the other side could not begin.
                if self.go.read_exact(&mut [0]).is_ok() {
                    let side = exchange(&mut link);
                    self.say(&Word::Done(side));
                }
            }
        }
        process::exit(0)
    }

    fn say(&mut self, word: &Word) {
        let text = serde_json::to_string(word).expect("plain data is JSON");
        // Where it fails nobody listens any more.
        let _ = writeln!(self.words, "{text}");
    }
}

/// Which of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Ping,
    Pong,
}

/// The parent's part of a side, before it listens.
struct Parts {
    process: Pid,
    report: PipeReader,
    begin: PipeWriter,
}

/// What comes from a side: `None` as its end.
type Said = (Which, Option<Word>);

impl Parts {
    fn listen(self, which: Which, said: &Sender<Said>) -> Started {
        let Self { process, report, begin } = self;
        let said = said.clone();
        thread::spawn(move || {
            let lines = BufReader::new(report).lines().map_while(Result::ok);
            for word in lines.map(|line| serde_json::from_str(&line).ok()) {
                let _ = said.send((which, word));
            }
            let _ = said.send((which, None));
        });
        Started { process: Some(process), begin }
    }
}

/// A side that runs; killed where nobody waits for it.
struct Started {
    process: Option<Pid>,
    begin: PipeWriter,
}

impl Started {
    /// Waits for its end, so that the system's counts of it are in.
    fn ended(&mut self) {
        if let Some(process) = self.process.take() {
            let _ = waitpid(process, None);
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            let _ = kill(process, Signal::SIGKILL);
            let _ = waitpid(process, None);
        }
    }
}

/// Lets both begin when both are ready, and takes what they come to.
fn lead(plan: Plan, mut sides: [Started; 2], words: &Receiver<Said>) -> Result<Times, Failure> {
    let next = || match words.recv() {
        Ok((which, Some(Word::Failed(reason)))) => {
            Err(Failure::Told { why: format!("the {} side: {reason}", which.name()) })
        }
        Ok((which, Some(word))) => Ok((which, word)),
        Ok((which, None)) => Err(Failure::Told { why: format!("the {} side ended early", which.name()) }),
        Err(_) => Err(Failure::Told { why: "both sides ended early".into() }),
    };
    for _ in 0..2 {
        next()?;
    }
    for side in &mut sides {
        side.begin.write_all(&[1]).map_err(|why| Failure::System { what: "letting a side begin", why })?;
    }
    let (mut pings, mut pongs) = (None, None);
    while pings.is_none() || pongs.is_none() {
        match words.recv() {
            Ok((Which::Ping, Some(Word::Done(side)))) => pings = Some(side),
            Ok((Which::Pong, Some(Word::Done(side)))) => pongs = Some(side),
            // The end of one that is done.
            Ok((Which::Ping, None)) if pings.is_some() => {}
            Ok((Which::Pong, None)) if pongs.is_some() => {}
            Ok((which, _)) => {
                return Err(Failure::Told { why: format!("the {} side ended early", which.name()) });
            }
            Err(_) => return Err(Failure::Told { why: "both sides ended early".into() }),
        }
    }
    sides.iter_mut().for_each(Started::ended);
    joined(plan, pings.unwrap_or_default(), &pongs.unwrap_or_default())
}

impl Which {
    const fn name(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Pong => "pong",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::pipe::by_pipe;

    #[test]
    fn two_processes_exchange_and_count() {
        let plan = Plan::new("50", "2").unwrap();
        let [here, there] = by_pipe().unwrap();
        let times = between(plan, || Ok(here), || Ok(there)).unwrap();
        assert_eq!(times.one_way_ns().len(), 2);
    }

    #[test]
    fn side_that_can_not_begin_says_why_and_one_that_ends_is_seen() {
        let plan = Plan::new("50", "2").unwrap();
        let [here, there] = by_pipe().unwrap();
        let refused = || Err(Failure::Told { why: "no room".into() });
        let why = between(plan, || Ok(here), refused).unwrap_err();
        assert_eq!(why.to_string(), "the pong side: no room");
        let [here, _] = by_pipe().unwrap();
        drop(there);
        let gone = || -> Result<_, Failure> { process::exit(3) };
        assert_eq!(between(plan, || Ok(here), gone).unwrap_err().to_string(), "the pong side ended early");
    }
}
