//! Logs as the kernel writes them, for tests of this crate: of the library and of the program.

use switchlab_core::histogram::{Histogram, bucket_of};
use switchlab_core::{
    counts,
    order::{BlockKind, Order},
};
use switchlab_records::{
    self as records, ApicMode, Block, Clock, ClockPhase, Counts, Cpus, Crash, End, Failure, MAX_LINE,
    Machine, Mark, Mode, Offset, Pass, Plan, Record, Skipped, Start, Status, Subject, Tsc, Unit, encode,
};

#[path = "golden/points.rs"]
pub mod points;

/// TSC frequency of the golden machine.
pub const TSC_HZ: u64 = 2_000_000_000;

/// The log of `records`, framed, with human lines around them.
pub fn log(records: &[Record<'_>]) -> String {
    let mut log = String::from("switchlab says hello\n");
    let mut line = vec![0; MAX_LINE];
    for (sequence, record) in records.iter().enumerate() {
        let length = encode(sequence as u64, record, &mut line).expect("fits");
        log.push_str(std::str::from_utf8(&line[..length]).expect("is text"));
    }
    log
}

/// The same with the end record that fits.
pub fn ended(mut records: Vec<Record<'_>>) -> String {
    let failed = records.iter().any(|record| matches!(record, Record::Failure(_)));
    let status = if failed { Status::Fail } else { Status::Pass };
    records.push(Record::End(End { status, records: records.len() as u64 + 1 }));
    log(&records)
}

/// The same records, with all samples of a block in the bucket of its mean exchange, so that they add up to
/// its ticks. For a test that has changed those.
pub fn fitted(mut records: Vec<Record<'_>>) -> Vec<Record<'_>> {
    let mut last = None;
    for record in &mut records {
        match record {
            Record::Block(block) => last = Some(*block),
            Record::Histogram(histogram) => {
                let block = last.expect("a histogram follows its block");
                let sample = bucket_of(block.ticks / block.exchanges);
                histogram.buckets = vec![(sample as u16, block.exchanges)];
            }
            _ => {}
        }
    }
    records
}

pub fn start() -> Record<'static> {
    start_of(2, 1_000)
}

fn start_of(runs: u32, exchanges: u64) -> Record<'static> {
    Record::Start(Start {
        kernel: "switchlab".into(),
        version: "0.1.0".into(),
        command_line: "experiment=classic".into(),
        parameters: format!(
            "experiment=classic runs={runs} exchanges={exchanges} warmup=10000 samples=100 pair=0,1 seed=0 \
             unit=time offsets=bsp"
        )
        .into(),
    })
}

pub fn crash() -> Record<'static> {
    Record::Crash(Crash {
        cpu: 3,
        task: Some(7),
        message: "page fault".into(),
        location: "".into(),
        vector: Some(14),
        error_code: 2,
        rip: 0xffff_ffff_8000_1234,
        cr2: 0xdead_b000,
        rsp: 0x1000,
    })
}

pub fn failure(what: &'static str) -> Record<'static> {
    Record::Failure(Failure { what: what.into() })
}

fn clock(phase: ClockPhase, tsc_hz: u64) -> Record<'static> {
    Record::Clock(Clock {
        phase,
        tsc_hz,
        pit_hz: tsc_hz,
        pit_window_ticks: 20_000_000,
        pm_timer_hz: tsc_hz + 20_000,
        pm_timer_window_ticks: 20_000_000,
        hpet_hz: 0,
        hpet_window_ticks: 0,
    })
}

/// What the golden machine's TSC is like.
fn tsc() -> Record<'static> {
    Record::Tsc(Tsc {
        step_ticks: 2,
        pairs: 1_000,
        read_min_ticks: 62,
        read_p50_ticks: 66,
        read_p99_ticks: 70,
        steps_back: 0,
        cpuid_15h_hz: 0,
        cpuid_16h_hz: 0,
        hypervisor_hz: 0,
    })
}

/// Each CPU is a tick further behind CPU 0.
fn offset(cpu: u32) -> Record<'static> {
    Record::Offset(Offset {
        cpu,
        against: 0,
        rounds: 8,
        offset_ticks: -i64::from(cpu),
        bound_ticks: 3_400,
        steps_back: 0,
        largest_step_back_ticks: 0,
        own_steps_back: 0,
    })
}

/// Ticks of one switch. A run adds a few; sampling does too.
fn switch_ticks(run: u32, kind: BlockKind) -> u64 {
    let run = u64::from(run);
    let sampling = if kind.pass == Pass::Sampled { 10 } else { 0 };
    let ticks = match (kind.subject, kind.mode) {
        (Subject::Null, _) => 3,
        (Subject::Handoff, Mode::SameCore) => 200 + run * 2,
        (Subject::Handoff, Mode::CrossCore) => 8_000 - run * 10,
        (Subject::Handoff, Mode::Switch) => 30,
        (Subject::Handoff, Mode::Free) => 400,
    };
    ticks + sampling
}

fn block(cpus: u32, run: u32, position: u32, kind: BlockKind, exchanges: u64) -> Record<'static> {
    let BlockKind { subject, pass, mode } = kind;
    let is_free = (subject, mode) == (Subject::Handoff, Mode::Free);
    // What is not prescribed: of free tasks, the switches and how many idle CPUs were called.
    let (calls, crossings) = if cpus == 1 { (0, 0) } else { (CALLS, CROSSINGS) };
    let found = match is_free {
        true => Counts { switches: 2 * exchanges, ipis_sent: calls, ..Counts::default() },
        false => Counts::default(),
    };
    let expected = counts::expected(subject, mode, exchanges, &found);
    let halts = expected.ipis_taken;
    let counts = Counts { halts, ..expected };
    let ticks = switch_ticks(run, kind) * exchanges * 2;
    let crossings = is_free.then_some(crossings);
    let expected = counts;
    Record::Block(Block { run, position, mode, subject, pass, exchanges, ticks, counts, expected, crossings })
}

/// Idle CPUs that are called in a golden block of free tasks, and handoffs that go to another CPU.
const CALLS: u64 = 3;
const CROSSINGS: u64 = 2;

/// All exchanges but one take the same; that one takes ten times as long.
fn histogram(run: u32, kind: BlockKind, exchanges: u64) -> Record<'static> {
    let exchange = switch_ticks(run, kind) * 2;
    let mut samples = Histogram::new();
    (1..exchanges).for_each(|_| samples.record(exchange));
    samples.record(exchange * 10);
    let BlockKind { subject, mode, .. } = kind;
    Record::Histogram(records::Histogram { run, mode, subject, buckets: samples.buckets().collect() })
}

/// All records but the end of a classic job on `cpus` CPUs, with a sampled pass of 100 exchanges.
pub fn classic(cpus: u32, runs: u32, exchanges: u64) -> Vec<Record<'static>> {
    classic_in(Unit::Time, cpus, runs, exchanges)
}

/// The same, with ticks that stand for what `unit` says.
pub fn classic_in(unit: Unit, cpus: u32, runs: u32, exchanges: u64) -> Vec<Record<'static>> {
    let skipped: &[Mode] = if cpus == 1 { &[Mode::CrossCore] } else { &[] };
    let order = Order { skipped, passes: &[Pass::Batch, Pass::Sampled], seed: 0 };
    let samples = exchanges.min(100);
    let mut records = vec![
        start_of(runs, exchanges),
        Record::Cpus(Cpus { found: cpus, up: cpus, apic: ApicMode::Xapic, ticks: 300_000_000 }),
        clock(ClockPhase::Before, TSC_HZ + 1_000_000),
        Record::Machine(Machine {
            hypervisor: "TCGTCGTCGTCG".into(),
            cpu: "QEMU TCG CPU version 2.5+".into(),
            invariant_tsc: false,
            rdtscp: true,
            memory_bytes: 265_000_000,
        }),
        tsc(),
    ];
    records.extend((1..cpus).map(offset));
    records.push(Record::Plan(Plan {
        experiment: "classic".into(),
        runs,
        exchanges,
        warm_up: 10_000,
        samples,
        pair: [0, 1],
        blocks: runs * order.blocks(1).count() as u32,
        unit,
        seed: 0,
    }));
    for mode in skipped {
        records.push(Record::Skipped(Skipped { mode: *mode, reason: "one CPU".into() }));
    }
    for run in 1..=runs {
        for (kind, position) in order.blocks(run).zip(1..) {
            match kind.pass {
                Pass::Batch => records.push(block(cpus, run, position, kind, exchanges)),
                Pass::Sampled => {
                    records.push(block(cpus, run, position, kind, samples));
                    records.push(histogram(run, kind, samples));
                }
            }
        }
    }
    records.push(clock(ClockPhase::After, TSC_HZ));
    records
}

/// What a mark costs in a golden trace.
pub const MARK_TICKS: u64 = 17;
/// What an exchange takes in a golden trace without its marks: same-core, cross-core.
pub const TRACED: [u64; 2] = [166, 280];

/// A handoff on one CPU: its marks, and the ticks before each.
const SAME_CORE_HANDOFF: [(Mark, u64); 10] = [
    (Mark::MessageStored, 7),
    (Mark::TokenLeft, 9),
    (Mark::Enqueued, 10),
    (Mark::Blocked, 18),
    (Mark::Picked, 6),
    (Mark::SwitchBegins, 8),
    (Mark::Switched, 9),
    (Mark::TokenTaken, 4),
    (Mark::MessageTaken, 6),
    (Mark::HandoffBegins, 6),
];

/// A handoff to another CPU, on the CPU that sends.
const SENDING: [(Mark, u64); 6] = [
    (Mark::MessageStored, 7),
    (Mark::Posted, 20),
    (Mark::IpiSent, 19),
    (Mark::Blocked, 20),
    (Mark::Picked, 4),
    (Mark::HaltBegins, 1),
];

/// And on the one that receives. Going there, the loop is three ticks shorter, and back, three longer.
const RECEIVING: [(Mark, u64); 11] = [
    (Mark::InterruptEntered, 2),
    (Mark::InterruptCounted, 1),
    (Mark::InterruptAcknowledged, 1),
    (Mark::HaltEnded, 2),
    (Mark::InboxTaken, 18),
    (Mark::TokenLeft, 8),
    (Mark::Enqueued, 10),
    (Mark::Picked, 8),
    (Mark::TokenTaken, 7),
    (Mark::MessageTaken, 6),
    (Mark::HandoffBegins, 6),
];

/// The marks of one mode, by time: CPU, mark, TSC. One exchange before and one behind those asked for.
fn passed(mode: Mode, exchanges: u64) -> Vec<(u32, Mark, u64)> {
    let (mut ticks, mut cpu) = (1_000, 0);
    let mut passed = vec![(cpu, Mark::HandoffBegins, ticks)];
    for handoff in 0..2 * (exchanges + 2) {
        let (sending, receiving): (&[_], &[_]) = match mode {
            Mode::CrossCore => (&SENDING, &RECEIVING),
            Mode::SameCore | Mode::Switch | Mode::Free => (&SAME_CORE_HANDOFF, &[]),
        };
        for (half, marks) in [sending, receiving].into_iter().enumerate() {
            cpu = if half == 1 && !marks.is_empty() { 1 - cpu } else { cpu };
            for &(mark, before) in marks {
                ticks += before + MARK_TICKS;
                if mark == Mark::HandoffBegins {
                    ticks = if handoff % 2 == 0 { ticks - 3 } else { ticks + 3 };
                }
                passed.push((cpu, mark, ticks));
            }
        }
    }
    // The second CPU begins to record at some mark of its own.
    if let Some(first) = passed.iter().position(|(cpu, ..)| *cpu == 1) {
        passed.remove(first);
    }
    passed
}

/// The trace of one mode, as the marked kernel reports it, in two parts a CPU.
pub fn trace(mode: Mode, unit: Unit, exchanges: u64) -> Vec<Record<'static>> {
    let passed = passed(mode, exchanges);
    let cpus: &[u32] = if mode == Mode::CrossCore { &[0, 1] } else { &[0] };
    let mut parts = Vec::new();
    for &cpu in cpus {
        let events: Vec<_> = passed.iter().filter(|event| event.0 == cpu).collect();
        for chunk in events.chunks(events.len().div_ceil(2)) {
            let start_ticks = chunk[0].2;
            let mut last = start_ticks;
            let since = |&&(_, mark, ticks): &&(u32, Mark, u64)| {
                let since = ticks - last;
                last = ticks;
                (mark.number(), since)
            };
            let events = chunk.iter().map(since).collect();
            parts.push(records::Marks { part: parts.len() as u32 + 1, cpu, start_ticks, events });
        }
    }
    let last = cpus[cpus.len() - 1];
    let (cpus, mark_ticks, count) = ([0, last], MARK_TICKS, parts.len() as u32);
    let trace = records::Trace { mode, exchanges, unit, cpus, mark_ticks, parts: count };
    [Record::Trace(trace)].into_iter().chain(parts.into_iter().map(Record::Marks)).collect()
}

/// What the marked kernel says on two CPUs: all records but the end.
pub fn traced(unit: Unit, exchanges: u64) -> Vec<Record<'static>> {
    let Record::Start(start) = start() else { unreachable!("the start record") };
    let mut records = vec![
        Record::Start(Start { kernel: "switchlab-marked".into(), ..start }),
        clock(ClockPhase::Before, TSC_HZ),
        offset(1),
    ];
    records.extend(trace(Mode::SameCore, unit, exchanges));
    records.extend(trace(Mode::CrossCore, unit, exchanges));
    records.push(clock(ClockPhase::After, TSC_HZ));
    records
}
