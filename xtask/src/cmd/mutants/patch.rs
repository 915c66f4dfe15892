//! A mutant as it stands in its file: what is planted, in a line; `found by:` and the check that is to find it; and a
//! unified diff of one file.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::check::Check;
use crate::status::Refusal;

/// What stands before the check.
const FOUND_BY: &str = "found by:";

/// A bug, not planted yet.
#[derive(Debug)]
pub struct Mutant {
    /// The file's name.
    pub name: String,
    /// What is wrong with it.
    pub what: String,
    /// What is to find it.
    pub check: Check,
    /// The file that is changed, from the workspace's folder.
    pub file: PathBuf,
    diff: String,
}

/// All mutants of a folder, by name.
///
/// # Errors
///
/// Status 2: a file that is no mutant, and why.
pub fn read_all(folder: &Path) -> anyhow::Result<Vec<Mutant>> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut mutants = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "patch") {
            let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
            let mutant = Mutant::parse(name, &text)
                .map_err(|why| Refusal::usage(format!("{}: {why}", path.display())))?;
            mutants.push(mutant);
        }
    }
    mutants.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(mutants)
}

impl Mutant {
    fn parse(name: String, text: &str) -> Result<Self, String> {
        let (head, diff) = text.split_once("\n--- a/").ok_or("no line begins with `--- a/`")?;
        let mut lines = head.lines().filter(|line| !line.is_empty());
        let what = lines.next().ok_or("the first line does not say what is planted")?.to_owned();
        let words = lines.next().and_then(|line| line.strip_prefix(FOUND_BY));
        let check = Check::parse(words.ok_or("the second line does not begin with `found by:`")?)?;
        let file = PathBuf::from(diff.lines().next().unwrap_or_default());
        if diff.contains("\n--- a/") {
            return Err("it changes more than one file".into());
        }
        Ok(Self { name, what, check, file, diff: format!("--- a/{diff}") })
    }

    /// The source with the bug.
    ///
    /// # Errors
    ///
    /// The patch does not fit: the source has changed.
    pub fn apply(&self, source: &str) -> anyhow::Result<String> {
        let refuse = |why: &dyn std::fmt::Display| {
            Refusal::usage(format!(
                "{}: it does not fit {} as it is now: {why}; make the patch anew",
                self.name,
                self.file.display()
            ))
        };
        let patch = diffy::Patch::from_str(&self.diff).map_err(|why| refuse(&why))?;
        diffy::apply(source, &patch).map_err(|why| refuse(&why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFF: &str = "--- a/one.rs\n+++ b/one.rs\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n";

    fn parse(head: &str, diff: &str) -> Result<Mutant, String> {
        Mutant::parse("name".into(), &format!("{head}\n{diff}"))
    }

    #[test]
    fn mutant_is_a_sentence_a_check_and_a_diff() {
        let mutant = parse("It is wrong.\n\nfound by: host switchlab-core ruler\n", DIFF).unwrap();
        assert_eq!((&*mutant.what, mutant.file.to_str()), ("It is wrong.", Some("one.rs")));
        assert_eq!(mutant.apply("a\nb\n").unwrap(), "a\nc\n");
        assert!(mutant.apply("x\ny\n").unwrap_err().to_string().contains("make the patch anew"));
    }

    #[test]
    fn file_that_is_no_mutant_says_what_it_lacks() {
        let head = "It is wrong.\nfound by: host switchlab-core ruler\n";
        for (text, why) in [
            (parse("It is wrong.\n", DIFF), "does not begin with `found by:`"),
            (parse("It is wrong.\nfound by: luck\n", DIFF), "luck"),
            (parse(head, "no diff"), "no line begins"),
            (parse(head, &format!("{DIFF}{DIFF}")), "more than one file"),
        ] {
            let found = text.unwrap_err();
            assert!(found.contains(why), "{found}");
        }
    }
}
