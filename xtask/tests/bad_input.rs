//! Bad input: each a message that names the thing and what is allowed, with its own status, before
//! any guest starts.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use common::{Done, Place, golden, whole};

/// Refused before a guest, which would hang for longer than that, is waited for.
fn refused(words: &str, status: i32, named: &[&str]) {
    refused_within(Duration::from_secs(2), words, status, named);
}

fn refused_within(most: Duration, words: &str, status: i32, named: &[&str]) {
    let place = Place::new();
    let start = Instant::now();
    let done = place.run("", "hang", words);
    assert!(start.elapsed() < most, "{words}: took {:?}", start.elapsed());
    assert_eq!(done.status, Some(status), "{words}: {}", done.stderr);
    for name in named {
        assert!(done.stderr.contains(name), "{words}: no `{name}` in: {}", done.stderr);
    }
    assert!(done.stderr.starts_with("error: "), "{words}: {}", done.stderr);
    assert_eq!(place.runs(), 0, "{words}: a guest was started");
}

#[test]
fn numbers_out_of_range_are_refused() {
    refused("--smp 0", 2, &["--smp", "1..=64"]);
    refused("--smp 65", 2, &["--smp", "1..=64"]);
    refused("--exchanges 0", 2, &["--exchanges", "1..=1000000000"]);
    refused("--samples 1000000001", 2, &["--samples", "0..=1000000000"]);
    refused("--runs 0", 2, &["--runs", "1..=1000"]);
    refused("--runs many", 2, &["--runs", "many"]);
    refused("--timeout 0", 2, &["--timeout", "1..="]);
    refused("--memory 63M", 2, &["--memory", "64M to 1024G"]);
}

#[test]
fn pair_that_cannot_be_is_refused() {
    refused("--pair 0,0", 2, &["pair", "0,0 is one CPU", "two different"]);
    refused("--pair 0,12", 2, &["pair", "CPU 12 is absent", "0 to 11"]);
    refused("--pair 0,20", 2, &["CPU 20 is absent", "0 to 11", "this pair needs --smp 21 or more"]);
    refused("--smp 1 --pair 0,1", 2, &["pair", "CPU 1 is absent", "--smp 2 or more"]);
    refused("--pair 0,64", 2, &["CPU 64 is absent", "--smp goes up to 64"]);
    refused("--pair 0", 2, &["--pair", "A,B"]);
}

#[test]
fn unknown_experiment_is_refused_with_those_that_are_known() {
    refused("--experiment fast", 2, &["fast", "classic"]);
}

#[test]
fn missing_qemu_is_named_with_what_brings_it() {
    refused("--qemu /no/such/qemu", 5, &["`/no/such/qemu`", "--qemu", "install"]);
}

#[test]
fn qemu_that_does_not_start_is_named() {
    refused("--qemu /bin/false", 5, &["QEMU does not start", "/bin/false"]);
}

#[test]
fn host_cpus_that_are_none_are_refused() {
    refused("--host-cpus x", 2, &["--host-cpus x", "0,2-3"]);
    refused("--host-cpus 4000", 2, &["--host-cpus 4000"]);
}

#[test]
fn kernel_larger_than_the_memory_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let kernel = folder.path().join("kernel");
    fs::File::create(&kernel).and_then(|file| file.set_len(61 << 20)).expect("a large file");
    refused(
        &format!("--kernel {} --memory 64M", kernel.display()),
        2,
        &["61 MiB do not fit in --memory 64M", "give more"],
    );
}

#[test]
fn qemus_own_options_for_what_xtask_sets_are_refused() {
    refused("-- -smp 2", 2, &["-smp behind `--`", "--smp"]);
    refused("-- -cpu qemu64", 2, &["-cpu behind `--`", "--cpu"]);
}

#[test]
fn what_cannot_count_instructions_is_refused() {
    for accel in ["kvm", "hvf"] {
        let done = Place::new().call(&["run", "--deterministic", "--accel", accel]);
        let named = format!("error: --accel {accel} with --deterministic");
        assert!(done.status == Some(2) && done.stderr.starts_with(&named), "{}", done.stderr);
    }
    refused("--deterministic --tcg-thread multi", 2, &["--tcg-thread multi with --deterministic"]);
    refused("--deterministic -- -icount shift=3", 2, &["-icount behind `--` with --deterministic"]);
    refused("--deterministic -- -rtc base=utc", 2, &["-rtc behind `--` with --deterministic"]);
}

#[test]
fn boots_that_cannot_be_are_refused() {
    refused("--boots 0", 2, &["--boots", "1..=1000"]);
    refused("--seed 5", 2, &["--seed without --boots"]);
    refused("--boots --kernel bad_input.rs", 2, &["--boots with --kernel"]);
    refused("--boots --append seed=5", 2, &["--append seed= with --boots", "--seed S"]);
    refused("--until-stable 0", 2, &["--until-stable", "up to 100"]);
    refused("--until-stable 5%", 2, &["--until-stable", "up to 100"]);
    refused("--until-stable 5 --smp 1", 2, &["--until-stable with --smp 1"]);
    refused("--until-stable 5 --max-boots 5", 2, &["--max-boots 5", "--boots 10"]);
    refused("--max-boots 5", 2, &["--until-stable"]);
}

#[test]
fn qemu_that_hangs_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let qemu = folder.path().join("qemu");
    fs::write(&qemu, "#!/bin/sh\nexec sleep 60\n").expect("a script");
    fs::set_permissions(&qemu, PermissionsExt::from_mode(0o755)).expect("a script");
    // Half of what this one sleeps, and far beyond what QEMU is given to say its version.
    let most = Duration::from_secs(30);
    let words = format!("--qemu {}", qemu.display());
    refused_within(most, &words, 5, &["QEMU does not start", "did not end within"]);
}

#[test]
fn kernel_that_is_no_file_is_named() {
    refused("--kernel /dev/null", 2, &["--kernel /dev/null", "not a regular file"]);
}

#[test]
fn missing_kernel_file_is_named() {
    refused("--kernel no-such-kernel", 2, &["--kernel no-such-kernel", "No such file"]);
}

#[test]
fn folder_that_cannot_be_written_is_named() {
    refused("--out /proc/no", 2, &["--out /proc/no", "a folder that can be written"]);
    refused("--out /dev/null", 2, &["--out /dev/null"]);
}

#[test]
fn malformed_log_is_refused_by_replay() {
    let place = Place::new();
    let cut = golden::log(&golden::classic(12, 2, 1_000));
    let garbled = whole().replacen("\"run\":1", "\"run\":7", 1);
    for (text, reason) in
        [("", "no record in it"), (&*cut, "end record is missing"), (&garbled, "wrong checksum")]
    {
        place.write("log", text);
        let done = place.call(&["replay", "log"]);
        assert_eq!(done.status, Some(6), "{}", done.stderr);
        assert!(done.stderr.contains(reason) && done.stdout.is_empty(), "{}", done.stderr);
    }
    let done = place.call(&["replay", "no-such-log"]);
    assert_eq!(done.status, Some(2), "{}", done.stderr);
    assert!(done.stderr.contains("no-such-log"), "{}", done.stderr);
}

#[test]
fn replay_gives_what_the_run_gave_to_the_byte() {
    let place = Place::new();
    for format in ["table", "json", "csv", "markdown", "bencher", "github"] {
        let done = place.run(&whole(), "33", &format!("--quiet --format {format}"));
        assert_eq!(done.status, Some(0), "{}", done.stderr);
        let replayed =
            place.call(&["replay", "runs/latest/serial.log", "--format", format, "--out", "again"]);
        assert_eq!((replayed.status, replayed.stdout), (Some(0), done.stdout), "{}", replayed.stderr);
        for name in ["results.json", "results.csv"] {
            let again = fs::read_to_string(place.path("again").join(name)).expect("written");
            assert_eq!(again, place.latest(name));
        }
    }
}

#[test]
fn words_for_the_kernel_reach_it_and_the_users_arguments_come_last() {
    let place = Place::new();
    let done = place.run(
        &whole(),
        "33",
        "--smp 3 --pair 2,1 --runs 2 --exchanges 777 --append seed=7 -- -icount shift=0",
    );
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    let words = "-append 'experiment=classic runs=2 exchanges=777 pair=2,1 seed=7' -icount shift=0\n";
    assert!(done.stderr.contains(words), "{}", done.stderr);
}

#[test]
fn doctor_names_a_missing_qemu_and_ends_in_5() {
    let place = Place::new();
    let mut command = place.xtask("", "0");
    let done = Done::from(command.args(["doctor", "--qemu", "/no/such/qemu"]).output().expect("starts"));
    assert_eq!(done.status, Some(5), "{}", done.stdout);
    assert!(done.stdout.contains("/no/such/qemu") && done.stdout.contains("install"), "{}", done.stdout);
}

#[test]
fn doctor_names_chromium_and_does_without_it() {
    let place = Place::new();
    let line_of = |command: &mut std::process::Command| {
        let done = Done::from(command.args(["doctor", "--qemu", "/no/such/qemu"]).output().expect("starts"));
        let line = done.stdout.lines().find(|line| line.contains(" chromium ")).map(str::to_owned);
        line.unwrap_or_else(|| panic!("no chromium in: {}", done.stdout))
    };
    let one = place.write("one", "#!/bin/sh\n");
    let named = || line_of(place.xtask("", "0").env("SWITCHLAB_CHROMIUM", &one));
    // A file, but no program.
    let wrong = named();
    assert!(wrong.starts_with("absent ") && wrong.contains("one: named by SWITCHLAB_CHROMIUM"), "{wrong}");
    fs::set_permissions(&one, fs::Permissions::from_mode(0o755)).expect("marked as a program");
    let found = named();
    assert!(found.starts_with("found ") && found.ends_with(&format!(" {}", one.display())), "{found}");
    fs::remove_file(&one).expect("removed");
    assert_eq!(named(), wrong);
    let absent = line_of(place.xtask("", "0").env_remove("SWITCHLAB_CHROMIUM").env("PATH", "/no/such/path"));
    assert!(
        absent.starts_with("absent ") && absent.contains("needed by the test of the report's looks only")
    );
}

#[test]
fn help_documents_every_exit_status() {
    let done = Place::new().call(&["run", "--help"]);
    assert_eq!(done.status, Some(0));
    for status in [
        "0    pass",
        "1    the kernel",
        "3    the guest",
        "4    the guest hangs: the deadline",
        "6    the log",
        "130  Ctrl-C",
    ] {
        assert!(done.stdout.contains(status), "{status}");
    }
}

#[test]
fn counts_of_an_unknown_compiler_are_not_blessed() {
    // A filter that fits no test, for the case that it goes on.
    let done = Place::new().call(&["test", "--bless", "no_test_has_this_name"]);
    assert_eq!(done.status, Some(2), "{}", done.stderr);
    for name in ["--bless", "SWITCHLAB_LOADER", "unset it"] {
        assert!(done.stderr.contains(name), "no `{name}` in: {}", done.stderr);
    }
}
