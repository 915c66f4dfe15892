//! Facts about `toolchain`: both sources of `core`, and what can be missing.

use super::*;

fn compiler(folder: &str, minor: u32) -> Compiler {
    Compiler {
        cargo: Path::new(folder).join("cargo"),
        rustc: Path::new(folder).join("rustc"),
        version: Version(1, minor, 0),
        has_target: false,
        has_source: false,
    }
}

fn facts() -> Facts {
    Facts {
        host: Some(compiler("/home/someone/.cargo/bin", 95)),
        distribution: Some(Compiler { has_source: true, ..compiler("/usr/bin", 96) }),
        linker: Some("/usr/bin/ld.lld".into()),
        required: Version(1, 95, 0),
    }
}

#[test]
fn installed_target_is_taken_first() {
    let host = Compiler { has_target: true, ..compiler("/home/someone/.cargo/bin", 95) };
    let facts = Facts { host: Some(host.clone()), ..facts() };
    assert_eq!(choose(&facts), Ok(CoreSource::Installed(host)));
}

#[test]
fn installed_target_needs_nothing_of_the_distribution() {
    let host = Compiler { has_target: true, ..compiler("/home/someone/.cargo/bin", 95) };
    let facts = Facts { host: Some(host), distribution: None, linker: None, ..facts() };
    assert!(matches!(choose(&facts), Ok(CoreSource::Installed(_))));
}

#[test]
fn without_the_target_core_is_built_from_source() {
    let source = choose(&facts()).unwrap();
    assert!(matches!(&source, CoreSource::FromSource { compiler, .. } if compiler.has_source));
    let shown = source.to_string();
    assert_eq!(shown, "built from source by /usr/bin/rustc 1.96.0, linked by /usr/bin/ld.lld");
}

#[test]
fn host_without_any_compiler_of_its_own_is_no_obstacle() {
    assert!(matches!(choose(&Facts { host: None, ..facts() }), Ok(CoreSource::FromSource { .. })));
}

#[test]
fn too_old_installed_target_is_not_taken() {
    let host = Compiler { has_target: true, ..compiler("/home/someone/.cargo/bin", 94) };
    assert!(matches!(choose(&Facts { host: Some(host), ..facts() }), Ok(CoreSource::FromSource { .. })));
}

#[test]
fn all_that_is_missing_is_named_at_once() {
    let facts = Facts { distribution: None, linker: None, ..facts() };
    assert_eq!(choose(&facts), Err(vec![Part::Toolchain, Part::Source, Part::Linker]));
}

#[test]
fn each_missing_part_alone_is_named() {
    let no_source = Facts { distribution: Some(compiler("/usr/bin", 96)), ..facts() };
    assert_eq!(choose(&no_source), Err(vec![Part::Source]));
    assert_eq!(choose(&Facts { linker: None, ..facts() }), Err(vec![Part::Linker]));
    let old = Compiler { has_source: true, ..compiler("/usr/bin", 63) };
    let old = Facts { distribution: Some(old), ..facts() };
    assert_eq!(choose(&old), Err(vec![Part::OldToolchain(Version(1, 63, 0))]));
}

#[test]
fn versions_are_read_as_rustc_prints_them() {
    assert_eq!(Version::parse("1.95"), Some(Version(1, 95, 0)));
    assert_eq!(Version::parse("1.97.0-nightly"), Some(Version(1, 97, 0)));
    for text in ["", "1", "one.two", "1.2.3.4"] {
        assert_eq!(Version::parse(text), None, "{text}");
    }
    assert!(Version::required() > Version(1, 85, 0));
}

#[test]
fn cargos_own_variables_leak_and_the_users_do_not() {
    for key in [
        "CARGO",
        "CARGO_MANIFEST_DIR",
        "CARGO_TARGET_DIR",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WRAPPER",
        "RUSTFLAGS",
    ] {
        assert!(leaks(key), "{key}");
    }
    for key in [
        "CARGO_HOME",
        "CARGO_REGISTRIES_MINE_INDEX",
        "CARGO_NET_OFFLINE",
        "RUSTUP_TOOLCHAIN",
        "PATH",
        "RUST_BACKTRACE",
    ] {
        assert!(!leaks(key), "{key}");
    }
}

#[test]
fn from_source_names_its_tools_by_full_path() {
    let command = choose(&facts()).unwrap().cargo("build");
    assert_eq!(command.get_program(), "/usr/bin/cargo");
    let variables: Vec<_> = command.get_envs().collect();
    for (key, value) in
        [("RUSTC", "/usr/bin/rustc"), ("CARGO_TARGET_X86_64_UNKNOWN_NONE_LINKER", "/usr/bin/ld.lld")]
    {
        assert!(variables.contains(&(key.as_ref(), Some(value.as_ref()))), "{key}");
    }
    assert!(variables.iter().all(|(key, _)| !key.to_string_lossy().starts_with("RUSTUP_")));
    assert!(command.get_args().any(|argument| argument == "-Zbuild-std=core,alloc"));
}
