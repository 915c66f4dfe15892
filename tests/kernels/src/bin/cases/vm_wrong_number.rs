//! Pairs of guests between which a number is changed on its way, there or back: the guest that gets it reports it, and
//! the block says so. On one CPU in each way to hand over, and on two.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use case::{check, count, cpu};
use switchlab_kernel::{
    bring_up::Lab,
    measure::{Wrong, probe::Probe},
    vm::{Fpu, Interrupt, Kind, Paging, Route, apart, pair},
};

const EXCHANGES: u64 = 100;
/// The number that is changed, within the block.
const NUMBER: u64 = 58;
/// What it is changed to.
const CHANGED: u64 = 1_000;
const WARM_UP: u64 = 10;

/// How often the number was on its way so far.
static TIMES: AtomicU64 = AtomicU64::new(0);

/// Changes the number when it is on its way for the time `TIME`: 1 is there, 2 is back.
#[derive(Default)]
struct Changes<const TIME: u64>;

impl<const TIME: u64> Probe for Changes<TIME> {
    fn begin(&mut self) {}

    fn exchange(&mut self) {}

    fn sent(number: u64) -> u64 {
        if number == NUMBER && TIMES.fetch_add(1, Relaxed) + 1 == TIME { CHANGED } else { number }
    }
}

pub fn vm_wrong_number(_: &Lab) {
    let routes = [Route::Call, Route::WakeUp(Interrupt::Virtual), Route::WakeUp(Interrupt::Injected)];
    let mut found = 0;
    for paging in [Paging::Nested, Paging::Shadow] {
        let kind = Kind { paging, fpu: Fpu::Absent };
        for route in routes {
            found += once::<1>(|probe| pair::measure(cpu(0), route, kind, WARM_UP, EXCHANGES, probe));
            found += once::<2>(|probe| pair::measure(cpu(1), route, kind, WARM_UP, EXCHANGES, probe));
            found +=
                once::<1>(|probe| apart::measure([cpu(0), cpu(1)], route, kind, WARM_UP, EXCHANGES, probe));
            found +=
                once::<2>(|probe| apart::measure([cpu(1), cpu(0)], route, kind, WARM_UP, EXCHANGES, probe));
        }
        // The only guest finds what its VMM changed.
        found += once::<1>(|probe| pair::measure(cpu(0), Route::RoundTrip, kind, WARM_UP, EXCHANGES, probe));
    }
    count("found", found);
}

type Measured<P> = Result<pair::Ran<P>, switchlab_kernel::vm::Why>;

/// Whether the change was found: 1 or 0.
fn once<const TIME: u64>(measure: impl FnOnce(Changes<TIME>) -> Measured<Changes<TIME>>) -> u64 {
    TIMES.store(0, Relaxed);
    let ran = measure(Changes).unwrap_or_else(|why| panic!("{why}"));
    let expected = Some(Wrong { expected: NUMBER, found: CHANGED });
    check!(ran.measured.wrong == expected, "expected {expected:?}, found {:?}", ran.measured.wrong);
    u64::from(ran.measured.wrong == expected)
}
