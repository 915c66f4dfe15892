//! QEMU's fw_cfg device: finds a file and reads it by DMA. A machine without it has no files.
//! Source: QEMU's docs/specs/fw_cfg.rst.
#![expect(unsafe_code, reason = "drives the device's ports")]

use core::{
    ptr,
    sync::atomic::{Ordering::SeqCst, compiler_fence},
};

use x86_64::instructions::port::{PortReadOnly, PortWriteOnly};

const SELECTOR_PORT: u16 = 0x510;
const DATA_PORT: u16 = 0x511;

/// Upper and, at 4 more, lower half of the address of a [`DmaAccess`], big-endian.
const DMA_PORT: u16 = 0x514;

const KEY_SIGNATURE: u16 = 0x00;
const KEY_FEATURES: u16 = 0x01;
const KEY_DIRECTORY: u16 = 0x19;

const SIGNATURE: [u8; 4] = *b"QEMU";
const FEATURE_DMA: u32 = 1 << 1;

const DMA_ERROR: u32 = 1 << 0;
const DMA_READ: u32 = 1 << 1;
const DMA_SELECT: u32 = 1 << 3;

/// Size in bytes of a directory entry: size, key, reserved, name.
const ENTRY_SIZE: usize = 64;

/// More files than any machine has; what says more is no directory.
const MAX_FILES: u32 = 4096;

/// A file that fw_cfg has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File {
    /// Size in bytes.
    pub size: u32,
    key: u16,
}

/// The device reports that it could not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DmaError;

/// One order to the device, all big-endian.
#[repr(C)]
struct DmaAccess {
    control: u32,
    length: u32,
    address: u64,
}

/// Looks a file up by its name.
pub fn find(name: &[u8]) -> Option<File> {
    if !is_present() {
        return None;
    }
    select(KEY_DIRECTORY);
    let count = u32::from_be_bytes(read_bytes());
    (0..count.min(MAX_FILES)).map(|_| read_bytes::<ENTRY_SIZE>()).find_map(|entry| {
        let (size, entry) = entry.split_first_chunk::<4>()?;
        let (key, entry) = entry.split_first_chunk::<2>()?;
        let (_reserved, entry_name) = entry.split_first_chunk::<2>()?;
        let is_it = entry_name.split(|byte| *byte == 0).next() == Some(name);
        is_it.then(|| File { size: u32::from_be_bytes(*size), key: u16::from_be_bytes(*key) })
    })
}

impl File {
    /// Reads the start of the file into `buffer`, which is in memory mapped at its own address.
    pub fn read(&self, buffer: &mut [u8]) -> Result<(), DmaError> {
        let length = u32::try_from(buffer.len()).map_err(|_| DmaError)?;
        let control = u32::from(self.key) << 16 | DMA_SELECT | DMA_READ;
        let mut access = DmaAccess {
            control: control.to_be(),
            length: length.to_be(),
            address: (buffer.as_mut_ptr().expose_provenance() as u64).to_be(),
        };
        let address = (&raw mut access).expose_provenance() as u64;
        // The order and the buffer are written before the device is told, and not read before it
        // is done.
        compiler_fence(SeqCst);
        // SAFETY: the device writes to `buffer` and to `access`, which are exclusively borrowed; the
        // write to the lower half starts it.
        unsafe {
            PortWriteOnly::<u32>::new(DMA_PORT).write(((address >> 32) as u32).to_be());
            PortWriteOnly::<u32>::new(DMA_PORT + 4).write((address as u32).to_be());
        }
        loop {
            // SAFETY: a field of a local; the device writes it, hence volatile.
            let control = u32::from_be(unsafe { ptr::read_volatile(&raw const access.control) });
            if control & DMA_ERROR != 0 {
                return Err(DmaError);
            }
            if control == 0 {
                compiler_fence(SeqCst);
                return Ok(());
            }
            core::hint::spin_loop();
        }
    }
}

/// A port without a device reads as all ones, which is no signature.
fn is_present() -> bool {
    select(KEY_SIGNATURE);
    if read_bytes() != SIGNATURE {
        return false;
    }
    select(KEY_FEATURES);
    u32::from_le_bytes(read_bytes()) & FEATURE_DMA != 0
}

fn select(key: u16) {
    // SAFETY: chooses what the data port reads from; where the device is absent, nothing hears it.
    unsafe { PortWriteOnly::<u16>::new(SELECTOR_PORT).write(key) };
}

fn read_bytes<const N: usize>() -> [u8; N] {
    let mut port = PortReadOnly::<u8>::new(DATA_PORT);
    // SAFETY: reading takes the next byte of what was selected and does nothing else.
    core::array::from_fn(|_| unsafe { port.read() })
}
