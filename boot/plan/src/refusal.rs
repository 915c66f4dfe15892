//! Why a kernel is not started: one variant for each reason, with the words for the serial line.

use core::fmt;

/// A reason not to start the kernel.
///
/// Its text says what is wrong, and what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the text of each variant, below, is its documentation")]
pub enum Refusal {
    // What the machine handed over.
    NotPvh {
        magic: u32,
    },
    NoMemoryMap,
    MemoryMapTooLong {
        max: usize,
    },
    NoKernel,
    OutOfReach {
        what: &'static str,
        address: u64,
    },
    ModuleOverlaps {
        what: &'static str,
        other: &'static str,
    },
    RamdiskMisaligned {
        address: u64,
    },
    RamdiskUnreadable,
    CommandLineTooLong,
    CommandLineNotUtf8 {
        at: usize,
    },
    // The ELF file.
    Changed {
        sealed: u32,
        found: u32,
    },
    NotElf {
        start: [u8; 4],
    },
    NotElf64 {
        class: u8,
    },
    CutShort {
        part: &'static str,
        end: u64,
        file_len: u64,
    },
    Malformed {
        what: &'static str,
    },
    WrongMachine {
        machine: u16,
    },
    WrongType {
        elf_type: u16,
    },
    NothingToLoad,
    TooManySegments {
        max: usize,
    },
    SegmentAddress {
        address: u64,
    },
    SegmentMisaligned {
        address: u64,
        alignment: u64,
    },
    SegmentSizes {
        address: u64,
    },
    SegmentsOverlap {
        first: u64,
        second: u64,
    },
    WritableAndExecutable {
        address: u64,
    },
    SharedPageWritableAndExecutable {
        page: u64,
    },
    EntryNotExecutable {
        entry: u64,
    },
    Tls {
        address: u64,
    },
    // Its dynamic section.
    SharedLibraries,
    DynamicTag {
        name: &'static str,
    },
    Relocation {
        kind: u32,
        at: u64,
    },
    RelocationTarget {
        at: u64,
    },
    // Its configuration.
    NoConfig,
    ConfigInvalid {
        what: &'static str,
    },
    ApiVersion {
        kernel: (u16, u16),
        ours: (u16, u16),
    },
    FrameBuffer,
    Aslr,
    StackSize {
        size: u64,
        max: u64,
    },
    // Its address space.
    KernelBaseOfStatic,
    Misaligned {
        what: &'static str,
        address: u64,
        alignment: u64,
    },
    NotCanonical {
        what: &'static str,
        start: u64,
        size: u64,
    },
    Overlap {
        what: &'static str,
        start: u64,
        end: u64,
        other: &'static str,
        other_start: u64,
        other_end: u64,
    },
    NoVirtualSpace {
        what: &'static str,
        size: u64,
        start: u64,
        end: u64,
    },
    // Its memory.
    OutOfMemory {
        what: &'static str,
        size: u64,
        largest: u64,
    },
    TooManyRegions {
        max: usize,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotPvh { magic } => write!(
                f,
                "there is no PVH start info: its magic is {magic:#x}; a PVH boot (QEMU's -kernel) with a \
                 command line of at most {} bytes is allowed (one of over 4096 overwrites it)",
                crate::command_line::MAX_LENGTH
            ),
            Self::NoMemoryMap => f.write_str(
                "the machine gives no memory map; a PVH start info of version 1 with one is needed",
            ),
            Self::MemoryMapTooLong { max } => {
                write!(f, "the machine's memory map is too long; at most {max} entries are allowed")
            }
            Self::NoKernel => {
                f.write_str("there is none; give the kernel's ELF file as the first module (QEMU's -initrd)")
            }
            Self::OutOfReach { what, address } => {
                write!(f, "{what} at {address:#x} is out of the loader's reach; below 4 GiB is allowed")
            }
            Self::ModuleOverlaps { what, other } => write!(
                f,
                "{what} overlaps {other} in physical memory: it is too big for this machine; \
                 give the machine more memory (QEMU's -m)"
            ),
            Self::RamdiskMisaligned { address } => {
                write!(f, "the ramdisk module at {address:#x} is misaligned; a multiple of 0x1000 is allowed")
            }
            Self::RamdiskUnreadable => f.write_str("fw_cfg reports an error when it reads the ramdisk"),
            Self::CommandLineTooLong => write!(
                f,
                "the command line is too long; at most {} bytes are allowed",
                crate::command_line::MAX_LENGTH
            ),
            Self::CommandLineNotUtf8 { at } => {
                write!(f, "the command line is not UTF-8 at byte {at}; UTF-8 is allowed")
            }
            Self::Changed { sealed, found } => write!(
                f,
                "the kernel's file was changed since it was built: its checksum is {found:08x}, its seal says {sealed:08x}; \
                 a file as it was built is allowed"
            ),
            Self::NotElf { start: [a, b, c, d] } => write!(
                f,
                "the kernel is not an ELF file: it starts with {a:02x} {b:02x} {c:02x} {d:02x}; \
                 an ELF64 file for x86-64 is allowed"
            ),
            Self::NotElf64 { class } => {
                let class = if class == 1 { "ELF32" } else { "of an unknown class" };
                write!(f, "the kernel is {class}; an ELF64 file for x86-64 is allowed")
            }
            Self::CutShort { part, end, file_len } => write!(
                f,
                "the kernel's file is cut short: {part} ends at byte {end}, the file has {file_len}; \
                 a whole file is allowed"
            ),
            Self::Malformed { what } => write!(f, "the kernel's ELF file is malformed: {what}"),
            Self::WrongMachine { machine } => {
                write!(f, "the kernel is for ELF machine {machine}; 62 (x86-64) is allowed")
            }
            Self::WrongType { elf_type } => write!(
                f,
                "the kernel is of ELF type {elf_type}; 2 (static executable) and \
                 3 (position-independent executable) are allowed"
            ),
            Self::NothingToLoad => f.write_str("the kernel has no loadable segment; at least one is needed"),
            Self::TooManySegments { max } => {
                write!(f, "the kernel has too many loadable segments; at most {max} are allowed")
            }
            Self::SegmentAddress { address } => write!(
                f,
                "the kernel's segment at {address:#x} does not lie in one canonical half of the address space"
            ),
            Self::SegmentMisaligned { address, alignment } => write!(
                f,
                "the kernel's segment at {address:#x} is misaligned: address and file offset must be equal \
                 modulo its alignment {alignment:#x}, a power of two of at most 1 GiB"
            ),
            Self::SegmentSizes { address } => write!(
                f,
                "the kernel's segment at {address:#x} has more bytes in the file than in memory; \
                 as many or fewer are allowed"
            ),
            Self::SegmentsOverlap { first, second } => write!(
                f,
                "the kernel's segments at {first:#x} and {second:#x} overlap or are not sorted by address"
            ),
            Self::WritableAndExecutable { address } => write!(
                f,
                "the kernel's segment at {address:#x} is writable and executable; one of both is allowed"
            ),
            Self::SharedPageWritableAndExecutable { page } => write!(
                f,
                "two of the kernel's segments share the page {page:#x}, which would be writable and \
                 executable; one of both is allowed: align the segments to pages"
            ),
            Self::EntryNotExecutable { entry } => write!(
                f,
                "the kernel's entry point {entry:#x} is in no executable segment; it must be in one"
            ),
            Self::Tls { address } => write!(
                f,
                "the kernel's TLS template at {address:#x} is not inside one loadable segment; it must be"
            ),
            Self::SharedLibraries => {
                f.write_str("the kernel needs shared libraries; a statically linked executable is allowed")
            }
            Self::DynamicTag { name } => {
                write!(
                    f,
                    "the kernel has relocations of the form {name}; those of the form DT_RELA are allowed"
                )
            }
            Self::Relocation { kind, at } => write!(
                f,
                "the kernel has a relocation of type {kind} at {at:#x}; type 8 (R_X86_64_RELATIVE) is allowed"
            ),
            Self::RelocationTarget { at } => {
                write!(f, "the kernel has a relocation at {at:#x}, which is in no segment; it must be in one")
            }
            Self::NoConfig => write!(
                f,
                "the kernel has no section {}; build it with bootloader_api::entry_point!",
                crate::config::SECTION
            ),
            Self::ConfigInvalid { what } => {
                write!(f, "the kernel's section {} is invalid: {what}", crate::config::SECTION)
            }
            Self::ApiVersion { kernel, ours } => write!(
                f,
                "the kernel uses bootloader_api {}.{}; {}.{} is allowed",
                kernel.0, kernel.1, ours.0, ours.1
            ),
            Self::FrameBuffer => f.write_str(
                "the kernel asks for a frame buffer, this machine has none; a dynamic mapping without \
                 a least size is allowed",
            ),
            Self::Aslr => f.write_str("the kernel asks for aslr; false is allowed, so that runs repeat"),
            Self::StackSize { size, max } => write!(
                f,
                "the kernel asks for a stack of {size} bytes; {} to {max} are allowed",
                crate::PAGE_SIZE
            ),
            Self::KernelBaseOfStatic => f.write_str(
                "the kernel asks for a fixed kernel_base, but is linked to a fixed address; \
                 a position-independent executable is allowed, or a dynamic kernel_base",
            ),
            Self::Misaligned { what, address, alignment } => {
                write!(
                    f,
                    "the fixed address {address:#x} of {what} is misaligned; a multiple of {alignment:#x} is allowed"
                )
            }
            Self::NotCanonical { what, start, size } => write!(
                f,
                "{what}, {size:#x} bytes at {start:#x}, does not lie in one canonical half of the address \
                 space; below 0x800000000000, or from 0xffff800000000000 to 0xfffffffffffff000, is allowed"
            ),
            Self::Overlap { what, start, end, other, other_start, other_end } => write!(
                f,
                "{what} at {start:#x}..{end:#x} overlaps {other} at {other_start:#x}..{other_end:#x}; \
                 virtual addresses of its own are allowed"
            ),
            Self::NoVirtualSpace { what, size, start, end } => write!(
                f,
                "there is no room for {what}, {size:#x} bytes, in the dynamic range {start:#x}..{end:#x}; \
                 a larger range is allowed"
            ),
            Self::OutOfMemory { what, size, largest } => write!(
                f,
                "{what} does not fit in memory: it takes {size} bytes, the largest free block from 1 MiB to \
                 4 GiB has {largest}; give the machine more memory (QEMU's -m)"
            ),
            Self::TooManyRegions { max } => {
                write!(f, "the memory map for the kernel is too long; at most {max} regions are allowed")
            }
        }
    }
}
