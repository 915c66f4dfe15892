//! Counts the instructions of each way to hand over, and of its loop without a handoff, in both passes:
//! for the host to hold against the figures that are expected.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::format;

use case::{
    count, frees, levels,
    shapes::{EXCHANGES, Shape, ticks},
    waits,
};
use switchlab_kernel::{
    bring_up::Lab,
    measure::probe::{Batch, Sampler},
};
use switchlab_records::{Pass, Subject};

case::case!("instructions", instructions);

fn instructions(_: &Lab) {
    count("exchanges", EXCHANGES);
    for shape in Shape::ALL {
        for (subject, infix) in [(Subject::Handoff, ""), (Subject::Null, "null_")] {
            // A bare loop is nothing but its handoff; across CPUs the loop without one is the channel's.
            if subject == Subject::Null && !shape.has_null_loop() {
                continue;
            }
            for pass in [Pass::Batch, Pass::Sampled] {
                let ticks = match pass {
                    Pass::Batch => ticks(shape, subject, || Batch),
                    Pass::Sampled => ticks(shape, subject, Sampler::new),
                };
                count(&format!("{}_{infix}{}", shape.name(), pass.name()), ticks);
            }
        }
    }
    levels::count_all();
    frees::count_all();
    waits::count_all();
}
