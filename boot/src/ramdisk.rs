//! The ramdisk: the second module, or a file of QEMU's fw_cfg, or none.
#![expect(unsafe_code, reason = "reads into frames of its own")]

use core::ops::Range;

use switchlab_boot_plan::{PAGE_SIZE, Refusal, memory::Frames, pvh::Module};

use crate::{fw_cfg, physical};

/// Name of the fw_cfg file.
const FILE_NAME: &[u8] = b"opt/org.switchlab/ramdisk";

/// Where the ramdisk comes from.
pub enum Ramdisk {
    /// There is none.
    None,
    /// It lies in memory.
    Module(Module),
    /// QEMU has it.
    FwCfg(fw_cfg::File),
}

impl Ramdisk {
    /// Looks where one could be; a module comes first.
    pub fn find(module: Option<Module>) -> Self {
        let file = || fw_cfg::find(FILE_NAME).filter(|file| file.size > 0);
        module.map(Self::Module).or_else(|| file().map(Self::FwCfg)).unwrap_or(Self::None)
    }

    /// Its size in bytes, where there is one.
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Module(module) => Some(module.size),
            Self::FwCfg(file) => Some(u64::from(file.size)),
        }
    }

    /// Its physical memory, whole pages, filled.
    pub fn load(&self, frames: &mut Frames<'_>) -> Result<Option<Range<u64>>, Refusal> {
        match self {
            Self::None => Ok(None),
            Self::Module(module) if module.address.is_multiple_of(PAGE_SIZE) => {
                Ok(Some(module.address..(module.address + module.size).next_multiple_of(PAGE_SIZE)))
            }
            Self::Module(module) => Err(Refusal::RamdiskMisaligned { address: module.address }),
            Self::FwCfg(file) => {
                let range = frames.allocate("the ramdisk", u64::from(file.size))?;
                // SAFETY: handed out just now.
                let bytes = unsafe { physical::bytes_mut(range.clone()) };
                let (contents, rest) = bytes.split_at_mut(file.size as usize);
                file.read(contents).map_err(|_| Refusal::RamdiskUnreadable)?;
                rest.fill(0);
                Ok(Some(range))
            }
        }
    }
}
