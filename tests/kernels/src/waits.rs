//! The instructions of each way to wait, counted as those of the other shapes are: by the differences of blocks of
//! the experiments `wait` and `matrix`.
//!
//! Pure spinning is not counted: how long a CPU spins for one that is not let run is up to the host's timers.

use alloc::format;

use switchlab_core::{CpuId, counts};
use switchlab_kernel::{
    arch::mwait::Mwait,
    experiments::ways::{Bench, Look, Nothing, Size, Stamps, Waited, Waiting},
    failure,
};
use switchlab_records::Counts;

use crate::{count, shapes::EXCHANGES};

const WARM_UP: u64 = 100;

/// Exchanges of three blocks, each with half of [`EXCHANGES`] more. Between two chunks the clock is looked at; chunks
/// grow, and so the three have as many.
const SIZES: [u64; 3] = [1_030, 1_030 + EXCHANGES / 2, 1_030 + EXCHANGES];

/// Counts all ways that this machine has, without anything that looks on, and with a reading of the clock at
/// each number.
pub fn count_all() {
    let bench = Bench::hire();
    let ways = [
        ("halt", Some(Waiting::Halt)),
        ("spin_pause", Some(Waiting::SpinPause)),
        // Whose patience is never over, and who has none: it sleeps for each number.
        ("spin_halt", Some(Waiting::SpinHalt { patience_ticks: u64::MAX })),
        ("sleep", Some(Waiting::SpinHalt { patience_ticks: 0 })),
        ("mwait", Mwait::detect().map(Waiting::Mwait)),
    ];
    for (name, way) in ways {
        let Some(way) = way else { continue };
        count(&format!("wait_{name}_batch"), ticks::<Nothing>(&bench, name, way));
        count(&format!("wait_{name}_stamped"), ticks::<Stamps>(&bench, name, way));
    }
    bench.staff.dismiss();
}

/// Ticks of [`EXCHANGES`] exchanges.
fn ticks<L: Look>(bench: &Bench, name: &str, way: Waiting) -> u64 {
    let [one, two, three] = SIZES.map(|exchanges| block::<L>(bench, name, way, exchanges));
    let (first, second) = (two.wrapping_sub(one), three.wrapping_sub(two));
    if first != second {
        failure!("{name}: half of {EXCHANGES} exchanges take {first} ticks, and as many others {second}");
    }
    first + second
}

fn block<L: Look>(bench: &Bench, name: &str, way: Waiting, exchanges: u64) -> u64 {
    let size = Size { warm_up: WARM_UP, exchanges, budget_ticks: u64::MAX };
    let Waited { ticks, counts, wrong, .. } = bench.measure::<L>(way, [0, 1].map(CpuId::new), size, None);
    if let Some(wrong) = wrong {
        failure!("{name}: {wrong}");
    }
    let ipis = match way {
        Waiting::Halt | Waiting::SpinHalt { patience_ticks: 0 } => exchanges,
        Waiting::Spin | Waiting::SpinPause | Waiting::SpinHalt { .. } | Waiting::Mwait(_) => 0,
    };
    for counted in counts {
        let due = Counts {
            handoffs: exchanges,
            switches: 0,
            ipis_sent: ipis,
            ipis_taken: ipis,
            halts: counted.halts,
        };
        if let Err(mismatch) = counts::check(&counted, &due) {
            failure!("{name}: {mismatch}");
        }
    }
    ticks
}
