//! A filter of system calls, as the one of a container: it lets through what programs need, and answers EPERM to the
//! rest.

use std::collections::BTreeMap;
use std::env::consts::ARCH;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

use crate::plan::Failure;

/// What it looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looks {
    /// At the number of the call alone: Linux remembers what it lets through, and does not ask again.
    Number,
    /// At an argument of `read` and `write` too, so it is asked each time.
    Arguments,
}

/// More than there are.
const NUMBERS: i64 = 512;
/// The most bytes that a `read` or `write` may be of where that is looked at.
const MOST_BYTES: u64 = 1 << 20;

/// What it refuses, as the profiles of containers do: what reaches beyond them.
const REFUSED: [i64; 34] = [
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_init_module,
    libc::SYS_kcmp,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mbind,
    libc::SYS_mount,
    libc::SYS_move_pages,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_perf_event_open,
    libc::SYS_pivot_root,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_set_mempolicy,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];

/// Filters the calling thread's calls from here on.
///
/// # Errors
///
/// The system refuses, or the filter lets through what it must not.
pub fn install(looks: Looks) -> Result<(), Failure> {
    let program = program(looks).map_err(|why| Failure::Told { why: format!("making a filter: {why}") })?;
    apply_filter(&program).map_err(|why| Failure::Told { why: format!("seccomp: {why}") })?;
    // Changes nothing where it is let through.
    match unshare(CloneFlags::empty()) {
        Err(Errno::EPERM) => Ok(()),
        other => {
            Err(Failure::Told { why: format!("the filter let a call through that it refuses: {other:?}") })
        }
    }
}

fn program(looks: Looks) -> Result<BpfProgram, BackendError> {
    let allowed = (0..NUMBERS).filter(|number| !REFUSED.contains(number));
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = allowed.map(|number| (number, Vec::new())).collect();
    if looks == Looks::Arguments {
        for number in [libc::SYS_read, libc::SYS_write] {
            let few = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Le, MOST_BYTES)?;
            rules.insert(number, vec![SeccompRule::new(vec![few])?]);
        }
    }
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    SeccompFilter::new(rules, refuse, SeccompAction::Allow, TargetArch::try_from(ARCH)?)?.try_into()
}
