//! Which toolchain builds for bare metal. The one file that knows the two sources of `core` for
//! x86_64-unknown-none: the target that rustup installs, else a distribution's toolchain that has
//! the source of the standard library (decision 3). It calls no rustup and touches no `RUSTUP_*`.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::workspace;

/// The target of the loader and of every kernel.
pub const TARGET: &str = "x86_64-unknown-none";

/// A compiler, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiler {
    /// Its cargo.
    pub cargo: PathBuf,
    /// Its rustc.
    pub rustc: PathBuf,
    /// `major.minor.patch`.
    pub version: Version,
    /// Whether `core` for [`TARGET`] is installed.
    pub has_target: bool,
    /// Whether the source of the standard library is.
    pub has_source: bool,
}

/// A release of rustc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

impl Version {
    /// Reads `1.95`, `1.95.0` or `1.97.0-nightly`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('-').next()?.split('.').map(|number| number.parse().ok());
        let version = Self(numbers.next()??, numbers.next()??, numbers.next().unwrap_or(Some(0))?);
        numbers.next().is_none().then_some(version)
    }

    /// The oldest compiler that this workspace builds with: its `rust-version`.
    pub fn required() -> Self {
        Self::parse(env!("CARGO_PKG_RUST_VERSION")).unwrap_or(Self(1, 0, 0))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// What [`choose`] decides on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The compiler that comes first in PATH.
    pub host: Option<Compiler>,
    /// The distribution's.
    pub distribution: Option<Compiler>,
    /// A linker for the distribution's compiler, which brings none for bare metal.
    pub linker: Option<PathBuf>,
    /// The oldest compiler that will do.
    pub required: Version,
}

/// Where `core` for bare metal comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CoreSource {
    /// It is installed beside this compiler.
    Installed(Compiler),
    /// It is built from source with this compiler and linked by this linker.
    FromSource {
        /// The distribution's.
        compiler: Compiler,
        /// `ld.lld`.
        linker: PathBuf,
    },
}

/// A part that is needed and not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The target is not installed beside the host's compiler, and this is why it cannot be built
    /// from source either: no distribution toolchain.
    Toolchain,
    /// The distribution's toolchain is too old.
    OldToolchain(Version),
    /// It has no source of the standard library.
    Source,
    /// There is no `ld.lld`.
    Linker,
}

/// The parts that are missing from the from-source way; one that lacks nothing was chosen.
pub type Missing = Vec<Part>;

/// Chooses the source of `core`: installed where it is, else built.
///
/// # Errors
///
/// All parts that are missing, not the first alone.
pub fn choose(facts: &Facts) -> Result<CoreSource, Missing> {
    if let Some(host) = &facts.host
        && host.has_target
        && host.version >= facts.required
    {
        return Ok(CoreSource::Installed(host.clone()));
    }
    let mut missing = Missing::new();
    match &facts.distribution {
        None => missing.extend([Part::Toolchain, Part::Source]),
        Some(compiler) => {
            if compiler.version < facts.required {
                missing.push(Part::OldToolchain(compiler.version));
            }
            if !compiler.has_source {
                missing.push(Part::Source);
            }
        }
    }
    if facts.linker.is_none() {
        missing.push(Part::Linker);
    }
    match (&facts.distribution, &facts.linker) {
        (Some(compiler), Some(linker)) if missing.is_empty() => {
            Ok(CoreSource::FromSource { compiler: compiler.clone(), linker: linker.clone() })
        }
        _ => Err(missing),
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Toolchain => write!(f, "a distribution toolchain ({DISTRIBUTION}/rustc and cargo)"),
            Self::OldToolchain(version) => {
                write!(f, "a distribution toolchain of {} or later, found {version}", Version::required())
            }
            Self::Source => write!(f, "the source of the standard library (rust-src)"),
            Self::Linker => write!(f, "the linker ld.lld"),
        }
    }
}

impl fmt::Display for CoreSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Installed(compiler) => {
                write!(f, "installed target {TARGET} of {} {}", compiler.rustc.display(), compiler.version)
            }
            Self::FromSource { compiler, linker } => {
                let rustc = compiler.rustc.display();
                write!(f, "built from source by {rustc} {}, linked by {}", compiler.version, linker.display())
            }
        }
    }
}

impl CoreSource {
    /// The compiler that builds for bare metal.
    pub const fn compiler(&self) -> &Compiler {
        match self {
            Self::Installed(compiler) | Self::FromSource { compiler, .. } => compiler,
        }
    }

    /// A word for the manifest: `installed` or `from-source`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Installed(_) => "installed",
            Self::FromSource { .. } => "from-source",
        }
    }

    /// Cargo, about to run `subcommand` (`build`, `clippy`, `doc`) for bare metal: the caller adds
    /// packages and what else there is. The two sources have target folders of their own, so that
    /// going from one to the other rebuilds nothing.
    pub fn cargo(&self, subcommand: &str) -> Command {
        self.cargo_in(&workspace::root(), &workspace::target_dir(), subcommand)
    }

    /// The same of the sources at `root`, which are built below `target`.
    pub fn cargo_in(&self, root: &Path, target: &Path, subcommand: &str) -> Command {
        let compiler = self.compiler();
        let mut command = match (self, subcommand) {
            // rustup's cargo finds its clippy; the distribution's would look into PATH.
            (Self::FromSource { .. }, "clippy") => {
                Command::new(compiler.cargo.with_file_name("cargo-clippy"))
            }
            _ => Command::new(&compiler.cargo),
        };
        clean_environment(&mut command);
        command.current_dir(root).args([subcommand, "--release", "--target", TARGET]);
        command.arg("--target-dir").arg(self.bare_target(target));
        match self {
            Self::Installed(_) => &mut command,
            Self::FromSource { linker, .. } => command
                .env("RUSTC_BOOTSTRAP", "1")
                .env("CARGO", &compiler.cargo)
                .env("RUSTC", &compiler.rustc)
                .env("RUSTDOC", compiler.rustc.with_file_name("rustdoc"))
                .env("CARGO_TARGET_X86_64_UNKNOWN_NONE_LINKER", linker)
                .args(["-Zbuild-std=core,alloc", "-Zbuild-std-features=compiler-builtins-mem"]),
        };
        command
    }

    /// Where what is built for bare metal goes, of a target folder.
    pub fn bare_target(&self, target: &Path) -> PathBuf {
        match self {
            Self::Installed(_) => target.to_path_buf(),
            Self::FromSource { .. } => target.join("bare-from-source"),
        }
    }
}

/// Takes away what `cargo xtask` leaves in the environment and what would make one toolchain act
/// like another. `RUSTUP_*` stays as it is.
pub fn clean_environment(command: &mut Command) {
    for (key, _) in env::vars_os() {
        if key.to_str().is_some_and(leaks) {
            command.env_remove(key);
        }
    }
}

/// Whether a variable of the environment belongs to the cargo that runs xtask, and not to the user.
fn leaks(key: &str) -> bool {
    const KEPT: [&str; 7] = [
        "CARGO_HOME",
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_REGISTR",
        "CARGO_SOURCE_",
        "CARGO_TERM_",
        "CARGO_BUILD_JOBS",
    ];
    const SET_BY_CARGO: [&str; 5] =
        ["RUSTC", "RUSTDOC", "RUSTFLAGS", "LD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"];
    let of_cargo = key == "CARGO" || key.starts_with("CARGO_");
    let of_rustc =
        SET_BY_CARGO.contains(&key) || ["RUSTC_", "RUSTDOCFLAGS"].iter().any(|start| key.starts_with(start));
    (of_cargo && !KEPT.iter().any(|kept| key.starts_with(kept))) || of_rustc
}

/// Where distributions put their compilers. By full path, because rustup's stand first in PATH.
const DISTRIBUTION: &str = "/usr/bin";

/// Looks at the machine.
pub fn facts() -> Facts {
    let cargo = env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    Facts {
        host: inspect(cargo, PathBuf::from("rustc")),
        distribution: inspect(Path::new(DISTRIBUTION).join("cargo"), Path::new(DISTRIBUTION).join("rustc")),
        linker: which::which("ld.lld").ok(),
        required: Version::required(),
    }
}

fn inspect(cargo: PathBuf, rustc: PathBuf) -> Option<Compiler> {
    let ask = |program: &Path, arguments: &[&str]| {
        let mut command = Command::new(program);
        clean_environment(&mut command);
        let output = command.current_dir(workspace::root()).args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    ask(&cargo, &["--version"])?;
    let version = Version::parse(ask(&rustc, &["--version"])?.split(' ').nth(1)?)?;
    let rustlib = Path::new(&ask(&rustc, &["--print", "sysroot"])?).join("lib/rustlib");
    Some(Compiler {
        has_target: rustlib.join(TARGET).is_dir(),
        has_source: rustlib.join("src/rust/library/core/Cargo.toml").is_file(),
        cargo,
        rustc,
        version,
    })
}

#[cfg(test)]
mod tests;
