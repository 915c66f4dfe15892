//! The listing of the loops: of the laboratory's kernel, without booting it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};
use libtest_mimic::{Failed, Trial};
use object::{Object, ObjectSection, SectionKind};
use switchlab_tests::{Parts, Verdict, equal, trial};
use xtask::report::listing::{Listing, Loop, Role, Routine, of_blocks, of_file, of_functions, of_loops};
use xtask::workspace;

use crate::foreign::each_source;

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    vec![
        trial(parts, "listing::loops_are_made_of_the_functions_that_a_handoff_takes", loops),
        trial(parts, "listing::no_measured_loop_has_code_of_the_heap_a_lock_or_a_text", nothing_foreign),
        trial(
            parts,
            "listing::nothing_between_the_readings_of_a_block_is_of_the_heap_a_lock_or_a_text",
            nothing_foreign_in_blocks,
        ),
        trial(parts, "listing::each_reading_around_a_block_has_its_fences", fenced),
        trial(parts, "listing::each_ipi_by_msr_waits_for_what_was_stored_before", fenced_ipis),
        trial(parts, "listing::no_code_of_the_kernel_keeps_anything_below_its_stack_pointer", no_red_zone),
        Trial::test("listing::whatever_ring_3_enters_the_kernel_by_is_scanned", all_entries),
        Trial::test("listing::whoever_times_a_block_has_its_block_and_its_loops_scanned", all_timed),
    ]
}

/// Each from the source function that it was written in, in the loops where it belongs.
fn loops(parts: &Parts) -> Verdict {
    let listing = of_file(&parts.laboratory, None)?;
    for (role, function, instruction) in [
        (Role::Asking, "switch::switch_context", "jmp qword ptr"),
        (Role::Asking, "interrupts::halt", "hlt"),
        (Role::Asking, "channel::send", "mov"),
        (Role::Answering, "switch::switch_context", "jmp qword ptr"),
        (Role::Answering, "interrupts::halt", "hlt"),
        (Role::Interrupt, "ipi::wake_up_xapic", "iretq"),
        (Role::FloorAsking, "switch::switch_sides", "jmp r"),
        (Role::FloorAnswering, "switch::switch_sides", "jmp r"),
    ] {
        if !routines(&listing, role).any(|routine| has(routine, function, instruction)) {
            return Err(Failed::from(format!("no `{instruction}` of {function} in {role:?}: {listing:#?}")));
        }
    }
    // The IPI is sent by a function of its own, or by what it is inlined into.
    let sends = |routine: &Routine| has(routine, "apic::send", "mov");
    if !listing.routines.iter().any(sends) {
        return Err(Failed::from(format!("no routine sends the IPI: {listing:#?}")));
    }
    Ok(())
}

fn routines(listing: &Listing, role: Role) -> impl Iterator<Item = &Routine> {
    listing.routines.iter().filter(move |routine| routine.role == role)
}

fn has(routine: &Routine, function: &str, instruction: &str) -> bool {
    let groups = routine.groups.iter().filter(|group| group.function == function);
    groups.flat_map(|group| &group.instructions).any(|one| one.text.starts_with(instruction))
}

/// What is measured, by the functions that hold the loops; whatever looks on in them, in whichever way they wait. The
/// batch pass's of `classic` are listed beside the results. Free tasks have a loop of their worker's too.
const LOOPS: [&str; 32] = [
    "switchlab_kernel::measure::exchange::hand_over",
    "switchlab_kernel::experiments::exchange::answer",
    "switchlab_kernel::experiments::exchange::hand_over_nothing",
    "switchlab_kernel::experiments::classic::floor::hand_over",
    "switchlab_kernel::experiments::classic::floor::hand_over_nothing",
    "switchlab_kernel::experiments::classic::floor::answer_for_ever",
    "switchlab_kernel::experiments::classic::free::answer",
    "switchlab_kernel::experiments::ring::go_round",
    "switchlab_kernel::experiments::ring::pass_on",
    "switchlab_kernel::experiments::fan::go_round",
    "switchlab_kernel::experiments::fan::answer",
    "switchlab_kernel::experiments::ways::block::hand_over",
    "switchlab_kernel::experiments::ways::block::answer_numbers",
    "switchlab_kernel::experiments::scale::switches::take_turns",
    "switchlab_kernel::experiments::scale::switches::keep_on",
    "switchlab_kernel::experiments::scale::pairs::hand_over",
    "switchlab_kernel::experiments::scale::pairs::answer",
    "switchlab_kernel::experiments::policy::pairs::answer_block",
    "switchlab_sync::free::Pool::serve",
    // What others do meanwhile.
    "switchlab_kernel::experiments::ways::bystanders::work",
    "switchlab_kernel::experiments::hierarchy::call::call_directly",
    "switchlab_kernel::experiments::hierarchy::call::call_indirectly",
    "switchlab_kernel::thread::exchange::answer_numbers",
    "switchlab_kernel::thread::exchange::answer_preempted",
    "switchlab_kernel::experiments::hierarchy::floor::load_cr3",
    "switchlab_kernel::experiments::hierarchy::floor::save_and_restore",
    "switchlab_kernel::vm::pair::call",
    "switchlab_kernel::vm::pair::pending",
    "switchlab_kernel::vm::pair::injected",
    "switchlab_kernel::vm::pair::round_trip",
    "switchlab_kernel::vm::apart::hand_over",
    "switchlab_kernel::vm::apart::answer_numbers",
];

/// What a measured loop comes to by an interrupt, a trap or a system call: the loop itself may be a program's, in ring 3.
/// Those of a contained process are as many as there are sets of parts.
const ENTERED: [&str; 8] = [
    "switchlab_kernel::user::system_call::handle",
    "switchlab_kernel::user::vectored::handle",
    "switchlab_kernel::user::vectored::trap",
    "switchlab_kernel::user::contained::handle",
    "switchlab_kernel::user::contained::look_closer",
    "switchlab_kernel::user::contained::trap",
    "switchlab_kernel::thread::preempted",
    "switchlab_kernel::thread::state_used",
];

/// How many there are of some of them: of each side that asks, with whatever looks on; of each way to wait, with and
/// without a look at the clock; of each size of what is touched; of each policy.
const INSTANCES: [(&str, usize); 6] = [
    // Tasks and the unpinned ones, in both passes; those of the two other policies; and threads: with the vector state
    // used in each turn, and not, and preempted.
    ("measure::exchange::hand_over", 2 * 2 + 2 + 3),
    // A halt's without a look at the clock is what tasks do: a compiler makes one of both.
    ("ways::block::hand_over", 5 * 2 - 1),
    ("ways::block::answer_numbers", 5 * 2),
    ("scale::switches::take_turns", 3),
    ("policy::pairs::answer_block", 3),
    // With the vector state used in each turn, and not.
    ("thread::exchange::answer_numbers", 2),
];

/// Source files that have no code in a measured loop: also where a compiler has made it part of another function.
const FOREIGN: [&str; 6] = [
    "kernel/src/console.rs",
    "kernel/src/foreign.rs",
    "kernel/src/lock.rs",
    "kernel/src/mm/",
    "kernel/src/report.rs",
    "kernel/records/",
];

/// Crates and modules whose functions no measured loop calls.
const FOREIGN_NAMES: [&str; 5] = ["alloc::", "fmt::", "linked_list_allocator::", "mutex::", "spin::"];

/// The source file with the lock that is the thing measured, and the loops in which it is.
const MEASURED_LOCK: &str = "kernel/sync/src/queue_lock.rs";
const OF_FREE_TASKS: [&str; 3] =
    ["experiments::classic::free::", "experiments::policy::", "switchlab_sync::free::"];

/// Who times blocks: the file below the kernel's sources, and a part of the names of the functions that each of its
/// blocks comes to stand in.
const BLOCKS: [(&str, &str); 21] = [
    ("experiments/exchange.rs", "experiments::exchange::ask"),
    ("experiments/exchange.rs", "experiments::exchange::measure_null"),
    ("experiments/classic/floor.rs", "experiments::classic::floor::measure"),
    ("experiments/classic/free.rs", "experiments::classic::free::"),
    ("experiments/ring.rs", "experiments::ring::"),
    ("experiments/fan.rs", "experiments::fan::"),
    ("experiments/ways/block.rs", "experiments::ways::block::"),
    ("experiments/ways/bystanders.rs", "experiments::ways::bystanders::"),
    ("experiments/ways/mod.rs", "experiments::ways::Bench>::untouched_returns"),
    ("experiments/scale/switches.rs", "experiments::scale::Scale"),
    ("experiments/scale/pairs.rs", "experiments::scale::pairs::"),
    ("experiments/policy/pairs.rs", "experiments::policy::pairs::"),
    ("experiments/hierarchy.rs", "experiments::hierarchy::call::"),
    ("experiments/hierarchy.rs", "experiments::hierarchy::floor::Cr3Load"),
    ("experiments/hierarchy.rs", "experiments::hierarchy::floor::XsavePair"),
    ("experiments/hierarchy/floor.rs", "experiments::hierarchy::floor::SystemCall"),
    ("experiments/hierarchy/process.rs", "experiments::hierarchy::process::"),
    ("qualify.rs", "qualify::"),
    ("thread/exchange.rs", "thread::exchange::"),
    ("vm/pair.rs", "vm::pair::"),
    ("vm/apart.rs", "vm::apart::"),
];

/// In all that stands between the two readings of a block, whatever encloses its loops, too.
fn nothing_foreign_in_blocks(parts: &Parts) -> Verdict {
    let blocks = of_blocks(&parts.laboratory)?;
    for (_, place) in BLOCKS {
        if !blocks.iter().any(|(name, _)| name.contains(place)) {
            let names: Vec<_> = blocks.iter().map(|(name, _)| name.as_str()).collect();
            return Err(format!("no block of {place} in:\n{}", names.join("\n")).into());
        }
    }
    let found: Vec<String> = blocks
        .iter()
        .filter_map(|(name, routines)| Some(format!("{name} comes to {}", foreign(name, routines)?)))
        .collect();
    if !found.is_empty() {
        return Err(found.join("\n").into());
    }
    // Where it is planted, it is found.
    let planted = of_blocks(&parts.kernels.join("planted_foreign"))?;
    for experiment in ["classic::floor", "experiments::exchange", "experiments::ring", "experiments::fan"] {
        finds_planted(experiment, planted.iter().filter(|(name, _)| name.contains(experiment)))?;
    }
    Ok(())
}

/// What was before a block is done when it begins, and what is in it when it ends (Intel SDM volume 2, RDTSC and RDTSCP): by
/// the code, since an emulator does not run ahead.
fn fenced(parts: &Parts) -> Verdict {
    let mut readings = [0, 0];
    for (name, routines) in of_blocks(&parts.laboratory)? {
        for group in routines.iter().flat_map(|routine| &routine.groups) {
            let texts: Vec<&str> = group.instructions.iter().map(|one| one.text.as_str()).collect();
            let of = ["tsc::start", "tsc::end"].iter().position(|function| group.function == *function);
            let Some(of) = of else { continue };
            for (at, text) in texts.iter().enumerate().filter(|(_, text)| text.starts_with("rdtsc")) {
                let before = at > 0 && texts[at - 1] == "lfence";
                let behind = texts.get(at + 1) == Some(&"lfence");
                // RDTSCP waits for what is before it by itself.
                let waits = if of == 0 { before } else { behind && (before || *text == "rdtscp") };
                if !waits {
                    return Err(format!("{name}: {} without its fences: {texts:?}", group.function).into());
                }
                readings[of] += 1;
            }
        }
    }
    let [begun, ended] = readings;
    equal("readings that begin blocks, and those that end them, are found", begun > 20 && ended > 20, true)
}

/// The ICR's MSR.
const ICR: u32 = 0x830;

/// A write to it may overtake what was stored before (Intel SDM vol. 3, 11.12.3): by the code, since an emulator stores at
/// once.
fn fenced_ipis(parts: &Parts) -> Verdict {
    /// A command is made in so many instructions, or fewer.
    const WINDOW: usize = 24;
    let bytes = std::fs::read(&parts.laboratory)?;
    let file = object::File::parse(&*bytes)?;
    let mut sent = 0;
    for section in file.sections().filter(|section| section.kind() == SectionKind::Text) {
        let decoder = Decoder::with_ip(64, section.data()?, section.address(), DecoderOptions::NONE);
        let code: Vec<Instruction> = decoder.into_iter().collect();
        for (at, write) in code.iter().enumerate().filter(|(_, one)| one.mnemonic() == Mnemonic::Wrmsr) {
            let before = &code[at.saturating_sub(WINDOW)..at];
            // Behind another write nothing of it counts.
            let last = before.iter().rposition(|one| one.mnemonic() == Mnemonic::Wrmsr);
            let before = &before[last.map_or(0, |last| last + 1)..];
            let register = before.iter().rev().find(|one| loads_ecx(one)).map(Instruction::immediate32);
            if register != Some(ICR) {
                continue;
            }
            sent += 1;
            let waits = before
                .windows(2)
                .any(|pair| [pair[0].mnemonic(), pair[1].mnemonic()] == [Mnemonic::Mfence, Mnemonic::Lfence]);
            if !waits {
                return Err(
                    format!("the IPI that is sent at {:#x} has no fences before it", write.ip()).into()
                );
            }
        }
    }
    equal("IPIs by MSR are found", sent >= 3, true)
}

/// Loads ECX with a number.
fn loads_ecx(instruction: &Instruction) -> bool {
    instruction.mnemonic() == Mnemonic::Mov
        && instruction.op0_register() == Register::ECX
        && instruction.op1_kind() == OpKind::Immediate32
}

/// An interrupt comes on the stack of who runs, and writes below where it stands.
fn no_red_zone(parts: &Parts) -> Verdict {
    let bytes = std::fs::read(&parts.laboratory)?;
    let file = object::File::parse(&*bytes)?;
    let mut accesses = 0;
    for section in file.sections().filter(|section| section.kind() == SectionKind::Text) {
        let decoder = Decoder::with_ip(64, section.data()?, section.address(), DecoderOptions::NONE);
        for instruction in decoder.into_iter().filter(by_rsp_alone) {
            accesses += 1;
            let is_below = (instruction.memory_displacement64() as i64) < 0;
            if is_below && instruction.mnemonic() != Mnemonic::Lea {
                let (at, what) = (instruction.ip(), instruction.mnemonic());
                return Err(format!("{what:?} at {at:#x} is below the stack pointer").into());
            }
        }
    }
    equal("accesses by the stack pointer are found", accesses > 1_000, true)
}

fn by_rsp_alone(instruction: &Instruction) -> bool {
    instruction.memory_base() == Register::RSP && instruction.memory_index() == Register::None
}

fn nothing_foreign(parts: &Parts) -> Verdict {
    let mut found = Vec::new();
    for (path, loops) in LOOPS.into_iter().zip(loops_of(&parts.laboratory, &LOOPS)?) {
        let instances = INSTANCES.iter().find(|(name, _)| path.ends_with(name)).map(|(_, count)| *count);
        equal(&format!("loops of {path}"), loops.len(), instances.unwrap_or(loops.len()))?;
        for (name, routines) in loops {
            found.extend(foreign(&name, &routines).map(|foreign| format!("{name} comes to {foreign}")));
        }
    }
    for (path, functions) in ENTERED.into_iter().zip(of_functions(&parts.laboratory, &ENTERED, &UNMEASURED)?)
    {
        let is_one = !path.contains("::contained::");
        let fits = if is_one { functions.len() == 1 } else { !functions.is_empty() };
        equal(&format!("{} functions of {path}, as many as there should be", functions.len()), fits, true)?;
        for (name, routines) in functions {
            found.extend(foreign(&name, &routines).map(|foreign| format!("{name} comes to {foreign}")));
        }
    }
    if !found.is_empty() {
        return Err(found.join("\n").into());
    }
    // Where it is planted, it is found.
    let planted = loops_of(&parts.kernels.join("planted_foreign"), &PLANTED)?;
    PLANTED.into_iter().zip(&planted).try_for_each(|(path, loops)| finds_planted(path, loops.iter()))
}

/// Whether each kind that is planted in what `planted` are is found in all of them.
fn finds_planted<'a>(what: &str, planted: impl Iterator<Item = &'a Loop> + Clone) -> Verdict {
    for arguments in ["Allocates", "Locks", "Writes"] {
        let mut planted = planted.clone().filter(|(name, _)| name.contains(arguments)).peekable();
        let is_found =
            planted.peek().is_some() && planted.all(|(name, routines)| foreign(name, routines).is_some());
        if !is_found {
            return Err(Failed::from(format!("{what} with {arguments}: what is planted is not found")));
        }
    }
    Ok(())
}

/// Where `planted_foreign` plants something.
const PLANTED: [&str; 4] = [
    "switchlab_kernel::measure::exchange::hand_over",
    "switchlab_kernel::experiments::ring::pass_on",
    "switchlab_kernel::experiments::fan::answer",
    "switchlab_kernel::experiments::policy::pairs::answer_block",
];

/// What times a block or a part of one.
const TIMES: [&str; 5] = ["time", "time_part", "part_ends", "measure_block", "measure_block_with"];

/// The calls of a contained process besides those that hand over: it makes them before and after its block, and they
/// take locks.
const UNMEASURED: [&str; 1] = ["switchlab_kernel::user::contained::further"];

/// What ring 3 enters the kernel by and does not come back from: no measured loop goes there.
const NO_RETURN: [&str; 2] =
    ["switchlab_kernel::user::process::trap", "switchlab_kernel::user::process::bad_return"];

/// By the sources: whatever ring 3 enters the kernel by is scanned.
fn all_entries() -> Verdict {
    let mut entries = BTreeSet::new();
    each_source(&workspace::root().join("kernel/src/user"), |path, source| {
        let module = module(&Path::new("user").join(path));
        let functions = source.split("extern \"C\" fn ").skip(1);
        let names = functions.filter_map(|function| function.split(['<', '(']).next());
        entries.extend(names.filter(|name| !name.is_empty()).map(|name| format!("{module}::{name}")));
    })?;
    equal(
        "the handler of system calls",
        entries.contains("switchlab_kernel::user::system_call::handle"),
        true,
    )?;
    let is_missing = |entry: &&String| !ENTERED.iter().chain(&NO_RETURN).any(|path| path == entry);
    equal("entries that are not scanned", entries.iter().find(is_missing), None)
}

/// Who times blocks without a loop in [`LOOPS`], and where that loop is.
const WITHOUT_A_LOOP: [(&str, &str); 4] = [
    ("experiments/hierarchy.rs", "in the levels of one task"),
    ("experiments/hierarchy/process.rs", "in ring 3; what it enters the kernel by is scanned"),
    ("experiments/ways/mod.rs", "between the two readings themselves"),
    ("qualify.rs", "between the two readings themselves"),
];

/// By the sources of the whole kernel: each file that times a block has its block scanned, and its loops.
fn all_timed() -> Verdict {
    let (mut timed, mut without, mut missing) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    each_source(&workspace::root().join("kernel/src"), |path, source| {
        if path == Path::new("measure.rs") || !TIMES.iter().any(|name| calls(source, name)) {
            return;
        }
        timed.insert(path.to_owned());
        let module = module(path);
        if !LOOPS.iter().any(|path| path.rsplit_once("::").is_some_and(|(of, _)| of == module)) {
            without.insert(path.to_owned());
        }
        let loops = looping(source).map(|name| format!("{module}::{name}"));
        missing.extend(loops.filter(|path| !LOOPS.contains(&path.as_str())));
    })?;
    let files = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<BTreeSet<_>>();
    equal("files that time a block", timed, files(&BLOCKS.map(|(file, _)| file)))?;
    equal("files that time a block without a loop", without, files(&WITHOUT_A_LOOP.map(|(file, _)| file)))?;
    equal("loops that are not scanned", missing, Vec::new())
}

/// The module of a file below the kernel's sources.
fn module(path: &Path) -> String {
    let path = path.with_extension("");
    let parts = path.iter().map(|part| part.to_string_lossy()).filter(|part| part != "mod");
    parts.fold("switchlab_kernel".to_owned(), |module, part| format!("{module}::{part}"))
}

/// Whether `source` has a call of the function `name`, not of one whose name ends alike.
fn calls(source: &str, name: &str) -> bool {
    let call = format!("{name}(");
    let is_own = |(place, _): (usize, &str)| {
        !source[..place].ends_with(|before: char| before.is_alphanumeric() || "_.".contains(before))
    };
    source.match_indices(&call).any(is_own)
}

/// The functions of `source` that are kept apart from who calls them, and have a loop.
fn looping(source: &str) -> impl Iterator<Item = &str> {
    source.split("#[inline(never)]\n").skip(1).filter_map(|function| {
        let (function, _) = function.split_once("\n}\n")?;
        let (_, name) = function.split_once("fn ")?;
        let has_loop = ["for ", "while ", "loop "].iter().any(|word| {
            function
                .lines()
                .any(|line| line.trim_start().starts_with(word) || line.contains(&format!("= {word}")))
        });
        name.split(['<', '(']).next().filter(|_| has_loop)
    })
}

/// The loops of each path, at least one, with their code.
fn loops_of(kernel: &Path, paths: &[&str]) -> Result<Vec<Vec<Loop>>, Failed> {
    let loops = of_loops(kernel, paths)?;
    for (path, loops) in paths.iter().zip(&loops) {
        let is_empty =
            |routines: &[Routine]| routines.first().is_none_or(|routine| routine.groups.is_empty());
        match loops.iter().find(|(_, routines)| is_empty(routines)) {
            None if loops.is_empty() => return Err(Failed::from(format!("no {path}"))),
            Some((name, _)) => return Err(Failed::from(format!("no loop in {name}"))),
            None => {}
        }
    }
    Ok(loops)
}

/// What is foreign in the loop of this name and in all that it calls.
fn foreign(name: &str, routines: &[Routine]) -> Option<String> {
    let may_lock = OF_FREE_TASKS.iter().any(|of| name.contains(of));
    routines.iter().find_map(|routine| {
        let is_foreign = |file: &&str| {
            FOREIGN.iter().any(|foreign| file.starts_with(foreign)) || *file == MEASURED_LOCK && !may_lock
        };
        let file = routine.groups.iter().filter_map(|group| group.file.as_deref()).find(is_foreign);
        let is_named = FOREIGN_NAMES.iter().any(|name| routine.name.contains(name));
        (is_named || file.is_some()).then(|| format!("{} ({file:?})", routine.name))
    })
}
