//! A program for tests to run in place of cargo.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Makes a shell script in `folder` that can be run as cargo. Its folder is `${0%/*}` to it.
pub fn make(folder: &Path, script: &str) -> OsString {
    let (text, program) = (folder.join("cargo.sh"), folder.join("cargo"));
    fs::write(&text, format!("#!/bin/sh\n{script}\n")).unwrap();
    // By a process of its own: a file that a process of another test still holds open to write cannot be run.
    let status = Command::new("install").args(["-m", "755"]).args([&text, &program]).status().unwrap();
    assert!(status.success(), "{status}");
    program.into()
}
