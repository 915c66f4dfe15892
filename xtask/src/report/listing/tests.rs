//! Facts about listings.

use super::*;
use crate::report::testing;

fn manifest(path: &Path, sha256: &str) -> Manifest {
    let mut manifest = testing::manifest();
    manifest.kernel.path = path.display().to_string();
    manifest.kernel.sha256 = sha256.to_owned();
    manifest
}

#[test]
fn kernel_that_is_gone_or_changed_is_said_to_be() {
    let why = of_run(&manifest(Path::new("/no/such/kernel"), "")).unwrap_err();
    assert!(why.starts_with("the kernel's file is gone (/no/such/kernel: "), "{why}");
    let file = tempfile::NamedTempFile::new().unwrap();
    let why = of_run(&manifest(file.path(), "00")).unwrap_err();
    assert!(why.contains("has changed since the run"), "{why}");
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let why = of_run(&manifest(file.path(), empty)).unwrap_err();
    assert!(why.contains("no ELF"), "{why}");
}
