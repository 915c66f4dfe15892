//! The program behind `cargo xtask fuzz`.
#![forbid(unsafe_code)]

use std::fs;
use std::panic;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use switchlab_fuzz::{Failed, TARGETS, Target, feed, quietly};

/// Feeds whatever reads bytes from outside with inputs that are drawn, and says what was refused and taken.
#[derive(Parser)]
#[command(name = "cargo xtask fuzz", bin_name = "cargo xtask fuzz")]
struct Args {
    /// Inputs, over all targets together
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000_000))]
    inputs: u64,
    /// What they are drawn from: the same seed gives the same inputs
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// This target alone, with all the inputs
    #[arg(long, value_name = "NAME", value_parser = name)]
    only: Option<String>,
    /// Feed this file and nothing else
    #[arg(long, value_name = "FILE", requires = "only")]
    file: Option<PathBuf>,
    /// Where an input that fails is kept
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
}

fn name(text: &str) -> Result<String, String> {
    let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    if names.contains(&text) {
        Ok(text.into())
    } else {
        Err(format!("one of {} is expected", names.join(", ")))
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let chosen: Vec<&Target> =
        TARGETS.iter().filter(|target| args.only.as_deref().is_none_or(|only| only == target.name)).collect();
    if let Some(file) = &args.file {
        return one_file(chosen[0], file);
    }
    let shares: u64 = chosen.iter().map(|target| target.share).sum();
    println!(" Target          Inputs     Refused       Taken   Seconds\n{}", "─".repeat(58));
    for target in chosen {
        let started = Instant::now();
        let inputs = (args.inputs * target.share).div_ceil(shares);
        match quietly(|| feed(target, inputs, args.seed)) {
            Ok(fed) => println!(
                " {:<10} {:>11} {:>11} {:>11} {:>9.1}",
                target.name,
                fed.inputs,
                fed.inputs - fed.taken,
                fed.taken,
                started.elapsed().as_secs_f64()
            ),
            Err(failed) => return report(target, &failed, &args),
        }
    }
    ExitCode::SUCCESS
}

fn one_file(target: &Target, file: &PathBuf) -> ExitCode {
    let input = match fs::read(file) {
        Ok(input) => input,
        Err(why) => {
            eprintln!("error: --file {}: {why}", file.display());
            return ExitCode::from(2);
        }
    };
    // What panics fails, as where it was drawn; the panic's own words are on stderr by then.
    let fed = panic::catch_unwind(|| (target.feed)(&input));
    match fed.unwrap_or_else(|_| Err("it panics".into())) {
        Ok(taken) => {
            println!("{}: {}", target.name, if taken { "taken" } else { "refused" });
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("error: {}: {why}", target.name);
            ExitCode::FAILURE
        }
    }
}

fn report(target: &Target, failed: &Failed, args: &Args) -> ExitCode {
    let Args { inputs, seed, out, .. } = args;
    eprintln!("error: {}: {}", target.name, failed.why);
    let file = out.join(format!("fuzz-{}.input", target.name));
    match fs::create_dir_all(out).and_then(|()| fs::write(&file, &failed.input)) {
        Ok(()) => eprintln!(
            "input: {}; again: cargo xtask fuzz --only {} --file {}",
            file.display(),
            target.name,
            file.display()
        ),
        Err(why) => eprintln!("input: {:?} ({}: {why})", failed.input, file.display()),
    }
    let only = args.only.as_ref().map_or_else(String::new, |name| format!(" --only {name}"));
    eprintln!("drawn by: cargo xtask fuzz --inputs {inputs} --seed {seed}{only}");
    ExitCode::FAILURE
}
