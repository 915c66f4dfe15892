//! Steps of a handoff: the marked kernel's trace, held against what the kernel without marks measures.

use std::fs;

use libtest_mimic::{Failed, Trial};
use switchlab_records::{Log, Mark, Mode, Pass, Record, Subject, read_log};
use switchlab_tests::{
    Case, End, Parts, TcgThread, Timing, Verdict, equal, judge_code, left_out, trial, without_x2apic,
};
use xtask::results::Results;
use xtask::steps::{Step, Steps, Whole};
use xtask::timeline::Timeline;
use xtask::trace::{Exchange, ModeTrace, Traced};

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    let x2apic =
        trial(parts, "steps::add_up_to_the_measurement_in_x2apic_mode", |parts| add_up(parts, "max"));
    vec![
        trial(parts, "steps::add_up_to_the_measurement_to_the_instruction", |parts| add_up(parts, XAPIC)),
        left_out(without_x2apic(parts), x2apic),
        trial(parts, "steps::of_each_cross_core_handoff_are_one_ipi", one_ipi_each),
        trial(parts, "steps::are_found_in_time_too", |parts| in_time(parts, TcgThread::Single)),
        trial(parts, "steps::are_found_with_a_host_thread_for_each_cpu", |parts| {
            in_time(parts, TcgThread::Multi)
        }),
        trial(parts, "steps::of_one_cpu_leave_cross_core_out", one_cpu),
        trial(parts, "steps::measured_kernel_refuses_to_trace", |parts| {
            laboratory(parts, XAPIC, "trace=5").boot().fails_with("this kernel has no marks")
        }),
        trial(parts, "steps::marked_kernel_refuses_to_measure", |parts| {
            Case::marked(parts).boot().fails_with("the marked kernel measures nothing")
        }),
        trial(parts, "steps::measured_kernel_has_no_mark_in_its_code", no_mark_in_the_code),
    ]
}

/// A CPU without x2APIC, under any QEMU.
const XAPIC: &str = "max,-x2apic";

const EXCHANGES: u64 = 50;

/// The marks leave the code around them as it is: what they find is the measured kernel's own figure. Of a
/// compiler that nobody has looked at, what they leave over is only said.
fn add_up(parts: &Parts, cpu: &str) -> Verdict {
    let measured = laboratory(parts, cpu, "exchanges=1000 samples=0").boot();
    measured.passes()?;
    let log = read_log(&measured.0.log_text);
    let wholes = Whole::of(&Results::from_log(&log)?);
    let end = traced(parts, cpu)?;
    let steps = Steps::new(&read(&end)?, &wholes)?;
    equal("modes, all but that of free tasks", steps.modes.len(), Mode::ALL.len() - 1)?;
    for mode in &steps.modes {
        let name = mode.mode.name();
        let sum: f64 = mode.steps.iter().map(|step| step.cost).sum();
        end.is(mode.all_equal, format_args!("all exchanges of {name} alike"))?;
        let what = format!("{name}: {} instructions by its steps, {} measured", sum, mode.whole);
        judge_code(parts, mode.is_exact(), &what)?;
    }
    // The bars alone, without what is left over: with that the way would lead there whatever they are. And
    // from one raw block to the other, not from what the steps made of them.
    let waterfall = steps.waterfall.ok_or("there is no waterfall")?;
    let differences: f64 = waterfall.bars.iter().map(|bar| bar.difference).sum();
    let [from, to] = [exchange_of(&log, waterfall.from)?, exchange_of(&log, waterfall.to)?];
    let what = format!("from {from} instructions, the steps lead to {}, not to {to}", from + differences);
    judge_code(parts, from + differences == to, &what)
}

/// The instructions of an exchange in the only batch block of `mode`.
fn exchange_of(log: &Log<'_>, mode: Mode) -> Result<f64, Failed> {
    let wanted = (mode, Subject::Handoff, Pass::Batch);
    let block = log.records.iter().find_map(|record| match record {
        Record::Block(block) if (block.mode, block.subject, block.pass) == wanted => Some(block),
        _ => None,
    });
    let block = block.ok_or_else(|| format!("no block of {}", mode.name()))?;
    Ok((block.ticks / block.exchanges) as f64)
}

/// In an exchange two handoffs, each of one ICR write, one interrupt entered and one EOI, and in order.
fn one_ipi_each(parts: &Parts) -> Verdict {
    let end = traced(parts, XAPIC)?;
    let traced = read(&end)?;
    let per_handoff = |mode, expected: &[(Mark, u64)]| {
        for exchange in exchanges(&traced, mode)? {
            // The last event begins the next exchange.
            let passed = |mark| exchange.path[1..].iter().filter(|event| event.mark == mark).count() as u64;
            for &(mark, count) in expected {
                equal(&format!("{}: {} in an exchange", mode.name(), mark.name()), passed(mark), 2 * count)?;
            }
            end.is(exchange.path.is_sorted_by_key(|event| event.ticks), "events in the order of their time")?;
            equal("marks of a CPU without the message", exchange.beside, 0)?;
        }
        Ok::<_, Failed>(())
    };
    let ipi = [
        Mark::Posted,
        Mark::IpiSent,
        Mark::InterruptEntered,
        Mark::InterruptCounted,
        Mark::InterruptAcknowledged,
        Mark::HaltBegins,
        Mark::HaltEnded,
        Mark::InboxTaken,
    ];
    let message = [Mark::HandoffBegins, Mark::MessageStored, Mark::MessageTaken];
    let each = |marks: &[Mark], count| marks.iter().map(|mark| (*mark, count)).collect::<Vec<_>>();
    per_handoff(Mode::CrossCore, &[each(&message, 1), each(&ipi, 1), each(&[Mark::Switched], 0)].concat())?;
    per_handoff(Mode::SameCore, &[each(&message, 1), each(&ipi, 0), each(&[Mark::Switched], 1)].concat())?;
    per_handoff(Mode::Switch, &each(&[Mark::HandoffBegins, Mark::SwitchBegins, Mark::Switched], 1))?;
    let file: serde_json::Value = serde_json::from_str(&Timeline::new(&traced)?.json()?)?;
    let events = file["traceEvents"].as_array().ok_or("no events")?;
    for end in ["s", "f"] {
        let arrows = events.iter().filter(|event| event["ph"] == end).count() as u64;
        equal("ends of arrows", arrows, 2 * EXCHANGES)?;
    }
    Ok(())
}

/// No figure is asserted: that every exchange can be followed, and has the steps that it must have.
fn in_time(parts: &Parts, threads: TcgThread) -> Verdict {
    let end = Case::marked(parts)
        .with(|spec| {
            spec.cpu = XAPIC.into();
            spec.tcg_thread = threads;
            spec.append = format!("warmup=100 trace={EXCHANGES}");
        })
        .boot();
    end.passes()?;
    let traced = read(&end)?;
    for (mode, ends) in [
        (Mode::SameCore, Mark::Switched),
        (Mode::CrossCore, Mark::InterruptEntered),
        (Mode::Switch, Mark::Switched),
    ] {
        for exchange in exchanges(&traced, mode)? {
            let found = exchange.path.iter().filter(|event| event.mark == ends).count();
            equal(&format!("{}: {} in an exchange", mode.name(), Step::ended_by(ends).name()), found, 2)?;
        }
    }
    end.is(trace_of(&traced, Mode::SameCore)?.trace.mark_ticks > 0, "marks that cost something")
}

fn one_cpu(parts: &Parts) -> Verdict {
    let end = Case::marked(parts)
        .with(|spec| {
            spec.smp = 1;
            spec.append = format!("warmup=0 trace={EXCHANGES}");
        })
        .boot();
    end.passes()?;
    let traced = read(&end)?;
    equal("traced modes", traced.modes.len(), 2)?;
    let skipped: Vec<_> = traced.skipped.iter().map(|skipped| skipped.mode).collect();
    equal("skipped", skipped, vec![Mode::CrossCore, Mode::Free])
}

fn no_mark_in_the_code(parts: &Parts) -> Verdict {
    let names_a_stub = |path| Ok::<_, Failed>(contains(&fs::read(path)?, b"4mark4stub"));
    equal("the marked kernel has stubs", names_a_stub(&parts.marked)?, true)?;
    equal("the measured kernel has stubs", names_a_stub(&parts.laboratory)?, false)
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

fn laboratory(parts: &Parts, cpu: &str, words: &str) -> Case {
    in_instructions(Case::laboratory(parts), cpu, words)
}

fn traced(parts: &Parts, cpu: &str) -> Result<End, Failed> {
    let end = in_instructions(Case::marked(parts), cpu, &format!("trace={EXCHANGES}")).boot();
    end.passes()?;
    Ok(end)
}

fn in_instructions(case: Case, cpu: &str, words: &str) -> Case {
    case.with(|spec| {
        spec.timing = Timing::Instructions;
        spec.cpu = cpu.into();
        // Counting is slower where guests wait for clocks.
        spec.deadline = std::time::Duration::from_secs(300);
        spec.append = format!("runs=1 warmup=100 unit=instructions offsets=none {words}");
    })
}

fn read(end: &End) -> Result<Traced<'_>, Failed> {
    Ok(Traced::from_log(&read_log(&end.0.log_text))?)
}

fn trace_of<'a>(traced: &'a Traced<'_>, mode: Mode) -> Result<&'a ModeTrace, Failed> {
    traced.mode(mode).ok_or_else(|| format!("{} was not traced", mode.name()).into())
}

fn exchanges(traced: &Traced<'_>, mode: Mode) -> Result<Vec<Exchange>, Failed> {
    let exchanges = trace_of(traced, mode)?.exchanges()?;
    equal("exchanges", exchanges.len() as u64, EXCHANGES)?;
    Ok(exchanges)
}
