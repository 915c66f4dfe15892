//! A CPU that comes late, while the stack of another is offered, takes nothing of it, and halts.

use core::time::Duration;

use case::{count, late};
use switchlab_kernel::bring_up::Lab;

/// By then the other has been called, and not yet given up.
const LATENESS: Duration = Duration::from_millis(500);

pub fn late_ap(_: &Lab) {
    late::come_for_another(LATENESS);
    count("late", 1);
}
