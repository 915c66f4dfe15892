//! Says to the source of `switchlab-sync` that a model checker looks.

fn main() {
    println!("cargo::rustc-cfg=modelled");
    println!("cargo::rerun-if-changed=build.rs");
}
