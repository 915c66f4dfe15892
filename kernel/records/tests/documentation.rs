//! The page that documents the records is held against the code: what serde knows of them is on it,
//! and what is on it decodes. A record, a field or a word without documentation fails here.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use serde_reflection::{ContainerFormat, Format, Registry, Tracer, TracerConfig, VariantFormat};
use switchlab_records::{
    ApicMode, ClockPhase, FORMAT_VERSION, Guard, MAX_LINE, Mark, Mode, PREFIX, Pass, Record, Status, Subject,
    Unit, encode, parse_frame,
};

const PAGE: &str = include_str!("../../docs/records.md");

#[test]
fn every_record_has_its_section_and_no_other_is_there() {
    let types = types();
    let documented: Vec<_> = sections("## `").into_iter().map(|(name, _)| name).collect();
    let kinds: Vec<_> = kinds(&types).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(documented, kinds, "documented in kernel/docs/records.md, and there is");
}

#[test]
fn every_field_has_its_row_with_unit_and_meaning() {
    let types = types();
    let mut parts = BTreeSet::new();
    for (kind, name) in kinds(&types) {
        check_table(kind, section("## `", kind), &types, name, &mut parts);
    }
    for part in parts {
        check_table(part, section("### ", part), &types, part, &mut BTreeSet::new());
    }
}

#[test]
fn every_line_on_the_page_decodes() {
    let lines: Vec<_> = PAGE.lines().filter(|line| line.starts_with(PREFIX)).collect();
    assert!(!lines.is_empty());
    for line in lines {
        decode(line);
    }
}

#[test]
fn every_record_has_an_example_of_its_own() {
    for (kind, _) in kinds(&types()) {
        let section = section("## `", kind);
        let example = section.lines().find(|line| line.starts_with(PREFIX));
        let example = example.unwrap_or_else(|| panic!("`{kind}`: no line that starts with {PREFIX}"));
        assert!(example.contains(&format!(" {{\"{kind}\":{{")), "`{kind}`: {example}");
    }
}

#[test]
fn field_that_is_added_or_left_out_is_no_record() {
    let mut parts = 0;
    for line in PAGE.lines().filter(|line| line.starts_with(PREFIX)) {
        let whole: Value = serde_json::from_str(json_of(line)).expect("JSON");
        let mut places = Vec::new();
        objects(&whole, "", &mut places);
        for place in places {
            parts += 1;
            let change = |change: &dyn Fn(&mut Map<String, Value>)| {
                let mut other = whole.clone();
                let object = other.pointer_mut(&place).and_then(Value::as_object_mut);
                change(object.expect("a place of an object"));
                let text = other.to_string();
                serde_json::from_str::<Record<'_>>(&text).map(|_| ()).map_err(|error| error.to_string())
            };
            let added = change(&|object| drop(object.insert("added".into(), 1.into())));
            assert!(added.is_err_and(|why| why.contains("unknown field `added`")), "{place}: {line}");
            for field in whole.pointer(&place).and_then(Value::as_object).expect("an object").keys() {
                let without = change(&|object| drop(object.remove(field)));
                let named = format!("missing field `{field}`");
                assert!(without.is_err_and(|why| why.contains(&named)), "{place}/{field}: {line}");
            }
        }
    }
    assert!(parts > kinds(&types()).len(), "{parts}");
}

/// The places of all objects in a record, but for the outermost, whose only key is the record's kind.
fn objects(value: &Value, place: &str, found: &mut Vec<String>) {
    for (key, part) in value.as_object().into_iter().flatten() {
        if part.is_object() {
            let place = format!("{place}/{key}");
            objects(part, &place, found);
            found.push(place);
        }
    }
}

#[test]
fn page_says_the_format_that_the_code_has() {
    let said = format!("The format is {FORMAT_VERSION}.");
    assert!(PAGE.contains(&said), "no `{said}`");
}

#[test]
fn every_mark_is_on_the_page() {
    let section = section("## `", "marks");
    let rows = Mark::ALL.map(|mark| format!("\n| {} | `{}` | ", mark.number(), mark.name()));
    let places: Vec<_> =
        rows.iter().map(|row| section.find(row).unwrap_or_else(|| panic!("no `{row}`"))).collect();
    assert!(places.is_sorted(), "the marks are not in their order");
}

/// Every type that a record is made of, with its fields or its words, as serde sees them.
fn types() -> Registry {
    let mut tracer = Tracer::new(TracerConfig::default());
    // Each word of a type of words; tracing a record meets one word of each only.
    tracer.trace_simple_type::<ApicMode>().expect("words");
    tracer.trace_simple_type::<ClockPhase>().expect("words");
    tracer.trace_simple_type::<Guard>().expect("words");
    tracer.trace_simple_type::<Mode>().expect("words");
    tracer.trace_simple_type::<Pass>().expect("words");
    tracer.trace_simple_type::<Status>().expect("words");
    tracer.trace_simple_type::<Subject>().expect("words");
    tracer.trace_simple_type::<Unit>().expect("words");
    tracer.trace_simple_type::<Record<'_>>().expect("records");
    tracer.registry().expect("all words are known; a new type of words is to be named above")
}

/// The kind of each record, and the name of its type, in the code's order.
fn kinds(types: &Registry) -> Vec<(&str, &str)> {
    let ContainerFormat::Enum(variants) = &types["Record"] else { panic!("Record is an enum") };
    variants.values().map(|variant| (variant.name.as_str(), payload(&variant.value))).collect()
}

fn payload(variant: &VariantFormat) -> &str {
    match variant {
        VariantFormat::NewType(format) => match &**format {
            Format::TypeName(name) => name,
            other => panic!("{other:?} is no type of a record"),
        },
        other => panic!("{other:?} is no record"),
    }
}

/// The sections whose headings start with `mark`, with their text, in the page's order.
fn sections(mark: &str) -> Vec<(&'static str, &'static str)> {
    let mut found = Vec::new();
    let mut rest = PAGE;
    while let Some(at) = rest.find(&format!("\n{mark}")) {
        let (heading, text) = rest[at + 1 + mark.len()..].split_once('\n').expect("a heading is a line");
        let end = text.find("\n#").unwrap_or(text.len());
        found.push((heading.trim_end_matches('`'), &text[..end]));
        rest = text;
    }
    found
}

fn section(mark: &str, name: &str) -> &'static str {
    let found = sections(mark).into_iter().find(|(heading, _)| *heading == name);
    found.unwrap_or_else(|| panic!("kernel/docs/records.md has no section `{mark}{name}`")).1
}

/// Holds the table of `section` against the fields of type `name`; notes the types that need a section
/// of their own.
fn check_table<'a>(
    title: &str,
    section: &'static str,
    types: &'a Registry,
    name: &str,
    parts: &mut BTreeSet<&'a str>,
) {
    let ContainerFormat::Struct(fields) = &types[name] else { panic!("{name} is no struct") };
    let rows: Vec<[&str; 3]> = section.lines().filter_map(row).collect();
    let documented: Vec<_> = rows.iter().map(|[field, ..]| *field).collect();
    let there_are: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(documented, there_are, "`{title}`: fields in kernel/docs/records.md, and there are");
    for (field, [_, unit, meaning]) in fields.iter().zip(rows) {
        let place = format!("`{title}`, `{}`: {unit}: {meaning}", field.name);
        assert!(!unit.is_empty() && !meaning.is_empty(), "{place}: without unit or meaning");
        for (ending, due) in [("ticks", "ticks"), ("_hz", "Hz"), ("_bytes", "bytes")] {
            assert!(!field.name.ends_with(ending) || unit.starts_with(due), "{place}: the unit is {due}");
        }
        match &field.value {
            Format::I64 | Format::I32 => assert!(unit.contains("negative"), "{place}: may be negative"),
            Format::Option(_) => assert!(unit.contains("null"), "{place}: may be null"),
            Format::Bool => assert_eq!(unit, "true, false", "{place}"),
            Format::TypeName(part) => match &types[part] {
                ContainerFormat::Enum(words) => words.values().for_each(|word| {
                    assert!(meaning.contains(&format!("`{}`", word.name)), "{place}: no `{}`", word.name);
                }),
                _ => {
                    parts.insert(part);
                    let link = format!("](#{})", part.to_lowercase());
                    assert!(unit.contains(&link), "{place}: the unit links to its section by {link}");
                }
            },
            _ => {}
        }
    }
}

/// The three cells of a table's row; `None` for its head and for other lines.
fn row(line: &'static str) -> Option<[&'static str; 3]> {
    let cells = line.strip_prefix("| `")?.strip_suffix(" |")?;
    let (field, rest) = cells.split_once("` | ")?;
    let (unit, meaning) = rest.split_once(" | ")?;
    Some([field, unit, meaning])
}

/// Decodes a line of the page; a failure says what the line is as the code writes it.
fn decode(line: &str) {
    let sequence = line.split(' ').nth(2).unwrap_or_else(|| panic!("{line}: no record line"));
    let json = json_of(line);
    let record: Record<'_> = serde_json::from_str(json).unwrap_or_else(|error| panic!("{line}: {error}"));
    let mut due = vec![0; MAX_LINE];
    let length = encode(sequence.parse().expect("a number"), &record, &mut due).expect("fits");
    let due = std::str::from_utf8(&due[..length]).expect("is text").trim_end();
    assert_eq!(line, due, "on the page, and as the code writes it");
    assert!(parse_frame(line).is_some_and(|frame| frame.is_ok()), "{line}");
}

/// The JSON of a record line.
fn json_of(line: &str) -> &str {
    let rest = line.splitn(4, ' ').nth(3).unwrap_or_else(|| panic!("{line}: no record line"));
    rest.rsplit_once(' ').map_or(rest, |(json, _)| json)
}
