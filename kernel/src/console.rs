//! The serial line: bytes to the UART, and the human log. Records go through it too, but only
//! [`report`](crate::report) writes them.

use core::fmt::{self, Write};

use spin::{Mutex, MutexGuard};
use uart_16550::{BaudRate, Config, Uart16550, backend::PioBackend, spec::registers::LSR};

use crate::arch::ports::COM1;

/// How often the UART is asked whether its FIFO is empty before it is initialised.
const DRAIN_TRIES: u32 = 100_000;

/// The serial line, behind the one lock that keeps lines whole.
#[derive(Debug)]
pub struct Console {
    uart: Option<Uart16550<PioBackend>>,
}

static CONSOLE: Mutex<Console> = Mutex::new(Console { uart: None });

/// Opens the serial line. A machine without one is silent.
pub fn init() {
    CONSOLE.lock().uart = open();
}

/// The console, locked: for what has to stand in one piece.
pub fn lock() -> MutexGuard<'static, Console> {
    CONSOLE.lock()
}

/// A console of its own for a CPU that crashes, whatever lock is held. All others have stopped.
pub fn seize() -> Console {
    Console { uart: open() }
}

#[expect(unsafe_code, reason = "claims the ports of the first serial line")]
fn open() -> Option<Uart16550<PioBackend>> {
    // SAFETY: the ports are COM1's, and have no effect on memory. They have one user at a time: the
    // lock, or a crashing CPU after all others have stopped.
    let mut uart = unsafe { Uart16550::new_port(COM1) }.ok()?;
    // Initialising empties the FIFO: let what is in it go out first. Bounded, since there may be no
    // UART at all.
    let _ = (0..DRAIN_TRIES).find(|_| uart.lsr().contains(LSR::TRANSMITTER_EMPTY));
    uart.init(Config { baud_rate: BaudRate::Baud115200, ..Config::default() }).ok()?;
    Some(uart)
}

impl Console {
    /// Writes bytes as they are.
    pub fn write_bytes(&mut self, bytes: &[u8]) {
        if let Some(uart) = &mut self.uart {
            uart.send_bytes_exact(bytes);
        }
    }

    /// Waits until the last byte has left the UART.
    pub fn flush(&mut self) {
        if let Some(uart) = &mut self.uart {
            while !uart.lsr().contains(LSR::TRANSMITTER_EMPTY) {
                core::hint::spin_loop();
            }
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
