//! A CPU's counter that is stepped. It cannot be set, so the step goes into the readings.

use core::sync::atomic::{AtomicI64, AtomicU32, Ordering::Relaxed};

use switchlab_kernel::arch::{percpu, tsc};

/// Far more than offsets can be wrong by, and less than a block takes.
const LEAST: i64 = 10_000_000;
/// For each of the plan's numbers.
const EACH: i64 = 500;

static STEP: AtomicI64 = AtomicI64::new(0);
/// Whose counter it is.
static CPU: AtomicU32 = AtomicU32::new(0);

/// Steps the counter of the CPU that runs this, forward or back, by more the larger the number.
pub fn step_by(number: i64) {
    CPU.store(percpu::this_cpu().id().get(), Relaxed);
    STEP.store(number.signum() * LEAST + number * EACH, Relaxed);
}

/// The step, in ticks; 0 before there was one.
pub fn step() -> i64 {
    STEP.load(Relaxed)
}

/// Reads the counter of the CPU that runs this.
pub fn read() -> u64 {
    let is_stepped = percpu::this_cpu().id().get() == CPU.load(Relaxed);
    tsc::fenced().wrapping_add_signed(if is_stepped { step() } else { 0 })
}
