//! `boots.json`: what a rigorous run was asked for, its boots, and how it ended. Each boot's own facts
//! stand in the manifest of its folder.

use std::fs;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::goal::Goal;
use crate::status::Status;

/// Name of the file.
pub const FILE: &str = "boots.json";

/// Version of its format: another one is not read.
const FORMAT: u32 = 1;

/// What was asked for, and what came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Boots {
    /// Version of this format.
    pub format: u32,
    /// The experiment.
    pub experiment: String,
    /// What the seeds of the boots were drawn from; 0 shuffles nothing.
    pub seed: u64,
    /// What was asked for.
    pub goal: Goal,
    /// The boots that passed, in order.
    pub boots: Vec<BootEntry>,
    /// How it ended; `None` until then.
    pub end: Option<End>,
}

/// A boot that passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootEntry {
    /// From 1.
    pub number: u32,
    /// Its folder, in that of the whole.
    pub folder: String,
    /// What its kernel got as `seed`.
    pub seed: u64,
}

/// How the whole ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// xtask's exit status.
    pub status: u8,
    /// In one line: of the boot that ended it, where one did.
    pub outcome: String,
}

impl End {
    /// Whether a boot that failed, or Ctrl-C, ended it: there are fewer boots than were asked for.
    pub fn is_early(&self) -> bool {
        ![Status::Pass.code(), Status::Unstable.code()].contains(&self.status)
    }
}

/// The folder of boot `number`.
pub fn folder_name(number: u32) -> String {
    format!("boot-{number:02}")
}

impl Boots {
    /// Nothing booted yet.
    pub fn new(experiment: &str, seed: u64, goal: Goal) -> Self {
        Self { format: FORMAT, experiment: experiment.into(), seed, goal, boots: Vec::new(), end: None }
    }

    /// Writes the file into `folder`, whole at once: it is written again after each boot.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let path = folder.join(FILE);
        let fresh = folder.join(format!(".{FILE}"));
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(&fresh, text)
            .and_then(|()| fs::rename(&fresh, &path))
            .with_context(|| format!("writing {}", path.display()))
    }

    /// The file in `folder`; `None` where there is none: no folder of a rigorous run.
    ///
    /// # Errors
    ///
    /// The file, and what is wrong with it.
    pub fn read(folder: &Path) -> Result<Option<Self>, String> {
        let path = folder.join(FILE);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|error| format!("{}: {error}", path.display()))?,
        };
        Self::parse(&text).map(Some).map_err(|why| format!("{}: {why}", path.display()))
    }

    /// What stands in such a file.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let Version { format } =
            serde_json::from_str(text).map_err(|error| format!("no list of boots: {error}"))?;
        if format != FORMAT {
            return Err(format!("a list of boots of format {format}, this tool reads format {FORMAT}"));
        }
        serde_json::from_str(text).map_err(|error| format!("no list of boots: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_comes_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Boots::read(folder.path()), Ok(None));
        let mut boots = Boots::new("classic", 7, Goal::Stable { percent: 2.5, least: 10, most: 50 });
        boots.boots.push(BootEntry { number: 1, folder: folder_name(1), seed: u64::MAX });
        boots.end = Some(End { status: 0, outcome: "pass".into() });
        boots.write(folder.path()).unwrap();
        assert_eq!(Boots::read(folder.path()), Ok(Some(boots)));
    }

    #[test]
    fn another_format_is_named() {
        let error = Boots::parse(r#"{ "format": 9, "boots": "many" }"#).unwrap_err();
        assert!(error.contains("format 9") && error.contains("format 1"), "{error}");
        assert!(Boots::parse("{}").unwrap_err().starts_with("no list of boots: missing field"));
    }

    #[test]
    fn folders_sort_as_they_are_counted() {
        assert_eq!([1, 10, 100].map(folder_name), ["boot-01", "boot-10", "boot-100"]);
    }
}
