//! Counts the instructions of each way to hand over, and of its loop without a handoff, in both passes:
//! for the host to hold against the figures that are expected.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::format;

use case::{
    count, frees,
    shapes::{EXCHANGES, Shape, ticks},
    waits,
};
use switchlab_kernel::{
    arch::apic,
    bring_up::Lab,
    measure::probe::{Batch, Sampler},
};
use switchlab_records::{ApicMode, Pass, Subject};

case::case!("instructions", instructions);

fn instructions(_: &Lab) {
    count("exchanges", EXCHANGES);
    // Free tasks are counted in one mode: idle CPUs look for work, and how often they do is a matter of when the
    // emulator ends a CPU's turn. In x2APIC mode it is not the same each time.
    let is_counted = |shape: &Shape| *shape != Shape::Free || apic::mode() == ApicMode::Xapic;
    for shape in Shape::ALL.into_iter().filter(is_counted) {
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
    frees::count_all();
    waits::count_all();
}
