//! One loadable segment of the kernel, checked for itself.

use elf::{abi, segment::ProgramHeader};

use crate::Refusal;

/// The largest alignment of a segment.
const MAX_ALIGNMENT: u64 = 1 << 30;

/// What the kernel may do with a page of its image. Writable and executable does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read.
    Read,
    /// Read and write.
    ReadWrite,
    /// Read and execute.
    ReadExecute,
}

impl Access {
    /// What both allow together, or `None` where that would be to write and to execute.
    pub(crate) const fn union(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Read, access) | (access, Self::Read) => Some(access),
            (Self::ReadWrite, Self::ReadWrite) => Some(Self::ReadWrite),
            (Self::ReadExecute, Self::ReadExecute) => Some(Self::ReadExecute),
            (Self::ReadWrite, Self::ReadExecute) | (Self::ReadExecute, Self::ReadWrite) => None,
        }
    }
}

/// One loadable segment, checked: its sizes do not overflow and its file part is in the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<'a> {
    /// As linked.
    pub addresses: Span,
    /// The first bytes; the rest is zero.
    pub file_part: &'a [u8],
    pub access: Access,
}

/// A range of addresses, the end exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub start: u64,
    pub end: u64,
}

impl Span {
    /// What both have, where that is anything.
    pub fn intersection(self, other: Self) -> Option<Self> {
        let (start, end) = (self.start.max(other.start), self.end.min(other.end));
        (start < end).then_some(Self { start, end })
    }
}

impl<'a> Segment<'a> {
    /// Reads a segment of `file`.
    pub fn read(file: &'a [u8], header: &ProgramHeader) -> Result<Self, Refusal> {
        let address = header.p_vaddr;
        let alignment = header.p_align.max(1);
        if !alignment.is_power_of_two()
            || alignment > MAX_ALIGNMENT
            || (address ^ header.p_offset) & (alignment - 1) != 0
        {
            return Err(Refusal::SegmentMisaligned { address, alignment });
        }
        if header.p_filesz > header.p_memsz {
            return Err(Refusal::SegmentSizes { address });
        }
        let end = address.checked_add(header.p_memsz).ok_or(Refusal::SegmentAddress { address })?;
        let access = match (header.p_flags & abi::PF_W != 0, header.p_flags & abi::PF_X != 0) {
            (false, false) => Access::Read,
            (true, false) => Access::ReadWrite,
            (false, true) => Access::ReadExecute,
            (true, true) => return Err(Refusal::WritableAndExecutable { address }),
        };
        let file_part = file_bytes(file, header.p_offset, header.p_filesz, "a segment")?;
        Ok(Self { addresses: Span { start: address, end }, file_part, access })
    }
}

/// `size` bytes of `file` from `offset` on, which are its `part`.
pub(crate) fn file_bytes<'a>(
    file: &'a [u8],
    offset: u64,
    size: u64,
    part: &'static str,
) -> Result<&'a [u8], Refusal> {
    let end = offset.saturating_add(size);
    let range = usize::try_from(offset).ok().zip(usize::try_from(end).ok());
    range.and_then(|(start, end)| file.get(start..end)).ok_or(Refusal::CutShort {
        part,
        end,
        file_len: file.len() as u64,
    })
}
