//! What is shown of the rings: a table by size, and what follows from it.

use switchlab_core::format::Grouped;

use super::{Cost, Knee, Lines, Rings, SHOWS, Size};
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
        "Lines in order",
        "Growth to them",
        "Lines shuffled",
        "Growth to them",
    ];
    let first = rings.sizes.first().map_or(0.0, |size| size.switch.median_ns);
    let row = |size: &Size| {
        let dash = || "-".to_owned();
        let lines = |lines: Option<&Lines>| lines.map_or_else(dash, |lines| time(lines.all_ns));
        let growth = |lines: Option<&Lines>| {
            lines.and_then(|lines| lines.growth).map_or_else(dash, |growth| format!("{growth:.2}x"))
        };
        vec![
            Grouped(size.tasks).to_string(),
            time(size.switch.median_ns),
            interval(&size.switch),
            format!("{:.2}x", size.switch.median_ns / first),
            lines(size.in_order.as_ref()),
            growth(size.in_order.as_ref()),
            lines(size.shuffled.as_ref()),
            growth(size.shuffled.as_ref()),
        ]
    };
    Sheet { header: header.map(str::to_owned).into(), rows: rings.sizes.iter().map(row).collect(), words: 0 }
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
            findings.extend(growth(&rings.sizes, touched.lines()).map(|text| ("Growth", text)));
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
            "the first ring from which on a switch is more than half of the way (by the ratio) from the largest that fits the \
             cache to the largest that fits the next; none below {SHOWS} times"
        ),
    ));
    findings
}

/// Where a switch grows the most over the smallest ring, beside the lines that it must touch there.
fn growth(sizes: &[Size], lines: u64) -> Option<String> {
    let most = |of: fn(&Size) -> Option<&Lines>| {
        let growths = sizes.iter().filter_map(|size| Some((size.tasks, of(size)?.growth?)));
        growths.max_by(|(_, one), (_, other)| one.total_cmp(other))
    };
    let (in_order, shuffled) = (most(|size| size.in_order.as_ref())?, most(|size| size.shuffled.as_ref())?);
    let text =
        |(tasks, growth): (u64, f64)| format!("at most {growth:.2} times (with {} tasks)", Grouped(tasks));
    Some(format!(
        "over the smallest ring a switch grows by {} what its {} alone take in the ring's order, and by {} what they \
         take where nothing can be fetched ahead",
        text(in_order),
        plural(lines, "line"),
        text(shuffled)
    ))
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
