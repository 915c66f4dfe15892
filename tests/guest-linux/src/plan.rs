//! How much is measured: the words behind `--` on the kernel's command line.

use std::time::Duration;

use anyhow::{Context, bail};

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Timed blocks of each exchange.
    pub repetitions: u32,
    /// What a block should take: exchanges are as many as that lets be.
    pub budget: Duration,
}

impl Plan {
    /// Reads the words.
    ///
    /// # Errors
    ///
    /// A word that is none of ours, or no number above 0.
    pub fn parse(words: &[String]) -> anyhow::Result<Self> {
        let mut plan = Self { repetitions: 5, budget: Duration::from_millis(100) };
        for word in words {
            let (key, value) = word.split_once('=').with_context(|| format!("`{word}` is no key=value"))?;
            let number: u32 = value.parse().with_context(|| format!("`{word}`"))?;
            match (key, number) {
                (_, 0) => bail!("`{word}`: a number above 0 is expected"),
                ("repetitions", _) => plan.repetitions = number,
                ("budget_ms", _) => plan.budget = Duration::from_millis(number.into()),
                _ => bail!("`{word}`: repetitions and budget_ms are known"),
            }
        }
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> anyhow::Result<Plan> {
        Plan::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn words_are_read_and_others_are_named() {
        let plan = parse("repetitions=3 budget_ms=20").unwrap();
        assert_eq!(plan, Plan { repetitions: 3, budget: Duration::from_millis(20) });
        for word in ["repetitions", "repetitions=0", "budget_ms=x", "other=1"] {
            assert!(parse(word).unwrap_err().to_string().contains(word), "{word}");
        }
    }
}
