//! Facts about a run that its log cannot know: the command line, QEMU, the host, the sources. They
//! stand in `manifest.json` beside the log, and are printed beside the numbers.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::accel::Choice;
use crate::build::Artefacts;
use crate::floor::Floor;
use crate::qemu::{self, Config, Timing};
use crate::watch::Watch;
use crate::{host, workspace};

/// Name of the file.
pub const FILE: &str = "manifest.json";
/// Name of the file with the facts of the boot that traced.
pub const OF_TRACE: &str = "trace-manifest.json";
/// Name of the file with the facts of the boot that counted instructions.
pub const OF_INSTRUCTIONS: &str = "instructions-manifest.json";

/// Version of its format: another one is not read. A fact that is added with a default keeps it.
pub const FORMAT: u32 = 1;

/// The facts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this format.
    pub format: u32,
    /// When QEMU was started, in UTC.
    pub started: String,
    /// The exact command line.
    pub argv: Vec<String>,
    /// The emulator.
    pub qemu: Qemu,
    /// The accelerator and why it was taken.
    pub accelerator: AcceleratorFacts,
    /// The virtual machine.
    pub guest: Guest,
    /// The machine below.
    pub host: Host,
    /// The commit of the sources; `None` without git.
    pub revision: Option<Revision>,
    /// What built the kernel; `None` where it was not built but given.
    pub toolchain: Option<Toolchain>,
    /// The loader's file.
    pub loader: File,
    /// The kernel's file.
    pub kernel: File,
    /// How it ended; `None` until then.
    pub ending: Option<Ending>,
    /// What was seen of it from outside; `None` until its end, and of kernels that are not ours.
    #[serde(default)]
    pub watch: Option<Watch>,
}

/// The emulator.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Qemu {
    /// Its executable.
    pub path: String,
    /// As it calls itself.
    pub version: String,
}

/// The accelerator.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AcceleratorFacts {
    /// As `-accel` has it.
    pub argument: String,
    /// In words, with the thread mode.
    pub name: String,
    /// Why this one.
    pub why: String,
    /// What the guest's clocks follow, and so what a tick is.
    #[serde(default)]
    pub timing: Timing,
}

/// The virtual machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Guest {
    /// Virtual CPUs.
    pub cpus: u32,
    /// Their model.
    pub cpu: String,
    /// As `-m` takes it.
    pub memory: String,
}

/// The machine below.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Host {
    /// Operating system and architecture.
    pub system: String,
    /// Name of its CPU.
    pub cpu: String,
    /// CPUs that QEMU may use.
    pub cpus: u32,
    /// The list that QEMU is pinned to; `None` for all.
    pub pinned_to: Option<String>,
    /// Whether there are more virtual CPUs than host CPUs.
    pub oversubscribed: bool,
    /// Ping-pong of two host threads; `None` where one thread runs all virtual CPUs.
    pub floor: Option<Floor>,
}

/// The commit that is checked out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Revision {
    /// Its hash.
    pub commit: String,
    /// Whether files differ from it.
    pub dirty: bool,
}

/// What built the kernel.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Toolchain {
    /// `installed` or `from-source`.
    pub core: String,
    /// The compiler.
    pub rustc: String,
    /// Its version.
    pub version: String,
}

/// A file that was booted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct File {
    /// Where it stood.
    pub path: String,
    /// SHA-256 of what was in it.
    pub sha256: String,
}

/// How it ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ending {
    /// In one line.
    pub outcome: String,
    /// The exit status.
    pub status: u8,
    /// Whose it is.
    #[serde(default)]
    pub status_of: StatusOf,
    /// From QEMU's start to its end.
    pub elapsed_ms: u64,
    /// From QEMU's start to the record that says which CPUs are up; `None` where none came.
    pub cpus_up_ms: Option<u64>,
}

/// Whose a status is: the same number means one thing of xtask and another of QEMU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StatusOf {
    /// One of [`Status`](crate::status::Status).
    #[default]
    Xtask,
    /// What QEMU ended with, of `run --kernel`.
    Qemu,
}

impl Manifest {
    /// The facts of a run that is about to start.
    ///
    /// # Errors
    ///
    /// The loader or the kernel cannot be read.
    pub fn new(
        config: &Config,
        choice: &Choice,
        version: &str,
        artefacts: &Artefacts,
    ) -> anyhow::Result<Self> {
        let host_cpus = host::usable_cpus(config.host_cpus.as_deref());
        Ok(Self {
            format: FORMAT,
            started: now(),
            argv: words(config),
            qemu: Qemu { path: config.qemu.display().to_string(), version: version.to_owned() },
            accelerator: AcceleratorFacts {
                argument: choice.accelerator.argument().to_owned(),
                name: choice.accelerator.to_string(),
                why: choice.why.clone(),
                timing: config.timing,
            },
            guest: Guest {
                cpus: config.cpus,
                cpu: config.cpu.as_deref().unwrap_or(config.accelerator.default_cpu()).to_owned(),
                memory: config.memory.clone(),
            },
            host: Host {
                system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
                cpu: host::cpu_name(),
                cpus: host_cpus,
                pinned_to: config.host_cpus.clone(),
                oversubscribed: config.cpus > host_cpus,
                floor: None,
            },
            revision: workspace::revision().map(|(commit, dirty)| Revision { commit, dirty }),
            toolchain: artefacts.source.as_ref().map(|source| Toolchain {
                core: source.name().to_owned(),
                rustc: source.compiler().rustc.display().to_string(),
                version: source.compiler().version.to_string(),
            }),
            loader: File::read(&config.loader)?,
            kernel: File::read(&config.kernel)?,
            ending: None,
            watch: None,
        })
    }

    /// The facts of the boot that starts `config` now; the others are as they are here.
    pub fn of_boot(&self, config: &Config) -> Self {
        Self { started: now(), argv: words(config), ..self.clone() }
    }

    /// The facts of another boot of this run, perhaps of another kernel.
    ///
    /// # Errors
    ///
    /// The kernel cannot be read.
    pub fn of_other_boot(&self, config: &Config) -> anyhow::Result<Self> {
        Ok(Self { kernel: File::read(&config.kernel)?, ..self.of_boot(config) })
    }

    /// Writes `manifest.json` into `folder`.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        self.write_to(&folder.join(FILE))
    }

    /// Writes it as this file.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write_to(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(path, text).with_context(|| format!("writing {}", path.display()))
    }

    /// The manifest in `folder`; `None` where there is none.
    ///
    /// # Errors
    ///
    /// One that cannot be read, or of another format: the file, what is wrong, and what to do.
    pub fn read(folder: &Path) -> Result<Option<Self>, String> {
        Self::read_from(&folder.join(FILE))
    }

    /// The manifest that is this file; `None` where there is none.
    ///
    /// # Errors
    ///
    /// As [`Manifest::read`].
    pub fn read_from(path: &Path) -> Result<Option<Self>, String> {
        let named = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|error| named(&error))?,
        };
        Self::parse(&text).map(Some).map_err(|why| named(&why))
    }

    /// The manifest that is `text`.
    ///
    /// # Errors
    ///
    /// It is none, or of another format.
    pub fn parse(text: &str) -> Result<Self, String> {
        /// What is looked at first: all else may differ.
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let no_manifest = |error: serde_json::Error| format!("no manifest: {error}");
        let Version { format } = serde_json::from_str(text).map_err(no_manifest)?;
        if format != FORMAT {
            return Err(format!(
                "a manifest of format {format}, this tool reads format {FORMAT}; read it with the xtask of its own sources"
            ));
        }
        serde_json::from_str(text).map_err(no_manifest)
    }

    /// The command line as a shell would take it.
    pub fn shell_line(&self) -> String {
        qemu::shell_line(&self.argv.iter().map(OsString::from).collect::<Vec<_>>())
    }

    /// What ran the virtual CPUs, and on what, in lines to stand beside the numbers.
    pub fn conditions(&self) -> Vec<(&'static str, String)> {
        let Host { system, cpu, cpus, pinned_to, oversubscribed, floor } = &self.host;
        let mut host = format!("{cpu}, {}", plural(u64::from(*cpus), "CPU"));
        if let Some(list) = pinned_to {
            let _ = write!(host, " (QEMU pinned to {list})");
        }
        let _ = write!(host, ", {system}");
        let over = if *oversubscribed { "more than the host has" } else { "not more than the host has" };
        let mut lines = vec![
            ("Accelerator", format!("{} ({})", self.accelerator.name, self.accelerator.why)),
            ("QEMU", self.qemu.version.clone()),
            ("CPU model", self.guest.cpu.clone()),
            ("Host", host),
            ("vCPUs", format!("{} on {}: {over}", self.guest.cpus, plural(u64::from(*cpus), "host CPU"))),
        ];
        let numbers = match self.accelerator.timing {
            Timing::Instructions => Some(
                "instructions of all CPUs, run one at a time: exact, they repeat on any host; work, no latency",
            ),
            Timing::Host if self.accelerator.argument.starts_with("tcg") => Some(EMULATED),
            Timing::Host => None,
        };
        lines.splice(..0, numbers.map(|text| ("The numbers are", text.to_owned())));
        if let Some(floor) = floor {
            lines.push(("Host floor", floor.to_string()));
        }
        if let Some(Ending { cpus_up_ms: Some(ms), .. }) = self.ending {
            lines.push(("Start-up", format!("{ms}ms from QEMU's start to the record that the CPUs are up")));
        }
        lines.extend(self.watch.iter().flat_map(Watch::conditions));
        if let Some(Revision { commit, dirty }) = &self.revision {
            let state = if *dirty { ", with changes" } else { "" };
            let built = self.toolchain.as_ref().map_or_else(String::new, |toolchain| {
                format!(", rustc {} (core {})", toolchain.version, toolchain.core)
            });
            lines.push(("Sources", format!("{}{state}{built}", short(commit))));
        }
        lines.push(("Command", self.shell_line()));
        lines
    }
}

/// What the numbers of an emulator are.
pub(crate) const EMULATED: &str =
    "emulated: they rank mechanisms inside one emulator and are no costs of hardware";

fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

fn words(config: &Config) -> Vec<String> {
    config.argv().iter().map(|word| word.to_string_lossy().into_owned()).collect()
}

/// As much of a hash as tells it apart, whatever a manifest says in its place.
pub fn short(hash: &str) -> String {
    hash.chars().take(12).collect()
}

/// `1 CPU`, `2 CPUs`.
pub fn plural(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

impl File {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        let sha256 = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { path: path.display().to_string(), sha256 })
    }
}
