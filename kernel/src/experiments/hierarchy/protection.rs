//! What keeps ring 3 in while its levels are measured. What a level costs hangs on it, so it is reported.

use alloc::boxed::Box;

use switchlab_core::CpuId;
use switchlab_records::{Guard, Protection, Record};

use crate::{
    arch::ring3,
    failure,
    lock::Lock,
    report::report,
    sched,
    user::{self, Spec, programs},
};

/// Reports what is on on those of `cpus` that there are, each asked by a process of its own while that lives: before and
/// behind it a CPU is as it was. Nothing where there are no processes.
pub(super) fn report_on(cpus: &[CpuId; 2], there_are: u32) {
    if user::absent().is_some() {
        return;
    }
    for &cpu in cpus.iter().filter(|cpu| cpu.get() < there_are) {
        let found: &'static Lock<Option<_>> = Box::leak(Box::default());
        let asking = user::host(sched::cpu(cpu), Spec::new(&programs::ASKS_NOTHING), move |_| {
            *found.lock() = Some((ring3::protection(), ring3::in_force()));
        });
        match asking {
            Ok(asking) => asking.join(),
            Err(why) => return failure!("what protects from ring 3 on CPU {}: {why}", cpu.get()),
        }
        let Some((has, is_on)) = found.lock().take() else { continue };
        report(&Record::Protection(Protection {
            cpu: cpu.get(),
            nx: guard(has.nx, is_on.nx),
            smep: guard(has.smep, is_on.smep),
            smap: guard(has.smap, is_on.smap),
            umip: guard(has.umip, is_on.umip),
            pcid: guard(has.pcid, is_on.pcid),
        }));
    }
}

/// What is on is told of whatever CPUID says.
const fn guard(has: bool, is_on: bool) -> Guard {
    match (is_on, has) {
        (true, _) => Guard::On,
        (false, true) => Guard::Off,
        (false, false) => Guard::Absent,
    }
}
