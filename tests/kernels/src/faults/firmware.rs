//! Faults of the firmware: its table of CPUs, changed where it lies, before the kernel reads it.

use core::slice;

use switchlab_core::acpi::{RSDP_LENGTH, Rsdp, SDT_HEADER_LENGTH, SdtHeader, root_entries};
use switchlab_kernel::mm::{PHYSICAL_MEMORY, firmware_bytes};

use super::{Fault, Plan};

/// Bytes before the first entry, and the one that makes the sum 0 (ACPI 6.5, 5.2.12).
const FIXED: usize = 44;
const CHECKSUM: usize = 9;
/// A CPU: its type, its length, and where its APIC id is (5.2.12.2).
const LOCAL_APIC: [u8; 2] = [0, 8];
const APIC_ID: usize = 3;

/// Changes the table, where the plan is about it.
///
/// # Panics
///
/// If there is none, or it is not what a machine of three CPUs has.
pub fn strike(plan: Plan, rsdp: Option<u64>) {
    let at = plan.at as usize;
    match plan.fault {
        Fault::MadtChecksum => {
            let table = madt(rsdp);
            let bit = at % (8 * (table.len() - SDT_HEADER_LENGTH));
            table[SDT_HEADER_LENGTH + bit / 8] ^= 1 << (bit % 8);
        }
        Fault::MadtLength => {
            // Longer than what is left of the table, or too short for an entry.
            const LENGTHS: [u8; 4] = [0, 1, 2, 0xff];
            let table = madt(rsdp);
            let entry = entries(table).nth(at % entries(table).count()).expect("it has entries");
            table[entry + 1] = LENGTHS[at / 16 % LENGTHS.len()];
            make_sum_0(table);
        }
        Fault::MadtDuplicate => {
            let table = madt(rsdp);
            let [first, second, third] = cpus(table);
            let (copied, over) = [(first, second), (first, third), (second, third)][at % 3];
            table[over + APIC_ID] = table[copied + APIC_ID];
            make_sum_0(table);
        }
        Fault::ApMissing => {
            /// None of them is there.
            const IDS: core::ops::Range<u8> = 64..250;
            let table = madt(rsdp);
            let [_, second, third] = cpus(table);
            table[[second, third][at % 2] + APIC_ID] = IDS.start + (at / 2 % IDS.len()) as u8;
            make_sum_0(table);
        }
        _ => {}
    }
}

fn madt(rsdp: Option<u64>) -> &'static mut [u8] {
    let bytes = |address, length| firmware_bytes(address, length).expect("the firmware's tables are mapped");
    let length = |address| {
        SdtHeader::parse(bytes(address, SDT_HEADER_LENGTH)).expect("a table has a header").length as usize
    };
    let rsdp = Rsdp::parse(bytes(rsdp.expect("there is an RSDP"), RSDP_LENGTH)).expect("the RSDP holds");
    let root = bytes(rsdp.address(), length(rsdp.address()));
    let madt = root_entries(root)
        .expect("the root table holds")
        .find(|&table| bytes(table, SDT_HEADER_LENGTH).starts_with(b"APIC"))
        .expect("there is a MADT");
    let start = core::ptr::with_exposed_provenance_mut((PHYSICAL_MEMORY + madt) as usize);
    // SAFETY: the firmware's table, mapped writable; nobody has read it yet, and this is done with it before anybody does.
    unsafe { slice::from_raw_parts_mut(start, length(madt)) }
}

/// Where each entry begins.
fn entries(table: &[u8]) -> impl Iterator<Item = usize> {
    let length = |entry: usize| table.get(entry + 1).map(|&length| usize::from(length));
    core::iter::successors(Some(FIXED), move |&entry| Some(entry + length(entry)?))
        .take_while(|&entry| entry < table.len())
}

fn cpus(table: &[u8]) -> [usize; 3] {
    let mut cpus = entries(table).filter(|&entry| table[entry..].starts_with(&LOCAL_APIC));
    [(); 3].map(|()| cpus.next().expect("three CPUs are listed"))
}

fn make_sum_0(table: &mut [u8]) {
    let sum = table.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
    table[CHECKSUM] = table[CHECKSUM].wrapping_sub(sum);
}
