//! A log is read whole or not at all.

use std::borrow::Cow;

use proptest::prelude::*;
use switchlab_records::{
    Count, Crash, EVENTS_IN_A_RECORD, End, FORMAT_VERSION, Failure, FrameError, LogError, MAX_LINE, Mark,
    Marks, Mode, Offset, Pass, Record, Start, Status, Subject, Unit, encode, parse_frame, read_log,
};

fn start() -> Record<'static> {
    Record::Start(Start {
        kernel: "switchlab".into(),
        version: "0.1.0".into(),
        command_line: "runs=\"5\" \\ é".into(),
        parameters: "runs=5".into(),
    })
}

fn count(value: u64) -> Record<'static> {
    Record::Count(Count { name: "things".into(), value })
}

fn end(status: Status, records: u64) -> Record<'static> {
    Record::End(End { status, records })
}

fn lines(records: &[Record<'_>]) -> String {
    let mut log = String::from("human words first\r\n");
    for (sequence, record) in records.iter().enumerate() {
        let mut line = [0; MAX_LINE];
        let length = encode(sequence as u64, record, &mut line).expect("fits");
        log.push_str(std::str::from_utf8(&line[..length]).expect("is text"));
        log.push_str("between\n");
    }
    log
}

fn whole() -> String {
    lines(&[start(), count(u64::MAX), count(0), end(Status::Pass, 4)])
}

#[test]
fn whole_log_reads_back() {
    let text = whole();
    let log = read_log(&text);
    assert_eq!(log.problem, None);
    assert_eq!(log.records, [start(), count(u64::MAX), count(0), end(Status::Pass, 4)]);
    assert!(log.passed());
}

#[test]
fn record_line_is_what_the_documentation_shows() {
    let mut line = [0; MAX_LINE];
    let length = encode(17, &count(3), &mut line).expect("fits");
    assert_eq!(
        std::str::from_utf8(&line[..length]),
        Ok("@sl 4 17 {\"count\":{\"name\":\"things\",\"value\":3}} 76dc4fe0\n")
    );
}

#[test]
fn offset_to_the_past_reads_back() {
    let offset = Record::Offset(Offset {
        cpu: 11,
        against: 0,
        rounds: 16,
        offset_ticks: -12,
        bound_ticks: u64::MAX,
        steps_back: 1,
        largest_step_back_ticks: 7,
        own_steps_back: 0,
    });
    let text = lines(&[start(), offset.clone(), end(Status::Pass, 3)]);
    assert!(text.contains("\"offset_ticks\":-12,\"bound_ticks\":18446744073709551615,"), "{text}");
    assert_eq!(read_log(&text).records.get(1), Some(&offset));
}

#[test]
fn longest_part_of_a_trace_fits_and_reads_back() {
    let events = vec![(u8::MAX, u64::MAX); EVENTS_IN_A_RECORD];
    let marks = Record::Marks(Marks { part: u32::MAX, cpu: u32::MAX, start_ticks: u64::MAX, events });
    let text = lines(&[start(), marks.clone(), end(Status::Pass, 3)]);
    assert_eq!(read_log(&text).records.get(1), Some(&marks));
}

#[test]
fn mark_is_its_number_in_a_record() {
    let events = vec![(Mark::HandoffBegins.number(), 0), (Mark::IpiSent.number(), 36)];
    let text = lines(&[start(), Record::Marks(Marks { part: 1, cpu: 0, start_ticks: 9, events })]);
    assert!(text.contains("\"events\":[[1,0],[6,36]]"), "{text}");
    for (mark, number) in Mark::ALL.into_iter().zip(1..) {
        assert_eq!((mark.number(), Mark::try_from(number)), (number, Ok(mark)));
    }
}

#[test]
fn number_that_is_no_marks_is_an_error() {
    for number in [0, 19, 255] {
        let what = Mark::try_from(number).map_err(|error| error.to_string());
        assert_eq!(what, Err(format!("{number} is the number of no mark: they go from 1 to 18")));
    }
}

#[test]
fn too_short_buffer_is_an_error_not_a_panic() {
    let mut line = [0; MAX_LINE];
    let length = encode(0, &start(), &mut line).expect("fits");
    for short in 0..length {
        assert!(encode(0, &start(), &mut line[..short]).is_err());
    }
}

#[test]
fn empty_log_is_an_error() {
    assert_eq!(read_log("").problem, Some(LogError::Empty));
    assert_eq!(read_log("only words\n").problem, Some(LogError::Empty));
}

#[test]
fn log_without_end_is_an_error() {
    assert_eq!(read_log(&lines(&[start(), count(1)])).problem, Some(LogError::NoEnd));
}

#[test]
fn log_without_start_is_an_error() {
    assert_eq!(read_log(&lines(&[end(Status::Pass, 1)])).problem, Some(LogError::NoStart));
}

#[test]
fn gap_in_the_sequence_is_an_error() {
    let text = whole();
    let without: String = text
        .lines()
        .filter(|line| !line.starts_with(&format!("@sl {FORMAT_VERSION} 1 ")))
        .collect::<Vec<_>>()
        .join("\n")
        + "\n";
    // Behind three lines of words and the first record.
    let gap = LogError::Sequence { line: 5, expected: 1, found: 2 };
    assert_eq!(read_log(&without).problem, Some(gap));
}

#[test]
fn numbers_and_checksums_have_one_form() {
    const JSON: &str = "{\"count\":{\"name\":\"things\",\"value\":3}}";
    let parse = |version: &str, number: &str, checksum: &str| {
        let line = format!("@sl {version} {number} {JSON} {checksum}");
        parse_frame(&line).expect("it has the prefix").map(|frame| frame.sequence)
    };
    let version = FORMAT_VERSION.to_string();
    assert_eq!(parse(&version, "17", "76dc4fe0"), Ok(17));
    for (version, number, checksum) in [
        (&*format!("+{version}"), "17", "76dc4fe0"),
        (&*format!("0{version}"), "17", "76dc4fe0"),
        (&*version, "+17", "76dc4fe0"),
        (&*version, "017", "76dc4fe0"),
        (&*version, "17", "76DC4FE0"),
        (&*version, "17", "076dc4fe0"),
    ] {
        let found = parse(version, number, checksum);
        assert_eq!(found, Err(FrameError::Malformed), "{version} {number} {checksum}");
    }
}

#[test]
fn record_after_the_end_is_an_error() {
    let text = lines(&[start(), end(Status::Pass, 2), count(1)]);
    assert!(matches!(read_log(&text).problem, Some(LogError::AfterEnd { .. })));
}

#[test]
fn other_version_is_named() {
    let other = FORMAT_VERSION + 1;
    let line = format!("@sl {other} 0 anything at all");
    assert_eq!(parse_frame(&line), Some(Err(FrameError::Version(other))));
}

#[test]
fn log_of_another_version_says_whose_xtask_reads_it() {
    for (version, whose) in
        [(FORMAT_VERSION - 1, "the kernel is older"), (FORMAT_VERSION + 1, "the kernel is newer")]
    {
        let problem = read_log(&format!("@sl {version} 0 anything\n")).problem.expect("another version");
        assert!(problem.to_string().contains(whose), "{problem}");
    }
}

#[test]
fn unknown_field_of_a_known_record_is_named() {
    let json = "{\"count\":{\"name\":\"things\",\"value\":1,\"trust\":2}}";
    let checksum =
        crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(format!("{FORMAT_VERSION} 1 {json}").as_bytes());
    let line = format!("@sl {FORMAT_VERSION} 1 {json} {checksum:08x}\n");
    let text = lines(&[start()]).replace("between\n", &line);
    let problem = read_log(&text).problem.expect("unknown").to_string();
    assert!(
        problem.contains(&format!("no record of format {FORMAT_VERSION}"))
            && problem.contains("unknown field `trust`"),
        "{problem}"
    );
}

#[test]
fn unknown_record_of_the_right_format_is_named() {
    let json = "{\"teleport\":{\"to\":1}}";
    let checksum =
        crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(format!("{FORMAT_VERSION} 1 {json}").as_bytes());
    let line = format!("@sl {FORMAT_VERSION} 1 {json} {checksum:08x}\n");
    let text = lines(&[start()]).replace("between\n", &line);
    let problem = read_log(&text).problem.expect("unknown").to_string();
    let due = format!(
        "line 3: no record of format {FORMAT_VERSION} as this tool knows it (unknown variant `teleport`"
    );
    assert!(problem.starts_with(&due), "{problem}");
}

#[test]
fn end_that_contradicts_the_failures_is_an_error() {
    let failure = Record::Failure(Failure { what: Cow::Borrowed("counts differ") });
    assert_eq!(
        read_log(&lines(&[start(), failure.clone(), end(Status::Pass, 3)])).problem,
        Some(LogError::EndStatus)
    );
    assert_eq!(read_log(&lines(&[start(), end(Status::Fail, 2)])).problem, Some(LogError::EndStatus));
    let log = lines(&[start(), failure, end(Status::Fail, 3)]);
    assert_eq!(read_log(&log).problem, None);
    assert!(!read_log(&log).passed());
}

#[test]
fn crash_is_found_behind_a_torn_line() {
    let crash = Crash {
        cpu: 3,
        task: None,
        message: "page fault".into(),
        location: "".into(),
        vector: Some(14),
        error_code: 2,
        rip: 1,
        cr2: 0,
        rsp: 8,
    };
    let mut text = lines(&[start(), count(1), Record::Crash(crash)]);
    text = text.replacen("{\"count\"", "{\"co", 1);
    let log = read_log(&text);
    assert!(log.problem.is_some());
    assert_eq!(log.crash.expect("found").cpu, 3);
}

#[test]
fn every_cut_is_an_error() {
    let text = lines(&[start(), count(1), end(Status::Pass, 3)]);
    let last_record_ends = text.trim_end().rfind('\n').expect("several lines") + 1;
    for cut in (0..last_record_ends).filter(|&cut| text.is_char_boundary(cut)) {
        assert!(!read_log(&text[..cut]).passed(), "cut at {cut} passed");
    }
}

proptest! {
    #[test]
    fn one_changed_byte_never_reads_as_another_result(at in 0_usize..400, byte in 0x20_u8..0x7f) {
        let text = whole();
        let before = read_log(&text);
        let mut bytes = text.clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(changed) = String::from_utf8(bytes) {
            let after = read_log(&changed);
            prop_assert!(after.problem.is_some() || after.records == before.records);
        }
    }

    #[test]
    fn any_text_is_read_without_panic(text in "(@sl |[01 ]|\\{|[a-z\"}\n\r])*") {
        let _ = read_log(&text);
    }
}

#[test]
fn names_are_those_that_records_have() {
    fn same<T: serde::Serialize>(of: T, name: &str) {
        assert_eq!(serde_json::to_string(&of).expect("a name"), format!("\"{name}\""));
    }
    for unit in [Unit::Time, Unit::Instructions] {
        same(unit, unit.name());
    }
    for mode in Mode::ALL {
        same(mode, mode.name());
    }
    for subject in [Subject::Handoff, Subject::Null] {
        same(subject, subject.name());
    }
    for pass in [Pass::Batch, Pass::Sampled] {
        same(pass, pass.name());
    }
}
