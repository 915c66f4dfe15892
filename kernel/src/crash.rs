//! How a panic or a CPU exception ends everything: the first CPU that crashes stops the others by
//! NMI, says its piece past all locks, and leaves with a code of its own.

use core::{
    fmt::Write,
    panic::PanicInfo,
    sync::atomic::{
        AtomicU32,
        Ordering::{AcqRel, Acquire},
    },
    time::Duration,
};

use switchlab_core::ApicId;
use switchlab_records::{Crash, ExitCode};

use crate::{
    arch::{
        apic,
        clock::Stopwatch,
        exit,
        idt::vector,
        interrupts, ipi, machine, percpu, smp,
        trap::{self, TrapFrame},
    },
    console, mm,
    report::{self, Text},
    sched,
};

/// The CPU that crashes, plus one; 0 while none does. The first takes it, the others halt.
static CRASHING: AtomicU32 = AtomicU32::new(0);

/// The others that have stopped.
static STOPPED: AtomicU32 = AtomicU32::new(0);

/// How long the others may take to stop.
const PATIENCE: Duration = Duration::from_millis(200);

/// Longest message that goes into the record.
const MESSAGE_BYTES: usize = 512;

/// Makes every exception end in a crash report.
pub fn init() {
    trap::set_fatal_handler(exception);
}

/// A panic.
pub fn panic(info: &PanicInfo<'_>) -> ! {
    become_the_crashing_cpu();
    let mut message = Text::<MESSAGE_BYTES>::new();
    let _ = write!(message, "{}", info.message());
    let mut location = Text::<128>::new();
    if let Some(place) = info.location() {
        let _ = write!(location, "{}:{}", place.file(), place.line());
    }
    let (rip, rsp) = interrupts::caller();
    finish(Crash {
        cpu: 0,
        task: None,
        message: message.as_str().into(),
        location: location.as_str().into(),
        vector: None,
        error_code: 0,
        rip,
        cr2: 0,
        rsp,
    })
}

/// A CPU exception, or an interrupt that nobody expects.
fn exception(frame: &TrapFrame) -> ! {
    let crashing = CRASHING.load(Acquire);
    if frame.vector == u64::from(vector::NMI) && crashing != 0 && crashing != cpu_number() + 1 {
        // Another CPU crashes and wants quiet.
        STOPPED.fetch_add(1, AcqRel);
        interrupts::halt_for_ever();
    }
    become_the_crashing_cpu();
    // There is no stack for the page fault, so it comes as what has a stack of its own.
    let overflow = frame.vector == u64::from(vector::DOUBLE_FAULT) && mm::is_overflow(frame.rsp, frame.cr2());
    finish(Crash {
        cpu: 0,
        task: None,
        message: if overflow { "stack overflow into its guard page" } else { frame.name() }.into(),
        location: "".into(),
        vector: Some(frame.vector as u8),
        error_code: frame.error_code,
        rip: frame.rip,
        cr2: frame.cr2(),
        rsp: frame.rsp,
    })
}

/// Returns on the first CPU that crashes, when the others have stopped or had their time to; halts the
/// others.
fn become_the_crashing_cpu() {
    interrupts::disable();
    let me = cpu_number() + 1;
    match CRASHING.compare_exchange(0, me, AcqRel, Acquire) {
        Ok(_) => {}
        // A crash in the report of a crash: what was written so far is all there is.
        Err(crashing) if crashing == me => exit::leave(ExitCode::Panic),
        // Another crashes already; its NMI counts this one as stopped.
        Err(_) => interrupts::halt_for_ever(),
    }
    if apic::is_enabled() {
        ipi::send_nmi_to_others();
        let others = smp::online() - 1;
        let mut stopwatch = Stopwatch::start();
        // Bounded: a CPU that is deaf to NMIs, or that crashes itself, must not keep this one quiet.
        while STOPPED.load(Acquire) < others && stopwatch.elapsed() < PATIENCE {
            core::hint::spin_loop();
        }
    }
}

fn finish(crash: Crash<'_>) -> ! {
    let crash = Crash { cpu: cpu_number(), task: sched::current_task_number(), ..crash };
    let mut console = console::seize();
    let task = Number(crash.task);
    // Whoever was writing may have been stopped in mid-line.
    let _ = write!(console, "\n*** crash on CPU {}, task {task}: {}", crash.cpu, crash.message);
    let _ = match crash.vector {
        Some(vector) => writeln!(
            console,
            " (vector {vector}, error code {:#x}) at rip {:#x}, rsp {:#x}, cr2 {:#x}",
            crash.error_code, crash.rip, crash.rsp, crash.cr2
        ),
        None => writeln!(console, " at {}", crash.location),
    };
    report::finish_with_crash(console, crash)
}

struct Number(Option<u32>);

impl core::fmt::Display for Number {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            Some(number) => write!(f, "{number}"),
            None => f.write_str("none"),
        }
    }
}

/// Of a CPU that has no data of its own yet too: without it, it would pass for the BSP, which would take itself for the
/// one that crashes.
fn cpu_number() -> u32 {
    let cpu = percpu::try_this_cpu().or_else(|| sched::percpu_of(ApicId::new(machine::place().0)));
    cpu.map_or(0, |cpu| cpu.id().get())
}

#[panic_handler]
fn panic_handler(info: &PanicInfo<'_>) -> ! {
    panic(info)
}
