//! The program behind `cargo xtask`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::{cmd, printable, status};

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
    /// Measure our handoffs beside others', natively, in one run
    Bench(cmd::bench::Args),
    /// Measure the whole hierarchy on this Linux, from a call to the network, and hold the original's guesses against it
    Host(cmd::host::Args),
    /// Look for what is wrong: boot what is drawn at random, or disturb runs in every known way
    Soak(cmd::soak::Args),
    /// Look for undefined behaviour, foreign licences and known vulnerabilities, as far as this host can
    Audit(cmd::audit::Args),
    /// Feed whatever reads bytes from outside with inputs that are drawn
    Fuzz(cmd::fuzz::Args),
    /// Plant known bugs one after another, and say which of them the tests find
    Mutants(cmd::mutants::Args),
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
        Command::Bench(args) => cmd::bench::run(&args),
        Command::Host(args) => cmd::host::run(&args),
        Command::Soak(args) => cmd::soak::run(&args),
        Command::Audit(args) => cmd::audit::run(&args),
        Command::Fuzz(args) => cmd::fuzz::run(&args),
        Command::Mutants(args) => cmd::mutants::run(&args),
        Command::Gdb(args) => cmd::gdb::run(&args),
        Command::HostFloor => cmd::host_floor(),
    };
    match result {
        Ok(status) => status,
        Err(error) => {
            eprintln!("error: {}", printable::lines(&format!("{error:#}")));
            status::status_of(&error).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use clap::error::ErrorKind;
    use xtask::report::EXERCISES;
    use xtask::workspace;

    use super::*;

    fn is_taken(command: &str, place: &str) {
        let words = command.strip_prefix("cargo xtask").expect("a command of xtask").split_whitespace();
        let words = words.map(|word| match word {
            "N" | "PERCENT" | "SECONDS" => "2",
            "NAME" if command.contains("--experiment NAME") => "classic",
            word => word,
        });
        if let Err(error) = Cli::try_parse_from(["cargo xtask"].into_iter().chain(words))
            && !matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion)
        {
            panic!("{place}: `{command}`: {error}");
        }
    }

    #[test]
    fn commands_of_the_exercises_are_ones_that_xtask_takes() {
        for command in EXERCISES.iter().flat_map(|exercise| exercise.commands) {
            is_taken(command, "exercises");
        }
    }

    /// The commands that a document shows: in lines of code, where two blanks or more begin a remark, and
    /// between backticks, where a line may break.
    fn commands(document: &str) -> Vec<String> {
        let mut found = Vec::new();
        for line in document.lines().filter(|line| line.starts_with("    cargo xtask")) {
            found.push(line.trim().split("  ").next().unwrap_or_default().to_owned());
        }
        let flowing: Vec<&str> = document.lines().filter(|line| !line.starts_with("    ")).collect();
        for quoted in flowing.join(" ").split('`').skip(1).step_by(2) {
            let words = quoted.split_whitespace().collect::<Vec<_>>().join(" ");
            if words.starts_with("cargo xtask ") {
                found.push(words);
            }
        }
        found
    }

    fn documents(folder: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).expect("a folder of documents") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                found.extend(documents(&path));
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
        found
    }

    #[test]
    fn commands_of_the_documents_are_ones_that_xtask_takes() {
        let mut count = 0;
        let folder = workspace::root().join("kernel/docs");
        for path in documents(&folder).into_iter().chain([workspace::root().join("README.md")]) {
            let document = fs::read_to_string(&path).expect("a document");
            for command in commands(&document) {
                is_taken(&command, &path.display().to_string());
                count += 1;
            }
        }
        assert!(count >= 20, "only {count} commands were found");
    }

    #[test]
    fn commands_are_found_in_lines_and_between_backticks() {
        let document =
            "Say `cargo xtask\nreport` or\n\n    cargo xtask run --boots 3     three boots\n\n`cargo`\n";
        assert_eq!(commands(document), ["cargo xtask run --boots 3", "cargo xtask report"]);
    }
}
