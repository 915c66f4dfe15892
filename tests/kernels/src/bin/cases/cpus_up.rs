//! Every CPU comes up once: a task on each finds itself on that CPU, with an APIC id of its own.

use alloc::vec::Vec;

use case::{check, count, spawn};
use spin::Mutex;
use switchlab_core::{ApicId, CpuId};
use switchlab_kernel::{
    arch::{apic, interrupts, percpu},
    bring_up::Lab,
    sched,
};

static SEEN: Mutex<Vec<(CpuId, ApicId)>> = Mutex::new(Vec::new());

pub fn cpus_up(lab: &Lab) {
    for &cpu in sched::cpus() {
        spawn(cpu, move || {
            let here = percpu::this_cpu();
            check!(here.id() == cpu.id(), "a task of CPU {} runs on CPU {}", cpu.id(), here.id());
            check!(here.apic_id() == apic::id(), "CPU {}: APIC id {} found", here.id(), apic::id());
            check!(!interrupts::are_enabled(), "CPU {}: a task runs with interrupts on", here.id());
            SEEN.lock().push((here.id(), apic::id()));
        })
        .join();
    }
    let mut seen = SEEN.lock();
    check!(seen.len() == lab.cpus as usize, "{} tasks ran on {} CPUs", seen.len(), lab.cpus);
    for by in [|cpu: &(CpuId, ApicId)| cpu.0.get(), |cpu: &(CpuId, ApicId)| cpu.1.get()] {
        seen.sort_unstable_by_key(by);
        seen.dedup_by_key(|cpu| by(cpu));
        check!(seen.len() == lab.cpus as usize, "an id came twice: {seen:?}");
    }
    count("cpus", seen.len() as u64);
}
