//! The empty system call.

use std::time::Instant;

use anyhow::ensure;
use rustix::process;

use super::{FIRST, Timed, bind, warm_up};

/// Times `calls` of `getppid`, each of which has to say the same parent.
pub fn getppid(calls: u32) -> anyhow::Result<Timed> {
    let at_home = std::thread::scope(|scope| scope.spawn(|| on_first(calls)).join());
    at_home.map_err(|_| anyhow::anyhow!("the caller panicked"))?
}

fn on_first(calls: u32) -> anyhow::Result<Timed> {
    bind(FIRST)?;
    let expected = parent();
    let same = |count: u32| (0..count).filter(|_| parent() == expected).count();
    same(warm_up(calls));
    let start = Instant::now();
    let found = same(calls);
    let elapsed = start.elapsed();
    ensure!(found == calls as usize, "of {calls} calls {found} said the parent");
    Ok(Timed { handoffs: calls.into(), elapsed })
}

/// The parent's number; of the first process, which has none, 0.
fn parent() -> i32 {
    process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get())
}
