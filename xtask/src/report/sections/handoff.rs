//! What one handoff does: the counts, and the loops as they were built.

use switchlab_records::ApicMode;

use crate::report::listing::{Group, Role, Routine, shown};
use crate::report::model::{Measured, Run};
use crate::table::Report;

/// What a handoff does.
pub(crate) struct Handoff {
    /// By the counts; `None` where nothing was handed over.
    pub(crate) counted: Option<String>,
    /// The listing, or why there is none.
    pub(crate) routines: Result<Vec<RoutineView>, String>,
}

/// A routine as the page shows it.
pub(crate) struct RoutineView {
    pub(crate) name: String,
    pub(crate) role: &'static str,
    pub(crate) what: Option<String>,
    pub(crate) instructions: usize,
    pub(crate) left_out: usize,
    pub(crate) groups: Vec<GroupView>,
}

/// A group of instructions as the page shows it.
pub(crate) struct GroupView {
    pub(crate) function: String,
    /// The file, where there is one.
    pub(crate) file: String,
    /// Only where the function comes up first: the same sentence is not read twice.
    pub(crate) what: Option<String>,
    pub(crate) lines: Vec<LineView>,
}

/// An instruction as the page shows it.
pub(crate) struct LineView {
    pub(crate) address: String,
    pub(crate) text: String,
    /// Line and source, where it is another than that of the instruction before.
    pub(crate) source: String,
}

impl Handoff {
    pub(crate) fn new(run: &Run<'_>, measured: &Measured<'_>) -> Self {
        // What a handoff does, it does in each boot.
        let results = measured.first();
        let report = Report::new(results, run.manifest.as_ref());
        let counted = report.findings.into_iter().find(|(label, _)| *label == "Reason").map(|(_, text)| text);
        let apic = results.cpus.map(|cpus| cpus.apic);
        let routines = run.listing.as_ref().map_err(String::clone);
        let routines = routines.map(|listing| {
            let executed = listing.routines.iter().filter(|routine| is_executed(routine, apic));
            executed.map(view).collect()
        });
        Self { counted, routines }
    }
}

/// Of the two handlers of the wake-up, one is installed.
fn is_executed(routine: &Routine, apic: Option<ApicMode>) -> bool {
    match apic {
        Some(ApicMode::Xapic) => !routine.name.contains("x2apic"),
        Some(ApicMode::X2apic) => !routine.name.contains("xapic"),
        None => true,
    }
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::Asking => "the loop of the task that asks, on one CPU as across CPUs",
        Role::Answering => "the loop of the task that answers",
        Role::Interrupt => "the handler of the wake-up, on the CPU that was halted",
        Role::FloorAsking => "the floor: the loop of the context that asks",
        Role::FloorAnswering => "the floor: the loop of the context that answers",
        Role::Called => "called by these, where a branch asks for it",
    }
}

fn view(routine: &Routine) -> RoutineView {
    let mut known = Vec::new();
    let groups: Vec<_> = routine.groups.iter().map(|group| group_view(group, &mut known)).collect();
    RoutineView {
        name: routine.name.clone(),
        role: role(routine.role),
        what: routine.what.clone(),
        instructions: routine.groups.iter().map(|group| group.instructions.len()).sum(),
        left_out: routine.left_out,
        groups,
    }
}

fn group_view(group: &Group, known: &mut Vec<String>) -> GroupView {
    let is_new = !known.contains(&group.function);
    if is_new {
        known.push(group.function.clone());
    }
    let mut before = None;
    let lines = group.instructions.iter().map(|instruction| {
        let source = match (instruction.line, &instruction.source) {
            (Some(line), Some(source)) if before != Some(line) => format!("{line}: {source}"),
            _ => String::new(),
        };
        before = instruction.line;
        let address = shown(instruction.address);
        LineView { address, text: instruction.text.clone(), source }
    });
    GroupView {
        function: group.function.clone(),
        file: group.file.clone().unwrap_or_default(),
        what: group.what.clone().filter(|_| is_new),
        lines: lines.collect(),
    }
}
