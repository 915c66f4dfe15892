//! `analyse`: anyone's table of runs to summaries, intervals and verdicts. Owns the options and
//! what is held against what; the numbers come from `analysis`, the words from `render`.

mod render;

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use serde::Serialize;

use super::output::print;
use crate::analysis::measurements::{Column, Measurements, RunOrder, Unit};
use crate::analysis::{self, Bootstrap, Comparison, Pairing, Series, Summary};
use crate::report::series;
use crate::status::{Refusal, Status};

/// Options of `analyse`.
#[derive(clap::Args)]
pub struct Args {
    /// A row a run; the first line names the columns, with units: `run,single (ms),multi (ms)`. Or a
    /// report of one run, whose columns are its modes
    #[arg(value_name = "FILE.csv")]
    file: PathBuf,
    /// The column that others are held against [default: the first]
    #[arg(long, value_name = "COLUMN")]
    base: Option<String>,
    /// A column to hold against it; may be given again [default: all others]
    #[arg(long, value_name = "COLUMN")]
    against: Vec<String>,
    /// The values of a row do not belong together
    #[arg(long)]
    independent: bool,
    /// How often to draw for an interval
    #[arg(long, value_name = "N", default_value_t = Bootstrap::default().resamples,
          value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    resamples: u32,
    /// The same seed gives the same interval
    #[arg(long, value_name = "N", default_value_t = Bootstrap::default().seed)]
    seed: u64,
    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// What goes to stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// All of it
    Json,
    /// The table as a document has it
    Markdown,
}

/// Version of the JSON.
const ANALYSIS_FORMAT: u32 = 1;

/// What a table of runs shows.
#[derive(Serialize)]
struct Analysis {
    /// Version of this format.
    format: u32,
    /// As it was given.
    file: String,
    /// How many.
    runs: usize,
    /// Whether runs came by number.
    #[serde(skip)]
    order: RunOrder,
    /// The base, then those held against it.
    columns: Vec<Summarised>,
    /// One for each of those.
    comparisons: Vec<Comparison>,
}

/// A column's summary.
#[derive(Serialize)]
struct Summarised {
    name: String,
    #[serde(serialize_with = "symbol")]
    unit: Unit,
    #[serde(flatten)]
    summary: Summary,
}

fn symbol<S: serde::Serializer>(unit: &Unit, serializer: S) -> Result<S::Ok, S::Error> {
    unit.symbol().serialize(serializer)
}

/// Analyses and prints.
///
/// # Errors
///
/// Status 2: a file that is no table of runs, columns that are not in it or cannot be compared.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let analysis = analyse(args)?;
    print(&match args.format {
        Format::Table => render::text(&analysis),
        Format::Markdown => render::markdown(&analysis),
        Format::Json => serde_json::to_string_pretty(&analysis)? + "\n",
    })?;
    Ok(Status::Pass.into())
}

fn analyse(args: &Args) -> anyhow::Result<Analysis> {
    let file = args.file.display().to_string();
    let refused = |problem: &dyn std::fmt::Display| Refusal::usage(format!("{file}: {problem}"));
    let mut input = BufReader::new(File::open(&args.file).map_err(|error| refused(&error))?);
    let is_page = input.fill_buf().map_err(|error| refused(&error))?.starts_with(series::BEGINNING);
    let input: Box<dyn Read> = if is_page {
        let mut bytes = Vec::new();
        input.read_to_end(&mut bytes).map_err(|error| refused(&error))?;
        let csv = series::csv(&String::from_utf8_lossy(&bytes)).map_err(|why| refused(&why))?;
        Box::new(Cursor::new(csv))
    } else {
        Box::new(input)
    };
    let asked: Vec<&str> = args.base.iter().chain(&args.against).map(String::as_str).collect();
    let measurements = Measurements::read(input, &asked).map_err(|error| refused(&error))?;
    let (base, others) = chosen(&measurements, args).map_err(|problem| refused(&problem))?;
    let pairing = if args.independent { Pairing::Independent } else { Pairing::Paired };
    let bootstrap = Bootstrap { pairing, resamples: args.resamples, seed: args.seed, ..Bootstrap::default() };
    let columns: Result<_, _> = [&base].into_iter().chain(&others).map(|column| summarised(column)).collect();
    let comparisons: Result<_, _> =
        others.iter().map(|other| analysis::compare(series(base), series(other), bootstrap)).collect();
    Ok(Analysis {
        format: ANALYSIS_FORMAT,
        file,
        runs: base.values.len(),
        order: measurements.order.clone(),
        columns: columns?,
        comparisons: comparisons?,
    })
}

fn summarised(column: &Column) -> Result<Summarised, analysis::Unfit> {
    let summary = Summary::of(&column.values)?;
    Ok(Summarised { name: column.name.clone(), unit: column.unit.clone(), summary })
}

fn series(column: &Column) -> Series<'_> {
    Series { name: &column.name, values: &column.values }
}

/// The base, then the columns to hold against it; or why not.
fn chosen<'a>(measurements: &'a Measurements, args: &Args) -> Result<(&'a Column, Vec<&'a Column>), String> {
    let base = match &args.base {
        Some(name) => find(measurements, name, "--base")?,
        None => &measurements.columns[0],
    };
    let mut others: Vec<&Column> = Vec::new();
    for name in &args.against {
        let column = find(measurements, name, "--against")?;
        if column.name == base.name {
            return Err(format!("--against {name}: that is the base; name another with --base"));
        }
        if others.iter().any(|other| other.name == column.name) {
            return Err(format!("--against {name}: that column is named twice"));
        }
        others.push(column);
    }
    if args.against.is_empty() {
        others.extend(measurements.columns.iter().filter(|column| column.name != base.name));
    }
    match others.iter().find(|other| other.unit != base.unit) {
        Some(other) => Err(format!(
            "`{}` is {} and `{}` is {}: there is no ratio; name columns of one kind with --base and --against",
            base.header,
            base.unit.kind(),
            other.header,
            other.unit.kind(),
        )),
        None => Ok((base, others)),
    }
}

fn find<'a>(measurements: &'a Measurements, name: &str, option: &str) -> Result<&'a Column, String> {
    let named = |column: &&Column| column.name == name || column.header == name;
    if let Some(column) = measurements.columns.iter().find(named) {
        return Ok(column);
    }
    if matches!(&measurements.order, RunOrder::ByColumn { header } if header.eq_ignore_ascii_case(name)) {
        return Err(format!("{option} {name}: that column holds the numbers of the runs, not measurements"));
    }
    let there: Vec<String> =
        measurements.columns.iter().map(|column| format!("`{}`", column.header)).collect();
    Err(format!("{option} {name}: there is no such column; there are {}", there.join(", ")))
}
