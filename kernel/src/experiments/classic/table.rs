//! The results for a person, as the original printed them: the table, the averages, the throughput,
//! which mode is faster, and the reason in counted steps.

use alloc::{string::String, vec::Vec};

use switchlab_core::{
    format::{Grouped, Hundredths, Nanoseconds, Tenths},
    params::Params,
    stats::{self, TscHz},
};
use switchlab_records::{Block, Clock, Mode};

use crate::{arch::machine, experiments::Results, log};

/// Blocks of all runs, and what they were measured with.
pub struct Table {
    parameters: Params,
    cpus: u32,
    blocks: Vec<Block>,
}

impl Table {
    /// The table of `blocks`.
    pub fn new(parameters: &Params, cpus: u32, blocks: Vec<Block>) -> Self {
        Self { parameters: *parameters, cpus, blocks }
    }

    fn block(&self, run: u32, mode: Mode) -> Option<&Block> {
        self.blocks.iter().find(|block| block.run == run && block.mode == mode)
    }

    /// Mean ticks of a mode's blocks; `None` where it was skipped.
    fn mean_ticks(&self, mode: Mode) -> Option<u64> {
        stats::mean(self.blocks.iter().filter(|block| block.mode == mode).map(|block| block.ticks))
    }

    fn time_and_switch(&self, ticks: Option<u64>, hz: TscHz) -> [String; 2] {
        let Some(ticks) = ticks else {
            return [String::from("skipped: one CPU"), String::from("-")];
        };
        let switch = stats::per_switch_ns(ticks, self.parameters.exchanges, hz).unwrap_or(0);
        [
            alloc::format!("{}", Nanoseconds(stats::ticks_to_ns(ticks, hz))),
            alloc::format!("{}", Nanoseconds(switch)),
        ]
    }

    fn print_rows(&self, hz: TscHz) {
        log!("| Run | Same-Core Time | Same-Core Switch | Cross-Core Time | Cross-Core Switch | Winner |");
        log!("|-----|----------------|------------------|-----------------|-------------------|--------|");
        for run in 1..=self.parameters.runs {
            let ticks = |mode| self.block(run, mode).map(|block| block.ticks);
            self.print_row(&alloc::format!("{run}"), ticks(Mode::SameCore), ticks(Mode::CrossCore), hz);
        }
        self.print_row("Average", self.mean_ticks(Mode::SameCore), self.mean_ticks(Mode::CrossCore), hz);
    }

    fn print_row(&self, name: &str, same: Option<u64>, cross: Option<u64>, hz: TscHz) {
        let [same_time, same_switch] = self.time_and_switch(same, hz);
        let [cross_time, cross_switch] = self.time_and_switch(cross, hz);
        log!(
            "| {name} | {same_time} | {same_switch} | {cross_time} | {cross_switch} | {} |",
            winner(same, cross)
        );
    }

    fn print_throughput(&self, hz: TscHz) {
        for mode in [Mode::SameCore, Mode::CrossCore, Mode::Switch] {
            let Some(ticks) = self.mean_ticks(mode) else {
                log!("{}: skipped: one CPU", mode.name());
                continue;
            };
            let exchanges = self.parameters.exchanges;
            let rate = stats::per_second(2 * exchanges, ticks, hz).unwrap_or(0);
            let each = stats::per_switch_ns(ticks, exchanges, hz).unwrap_or(0);
            log!("{}: {} a switch, {} switches a second", mode.name(), Nanoseconds(each), Grouped(rate));
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
        let percent = stats::percent_tenths(slower - faster, slower).unwrap_or(0);
        log!(
            "By the averages, {} is faster than {}: {}x, {} % less time.",
            fast.name(),
            slow.name(),
            Hundredths(ratio),
            Tenths(percent)
        );
    }

    /// What one handoff of each mode does, from the counts of all blocks.
    fn print_reason(&self) {
        log!("Why, in counted steps of one handoff:");
        for mode in [Mode::SameCore, Mode::CrossCore, Mode::Switch] {
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

impl Results for Table {
    fn print(&self, clock: &Clock) {
        let Some(hz) = TscHz::new(clock.tsc_hz) else {
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
            "hypervisor {} (as CPUID tells), {} CPUs, TSC {} Hz",
            machine::hypervisor_name().as_str(),
            self.cpus,
            Grouped(clock.tsc_hz)
        );
        match self.mean_ticks(Mode::CrossCore) {
            Some(_) => log!("same-core on CPU {first}, cross-core on CPUs {first} and {second}"),
            None => log!("same-core on CPU {first}, cross-core skipped: one CPU"),
        }
        log!("");
        self.print_rows(hz);
        log!("");
        self.print_throughput(hz);
        self.print_verdict();
        self.print_reason();
        log!("");
    }
}

/// Which of two modes took less, and by what ratio.
fn winner(same: Option<u64>, cross: Option<u64>) -> String {
    let (Some(same), Some(cross)) = (same, cross) else {
        return String::from("-");
    };
    let (name, ratio) = if same <= cross {
        ("Same-Core", stats::ratio_hundredths(cross, same))
    } else {
        ("Cross-Core", stats::ratio_hundredths(same, cross))
    };
    alloc::format!("{name} ({}x faster)", Hundredths(ratio.unwrap_or(0)))
}
