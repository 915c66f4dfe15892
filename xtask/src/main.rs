//! The program behind `cargo xtask`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::{cmd, status};

/// A bare-metal context-switch laboratory: build it, run it, test it.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = status::HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Boot the laboratory, measure, and show the results
    Run(Box<cmd::run::Args>),
    /// Run all tests: the host's, and the test kernels in QEMU
    Test(cmd::test::Args),
    /// Build the loader and the kernel
    Build(cmd::build::Args),
    /// Check clippy and the documentation of every crate, bare metal included
    Lint(cmd::lint::Args),
    /// Say what this host has and lacks, and what brings it
    Doctor(cmd::doctor::Args),
    /// Read a saved log and show its results again
    Replay(cmd::replay::Args),
    /// Write one HTML page of a run: answer, evidence, plots, raw data
    Report(cmd::report::Args),
    /// Say what a table of runs shows: spread, drift, and whether its columns differ
    Analyse(cmd::analyse::Args),
    /// Hold two runs against each other: a verdict for each mode, and an exit status for CI
    Compare(cmd::compare::Args),
    /// Boot the kernel and stop at its first instruction, for gdb
    Gdb(Box<cmd::gdb::Args>),
    /// Ping-pong of two host threads; `run` starts it
    #[command(name = xtask::floor::SUBCOMMAND, hide = true)]
    HostFloor,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => cmd::run::run(&args),
        Command::Test(args) => cmd::test::run(&args),
        Command::Build(args) => cmd::build::run(&args),
        Command::Lint(args) => cmd::lint::run(&args),
        Command::Doctor(args) => cmd::doctor::run(&args),
        Command::Replay(args) => cmd::replay::run(&args),
        Command::Report(args) => cmd::report::run(&args),
        Command::Analyse(args) => cmd::analyse::run(&args),
        Command::Compare(args) => cmd::compare::run(&args),
        Command::Gdb(args) => cmd::gdb::run(&args),
        Command::HostFloor => cmd::host_floor(),
    };
    match result {
        Ok(status) => status,
        Err(error) => {
            eprintln!("error: {error:#}");
            status::status_of(&error).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xtask::report::EXERCISES;

    #[test]
    fn commands_of_the_exercises_are_ones_that_xtask_takes() {
        for command in EXERCISES.iter().flat_map(|exercise| exercise.commands) {
            let words = command.strip_prefix("cargo xtask ").expect("a command of xtask");
            let words = ["cargo xtask"].into_iter().chain(words.split(' '));
            if let Err(error) = Cli::try_parse_from(words) {
                panic!("`{command}`: {error}");
            }
        }
    }
}
