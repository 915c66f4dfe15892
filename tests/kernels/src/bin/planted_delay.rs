//! Plants instructions before each one-way handoff, and counts: for the host to see that they all come
//! out again, and nothing else.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::format;

use case::{
    Planted, count,
    shapes::{EXCHANGES, Shape, ticks},
};
use switchlab_kernel::{bring_up::Lab, measure::probe::Batch};
use switchlab_records::Subject;

case::case!("planted_delay", planted_delay);

fn planted_delay(_: &Lab) {
    count("exchanges", EXCHANGES);
    for shape in Shape::ALL {
        let report = |planted, ticks| count(&format!("{}_{planted}", shape.name()), ticks);
        report("bare", ticks(shape, Subject::Handoff, || Batch));
        report("0", ticks(shape, Subject::Handoff, || Planted::<0>));
        report("1", ticks(shape, Subject::Handoff, || Planted::<1>));
        report("10", ticks(shape, Subject::Handoff, || Planted::<10>));
        report("100", ticks(shape, Subject::Handoff, || Planted::<100>));
    }
}
