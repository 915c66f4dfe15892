//! Links the kernel at a fixed place in the upper half: the addresses that a crash prints are those
//! of the ELF, and 32-bit sign-extended operands reach everything.

fn main() {
    for argument in ["--no-pie", "--image-base=0xffffffff80000000"] {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
    // Of the package that is built: the marked kernel's uses this script too.
    println!("cargo:rerun-if-changed=Cargo.toml");
}
