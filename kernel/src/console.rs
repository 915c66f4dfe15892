//! The serial line: bytes to the UART, and the human log. Records go through it too, but only
//! [`report`](crate::report) writes them.

use core::fmt::{self, Write};

use crate::{
    arch::uart::{self, Uart},
    foreign::{self, Kind},
    lock::{Guard, Lock},
};

/// The serial line, behind the one lock that keeps lines whole.
#[derive(Debug)]
pub struct Console {
    uart: Option<Uart>,
}

static CONSOLE: Lock<Console> = Lock::new(Console { uart: None });

/// Opens the serial line. A machine without one is silent.
pub fn init() {
    CONSOLE.lock().uart = uart::open();
}

/// The console, locked: for what has to stand in one piece.
pub fn lock() -> Guard<'static, Console> {
    CONSOLE.lock()
}

/// A console of its own for a CPU that crashes, whatever lock is held. All others have stopped.
pub fn seize() -> Console {
    Console { uart: uart::open() }
}

impl Console {
    /// Writes bytes as they are.
    pub fn write_bytes(&mut self, bytes: &[u8]) {
        foreign::count(Kind::Text);
        if let Some(uart) = &mut self.uart {
            uart.send_bytes_exact(bytes);
        }
    }

    /// Waits until the last byte has left the UART.
    pub fn flush(&mut self) {
        if let Some(uart) = &mut self.uart {
            uart::flush(uart);
        }
    }
}

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write_bytes(text.as_bytes());
        Ok(())
    }
}

/// Prints a line of human log, whole.
#[macro_export]
macro_rules! log {
    ($($argument:tt)*) => {{
        use core::fmt::Write as _;
        let mut console = $crate::console::lock();
        // The console never fails.
        let _ = console.write_fmt(format_args!($($argument)*));
        console.write_bytes(b"\n");
    }};
}
