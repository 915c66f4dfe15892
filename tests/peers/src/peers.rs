//! The peers, in the order of the table. A new one is a file here and a line below.

mod barriers;
mod calls;
mod containers;
mod corosensei;
mod fcontext;
mod floor;
mod futures;
mod generator;
mod guests;
mod may;
mod network;
mod ours;
pub mod ours_tasks;
mod processes;
mod threads;
mod tokio;
mod ucontext;

use crate::Peer;
use crate::answer::About;
use crate::bare::Live;
use crate::cpus::Cores;
use crate::shell::filter::Looks;
use containers::{Containers, Inside};
use network::{Network, Over, Transport};
use threads::Threads;

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
        Box::new(Threads::Yield),
        Box::new(Threads::Futex(Cores::Same)),
        Box::new(Threads::Pipe(Cores::Same)),
        Box::new(Threads::Spin),
        Box::new(Threads::Futex(Cores::Two)),
        Box::new(Threads::Pipe(Cores::Two)),
    ]
}

/// The hierarchy's, each with the name of its level, from the cheapest isolation to the dearest.
pub fn levels() -> Vec<(&'static str, Box<dyn Peer>)> {
    vec![
        ("call", Box::new(calls::Call::Direct)),
        ("call", Box::new(calls::Call::Indirect)),
        ("barrier", Box::new(barriers::Barrier::Locked)),
        ("barrier", Box::new(barriers::Barrier::Fence)),
        ("fiber", Box::new(ours::Bare(Live::Nothing))),
        ("fiber", Box::new(ours::Bare(Live::SixValues))),
        ("task", Box::new(ours_tasks::Tasks::Channel)),
        ("thread", Box::new(Threads::Spin)),
        ("thread", Box::new(Threads::Futex(Cores::Same))),
        ("thread", Box::new(Threads::Futex(Cores::Two))),
        ("thread", Box::new(Threads::Pipe(Cores::Same))),
        ("thread", Box::new(Threads::Pipe(Cores::Two))),
        ("process", Box::new(processes::Processes(processes::Way::Futex, Cores::Same))),
        ("process", Box::new(processes::Processes(processes::Way::Futex, Cores::Two))),
        ("process", Box::new(processes::Processes(processes::Way::Pipe, Cores::Same))),
        ("process", Box::new(processes::Processes(processes::Way::Pipe, Cores::Two))),
        ("container", Box::new(Containers(Inside::Namespaces, Cores::Same))),
        ("container", Box::new(Containers(Inside::Cgroup, Cores::Same))),
        ("container", Box::new(Containers(Inside::Filter(Looks::Number), Cores::Same))),
        ("container", Box::new(Containers(Inside::Filter(Looks::Arguments), Cores::Same))),
        ("container", Box::new(Containers(Inside::All, Cores::Same))),
        ("container", Box::new(Containers(Inside::All, Cores::Two))),
        ("vm", Box::new(guests::Guests(Cores::Same))),
        ("vm", Box::new(guests::Guests(Cores::Two))),
        ("network", Box::new(Network(Transport::Udp, Over::Loopback, Cores::Same))),
        ("network", Box::new(Network(Transport::Udp, Over::Loopback, Cores::Two))),
        ("network", Box::new(Network(Transport::Tcp, Over::Loopback, Cores::Same))),
        ("network", Box::new(Network(Transport::Tcp, Over::Loopback, Cores::Two))),
        ("network", Box::new(Network(Transport::Udp, Over::Veth, Cores::Same))),
        ("network", Box::new(Network(Transport::Udp, Over::Veth, Cores::Two))),
        ("network", Box::new(Network(Transport::Tcp, Over::Veth, Cores::Same))),
        ("network", Box::new(Network(Transport::Tcp, Over::Veth, Cores::Two))),
    ]
}

/// What every rung of the hierarchy is held against: the bare switch, which is held against nothing.
pub fn held_against_the_bare_switch(about: About) -> About {
    let base = bare_base(Live::Nothing).filter(|bare| *bare != about.id);
    About { base, ..about }
}

/// Which of ours a bare switch is held against: the one that holds as much.
const fn bare_base(live: Live) -> Option<&'static str> {
    match live {
        Live::Nothing => Some("ours-bare"),
        Live::SixValues => Some("ours-bare-six"),
    }
}
