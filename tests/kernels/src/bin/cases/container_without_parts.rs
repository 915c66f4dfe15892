//! A part that a container has not got is a system call that there is not.

use case::{
    check,
    contained::{HIGH, MAKES_CALL, stopped},
    count, for_ever,
};
use switchlab_core::container::filter::NUMBERS;
use switchlab_kernel::{
    bring_up::Lab,
    container::Container,
    user::{
        Ended, Spec,
        system_call::{END, EXIT, ID, MAP, NO_SUCH_CALL, OPEN, READ, SEND},
    },
};

pub fn container_without_parts(_: &Lab) {
    let container = for_ever(Container::new());
    let mut cases = 0;
    for container in [None, Some(container)] {
        for call in [MAP, ID, END, OPEN, READ, READ + 1, NUMBERS + EXIT, HIGH + EXIT, HIGH + SEND] {
            let spec = Spec { container, arguments: [call, 1, 0, 0], ..Spec::new(&MAKES_CALL) };
            let report = stopped(&mut cases, spec);
            check!(report.ended == Ended::Exited([NO_SUCH_CALL, 0]), "call {call}: {}", report.ended);
        }
    }
    count("cases", cases);
}
