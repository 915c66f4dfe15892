//! Counts the instructions of the loops of `scale` with few and many tasks, CPUs and pairs: for the host to hold
//! against the figures that are expected. Apart from `instructions`, since it takes 64 CPUs.
#![no_std]
#![no_main]

use case::{count, failure, scaled, shapes::EXCHANGES};
use switchlab_kernel::bring_up::Lab;

case::case!("instructions_scale", instructions_scale);

fn instructions_scale(_: &Lab) {
    count("exchanges", EXCHANGES);
    match scaled::counts() {
        Ok(counts) => counts.into_iter().for_each(|(name, ticks)| count(name, ticks)),
        Err(error) => failure!("the loops of scale: {error}"),
    }
}
