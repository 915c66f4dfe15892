//! Spinning, then halting, with no patience, with patience without end, and with some of every size in between:
//! two CPUs hand a number to and fro, and what they counted is for the host to judge.

use alloc::format;

use case::count;
use switchlab_core::CpuId;
use switchlab_kernel::{
    bring_up::Lab,
    experiments::ways::{Bench, Nothing, Size, Waiting},
    failure,
};

/// Each has a block of its own. The last is never over.
const PATIENCES_TICKS: [u64; 6] = [0, 1, 100, 1_000, 10_000, u64::MAX];

const SIZE: Size = Size { warm_up: 10, exchanges: 1_000, budget_ticks: u64::MAX };

pub fn patience(_: &Lab) {
    let bench = Bench::hire();
    let pair = [0, 1].map(CpuId::new);
    for (block, patience_ticks) in PATIENCES_TICKS.into_iter().enumerate() {
        let measured = bench.measure::<Nothing>(Waiting::SpinHalt { patience_ticks }, pair, SIZE, None);
        if let Some(wrong) = measured.wrong {
            failure!("a patience of {patience_ticks} ticks: {wrong}");
        }
        for (cpu, (counts, waits)) in measured.counts.iter().zip(measured.waits).enumerate() {
            let numbers = [
                ("handoffs", counts.handoffs),
                ("switches", counts.switches),
                ("ipis_sent", counts.ipis_sent),
                ("ipis_taken", counts.ipis_taken),
                ("halts", counts.halts),
                ("halted", waits.halted),
                ("spun", waits.spun),
            ];
            numbers.iter().for_each(|(name, number)| count(&format!("{name}_{block}_{cpu}"), *number));
        }
    }
    count("blocks", PATIENCES_TICKS.len() as u64);
    count("exchanges", SIZE.exchanges);
    bench.staff.dismiss();
}
