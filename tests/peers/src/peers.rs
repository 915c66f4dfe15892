//! The peers, in the order of the table. A new one is a file here and a line below.

mod corosensei;
mod fcontext;
mod floor;
mod futures;
mod generator;
mod may;
mod ours;
pub mod ours_tasks;
mod threads;
mod tokio;
mod ucontext;

use crate::Peer;
use crate::bare::Live;
use threads::{Cores, Way};

/// What every answering side of a bare switch gets.
const STACK_BYTES: usize = 64 * 1024;

/// All of them.
pub fn all() -> Vec<Box<dyn Peer>> {
    vec![
        Box::new(ours::Bare(Live::Nothing)),
        Box::new(ours::Bare(Live::SixValues)),
        Box::new(ours::InMemory(Live::Nothing)),
        Box::new(ours::InMemory(Live::SixValues)),
        Box::new(floor::Floor(Live::Nothing)),
        Box::new(floor::Floor(Live::SixValues)),
        Box::new(ours_tasks::Tasks::Channel),
        Box::new(ours_tasks::Tasks::Yield),
        Box::new(corosensei::Corosensei(Live::Nothing)),
        Box::new(corosensei::Corosensei(Live::SixValues)),
        Box::new(fcontext::Fcontext(Live::Nothing)),
        Box::new(fcontext::Fcontext(Live::SixValues)),
        Box::new(generator::Generator(Live::Nothing)),
        Box::new(generator::Generator(Live::SixValues)),
        Box::new(ucontext::Ucontext),
        Box::new(futures::Pool::Channel),
        Box::new(futures::Pool::Yield),
        Box::new(tokio::Tokio(tokio::Way::Mpsc, tokio::Workers::Current)),
        Box::new(tokio::Tokio(tokio::Way::Notify, tokio::Workers::Current)),
        Box::new(tokio::Tokio(tokio::Way::Yield, tokio::Workers::Current)),
        Box::new(tokio::Tokio(tokio::Way::Mpsc, tokio::Workers::Two)),
        Box::new(tokio::Tokio(tokio::Way::Notify, tokio::Workers::Two)),
        Box::new(tokio::Tokio(tokio::Way::Yield, tokio::Workers::Two)),
        Box::new(may::May::Mpsc),
        Box::new(may::May::Yield),
        Box::new(threads::Threads(Way::Yield, Cores::Same)),
        Box::new(threads::Threads(Way::Futex, Cores::Same)),
        Box::new(threads::Threads(Way::Pipe, Cores::Same)),
        Box::new(threads::Threads(Way::Spin, Cores::Two)),
        Box::new(threads::Threads(Way::Futex, Cores::Two)),
        Box::new(threads::Threads(Way::Pipe, Cores::Two)),
    ]
}

/// Which of ours a bare switch is held against: the one that holds as much.
const fn bare_base(live: Live) -> Option<&'static str> {
    match live {
        Live::Nothing => Some("ours-bare"),
        Live::SixValues => Some("ours-bare-six"),
    }
}
