//! The loops that were measured, as the compiler built them: each instruction with the source
//! function that it was inlined from. `run` leaves it beside the log as `listing.json`, so that a
//! report does not depend on the kernel's file later; for a folder without one, a report makes it
//! from the kernel, where that is still the one that ran.
//!
//! | file | what it owns |
//! |---|---|
//! | `code` | the kernel's ELF: functions by name, their instructions |
//! | `flow` | which of these can run again within the loop, and which calls come back |
//! | `names` | a function's name as people say it |
//! | `source` | the source line, and the first sentence of a function's documentation |

mod code;
mod flow;
mod names;
mod source;

use std::collections::BTreeSet;
use std::path::Path;

use addr2line::Loader;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::manifest::Manifest;
pub(super) use code::shown;
use code::{Code, Function};
use source::Sources;

/// Name of the file in a run's folder.
pub const FILE: &str = "listing.json";

/// What was executed for a handoff, by function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// Version of this format.
    pub format: u32,
    /// The kernel's file that it was made from.
    pub kernel_sha256: String,
    /// The functions, callers first.
    pub routines: Vec<Routine>,
}

/// Version of `listing.json`.
const FORMAT: u32 = 1;

/// A function of the kernel as it was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routine {
    /// Its name: `exchange::hand_over`.
    pub name: String,
    /// What it is part of.
    pub role: Role,
    /// The first sentence of its documentation; `None` where it has none.
    pub what: Option<String>,
    /// Its instructions in the order of their addresses, grouped by source function.
    pub groups: Vec<Group>,
    /// Instructions that are left out: set-up, refusals and panics.
    pub left_out: usize,
}

/// What a routine is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The side that asks, between two tasks.
    Asking,
    /// The side that answers.
    Answering,
    /// What takes the wake-up's interrupt.
    Interrupt,
    /// The floor's owner.
    FloorAsking,
    /// The floor's fiber.
    FloorAnswering,
    /// Called from one of these.
    Called,
}

/// Instructions that follow each other and come from one source function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The function: `Channel::send`.
    pub function: String,
    /// Its file, from the workspace's folder; `None` without line tables.
    pub file: Option<String>,
    /// The first sentence of its documentation; `None` where it has none.
    pub what: Option<String>,
    /// The instructions.
    pub instructions: Vec<Instruction>,
}

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instruction {
    /// Where it stands.
    pub address: u64,
    /// In Intel's notation.
    pub text: String,
    /// Its line in the group's file; `None` without line tables.
    pub line: Option<u32>,
    /// What stands on that line; `None` where the source is not at hand.
    pub source: Option<String>,
}

/// A function to list, by its path in the kernel and a part of its type arguments.
struct Root {
    path: &'static str,
    arguments: &'static str,
    role: Role,
}

const ROOTS: [Root; 6] = [
    // Of all that ask, the tasks that have channels.
    Root {
        path: "measure::exchange::hand_over",
        arguments: "channel::Receiver<switchlab_kernel::sched::platform::Kernel>>, switchlab_kernel::measure::probe::Batch",
        role: Role::Asking,
    },
    Root { path: "experiments::exchange::answer", arguments: "probe::Batch", role: Role::Answering },
    Root { path: "arch::x86_64::ipi::wake_up_xapic", arguments: "", role: Role::Interrupt },
    Root { path: "arch::x86_64::ipi::wake_up_x2apic", arguments: "", role: Role::Interrupt },
    Root {
        path: "experiments::classic::floor::hand_over",
        arguments: "probe::Batch",
        role: Role::FloorAsking,
    },
    Root {
        path: "experiments::classic::floor::answer_for_ever",
        arguments: "probe::Batch",
        role: Role::FloorAnswering,
    },
];

/// Files whose functions only give the core library's another type.
const WRAPPERS: [&str; 1] = ["kernel/sync/src/atomic.rs"];

/// Leaves `listing.json` in `folder`. Nothing of it is a result: what goes wrong is left out.
pub fn keep(folder: &Path, manifest: &Manifest) {
    if let Ok(listing) = of_run(manifest)
        && let Ok(text) = serde_json::to_string(&listing)
    {
        let _ = std::fs::write(folder.join(FILE), text + "\n");
    }
}

/// The listing of the kernel that `manifest` names.
///
/// # Errors
///
/// Why there is none: the file is gone, is not the one that ran, or is no kernel of ours.
pub fn of_run(manifest: &Manifest) -> Result<Listing, String> {
    let path = Path::new(&manifest.kernel.path);
    let listing = of_file(path, Some(&manifest.kernel.sha256))?;
    match listing.routines.is_empty() {
        true => Err(format!("{} has none of the functions that are listed", path.display())),
        false => Ok(listing),
    }
}

/// The listing of a kernel's file, which has no routines where the kernel is not ours.
///
/// # Errors
///
/// It can not be read, has another hash than `sha256`, or is no ELF of x86_64.
pub fn of_file(path: &Path, sha256: Option<&str>) -> Result<Listing, String> {
    let bytes = std::fs::read(path)
        .map_err(|error| format!("the kernel's file is gone ({}: {error})", path.display()))?;
    let found: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    if sha256.is_some_and(|sha256| sha256 != found) {
        return Err(format!("{} has changed since the run: it is another kernel now", path.display()));
    }
    let routines = routines(path, &bytes, &ROOTS).ok_or_else(|| no_elf(path))?;
    Ok(Listing { format: FORMAT, kernel_sha256: found, routines })
}

/// A loop, by the name in full of the function that has it, and what it calls.
pub type Loop = (String, Vec<Routine>);

/// The loops of the functions of a kernel that have these paths, which begin with the crate: of each path one for
/// each set of type arguments, and none where the kernel has no such function.
///
/// # Errors
///
/// The file can not be read, or is no ELF of x86_64.
pub fn of_loops(kernel: &Path, paths: &[&str]) -> Result<Vec<Vec<Loop>>, String> {
    of_all(kernel, paths, Extent::Loops, &[])
}

/// The same of whole functions, from their entries to their returns; where they call a function of `without`, it is not
/// gone into.
///
/// # Errors
///
/// As of [`of_loops`].
pub fn of_functions(kernel: &Path, paths: &[&str], without: &[&str]) -> Result<Vec<Vec<Loop>>, String> {
    of_all(kernel, paths, Extent::Whole, without)
}

fn of_all(kernel: &Path, paths: &[&str], extent: Extent, without: &[&str]) -> Result<Vec<Vec<Loop>>, String> {
    with_maker(kernel, |maker| {
        let code = maker.code;
        let without = code.addresses(without);
        let mut of_path = |path: &&str| {
            code.all(path).map(|function| of_function(maker, function, extent, &without)).collect()
        };
        paths.iter().map(&mut of_path).collect()
    })
}

/// Functions that a kernel calls where a block begins, right before its first reading of the clock, and where it ends.
const BEGINS: [&str; 2] =
    ["switchlab_kernel::measure::watch::Watch::begin", "switchlab_kernel::measure::part_begins"];
const ENDS: [&str; 2] =
    ["switchlab_kernel::measure::watch::Watch::end", "switchlab_kernel::measure::part_ends"];

/// What stands in timed blocks, with what is called there: of each function of a kernel in which one begins, by its
/// name in full.
///
/// # Errors
///
/// As of [`of_loops`].
pub fn of_blocks(kernel: &Path) -> Result<Vec<Loop>, String> {
    with_maker(kernel, |maker| {
        let code = maker.code;
        let begins = code.addresses(&BEGINS);
        let has_block = |function: &&Function| {
            let instructions = code.instructions(function);
            instructions.iter().any(|instruction| begins.contains(&instruction.target()))
        };
        let timed = code.functions().filter(has_block);
        timed.map(|function| of_function(maker, function, Extent::Blocks, &[])).collect()
    })
}

fn of_function(maker: &mut Maker<'_>, function: &Function, extent: Extent, without: &[u64]) -> Option<Loop> {
    Some((function.name.clone(), listed(maker, [(function, Role::Asking, extent)], without)?))
}

fn with_maker<T>(kernel: &Path, make: impl FnOnce(&mut Maker<'_>) -> Option<T>) -> Result<T, String> {
    let bytes = std::fs::read(kernel).map_err(|error| format!("{}: {error}", kernel.display()))?;
    let found = Code::new(&bytes).zip(Loader::new(kernel).ok()).and_then(|(code, loader)| {
        make(&mut Maker { code: &code, loader: &loader, sources: Sources::default() })
    });
    found.ok_or_else(|| no_elf(kernel))
}

fn no_elf(path: &Path) -> String {
    format!("{} can not be disassembled: no ELF of x86_64", path.display())
}

fn routines(path: &Path, bytes: &[u8], roots: &[Root]) -> Option<Vec<Routine>> {
    let code = Code::new(bytes)?;
    let function = |root: &Root| {
        let extent = if root.role == Role::Interrupt { Extent::Whole } else { Extent::Loops };
        Some((code.find(root.path, root.arguments)?, root.role, extent))
    };
    let loader = Loader::new(path).ok()?;
    let mut maker = Maker { code: &code, loader: &loader, sources: Sources::default() };
    listed(&mut maker, roots.iter().filter_map(function), &[])
}

/// These functions, and behind them what they call, but for the functions at `without`.
fn listed<'a>(
    maker: &mut Maker<'_>,
    roots: impl IntoIterator<Item = (&'a Function, Role, Extent)>,
    without: &[u64],
) -> Option<Vec<Routine>> {
    let mut routines = Vec::new();
    let mut listed: BTreeSet<u64> = without.iter().copied().collect();
    let mut called = Vec::new();
    for (function, role, extent) in roots {
        if listed.insert(function.address) {
            let (routine, calls) = maker.routine(function, role, extent)?;
            routines.push(routine);
            called.extend(calls);
        }
    }
    while let Some(address) = (!called.is_empty()).then(|| called.remove(0)) {
        let Some(function) = maker.code.at(address) else { continue };
        if listed.insert(function.address) {
            let (routine, calls) = maker.routine(function, Role::Called, Extent::Whole)?;
            routines.push(routine);
            called.extend(calls);
        }
    }
    Some(routines)
}

/// How much of a function is listed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// What stands between its entry and a return.
    Whole,
    /// What can run again within it.
    Loops,
    /// What stands in timed blocks.
    Blocks,
}

/// What a listing is made from.
struct Maker<'a> {
    code: &'a Code<'a>,
    loader: &'a Loader,
    sources: Sources,
}

impl Maker<'_> {
    /// A function, and the functions that it calls where it goes on.
    fn routine(&mut self, function: &Function, role: Role, extent: Extent) -> Option<(Routine, Vec<u64>)> {
        let all = self.code.instructions(function);
        let graph = flow::Graph::new(self.code, &all);
        let wanted = match extent {
            Extent::Whole => graph.until_return(),
            Extent::Loops => graph.in_loops(),
            Extent::Blocks => graph.between(&self.code.addresses(&BEGINS), &self.code.addresses(&ENDS)),
        };
        let mut groups: Vec<Group> = Vec::new();
        for index in wanted.iter().copied() {
            let (origin, instruction) = self.instruction(function, &all[index]);
            match groups.last_mut() {
                Some(group) if group.function == origin.function => group.instructions.push(instruction),
                _ => groups.push(Group { instructions: vec![instruction], ..origin }),
            }
        }
        let routine = Routine {
            name: names::short(&function.name),
            role,
            what: self.sources.documentation_of(&function.name),
            groups,
            left_out: all.iter().filter(|instruction| !instruction.is_padding()).count() - wanted.len(),
        };
        Some((routine, graph.calls(&wanted)))
    }

    /// An instruction, and the group that it belongs to.
    fn instruction(&mut self, function: &Function, decoded: &code::Decoded) -> (Group, Instruction) {
        let address = decoded.address();
        let text = decoded.text(self.code);
        let instructions = Vec::new();
        match self.own_place(address) {
            Some((file, line)) => {
                let origin = self.sources.function_at(&file, line);
                let function = origin
                    .as_ref()
                    .map_or_else(|| names::short(&function.name), |origin| origin.name.clone());
                let what = origin.and_then(|origin| origin.what);
                let source = self.sources.line(&file, line);
                (
                    Group { function, file: Some(file), what, instructions },
                    Instruction { address, text, line: Some(line), source },
                )
            }
            None => {
                let what = self.sources.documentation_of(&function.name);
                let function = names::short(&function.name);
                (
                    Group { function, file: None, what, instructions },
                    Instruction { address, text, line: None, source: None },
                )
            }
        }
    }

    /// The innermost file and line of this project that `address` was made from: what the core library
    /// and [`WRAPPERS`] do there, they do for that one.
    fn own_place(&self, address: u64) -> Option<(String, u32)> {
        let mut frames = self.loader.find_frames(address).ok()?;
        while let Ok(Some(frame)) = frames.next() {
            let Some(location) = frame.location else { continue };
            if let (Some(file), Some(line)) = (location.file, location.line)
                && let Some(file) = self.sources.relative(file)
                && !WRAPPERS.contains(&&*file)
            {
                return Some((file, line));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
