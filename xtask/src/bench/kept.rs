//! A `bench.json` that was kept, read back strictly: whole, of this format, and its figures those that its values
//! come to. `report` and `replay` call it.

use serde::Deserialize;
use serde_json::Value;

use super::judged::{Judged, judge};
use super::row::{Bench, FORMAT};
use super::show;
use crate::printable;

/// How far two figures may lie apart that are the same: what is lost in writing and reading them.
const SAME: f64 = 1e-9;

/// What writes the file.
pub type Shown = fn(&Bench, &[Judged<'_>]) -> anyhow::Result<String>;

impl Bench {
    /// Reads what `bench` kept. Control characters of its texts are spelt out.
    ///
    /// # Errors
    ///
    /// It is cut, no JSON, of another format, contradicts itself, or a figure in it is not what its values
    /// come to.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::parse_shown(text, show::json)
    }

    /// The same of a file that has more beside the rows: `shown` writes it anew.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn parse_shown(text: &str, shown: Shown) -> Result<Self, String> {
        let mut kept: Value = serde_json::from_str(text).map_err(|why| match why.is_eof() {
            true => "it is cut: it ends in the middle of its JSON".to_owned(),
            false => format!("it is no JSON: {why}"),
        })?;
        match kept.get("format").and_then(Value::as_u64) {
            Some(format) if format == u64::from(FORMAT) => {}
            Some(format) => {
                return Err(format!(
                    "it is of format {format}, and this xtask reads format {FORMAT}: use the xtask that wrote it"
                ));
            }
            None => return Err("it is no file of `bench`: it has no format".into()),
        }
        tame(&mut kept);
        let bench =
            Self::deserialize(&kept).map_err(|why| format!("it is not as `bench` writes it: {why}"))?;
        bench.check()?;
        let judged = judge(&bench).map_err(|unfit| format!("its values are none: {unfit}"))?;
        let shown = shown(&bench, &judged).and_then(|json| Ok(serde_json::from_str(&json)?));
        let shown = shown.map_err(|why| format!("its values can not be shown: {why:#}"))?;
        match difference(&kept, &shown, "") {
            None => Ok(bench),
            Some(what) => Err(format!(
                "{what}: it was changed after it was measured, or written by another version of xtask"
            )),
        }
    }

    fn check(&self) -> Result<(), String> {
        if self.rows.is_empty() {
            return Err("there is no row in it".into());
        }
        for (index, row) in self.rows.iter().enumerate() {
            if self.rows[..index].iter().any(|before| before.id == row.id && before.place == row.place) {
                return Err(format!("the row `{}` is in it twice", row.id));
            }
            let Some(measured) = row.measured() else { continue };
            let (values, rounds) = (measured.one_way_ns.len(), self.rounds);
            if values == 0 || values > rounds as usize {
                return Err(format!("the row `{}` has {values} values of {rounds} rounds", row.id));
            }
        }
        Ok(())
    }
}

/// Spells out the control characters of all texts.
fn tame(value: &mut Value) {
    match value {
        Value::String(text) => {
            let mut tamed = std::mem::take(text).into();
            printable::tame(&mut tamed);
            *text = tamed.into_owned();
        }
        Value::Array(values) => values.iter_mut().for_each(tame),
        Value::Object(fields) => fields.values_mut().for_each(tame),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The first place in which `kept` is not `shown`, in words.
fn difference(kept: &Value, shown: &Value, place: &str) -> Option<String> {
    match (kept, shown) {
        (Value::Object(kept), Value::Object(shown)) => {
            let named = |name: &String| format!("{place}.{name}").trim_start_matches('.').to_owned();
            if let Some(name) = kept.keys().find(|name| !shown.contains_key(*name)) {
                return Some(format!("its `{}` is nothing that `bench` writes", named(name)));
            }
            shown.iter().find_map(|(name, shown)| match kept.get(name) {
                Some(kept) => difference(kept, shown, &named(name)),
                None => Some(format!("its `{}` is missing", named(name))),
            })
        }
        (Value::Array(kept), Value::Array(shown)) if kept.len() == shown.len() => {
            let pairs = kept.iter().zip(shown).enumerate();
            pairs
                .into_iter()
                .find_map(|(index, (kept, shown))| difference(kept, shown, &format!("{place}[{index}]")))
        }
        (kept, shown) if is_same(kept, shown) => None,
        (kept, shown) => Some(format!("its `{place}` is {kept}, where its values come to {shown}")),
    }
}

fn is_same(kept: &Value, shown: &Value) -> bool {
    match (kept.as_f64(), shown.as_f64()) {
        (Some(kept), Some(shown)) => (kept - shown).abs() <= SAME * kept.abs().max(shown.abs()),
        _ => kept == shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::show::sample;

    /// As `bench` writes the sample.
    fn kept() -> String {
        let bench = sample();
        show::json(&bench, &judge(&bench).unwrap()).unwrap()
    }

    #[test]
    fn what_bench_wrote_reads_back() {
        assert_eq!(Bench::parse(&kept()).unwrap(), sample());
    }

    #[test]
    fn row_that_is_held_against_several_of_ours_reads_back() {
        let mut bench = sample();
        let ours = bench.rows[0].id.clone();
        let other = bench.rows.iter_mut().rfind(|row| row.measured().is_some()).expect("a peer");
        other.also = vec![ours];
        let judged = judge(&bench).unwrap();
        assert!(judged.iter().any(|judged| judged.also.iter().flatten().count() == 1));
        assert_eq!(Bench::parse(&show::json(&bench, &judged).unwrap()).unwrap(), bench);
    }

    #[test]
    fn cut_or_changed_file_is_refused_with_its_reason() {
        let kept = kept();
        let changed = |from: &str, to: &str| {
            assert!(kept.contains(from), "{from}");
            kept.replacen(from, to, 1)
        };
        let cases = [
            (kept[..kept.len() / 2].to_owned(), "it is cut"),
            ("<p>".into(), "it is no JSON"),
            ("{}".into(), "it has no format"),
            (changed("\"format\": 1", "\"format\": 2"), "it is of format 2"),
            (changed("\"rows\"", "\"rums\""), "missing field `rows`"),
            (changed("\"rounds\": 6", "\"rounds\": 5"), "the row `ours-bare` has 6 values of 5 rounds"),
            (changed("\"corosensei\"", "\"ours-bare\""), "the row `ours-bare` is in it twice"),
            (changed("3.1", "-3.1"), "its values are none"),
            (changed("\"median_ns\": 3.0", "\"median_ns\": 9.0"), "its `rows[1].cost.median_ns` is 9.0"),
            (changed("3.1", "3.9"), "its `rows[1].against_ours.interval.high` is"),
            (changed("\"high\": 3.1,", "\"high\": 3.2,"), "its `rows[1].cost.interval_ns.high` is 3.2"),
            (changed("\"slower\"", "\"faster\""), "its `rows[1].against_ours.verdict` is \"faster\""),
            (changed("\"seed\"", "\"by\": \"hand\", \"seed\""), "its `by` is nothing that `bench` writes"),
            (changed("\"cost\": null", "\"cots\": null"), "its `rows[3].cots` is nothing"),
        ];
        for (text, named) in cases {
            let why = Bench::parse(&text).unwrap_err();
            assert!(why.contains(named), "{named}: {why}");
        }
    }

    #[test]
    fn control_characters_are_spelt_out() {
        let text = kept().replace("may, mpsc", "may,\\u001b[2J mpsc");
        let bench = Bench::parse(&text).unwrap();
        assert_eq!(bench.rows[4].title, "may,\\u001b[2J mpsc");
    }
}
