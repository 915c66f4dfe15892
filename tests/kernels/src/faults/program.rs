//! A program of ring 3 that is not what it was.

use switchlab_kernel::user::programs;
use x86_64::registers::control::{Cr0, Cr0Flags};

/// Above all that a process has.
const NOTHING: u32 = 0x2000_0000;
const PAGE: u32 = 4096;

/// Lets the processes that send and receive read where nothing is, by their first instruction; where, the number tells.
/// Before there is such a process.
pub fn let_ping_read_nothing(number: u64) {
    let address = NOTHING + PAGE * u32::try_from(number).expect("the numbers of exchanges are small");
    let program = programs::PING.place();
    let mut code = [0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0]; // mov rax, [address]
    code[4..].copy_from_slice(&address.to_le_bytes());
    let start = core::ptr::with_exposed_provenance_mut::<u8>(program.cast::<u8>().expose_provenance());
    assert!(program.len() >= code.len());
    // SAFETY: bytes of the kernel's read-only data, of which there is no slice yet: a process that copies them is made
    // later. The CPU that runs this may write them meanwhile, and no other does.
    unsafe {
        Cr0::update(|cr0| cr0.remove(Cr0Flags::WRITE_PROTECT));
        for (offset, byte) in code.into_iter().enumerate() {
            start.add(offset).write_volatile(byte);
        }
        Cr0::update(|cr0| cr0.insert(Cr0Flags::WRITE_PROTECT));
    }
}
