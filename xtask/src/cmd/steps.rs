//! The trace beside a run's log: what `run` makes of it and `replay` makes of it again.

use std::fs;
use std::path::Path;

use anyhow::Context;
use switchlab_records::read_log;

use super::output::Format;
use crate::exit::Outcome;
use crate::steps::{self, Steps, Whole};
use crate::timeline::Timeline;
use crate::trace::Traced;

/// What a trace says.
pub struct Found {
    /// Cut into steps.
    pub steps: Steps,
    /// Drawn.
    pub timeline: Timeline,
}

impl Found {
    /// Reads the marked kernel's log, whose end was judged, and holds it against what was measured.
    ///
    /// # Errors
    ///
    /// The outcome where it is no pass, and where the log is no whole trace.
    pub fn new(outcome: Outcome, text: &str, wholes: &[Whole]) -> Result<Self, Outcome> {
        if outcome != Outcome::Pass {
            return Err(outcome);
        }
        let found = || {
            let log = read_log(text);
            let traced = Traced::from_log(&log)?;
            Ok(Self { steps: Steps::new(&traced, wholes)?, timeline: Timeline::new(&traced)? })
        };
        found().map_err(Outcome::InvalidLog)
    }

    /// Writes `steps.json` and `trace.json` into `folder`.
    ///
    /// # Errors
    ///
    /// The file that cannot be written.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        for (name, text) in [(steps::FILE, self.steps.json()?), ("trace.json", self.timeline.json()?)] {
            let path = folder.join(name);
            fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(())
    }

    /// What goes to stdout behind the results; `None` where their format has no place for it.
    pub fn shown(&self, format: Format) -> Option<String> {
        match format {
            Format::Table => Some(format!("\n{}", self.steps.text())),
            Format::Markdown => Some(format!("\n{}", self.steps.markdown())),
            Format::Json | Format::Csv | Format::Bencher | Format::Github => None,
        }
    }
}
