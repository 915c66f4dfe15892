//! Reading the kernel's `BootloaderConfig` and refusing what this loader does not do.

use bootloader_api::{
    BootloaderConfig,
    config::{ApiVersion, Mapping},
};

use crate::{PAGE_SIZE, Refusal};

/// The section that `bootloader_api::entry_point!` puts the configuration into.
pub const SECTION: &str = ".bootloader-config";

/// Where in the section the version of the API stands: behind a UUID of 16 bytes.
const VERSION_OFFSET: usize = 16;

/// The largest stack; far more than any kernel takes, far less than makes the arithmetic overflow.
const MAX_STACK_SIZE: u64 = 1 << 30;

/// Reads the configuration from the contents of [`SECTION`].
///
/// # Errors
///
/// What is wrong with it, or which of its wishes this loader can not grant.
pub fn read(section: &[u8]) -> Result<BootloaderConfig, Refusal> {
    check_version(section)?;
    let config = BootloaderConfig::deserialize(section).map_err(|what| Refusal::ConfigInvalid { what })?;
    check(&config)?;
    Ok(config)
}

/// The version comes first: with another one, nothing else in the section can be trusted to mean
/// what it means here.
fn check_version(section: &[u8]) -> Result<(), Refusal> {
    let Some(&[major_low, major_high, minor_low, minor_high]) =
        section.get(VERSION_OFFSET..VERSION_OFFSET + 4)
    else {
        return Err(Refusal::ConfigInvalid { what: "it is too short" });
    };
    let kernel = (u16::from_le_bytes([major_low, major_high]), u16::from_le_bytes([minor_low, minor_high]));
    let ours = ApiVersion::default();
    let ours = (ours.version_major(), ours.version_minor());
    if kernel != ours { Err(Refusal::ApiVersion { kernel, ours }) } else { Ok(()) }
}

#[expect(deprecated, reason = "a kernel may still ask by the deprecated fields")]
fn check(config: &BootloaderConfig) -> Result<(), Refusal> {
    let frame_buffer = &config.frame_buffer;
    if matches!(config.mappings.framebuffer, Mapping::FixedAddress(_))
        || frame_buffer.minimum_framebuffer_height.is_some()
        || frame_buffer.minimum_framebuffer_width.is_some()
    {
        return Err(Refusal::FrameBuffer);
    }
    if config.mappings.aslr {
        return Err(Refusal::Aslr);
    }
    if !(PAGE_SIZE..=MAX_STACK_SIZE).contains(&config.kernel_stack_size) {
        return Err(Refusal::StackSize { size: config.kernel_stack_size, max: MAX_STACK_SIZE });
    }
    Ok(())
}
