//! What is shown while many boots work: one bar over all of them, or a line for each.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use switchlab_records::Record;

use super::{Left, Style};
use crate::observer::Hears;
use crate::rigorous::{Goal, Step, Tally};

/// The state of the whole.
pub struct BootsProgress {
    style: Style,
    bar: ProgressBar,
    goal: Goal,
    /// The boot that is at work.
    number: u32,
    /// Its blocks that came, and all of them.
    blocks: (u32, u32),
    started: Instant,
}

/// How finely the bar is divided: a boot is so many steps of it.
const STEPS: u64 = 1_000;

impl BootsProgress {
    /// Shows nothing yet.
    pub fn new(style: Style, goal: Goal) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        Self { style, bar, goal, number: 0, blocks: (0, 0), started: Instant::now() }
    }

    /// Boot `number` starts.
    pub fn start(&mut self, number: u32) {
        (self.number, self.blocks) = (number, (0, 0));
        if self.style == Style::Bar && number == 1 {
            self.bar = ProgressBar::new(u64::from(self.goal.most()) * STEPS);
            if let Ok(style) = ProgressStyle::with_template("{elapsed_precise} [{bar:30}] {msg}") {
                self.bar.set_style(style.progress_chars("=> "));
            }
            self.bar.enable_steady_tick(Duration::from_millis(200));
        }
    }

    /// It was decided how to go on, after `tally`.
    pub fn step(&mut self, step: Step, tally: &Tally) {
        if tally.boots == 0 {
            return;
        }
        let to_come = match step {
            Step::GoOn { projected_boots } => {
                let last =
                    projected_boots.unwrap_or(self.goal.most()).clamp(tally.boots + 1, self.goal.most());
                last - tally.boots
            }
            Step::Complete | Step::Stable | Step::OutOfReach { .. } => 0,
        };
        let left = time_left(self.started.elapsed(), tally.boots, to_come);
        let line = format!("boot {} of {}{}, {left}", tally.boots, self.of(), width(tally));
        match self.style {
            Style::Silent => {}
            Style::Lines => eprintln!("{line}"),
            Style::Bar => {
                self.bar.set_position(u64::from(tally.boots) * STEPS);
                self.bar.set_message(line);
            }
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn of(&self) -> String {
        match self.goal {
            Goal::Boots { boots } => boots.to_string(),
            Goal::Stable { most, .. } => format!("at most {most}"),
        }
    }
}

impl Hears for BootsProgress {
    fn record(&mut self, record: &Record<'_>, _: Duration) {
        match record {
            Record::Plan(plan) => self.blocks = (0, plan.blocks.max(1)),
            Record::Block(_) => {
                self.blocks.0 += 1;
                let (done, all) = (u64::from(self.blocks.0), u64::from(self.blocks.1.max(1)));
                self.bar.set_position(u64::from(self.number.saturating_sub(1)) * STEPS + done * STEPS / all);
            }
            _ => {}
        }
    }

    fn ended(&mut self) {}
}

/// At the mean of the boots so far.
fn time_left(elapsed: Duration, boots: u32, to_come: u32) -> Left {
    Left(elapsed.checked_div(boots).map(|each| each.saturating_mul(to_come)))
}

fn width(tally: &Tally) -> String {
    let void = match tally.boots - tally.counted {
        0 => String::new(),
        void => format!(" ({void} void)"),
    };
    match tally.width_percent {
        Some(width) => format!("{void}: interval {width:.2} % wide"),
        None => void,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_is_the_mean_for_each_boot_to_come() {
        let seconds = Duration::from_secs;
        assert_eq!(time_left(seconds(12), 4, 6), Left(Some(seconds(18))));
        assert_eq!(time_left(seconds(12), 4, 0), Left(Some(Duration::ZERO)));
        assert_eq!(time_left(seconds(12), 0, 6), Left(None));
    }

    #[test]
    fn void_boots_and_the_width_are_told() {
        let tally = Tally { boots: 12, counted: 10, width_percent: Some(3.456) };
        assert_eq!(width(&tally), " (2 void): interval 3.46 % wide");
        assert_eq!(width(&Tally { boots: 3, counted: 3, width_percent: None }), "");
    }
}
