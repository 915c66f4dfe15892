//! The first serial line.

use uart_16550::{BaudRate, Config, Uart16550, backend::PioBackend, spec::registers::LSR};

use super::ports::COM1;

/// The UART of the first serial line.
pub type Uart = Uart16550<PioBackend>;

/// How often the UART is asked whether its FIFO is empty before it is initialised.
const DRAIN_TRIES: u32 = 100_000;

/// Opens the first serial line; `None` where there is none.
///
/// One user at a time: the console's lock, or a crashing CPU after all others have stopped.
pub fn open() -> Option<Uart> {
    // SAFETY: the ports are COM1's, and have no effect on memory.
    let mut uart = unsafe { Uart16550::new_port(COM1) }.ok()?;
    // Initialising empties the FIFO: let what is in it go out first. Bounded, since there may be no
    // UART at all.
    let _ = (0..DRAIN_TRIES).find(|_| uart.lsr().contains(LSR::TRANSMITTER_EMPTY));
    uart.init(Config { baud_rate: BaudRate::Baud115200, ..Config::default() }).ok()?;
    Some(uart)
}

/// Waits until the last byte has left.
pub fn flush(uart: &mut Uart) {
    while !uart.lsr().contains(LSR::TRANSMITTER_EMPTY) {
        core::hint::spin_loop();
    }
}
