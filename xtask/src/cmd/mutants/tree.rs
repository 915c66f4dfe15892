//! The copy of the sources that bugs are planted in. What has not changed keeps its time there, so that cargo builds
//! again only what a bug changes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::patch::Mutant;

/// What is no source.
const LEFT_OUT: [&str; 3] = ["target", "runs", ".git"];

/// The copy.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    target: PathBuf,
}

/// A bug that is planted, until this is dropped.
#[derive(Debug)]
pub struct Planted {
    path: PathBuf,
    source: String,
}

impl Tree {
    /// Copies the sources at `from` into `to/tree`, as far as they differ from what is there.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or written.
    pub fn copy(from: &Path, to: &Path) -> anyhow::Result<Self> {
        let tree = Self { root: to.join("tree"), target: to.join("target") };
        fs::create_dir_all(&tree.root).with_context(|| format!("making {}", tree.root.display()))?;
        let sources = files(from)?;
        for file in &sources {
            let (from, to) = (from.join(file), tree.root.join(file));
            let bytes = fs::read(&from).with_context(|| format!("reading {}", from.display()))?;
            if fs::read(&to).is_ok_and(|there| there == bytes) {
                continue;
            }
            let written = to.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&to, bytes));
            written.with_context(|| format!("writing {}", to.display()))?;
        }
        for file in files(&tree.root)?.difference(&sources) {
            let gone = tree.root.join(file);
            fs::remove_file(&gone).with_context(|| format!("removing {}", gone.display()))?;
        }
        Ok(tree)
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where it is built.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Plants a bug.
    ///
    /// # Errors
    ///
    /// The patch does not fit; the file cannot be written.
    pub fn plant(&self, mutant: &Mutant) -> anyhow::Result<Planted> {
        let path = self.root.join(&mutant.file);
        let source = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let planted = mutant.apply(&source)?;
        fs::write(&path, planted).with_context(|| format!("writing {}", path.display()))?;
        Ok(Planted { path, source })
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        // Where it fails, the next copy mends it.
        let _ = fs::write(&self.path, &self.source);
    }
}

/// The files below a folder, from there.
fn files(root: &Path) -> anyhow::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            let is_left_out = folder == root && LEFT_OUT.iter().any(|name| path.ends_with(name));
            if path.is_symlink() || is_left_out {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(root)?.to_path_buf());
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_has_what_there_is_and_keeps_what_has_not_changed() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let write = |name: &str, text: &str| {
            let path = from.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for name in ["a/one", "two", "target/built", ".git/HEAD"] {
            write(name, "first");
        }
        let tree = Tree::copy(from.path(), to.path()).unwrap();
        let time = |name: &str| fs::metadata(tree.root().join(name)).unwrap().modified().unwrap();
        let (one, two) = (time("a/one"), time("two"));
        assert_eq!(files(tree.root()).unwrap(), BTreeSet::from(["a/one".into(), "two".into()]));
        write("two", "second");
        write("three", "first");
        fs::remove_file(from.path().join("a/one")).unwrap();
        write("a/four", "first");
        Tree::copy(from.path(), to.path()).unwrap();
        assert_eq!(
            files(tree.root()).unwrap(),
            BTreeSet::from(["a/four".into(), "three".into(), "two".into()])
        );
        assert!(time("two") > two && time("three") > one);
        let four = time("a/four");
        Tree::copy(from.path(), to.path()).unwrap();
        assert_eq!(time("a/four"), four);
    }
}
