//! What people type, and what the integration tests call: build, boot, capture, judge, report.
//!
//! | module | what it owns |
//! |---|---|
//! | [`cmd`] | one file per subcommand: options in, exit status out |
//! | [`status`] | the exit statuses, and the error that carries one |
//! | [`toolchain`] | the two sources of `core` for bare metal, and which one is taken |
//! | [`install`] | what brings a missing part of the host |
//! | [`chromium`] | where the browser is that looks at reports |
//! | [`build`] | cargo, and the executables it makes |
//! | [`qemu`] | configuration to argv |
//! | [`qmp`] | QEMU's monitor: who listens to it, and who asks |
//! | [`accel`] | the accelerator, proved by a canary |
//! | [`process`] | processes that end with all that they started |
//! | [`host`], [`floor`] | the host's CPUs, and what its own threads cost |
//! | [`capture`] | QEMU as a process: serial line, deadline, end |
//! | [`exit`] | what an end means: an outcome |
//! | [`judged`] | a log judged: its results, or what became of the run |
//! | [`guest`] | a guest from start to outcome: the tests' way in |
//! | [`guest_linux`] | a Linux guest in the same emulator, and its handoffs beside ours |
//! | [`instructions`] | the expected instruction counts, and what is held against them |
//! | [`folder`], [`manifest`] | what a run leaves, and the facts beside its log |
//! | [`mod@bench`] | our handoffs beside others': peers, rounds, table |
//! | [`levels`] | the hierarchy on the host: rungs, guesses, causes |
//! | [`baseline`] | runs that are kept by a name |
//! | [`compare`] | two runs held against each other |
//! | [`results`], [`table`] | what a log says: JSON, CSV, table, markdown |
//! | [`survey`] | what a log of an experiment with many points says: JSON, CSV, tables |
//! | [`trace`] | what the marked kernel's log says, and the message's way through it |
//! | [`steps`], [`timeline`] | a trace cut into steps and held against the measurement; drawn for Perfetto |
//! | [`clock`] | what the clock is worth: sources, steps, offsets, and whether it is suspect |
//! | [`observer`] | who hears of each record as it comes |
//! | [`placement`] | how many handoffs of unpinned tasks went to another CPU, and what that means |
//! | [`verdict`] | which mode the runs of one boot call faster, and how sure that is |
//! | [`watch`] | what happens to QEMU meanwhile, and what it makes void |
//! | [`watchdog`] | what a guest was doing that hangs |
//! | [`export`] | results as trackers of benchmarks read them |
//! | [`report`] | the page: all of it in one HTML file |
//! | [`analysis`] | what runs show: summaries, intervals, verdicts; a crate, since it is built for speed |
//! | [`rigorous`] | many boots of one job: when enough, and what they come to |
//! | [`progress`] | what is shown meanwhile |
//! | [`interrupt`] | Ctrl-C |
//! | [`failure`], [`symbols`] | what is said when it went wrong |
//! | [`workspace`] | where the sources are |
//!
//! Principles: what decides is a pure function with tests; what touches the host is thin. Results
//! go to stdout, all else to stderr. Nothing calls rustup.
#![forbid(unsafe_code)]

pub mod accel;
pub mod baseline;
pub mod bench;
pub mod build;
pub mod capture;
pub mod chromium;
pub mod clock;
pub mod cmd;
pub mod compare;
pub mod exit;
pub mod export;
pub mod failure;
pub mod floor;
pub mod folder;
#[cfg(test)]
mod golden;
pub mod guesses;
pub mod guest;
pub mod guest_linux;
pub mod host;
pub mod install;
pub mod instructions;
pub mod interrupt;
pub mod judged;
pub mod levels;
pub mod manifest;
pub mod observer;
pub mod placement;
pub mod printable;
pub mod process;
pub mod progress;
pub mod qemu;
pub mod qmp;
pub mod report;
pub mod results;
pub mod rigorous;
pub mod status;
pub mod steps;
pub mod survey;
pub mod symbols;
pub mod table;
pub mod timeline;
pub mod toolchain;
pub mod trace;
pub mod verdict;
pub mod watch;
pub mod watchdog;
pub mod workspace;

pub use switchlab_analysis as analysis;
