//! Which configurations are taken, and what is refused in one.

use bootloader_api::{BootloaderConfig, config::Mapping};
use switchlab_boot_plan::{Refusal, config};

fn refusal(change: impl FnOnce(&mut BootloaderConfig)) -> Refusal {
    let mut config = BootloaderConfig::new_default();
    change(&mut config);
    config::read(&config.serialize()).expect_err("the configuration is to be refused")
}

#[test]
fn default_configuration_is_taken() {
    let default = BootloaderConfig::new_default();
    assert_eq!(config::read(&default.serialize()), Ok(default));
}

#[test]
fn other_minor_version_is_refused_and_other_patch_taken() {
    let mut section = BootloaderConfig::new_default().serialize();
    section[20] = section[20].wrapping_add(1);
    assert!(config::read(&section).is_ok());
    section[18] += 1;
    assert_eq!(config::read(&section), Err(Refusal::ApiVersion { kernel: (0, 12), ours: (0, 11) }));
}

#[test]
fn foreign_bytes_are_refused() {
    let mut section = BootloaderConfig::new_default().serialize();
    assert!(matches!(config::read(&section[..132]), Err(Refusal::ConfigInvalid { .. })));
    assert!(matches!(config::read(&section[..19]), Err(Refusal::ConfigInvalid { .. })));
    section[0] += 1;
    assert!(matches!(config::read(&section), Err(Refusal::ConfigInvalid { .. })));
}

#[test]
#[expect(deprecated, reason = "a kernel may still ask by the deprecated fields")]
fn frame_buffer_is_refused() {
    let fixed = Mapping::FixedAddress(0xf_0000_0000);
    assert_eq!(refusal(|config| config.mappings.framebuffer = fixed), Refusal::FrameBuffer);
    assert_eq!(
        refusal(|config| config.frame_buffer.minimum_framebuffer_height = Some(1)),
        Refusal::FrameBuffer
    );
    assert_eq!(
        refusal(|config| config.frame_buffer.minimum_framebuffer_width = Some(1)),
        Refusal::FrameBuffer
    );
}

#[test]
fn aslr_is_refused() {
    assert_eq!(refusal(|config| config.mappings.aslr = true), Refusal::Aslr);
}

#[test]
fn stack_of_impossible_size_is_refused() {
    for size in [0, 4095, (1 << 30) + 1, u64::MAX] {
        let refusal = refusal(|config| config.kernel_stack_size = size);
        assert_eq!(refusal, Refusal::StackSize { size, max: 1 << 30 });
    }
}
