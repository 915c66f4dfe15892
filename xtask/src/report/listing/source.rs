//! The sources beside the kernel: the text of a line, and the first sentence of what a function's
//! documentation says. Read where they are at hand; a listing without them has names alone.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::names;
use crate::workspace;

/// The sources that were read so far.
pub(super) struct Sources {
    root: PathBuf,
    /// Lines of each file, by its path from the root; empty where it can not be read.
    files: HashMap<String, Vec<String>>,
}

/// Where the crates that the loops are made of have their sources.
const CRATES: [(&str, &str); 4] = [
    ("switchlab_kernel", "kernel/src"),
    ("switchlab_sync", "kernel/sync/src"),
    ("switchlab_switch", "kernel/switch/src"),
    ("switchlab_core", "kernel/core/src"),
];

impl Default for Sources {
    fn default() -> Self {
        Self { root: workspace::root(), files: HashMap::new() }
    }
}

impl Sources {
    /// A file's path from the workspace's folder, as the line tables name it; `None` for others.
    pub(super) fn relative(&self, file: &str) -> Option<String> {
        // Wherever the kernel was built, its sources stand below `kernel`.
        let path = match Path::new(file).strip_prefix(&self.root) {
            Ok(path) => path.to_str()?,
            Err(_) => &file[file.rfind("/kernel/")? + 1..],
        };
        Some(path.to_owned())
    }

    /// What stands on a line, without its indentation; `None` for an empty or unknown line.
    pub(super) fn line(&mut self, file: &str, line: u32) -> Option<String> {
        let text = self.lines(file).get(usize::try_from(line).ok()?.checked_sub(1)?)?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The first sentence of the documentation of the function with this (whole) name.
    pub(super) fn documentation_of(&mut self, name: &str) -> Option<String> {
        let plain = names::without_arguments(name);
        let parts: Vec<&str> = plain.split("::").filter(|part| !part.starts_with('{')).collect();
        let (function, path) = parts.split_last()?;
        let (krate, modules) = path.split_first()?;
        let (_, folder) = CRATES.iter().find(|(name, _)| name == krate)?;
        // The last parts of the path may be a type or a function, not a module.
        for count in (0..=modules.len()).rev() {
            let stem = [&[*folder], &modules[..count]].concat().join("/");
            for file in [format!("{stem}.rs"), format!("{stem}/mod.rs"), format!("{stem}/lib.rs")] {
                if let Some(text) = documentation(self.lines(&file), function) {
                    return Some(text);
                }
            }
        }
        None
    }

    fn lines(&mut self, file: &str) -> &[String] {
        let path = self.root.join(file);
        self.files.entry(file.to_owned()).or_insert_with(|| {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            text.lines().map(str::to_owned).collect()
        })
    }
}

/// A function of the sources.
pub(super) struct Origin {
    /// With its module: `channel::send`.
    pub name: String,
    /// The first sentence of its documentation; `None` where it has none.
    pub what: Option<String>,
}

impl Sources {
    /// The function that a line stands in.
    pub(super) fn function_at(&mut self, file: &str, line: u32) -> Option<Origin> {
        let lines = self.lines(file);
        let end = usize::try_from(line).ok()?.min(lines.len());
        let definition = lines[..end].iter().rposition(|line| defined(line).is_some())?;
        let name = format!("{}::{}", module(file), defined(&lines[definition])?);
        Some(Origin { name, what: documentation_above(lines, definition) })
    }
}

/// A file's module: `channel` of `kernel/sync/src/channel.rs`, `switch` of `kernel/switch/src/lib.rs`.
fn module(file: &str) -> &str {
    let mut parts =
        file.trim_end_matches(".rs").rsplit('/').filter(|part| !["mod", "lib", "src"].contains(part));
    parts.next().unwrap_or_default()
}

/// The name of the function, or of the macro, whose definition begins on this line.
fn defined(line: &str) -> Option<&str> {
    let line = line.trim_start();
    if line.starts_with("//") {
        return None;
    }
    if let Some(rest) = line.strip_prefix("macro_rules! ") {
        return rest.split_whitespace().next();
    }
    let (before, rest) = line.split_once("fn ")?;
    let is_definition = before.split(' ').all(|word| {
        ["", "pub", "const", "unsafe", "extern", "\"C\"", "async"].contains(&word) || word.starts_with("pub(")
    });
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    (is_definition && end > 0).then(|| &rest[..end])
}

/// The first sentence above `fn name`.
fn documentation(lines: &[String], name: &str) -> Option<String> {
    let definition = lines.iter().position(|line| defined(line) == Some(name))?;
    documentation_above(lines, definition)
}

/// The first sentence of what stands above a definition.
fn documentation_above(lines: &[String], definition: usize) -> Option<String> {
    let mut text = Vec::new();
    for line in lines[..definition].iter().rev().map(|line| line.trim()) {
        match line.strip_prefix("///") {
            Some(comment) => text.push(comment.trim()),
            None if line.starts_with("#[") && text.is_empty() => {}
            None => break,
        }
    }
    text.reverse();
    let paragraph = text.split(|line| line.is_empty()).next().unwrap_or_default().join(" ");
    let end = paragraph.find(". ").map_or(paragraph.len(), |end| end + 1);
    let sentence = paragraph[..end].replace(['[', ']', '`'], "");
    (!sentence.is_empty()).then_some(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn documentation_is_its_first_sentence() {
        let source = lines(
            "/// Of another.\nfn other() {}\n\n/// Sends the value\n/// to [`Peer`]. And more.\n///\n/// # Panics\n#[inline]\npub fn send<T>(t: T) {}\nfn bare() {}\n",
        );
        assert_eq!(documentation(&source, "send").as_deref(), Some("Sends the value to Peer."));
        assert_eq!(documentation(&source, "other").as_deref(), Some("Of another."));
        assert_eq!(documentation(&source, "bare"), None);
        assert_eq!(documentation(&source, "sen"), None);
    }

    #[test]
    fn line_stands_in_the_function_that_begins_above_it() {
        let file = "kernel/sync/src/channel.rs";
        let mut sources = Sources { root: "/".into(), files: HashMap::new() };
        let text = "/// Other.\nfn other() {}\n\n/// Sends.\npub(crate) const fn send<T>(t: T) {\n    // fn no()\n    t(fn (u8));\n}\n";
        sources.files.insert(file.into(), lines(text));
        let origin = sources.function_at(file, 7).unwrap();
        assert_eq!((&*origin.name, origin.what.as_deref()), ("channel::send", Some("Sends.")));
        let text = "fn before() {}\n\n/// Swaps.\nmacro_rules! swap {\n    () => {\n        1\n    };\n}\n";
        sources.files.insert("kernel/switch/src/macros.rs".into(), lines(text));
        let origin = sources.function_at("kernel/switch/src/macros.rs", 6).unwrap();
        assert_eq!((&*origin.name, origin.what.as_deref()), ("macros::swap", Some("Swaps.")));
        assert!(sources.function_at("kernel/none.rs", 4).is_none());
        assert_eq!(
            [module("kernel/switch/src/lib.rs"), module("kernel/src/arch/mod.rs")],
            ["switch", "arch"]
        );
    }

    #[test]
    fn functions_of_the_kernel_have_their_documentation() {
        let mut sources = Sources::default();
        let send = sources.documentation_of("<switchlab_sync::channel::Channel<k::Kernel>>::send");
        assert!(send.is_some());
        let handler = sources.documentation_of("switchlab_kernel::arch::x86_64::ipi::wake_up_xapic");
        assert!(handler.is_some_and(|text| text.starts_with("Counts and acknowledges")));
        assert_eq!(sources.documentation_of("core::hint::spin_loop"), None);
    }

    #[test]
    fn files_are_told_from_the_workspace_on() {
        let sources = Sources { root: "/here".into(), files: HashMap::new() };
        assert_eq!(sources.relative("/here/kernel/src/a.rs").as_deref(), Some("kernel/src/a.rs"));
        assert_eq!(sources.relative("/there/kernel/src/a.rs").as_deref(), Some("kernel/src/a.rs"));
        assert_eq!(sources.relative("/rustc/abc/library/core/src/a.rs"), None);
    }
}
