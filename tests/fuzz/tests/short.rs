//! The short form: a million inputs, and a golden log that is cut at each byte and has each bit flipped.

use switchlab_fuzz::targets::golden_log;
use switchlab_fuzz::{TARGETS, Target, feed};
use switchlab_records::read_log;

const INPUTS: u64 = 1_000_000;

fn short(name: &str) {
    let shares: u64 = TARGETS.iter().map(|target| target.share).sum();
    let target: &Target = TARGETS.iter().find(|target| target.name == name).expect("a target");
    let fed = feed(target, INPUTS * target.share / shares, 20_261_130).unwrap_or_else(|failed| {
        panic!("{name}: {}: {:?}", failed.why, String::from_utf8_lossy(&failed.input))
    });
    eprintln!("{name}: {fed:?}");
    // Neither so damaged that most are refused, nor so little that none is.
    assert!(fed.taken * 1_000 >= fed.inputs * target.taken, "{name}: {fed:?}");
    assert!(fed.taken < fed.inputs, "{name}: {fed:?}");
}

#[test]
fn records_are_taken_or_refused() {
    short("record");
}

#[test]
fn logs_are_taken_or_refused() {
    short("log");
}

#[test]
fn logs_of_linux_guests_are_taken_or_refused() {
    short("guest-log");
}

#[test]
fn tables_of_the_firmware_are_taken_or_refused() {
    short("acpi");
}

#[test]
fn start_infos_are_taken_or_refused() {
    short("pvh");
}

#[test]
fn kernels_are_taken_or_refused() {
    short("elf");
}

#[test]
fn parameters_are_taken_or_refused() {
    short("parameters");
}

#[test]
fn tables_of_runs_are_taken_or_refused() {
    short("csv");
}

#[test]
fn kept_json_is_taken_or_refused() {
    short("json");
}

#[test]
fn texts_of_the_monitor_are_taken_or_refused() {
    short("monitor");
}

#[test]
fn memory_of_guests_that_hang_is_taken_or_refused() {
    short("memory");
}

#[test]
fn all_shares_are_all() {
    assert_eq!(TARGETS.iter().map(|target| target.share).sum::<u64>(), 1_000);
}

#[test]
fn golden_log_that_is_cut_or_has_a_bit_flipped_is_refused_or_reads_the_same() {
    let golden = golden_log();
    assert!((2 << 10..=8 << 10).contains(&golden.len()), "{} bytes", golden.len());
    let whole = read_log(&golden);
    assert!(whole.passed());
    let mut refused = [0_usize; 2];
    let mut look = |bytes: &[u8], kind: usize, what: &dyn std::fmt::Display| {
        let text = String::from_utf8_lossy(bytes);
        let log = read_log(&text);
        assert!(!log.passed() || log.records == whole.records, "{what}: another log is taken for it");
        refused[kind] += usize::from(!log.passed());
    };
    for end in 0..golden.len() {
        look(&golden.as_bytes()[..end], 0, &format_args!("cut at {end}"));
    }
    let mut bytes = golden.clone().into_bytes();
    for bit in 0..8 * bytes.len() {
        bytes[bit / 8] ^= 1 << (bit % 8);
        look(&bytes, 1, &format_args!("bit {bit}"));
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    // What ends in the last newline is whole; of the human words nothing is checked.
    let words = golden.find("@sl").expect("a record");
    assert!(refused[0] >= golden.len() - 2, "{} of {} cuts are refused", refused[0], golden.len());
    assert!(refused[1] + 8 * words >= 8 * golden.len(), "{} flips are refused", refused[1]);
}
