//! Leaves with the code for a pass and without an end record. Must be an invalid log.
#![no_std]
#![no_main]

use switchlab_kernel::{arch::exit, bring_up::Lab, console};
use switchlab_records::ExitCode;

case::case!("no_end", no_end);

fn no_end(_: &Lab) {
    console::lock().flush();
    exit::leave(ExitCode::Pass)
}
