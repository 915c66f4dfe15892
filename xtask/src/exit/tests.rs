//! Facts about `exit`: every way in which a guest can end, and what it means.

use super::*;
use crate::golden;

fn exited(status: i32, log: &str) -> Outcome {
    judge(Ending::Exited(status), log, "")
}

fn code(code: ExitCode, log: &str) -> Outcome {
    exited(code.qemu_status(), log)
}

fn whole() -> String {
    golden::ended(golden::classic(12, 2, 1_000))
}

#[test]
fn pass_needs_the_code_and_a_whole_log() {
    assert_eq!(code(ExitCode::Pass, &whole()), Outcome::Pass);
}

#[test]
fn pass_without_the_end_record_is_an_invalid_log() {
    let log = golden::log(&golden::classic(12, 2, 1_000));
    let Outcome::InvalidLog(why) = code(ExitCode::Pass, &log) else { panic!() };
    assert!(why.contains("end record is missing"), "{why}");
}

#[test]
fn pass_with_an_empty_or_garbled_log_is_an_invalid_log() {
    assert!(matches!(code(ExitCode::Pass, ""), Outcome::InvalidLog(_)));
    let garbled = whole().replacen("\"run\":2", "\"run\":3", 1);
    assert!(matches!(code(ExitCode::Pass, &garbled), Outcome::InvalidLog(_)));
}

#[test]
fn pass_code_against_a_failing_end_record_is_an_invalid_log() {
    let log = golden::ended(vec![golden::start(), golden::failure("handoffs: expected 4, found 3")]);
    assert!(matches!(code(ExitCode::Pass, &log), Outcome::InvalidLog(_)));
}

#[test]
fn failure_is_named() {
    let log = golden::ended(vec![golden::start(), golden::failure("handoffs: expected 4, found 3")]);
    assert_eq!(code(ExitCode::Fail, &log), Outcome::Fail("handoffs: expected 4, found 3".into()));
}

#[test]
fn failure_without_a_word_is_a_failure_still() {
    assert!(matches!(code(ExitCode::Fail, ""), Outcome::Fail(_)));
    assert!(matches!(code(ExitCode::Fail, &whole()), Outcome::Fail(_)));
}

#[test]
fn crash_record_is_described() {
    let log = golden::log(&[golden::start(), golden::crash()]);
    let described = "page fault (vector 14, error code 0x2, CR2 0xdeadb000), on CPU 3 in task 7";
    assert_eq!(code(ExitCode::Panic, &log), Outcome::Crashed(described.into()));
}

#[test]
fn crash_record_wins_over_any_status() {
    let log = golden::log(&[golden::start(), golden::crash()]);
    for status in [0, 1, ExitCode::Pass.qemu_status(), ExitCode::Fail.qemu_status()] {
        assert!(matches!(exited(status, &log), Outcome::Crashed(_)), "{status}");
    }
    assert!(matches!(judge(Ending::Deadline, &log, ""), Outcome::Crashed(_)));
    let Outcome::Crashed(what) = judge(Ending::Still, &log, "") else { panic!() };
    assert!(what.starts_with("page fault") && what.ends_with("then it stood still"), "{what}");
}

#[test]
fn panic_without_a_record_is_a_crash() {
    let Outcome::Crashed(what) = code(ExitCode::Panic, "booting\ndouble panic\n") else { panic!() };
    assert!(what.ends_with("double panic"), "{what}");
}

#[test]
fn refusal_of_the_loader_is_quoted() {
    let Outcome::Crashed(what) = code(ExitCode::Loader, "boot: not an ELF64\n\n") else { panic!() };
    assert_eq!(what, "the loader refused the kernel: boot: not an ELF64");
}

#[test]
fn reset_is_a_crash_even_with_a_whole_log() {
    assert_eq!(exited(0, &whole()), Outcome::Crashed(RESET.into()));
}

#[test]
fn foreign_status_and_signal_are_crashes_even_with_a_whole_log() {
    for status in [1, 2, 3, 127, 255] {
        let said = format!("QEMU ended with status {status}, which is no code of a guest's");
        assert_eq!(exited(status, &whole()), Outcome::Crashed(said.clone()));
        let why = judge(Ending::Exited(status), &whole(), "warning: first\nno disk\n\n");
        assert_eq!(why, Outcome::Crashed(said + ": no disk"));
    }
    let killed = judge(Ending::Signalled(9), &whole(), "");
    assert_eq!(killed, Outcome::Crashed("QEMU was killed by SIGKILL".into()));
}

#[test]
fn program_that_a_shell_could_not_start_did_not_start() {
    for status in [126, 127] {
        let told = judge(Ending::Exited(status), "", "sh: no such file\n");
        assert_eq!(told, Outcome::NotStarted("sh: no such file".into()));
        let silent = Outcome::NotStarted(format!("it ended with status {status} and said nothing"));
        assert_eq!(judge(Ending::Exited(status), "", ""), silent);
    }
}

#[test]
fn qemu_that_only_complains_did_not_start() {
    let said = "qemu: warning: first\nqemu: could not open 'x'\n";
    let outcome = Outcome::NotStarted("qemu: could not open 'x'".into());
    assert_eq!(judge(Ending::Exited(1), "", said), outcome);
    assert_eq!(judge(Ending::Signalled(6), "", said), outcome);
    assert!(matches!(judge(Ending::Exited(1), "booting\n", said), Outcome::Crashed(_)));
    assert!(matches!(judge(Ending::Exited(1), "", ""), Outcome::Crashed(_)));
}

#[test]
fn words_of_the_guest_move_no_cursor() {
    let outcome = Outcome::Fail("it is\u{1b}[2J\u{9b} so".into());
    assert_eq!(outcome.to_string(), "the kernel says that it failed: it is\\u001b[2J\\u009b so");
}

#[test]
fn ends_that_are_ours_are_told_apart() {
    assert_eq!(judge(Ending::Deadline, &whole(), ""), Outcome::TimedOut);
    assert_eq!(judge(Ending::Still, &whole(), ""), Outcome::StandsStill);
    assert_eq!(Outcome::StandsStill.status(), Status::Deadline);
    assert_eq!(judge(Ending::Interrupted, &whole(), ""), Outcome::Interrupted);
    assert!(matches!(judge(Ending::Endless, "", ""), Outcome::InvalidLog(_)));
}

#[test]
fn each_outcome_has_its_own_status() {
    let outcomes = [
        Outcome::Pass,
        Outcome::Fail(String::new()),
        Outcome::Crashed(String::new()),
        Outcome::TimedOut,
        Outcome::NotStarted(String::new()),
        Outcome::InvalidLog(String::new()),
        Outcome::Interrupted,
    ];
    let codes: Vec<u8> = outcomes.iter().map(|outcome| outcome.status().code()).collect();
    assert_eq!(codes, [0, 1, 3, 4, 5, 6, 130]);
}

#[test]
fn saved_log_is_judged_by_itself() {
    assert_eq!(judge_log(&whole()), Outcome::Pass);
    assert!(matches!(judge_log(""), Outcome::InvalidLog(_)));
    assert!(matches!(judge_log(&whole()[..whole().len() - 20]), Outcome::InvalidLog(_)));
    let failed = golden::ended(vec![golden::start(), golden::failure("halts")]);
    assert_eq!(judge_log(&failed), Outcome::Fail("halts".into()));
    let crashed = golden::log(&[golden::start(), golden::crash()]);
    assert!(matches!(judge_log(&crashed), Outcome::Crashed(_)));
}

#[test]
fn who_ended_the_guest_is_named_where_it_was_not_the_guest() {
    let event =
        |name: &str, why: Option<&str>| Event { name: name.into(), at_ms: 1, why: why.map(str::to_owned) };
    let reset = judge(Ending::Exited(0), "", "");
    let named = |events: &[Event]| name_who(reset.clone(), events).to_string();
    assert!(named(&[]).contains("a triple fault, most often) or powered off"));
    assert!(
        named(&[event("SHUTDOWN", Some("host-qmp-system-reset"))]).contains("was reset, by QEMU's monitor")
    );
    assert!(named(&[event("SHUTDOWN", Some("host-signal"))]).contains("told to end by a signal"));
    assert!(named(&[event("SHUTDOWN", Some("guest-reset"))]).ends_with("reset (a triple fault, most often)"));
    assert!(named(&[event("SHUTDOWN", Some("guest-shutdown"))]).ends_with("the guest powered off"));
    let quit = event("SHUTDOWN", Some("host-qmp-quit"));
    assert!(named(std::slice::from_ref(&quit)).contains("told to quit"));
    assert!(named(&[event("POWERDOWN", None), quit.clone()]).contains("asked to power down"));
    // What the guest says of itself, and what it was killed by, stand.
    let killed = judge(Ending::Signalled(9), "", "");
    assert_eq!(name_who(killed.clone(), std::slice::from_ref(&quit)), killed);
    let crash = Outcome::Crashed("panic: no".into());
    assert_eq!(name_who(crash.clone(), &[quit]), crash);
}
