//! All namespaces anew, for the calling process.

use std::fs;
use std::path::PathBuf;
use std::process;

use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, getgid, getuid};

use crate::plan::Failure;
use crate::sides::{end_with_parent, forked};

/// Of the clock; nix has no name for it.
const CLONE_NEWTIME: CloneFlags = CloneFlags::from_bits_retain(libc::CLONE_NEWTIME);

/// Each namespace that Linux has: what asks for it, and its name below `/proc/self/ns`.
const ALL: [(CloneFlags, &str); 8] = [
    (CloneFlags::CLONE_NEWUSER, "user"),
    (CloneFlags::CLONE_NEWNS, "mnt"),
    (CloneFlags::CLONE_NEWUTS, "uts"),
    (CloneFlags::CLONE_NEWIPC, "ipc"),
    (CloneFlags::CLONE_NEWNET, "net"),
    (CloneFlags::CLONE_NEWCGROUP, "cgroup"),
    (CloneFlags::CLONE_NEWPID, "pid"),
    (CLONE_NEWTIME, "time"),
];

/// Goes on in namespaces of its own, all of them: in a child, since some are for children alone. This process stays
/// behind, and ends as that child does.
///
/// # Errors
///
/// The system refuses one, which is named, or has given none.
pub fn enter() -> Result<(), Failure> {
    let before = identities();
    let (uid, gid) = (getuid(), getgid());
    for (flag, name) in ALL {
        unshare(flag).map_err(|why| Failure::Told { why: format!("unshare of {name}: {why}") })?;
        if flag == CloneFlags::CLONE_NEWUSER {
            become_root(uid.as_raw(), gid.as_raw())?;
        }
    }
    if let ForkResult::Parent { child } = forked()? {
        let status = match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, status)) => status,
            _ => 1,
        };
        process::exit(status);
    }
    end_with_parent()?;
    for ((_, name), (before, now)) in ALL.iter().zip(before.into_iter().zip(identities())) {
        if before == now {
            return Err(Failure::Told { why: format!("the namespace {name} is the old one") });
        }
    }
    Ok(())
}

/// Root within, whoever it is outside.
///
/// # Errors
///
/// The system refuses.
pub fn become_root(uid: u32, gid: u32) -> Result<(), Failure> {
    let files = [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("0 {uid} 1")),
        ("/proc/self/gid_map", format!("0 {gid} 1")),
    ];
    for (file, text) in files {
        fs::write(file, text).map_err(|why| Failure::Told { why: format!("{file}: {why}") })?;
    }
    Ok(())
}

/// What the system calls each of this process's namespaces; `None` of one that it does not have.
fn identities() -> [Option<PathBuf>; ALL.len()] {
    ALL.map(|(_, name)| fs::read_link(format!("/proc/self/ns/{name}")).ok())
}
