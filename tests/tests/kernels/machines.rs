//! The classic job on every machine: each pair of QEMU's board, CPU model, memory, threads and devices comes in at least
//! one of these boots. Another QEMU takes all of them: `cargo xtask test --qemu PATH machines::`.

use libtest_mimic::Trial;
use switchlab_records::{Record, read_log};
use switchlab_tests::{Case, Parts, TcgThread, Verdict, equal, trial};
use xtask::guest::Devices;
use xtask::qemu::Machine;

const CPUS: u32 = 3;
const EXCHANGES: u64 = 2_000;

/// A machine.
#[derive(Clone, Copy)]
struct Row {
    board: (&'static str, Machine),
    cpu: &'static str,
    memory: &'static str,
    threads: (&'static str, TcgThread),
    devices: (&'static str, Devices),
}

const PC: (&str, Machine) = ("pc", Machine::Pc);
const Q35: (&str, Machine) = ("q35", Machine::Q35);
const SINGLE: (&str, TcgThread) = ("one_thread", TcgThread::Single);
const MULTI: (&str, TcgThread) = ("threads", TcgThread::Multi);
const NONE: (&str, Devices) = ("no_devices", Devices::None);
const USUAL: (&str, Devices) = ("usual_devices", Devices::Usual);

/// Of two values each, but for the models: eight boots have all pairs.
const ROWS: [Row; 8] = [
    Row { board: PC, cpu: "max", memory: "64M", threads: SINGLE, devices: NONE },
    Row { board: Q35, cpu: "max", memory: "8G", threads: MULTI, devices: USUAL },
    Row { board: PC, cpu: "qemu64", memory: "8G", threads: MULTI, devices: NONE },
    Row { board: Q35, cpu: "qemu64", memory: "64M", threads: SINGLE, devices: USUAL },
    Row { board: PC, cpu: "EPYC", memory: "64M", threads: MULTI, devices: USUAL },
    Row { board: Q35, cpu: "EPYC", memory: "8G", threads: SINGLE, devices: NONE },
    Row { board: PC, cpu: "Skylake-Client", memory: "8G", threads: SINGLE, devices: USUAL },
    Row { board: Q35, cpu: "Skylake-Client", memory: "64M", threads: MULTI, devices: NONE },
];

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    let name = |row: &Row| {
        let Row { board, cpu, memory, threads, devices } = row;
        format!("machines::classic_on_{}_{cpu}_{memory}_{}_{}", board.0, threads.0, devices.0)
    };
    let all = ROWS.into_iter().map(|row| trial(parts, name(&row), move |parts| classic(parts, row)));
    all.chain([Trial::test("machines::rows_have_all_pairs", pairs)]).collect()
}

fn classic(parts: &Parts, row: Row) -> Verdict {
    let case = Case::laboratory(parts).with(|spec| {
        spec.smp = CPUS;
        spec.machine = row.board.1;
        spec.cpu = row.cpu.into();
        spec.memory = row.memory.into();
        spec.tcg_thread = row.threads.1;
        spec.devices = row.devices.1;
        spec.append = format!("experiment=classic runs=1 exchanges={EXCHANGES} samples=100");
    });
    let end = case.boot();
    end.passes()?;
    let log = read_log(&end.0.log_text);
    let up = log.records.iter().find_map(|record| match record {
        Record::Cpus(cpus) => Some(cpus.up),
        _ => None,
    });
    equal("CPUs that are up", up, Some(CPUS))?;
    let whole = log.records.iter().filter(|record| match record {
        Record::Block(block) => block.exchanges == EXCHANGES && block.counts == block.expected,
        _ => false,
    });
    equal(
        "blocks of all exchanges, counted as they must be, in three modes and the switch alone",
        whole.count() >= 4,
        true,
    )
}

/// By the table: each two values of different columns stand in one row.
fn pairs() -> Verdict {
    let columns = |row: &Row| [row.board.0, row.cpu, row.memory, row.threads.0, row.devices.0];
    for one in 0..5 {
        for other in 0..one {
            let of = |column: usize| {
                let mut values: Vec<_> = ROWS.iter().map(|row| columns(row)[column]).collect();
                values.sort_unstable();
                values.dedup();
                values
            };
            for (a, b) in of(one).into_iter().flat_map(|a| of(other).into_iter().map(move |b| (a, b))) {
                let is_there = ROWS.iter().any(|row| columns(row)[one] == a && columns(row)[other] == b);
                equal(&format!("a row has {a} and {b}"), is_there, true)?;
            }
        }
    }
    Ok(())
}
