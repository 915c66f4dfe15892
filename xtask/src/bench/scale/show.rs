//! What is shown of the rings: a table by size, and what follows from it.

use switchlab_core::format::Grouped;

use super::{Cost, Knee, Rings, SHOWS, Size};
use crate::manifest::plural;
use crate::table::{Sheet, labelled};

/// The table, what follows, and what the figures hang on.
pub fn text(rings: &Rings) -> String {
    let title = format!(
        "our tasks in a ring, one switch of one CPU, by their number: the median of {}\n\n",
        plural(rings.rounds as u64, "start")
    );
    format!("{title}{}\n\n{}", sheet(rings).text(), labelled(&findings(rings)))
}

fn sheet(rings: &Rings) -> Sheet {
    let header = [
        "Tasks",
        "One switch",
        "95 % interval",
        "To the first",
        "A line",
        "Lines alone",
        "Switch to lines",
        "Growth to lines",
    ];
    let first = rings.sizes.first().map_or(0.0, |size| size.switch.median_ns);
    let row = |size: &Size| {
        let dash = || "-".to_owned();
        vec![
            Grouped(size.tasks).to_string(),
            time(size.switch.median_ns),
            interval(&size.switch),
            format!("{:.2}x", size.switch.median_ns / first),
            size.line.as_ref().map_or_else(dash, |line| time(line.median_ns)),
            size.lines_ns.map_or_else(dash, time),
            size.switch_to_lines.map_or_else(dash, |ratio| format!("{ratio:.2}x")),
            size.growth_to_lines.map_or_else(dash, |ratio| format!("{ratio:.2}x")),
        ]
    };
    Sheet {
        header: header.map(str::to_owned).into(),
        rows: rings.sizes.iter().map(row).collect(),
        last_is_text: false,
    }
}

fn findings(rings: &Rings) -> Vec<(&'static str, String)> {
    let mut findings = Vec::new();
    match &rings.touched {
        Some(touched) => {
            findings.push((
                "Touched",
                format!(
                    "{} of each task and {} of its stack, {} of anything else that is its own; {} a turn; counted step \
                     by step",
                    plural(touched.task_lines, "line"),
                    plural(touched.stack_lines, "line"),
                    plural(touched.other_lines, "line"),
                    plural(touched.instructions, "instruction"),
                ),
            ));
            findings.extend(lines(&rings.sizes, touched.lines()).map(|text| ("Lines", text)));
            findings.extend(growth(&rings.sizes).map(|text| ("Growth", text)));
        }
        None => {
            let why = rings.not_counted.as_deref().unwrap_or("the program does not say why");
            findings.push(("Touched", format!("not counted: {why}")));
        }
    }
    findings.extend(rings.knees.iter().map(|knee| ("Knee", knee_text(knee))));
    let caches: Vec<_> = rings
        .caches
        .iter()
        .map(|cache| {
            let ways = if cache.ways == 0 { String::new() } else { format!(" in {} ways", cache.ways) };
            cache.name() + &ways
        })
        .collect();
    let caches = if caches.is_empty() { "not told by this system".into() } else { caches.join("; ") };
    findings.push(("Caches", format!("{caches} (sysfs, CPU 0)")));
    let host = &rings.host;
    let cpus = plural(u64::from(host.cpus), "CPU");
    findings.push(("Host", format!("{}, {cpus}, {}", host.cpu, host.system)));
    findings.push(("Built by", format!("{}, release: LTO, one codegen unit, panic = abort", host.rustc)));
    findings.push((
        "Knees",
        format!(
            "the first ring in which a switch is more than half of the way (by the ratio) from the largest that fits the \
             cache to the largest that fits the next; none below {SHOWS} times"
        ),
    ));
    findings
}

/// Whether a switch costs at most the lines that it must touch, in the largest ring, and from which on.
fn lines(sizes: &[Size], lines: u64) -> Option<String> {
    let size = sizes.last()?;
    let (alone, ratio) = (size.lines_ns?, size.switch_to_lines?);
    let is_within = |size: &Size| size.switch_to_lines.is_some_and(|ratio| ratio <= 1.0);
    let first = sizes.iter().rev().take_while(|size| is_within(size)).last();
    let verdict = first.map_or_else(
        || "more than its lines alone".into(),
        |first| format!("at most the cost of its lines, as from {} tasks on", Grouped(first.tasks)),
    );
    Some(format!(
        "with {} tasks a switch takes {}, and {lines} lines one behind the other over as much memory {}: {ratio:.2} \
         times, {verdict}",
        Grouped(size.tasks),
        time(size.switch.median_ns),
        time(alone)
    ))
}

/// Where a switch grows the most over the smallest ring, beside the lines that it must touch there.
fn growth(sizes: &[Size]) -> Option<String> {
    let most = sizes
        .iter()
        .filter_map(|size| Some((size, size.growth_to_lines?)))
        .max_by(|(_, one), (_, other)| one.total_cmp(other));
    most.map(|(size, ratio)| {
        format!(
            "over the smallest ring at most {ratio:.2} times what its lines cost alone, with {} tasks",
            Grouped(size.tasks)
        )
    })
}

fn knee_text(knee: &Knee) -> String {
    let Knee { cache, fits, within_ns, beyond_ns, knee } = knee;
    let name = cache.name();
    let times = beyond_ns / within_ns;
    let costs = format!("{} within, {} beyond, {times:.2} times", time(*within_ns), time(*beyond_ns));
    let fits = Grouped(*fits);
    match knee {
        Some(tasks) => {
            format!("{name}: at {} tasks, where the lines of {fits} fit: {costs}", Grouped(*tasks))
        }
        None => format!("{name}: none shows, where the lines of {fits} tasks fit: {costs}"),
    }
}

fn interval(cost: &Cost) -> String {
    let ends = cost.interval_ns.as_ref();
    ends.map_or_else(|| "too few starts".into(), |ends| format!("{} to {}", time(ends.low), time(ends.high)))
}

fn time(ns: f64) -> String {
    format!("{ns:.2} ns")
}
