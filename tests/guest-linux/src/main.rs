//! The first process of the Linux guest, and its only program: mounts what it needs, measures, says what
//! it measured on the serial line, and resets the machine. `xtask::guest_linux` builds it and boots it; what
//! it says, the library names.
//!
//! Its arguments stand behind `--` on the kernel's command line: `repetitions=5 budget_ms=100`. With
//! `pipe-peer CPU` it is the other process of a pipe between processes.
#![forbid(unsafe_code)]

#[cfg(target_os = "linux")]
mod exchanges;
#[cfg(target_os = "linux")]
mod init;
#[cfg(target_os = "linux")]
mod plan;
#[cfg(target_os = "linux")]
mod report;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [role, cpu] = &words[..]
        && role == exchanges::pipe::PEER
    {
        return exchanges::pipe::peer(cpu);
    }
    init::run(&words)
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("this is the first process of a Linux guest");
}
