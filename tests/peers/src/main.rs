//! One peer's ping-pong, counted and timed: the program behind `cargo xtask bench`, which starts it anew
//! for each peer and round. It speaks JSON, a line for each answer:
//!
//! ```text
//! switchlab-peers list                        what there is: an `About` a line
//! switchlab-peers levels                      the hierarchy's: a `Rung` a line
//! switchlab-peers sweep                       nothing: removes what starts that were ended by force left behind
//! switchlab-peers run ID EXCHANGES REPEATS    an `Answer`: the times, or why there are none
//! switchlab-peers step ID                     a `Stepped`: instructions of a switch, or why they are not known
//! switchlab-peers scale MS REPEATS MOST       a `Scaled`: our tasks in rings of 2 to MOST
//! ```
//!
//! `tests/peers/go/main.go` speaks the same.

mod answer;
mod bare;
mod cpus;
mod link;
mod peers;
mod plan;
mod scale;
mod shell;
mod sides;
mod stepped;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod trap;
mod usage;
mod versions;

use std::process::ExitCode;

use answer::{About, Answer, Rung};
use plan::{Failure, Plan, Times};
use usage::Counts;

/// A way to hand over, in one file of its own below `peers`.
trait Peer {
    /// What it is called, and what it is held against.
    fn about(&self) -> About;

    /// Makes the exchanges of `plan` and times them.
    ///
    /// # Errors
    ///
    /// It cannot be set up here, or an exchange got lost.
    fn exchange(&self, plan: Plan) -> Result<Times, Failure>;

    /// Whether both sides are of one thread of the system, so that a thread's single steps are the instructions of both.
    fn is_of_one_thread(&self) -> bool {
        false
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["list"] => {
            for peer in peers::all() {
                say(&peer.about());
            }
        }
        ["levels"] => {
            for (level, peer) in peers::levels() {
                say(&Rung { level, about: peers::held_against_the_bare_switch(peer.about()) });
            }
        }
        ["sweep"] => shell::cgroup::sweep(),
        ["run", id, exchanges, repeats] => {
            let Some(peer) = peer(id) else { return no_peer(id) };
            let Some(plan) = Plan::new(exchanges, repeats) else {
                return usage(&format!(
                    "`{exchanges}` exchanges, `{repeats}` times: both are numbers from 1"
                ));
            };
            let before = Counts::now();
            let outcome = peer.exchange(plan);
            let switched = before.and_then(|before| before.since(2 * plan.total()));
            say(&Answer::new(id, plan, outcome, switched));
        }
        ["step", id] => {
            let Some(peer) = peer(id) else { return no_peer(id) };
            say(&stepped::Stepped::new(id, stepped::instructions(&*peer)));
        }
        ["scale", block_ms, repeats, most] => {
            let Some(effort) = scale::Effort::new(block_ms, repeats, most) else {
                return usage(&format!(
                    "`{block_ms}` ms, `{repeats}` times, up to `{most}` tasks: numbers from 1, of tasks from 2"
                ));
            };
            say(&scale::measure(effort));
        }
        _ => {
            return usage(
                "expected: list, levels, sweep, run ID EXCHANGES REPEATS, step ID, or scale MS REPEATS MOST",
            );
        }
    }
    ExitCode::SUCCESS
}

/// The one of this id, of the peers or of the hierarchy.
fn peer(id: &str) -> Option<Box<dyn Peer>> {
    let levels = peers::levels().into_iter().map(|(_, peer)| peer);
    peers::all().into_iter().chain(levels).find(|peer| peer.about().id == id)
}

fn no_peer(id: &str) -> ExitCode {
    usage(&format!("no peer `{id}`; `switchlab-peers list` and `levels` name them"))
}

fn usage(problem: &str) -> ExitCode {
    eprintln!("error: {problem}");
    ExitCode::from(2)
}

fn say(line: &impl serde::Serialize) {
    println!("{}", serde_json::to_string(line).expect("plain data is JSON"));
}
