//! `gdb`: QEMU that waits at the first instruction, and a gdb that knows the kernel's symbols.

use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

use anyhow::Context;

use super::options::{ExperimentArgs, GuestArgs, Repeat};
use super::{find_qemu, loader_and_kernel};
use crate::accel::Wanted;
use crate::build::{KERNEL, KERNEL_PACKAGE, LOADER_PACKAGE, Talk, build};
use crate::install::{self, Need};
use crate::qemu::{self, Accelerator};
use crate::status::{Refusal, Status};

/// Options of `gdb`.
#[derive(clap::Args)]
pub struct Args {
    /// Print both commands and start neither
    #[arg(long)]
    print: bool,
    /// gdb's executable
    #[arg(long, value_name = "PATH", default_value = "gdb")]
    gdb: String,
    /// TCP port between the two
    #[arg(long, value_name = "PORT", default_value_t = 1234)]
    port: u16,
    /// Install what is missing (as root, on Debian or Ubuntu, by apt-get)
    #[arg(long)]
    install: bool,
    #[command(flatten)]
    experiment: ExperimentArgs,
    #[command(flatten)]
    guest: GuestArgs,
}

/// Starts QEMU and gdb; the serial line goes to a file among the system's temporary files, whose
/// name is printed.
///
/// # Errors
///
/// Status 2 for options, 5 for a missing part.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.guest.kernel.is_none() {
        args.experiment.check(args.guest.smp, args.guest.manner(Repeat::One))?;
    }
    args.guest.check()?;
    let gdb = match which::which(&args.gdb) {
        Ok(gdb) => gdb,
        Err(_) => {
            let what = format!("gdb is missing: `{}` is not an executable in PATH", args.gdb);
            install::bring(&[Need::Gdb], &what, args.install.into())?;
            which::which(&args.gdb).map_err(|_| Refusal::missing(what))?
        }
    };
    let qemu = find_qemu(args.guest.qemu.as_deref(), args.install.into())?;
    let accelerator = match args.guest.accel {
        // What is stepped through need not be fast.
        Wanted::Auto | Wanted::Tcg => Accelerator::Tcg(args.guest.tcg_thread),
        Wanted::Kvm | Wanted::Hvf => args.guest.choose(&qemu)?.accelerator,
    };
    let mut artefacts = build(&[LOADER_PACKAGE, KERNEL_PACKAGE], args.install.into(), Talk::Normal)?;
    if let Some(kernel) = &args.guest.kernel {
        artefacts.executables.insert(KERNEL.into(), kernel.clone());
    }
    let words = args.guest.command_line(&args.experiment, Repeat::One);
    let mut config = args.guest.config(&qemu, accelerator, loader_and_kernel(&artefacts)?, words);
    config.memory = args.guest.memory_for(&args.experiment.experiment);
    config.extra.extend(["-gdb".into(), format!("tcp:127.0.0.1:{}", args.port).into(), "-S".into()]);
    let argv = config.argv();
    let mut debugger = Command::new(&gdb);
    debugger.args(debugger_arguments(&config.kernel, args.port));
    println!("$ {} &", qemu::shell_line(&argv));
    let shown: Vec<_> =
        [debugger.get_program()].into_iter().chain(debugger.get_args()).map(Into::into).collect();
    println!("$ {}", qemu::shell_line(&shown));
    if args.print {
        return Ok(Status::Pass.into());
    }
    // Before QEMU is started: gdb would attach to whoever else listens there.
    let port = args.port;
    std::net::TcpListener::bind(("127.0.0.1", port)).map_err(|error| {
        Refusal::usage(format!("--port {port}: {error}; a port that nobody uses is expected"))
    })?;
    let log = std::env::temp_dir().join(format!("switchlab-gdb-{}.log", std::process::id()));
    println!("serial line: {}", log.display());
    let serial = std::fs::File::create(&log).with_context(|| format!("writing {}", log.display()))?;
    // Ctrl-C is gdb's: it stops the guest and not us.
    ctrlc::set_handler(|| {}).context("leaving Ctrl-C to gdb")?;
    let guest = start_stopped(&argv, serial).map_err(|error| Refusal::missing(format!("QEMU: {error}")))?;
    let status = debugger.status().with_context(|| format!("starting {}", gdb.display()));
    drop(guest);
    Ok(if status?.success() { Status::Pass.into() } else { Status::Fail.into() })
}

/// gdb with the kernel's symbols, connected, and with a stop at the kernel's first instruction.
fn debugger_arguments(kernel: &Path, port: u16) -> Vec<std::ffi::OsString> {
    let connect = format!("target remote 127.0.0.1:{port}");
    let mut arguments: Vec<std::ffi::OsString> = vec!["-q".into()];
    // The CPU is in 32-bit mode until the loader's long mode: breakpoints of hardware wait for it.
    for command in ["set architecture i386:x86-64", &connect, "thbreak _start", "continue"] {
        arguments.extend(["-ex".into(), command.into()]);
    }
    arguments.push(kernel.into());
    arguments
}

/// A QEMU that ends when this is dropped.
struct Stopped(Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start_stopped(argv: &[std::ffi::OsString], serial: std::fs::File) -> io::Result<Stopped> {
    use std::os::unix::process::CommandExt;
    let (program, arguments) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(serial).process_group(0);
    command.spawn().map(Stopped)
}
