//! Links every test kernel to the higher half, but for those that are to stay position-independent.
use std::{env, fs, path::Path};

/// The kernels that the loader may put anywhere.
const POSITION_INDEPENDENT: [&str; 1] = ["boot_pie"];

/// Where the others are linked to: the start of the last 2 GiB, as the code model wants it.
const IMAGE_BASE: &str = "0xffffffff80000000";

fn main() {
    let folder = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let bins = Path::new(&folder).join("src/bin");
    println!("cargo:rerun-if-changed={}", bins.display());
    let is_bare = env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "none");
    for entry in fs::read_dir(&bins).expect("src/bin can be read") {
        let path = entry.expect("src/bin can be read").path();
        let Some(name) = path.file_stem().and_then(|name| name.to_str()) else { continue };
        let is_bin =
            path.extension().is_some_and(|extension| extension == "rs") || path.join("main.rs").exists();
        if is_bare && is_bin && !POSITION_INDEPENDENT.contains(&name) {
            println!("cargo:rustc-link-arg-bin={name}=--no-pie");
            println!("cargo:rustc-link-arg-bin={name}=--image-base={IMAGE_BASE}");
        }
    }
}
