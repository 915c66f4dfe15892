//! The table by which a debugger finds what each CPU does: see [`outside`].

use core::sync::atomic::{
    AtomicU64,
    Ordering::{Relaxed, Release},
};

use switchlab_records::outside::{self, Outside};

use super::Kernel;
use crate::arch::{idt::vector, percpu, percpu::PerCpu};

type Table = [AtomicU64; Outside::WORDS];

/// Nothing here reads it. The name is [`outside::SYMBOL`].
// SAFETY: no other item has that name.
#[unsafe(no_mangle)]
#[used]
static SWITCHLAB_OUTSIDE: Table = table();

const fn table() -> Table {
    let mut table = [const { AtomicU64::new(0) }; Outside::WORDS];
    table[Outside::Magic as usize] = AtomicU64::new(outside::MAGIC);
    table[Outside::WakeUp as usize] = AtomicU64::new(vector::WAKE_UP as u64);
    table[Outside::Tick as usize] = AtomicU64::new(vector::TICK as u64);
    fill(fill(table, &percpu::OUTSIDE), &switchlab_sync::outside::places::<Kernel>())
}

const fn fill(mut table: Table, places: &[(Outside, usize)]) -> Table {
    let mut next = 0;
    while next < places.len() {
        let (word, value) = places[next];
        table[word as usize] = AtomicU64::new(value as u64);
        next += 1;
    }
    table
}

/// Says where the CPUs are.
pub(super) fn tell(percpus: &'static [&'static PerCpu]) {
    let address = percpus.as_ptr().expose_provenance();
    SWITCHLAB_OUTSIDE[Outside::PerCpus as usize].store(address as u64, Relaxed);
    // Release: who finds CPUs finds their array. A debugger that stops the machine sees both anyway.
    SWITCHLAB_OUTSIDE[Outside::Cpus as usize].store(percpus.len() as u64, Release);
}
