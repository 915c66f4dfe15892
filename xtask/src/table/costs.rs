//! What one switch of each mode costs, and how its exchanges are distributed.

use switchlab_core::format::Grouped;

use super::Sheet;
use crate::results::Results;
use crate::results::cost::{DISAGREEMENT_PERCENT, RANKS};

/// What one switch of each mode costs: a mean, divided by twice the exchanges.
pub(super) fn switches(results: &Results<'_>) -> Sheet {
    let header = ["One switch", "Raw", "Overhead", "Net", "Net, sampled", "Passes"];
    let rows = results.modes.iter().map(|mode| {
        let [raw, overhead, net] = mode.switch.texts(results.ruler);
        let (sampled, passes) = match &mode.sampled {
            None => ("-".into(), "batch alone".into()),
            Some(sampled) => {
                let [_, _, net] = sampled.switch.texts(results.ruler);
                let passes = match sampled.apart_percent {
                    None => "can not be compared".into(),
                    Some(apart) if sampled.disagrees() => {
                        format!("DISAGREE: {apart:.1} % apart, more than {DISAGREEMENT_PERCENT} %")
                    }
                    Some(apart) => format!("agree, {apart:.1} % apart"),
                };
                (net, passes)
            }
        };
        vec![mode.mode.name().into(), raw, overhead, net, sampled, passes]
    });
    Sheet { header: header.map(str::to_owned).into(), rows: rows.collect(), words: 1 }
}

/// How the exchanges of the sampled pass are distributed, raw: a sample is an exchange.
pub(super) fn exchanges(results: &Results<'_>) -> Sheet {
    let ranks = RANKS.map(|(_, name)| name.to_owned());
    let header = ["One exchange".into()].into_iter().chain(ranks);
    let header = header.chain(["Null p50".into(), "Samples".into()]).collect();
    let rows = results.modes.iter().filter_map(|mode| {
        let sampled = mode.sampled.as_ref()?;
        let at = |ticks: Option<u64>| ticks.map(|ticks| results.ruler.total(ticks).to_string());
        let mut row = vec![mode.mode.name().to_owned()];
        row.extend(RANKS.iter().filter_map(|(rank, _)| at(sampled.histogram.percentile(*rank))));
        row.extend(at(sampled.null_histogram.percentile(5_000)));
        row.push(Grouped(sampled.samples).to_string());
        Some(row)
    });
    Sheet { rows: rows.collect(), header, words: 0 }
}
