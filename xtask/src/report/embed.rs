//! The raw data within a report: the files of its runs, byte for byte, as JSON in an element that
//! no browser runs. Written by the report, read by `replay`, and by `report` itself.

use std::borrow::Cow;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use crate::bench;
use crate::folder;
use crate::judged::SideLog;
use crate::levels;
use crate::manifest::{self, Manifest};

/// The element's id.
pub const ID: &str = "switchlab-data";

/// Version of the format of what is embedded.
const FORMAT: u32 = 1;

/// The files of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedRun {
    /// The name of its folder.
    pub name: String,
    /// Its files; those of several boots are named `boot-01/serial.log` and so on.
    pub files: Vec<EmbeddedFile>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedFile {
    /// Its path from the run's folder.
    pub path: String,
    /// What is in it, to the byte.
    pub bytes: Vec<u8>,
    /// The same as text; what is none is replaced.
    pub text: String,
}

impl EmbeddedRun {
    /// Adds a file.
    pub fn push(&mut self, path: String, bytes: Vec<u8>) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        self.files.push(EmbeddedFile { path, bytes, text });
    }

    /// The serial logs, one for each boot.
    pub fn logs(&self) -> impl Iterator<Item = &EmbeddedFile> {
        self.files.iter().filter(|file| file.name() == folder::LOG)
    }

    /// Whether it is no run but what `bench` kept.
    pub fn is_bench(&self) -> bool {
        self.logs().next().is_none() && self.file(bench::row::FILE).is_some()
    }

    /// Whether it is no run but what `host` kept.
    pub fn is_host(&self) -> bool {
        self.logs().next().is_none() && self.file(levels::FILE).is_some()
    }

    /// Whether it is a run of the laboratory, as far as its files tell.
    pub fn is_run(&self) -> bool {
        !self.is_bench() && !self.is_host()
    }

    /// The file of this path.
    pub fn file(&self, path: &str) -> Option<&EmbeddedFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The file `name` beside `log`.
    pub fn beside(&self, log: &EmbeddedFile, name: &str) -> Option<&EmbeddedFile> {
        self.files.iter().find(|file| file.folder() == log.folder() && file.name() == name)
    }

    /// The trace that is the file `log`, and why nothing is known of its boot although its manifest is there.
    pub fn trace(&self, log: &EmbeddedFile) -> (SideLog, Option<String>) {
        self.side_log(log, manifest::OF_TRACE)
    }

    /// The same of the boot that counted instructions beside `log`; `None` where there was none.
    pub fn counted(&self, log: &EmbeddedFile) -> Option<(SideLog, Option<String>)> {
        let counted = self.beside(log, folder::INSTRUCTIONS_LOG)?;
        Some(self.side_log(counted, manifest::OF_INSTRUCTIONS))
    }

    fn side_log(&self, log: &EmbeddedFile, manifest: &str) -> (SideLog, Option<String>) {
        let manifest = self.beside(log, manifest).map(|file| Manifest::parse(&file.text));
        let (manifest, problem) = match manifest.transpose() {
            Ok(manifest) => (manifest, None),
            Err(why) => (None, Some(why)),
        };
        (SideLog::new(log.text.clone(), manifest.as_ref()), problem)
    }
}

impl EmbeddedFile {
    /// `boot-01` of `boot-01/serial.log`; empty where the run is one boot.
    pub fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    fn name(&self) -> &str {
        self.path.rsplit_once('/').map_or(&self.path, |(_, name)| name)
    }
}

/// What stands in the element.
#[derive(Serialize, Deserialize)]
struct Data<'a> {
    format: u32,
    #[serde(borrow)]
    runs: Vec<Run<'a>>,
}

#[derive(Serialize, Deserialize)]
struct Run<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    files: Vec<File<'a>>,
}

/// A file is text where it can be, so that people and other programs read it in the page itself.
#[derive(Serialize, Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    path: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    text: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<Vec<u8>>,
}

/// The element with the files of `runs`.
///
/// # Errors
///
/// None to be expected.
pub fn element(runs: &[EmbeddedRun]) -> anyhow::Result<String> {
    let data = Data {
        format: FORMAT,
        runs: runs
            .iter()
            .map(|run| Run { name: (&*run.name).into(), files: run.files.iter().map(File::new).collect() })
            .collect(),
    };
    // In JSON, `<` can only stand in a string; spelt out, it can not end the element.
    let json = serde_json::to_string(&data)?.replace('<', "\\u003c");
    Ok(format!("{}{json}\n</script>", opening()))
}

/// Whether `text` carries runs, whole or not.
pub fn is_report(text: &str) -> bool {
    text.contains(&*opening())
}

/// The runs that `html` carries.
///
/// # Errors
///
/// It is no report, is cut, or is one of another version.
pub fn embedded(html: &str) -> anyhow::Result<Vec<EmbeddedRun>> {
    let opening = opening();
    let Some((_, rest)) = html.split_once(&*opening) else {
        bail!("it is no report: no element `{ID}` in it");
    };
    let Some((json, _)) = rest.split_once("\n</script>") else {
        bail!("the report is cut: its element `{ID}` has no end");
    };
    let format: Version = serde_json::from_str(json).context("its data is broken")?;
    if format.format != FORMAT {
        let found = format.format;
        bail!(
            "its data is of format {found}, and this xtask reads format {FORMAT}: use the xtask that wrote it"
        );
    }
    let data: Data<'_> = serde_json::from_str(json).context("its data is broken")?;
    data.runs.into_iter().map(Run::embedded).collect()
}

#[derive(Deserialize)]
struct Version {
    format: u32,
}

fn opening() -> String {
    format!("<script type=\"application/json\" id=\"{ID}\">\n")
}

impl<'a> File<'a> {
    fn new(file: &'a EmbeddedFile) -> Self {
        let text = std::str::from_utf8(&file.bytes).ok();
        let bytes = text.is_none().then(|| file.bytes.clone());
        Self { path: (&*file.path).into(), text: text.map(Cow::from), bytes }
    }
}

impl Run<'_> {
    fn embedded(self) -> anyhow::Result<EmbeddedRun> {
        let mut run = EmbeddedRun { name: self.name.into_owned(), files: Vec::new() };
        for File { path, text, bytes } in self.files {
            let Some(bytes) = text.map(|text| text.into_owned().into_bytes()).or(bytes) else {
                bail!("its file {path} has neither text nor bytes");
            };
            run.push(path.into_owned(), bytes);
        }
        Ok(run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(files: Vec<(String, Vec<u8>)>) -> EmbeddedRun {
        let mut run = EmbeddedRun { name: "a run".into(), files: Vec::new() };
        files.into_iter().for_each(|(path, bytes)| run.push(path, bytes));
        run
    }

    proptest! {
        #[test]
        fn files_read_back_to_the_byte(
            texts in prop::collection::vec(any::<String>(), 0..3),
            bytes in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let texts = texts.into_iter().map(|text| ("text".to_owned(), text.into_bytes()));
            let files = texts.chain([("bytes".to_owned(), bytes)]).collect();
            let runs = [run(files)];
            let page = format!("<html>{}</html>", element(&runs).unwrap());
            prop_assert_eq!(embedded(&page).unwrap(), runs);
        }
    }

    #[test]
    fn nothing_in_a_file_ends_the_element() {
        let hostile = "</script><script>alert(1)</script><!--\r\n\n</script>";
        let runs = [run(vec![("serial.log".into(), hostile.into())])];
        let element = element(&runs).unwrap();
        assert_eq!(element.matches('<').count(), 2, "{element}");
        assert_eq!(embedded(&element).unwrap(), runs);
    }

    #[test]
    fn what_is_no_report_is_named() {
        let whole = element(&[run(vec![("serial.log".into(), b"x".to_vec())])]).unwrap();
        let cases = [
            ("<p></p>".to_owned(), "no report"),
            (whole.replace("\n</script>", ""), "is cut"),
            (whole.replace("\"format\":1", "\"format\":2"), "format 2"),
            (whole.replace("\"runs\"", "\"rums\""), "broken"),
            (whole.replace("\"text\"", "\"test\""), "neither text nor bytes"),
        ];
        for (html, named) in cases {
            let error = format!("{:#}", embedded(&html).unwrap_err());
            assert!(error.contains(named), "{error}");
        }
    }
}
