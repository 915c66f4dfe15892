//! Instructions, counted in deterministic mode: what each way to hand over takes is what is expected,
//! what is planted comes out again, and sampling has its price.

use std::sync::OnceLock;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use switchlab_records::{Block, Mode, Pass, Record, Subject, read_log};
use switchlab_tests::{
    Case, End, Parts, Timing, Verdict, equal, judge_code, left_out, trial, without_x2apic,
};
use xtask::instructions::{Apic, BLESS, Counted, Expected, Judgement, count};
use xtask::results::Results;

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    let with_x2apic = trial(parts, "instructions::no_count_in_x2apic_mode_has_grown", |parts| {
        hold_against_the_file(parts, Apic::X2apic)
    });
    vec![
        trial(parts, "instructions::no_count_has_grown", |parts| hold_against_the_file(parts, Apic::Xapic)),
        left_out(without_x2apic(parts), with_x2apic),
        trial(parts, "instructions::laboratory_takes_those_of_its_test_kernel", same_in_the_laboratory),
        trial(parts, "instructions::sample_costs_at_most_20", samples_are_cheap),
        trial(parts, "instructions::planted_delays_come_out_exactly", planted_delays),
        trial(parts, "instructions::one_more_in_a_handoff_is_in_the_results", one_more),
    ]
}

/// The counts in xAPIC mode: more than one trial looks at them, and they are the same in every boot.
fn counted(parts: &Parts) -> Result<&'static Counted, String> {
    static COUNTED: OnceLock<Result<Counted, String>> = OnceLock::new();
    let counted = COUNTED.get_or_init(|| count(&parts.qemu, &parts.loader, &parts.kernels, Apic::Xapic));
    counted.as_ref().map_err(String::clone)
}

/// Prints what is no failure: counts that shrank, and those of a pair that is not in the file.
fn hold_against_the_file(parts: &Parts, apic: Apic) -> Verdict {
    let found = count(&parts.qemu, &parts.loader, &parts.kernels, apic)?;
    let pair = parts.pair.as_ref();
    let judgement = match pair {
        Some(pair) => {
            Expected::read(&Expected::path()).map_err(|error| format!("{error:#}"))?.judge(pair, &found)?
        }
        None => Judgement::UnknownPair,
    };
    let name = pair.map_or_else(|| "what built the kernels is not known".into(), ToString::to_string);
    match judgement {
        Judgement::UnknownPair => {
            eprintln!("{name}: nothing is expected of it. Instructions of {} exchanges:", found.exchanges);
            found.counts.iter().for_each(|(name, count)| eprintln!("  {name} = {count}"));
            eprintln!("to expect these from now on: {BLESS}");
            Ok(())
        }
        Judgement::Known(differences) => {
            let lines: Vec<_> =
                differences.iter().map(|(name, difference)| difference.text(name, found.exchanges)).collect();
            let report = format!("{name}:\n  {}\nto expect this from now on: {BLESS}", lines.join("\n  "));
            if differences.iter().any(|(_, difference)| difference.fails()) {
                return Err(report.into());
            }
            if !differences.is_empty() {
                eprintln!("{report}");
            }
            Ok(())
        }
    }
}

/// The laboratory's kernel is linked apart from the test kernel, so its loops might be other ones. A
/// block's begin and end are in its ticks, and are fewer than [`EDGES`].
fn same_in_the_laboratory(parts: &Parts) -> Verdict {
    let counted = counted(parts)?;
    let exchanges = counted.exchanges;
    let end = laboratory(parts, &format!("exchanges={exchanges} samples={exchanges}"))?;
    let blocks = blocks(&end);
    equal("blocks: two subjects, two passes, each mode", blocks.len(), 2 * 2 * Mode::ALL.len())?;
    for block in blocks {
        let Some(name) = name_of(&block) else { continue };
        let due = counted.counts.get(&name).copied().unwrap_or_default();
        let edges = block.ticks.checked_sub(due);
        let most = if block.mode == Mode::Free { EDGES_WITH_A_CALL } else { EDGES };
        let holds = edges.is_some_and(|edges| edges < most);
        judge_code(
            parts,
            holds,
            &format!("{name}: the laboratory takes {}, the test kernel {due}", block.ticks),
        )?;
    }
    let each = |name: &str| counted.counts.get(name).map_or(0, |count| count / exchanges);
    for mode in Mode::ALL {
        let shape = if mode == Mode::Switch { "switch" } else { "channel" };
        let cost = each(&format!("{shape}_null_sampled")) - each(&format!("{shape}_null_batch"));
        end.says(&format!("{}: a sample costs {cost}.", mode.name()))?;
    }
    Ok(())
}

/// Instructions of two readings of the clock, and what stands between them and the loop.
const EDGES: u64 = 100;

/// The same where the block's first handoff calls an idle CPU: with the way to that IPI.
const EDGES_WITH_A_CALL: u64 = 300;

fn blocks(end: &End) -> Vec<Block> {
    let log = read_log(&end.0.log_text);
    let blocks = log.records.iter().filter_map(|record| match record {
        Record::Block(block) => Some(*block),
        _ => None,
    });
    blocks.collect()
}

/// Name of a block's count; `None` for one that is counted under another mode.
fn name_of(block: &Block) -> Option<String> {
    let subject = match (block.subject, block.mode) {
        (Subject::Null, Mode::CrossCore | Mode::Free) => return None,
        (Subject::Null, _) => "null_",
        (Subject::Handoff, _) => "",
    };
    let shape = match block.mode {
        Mode::SameCore => "channel",
        Mode::CrossCore => "ipi_handoff",
        Mode::Switch => "switch",
        Mode::Free => "free",
    };
    Some(format!("{shape}_{subject}{}", block.pass.name()))
}

/// What a sample may take on top of the batch pass, its reading of the clock included.
const SAMPLE: u64 = 20;

fn samples_are_cheap(parts: &Parts) -> Verdict {
    let counted = counted(parts)?;
    let (batch, sampled) = (Pass::Batch.name(), Pass::Sampled.name());
    let shapes: Vec<_> = counted.counts.keys().filter_map(|name| name.strip_suffix(sampled)).collect();
    equal("shapes, with and without a handoff", shapes.len(), 12)?;
    for shape in shapes {
        let count = |pass: &str| counted.counts.get(&format!("{shape}{pass}")).copied().unwrap_or_default();
        let (batch, sampled) = (count(batch), count(sampled));
        let holds = batch < sampled && sampled <= batch + SAMPLE * counted.exchanges;
        let what = format!(
            "{shape}sampled: {sampled} instructions of {} exchanges, {shape}batch: {batch}; a sample may take {SAMPLE}",
            counted.exchanges
        );
        judge_code(parts, holds, &what)?;
    }
    Ok(())
}

fn planted_delays(parts: &Parts) -> Verdict {
    let end = in_instructions(Case::kernel(parts, "planted_delay")).boot();
    end.passes()?;
    let exchanges = end.count("exchanges")?;
    for shape in ["switch", "yield", "channel", "ipi_handoff", "token", "fan", "free"] {
        let planted = |delay: &str| end.count(&format!("{shape}_{delay}"));
        let nothing = planted("0")?;
        for delay in [1, 10, 100] {
            let found = planted(&delay.to_string())?;
            let what = format!("{shape}: {delay} planted in each of 2 x {exchanges} switches");
            equal(&what, found, nothing + delay * 2 * exchanges)?;
        }
        // A loop over consumers is made in another way around an asm, and of a branch of free tasks the other side
        // is the one that jumps.
        if ["fan", "free"].contains(&shape) {
            continue;
        }
        let bare = planted("bare")?;
        judge_code(
            parts,
            bare == nothing,
            &format!("{shape}: {bare} instructions, and {nothing} with an empty asm"),
        )?;
    }
    Ok(())
}

/// One boot each of the laboratory's experiment, and of the same with one instruction planted in each
/// one-way handoff.
fn one_more(parts: &Parts) -> Verdict {
    let bare = laboratory(parts, "exchanges=1000 samples=0")?;
    let planted =
        in_instructions(Case::kernel(parts, "planted_classic")).with(|spec| spec.cpu = XAPIC.into()).boot();
    planted.passes()?;
    let (bare, planted) = (read_log(&bare.0.log_text), read_log(&planted.0.log_text));
    let (bare, planted) = (Results::from_log(&bare)?, Results::from_log(&planted)?);
    equal("modes", (bare.modes.len(), planted.modes.len()), (Mode::ALL.len(), Mode::ALL.len()))?;
    for (bare, planted) in bare.modes.iter().zip(&planted.modes) {
        // The edges of a block are in its mean.
        let difference = (planted.switch.net - bare.switch.net).round();
        // Around an asm a branch of free tasks is one instruction longer, in each exchange.
        let most = if bare.mode == Mode::Free { 2.0 } else { 1.0 };
        if !(1.0..=most).contains(&difference) {
            let name = bare.mode.name();
            return Err(format!("{name}: {difference} more instructions in a switch, 1 was planted").into());
        }
    }
    Ok(())
}

/// One run of the laboratory in deterministic mode, in xAPIC mode.
fn laboratory(parts: &Parts, words: &str) -> Result<End, Failed> {
    let case = in_instructions(Case::laboratory(parts)).with(|spec| {
        spec.cpu = XAPIC.into();
        spec.append = format!("runs=1 unit=instructions {words}");
    });
    let end = case.boot();
    end.passes()?;
    Ok(end)
}

/// A CPU without x2APIC, under any QEMU.
const XAPIC: &str = "max,-x2apic";

fn in_instructions(case: Case) -> Case {
    case.with(|spec| {
        spec.timing = Timing::Instructions;
        // Counting is slower where guests wait for clocks.
        spec.deadline = Duration::from_secs(300);
    })
}
