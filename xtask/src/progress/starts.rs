//! What is shown while peers are started one after the other: a bar over all starts, or a line for each.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Left, Style};

/// The state of the whole.
pub struct StartsProgress {
    style: Style,
    bar: ProgressBar,
    started: Instant,
}

impl StartsProgress {
    /// Shows nothing yet.
    pub fn new(style: Style) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        Self { style, bar, started: Instant::now() }
    }

    /// `title` is started, after `done` of all `of` starts.
    pub fn start(&mut self, title: &str, done: u32, of: u32) {
        let left = Left((done > 0).then(|| self.started.elapsed() * (of - done) / done));
        match self.style {
            Style::Silent => {}
            Style::Lines => eprintln!("start {} of {of}: {title}, {left}", done + 1),
            Style::Bar => {
                if done == 0 {
                    self.show(of);
                }
                self.bar.set_position(u64::from(done));
                self.bar.set_message(format!("{title}, {left}"));
            }
        }
    }

    /// All are done.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn show(&mut self, of: u32) {
        self.bar = ProgressBar::new(u64::from(of));
        if let Ok(style) =
            ProgressStyle::with_template("{elapsed_precise} [{bar:30}] start {pos} of {len}  {msg}")
        {
            self.bar.set_style(style.progress_chars("=> "));
        }
        self.bar.enable_steady_tick(Duration::from_millis(200));
    }
}

impl Drop for StartsProgress {
    fn drop(&mut self) {
        self.end();
    }
}
