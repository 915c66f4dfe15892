//! Runs cargo for the loader and the kernels and finds what it built. Which toolchain that is,
//! `toolchain` says.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context;
use serde::Deserialize;
use switchlab_boot_plan::seal;

use crate::install::{self, Need};
use crate::interrupt;
use crate::qemu::shell_line;
use crate::status::{Refusal, Status};
use crate::toolchain::{self, CoreSource};

/// Name of the loader's executable.
pub const LOADER: &str = "switchlab-boot";
/// Name of the kernel's executable.
pub const KERNEL: &str = "switchlab";
/// Name of the loader's package.
pub const LOADER_PACKAGE: &str = "switchlab-boot";
/// Name of the kernel's package.
pub const KERNEL_PACKAGE: &str = "switchlab-kernel";
/// Name of the marked kernel's executable, and of its package. Cargo unites the features of what one
/// invocation builds, and this one's are not the measured kernel's: see [`build_marked`].
pub const MARKED: &str = "switchlab-marked";
/// The package whose executables are the test kernels.
pub const TEST_KERNELS_PACKAGE: &str = "switchlab-test-kernels";

/// Executables for bare metal, and what built them.
#[derive(Clone, Debug)]
pub struct Artefacts {
    /// By name.
    pub executables: BTreeMap<String, PathBuf>,
    /// Where `core` came from; `None` where nothing was built because the paths were given.
    pub source: Option<CoreSource>,
}

impl Artefacts {
    /// The path of the executable `name`.
    ///
    /// # Errors
    ///
    /// Cargo built no such executable.
    pub fn path(&self, name: &str) -> anyhow::Result<&Path> {
        let path =
            self.executables.get(name).with_context(|| format!("cargo built no executable `{name}`"))?;
        Ok(path)
    }

    /// The loader that `SWITCHLAB_LOADER` names, and with it the kernels of `SWITCHLAB_KERNEL` and
    /// `SWITCHLAB_MARKED`:
    /// tests of xtask itself need nothing built.
    fn given() -> Option<Self> {
        let loader = env::var_os("SWITCHLAB_LOADER")?;
        let kernel = env::var_os("SWITCHLAB_KERNEL");
        let marked = env::var_os("SWITCHLAB_MARKED");
        let named = [(LOADER, Some(loader)), (KERNEL, kernel), (MARKED, marked)];
        let executables =
            named.into_iter().filter_map(|(name, path)| Some((name.to_owned(), path?.into()))).collect();
        Some(Self { executables, source: None })
    }
}

/// Whether cargo's own progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Talk {
    /// Which source of `core` is taken, and cargo's progress.
    Normal,
    /// Errors alone.
    Quiet,
}

/// The source of `core`, after what was missing was installed where `install` allows it.
///
/// # Errors
///
/// Status 5 with every missing part and the commands that bring it.
pub fn core_source(install: install::Permission) -> anyhow::Result<CoreSource> {
    let missing = match toolchain::choose(&toolchain::facts()) {
        Ok(source) => return Ok(source),
        Err(missing) => missing,
    };
    let what = missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let what =
        format!("core for {} is not installed and cannot be built, for lack of {what}", toolchain::TARGET);
    install::bring(&[Need::Toolchain], &what, install)?;
    toolchain::choose(&toolchain::facts()).map_err(|missing| {
        let still = missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        Refusal::missing(format!("still missing after the installation: {still}"))
    })
}

/// Builds the kernel with marks, by an invocation of cargo of its own.
///
/// # Errors
///
/// As [`build`]; status 5 where the loader is given and this is not.
pub fn build_marked(install: install::Permission, talk: Talk) -> anyhow::Result<Artefacts> {
    let artefacts = build(&[MARKED], install, talk)?;
    if !artefacts.executables.contains_key(MARKED) {
        return Err(Refusal::missing(format!(
            "the marked kernel is missing: SWITCHLAB_LOADER says that all is built, and SWITCHLAB_MARKED, which \
             names `{MARKED}`, is not set; --trace 0 does without"
        )));
    }
    Ok(artefacts)
}

/// Builds `packages` for bare metal, and seals the laboratory's kernels.
///
/// # Errors
///
/// Status 5 where a part of the toolchain is missing, 101 where cargo fails, 130 after Ctrl-C.
pub fn build(packages: &[&str], install: install::Permission, talk: Talk) -> anyhow::Result<Artefacts> {
    if let Some(given) = Artefacts::given() {
        return Ok(given);
    }
    let source = core_source(install)?;
    if talk == Talk::Normal {
        eprintln!("core: {source}");
    }
    let mut command = source.cargo("build");
    command.arg("--message-format=json-render-diagnostics");
    if talk == Talk::Quiet {
        command.arg("--quiet");
    }
    for package in packages {
        command.args(["-p", package]);
    }
    let words: Vec<_> =
        [command.get_program()].into_iter().chain(command.get_args()).map(Into::into).collect();
    let shown = shell_line(&words);
    let mut messages = tempfile::tempfile().context("a file for cargo's messages")?;
    command.stdin(Stdio::null()).stdout(messages.try_clone().context("a file for cargo's messages")?);
    let status = interrupt::build(&mut command)?;
    if !status.success() {
        return Err(Refusal::with(
            Status::Build,
            format!("the build failed ({status}); cargo's own words stand above\ncommand: {shown}"),
        ));
    }
    messages.rewind().context("reading cargo's messages")?;
    let mut executables = BTreeMap::new();
    for line in BufReader::new(messages).lines() {
        executables.extend(executable(&line.context("reading cargo's messages")?));
    }
    for name in [KERNEL, MARKED] {
        if let Some(kernel) = executables.get(name) {
            seal(kernel).with_context(|| format!("sealing {}", kernel.display()))?;
        }
    }
    Ok(Artefacts { executables, source: Some(source) })
}

/// Puts the loader's seal on a kernel, where it has none. In place of the file, not into it: who reads it meanwhile has
/// one or the other whole, and what cargo keeps stays as it is.
fn seal(kernel: &Path) -> anyhow::Result<()> {
    let mut bytes = fs::read(kernel)?;
    if seal::is_on(&bytes) {
        return Ok(());
    }
    let folder = kernel.parent().unwrap_or_else(|| Path::new("."));
    let mut sealed = tempfile::NamedTempFile::new_in(folder)?;
    seal::put_on(&mut bytes);
    sealed.write_all(&bytes)?;
    sealed.as_file().set_permissions(fs::metadata(kernel)?.permissions())?;
    sealed.persist(kernel)?;
    Ok(())
}

/// The executable that one of cargo's messages tells of.
fn executable(message: &str) -> Option<(String, PathBuf)> {
    #[derive(Deserialize)]
    struct Message {
        reason: String,
        target: Option<Target>,
        executable: Option<PathBuf>,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }
    let message: Message = serde_json::from_str(message).ok()?;
    (message.reason == "compiler-artifact").then_some((message.target?.name, message.executable?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_found_among_cargos_messages() {
        let artefact = r#"{"reason":"compiler-artifact","target":{"name":"switchlab","kind":["bin"]},"executable":"/t/switchlab"}"#;
        assert_eq!(executable(artefact), Some(("switchlab".into(), "/t/switchlab".into())));
        let library =
            r#"{"reason":"compiler-artifact","target":{"name":"switchlab_core"},"executable":null}"#;
        assert_eq!(executable(library), None);
        assert_eq!(executable(r#"{"reason":"build-finished","success":true}"#), None);
        assert_eq!(executable("no json"), None);
    }

    #[test]
    fn kernel_is_sealed_once_and_what_cargo_keeps_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (kept, kernel) = (folder.path().join("kept"), folder.path().join("kernel"));
        let built = [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 57]].concat();
        fs::write(&kept, &built).unwrap();
        fs::hard_link(&kept, &kernel).unwrap();
        for _ in 0..2 {
            seal(&kernel).unwrap();
            let sealed = fs::read(&kernel).unwrap();
            assert_eq!(seal::check(&sealed), Ok(()));
            assert!(seal::is_on(&sealed));
        }
        assert_eq!(fs::read(&kept).unwrap(), built);
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 2, "nothing else is left there");
    }
}
