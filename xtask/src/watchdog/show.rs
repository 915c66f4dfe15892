//! The table of what each CPU was found to do.

use super::culprit::{Found, InKernel, State, what};
use crate::table::Sheet;

/// A row for each CPU; those that idle alike share one.
pub fn table(all: &[Found]) -> String {
    let header =
        ["CPU", "Sent", "Taken", "Last sent", "Pending", "State", "Interrupts", "Task", "Waits for", "In"];
    let mut rows: Vec<(Vec<&Found>, Vec<String>)> = Vec::new();
    for found in all {
        let cells = cells(found);
        // What an idle CPU counted is no reason for a row of its own.
        let alike = |(group, row): &&mut (Vec<&Found>, Vec<String>)| {
            is_idle(found) && is_idle(group[0]) && row[4..] == cells[4..]
        };
        match rows.iter_mut().find(alike) {
            Some((group, _)) => group.push(found),
            None => rows.push((vec![found], cells)),
        }
    }
    let rows = rows.into_iter().map(|(group, mut cells)| {
        cells[0] = numbers(&group);
        if group.len() > 1 {
            let sum =
                |of: fn(InKernel) -> u64| group.iter().filter_map(|found| found.kernel).map(of).sum::<u64>();
            cells[1] = sum(|kernel| kernel.ipis_sent).to_string();
            cells[2] = sum(|kernel| kernel.ipis_taken).to_string();
            cells[3].clear();
        }
        cells
    });
    let sheet = Sheet { header: header.map(str::to_owned).into(), rows: rows.collect(), words: 7 };
    sheet.text() + "\n"
}

fn is_idle(found: &Found) -> bool {
    let rests = found.state == State::NotStarted || found.state == State::Halts && found.has_interrupts_on;
    rests
        && found.pending.is_empty()
        && found.kernel.is_none_or(|kernel| kernel.task.is_none() && !kernel.has_mail)
}

fn cells(found: &Found) -> Vec<String> {
    let kernel = found.kernel;
    let number =
        |of: fn(InKernel) -> u64| kernel.map(of).map_or_else(String::new, |number| number.to_string());
    let unacknowledged = found.in_service.iter().map(|vector| format!("{vector} (being handled)"));
    let mail = kernel.filter(|kernel| kernel.has_mail).map(|_| "inbox".to_owned());
    let pending = found.pending.iter().cloned().chain(unacknowledged).chain(mail);
    let state = match found.state {
        State::Runs => "runs",
        State::Halts => "halts",
        State::NotStarted => "not started",
    };
    let task = kernel.map_or_else(String::new, |kernel| match kernel.task {
        Some(task) => task.number.to_string(),
        None => "idle".into(),
    });
    vec![
        found.cpu.to_string(),
        number(|kernel| kernel.ipis_sent),
        number(|kernel| kernel.ipis_taken),
        found.sent.clone(),
        pending.collect::<Vec<_>>().join(", "),
        state.into(),
        if found.has_interrupts_on { "on" } else { "off" }.into(),
        task,
        kernel.and_then(|kernel| kernel.wait).as_ref().map_or_else(String::new, what),
        found.place.clone(),
    ]
}

/// `0`, `3–11`, `1, 4–5`.
fn numbers(group: &[&Found]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for found in group {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == found.cpu => *last = found.cpu,
            _ => ranges.push((found.cpu, found.cpu)),
        }
    }
    let text = |(first, last)| if first == last { format!("{first}") } else { format!("{first}–{last}") };
    ranges.into_iter().map(text).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::culprit::testing::{idle, message_from, waiting};
    use super::*;

    #[test]
    fn cpus_that_idle_alike_share_a_row_and_their_counts_are_added() {
        let counted = |cpu, ipis_sent| {
            let kernel = InKernel { ipis_sent, ipis_taken: 1, ..InKernel::default() };
            Found { kernel: Some(kernel), sent: "tick to CPU 0".into(), ..idle(cpu) }
        };
        let elsewhere = Found { place: "probe+0x4".into(), ..idle(3) };
        let mail = InKernel { has_mail: true, ..InKernel::default() };
        let woken = Found { kernel: Some(mail), ..idle(5) };
        let mut running = waiting(2, message_from(0));
        running.pending = vec!["wake-up".into()];
        running.in_service = vec!["tick".into()];
        let deaf = Found { has_interrupts_on: false, ..idle(7) };
        let not_started =
            Found { state: State::NotStarted, has_interrupts_on: false, kernel: None, ..idle(8) };
        let all =
            [counted(0, 2), counted(1, 3), running, elsewhere, counted(4, 5), woken, counted(6, 1), deaf];
        let all = [&all[..], &[not_started]].concat();
        insta::assert_snapshot!(table(&all));
    }
}
