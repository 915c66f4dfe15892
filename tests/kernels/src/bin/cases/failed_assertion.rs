//! An assertion of the case does not hold. Must fail, and name it.

use case::check;
use switchlab_kernel::bring_up::Lab;

pub fn failed_assertion(lab: &Lab) {
    check!(lab.cpus == 0, "two and two are {}", 2 + 2);
}
