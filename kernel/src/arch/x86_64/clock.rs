//! Clocks of known frequency, to find the TSC's: the PIT, the ACPI PM timer, the HPET.
//!
//! Two looks at a clock, some time apart, each with the TSC beside it, give the TSC's frequency. The
//! longer the window the better; the PIT's counter limits it to 55 ms, the others carry it over the
//! whole job. So there is one short comparison at start-up and one over everything at the end, and
//! accuracy costs no start-up time.

use core::{
    ptr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use switchlab_core::acpi::{PmTimer, PmTimerWidth};
use switchlab_records::{Clock, ClockPhase, Unit};

use super::{
    ports::{PIT_CHANNEL_2, PIT_COMMAND, SYSTEM_CONTROL, read_u8, read_u32, write_u8},
    tsc,
};

/// The PIT's input clock in Hz (105/88 MHz).
const PIT_HZ: u64 = 1_193_182;
/// Window of a PIT comparison in its ticks: 20 ms, well before the counter wraps.
const PIT_WINDOW: u16 = 23_864;
/// How often a comparison with the PIT is tried.
const PIT_TRIES: u32 = 5;
/// Shortest window over which the other clocks are compared at the end.
const SHORTEST_WINDOW: Duration = Duration::from_millis(100);
/// Longest window, in TSC ticks, in which no clock can wrap: the PM timer takes 4.7 s, and no TSC is
/// slower than this in 4 s.
const LONGEST_WITHOUT_WRAP: u64 = 4_000_000_000;
/// How often a look is repeated; the one that took the least counts.
const LOOKS: usize = 5;

/// HPET general capabilities: period of a tick in femtoseconds in bits 32 to 63, counter size in
/// bit 13 (IA-PC HPET specification 1.0a, 2.3.4).
const HPET_CAPABILITIES: u64 = 0x0;
/// HPET general configuration: bit 0 lets the main counter run (2.3.5).
const HPET_CONFIGURATION: u64 = 0x10;
/// HPET main counter (2.3.7).
const HPET_COUNTER: u64 = 0xf0;

/// Port of the PM timer plus its width, for [`Stopwatch`]; 0 where there is none.
static PM_TIMER: AtomicU64 = AtomicU64::new(0);
const WIDE: u64 = 1 << 32;

/// Tells where the PM timer is. Once, before the first [`Stopwatch`].
pub fn set_pm_timer(timer: Option<PmTimer>) {
    let word = timer.map_or(0, |timer| {
        u64::from(timer.port) | if timer.width == PmTimerWidth::Bits32 { WIDE } else { 0 }
    });
    PM_TIMER.store(word, Relaxed);
}

fn pm_timer() -> Option<PmTimer> {
    let word = PM_TIMER.load(Relaxed);
    let width = if word & WIDE == 0 { PmTimerWidth::Bits24 } else { PmTimerWidth::Bits32 };
    (word != 0).then_some(PmTimer { port: word as u16, width })
}

/// Measures time for deadlines, before the TSC's frequency is known.
///
/// By the PM timer, which has to be asked more often than it wraps (4.7 s). Where there is none, by
/// the TSC as if it ran at 8 GHz: a deadline then comes late, never early.
#[derive(Debug)]
pub struct Stopwatch {
    timer: Option<PmTimer>,
    last: u64,
    ticks: u64,
}

impl Stopwatch {
    const FASTEST_TSC_HZ: u64 = 8_000_000_000;

    /// Starts now.
    pub fn start() -> Self {
        let mut stopwatch = Self { timer: pm_timer(), last: 0, ticks: 0 };
        stopwatch.last = stopwatch.read();
        stopwatch
    }

    /// Time since the start.
    pub fn elapsed(&mut self) -> Duration {
        let (mask, hz) = match self.timer {
            Some(timer) => (u64::from(timer.width.mask()), u64::from(PmTimer::HZ)),
            None => (u64::MAX, Self::FASTEST_TSC_HZ),
        };
        let now = self.read();
        self.ticks += now.wrapping_sub(self.last) & mask;
        self.last = now;
        Duration::from_nanos((u128::from(self.ticks) * 1_000_000_000 / u128::from(hz)) as u64)
    }

    fn read(&self) -> u64 {
        self.timer.map_or_else(tsc::start, |timer| u64::from(read_u32(timer.port)))
    }
}

/// A look at a clock: its count, and the TSC's at the same moment.
#[derive(Clone, Copy, Debug)]
struct Look {
    count: u64,
    tsc: u64,
}

/// Reads the TSC on both sides of `read` and takes the middle, of the closest of several tries.
fn look(read: impl Fn() -> u64) -> Look {
    let mut best = Look { count: 0, tsc: 0 };
    let mut shortest = u64::MAX;
    for _ in 0..LOOKS {
        let before = tsc::start();
        let count = read();
        let took = tsc::end() - before;
        if took < shortest {
            shortest = took;
            best = Look { count, tsc: before + took / 2 };
        }
    }
    best
}

/// The HPET's registers, mapped.
#[derive(Clone, Copy, Debug)]
pub struct Hpet {
    registers: u64,
    hz: u64,
    mask: u64,
}

impl Hpet {
    /// Starts the HPET whose registers are mapped at `registers`; `None` where what is there is none.
    ///
    /// # Safety
    ///
    /// The page at `registers` is mapped for ever and holds the HPET's registers.
    pub unsafe fn start(registers: u64) -> Option<Self> {
        let mut hpet = Self { registers, hz: 0, mask: 0 };
        let capabilities = hpet.read(HPET_CAPABILITIES);
        let femtoseconds = capabilities >> 32;
        // The specification allows at most 100 ns.
        if !(1..=100_000_000).contains(&femtoseconds) {
            return None;
        }
        hpet.hz = 1_000_000_000_000_000 / femtoseconds;
        hpet.mask = if capabilities & (1 << 13) == 0 { u64::from(u32::MAX) } else { u64::MAX };
        let configuration = hpet.read(HPET_CONFIGURATION);
        // SAFETY: the register exists; letting the counter run has no other effect.
        unsafe { ptr::write_volatile(hpet.at(HPET_CONFIGURATION), configuration | 1) };
        Some(hpet)
    }

    fn read(&self, register: u64) -> u64 {
        // SAFETY: `start`'s caller owes the mapping.
        unsafe { ptr::read_volatile(self.at(register)) }
    }

    fn at(&self, register: u64) -> *mut u64 {
        ptr::with_exposed_provenance_mut((self.registers + register) as usize)
    }
}

/// The clocks of this machine, and when they were first looked at.
#[derive(Debug)]
pub struct Clocks {
    hpet: Option<Hpet>,
    first_pm: Option<Look>,
    first_hpet: Option<Look>,
}

impl Clocks {
    /// Looks at the clocks for the first time.
    pub fn start(hpet: Option<Hpet>) -> Self {
        Self { hpet, first_pm: look_at_pm_timer(), first_hpet: hpet.map(look_at_hpet) }
    }

    /// The first comparison: over the 20 ms that the PIT takes.
    pub fn compare_before(&self) -> Clock {
        self.compare(ClockPhase::Before)
    }

    /// The last comparison: over all that went on since [`start`](Self::start).
    ///
    /// A short job is waited for until the window is long enough to be exact. Not where instructions
    /// are counted: every clock follows the one count then, and the wait alone would take several
    /// seconds of the host's.
    pub fn compare_after(&self, unit: Unit) -> Clock {
        let mut stopwatch = Stopwatch::start();
        let first = self.first_pm.or(self.first_hpet);
        let so_far = first.map_or(u64::MAX, |look| tsc::end() - look.tsc);
        // As if the TSC ran at the highest rate: the window is at least as long as asked for.
        let shortest = SHORTEST_WINDOW.as_micros() as u64 * (Stopwatch::FASTEST_TSC_HZ / 1_000_000);
        if so_far < shortest && unit == Unit::Time {
            while stopwatch.elapsed() < SHORTEST_WINDOW {
                core::hint::spin_loop();
            }
        }
        self.compare(ClockPhase::After)
    }

    fn compare(&self, phase: ClockPhase) -> Clock {
        let (pit_hz, pit_window_ticks) = compare_with_pit();
        let (hpet_hz, hpet_window_ticks) = match (self.hpet, self.first_hpet) {
            (Some(hpet), Some(first)) => {
                let now = look_at_hpet(hpet);
                // A 32-bit counter wraps within minutes; the PIT's figure tells how often.
                tsc_hz(first, now, hpet.hz, hpet.mask, pit_hz)
            }
            _ => (0, 0),
        };
        let (pm_timer_hz, pm_timer_window_ticks) = match (pm_timer(), self.first_pm, look_at_pm_timer()) {
            (Some(timer), Some(first), Some(now)) => {
                // The HPET over the same window is the better guide, where it can not have wrapped.
                let wide_hpet = self.hpet.is_some_and(|hpet| hpet.mask == u64::MAX);
                let rough = if wide_hpet { hpet_hz } else { pit_hz };
                tsc_hz(first, now, u64::from(PmTimer::HZ), u64::from(timer.width.mask()), rough)
            }
            _ => (0, 0),
        };
        let best = [hpet_hz, pm_timer_hz, pit_hz].into_iter().find(|&hz| hz != 0).unwrap_or(0);
        Clock {
            phase,
            tsc_hz: best,
            pit_hz,
            pit_window_ticks,
            pm_timer_hz,
            pm_timer_window_ticks,
            hpet_hz,
            hpet_window_ticks,
        }
    }
}

/// The TSC's frequency in Hz from two looks at a clock of `hz` that counts modulo `mask` + 1, and
/// the window in TSC ticks. How often the clock wrapped in between is found by `rough_tsc_hz`.
fn tsc_hz(first: Look, now: Look, hz: u64, mask: u64, rough_tsc_hz: u64) -> (u64, u64) {
    let window = now.tsc - first.tsc;
    let mut counted = u128::from(now.count.wrapping_sub(first.count) & mask);
    if mask != u64::MAX && rough_tsc_hz == 0 && window > LONGEST_WITHOUT_WRAP {
        return (0, window);
    }
    if rough_tsc_hz != 0 && mask != u64::MAX {
        let expected = u128::from(window) * u128::from(hz) / u128::from(rough_tsc_hz);
        let wrap = u128::from(mask) + 1;
        counted += (expected.saturating_sub(counted) + wrap / 2) / wrap * wrap;
    }
    if counted == 0 {
        return (0, window);
    }
    ((u128::from(window) * u128::from(hz) / counted) as u64, window)
}

fn look_at_pm_timer() -> Option<Look> {
    pm_timer().map(|timer| look(|| u64::from(read_u32(timer.port))))
}

fn look_at_hpet(hpet: Hpet) -> Look {
    look(|| hpet.read(HPET_COUNTER))
}

/// Compares the TSC with the PIT; returns the TSC's frequency in Hz and the window in TSC ticks, or
/// (0, 0) where the PIT's counter does not move.
///
/// The counter wraps after 55 ms. Where the CPU was stopped for so long in between, the output tells,
/// and the comparison is repeated.
fn compare_with_pit() -> (u64, u64) {
    (0..PIT_TRIES).find_map(|_| try_compare_with_pit()).unwrap_or((0, 0))
}

/// Lets the PIT's channel 2 count down once; `None` where its counter wrapped or does not move.
fn try_compare_with_pit() -> Option<(u64, u64)> {
    const GATE: u8 = 1 << 0;
    const SPEAKER: u8 = 1 << 1;
    const OUTPUT: u8 = 1 << 5;
    // Channel 2, both bytes, mode 0 (interrupt on terminal count): counts down from what is written,
    // and raises its output when it gets to 0.
    const CHANNEL_2_MODE_0: u8 = 0b1011_0000;

    write_u8(SYSTEM_CONTROL, read_u8(SYSTEM_CONTROL) & !SPEAKER | GATE);
    write_u8(PIT_COMMAND, CHANNEL_2_MODE_0);
    for byte in u16::MAX.to_le_bytes() {
        write_u8(PIT_CHANNEL_2, byte);
    }
    let first = look(read_pit);
    let deadline = first.tsc + Stopwatch::FASTEST_TSC_HZ / 4;
    loop {
        let now = look(read_pit);
        let counted = first.count.saturating_sub(now.count);
        if read_u8(SYSTEM_CONTROL) & OUTPUT != 0 || now.tsc > deadline {
            return None;
        }
        if counted >= u64::from(PIT_WINDOW) {
            let window = now.tsc - first.tsc;
            return Some(((u128::from(window) * u128::from(PIT_HZ) / u128::from(counted)) as u64, window));
        }
    }
}

fn read_pit() -> u64 {
    const LATCH_CHANNEL_2: u8 = 0b1000_0000;
    write_u8(PIT_COMMAND, LATCH_CHANNEL_2);
    let low = read_u8(PIT_CHANNEL_2);
    let high = read_u8(PIT_CHANNEL_2);
    u64::from(u16::from_le_bytes([low, high]))
}
