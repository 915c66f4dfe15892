//! From the loader to a machine on which tasks run: the steps, in the order in which they depend on
//! each other.

use alloc::{boxed::Box, vec::Vec};

use bootloader_api::{
    BootInfo, BootloaderConfig,
    config::Mapping,
    info::{MemoryRegions, Optional},
};
use switchlab_core::{ApicId, CpuId, madt::CpuList, params::Offsets};
use switchlab_records::{ApicMode, Clock, Cpus, Machine, Offset, Record, Start, Unit};

use crate::{
    arch::{
        apic,
        clock::{self, Clocks},
        idt, ipi, machine,
        percpu::PerCpu,
        smp::{self, Ap},
        tsc,
    },
    console, crash, failure,
    firmware::{self, Firmware},
    log,
    mm::{self, Stack, StackSize},
    qualify,
    report::{self, report},
    sched,
};

/// What the kernel asks of its loader.
pub static LOADER_CONFIG: BootloaderConfig = {
    let mut config = BootloaderConfig::new_default();
    config.mappings.physical_memory = Some(Mapping::FixedAddress(mm::PHYSICAL_MEMORY));
    config.mappings.dynamic_range_start = Some(mm::DYNAMIC_RANGE_START);
    config.mappings.dynamic_range_end = Some(mm::DYNAMIC_RANGE_END);
    config
};

/// What comes from the loader, as far as the kernel looks at it.
#[derive(Debug)]
pub struct Handover {
    /// The kernel's command line; empty under a loader that passes none.
    pub command_line: &'static str,
    regions: &'static [bootloader_api::info::MemoryRegion],
    physical_memory: u64,
    rsdp: Option<u64>,
}

/// What it is about where there is no memory for it.
const OFFSETS: &str = "offsets between the CPUs' counters";

/// A machine on which tasks run on all CPUs.
#[derive(Debug)]
pub struct Lab {
    /// How many CPUs are up.
    pub cpus: u32,
    /// The clocks, since start-up.
    pub clocks: Clocks,
    /// The TSC's frequency as it was at start-up, in Hz: good enough to stop by. 0 where no clock told.
    pub tsc_hz: u64,
    /// What [`Lab::qualify_clock`] found between CPUs, and by what it read their counters.
    offsets: spin::Once<(Vec<Offset>, qualify::Read)>,
}

/// Step 1: a serial line to speak on, crashes that are reported, a heap.
///
/// # Panics
///
/// If the loader did not map the physical memory, as it was asked to.
pub fn begin(boot_info: &'static mut BootInfo) -> Handover {
    console::init();
    crash::init();
    let handover = Handover::take(boot_info);
    mm::init(handover.physical_memory, handover.regions);
    handover
}

/// Step 2: the first record, which says what was asked for and accepted.
///
/// Ends the machine where the command line has control characters: no record could echo it.
pub fn announce(handover: &Handover, kernel: &str, parameters: &str) {
    let printable = !handover.command_line.chars().any(char::is_control);
    report(&Record::Start(Start {
        kernel: kernel.into(),
        version: env!("CARGO_PKG_VERSION").into(),
        command_line: if printable { handover.command_line } else { "" }.into(),
        parameters: parameters.into(),
    }));
    if !printable {
        refuse(format_args!("the command line has control characters; allowed are key=value words"));
    }
}

/// Step 3: all CPUs, each with its tables, its APIC and its scheduler; then the clocks.
///
/// Ends the machine, with a failure that says why, where a CPU does not come or the firmware's
/// tables are of no use.
pub fn start_cpus(handover: &Handover) -> Lab {
    let entered = tsc::start();
    let has_rdtscp = tsc::detect();
    crate::arch::pic::turn_off();
    let apic_mode = start_local_apic();
    let bsp = apic::id();
    let firmware = firmware::read(handover.rsdp, bsp).unwrap_or_else(|error| refuse(format_args!("{error}")));
    if apic_mode == ApicMode::Xapic {
        refuse_wide_apic_ids(&firmware);
    }
    clock::set_pm_timer(firmware.pm_timer);
    let percpus = make_percpus(&firmware, bsp);
    // First the kernel's own code segment: the IDT's entries name the one in use.
    percpus[CpuId::BSP.index()].install();
    idt::init();
    ipi::init();
    idt::load();
    sched::init(&percpus);
    let listed = LISTED.call_once(|| firmware.cpus.clone());
    apic::connect_nmi(listed.nmi_pins(CpuId::BSP));
    start_aps(&percpus[1..]);
    report(&Record::Cpus(Cpus {
        found: firmware.cpus.count() as u32,
        up: percpus.iter().filter(|cpu| cpu.id() == CpuId::BSP || cpu.is_online()).count() as u32,
        apic: apic_mode,
        ticks: tsc::end() - entered,
    }));
    report_machine(handover, has_rdtscp);
    let (clocks, tsc_hz) = start_clocks(&firmware);
    Lab { cpus: percpus.len() as u32, clocks, tsc_hz, offsets: spin::Once::new() }
}

impl Lab {
    /// Step 4: what the clock is worth, before anything is measured with it. `read` reads it.
    ///
    /// Ends the machine where there is no memory for it.
    pub fn qualify_clock(&self, which: Offsets, read: qualify::Read) {
        report(&Record::Tsc(qualify::tsc()));
        let mut offsets = Vec::new();
        let measured = qualify::offsets(which, read, |offset| {
            report(&Record::Offset(offset));
            offsets.push(offset);
        });
        measured.unwrap_or_else(|error| refuse(format_args!("{OFFSETS}: {error}")));
        self.offsets.call_once(|| (offsets, read));
    }

    /// A counter that was stepped while it was measured with is a failure.
    fn check_offsets(&self) {
        let Some((before, read)) = self.offsets.get() else { return };
        let measured = qualify::find_moved(before, *read, |before, now| {
            failure!(
                "the TSC of CPU {} was ahead of CPU {}'s by {} ticks and is by {}, each within {} and {}: it was \
                 stepped meanwhile, or goes at a rate of its own",
                before.cpu,
                before.against,
                before.offset_ticks,
                now.offset_ticks,
                before.bound_ticks,
                now.bound_ticks
            );
        });
        measured.unwrap_or_else(|error| refuse(format_args!("{OFFSETS}: {error}")));
    }

    /// The last step: the clocks once more, over all that went on, and each CPU's against the others'; what there is to
    /// tell, with times by that; the end. After a failure there is nothing to tell: a log with one is no result.
    pub fn finish(self, unit: Unit, tell: impl FnOnce(&Clock)) -> ! {
        let clock = self.clocks.compare_after(unit);
        report(&Record::Clock(clock));
        self.check_offsets();
        if report::has_failures() {
            log!("No result: a check failed.");
        } else {
            tell(&clock);
        }
        report::finish()
    }
}

/// Ends the machine because it, or what was asked of it, can not be used.
pub fn refuse(why: core::fmt::Arguments<'_>) -> ! {
    failure!("{why}");
    report::finish()
}

impl Handover {
    fn take(boot_info: &'static mut BootInfo) -> Self {
        let command_line = mm::find_command_line(boot_info);
        let physical_memory = boot_info
            .physical_memory_offset
            .into_option()
            .expect("the loader maps the physical memory, as LOADER_CONFIG asks");
        let none = MemoryRegions::from(&mut [][..]);
        Self {
            command_line,
            physical_memory,
            rsdp: match boot_info.rsdp_addr {
                Optional::Some(address) => Some(address),
                Optional::None => None,
            },
            regions: <&'static mut [_]>::from(core::mem::replace(&mut boot_info.memory_regions, none)),
        }
    }
}

fn start_local_apic() -> ApicMode {
    let mode = apic::choose_mode();
    if mode == ApicMode::Xapic {
        mm::map_xapic();
    }
    apic::enable();
    mode
}

/// In xAPIC mode an id has eight bits, and 255 means all.
fn refuse_wide_apic_ids(firmware: &Firmware) {
    if let Some((cpu, id)) = firmware.cpus.iter().find(|(_, id)| id.get() >= 0xff) {
        refuse(format_args!("CPU {cpu} has APIC id {id}, which xAPIC mode can not address (0 to 254)"));
    }
}

fn make_percpus(firmware: &Firmware, bsp: ApicId) -> Vec<&'static PerCpu> {
    assert_eq!(firmware.cpus.apic_id(CpuId::BSP), Some(bsp), "the BSP is CPU 0");
    firmware.cpus.iter().map(|(cpu, apic_id)| &*Box::leak(Box::new(PerCpu::new(cpu, apic_id)))).collect()
}

/// The CPUs as the firmware lists them, for who looks at them on an AP.
static LISTED: spin::Once<CpuList> = spin::Once::new();

/// What an AP does once it is up.
fn run_ap(percpu: &'static PerCpu) -> ! {
    let listed = LISTED.get().expect("the BSP listed them before it started this one");
    apic::connect_nmi(listed.nmi_pins(percpu.id()));
    sched::run_ap(percpu)
}

fn start_aps(percpus: &[&'static PerCpu]) {
    if percpus.is_empty() {
        return;
    }
    let Some(mut start_page) = mm::start_page() else {
        refuse(format_args!("no free page below 640 KiB to start APs in"));
    };
    let aps: Vec<Ap> = percpus
        .iter()
        .map(|&percpu| match Stack::allocate(StackSize::Usual) {
            Ok(stack) => Ap { percpu, stack_top: stack.top().addr() as u64 },
            Err(error) => refuse(format_args!("CPU {}: {error}", percpu.id())),
        })
        .collect();
    if let Err(missing) = smp::start_others(&mut start_page, &aps, run_ap) {
        refuse(format_args!("{missing}"));
    }
    mm::take_start_page_back(start_page);
}

fn report_machine(handover: &Handover, rdtscp: bool) {
    report(&Record::Machine(Machine {
        hypervisor: machine::hypervisor_name().as_str().into(),
        cpu: machine::cpu_name().as_str().into(),
        invariant_tsc: machine::has_invariant_tsc(),
        rdtscp,
        memory_bytes: mm::usable_bytes(handover.regions),
    }));
}

fn start_clocks(firmware: &Firmware) -> (Clocks, u64) {
    let clocks = Clocks::start(firmware.hpet.and_then(mm::start_hpet));
    let clock = clocks.compare_before();
    report(&Record::Clock(clock));
    (clocks, clock.tsc_hz)
}
