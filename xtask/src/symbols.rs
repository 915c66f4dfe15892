//! Names for addresses in a kernel. Kernels are linked where they run, so that an address in a
//! record is an address in the ELF.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use addr2line::Loader;
use object::{Object, ObjectSymbol};

/// A kernel's ELF, with names.
pub struct Symbols {
    loader: Loader,
    path: PathBuf,
}

impl Symbols {
    /// `None` where it is no ELF.
    pub fn of(kernel: &Path) -> Option<Self> {
        Some(Self { loader: Loader::new(kernel).ok()?, path: kernel.to_path_buf() })
    }

    /// The function and the line at `address`, with the functions that are inlined there; `None` where
    /// the ELF has neither.
    pub fn name(&self, address: u64) -> Option<String> {
        let mut text = String::new();
        let mut frames = self.loader.find_frames(address).ok()?;
        while let Ok(Some(frame)) = frames.next() {
            let function =
                frame.function.as_ref().and_then(|function| Some(function.demangle().ok()?.into_owned()));
            if !text.is_empty() {
                text += ", inlined into ";
            }
            text +=
                &function.or_else(|| self.symbol(address)).unwrap_or_else(|| "an unnamed function".into());
            if let Some(location) = frame.location
                && let (Some(file), Some(line)) = (location.file, location.line)
            {
                let _ = write!(text, " ({file}:{line})");
            }
        }
        if text.is_empty() { self.symbol(address) } else { Some(text) }
    }

    /// The name in the symbol table, which is there too where the debug information is line tables alone.
    fn symbol(&self, address: u64) -> Option<String> {
        Some(addr2line::demangle_auto(self.loader.find_symbol(address)?.into(), None).into_owned())
    }

    /// The function at `address`, none of those that are inlined, how far in that is, and the function's own line there:
    /// `main+0x1c (main.rs:12)`.
    pub fn function(&self, address: u64) -> Option<String> {
        let symbol = self.loader.find_symbol_info(address)?;
        let name = addr2line::demangle_auto(symbol.name().into(), None);
        let mut text = format!("{}+{:#x}", without_paths_of_types(&name), address - symbol.address());
        let mut frames = self.loader.find_frames(address).ok()?;
        let mut outermost = None;
        while let Ok(Some(frame)) = frames.next() {
            outermost = frame.location;
        }
        if let Some(location) = outermost
            && let (Some(file), Some(line)) = (location.file, location.line)
        {
            let _ = write!(text, " ({}:{line})", file.rsplit('/').next().unwrap_or(file));
        }
        Some(text)
    }

    /// Where the symbol of this name is.
    pub fn address_of(&self, name: &str) -> Option<u64> {
        let bytes = fs::read(&self.path).ok()?;
        let file = object::File::parse(&*bytes).ok()?;
        Some(file.symbol_by_name(name)?.address())
    }
}

/// The function and the line at `address` of this kernel; see [`Symbols::name`].
pub fn name(kernel: &Path, address: u64) -> Option<String> {
    Symbols::of(kernel)?.name(address)
}

/// `<a::b::Cpu<c::Kernel>>::run` without what leads to its types: `<Cpu<Kernel>>::run`.
fn without_paths_of_types(name: &str) -> String {
    let (mut short, mut depth) = (String::new(), 0_usize);
    for part in name.split_inclusive(['<', '>', ' ', ',']) {
        let path = if depth > 0 { part.rfind("::").map_or(part, |end| &part[end + 2..]) } else { part };
        // Behind the end of a type the path goes on.
        short += if short.ends_with('>') { part } else { path };
        match part.as_bytes().last() {
            Some(b'<') => depth += 1,
            Some(b'>') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_elf_has_no_names() {
        assert_eq!(name(Path::new("/etc/hostname"), 0x1000), None);
        assert_eq!(name(Path::new("/no/such/file"), 0x1000), None);
    }

    #[test]
    fn address_of_a_function_has_its_name_and_line() {
        // This test's own ELF: its symbol table says where the function stands.
        let program = std::env::current_exe().unwrap();
        let bytes = fs::read(&program).unwrap();
        let file = object::File::parse(&*bytes).unwrap();
        let symbol = file
            .symbols()
            .find(|symbol| symbol.name().is_ok_and(|name| name.contains("well_known")))
            .unwrap();
        let named = name(&program, symbol.address()).unwrap();
        assert!(named.contains("well_known") && named.contains("symbols.rs:"), "{named}");
        assert_eq!(well_known(1), 2);
        let symbols = Symbols::of(&program).unwrap();
        let function = symbols.function(symbol.address() + 1).unwrap();
        assert!(function.contains("well_known+0x1 (symbols.rs:"), "{function}");
        assert_eq!(symbols.address_of(symbol.name().unwrap()), Some(symbol.address()));
        assert_eq!(symbols.address_of("no_such_symbol"), None);
    }

    #[test]
    fn types_lose_their_paths_and_functions_do_not() {
        for (name, short) in [
            ("case::run", "case::run"),
            ("<a::cpu::Cpu<b::c::Kernel>>::run_idle", "<Cpu<Kernel>>::run_idle"),
            ("<a::Channel<b::Kernel>>::send::<c::Away>", "<Channel<Kernel>>::send::<Away>"),
            ("<a::Gate as b::Side>::call", "<Gate as Side>::call"),
        ] {
            assert_eq!(without_paths_of_types(name), short);
        }
    }

    #[inline(never)]
    fn well_known(number: u32) -> u32 {
        std::hint::black_box(number) + 1
    }
}
