//! An assertion of the case does not hold. Must fail, and name it.
#![no_std]
#![no_main]

use case::check;
use switchlab_kernel::bring_up::Lab;

case::case!("failed_assertion", failed_assertion);

fn failed_assertion(lab: &Lab) {
    check!(lab.cpus == 0, "two and two are {}", 2 + 2);
}
