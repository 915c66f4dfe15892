//! `doctor`: every part that is needed, found or missing, with the command that brings it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::accel::{self, Canary};
use crate::chromium;
use crate::install::{Need, apt_command, commands};
use crate::qemu::{self, Accelerator, TcgThread};
use crate::status::Status;
use crate::toolchain::{self, Compiler, CoreSource, Facts, TARGET, choose};

/// Options of `doctor`.
#[derive(clap::Args)]
pub struct Args {
    /// QEMU's executable [default: SWITCHLAB_QEMU, else qemu-system-x86_64 in PATH]
    #[arg(long, value_name = "PATH")]
    qemu: Option<PathBuf>,
}

/// What is known of a part.
struct Part {
    state: State,
    name: &'static str,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Found,
    /// Missing, and needed.
    Missing,
    /// Missing, and done without.
    Absent,
}

/// Looks at all parts and prints them.
///
/// # Errors
///
/// None: what is missing is the answer.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    crate::interrupt::take_over()?;
    let facts = toolchain::facts();
    let mut parts = toolchain_parts(&facts);
    let (qemu_parts, qemu_needed) = qemu_parts(args.qemu.as_deref());
    parts.extend(qemu_parts);
    parts.extend([
        optional("taskset", which::which("taskset").ok(), "--host-cpus", Need::Taskset),
        optional("gdb", which::which("gdb").ok(), "`cargo xtask gdb`", Need::Gdb),
        optional("go", which::which("go").ok(), "Go's rows of `cargo xtask bench`", Need::Go),
        match chromium::find() {
            Ok(found) => optional("chromium", found, "the test of the report's looks", Need::Chromium),
            Err(why) => Part::absent("chromium", why),
        },
    ]);
    let width = parts.iter().map(|part| part.name.len()).max().unwrap_or_default();
    for Part { state, name, text } in &parts {
        let mark = match state {
            State::Found => "found",
            State::Missing => "MISSING",
            State::Absent => "absent",
        };
        println!("{mark:<8} {name:<width$}  {}", text.replace('\n', &format!("\n{:1$}", "", width + 11)));
    }
    let mut needs = Vec::new();
    needs.extend(choose(&facts).is_err().then_some(Need::Toolchain));
    needs.extend(qemu_needed.then_some(Need::Qemu));
    if parts.iter().all(|part| part.state != State::Missing) {
        println!("\nAll that is needed is here: cargo xtask run");
        return Ok(Status::Pass.into());
    }
    if !needs.is_empty() {
        println!("\nTo bring what is missing, run\n      {}", commands(&needs).join("\n  or: "));
    }
    Ok(Status::Missing.into())
}

fn toolchain_parts(facts: &Facts) -> Vec<Part> {
    let chosen = choose(facts);
    let from_source = matches!(chosen, Ok(CoreSource::FromSource { .. }));
    let installed = matches!(chosen, Ok(CoreSource::Installed(_)));
    let required = facts.required;
    let mut parts = vec![match &facts.host {
        Some(Compiler { version, rustc, .. }) if *version >= required => {
            Part::found("compiler", format!("{} {version} ({required} or later)", rustc.display()))
        }
        Some(Compiler { version, .. }) => Part::missing(
            "compiler",
            format!("rustc {version} is older than {required}: rustup update stable"),
        ),
        None => Part::missing(
            "compiler",
            format!("no cargo and rustc in PATH; {required} or later: https://rustup.rs"),
        ),
    }];
    parts.push(if installed {
        Part::found("target", format!("{TARGET} is installed"))
    } else {
        let text = format!("{TARGET} is not installed: rustup target add {TARGET}");
        match from_source {
            true => Part::absent("target", format!("{text} (not needed: core is built from source)")),
            false => Part::missing("target", text),
        }
    });
    let or = |needed: &Option<_>, packages: &str| match needed {
        Some(text) => Part::found("", String::clone(text)),
        None if installed => Part::absent("", "not needed: the target is installed".into()),
        None => Part::missing("", format!("apt-get install -y --no-install-recommends {packages}")),
    };
    let distribution = facts.distribution.as_ref().filter(|compiler| compiler.version >= required);
    let shown = distribution.map(|compiler| format!("{} {}", compiler.rustc.display(), compiler.version));
    parts.push(or(&shown, "rustc-web cargo-web").named("distribution"));
    let source =
        distribution.filter(|compiler| compiler.has_source).map(|_| "source of core and alloc".to_owned());
    parts.push(or(&source, "rust-web-src").named("rust-src"));
    let linker = facts.linker.as_ref().map(|linker| linker.display().to_string());
    parts.push(or(&linker, "lld").named("linker"));
    if from_source {
        let clippy = distribution.map(|compiler| compiler.cargo.with_file_name("cargo-clippy"));
        parts.push(match clippy.filter(|clippy| clippy.is_file()) {
            Some(clippy) => Part::found("clippy", clippy.display().to_string()),
            None => {
                let packages = "apt-get install -y --no-install-recommends rust-web-clippy";
                Part::absent("clippy", format!("needed by `cargo xtask lint` only: {packages}"))
            }
        });
    }
    if let Ok(source) = &chosen {
        parts.push(Part::found("core", source.to_string()));
    }
    parts
}

/// QEMU and its accelerators, and whether QEMU is what has to be brought.
fn qemu_parts(option: Option<&Path>) -> (Vec<Part>, bool) {
    let path = match qemu::find(option) {
        Ok(path) => path,
        Err(wanted) => {
            let text = format!("`{}` is not in PATH: {}", wanted.display(), apt_command(&[Need::Qemu]));
            return (vec![Part::missing("QEMU", text)], true);
        }
    };
    let mut parts = vec![match qemu::version(&path) {
        Ok(version) => Part::found("QEMU", format!("{version} ({})", path.display())),
        Err(why) => return (vec![Part::missing("QEMU", why)], true),
    }];
    parts.push(match accel::sing(Accelerator::Tcg(TcgThread::Single), &path) {
        Canary::Sang(time) => Part::found("tcg", format!("works: canary in {} ms", time.as_millis())),
        Canary::Silent(why) => Part::missing("tcg", why),
    });
    let native = accel::native();
    let name = native.argument();
    parts.push(match accel::sing(native, &path) {
        Canary::Sang(time) => Part::found(name, format!("works: canary in {} ms", time.as_millis())),
        Canary::Silent(why) => Part::absent(name, format!("does not work here: {why}")),
    });
    (parts, false)
}

fn optional(name: &'static str, found: Option<PathBuf>, user: &str, need: Need) -> Part {
    match found {
        Some(path) => Part::found(name, path.display().to_string()),
        None => Part::absent(name, format!("needed by {user} only: {}", commands(&[need]).join(" or "))),
    }
}

impl Part {
    const fn found(name: &'static str, text: String) -> Self {
        Self { state: State::Found, name, text }
    }

    const fn missing(name: &'static str, text: String) -> Self {
        Self { state: State::Missing, name, text }
    }

    const fn absent(name: &'static str, text: String) -> Self {
        Self { state: State::Absent, name, text }
    }

    fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }
}
