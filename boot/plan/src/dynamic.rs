//! The kernel's dynamic section: relocations of type RELATIVE are applied, whatever else a dynamic
//! linker would have to do is refused. Source: System V ABI for AMD64, 4.4 and 5.2.

use elf::{abi, dynamic::DynamicTable, endian::LittleEndian, file::Class, relocation::RelaIterator};

use crate::{Refusal, kernel::Kernel};

/// Size in bytes of what a relocation changes.
const WORD: u64 = 8;

/// Size in bytes of an `Elf64_Rela`.
const RELA_SIZE: u64 = 24;

/// Forms of relocation that no linker makes for a static kernel unless it is asked to.
const REFUSED_TABLES: [(i64, &str); 3] =
    [(abi::DT_RELSZ, "DT_REL"), (abi::DT_PLTRELSZ, "DT_JMPREL"), (DT_RELRSZ, "DT_RELR")];

/// Size of the table of packed relative relocations (generic ABI, 2022).
const DT_RELRSZ: i64 = 35;

/// Checks every relocation, so that [`relocate`] can not fail.
///
/// # Errors
///
/// What this loader does not do.
pub(crate) fn check(kernel: &Kernel<'_>) -> Result<(), Refusal> {
    for relocation in relocations(kernel)? {
        let at = relocation.r_offset;
        match relocation.r_type {
            abi::R_X86_64_NONE => continue,
            abi::R_X86_64_RELATIVE if relocation.r_sym == 0 => {}
            kind => return Err(Refusal::Relocation { kind, at }),
        }
        let is_inside = kernel.segments().any(|segment| {
            segment.addresses.start <= at
                && at.checked_add(WORD).is_some_and(|end| end <= segment.addresses.end)
        });
        if !is_inside {
            return Err(Refusal::RelocationTarget { at });
        }
    }
    Ok(())
}

/// Applies the relocations to the kernel's `image`, which [`check`] has seen.
pub(crate) fn relocate(kernel: &Kernel<'_>, image: &mut [u8], bias: u64) {
    for relocation in relocations(kernel).into_iter().flatten() {
        if relocation.r_type == abi::R_X86_64_RELATIVE {
            let at = (relocation.r_offset - kernel.pages().start) as usize;
            let value = bias.wrapping_add_signed(relocation.r_addend);
            image[at..][..WORD as usize].copy_from_slice(&value.to_le_bytes());
        }
    }
}

fn relocations<'a>(kernel: &Kernel<'a>) -> Result<RelaIterator<'a, LittleEndian>, Refusal> {
    let table = match find_table(kernel)? {
        Some((address, size)) => table_bytes(kernel, address, size)?,
        None => &[],
    };
    Ok(RelaIterator::new(LittleEndian, Class::ELF64, table))
}

/// Address, as linked, and size of the table of relocations.
fn find_table(kernel: &Kernel<'_>) -> Result<Option<(u64, u64)>, Refusal> {
    let Some(header) = kernel.headers(abi::PT_DYNAMIC).next() else { return Ok(None) };
    let bytes = kernel.file_part(&header, "the dynamic section")?;
    let entries = DynamicTable::new(LittleEndian, Class::ELF64, bytes);
    let value_of = |tag| {
        entries
            .iter()
            .take_while(|entry| entry.d_tag != abi::DT_NULL)
            .find(|entry| entry.d_tag == tag)
            .map(|entry| entry.d_val())
    };
    if value_of(abi::DT_NEEDED).is_some() {
        return Err(Refusal::SharedLibraries);
    }
    for (tag, name) in REFUSED_TABLES {
        if value_of(tag).is_some_and(|size| size > 0) {
            return Err(Refusal::DynamicTag { name });
        }
    }
    let Some(size) = value_of(abi::DT_RELASZ).filter(|size| *size > 0) else { return Ok(None) };
    if value_of(abi::DT_RELAENT) != Some(RELA_SIZE) || !size.is_multiple_of(RELA_SIZE) {
        return Err(Refusal::Malformed { what: "its relocations do not have 24 bytes each" });
    }
    let address = value_of(abi::DT_RELA)
        .ok_or(Refusal::Malformed { what: "its relocations have a size and no address" })?;
    Ok(Some((address, size)))
}

fn table_bytes<'a>(kernel: &Kernel<'a>, address: u64, size: u64) -> Result<&'a [u8], Refusal> {
    kernel
        .segments()
        .find_map(|segment| {
            let start = usize::try_from(address.checked_sub(segment.addresses.start)?).ok()?;
            segment.file_part.get(start..)?.get(..usize::try_from(size).ok()?)
        })
        .ok_or(Refusal::Malformed { what: "its relocations are in no segment of the file" })
}
