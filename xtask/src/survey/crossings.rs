//! How many handoffs went to another CPU: from the count `crossings` of a point, where a task may run on any.

use switchlab_core::format::Grouped;

use super::{Survey, owned, place};

/// A sentence for each series that counts them, about the first of its places: the fewest pairs.
pub fn of(survey: &Survey<'_>) -> Vec<String> {
    let mut series: Vec<&str> = survey.points.iter().map(|result| &*result.point.series).collect();
    series.sort_unstable();
    series.dedup();
    series.into_iter().filter_map(|name| of_series(survey, name)).collect()
}

/// All runs together. Void ones too: a host that is busy makes a block slow, and moves no task.
fn of_series(survey: &Survey<'_>, series: &str) -> Option<String> {
    let points = || survey.points.iter().map(|result| &result.point).filter(|point| point.series == series);
    let numbers = |at: &[(String, u64)]| at.iter().map(|(_, number)| *number).collect::<Vec<_>>();
    let first = points().map(|point| owned(&point.at)).min_by_key(|at| numbers(at))?;
    let here = || points().filter(|point| owned(&point.at) == first);
    let counts: Option<Vec<u64>> =
        here().map(|point| point.also.iter().find(|also| also.0 == "crossings").map(|also| also.1)).collect();
    let crossings = counts?.into_iter().fold(0, u64::saturating_add);
    let handoffs = here().map(|point| point.handoffs).fold(0, u64::saturating_add);
    Some(format!("{series} {}: {}", place(&first), share(crossings, handoffs)))
}

fn share(crossings: u64, handoffs: u64) -> String {
    let percent = match (crossings, crossings as f64 / handoffs.max(1) as f64 * 100.0) {
        (1.., ..0.01) => "less than 0.01".into(),
        (_, percent) => format!("{percent:.2}"),
    };
    format!("{} of {} handoffs went to another CPU, {percent} %", Grouped(crossings), Grouped(handoffs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_of_few_is_not_told_as_none() {
        assert_eq!(share(0, 200_000), "0 of 200,000 handoffs went to another CPU, 0.00 %");
        assert_eq!(share(1, 200_000), "1 of 200,000 handoffs went to another CPU, less than 0.01 %");
        assert_eq!(share(200_000, 200_000), "200,000 of 200,000 handoffs went to another CPU, 100.00 %");
        assert_eq!(share(0, 0), "0 of 0 handoffs went to another CPU, 0.00 %");
    }
}
