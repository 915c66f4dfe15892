//! Where peers come from: the versions in this crate's Cargo.lock, and the system's.

use std::ffi::CStr;
use std::fs;

/// A crate with the version that this program was built with.
pub fn of_crate(name: &str) -> String {
    const LOCK: &str = include_str!("../Cargo.lock");
    let version = LOCK
        .split("[[package]]")
        .find_map(|package| package.trim_start().strip_prefix(&format!("name = \"{name}\"\nversion = \"")))
        .and_then(|rest| rest.split('"').next());
    format!("{name} {}", version.unwrap_or("of unknown version"))
}

/// The kernel below.
pub fn of_linux() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease");
    format!("Linux {}", release.as_deref().map_or("of unknown release", str::trim))
}

/// The C library.
pub fn of_libc() -> String {
    // SAFETY: it returns a string that is never freed.
    let version = unsafe { CStr::from_ptr(libc::gnu_get_libc_version()) };
    format!("glibc {}", version.to_string_lossy())
}
