//! What a guest was doing that stands still or reached its deadline: asked from outside, while it is paused, before QEMU is
//! ended. So a hang names who is to blame.
//!
//! QEMU's monitor gives the registers of each CPU and its local APIC; the kernel's memory, read by the same way, gives who
//! runs there and what for. The guest is looked at twice: what moves meanwhile is no hang. A QEMU that does not answer
//! is given up within seconds.

use std::fmt::Write as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use switchlab_records::outside::{MAGIC, SYMBOL};

use crate::qemu::Config;
use crate::symbols::Symbols;

mod culprit;
mod kernel;
mod machine;
mod registers;
mod show;

use culprit::{Found, InKernel, State, culprits};
pub use kernel::Kernel;
use kernel::PerCpu;
pub use machine::Memory;
use machine::{Cpu, Machine};
pub use registers::{Lapic, Registers};

/// Between two looks. With one thread for all CPUs each has a turn of up to 100 ms.
const APART: Duration = Duration::from_millis(300);
/// Words of a stack that are looked at: deeper is who called who waits.
const STACK_WORDS: usize = 64;

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Hang {
    /// For people: a table, and who is to blame.
    pub summary: String,
    /// All that QEMU said of each CPU.
    pub details: String,
}

impl Hang {
    /// Of a guest whose QEMU is stopped: nobody there answers.
    pub(crate) fn of_stopped() -> Self {
        let summary = "culprit: QEMU's process is stopped, by a signal, and answers nothing\n".to_owned();
        Self { details: summary.clone(), summary }
    }
}

/// Looks at this guest, which runs; `None` where it was started without a monitor.
pub fn of(config: &Config) -> Option<Hang> {
    config.monitor.as_ref().map(|monitor| look(monitor, &config.kernel))
}

/// Looks at a guest whose QEMU opens its monitor there, and whose kernel is this one.
fn look(monitor: &Path, kernel: &Path) -> Hang {
    let mut machine = match Machine::open(monitor) {
        Ok(machine) => machine,
        Err(error) => {
            let summary = format!("what each CPU did is not known: {}\n", unanswered(&error));
            return Hang { details: summary.clone(), summary };
        }
    };
    let was = machine.status().unwrap_or_default();
    let symbols = Symbols::of(kernel);
    let table = symbols.as_ref().and_then(|symbols| symbols.address_of(SYMBOL));
    machine.stop();
    let mut looks = vec![Look::take(&mut machine, table)];
    if was == "running" {
        machine.go_on();
        thread::sleep(APART);
        machine.stop();
        looks.push(Look::take(&mut machine, table));
    }
    let (mut summary, details) = told(&mut machine, &looks, symbols.as_ref());
    if !matches!(was.as_str(), "" | "running") {
        let _ = writeln!(summary, "culprit: the guest does not run: QEMU says that it is {was}");
    }
    if let Some(error) = machine.lost() {
        let _ = writeln!(summary, "not all is known: {}", unanswered(error));
    }
    Hang { details: format!("{summary}\n{details}"), summary }
}

fn unanswered(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::TimedOut => "QEMU does not answer: it is stopped, or has no CPU".into(),
        _ => format!("QEMU's monitor: {error}"),
    }
}

/// All CPUs at a time.
struct Look {
    cpus: Vec<Cpu>,
    kernel: Option<Kernel>,
}

impl Look {
    fn take(machine: &mut Machine, table: Option<u64>) -> Self {
        let cpus = machine.cpus();
        let table = table.filter(|table| machine.read_where(&cpus, *table, MAGIC));
        let kernel = table.and_then(|table| Kernel::read(machine, table));
        Self { cpus, kernel }
    }

    /// What a vector is called.
    fn vector(&self, vector: u8) -> String {
        let name = self.kernel.as_ref().and_then(|kernel| kernel.vector(vector));
        name.map_or_else(|| format!("vector {vector:#x}"), str::to_owned)
    }

    /// The last IPI, and to whom.
    fn sent(&self, lapic: &Lapic) -> String {
        let Some(vector) = lapic.sent else { return String::new() };
        let cpu = lapic.sent_to.and_then(|id| self.kernel.as_ref()?.cpu_with(id));
        let to = match (cpu, lapic.sent_to) {
            (Some(cpu), _) => format!(" to CPU {cpu}"),
            (None, Some(id)) => format!(" to APIC id {id}"),
            (None, None) => String::new(),
        };
        self.vector(vector) + &to
    }
}

/// The summary, and what QEMU said of each CPU.
fn told(machine: &mut Machine, looks: &[Look], symbols: Option<&Symbols>) -> (String, String) {
    let (Some(before), Some(now)) = (looks.first(), looks.last()) else { return Default::default() };
    let mut details = String::new();
    let mut all: Vec<Found> = now
        .cpus
        .iter()
        .map(|cpu| {
            let own = now.kernel.as_ref().and_then(|kernel| kernel.cpu_of(cpu.registers.task_segment));
            let number = own.map_or(u32::try_from(cpu.index).unwrap_or(u32::MAX), |own| own.number);
            let name = symbols.and_then(|symbols| symbols.name(instruction(cpu)));
            let _ = writeln!(
                details,
                "CPU {number}: {}\n{}",
                name.unwrap_or_default(),
                cpu.text.replace('\r', "")
            );
            let in_kernel = now.kernel.as_ref().zip(own).map(|(kernel, own)| {
                let before = before.kernel.as_ref().and_then(|kernel| kernel.cpus.get(own.number as usize));
                in_kernel(machine, kernel, own, before, cpu)
            });
            let lapic = cpu.lapic.clone().unwrap_or_default();
            let named = |vectors: &[u8]| vectors.iter().map(|vector| now.vector(*vector)).collect();
            Found {
                cpu: number,
                state: match cpu.registers {
                    Registers { is_in_real_mode: true, is_halted: true, .. } => State::NotStarted,
                    Registers { is_halted: true, .. } => State::Halts,
                    _ => State::Runs,
                },
                has_interrupts_on: cpu.registers.has_interrupts_on(),
                place: place(cpu, symbols),
                pending: named(&lapic.pending),
                in_service: named(&lapic.in_service),
                sent: now.sent(&lapic),
                kernel: in_kernel,
            }
        })
        .collect();
    all.sort_by_key(|found| found.cpu);
    let mut summary = show::table(&all);
    if looks.len() > 1 {
        for culprit in culprits(&all, &format!("{} ms", APART.as_millis())) {
            let _ = writeln!(summary, "culprit: {culprit}");
        }
    }
    (summary, details)
}

fn in_kernel(
    machine: &mut Machine,
    kernel: &Kernel,
    own: &PerCpu,
    before: Option<&PerCpu>,
    cpu: &Cpu,
) -> InKernel {
    let halts = cpu.registers.is_halted;
    let mut hands = cpu.registers.general.clone();
    if halts {
        hands.extend(machine.words(cpu.registers.rsp, STACK_WORDS).unwrap_or_default());
    }
    InKernel {
        task: kernel.task(machine, own),
        wait: if halts { kernel.wait(machine, own, &hands) } else { None },
        work: before.map(|before| own.work.saturating_sub(before.work)),
        has_mail: own.has_mail,
        ipis_sent: own.ipis_sent,
        ipis_taken: own.ipis_taken,
        ipis_seen: own.ipis_seen,
    }
}

/// Of a CPU that halts, the halt itself: it stands behind it already.
fn instruction(cpu: &Cpu) -> u64 {
    cpu.registers.rip.wrapping_sub(u64::from(cpu.registers.is_halted))
}

fn place(cpu: &Cpu, symbols: Option<&Symbols>) -> String {
    let address = instruction(cpu);
    if cpu.registers.ring != 0 {
        return format!("ring {}, {address:#x}", cpu.registers.ring);
    }
    symbols.and_then(|symbols| symbols.function(address)).unwrap_or_else(|| format!("{address:#x}"))
}
