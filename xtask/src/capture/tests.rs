//! Facts about `capture`: a shell is the QEMU.

use super::*;
use std::io::Write;

fn shell(script: &str, deadline: Duration) -> Captured {
    let argv = ["sh", "-c", script].map(OsString::from);
    let limits = Limits { deadline, interrupted: &AtomicBool::new(false) };
    capture(&argv, limits, Serial::Piped(&mut io::sink()), &mut Ignore).expect("sh starts")
}

#[test]
fn status_and_both_streams_are_kept() {
    let captured = shell("echo out; echo err >&2; exit 33", Duration::from_secs(60));
    assert_eq!(captured.ending, Ending::Exited(33));
    assert_eq!(captured.log, b"out\n");
    assert_eq!(captured.stderr, "err\n");
}

#[test]
fn signal_is_told_from_a_status() {
    assert_eq!(shell("kill -9 $$", Duration::from_secs(60)).ending, Ending::Signalled(9));
}

#[test]
fn deadline_ends_all_of_the_group_and_keeps_what_came() {
    let captured = shell("echo first; sleep 600 & sleep 600", Duration::from_millis(300));
    assert_eq!(captured.ending, Ending::Deadline);
    assert_eq!(captured.log, b"first\n");
}

#[test]
fn child_that_outlives_qemu_does_not_hold_the_capture() {
    let captured = shell("sleep 600 & echo out; exit 7", Duration::from_secs(60));
    assert_eq!((captured.ending, &*captured.log), (Ending::Exited(7), b"out\n".as_slice()));
}

fn followed(script: &str, deadline: Duration) -> (Captured, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let argv = ["sh", "-c", script].map(OsString::from);
    let limits = Limits { deadline, interrupted: &AtomicBool::new(false) };
    let captured = capture(&argv, limits, Serial::Followed(&path), &mut Ignore).expect("sh starts");
    let file = std::fs::read(&path).unwrap();
    (captured, file)
}

#[test]
fn file_that_is_followed_comes_whole() {
    let (captured, file) = followed("echo first; sleep 0.1; echo last; exit 33", Duration::from_secs(60));
    assert_eq!((captured.ending, &*captured.log), (Ending::Exited(33), b"first\nlast\n".as_slice()));
    assert_eq!(file, captured.log);
}

#[test]
fn file_that_is_followed_is_never_full() {
    // More than a pipe holds, all before the first look.
    let (captured, file) = followed("head -c 300000 /dev/zero", Duration::from_secs(60));
    assert_eq!((captured.log.len(), file.len()), (300_000, 300_000));
}

#[test]
fn deadline_keeps_what_a_followed_file_got() {
    let (captured, file) = followed("while :; do echo on; done", Duration::from_millis(300));
    assert_eq!(captured.ending, Ending::Deadline);
    assert!(!file.is_empty() && file == captured.log, "{} and {}", file.len(), captured.log.len());
}

#[test]
fn endless_guest_that_is_followed_is_ended() {
    let (captured, _) = followed("yes", Duration::from_secs(60));
    assert_eq!(captured.ending, Ending::Endless);
}

#[test]
fn guest_that_stands_still_is_asked_and_ended() {
    /// Says so once a line has come, and hears that it was believed.
    #[derive(Default)]
    struct Says {
        bytes: usize,
        was_asked: bool,
    }
    impl Sink for Says {
        fn bytes(&mut self, bytes: &[u8], _: Duration) {
            self.bytes += bytes.len();
        }
        fn stands_still(&mut self) -> bool {
            self.bytes == 6
        }
        fn hangs(&mut self) {
            self.was_asked = true;
        }
    }
    let argv = ["sh", "-c", "echo first; sleep 600"].map(OsString::from);
    let limits = Limits { deadline: Duration::from_secs(60), interrupted: &AtomicBool::new(false) };
    let mut says = Says::default();
    let captured = capture(&argv, limits, Serial::Piped(&mut io::sink()), &mut says).expect("sh starts");
    assert_eq!((captured.ending, &*captured.log), (Ending::Still, b"first\n".as_slice()));
    assert!(says.was_asked);
}

#[test]
fn interruption_ends_it() {
    let argv = ["sleep", "600"].map(OsString::from);
    let limits = Limits { deadline: Duration::from_secs(60), interrupted: &AtomicBool::new(true) };
    let captured = capture(&argv, limits, Serial::Piped(&mut io::sink()), &mut Ignore).expect("starts");
    assert_eq!(captured.ending, Ending::Interrupted);
}

#[test]
fn endless_guest_is_ended() {
    assert_eq!(shell("yes", Duration::from_secs(60)).ending, Ending::Endless);
}

#[test]
fn log_that_cannot_be_written_is_whole_in_memory() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let argv = ["echo", "out"].map(OsString::from);
    let limits = Limits { deadline: Duration::from_secs(60), interrupted: &AtomicBool::new(false) };
    let captured = capture(&argv, limits, Serial::Piped(&mut Full), &mut Ignore).expect("starts");
    assert_eq!(captured.log, b"out\n");
    assert_eq!(captured.log_error.map(|error| error.kind()), Some(io::ErrorKind::StorageFull));
}

#[test]
fn lines_come_whole_however_the_bytes_do() {
    let mut seen = Vec::new();
    let mut lines = Lines::default();
    for piece in ["a", "b\ncd", "\n\ne"] {
        lines.take(piece.as_bytes(), |line| seen.push(line.to_owned()));
    }
    assert_eq!(seen, ["ab\n", "cd\n", "\n"]);
}

#[test]
fn guest_that_writes_at_its_deadline_does_not_wait_for_its_reader() {
    /// At the deadline lets QEMU write more than there is room for, and waits until it has.
    struct Asks<'a>(&'a std::path::Path, bool);
    impl Sink for Asks<'_> {
        fn bytes(&mut self, _: &[u8], _: Duration) {}

        fn hangs(&mut self) {
            std::fs::write(self.0.join("go"), "").unwrap();
            let started = Instant::now();
            while !self.1 && started.elapsed() < Duration::from_secs(60) {
                self.1 = self.0.join("done").exists();
                thread::yield_now();
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let script = "trap '' PIPE; cd \"$0\"; while [ ! -e go ]; do :; done; head -c 9000000 /dev/zero; touch done; sleep 600";
    let argv = ["sh", "-c", script].map(OsString::from).into_iter().chain([folder.path().into()]);
    let limits = Limits { deadline: Duration::from_millis(300), interrupted: &AtomicBool::new(false) };
    let mut asks = Asks(folder.path(), false);
    let argv: Vec<_> = argv.collect();
    let captured = capture(&argv, limits, Serial::Piped(&mut io::sink()), &mut asks).expect("sh starts");
    assert_eq!((captured.ending, captured.log.len()), (Ending::Deadline, 0));
    assert!(asks.1, "QEMU waited for its reader");
}
