//! Leaves with the code for a pass and without an end record. Must be an invalid log.

use switchlab_kernel::{arch::exit, bring_up::Lab, console};
use switchlab_records::ExitCode;

pub fn no_end(_: &Lab) {
    console::lock().flush();
    exit::leave(ExitCode::Pass)
}
