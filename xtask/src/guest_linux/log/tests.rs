//! Facts about the guest's log.

use super::*;
use switchlab_guest_linux::{Boot, End, Failure, Skipped};
use switchlab_records::encode;

fn line(sequence: u64, record: &Record<'_>) -> String {
    let mut line = [0; 1_024];
    let length = encode(sequence, record, &mut line).unwrap();
    // As a terminal line gives it.
    String::from_utf8_lossy(&line[..length]).replace('\n', "\r\n")
}

fn log(records: &[Record<'_>]) -> String {
    let lines = records.iter().enumerate().map(|(number, record)| line(number as u64, record));
    format!(
        "[    0.5] Linux says something\r\n{}[    5.0] reboot: Restarting system\r\n",
        lines.collect::<String>()
    )
}

fn boot() -> Record<'static> {
    Record::Boot(Boot {
        release: "6.1.0-56-cloud-amd64".into(),
        clock_source: "tsc".into(),
        cpus: 12,
        mitigations: "".into(),
    })
}

fn block() -> Block {
    Block { exchange: Exchange::FutexOther, repetition: 1, handoffs: 200, elapsed_ns: 5_000_000 }
}

fn whole() -> Vec<Record<'static>> {
    let skipped = Skipped { exchange: Exchange::GoOne, why: "no Go".into() };
    vec![boot(), Record::Block(block()), Record::Skipped(skipped), Record::End(End { records: 4 })]
}

fn refused(ending: Ending, log: &str, stderr: &str) -> (Status, String) {
    let outcome = judge(ending, log, stderr).unwrap_err();
    (outcome.status(), outcome.to_string())
}

fn invalid(log: &str) -> String {
    let (status, why) = refused(Ending::Exited(0), log, "");
    assert_eq!(status, Status::InvalidLog, "{why}");
    why
}

#[test]
fn whole_log_says_what_was_measured() {
    let log = judge(Ending::Exited(0), &log(&whole()), "").unwrap();
    assert_eq!((log.system.clock_source.as_str(), log.system.cpus), ("tsc", 12));
    assert_eq!(log.blocks, [block()]);
    assert!((log.blocks[0].one_way_ns() - 25_000.0).abs() < 1e-9);
    assert_eq!(log.skipped, [(Exchange::GoOne, "no Go".to_owned())]);
}

#[test]
fn torn_missing_double_and_cut_records_are_errors() {
    let good = log(&whole());
    assert!(invalid(&good.replace("5000000", "5000001")).contains("line 3: wrong checksum"));
    assert!(
        invalid(&good.replace("\"handoffs\"", "[ 3.1] Linux \"handoffs\""))
            .contains("line 3: wrong checksum")
    );
    let records = whole();
    let without = [line(0, &records[0]), line(2, &records[2]), line(3, &records[3])].concat();
    assert!(invalid(&without).contains("line 2: record 2 where 1 was due"));
    assert!(invalid(&log(&records[..3])).contains("the end record is missing"));
    assert!(invalid("[ 1.0] Linux\n").contains("no record in it"));
    assert!(invalid(&log(&records[1..])).contains("not the boot record"));
    let short = [boot(), Record::End(End { records: 3 })];
    assert!(invalid(&log(&short)).contains("counts 3 records, 2 came"));
    let after = [boot(), Record::End(End { records: 2 }), Record::Block(block())];
    assert!(invalid(&log(&after)).contains("after the end record"));
    let empty = Block { handoffs: 0, ..block() };
    assert!(invalid(&log(&[boot(), Record::Block(empty)])).contains("without handoffs"));
}

#[test]
fn failure_of_the_program_is_named() {
    let failure = Failure { what: "futex, one core: number 3 was due, 5 came".into() };
    let (status, why) = refused(Ending::Exited(0), &log(&[boot(), Record::Failure(failure)]), "");
    assert_eq!(status, Status::Fail);
    assert!(why.ends_with("futex, one core: number 3 was due, 5 came"), "{why}");
}

#[test]
fn panic_is_named_however_the_guest_ended() {
    let text = "thread 'main' panicked at src/x.rs:1\r\n[    3.0] Kernel panic - not syncing: Attempted to kill init! \
                exitcode=0x00000006\r\n[    3.1] CPU: 0\r\n";
    for ending in [Ending::Exited(0), Ending::Deadline] {
        let (status, why) = refused(ending, text, "");
        assert_eq!(status, Status::Crashed);
        assert!(
            why.contains("Linux panicked: Attempted to kill init! exitcode=0x00000006 (thread 'main'"),
            "{why}"
        );
    }
}

#[test]
fn other_ends_are_no_pass() {
    let good = log(&whole());
    assert_eq!(refused(Ending::Deadline, &good, "").0, Status::Deadline);
    assert_eq!(refused(Ending::Interrupted, &good, "").0, Status::Interrupted);
    assert_eq!(refused(Ending::Signalled(9), &good, "").0, Status::Crashed);
    assert_eq!(refused(Ending::Exited(33), &good, "").0, Status::Crashed);
    let (status, why) = refused(Ending::Exited(1), "", "qemu: could not load kernel\n");
    assert!(status == Status::Missing && why.contains("could not load kernel"), "{why}");
}
