//! A system call that a container's filter does not let through ends who makes it, or is refused, and is named.

use case::{
    check,
    contained::{HIGH, MAKES_CALL, stopped, with},
    count, for_ever,
};
use switchlab_core::container::filter::{Action, Filter, NUMBERS, Rule, Test};
use switchlab_kernel::{
    bring_up::Lab,
    container::Container,
    sched::Channel,
    user::{
        Ended, Port, Spec,
        system_call::{DONE, EXIT, REFUSED, SEND, STATUS, YIELD},
    },
};

const NO_STATUS: Filter =
    filter(&[Rule::of(STATUS, Action::End), Rule::of(YIELD, Action::Refuse)], Action::Allow);
const SENDS_BY_PORT_0: Filter = filter(
    &[Rule::where_argument(SEND, 0, Test::Below(1), Action::Allow), Rule::of(EXIT, Action::Allow)],
    Action::End,
);

const fn filter(rules: &[Rule], otherwise: Action) -> Filter {
    match Filter::new(rules, otherwise) {
        Ok(filter) => filter,
        Err(_) => panic!("these rules are a filter"),
    }
}

pub fn container_filter(_: &Lab) {
    let mut cases = 0;
    let filtered =
        |filter| -> &'static Container { for_ever(Container { filter: Some(filter), ..Container::new() }) };
    let container = filtered(NO_STATUS);
    let report = stopped(&mut cases, with(container, &MAKES_CALL, [STATUS, 0x48_0000, 0, 0]));
    check!(report.ended == Ended::Filtered { call: STATUS }, "a call that ends it: {}", report.ended);
    let report = stopped(&mut cases, with(container, &MAKES_CALL, [YIELD, 0, 0, 0]));
    check!(report.ended == Ended::Exited([REFUSED, 0]), "a call that is refused: {}", report.ended);
    check!(report.refused == Some(YIELD), "refused: {:?}", report.refused);

    let container = filtered(SENDS_BY_PORT_0);
    let sends = |port| Spec {
        ports: [Port::Sends(for_ever(Channel::new()))].into(),
        ..with(container, &MAKES_CALL, [SEND, port, 7, 0])
    };
    let report = stopped(&mut cases, sends(1));
    check!(report.ended == Ended::Filtered { call: SEND }, "by port 1: {}", report.ended);
    let report = stopped(&mut cases, sends(0));
    check!(report.ended == Ended::Exited([DONE, 0]), "by port 0: {}", report.ended);
    // Numbers that have no bit of their own, but that of a call that is let through.
    for call in [NUMBERS + EXIT, HIGH - NUMBERS + EXIT, HIGH + EXIT, HIGH + SEND] {
        let report = stopped(&mut cases, with(container, &MAKES_CALL, [call, 0, 0, 0]));
        check!(report.ended == Ended::Filtered { call }, "call {call}: {}", report.ended);
    }
    count("cases", cases);
}
