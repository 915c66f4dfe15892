//! What looks on in a timed loop. The loops are generic over it, so the batch pass, whose probe does
//! nothing, has no trace of the sampled pass in its code.

use alloc::boxed::Box;

use switchlab_core::histogram::Histogram;

use crate::arch::tsc;

/// Looks on in a timed loop, on the side that asks.
pub trait Probe: Send + 'static {
    /// The timed block begins; what came before was warm-up.
    fn begin(&mut self);

    /// An exchange is over.
    fn exchange(&mut self);

    /// What the clock tells of the timed block: where a test plants a step of it.
    #[inline(always)]
    fn ticks(&self, ticks: u64) -> u64 {
        ticks
    }

    /// Runs once in every one-way handoff, on the side that is about to hand over: where a test
    /// plants a delay, to see it come out again.
    #[inline(always)]
    fn before_handoff() {}

    /// What is sent where `number` is due, between tasks: where a test plants a wrong number.
    #[inline(always)]
    fn sent(number: u64) -> u64 {
        number
    }
}

/// The batch pass: nothing looks on.
#[derive(Debug, Default)]
pub struct Batch;

impl Probe for Batch {
    #[inline(always)]
    fn begin(&mut self) {}

    #[inline(always)]
    fn exchange(&mut self) {}
}

/// The sampled pass: reads the clock after each exchange and counts the ticks since the last reading.
/// One reading ends a sample and begins the next, so that no tick falls between two samples.
#[derive(Debug)]
pub struct Sampler {
    last: u64,
    samples: Box<Histogram>,
}

impl Sampler {
    /// Without samples. Allocates: before a clock runs.
    pub fn new() -> Self {
        Self { last: 0, samples: Box::default() }
    }

    /// What was counted, in TSC ticks of an exchange.
    pub fn samples(&self) -> &Histogram {
        &self.samples
    }
}

impl Default for Sampler {
    fn default() -> Self {
        Self::new()
    }
}

impl Probe for Sampler {
    fn begin(&mut self) {
        self.samples.clear();
        self.last = tsc::fenced();
    }

    #[inline(always)]
    fn exchange(&mut self) {
        let now = tsc::fenced();
        self.samples.record(now.wrapping_sub(self.last));
        self.last = now;
    }
}
