//! Reading the kernel's ELF file: everything is checked here, once, before memory is touched.
//! Source: System V ABI for AMD64, chapters 4 and 5; the generic ABI, "Program Header".

use core::ops::Range;

use elf::{ElfBytes, ParseError, abi, endian::LittleEndian, section::SectionHeader, segment::ProgramHeader};

pub use crate::segment::Access;
use crate::{
    PAGE_SIZE, Refusal, align_down, align_up, config, dynamic, layout,
    segment::{Segment, Span, file_bytes},
};

/// The most loadable segments; linkers make four to six.
const MAX_SEGMENTS: usize = 16;

const ELF_HEADER_SIZE: u64 = 64;

/// Whether the kernel's addresses are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linking {
    /// ET_EXEC: it runs at the addresses that it names.
    Static,
    /// ET_DYN: its addresses count from wherever it is put.
    PositionIndependent,
}

/// The TLS template, as linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Address.
    pub start: u64,
    /// Bytes that have a value.
    pub file_size: u64,
    /// Bytes altogether.
    pub mem_size: u64,
}

/// A kernel whose file has been checked.
pub struct Kernel<'a> {
    file: ElfBytes<'a, LittleEndian>,
    bytes: &'a [u8],
    linking: Linking,
    segments: [Option<Segment<'a>>; MAX_SEGMENTS],
    pages: Span,
    alignment: u64,
    tls: Option<Tls>,
    relro: Option<Span>,
}

impl<'a> Kernel<'a> {
    /// Reads and checks the whole file.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        check_start(bytes)?;
        let file = ElfBytes::minimal_parse(bytes).map_err(|error| refusal(error, "a header table", bytes))?;
        let linking = check_header(&file)?;
        let mut kernel = Self {
            file,
            bytes,
            linking,
            segments: [None; MAX_SEGMENTS],
            pages: Span { start: 0, end: 0 },
            alignment: PAGE_SIZE,
            tls: None,
            relro: None,
        };
        kernel.read_segments()?;
        kernel.check_shared_pages()?;
        kernel.check_entry()?;
        kernel.read_tls()?;
        kernel.read_relro();
        dynamic::check(&kernel)?;
        Ok(kernel)
    }

    /// Whether the kernel's addresses are final.
    pub fn linking(&self) -> Linking {
        self.linking
    }

    /// The pages that the image spans, as linked; both ends are multiples of [`PAGE_SIZE`].
    pub fn pages(&self) -> Range<u64> {
        self.pages.start..self.pages.end
    }

    /// The largest alignment that a segment asks for, at least [`PAGE_SIZE`].
    pub fn alignment(&self) -> u64 {
        self.alignment
    }

    /// The entry point, as linked.
    pub fn entry(&self) -> u64 {
        self.file.ehdr.e_entry
    }

    /// The TLS template, as linked, where there is one.
    pub fn tls(&self) -> Option<Tls> {
        self.tls
    }

    /// The contents of the configuration's section.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoConfig`] where there is none.
    pub fn config_section(&self) -> Result<&'a [u8], Refusal> {
        let part = "the table of section names";
        let header = self
            .file
            .section_header_by_name(config::SECTION)
            .map_err(|error| refusal(error, part, self.bytes))?
            .ok_or(Refusal::NoConfig)?;
        self.section_bytes(&header)
    }

    /// What the kernel may do with the page at `page`, as linked; `None` where no segment has it.
    pub fn access(&self, page: u64) -> Option<Access> {
        let page = Span { start: page, end: page.saturating_add(PAGE_SIZE) };
        self.segments()
            .filter_map(|segment| {
                let part = segment.addresses.intersection(page)?;
                let is_relro = self.relro.is_some_and(|relro| relro.intersection(part) == Some(part));
                let is_fixed = is_relro && segment.access == Access::ReadWrite;
                Some(if is_fixed { Access::Read } else { segment.access })
            })
            .reduce(|all, access| {
                all.union(access).expect("no page is writable and executable: it was checked")
            })
    }

    /// Writes the image: segments, zeros, and relocations for a kernel whose addresses are moved
    /// by `bias` from those that it was linked to.
    ///
    /// # Panics
    ///
    /// Where `image` is not as long as [`pages`](Self::pages).
    pub fn load(&self, image: &mut [u8], bias: u64) {
        assert_eq!(
            image.len() as u64,
            self.pages.end - self.pages.start,
            "the image spans the kernel's pages"
        );
        image.fill(0);
        for segment in self.segments() {
            let start = (segment.addresses.start - self.pages.start) as usize;
            image[start..][..segment.file_part.len()].copy_from_slice(segment.file_part);
        }
        dynamic::relocate(self, image, bias);
    }

    pub(crate) fn segments(&self) -> impl Iterator<Item = &Segment<'a>> {
        self.segments.iter().flatten()
    }

    /// The program headers of one type.
    pub(crate) fn headers(&self, kind: u32) -> impl Iterator<Item = ProgramHeader> {
        self.file
            .segments()
            .into_iter()
            .flat_map(|table| table.iter())
            .filter(move |header| header.p_type == kind)
    }

    /// The bytes that the file has for a program header.
    pub(crate) fn file_part(&self, header: &ProgramHeader, part: &'static str) -> Result<&'a [u8], Refusal> {
        file_bytes(self.bytes, header.p_offset, header.p_filesz, part)
    }

    fn section_bytes(&self, header: &SectionHeader) -> Result<&'a [u8], Refusal> {
        file_bytes(self.bytes, header.sh_offset, header.sh_size, "the section .bootloader-config")
    }

    fn read_segments(&mut self) -> Result<(), Refusal> {
        let mut segments = [None; MAX_SEGMENTS];
        let mut last: Option<Span> = None;
        let headers = self.headers(abi::PT_LOAD).filter(|header| header.p_memsz > 0);
        for (n, header) in headers.enumerate() {
            let slot = segments.get_mut(n).ok_or(Refusal::TooManySegments { max: MAX_SEGMENTS })?;
            let segment = Segment::read(self.bytes, &header)?;
            if let Some(last) = last
                && segment.addresses.start < last.end
            {
                return Err(Refusal::SegmentsOverlap { first: last.start, second: segment.addresses.start });
            }
            last = Some(segment.addresses);
            *slot = Some(segment);
        }
        let (Some(Some(first)), Some(last)) = (segments.first(), last) else {
            return Err(Refusal::NothingToLoad);
        };
        let start = align_down(first.addresses.start, PAGE_SIZE);
        let end = align_up(last.end, PAGE_SIZE).ok_or(Refusal::SegmentAddress { address: last.start })?;
        if !layout::is_canonical(start, end) {
            return Err(Refusal::SegmentAddress { address: last.start });
        }
        let alignment = self.headers(abi::PT_LOAD).map(|header| header.p_align).max();
        self.alignment = alignment.unwrap_or_default().max(PAGE_SIZE);
        self.pages = Span { start, end };
        self.segments = segments;
        Ok(())
    }

    /// Only its first page can a segment share with those before it.
    fn check_shared_pages(&self) -> Result<(), Refusal> {
        let mut last: Option<&Segment<'_>> = None;
        let mut shared = Access::Read;
        for segment in self.segments() {
            let page = align_down(segment.addresses.start, PAGE_SIZE);
            let is_shared = last.is_some_and(|last| align_down(last.addresses.end - 1, PAGE_SIZE) == page);
            let before = if is_shared { shared } else { Access::Read };
            let union =
                before.union(segment.access).ok_or(Refusal::SharedPageWritableAndExecutable { page })?;
            let ends_in_it = align_down(segment.addresses.end - 1, PAGE_SIZE) == page;
            shared = if ends_in_it { union } else { segment.access };
            last = Some(segment);
        }
        Ok(())
    }

    fn check_entry(&self) -> Result<(), Refusal> {
        let entry = self.entry();
        let is_executable = self.segments().any(|segment| {
            segment.access == Access::ReadExecute
                && (segment.addresses.start..segment.addresses.end).contains(&entry)
        });
        if is_executable { Ok(()) } else { Err(Refusal::EntryNotExecutable { entry }) }
    }

    fn read_tls(&mut self) -> Result<(), Refusal> {
        let Some(header) = self.headers(abi::PT_TLS).next() else { return Ok(()) };
        let address = header.p_vaddr;
        let is_inside = self.segments().any(|segment| {
            let file_end = segment.addresses.start + segment.file_part.len() as u64;
            segment.addresses.start <= address
                && address.checked_add(header.p_filesz).is_some_and(|end| end <= file_end)
        });
        if header.p_filesz > header.p_memsz || (header.p_filesz > 0 && !is_inside) {
            return Err(Refusal::Tls { address });
        }
        self.tls = Some(Tls { start: address, file_size: header.p_filesz, mem_size: header.p_memsz });
        Ok(())
    }

    /// What is only written while it is relocated, and read-only afterwards.
    fn read_relro(&mut self) {
        let header = self.headers(abi::PT_GNU_RELRO).next();
        self.relro = header.and_then(|header| {
            Some(Span { start: header.p_vaddr, end: header.p_vaddr.checked_add(header.p_memsz)? })
        });
    }
}

/// Says what the file is where it is no ELF64 file, before the parser says only that it is none.
fn check_start(bytes: &[u8]) -> Result<(), Refusal> {
    let prefix = &bytes[..bytes.len().min(abi::ELFMAGIC.len())];
    if !abi::ELFMAGIC.starts_with(prefix) || bytes.is_empty() {
        return Err(Refusal::NotElf { start: core::array::from_fn(|n| *bytes.get(n).unwrap_or(&0)) });
    }
    if let Some(&class) = bytes.get(abi::EI_CLASS)
        && class != abi::ELFCLASS64
    {
        return Err(Refusal::NotElf64 { class });
    }
    let file_len = bytes.len() as u64;
    if file_len < ELF_HEADER_SIZE {
        return Err(Refusal::CutShort { part: "the ELF header", end: ELF_HEADER_SIZE, file_len });
    }
    Ok(())
}

fn check_header(file: &ElfBytes<'_, LittleEndian>) -> Result<Linking, Refusal> {
    if file.ehdr.e_machine != abi::EM_X86_64 {
        return Err(Refusal::WrongMachine { machine: file.ehdr.e_machine });
    }
    match file.ehdr.e_type {
        abi::ET_EXEC => Ok(Linking::Static),
        abi::ET_DYN => Ok(Linking::PositionIndependent),
        elf_type => Err(Refusal::WrongType { elf_type }),
    }
}

fn refusal(error: ParseError, part: &'static str, bytes: &[u8]) -> Refusal {
    match error {
        ParseError::SliceReadError((_, end)) => {
            Refusal::CutShort { part, end: end as u64, file_len: bytes.len() as u64 }
        }
        ParseError::BadOffset(_) => Refusal::Malformed { what: "an offset leads nowhere" },
        ParseError::IntegerOverflow => Refusal::Malformed { what: "an offset and a size overflow" },
        ParseError::BadEntsize(_) => {
            Refusal::Malformed { what: "a header table's entries have the wrong size" }
        }
        ParseError::UnsupportedElfEndianness(_) => Refusal::Malformed { what: "it is not little-endian" },
        ParseError::UnsupportedVersion(_) => Refusal::Malformed { what: "its ELF version is not 1" },
        _ => Refusal::Malformed { what: "its headers contradict each other" },
    }
}
