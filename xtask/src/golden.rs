//! Logs as the kernel writes them, for tests of this crate: of the library and of the program.

use switchlab_core::{counts, order};
use switchlab_records::{
    ApicMode, Block, Clock, ClockPhase, Counts, Cpus, Crash, End, Failure, MAX_LINE, Machine, Mode, Plan,
    Record, Skipped, Start, Status, encode,
};

/// TSC frequency of the golden machine.
pub const TSC_HZ: u64 = 2_000_000_000;

/// The log of `records`, framed, with human lines around them.
pub fn log(records: &[Record<'_>]) -> String {
    let mut log = String::from("switchlab says hello\n");
    for (sequence, record) in records.iter().enumerate() {
        let mut line = [0; MAX_LINE];
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

pub fn start() -> Record<'static> {
    Record::Start(Start {
        kernel: "switchlab".into(),
        version: "0.1.0".into(),
        command_line: "experiment=classic".into(),
        parameters: "experiment=classic runs=2 exchanges=1000 warmup=10000 pair=0,1 seed=0".into(),
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

fn block(run: u32, position: u32, mode: Mode, exchanges: u64) -> Record<'static> {
    let switch_ticks = match mode {
        Mode::SameCore => 200 + u64::from(run) * 2,
        Mode::CrossCore => 8_000 - u64::from(run) * 10,
        Mode::Switch => 30,
    };
    let expected = counts::expected(mode, exchanges);
    let halts = if mode == Mode::CrossCore { exchanges * 2 } else { 0 };
    let counts = Counts { halts, ..expected };
    let ticks = switch_ticks * exchanges * 2;
    Record::Block(Block { run, position, mode, exchanges, ticks, counts, expected: counts })
}

/// All records but the end of a classic job on `cpus` CPUs.
pub fn classic(cpus: u32, runs: u32, exchanges: u64) -> Vec<Record<'static>> {
    let skipped: &[Mode] = if cpus == 1 { &[Mode::CrossCore] } else { &[] };
    let blocks = runs * (3 - skipped.len() as u32);
    let mut records = vec![
        start(),
        Record::Cpus(Cpus { found: cpus, up: cpus, apic: ApicMode::Xapic, ticks: 300_000_000 }),
        clock(ClockPhase::Before, TSC_HZ + 1_000_000),
        Record::Machine(Machine {
            hypervisor: "TCGTCGTCGTCG".into(),
            cpu: "QEMU TCG CPU version 2.5+".into(),
            invariant_tsc: false,
            rdtscp: true,
            memory_bytes: 265_000_000,
        }),
        Record::Plan(Plan {
            experiment: "classic".into(),
            runs,
            exchanges,
            warm_up: 10_000,
            pair: [0, 1],
            blocks,
        }),
    ];
    for mode in skipped {
        records.push(Record::Skipped(Skipped { mode: *mode, reason: "one CPU".into() }));
    }
    for run in 1..=runs {
        let modes = order::modes_of_run(run, skipped).zip(1..);
        records.extend(modes.map(|(mode, position)| block(run, position, mode, exchanges)));
    }
    records.push(clock(ClockPhase::After, TSC_HZ));
    records
}
