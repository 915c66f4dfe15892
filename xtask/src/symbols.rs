//! Names for addresses in a kernel. Kernels are linked where they run, so that an address in a
//! record is an address in the ELF.

use std::fmt::Write as _;
use std::path::Path;

use addr2line::Loader;

/// The function and the line at `address`, with the functions that are inlined there; `None` where
/// the ELF has neither.
pub fn name(kernel: &Path, address: u64) -> Option<String> {
    let loader = Loader::new(kernel).ok()?;
    let mut text = String::new();
    let mut frames = loader.find_frames(address).ok()?;
    while let Ok(Some(frame)) = frames.next() {
        let function =
            frame.function.as_ref().and_then(|function| Some(function.demangle().ok()?.into_owned()));
        if !text.is_empty() {
            text += ", inlined into ";
        }
        text += function.as_deref().unwrap_or("an unnamed function");
        if let Some(location) = frame.location
            && let (Some(file), Some(line)) = (location.file, location.line)
        {
            let _ = write!(text, " ({file}:{line})");
        }
    }
    if text.is_empty() {
        text = addr2line::demangle_auto(loader.find_symbol(address)?.into(), None).into_owned();
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::{Object, ObjectSymbol};

    #[test]
    fn what_is_no_elf_has_no_names() {
        assert_eq!(name(Path::new("/etc/hostname"), 0x1000), None);
        assert_eq!(name(Path::new("/no/such/file"), 0x1000), None);
    }

    #[test]
    fn address_of_a_function_has_its_name_and_line() {
        // This test's own ELF: its symbol table says where the function stands.
        let program = std::env::current_exe().unwrap();
        let bytes = std::fs::read(&program).unwrap();
        let file = object::File::parse(&*bytes).unwrap();
        let symbol = file
            .symbols()
            .find(|symbol| symbol.name().is_ok_and(|name| name.contains("well_known")))
            .unwrap();
        let named = name(&program, symbol.address()).unwrap();
        assert!(named.contains("well_known") && named.contains("symbols.rs:"), "{named}");
        assert_eq!(well_known(1), 2);
    }

    #[inline(never)]
    fn well_known(number: u32) -> u32 {
        std::hint::black_box(number) + 1
    }
}
