//! Builds ELF files, byte by byte, so that a test can get any of them wrong.
#![allow(dead_code, reason = "each test file uses a part")]

use bootloader_api::BootloaderConfig;

pub const PAGE: u64 = 4096;
pub const READ: u32 = 4;
pub const READ_WRITE: u32 = 6;
pub const READ_EXECUTE: u32 = 5;

pub const PT_LOAD: u32 = 1;
pub const PT_DYNAMIC: u32 = 2;
pub const PT_TLS: u32 = 7;
pub const PT_GNU_RELRO: u32 = 0x6474_e552;

pub const DT_NEEDED: u64 = 1;
pub const DT_RELA: u64 = 7;
pub const DT_RELASZ: u64 = 8;
pub const DT_RELAENT: u64 = 9;
pub const DT_REL_SIZE: u64 = 18;
pub const DT_RELR_SIZE: u64 = 35;

pub const R_X86_64_RELATIVE: u64 = 8;

/// Where a static test kernel is linked to.
pub const STATIC_BASE: u64 = 0xffff_ffff_8000_0000;

/// Offsets in an ELF header, in a program header, and their sizes.
pub const E_CLASS: usize = 4;
pub const E_DATA: usize = 5;
pub const E_TYPE: usize = 16;
pub const E_MACHINE: usize = 18;
pub const E_SHNUM: usize = 60;
pub const E_SHENTSIZE: usize = 58;
const HEADER_SIZE: u64 = 64;
const PROGRAM_HEADER_SIZE: u64 = 56;

/// One program header and, where it is loaded, its bytes.
#[derive(Clone, Debug)]
pub struct Segment {
    pub kind: u32,
    pub flags: u32,
    pub address: u64,
    pub bytes: Vec<u8>,
    pub mem_size: u64,
    pub align: u64,
    /// Added to the file offset and to the file size: to get them wrong.
    pub offset_error: u64,
    pub size_error: u64,
}

pub fn load(flags: u32, address: u64, bytes: &[u8], mem_size: u64) -> Segment {
    Segment {
        kind: PT_LOAD,
        flags,
        address,
        bytes: bytes.to_vec(),
        mem_size,
        align: PAGE,
        offset_error: 0,
        size_error: 0,
    }
}

/// A header that names bytes which a loaded segment has.
pub fn part(kind: u32, address: u64, size: u64) -> Segment {
    Segment { kind, align: 1, mem_size: size, ..load(READ, address, &vec![0; size as usize], size) }
}

#[derive(Clone, Debug)]
pub struct Elf {
    pub position_independent: bool,
    pub entry: u64,
    pub segments: Vec<Segment>,
    pub config: Option<Vec<u8>>,
}

impl Elf {
    /// Text, constants, and data with bss, each in pages of its own from `base` on.
    pub fn new(base: u64, config: &BootloaderConfig) -> Self {
        Self {
            position_independent: base == 0,
            entry: base + PAGE + 0x10,
            segments: vec![
                load(READ, base, b"constants", 9),
                load(READ_EXECUTE, base + PAGE, &[0x90; 0x40], 0x40),
                load(READ_WRITE, base + 2 * PAGE + 8, b"data", 2 * PAGE),
            ],
            config: Some(config.serialize().to_vec()),
        }
    }

    pub fn fixed() -> Self {
        Self::new(STATIC_BASE, &BootloaderConfig::new_default())
    }

    pub fn movable() -> Self {
        Self::new(0, &BootloaderConfig::new_default())
    }

    /// With a dynamic section of `tags` and a table of `relocations` (offset, type, addend) in
    /// the constants.
    pub fn with_dynamic(mut self, tags: &[(u64, u64)], relocations: &[(u64, u64, u64)]) -> Self {
        let base = self.segments[0].address;
        let table_size = 24 * relocations.len() as u64;
        let mut bytes: Vec<u8> =
            relocations.iter().flat_map(|(at, kind, addend)| words(&[*at, *kind, *addend])).collect();
        let dynamic = base + bytes.len() as u64;
        let own = [(DT_RELA, base), (DT_RELASZ, table_size), (DT_RELAENT, 24)];
        let own = if relocations.is_empty() { &own[..0] } else { &own[..] };
        let tags: Vec<u8> =
            tags.iter().chain(own).chain(&[(0, 0)]).flat_map(|(tag, value)| words(&[*tag, *value])).collect();
        bytes.extend(&tags);
        self.segments[0] = load(READ, base, &bytes, bytes.len() as u64);
        self.segments.push(part(PT_DYNAMIC, dynamic, tags.len() as u64));
        self
    }

    pub fn build(&self) -> Vec<u8> {
        let mut file = vec![0; (HEADER_SIZE + PROGRAM_HEADER_SIZE * self.segments.len() as u64) as usize];
        let mut offsets: Vec<u64> = Vec::new();
        for segment in &self.segments {
            let inside = self.segments.iter().zip(&offsets).find(|(loaded, _)| {
                loaded.kind == PT_LOAD
                    && segment.kind != PT_LOAD
                    && (loaded.address..loaded.address + loaded.bytes.len() as u64).contains(&segment.address)
            });
            let offset = match inside {
                Some((loaded, offset)) => offset + segment.address - loaded.address,
                None => {
                    while file.len() as u64 % PAGE != segment.address % PAGE {
                        file.push(0);
                    }
                    let offset = file.len() as u64;
                    file.extend(&segment.bytes);
                    offset
                }
            };
            offsets.push(offset);
        }
        for (n, (segment, offset)) in self.segments.iter().zip(&offsets).enumerate() {
            let at = (HEADER_SIZE + PROGRAM_HEADER_SIZE * n as u64) as usize;
            file[at..at + 4].copy_from_slice(&segment.kind.to_le_bytes());
            file[at + 4..at + 8].copy_from_slice(&segment.flags.to_le_bytes());
            let size = (segment.bytes.len() as u64).wrapping_add(segment.size_error);
            let offset = offset.wrapping_add(segment.offset_error);
            let rest = [offset, segment.address, segment.address, size, segment.mem_size, segment.align];
            file[at + 8..at + 56].copy_from_slice(&words(&rest));
        }
        let sections = self.append_sections(&mut file);
        let kind: u16 = if self.position_independent { 3 } else { 2 };
        file[..16].copy_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
        file[16..24].copy_from_slice(&[kind as u8, 0, 62, 0, 1, 0, 0, 0]);
        file[24..48].copy_from_slice(&words(&[self.entry, HEADER_SIZE, sections]));
        let counts = [HEADER_SIZE as u16, PROGRAM_HEADER_SIZE as u16, self.segments.len() as u16, 64, 3, 1];
        file[52..64].copy_from_slice(&counts.map(u16::to_le_bytes).concat());
        file
    }

    /// A null section, the names, the configuration; returns where the headers are.
    fn append_sections(&self, file: &mut Vec<u8>) -> u64 {
        let names = file.len() as u64;
        file.extend(b"\0.shstrtab\0.bootloader-config\0");
        let config = file.len() as u64;
        let bytes = self.config.clone().unwrap_or_default();
        file.extend(&bytes);
        let headers = file.len() as u64;
        file.extend([0; 64]);
        file.extend(section_header(1, 3, names, config - names));
        let name = if self.config.is_some() { 11 } else { 0 };
        file.extend(section_header(name, 1, config, bytes.len() as u64));
        headers
    }
}

fn section_header(name: u32, kind: u32, offset: u64, size: u64) -> Vec<u8> {
    let mut header = [name.to_le_bytes(), kind.to_le_bytes()].concat();
    header.extend(words(&[0, 0, offset, size, 0, 1, 0]));
    header
}

fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
