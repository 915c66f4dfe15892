//! The findings of a rigorous run for people: a row for each boot, what they come to, and what they
//! hang on.

use switchlab_core::format::{Grouped, Hundredths};
use switchlab_core::ruler::Ruler;
use switchlab_records::{Mode, Unit};

use super::findings::{BootResult, Findings, Title};
use super::goal::{Goal, sentence};
use crate::analysis::{Bootstrap, Summary, Trend};
use crate::manifest::{Manifest, plural};
use crate::placement::{Crossings, Placement};
use crate::table::{Report, Sheet};
use crate::watch::{self, GuestTime, Watch};

impl Findings<'_> {
    /// Puts the report together.
    pub fn report(&self) -> Report {
        let sheet = Sheet { header: self.header(), rows: self.rows(), words: 1 };
        Report::of_parts(self.title(), sheet, self.sentences(), self.conditions())
    }

    fn title(&self) -> String {
        let boots = plural(u64::from(self.tally.boots), "boot");
        let asked = match self.boots.goal {
            Goal::Boots { boots } if self.tally.boots < boots => {
                format!("{} of {boots} boots", self.tally.boots)
            }
            _ => boots,
        };
        let order = match self.boots.seed {
            0 => "in alternating order".into(),
            seed => format!("in an order shuffled by seed {seed}"),
        };
        let Some(Title { pair: [first, second], cpus, exchanges, runs, skipped, .. }) =
            self.results.first().map(|boot| &boot.title)
        else {
            return format!("{}: {asked}", self.boots.experiment);
        };
        let place = match skipped {
            Some(_) => format!("CPU {first}"),
            None => format!("CPUs {first} and {second}"),
        };
        let cpus = cpus.map_or_else(String::new, |cpus| format!(" of {cpus}"));
        let suspect = if self.is_suspect() { crate::table::SUSPECT } else { "" };
        format!(
            "{}, {place}{cpus}: {asked}, each of {} of {} ping-pong exchanges ({} switches), {order}{suspect}",
            self.boots.experiment,
            plural(u64::from(*runs), "run"),
            Grouped(*exchanges),
            Grouped(exchanges.saturating_mul(2)),
        )
    }

    /// Each boot is short; their times together may be long enough to tell.
    fn is_suspect(&self) -> bool {
        let watches = self.watches();
        let times = GuestTime::sum(watches.iter().filter_map(|(_, watch)| watch.guest_time));
        self.results.iter().any(|boot| boot.clock_suspect) || times.is_some_and(|time| time.is_suspect())
    }

    fn watches(&self) -> Vec<(u32, &Watch)> {
        self.results
            .iter()
            .filter_map(|boot| Some((boot.boot, boot.manifest.as_ref()?.watch.as_ref()?)))
            .collect()
    }

    fn header(&self) -> Vec<String> {
        let what = match self.results.first().map(|boot| boot.title.unit) {
            Some(Unit::Time) | None => "Switch",
            Some(Unit::Instructions) => "Instructions",
        };
        let [same, cross, bare, free] =
            ["Same-Core", "Cross-Core", "Bare", "Free"].map(|name| format!("{name} {what}"));
        vec!["Boot".into(), same, cross, "Cross/Same".into(), bare, free, "Void Runs".into()]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |name: String, values: [Option<f64>; 4], void: String| {
            let [same, cross, bare, free] = values;
            let cell = |value: Option<f64>| value.map_or_else(|| "-".into(), |value| self.cost(value));
            let ratio = same.zip(cross).map_or_else(|| "-".into(), |(same, cross)| ratio(cross / same));
            vec![name, cell(same), cell(cross), ratio, cell(bare), cell(free), void]
        };
        let of_boot = |boot: &BootResult| match boot.void_runs.len() {
            // Shown and not counted.
            all if all == boot.runs as usize => {
                row(boot.boot.to_string(), boot.with_void_runs, format!("all {all}: void"))
            }
            some => {
                let void = if some == 0 { "none".into() } else { format!("{some} of {}", boot.runs) };
                row(boot.boot.to_string(), Mode::ALL.map(|mode| boot.value(mode)), void)
            }
        };
        let median =
            |value: fn(&BootResult) -> Option<f64>| self.summary(value).map(|summary| summary.median);
        let same = median(|boot| boot.pair().map(|(same, _)| same)).or_else(|| median(|boot| boot.same_core));
        let cross = median(|boot| boot.pair().map(|(_, cross)| cross));
        let [bare, free] = [median(|boot| boot.switch), median(|boot| boot.free)];
        let last = row("Median".into(), [same, cross, bare, free], String::new());
        self.results.iter().map(of_boot).chain([last]).collect()
    }

    fn sentences(&self) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        if let Some(end) = self.boots.end.as_ref().filter(|end| end.is_early()) {
            lines.push(("Ended early", end.outcome.clone()));
        }
        match (&self.comparison, &self.no_verdict) {
            (Some(comparison), _) => lines.push(("Verdict", comparison.to_string())),
            (None, Some(why)) => lines.push(("Verdict", format!("none: {why}"))),
            (None, None) => {
                lines.extend(self.exact().map(|text| ("Exact", text)));
                lines.extend(self.placement().iter().flat_map(Placement::findings));
                return lines;
            }
        }
        let Bootstrap { resamples, seed, .. } = Bootstrap::default();
        lines.push((
            "Method",
            format!(
                "a boot's value is the median of its runs that are not void; boots are resampled as pairs, {} times (bootstrap seed {seed})",
                Grouped(u64::from(resamples))
            ),
        ));
        lines.extend(sentence(&self.boots.goal, &self.tally).map(|text| ("Stability", text)));
        let void = self.tally.boots - self.tally.counted;
        if void > 0 && self.comparison.is_some() {
            lines.push(("Void boots", format!("{void} of {}: out of the verdict", self.tally.boots)));
        }
        lines.extend(self.placement().iter().flat_map(Placement::findings));
        lines.extend(self.spread().map(|text| ("Spread", text)));
        lines.extend(self.drift().map(|text| ("Drift", text)));
        lines
    }

    /// What counted instructions come to: they need no verdict, and every boot has the same.
    fn exact(&self) -> Option<String> {
        let mut pairs = self.results.iter().filter_map(BootResult::pair);
        let (same, cross) = pairs.next()?;
        let boots = plural(self.results.len() as u64, "boot");
        Some(match pairs.all(|pair| pair == (same, cross)) {
            true => format!(
                "a cross-core switch executes {} times the instructions of a same-core one, in each of {boots}",
                ratio(cross / same)
            ),
            false => format!("the counts DIFFER between {boots}, which counted instructions must not"),
        })
    }

    /// Where the free tasks ran, over all boots; their cost, and the others', by the medians of those that count.
    pub(crate) fn placement(&self) -> Option<Placement> {
        let crossings = Crossings::sum(self.results.iter().filter_map(|boot| boot.crossings))?;
        let title = &self.results.first()?.title;
        let median = |mode| self.summary(|boot| boot.value(mode)).map(|summary| summary.median);
        Some(Placement::new(crossings, median, title.unit, title.cpus))
    }

    /// Over the boots that count.
    fn spread(&self) -> Option<String> {
        let same = self.summary(|boot| boot.pair().map(|(same, _)| same))?;
        let cross = self.summary(|boot| boot.pair().map(|(_, cross)| cross))?;
        let [same, cross] = [("same-core", same), ("cross-core", cross)].map(|(name, summary)| {
            let outliers = plural(summary.outliers.count() as u64, "outlier");
            format!("{name} {:.1} % between the quartiles, {outliers}", summary.spread * 100.0)
        });
        Some(format!("{same}; {cross} (by Tukey's fences, none dropped)"))
    }

    /// What rises or falls from boot to boot; nothing where no trend is shown.
    fn drift(&self) -> Option<String> {
        let same = self.summary(|boot| boot.pair().map(|(same, _)| same))?.drift;
        let cross = self.summary(|boot| boot.pair().map(|(_, cross)| cross))?.drift;
        let named = [("same-core", same), ("cross-core", cross)].into_iter().filter_map(|(name, drift)| {
            let way = match drift.trend {
                Trend::Rising => "rises",
                Trend::Falling => "falls",
                Trend::NotShown | Trend::TooFewRuns => return None,
            };
            Some(format!("{name} {way} from boot to boot ({})", drift.p_text()))
        });
        let named = named.collect::<Vec<_>>().join("; ");
        (!named.is_empty()).then_some(named)
    }

    fn summary(&self, value: impl Fn(&BootResult) -> Option<f64>) -> Option<Summary> {
        Summary::of(&self.results.iter().filter_map(value).collect::<Vec<_>>()).ok()
    }

    /// One switch, in the unit that it has.
    fn cost(&self, value: f64) -> String {
        match self.results.first().map(|boot| boot.title.unit) {
            // A tick of this ruler is a picosecond; a switch is half of one exchange.
            Some(Unit::Time) => Ruler::new(Unit::Time, PICOSECONDS).map_or_else(String::new, |ruler| {
                ruler.fine_switch(((value * 1_000.0).round() as u64).saturating_mul(2), 1).to_string()
            }),
            Some(Unit::Instructions) | None => Hundredths((value * 100.0).round() as u64).to_string(),
        }
    }

    /// The first boot's, and what was seen of all of them from outside.
    pub(crate) fn conditions(&self) -> Vec<(&'static str, String)> {
        let Some(first) = self.results.iter().find_map(|boot| boot.manifest.as_ref()) else {
            return Vec::new();
        };
        let mut lines = Manifest { watch: None, ..first.clone() }.conditions();
        let place = lines.iter().position(|(label, _)| *label == "Sources" || *label == "Command");
        let place = place.unwrap_or(lines.len());
        lines.splice(place..place, watch::conditions_of_all(&self.watches()));
        let suspect: Vec<_> =
            self.results.iter().filter(|boot| boot.clock_suspect).map(|boot| boot.boot.to_string()).collect();
        if !suspect.is_empty() {
            let boots = plural(suspect.len() as u64, "boot");
            let which = suspect.join(", ");
            let line = format!("in {boots} ({which}); `cargo xtask replay` of the boot's folder says why");
            lines.insert(0, ("Clock suspect", line));
        }
        for (label, text) in &mut lines {
            if ["Command", "Start-up"].contains(label) {
                text.push_str(" (boot 1)");
            }
        }
        lines
    }
}

/// In a second.
const PICOSECONDS: u64 = 1_000_000_000_000;

fn ratio(value: f64) -> String {
    format!("{value:.2}")
}
