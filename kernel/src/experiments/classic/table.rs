//! The results for a person, as the original printed them: the table, the averages, the throughput,
//! which mode is faster, and the reason in counted steps.

use alloc::{string::String, vec::Vec};
use core::cmp::Ordering;

use switchlab_core::{
    format::{Grouped, Hundredths, Tenths},
    params::Params,
    ruler::Ruler,
    stats,
};
use switchlab_records::{Block, Clock, Mode, Pass, Subject, Unit};

use crate::{arch::machine, experiments::Results, log};

/// Blocks of all runs, and what they were measured with.
pub struct Table {
    parameters: Params,
    cpus: u32,
    blocks: Vec<Block>,
    /// What a sample costs in each mode, in hundredths of a tick.
    sample_costs: Vec<(Mode, i128)>,
}

impl Table {
    /// The table of those of `blocks` that it is made of: the handoffs of the batch pass.
    pub fn new(parameters: &Params, cpus: u32, mut blocks: Vec<Block>) -> Self {
        let sample_costs =
            Mode::ALL.into_iter().filter_map(|mode| Some((mode, sample_cost(&blocks, mode)?))).collect();
        blocks.retain(|block| (block.subject, block.pass) == (Subject::Handoff, Pass::Batch));
        Self { parameters: *parameters, cpus, blocks, sample_costs }
    }

    fn block(&self, run: u32, mode: Mode) -> Option<&Block> {
        self.blocks.iter().find(|block| block.run == run && block.mode == mode)
    }

    /// Mean ticks of a mode's blocks; `None` where it was skipped.
    fn mean_ticks(&self, mode: Mode) -> Option<u64> {
        stats::mean(self.blocks.iter().filter(|block| block.mode == mode).map(|block| block.ticks))
    }

    fn total_and_switch(&self, ticks: Option<u64>, ruler: Ruler) -> [String; 2] {
        let Some(ticks) = ticks else {
            return [String::from("skipped: one CPU"), String::from("-")];
        };
        let switch = ruler.switch(ticks, self.parameters.exchanges);
        [alloc::format!("{}", ruler.total(ticks)), alloc::format!("{switch}")]
    }

    fn print_rows(&self, ruler: Ruler) {
        let total = ruler.total_name();
        log!(
            "| Run | Same-Core {total} | Same-Core Switch | Cross-Core {total} | Cross-Core Switch | Free Switch | Winner |"
        );
        log!("|---|---|---|---|---|---|---|");
        for run in 1..=self.parameters.runs {
            let ticks = |mode| self.block(run, mode).map(|block| block.ticks);
            self.print_row(&alloc::format!("{run}"), COLUMNS.map(ticks), ruler);
        }
        self.print_row("Average", COLUMNS.map(|mode| self.mean_ticks(mode)), ruler);
        if self.mean_ticks(Mode::CrossCore).is_some() {
            // A line right behind a table would be its next row.
            log!("");
            log!(
                "A row's winner is by that run, all else by the means of the runs; no test of significance."
            );
        }
    }

    fn print_row(&self, name: &str, [same, cross, free]: [Option<u64>; 3], ruler: Ruler) {
        let [same_time, same_switch] = self.total_and_switch(same, ruler);
        let [cross_time, cross_switch] = self.total_and_switch(cross, ruler);
        let [_, free_switch] = self.total_and_switch(free, ruler);
        log!(
            "| {name} | {same_time} | {same_switch} | {cross_time} | {cross_switch} | {free_switch} | {} |",
            self.winner(same, cross)
        );
    }

    /// Which of two modes took less, and by what ratio.
    fn winner(&self, same: Option<u64>, cross: Option<u64>) -> String {
        let (Some(same), Some(cross)) = (same, cross) else {
            return String::from("-");
        };
        let (name, ratio) = match same.cmp(&cross) {
            Ordering::Less => ("Same-Core", stats::ratio_hundredths(cross, same)),
            Ordering::Greater => ("Cross-Core", stats::ratio_hundredths(same, cross)),
            Ordering::Equal => return String::from("none (equal)"),
        };
        let better = match self.parameters.unit {
            Unit::Time => "faster",
            Unit::Instructions => "fewer",
        };
        alloc::format!("{name} ({}x {better})", Hundredths(ratio.unwrap_or(0)))
    }

    fn print_throughput(&self, ruler: Ruler) {
        for mode in Mode::ALL {
            let Some(ticks) = self.mean_ticks(mode) else {
                log!("{}: skipped: one CPU", mode.name());
                continue;
            };
            let exchanges = self.parameters.exchanges;
            let each = ruler.fine_switch(ticks, exchanges);
            match ruler {
                Ruler::Instructions => log!("{}: {each} instructions a switch", mode.name()),
                Ruler::Time(hz) => {
                    let rate = stats::per_second(2 * exchanges, ticks, hz).unwrap_or(0);
                    log!("{}: {each} a switch, {} switches a second", mode.name(), Grouped(rate));
                }
            }
        }
    }

    fn print_sampling(&self, ruler: Ruler) {
        for (mode, hundredths) in &self.sample_costs {
            let unit = if ruler == Ruler::Instructions { " instructions" } else { "" };
            // Half of twice as much: a sample is a whole exchange.
            let size = u64::try_from(hundredths.unsigned_abs()).unwrap_or(u64::MAX);
            let cost = ruler.fine_switch(size.saturating_mul(2), 100);
            let sign = if *hundredths < 0 { "-" } else { "" };
            log!("{}: a sample costs {sign}{cost}{unit} on top of the batch pass", mode.name());
        }
    }

    fn print_verdict(&self) {
        let (Some(same), Some(cross)) = (self.mean_ticks(Mode::SameCore), self.mean_ticks(Mode::CrossCore))
        else {
            return;
        };
        let (fast, slow, faster, slower) = if same <= cross {
            (Mode::SameCore, Mode::CrossCore, same, cross)
        } else {
            (Mode::CrossCore, Mode::SameCore, cross, same)
        };
        let ratio = stats::ratio_hundredths(slower, faster).unwrap_or(0);
        let percent = Tenths(stats::percent_tenths(slower - faster, slower).unwrap_or(0));
        let (fast, slow, ratio) = (fast.name(), slow.name(), Hundredths(ratio));
        match self.parameters.unit {
            Unit::Time => {
                log!("By the averages, {fast} is faster than {slow}: {ratio}x, {percent} % less time.");
            }
            Unit::Instructions => {
                log!("{fast} executes {percent} % fewer instructions than {slow}: {ratio}x.");
            }
        }
    }

    /// Where the free tasks ran: how many of their handoffs went to another CPU.
    fn print_placement(&self) {
        let blocks = || self.blocks.iter().filter(|block| block.mode == Mode::Free);
        let crossings: u64 = blocks().filter_map(|block| block.crossings).sum();
        let handoffs: u64 = blocks().map(|block| block.counts.handoffs).sum();
        if handoffs != 0 {
            let (crossings, handoffs) = (Grouped(crossings), Grouped(handoffs));
            log!("Placement: {crossings} of {handoffs} free handoffs went to another CPU.");
        }
    }

    /// What one handoff of each mode does, from the counts of all blocks.
    fn print_reason(&self) {
        log!("Why, in counted steps of one handoff:");
        for mode in Mode::ALL {
            let blocks = || self.blocks.iter().filter(|block| block.mode == mode);
            let handoffs: u64 = blocks().map(|block| block.counts.handoffs).sum();
            let per_handoff = |count: fn(&Block) -> u64| {
                Hundredths(stats::ratio_hundredths(blocks().map(count).sum(), handoffs).unwrap_or(0))
            };
            if handoffs != 0 {
                log!(
                    "  {:<10} {} context switches, {} IPIs sent, {} IPIs taken, {} halts",
                    mode.name(),
                    per_handoff(|block| block.counts.switches),
                    per_handoff(|block| block.counts.ipis_sent),
                    per_handoff(|block| block.counts.ipis_taken),
                    per_handoff(|block| block.counts.halts)
                );
            }
        }
    }
}

/// The modes of the table's rows.
const COLUMNS: [Mode; 3] = [Mode::SameCore, Mode::CrossCore, Mode::Free];

/// What a sample costs in `mode`, in hundredths of a tick: an exchange of the loop without a handoff in
/// the sampled pass, less one in the batch pass. Less than nothing where noise is more than that: it is
/// told as it is. `None` without samples.
fn sample_cost(blocks: &[Block], mode: Mode) -> Option<i128> {
    let sums = |pass| {
        let of_pass = |block: &&Block| (block.subject, block.mode, block.pass) == (Subject::Null, mode, pass);
        let sum = |part: fn(&Block) -> u64| blocks.iter().filter(of_pass).map(part).map(i128::from).sum();
        let (ticks, exchanges): (i128, i128) = (sum(|block| block.ticks), sum(|block| block.exchanges));
        (exchanges != 0).then_some((ticks, exchanges))
    };
    let ((sampled, samples), (batch, exchanges)) = (sums(Pass::Sampled)?, sums(Pass::Batch)?);
    // The difference is rounded, not what it is of: else what a block begins and ends with may show.
    let (above, below) = (100 * (sampled * exchanges - batch * samples), samples * exchanges);
    Some((2 * above + below).div_euclid(2 * below))
}

impl Results for Table {
    fn print(&self, clock: &Clock) {
        let Some(ruler) = Ruler::new(self.parameters.unit, clock.tsc_hz) else {
            log!("No clock answered, so there are no times; the records have the TSC ticks.");
            return;
        };
        let parameters = &self.parameters;
        let (first, second) = parameters.cpu_pair();
        log!("");
        log!(
            "{} runs of {} exchanges ({} switches), warm-up {} exchanges each",
            parameters.runs,
            Grouped(parameters.exchanges),
            Grouped(2 * parameters.exchanges),
            Grouped(parameters.warm_up)
        );
        log!(
            "hypervisor {} (as CPUID tells), {} CPUs, {}",
            machine::hypervisor_name().as_str(),
            self.cpus,
            match ruler {
                Ruler::Time(hz) => alloc::format!("TSC {} Hz", Grouped(hz.get())),
                Ruler::Instructions => String::from("a TSC tick is an instruction of any CPU"),
            }
        );
        match self.mean_ticks(Mode::CrossCore) {
            Some(_) => log!("same-core on CPU {first}, cross-core on CPUs {first} and {second}"),
            None => log!("same-core on CPU {first}, cross-core skipped: one CPU"),
        }
        log!("");
        self.print_rows(ruler);
        log!("");
        self.print_throughput(ruler);
        self.print_sampling(ruler);
        self.print_verdict();
        self.print_reason();
        self.print_placement();
        log!("");
    }
}
