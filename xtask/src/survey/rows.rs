//! The points as CSV: a row for each, a column for each coordinate and each further count.

use super::{Survey, owned};

const BEFORE: [&str; 3] = ["run", "position", "series"];
const BEHIND: [&str; 12] = [
    "handoffs",
    "ticks",
    "total",
    "one_way",
    "unit",
    "switches",
    "ipis_sent",
    "ipis_taken",
    "halts",
    "host_wall_us",
    "host_cpu_us",
    "void",
];
const ABSENT: &str = "absent";

pub(super) fn csv(survey: &Survey<'_>) -> anyhow::Result<String> {
    let at: Vec<String> = names(
        survey
            .points
            .iter()
            .flat_map(|result| owned(&result.point.at))
            .chain(survey.absent.iter().flat_map(|absent| owned(&absent.at))),
    );
    let also = names(survey.points.iter().flat_map(|result| owned(&result.point.also)));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header(&at, &also))?;
    let cell = |named: &[(String, u64)], name: &String| {
        named.iter().find(|(of, _)| of == name).map_or_else(String::new, |(_, number)| number.to_string())
    };
    for result in &survey.points {
        let point = &result.point;
        let mut row = vec![point.run.to_string(), point.position.to_string(), point.series.to_string()];
        row.extend(at.iter().map(|name| cell(&owned(&point.at), name)));
        row.extend([point.handoffs, point.ticks].map(|number| number.to_string()));
        row.extend([result.total.to_string(), result.one_way.to_string(), survey.unit.to_owned()]);
        let counts = &point.counts;
        let counts = [counts.switches, counts.ipis_sent, counts.ipis_taken, counts.halts];
        row.extend(counts.map(|number| number.to_string()));
        row.extend(result.host.map_or_else(Default::default, |host| {
            [host.wall_us, host.cpu_us].map(|number| number.to_string())
        }));
        row.push(if result.void { "void".into() } else { String::new() });
        row.extend(also.iter().map(|name| cell(&owned(&point.also), name)));
        row.push(String::new());
        writer.write_record(row)?;
    }
    for absent in &survey.absent {
        let mut row = vec![String::new(), String::new(), absent.series.to_string()];
        row.extend(at.iter().map(|name| cell(&owned(&absent.at), name)));
        row.extend(vec![String::new(); BEHIND.len() + also.len()]);
        row.push(absent.reason.to_string());
        writer.write_record(row)?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// Each once, in the order in which they come.
fn names(all: impl Iterator<Item = (String, u64)>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (name, _) in all {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// No name stands over two columns.
fn header(at: &[String], also: &[String]) -> Vec<String> {
    let fixed: Vec<&str> = BEFORE.into_iter().chain(BEHIND).chain([ABSENT]).collect();
    let told = |prefix: &str, name: &String, taken: bool| {
        if taken { format!("{prefix}-{name}") } else { name.clone() }
    };
    let mut header: Vec<String> = BEFORE.map(str::to_owned).into();
    header.extend(at.iter().map(|name| told("at", name, fixed.contains(&&**name))));
    header.extend(BEHIND.map(str::to_owned));
    header.extend(also.iter().map(|name| told("also", name, fixed.contains(&&**name) || at.contains(name))));
    header.push(ABSENT.into());
    header
}
