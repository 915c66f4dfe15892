//! How the loader ends when it can not go on: one line on COM1, then the exit code.
#![expect(unsafe_code, reason = "claims COM1 and writes to QEMU's exit port")]

use core::fmt::{self, Write};

use switchlab_records::ExitCode;
use uart_16550::{BaudRate, Config, Uart16550, backend::PioBackend, spec::registers::LSR};
use x86_64::instructions::{hlt, interrupts, port::PortWriteOnly};

/// The base port of the first UART.
pub const COM1: u16 = 0x3f8;

/// Says why the kernel is not started, and ends.
pub fn refuse(reason: impl fmt::Display) -> ! {
    say(format_args!("boot: cannot start the kernel: {reason}\n"));
    leave()
}

/// Says what the kernel did before it could say so itself, and ends. The kernel may be within a
/// line, so this one starts with a newline.
pub fn report_kernel_exception(what: impl fmt::Display) -> ! {
    say(format_args!("\nboot: the kernel has no IDT of its own yet, and took {what}\n"));
    leave()
}

fn say(line: fmt::Arguments<'_>) {
    if let Some(mut console) = Console::new() {
        // Writing can not fail: `Console::write_str` waits.
        let _ = console.write_fmt(line);
        console.wait_until_sent();
    }
}

fn leave() -> ! {
    interrupts::disable();
    // SAFETY: where the device is, this ends the machine; where it is not, nothing hears it.
    unsafe { PortWriteOnly::<u8>::new(ExitCode::PORT).write(ExitCode::Loader as u8) };
    // The machine ends some time after the write.
    loop {
        hlt();
    }
}

struct Console(Uart16550<PioBackend>);

impl Console {
    /// `None` where there is no UART.
    fn new() -> Option<Self> {
        // SAFETY: COM1 is the loader's: it has the only CPU that runs, and never comes back.
        let mut this = Self(unsafe { Uart16550::new_port(COM1) }.ok()?);
        // The kernel's last bytes may still be in the FIFO, which `init` resets. A port without a
        // device reads as all ones, so this ends there too.
        this.wait_until_sent();
        let config = Config { baud_rate: BaudRate::Baud115200, ..Config::default() };
        this.0.init(config).ok().map(|()| this)
    }

    fn wait_until_sent(&mut self) {
        while !self.0.lsr().contains(LSR::TRANSMITTER_EMPTY) {
            core::hint::spin_loop();
        }
    }
}

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.send_bytes_exact(text.as_bytes());
        Ok(())
    }
}
