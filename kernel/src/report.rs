//! The only writer of records: numbers them, writes each line whole under the console's lock, counts
//! failures, and ends the log.

use core::{
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use switchlab_records::{Crash, End, ExitCode, Failure, MAX_LINE, Record, Status, encode};

use crate::{
    arch::exit,
    console::{self, Console},
    foreign::{self, Kind},
    lock::Lock,
};

/// Number of the next record. Changed under the console's lock.
static SEQUENCE: AtomicU64 = AtomicU64::new(0);
/// Failures reported so far.
static FAILURES: AtomicU64 = AtomicU64::new(0);

/// Writes a record.
///
/// # Panics
///
/// If it does not fit in a line of [`MAX_LINE`] bytes.
pub fn report(record: &Record<'_>) {
    write(&mut console::lock(), &mut LINE.lock(), record);
}

/// Reports that a check did not hold, and goes on: the log will end in `fail`.
pub fn failure(what: core::fmt::Arguments<'_>) {
    FAILURES.fetch_add(1, Relaxed);
    let mut text = Text::<512>::new();
    // A text that is too long is cut.
    let _ = text.write_fmt(what);
    report(&Record::Failure(Failure { what: text.as_str().into() }));
}

/// Reports that a check did not hold: [`failure`](failure()) with a format string.
#[macro_export]
macro_rules! failure {
    ($($argument:tt)*) => {
        $crate::report::failure(format_args!($($argument)*))
    };
}

/// Whether a check did not hold so far.
pub fn has_failures() -> bool {
    FAILURES.load(Relaxed) != 0
}

/// Ends the log and the machine: `pass` if no failure was reported.
pub fn finish() -> ! {
    let (status, code) =
        if has_failures() { (Status::Fail, ExitCode::Fail) } else { (Status::Pass, ExitCode::Pass) };
    let mut console = console::lock();
    let records = SEQUENCE.load(Relaxed) + 1;
    write(&mut console, &mut LINE.lock(), &Record::End(End { status, records }));
    console.flush();
    exit::leave(code)
}

/// Ends the log with a crash, on a console that was seized, and the machine.
pub fn finish_with_crash(mut console: Console, crash: Crash<'_>) -> ! {
    if let Some(mut line) = CRASH_LINE.try_lock() {
        write(&mut console, &mut line, &Record::Crash(crash));
    }
    console.flush();
    exit::leave(ExitCode::Panic)
}

/// Where lines are made: not on a task's stack, which may be nearly full. One of them is for the crash,
/// whoever holds the other.
static LINE: Lock<[u8; MAX_LINE]> = Lock::new([0; MAX_LINE]);
static CRASH_LINE: Lock<[u8; MAX_LINE]> = Lock::new([0; MAX_LINE]);

fn write(console: &mut Console, line: &mut [u8; MAX_LINE], record: &Record<'_>) {
    let sequence = SEQUENCE.load(Relaxed);
    match encode(sequence, record, line) {
        Ok(length) => console.write_bytes(&line[..length]),
        Err(error) => panic!("record {sequence} does not fit in {MAX_LINE} bytes: {error:?}"),
    }
    SEQUENCE.store(sequence + 1, Relaxed);
}

/// A text of at most `N` bytes, on the stack: formatted without an allocation, cut where it is
/// longer.
#[derive(Debug)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Text<N> {
    /// An empty text.
    pub const fn new() -> Self {
        Self { bytes: [0; N], length: 0 }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.length]).expect("write_str cuts between characters")
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Write for Text<N> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        foreign::count(Kind::Text);
        let room = N - self.length;
        let fits = text.floor_char_boundary(room);
        self.bytes[self.length..self.length + fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.length += fits;
        if fits == text.len() { Ok(()) } else { Err(core::fmt::Error) }
    }
}
