//! The kernel's ELF as code: its functions by name and address, and their instructions.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use iced_x86::{Decoder, DecoderOptions, FlowControl, Formatter, IntelFormatter, Mnemonic};
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};

use super::names;

/// The executable's functions.
pub(super) struct Code<'a> {
    functions: BTreeMap<u64, Function>,
    /// Address and bytes of each section of code.
    sections: Vec<(u64, &'a [u8])>,
    /// What was found of functions by address, and by how far their calls were followed: whether they return.
    returns: RefCell<HashMap<(u64, u32), bool>>,
}

/// A function.
pub(super) struct Function {
    pub address: u64,
    size: u64,
    /// Demangled, in full.
    pub name: String,
}

/// A decoded instruction.
pub(super) struct Decoded(iced_x86::Instruction);

impl<'a> Code<'a> {
    /// Reads an ELF; `None` where it is none of x86_64.
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        let file = object::File::parse(bytes).ok()?;
        if file.architecture() != object::Architecture::X86_64 {
            return None;
        }
        let sections = file.sections().filter(|section| section.kind() == object::SectionKind::Text);
        let sections =
            sections.filter_map(|section| Some((section.address(), section.data().ok()?))).collect();
        let functions = file
            .symbols()
            .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() != 0)
            .filter_map(|symbol| {
                let name = addr2line::demangle_auto(symbol.name().ok()?.into(), None).into_owned();
                Some((symbol.address(), Function { address: symbol.address(), size: symbol.size(), name }))
            })
            .collect();
        Some(Self { functions, sections, returns: RefCell::default() })
    }

    /// Code that is `bytes` from `start` on, with functions of these addresses and sizes.
    #[cfg(test)]
    pub(super) fn of_bytes(start: u64, bytes: &'a [u8], functions: &[(u64, u64)]) -> Self {
        let function =
            |&(address, size): &(u64, u64)| (address, Function { address, size, name: String::new() });
        Self {
            functions: functions.iter().map(function).collect(),
            sections: vec![(start, bytes)],
            returns: RefCell::default(),
        }
    }

    /// The function of this path in the kernel, `arguments` standing in its type arguments.
    pub(super) fn find(&self, path: &str, arguments: &str) -> Option<&Function> {
        let path = format!("switchlab_kernel::{path}");
        self.all(&path).find(|function| function.name.contains(arguments))
    }

    /// The functions of this path, which begins with the crate: one for each set of type arguments.
    pub(super) fn all(&self, path: &str) -> impl Iterator<Item = &Function> {
        self.functions.values().filter(move |function| names::without_arguments(&function.name) == path)
    }

    /// Where the functions of these paths begin.
    pub(super) fn addresses(&self, paths: &[&str]) -> Vec<u64> {
        paths.iter().flat_map(|path| self.all(path)).map(|function| function.address).collect()
    }

    /// All functions.
    pub(super) fn functions(&self) -> impl Iterator<Item = &Function> {
        self.functions.values()
    }

    /// The function that begins at `address`.
    pub(super) fn at(&self, address: u64) -> Option<&Function> {
        self.functions.get(&address)
    }

    /// Whether the function at `address` returns, its calls being followed so far: by `find`, once.
    pub(super) fn known_to_return(&self, address: u64, depth: u32, find: impl FnOnce() -> bool) -> bool {
        let known = self.returns.borrow().get(&(address, depth)).copied();
        known.unwrap_or_else(|| {
            let found = find();
            self.returns.borrow_mut().insert((address, depth), found);
            found
        })
    }

    /// The function's instructions, up to its end.
    pub(super) fn instructions(&self, function: &Function) -> Vec<Decoded> {
        let bytes = self.bytes(function).unwrap_or_default();
        Decoder::with_ip(64, bytes, function.address, DecoderOptions::NONE).into_iter().map(Decoded).collect()
    }

    fn bytes(&self, function: &Function) -> Option<&'a [u8]> {
        let (start, bytes) = self
            .sections
            .iter()
            .find(|(start, bytes)| (*start..*start + bytes.len() as u64).contains(&function.address))?;
        let from = usize::try_from(function.address - start).ok()?;
        bytes.get(from..from.checked_add(usize::try_from(function.size).ok()?)?)
    }
}

impl Decoded {
    pub(super) fn address(&self) -> u64 {
        self.0.ip()
    }

    pub(super) fn flow(&self) -> FlowControl {
        self.0.flow_control()
    }

    /// Where a direct jump or call goes to.
    pub(super) fn target(&self) -> u64 {
        self.0.near_branch_target()
    }

    /// Whether it only fills up to the next address that is wanted.
    pub(super) fn is_padding(&self) -> bool {
        matches!(self.0.mnemonic(), Mnemonic::Nop | Mnemonic::Int3)
    }

    /// In Intel's notation, a function's name for its address.
    pub(super) fn text(&self, code: &Code<'_>) -> String {
        let mut text = String::new();
        let mut formatter = IntelFormatter::new();
        let options = formatter.options_mut();
        options.set_space_after_operand_separator(true);
        options.set_hex_prefix("0x");
        options.set_hex_suffix("");
        options.set_uppercase_hex(false);
        options.set_branch_leading_zeros(false);
        options.set_show_branch_size(false);
        formatter.format(&self.0, &mut text);
        let is_branch = matches!(
            self.flow(),
            FlowControl::Call | FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch
        );
        match code.at(self.target()).filter(|_| is_branch) {
            Some(function) => {
                let mnemonic = text.split(' ').next().unwrap_or_default();
                format!("{mnemonic} {}", names::short(&function.name))
            }
            None if is_branch && self.0.near_branch_target() != 0 => {
                let mnemonic = text.split(' ').next().unwrap_or_default();
                format!("{mnemonic} {}", shown(self.target()))
            }
            None => text,
        }
    }
}

/// An address as a listing shows it. The kernel stands in the last two GiB, so the upper half is always
/// the same.
pub(in crate::report) fn shown(address: u64) -> String {
    format!("{:08x}", address & 0xffff_ffff)
}
