//! The loader keeps the contract of `bootloader_api` to kernels that know nothing else, and refuses
//! by name what it can not start.

use std::{fs, path::Path};

use libtest_mimic::Trial;
use switchlab_boot_plan::seal;
use switchlab_records::ExitCode;
use switchlab_tests::{Case, End, Parts, Verdict, trial};

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for kernel in ["boot_pie", "boot_higher_half"] {
        trials.push(trial(parts, format!("loader::starts_{kernel}"), move |parts| {
            Case::kernel(parts, kernel).boot().has_status(ExitCode::Pass.qemu_status())
        }));
    }
    trials.push(trial(parts, "loader::hands_the_ramdisk_over", ramdisk));
    trials.push(trial(parts, "loader::does_without_a_ramdisk", |parts| {
        let end = Case::kernel(parts, "boot_ramdisk").boot();
        end.says("ramdisk: none")?;
        end.has_status(ExitCode::Pass.qemu_status())
    }));
    trials.push(trial(parts, "loader::guards_the_kernels_stack", |parts| {
        let end = Case::kernel(parts, "boot_stack_guard").boot();
        end.is(!end.0.log_text.contains("survived"), "no way below the stack")?;
        end.has_status(ExitCode::Loader.qemu_status())
    }));
    trials.push(trial(parts, "loader::refuses_what_is_no_elf", |parts| {
        refused(parts, b"words, and no kernel\n".repeat(100))
    }));
    for percent in [1, 30, 60, 90] {
        trials.push(trial(
            parts,
            format!("loader::refuses_a_kernel_cut_at_{percent}_percent"),
            move |parts| {
                let mut kernel = fs::read(parts.cases())?;
                kernel.truncate(kernel.len() * percent / 100);
                refused(parts, kernel)
            },
        ));
    }
    trials.push(trial(
        parts,
        "loader::starts_a_sealed_kernel_and_refuses_it_once_its_end_has_changed",
        sealed,
    ));
    trials.push(trial(parts, "loader::refuses_a_kernel_for_32_bits", |parts| {
        let mut kernel = fs::read(parts.cases())?;
        kernel[4] = 1; // EI_CLASS: ELFCLASS32
        refused(parts, kernel)
    }));
    trials.push(trial(parts, "loader::refuses_a_kernel_that_does_not_fit", does_not_fit));
    trials
}

fn ramdisk(parts: &Parts) -> Verdict {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("ramdisk, with a comma");
    fs::write(&file, "first line\n".to_owned() + &"x".repeat(10_000))?;
    let end = Case::kernel(parts, "boot_ramdisk").with(|spec| spec.ramdisk = Some(file)).boot();
    end.says("ramdisk: 10011 bytes")?;
    end.says("first line Ok(\"first line\")")?;
    end.has_status(ExitCode::Pass.qemu_status())
}

fn sealed(parts: &Parts) -> Verdict {
    let mut kernel = fs::read(parts.kernels.join("boot_pie"))?;
    seal::put_on(&mut kernel);
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("kernel");
    fs::write(&file, &kernel)?;
    let started = Case::kernel(parts, "boot_pie").with(|spec| spec.kernel = file).boot();
    started.has_status(ExitCode::Pass.qemu_status())?;
    // The last byte, which no loader reads otherwise: another one, and none.
    let last = kernel.len() - 1;
    kernel[last] ^= 1;
    refused(parts, kernel.clone())?;
    kernel.truncate(last);
    refused(parts, kernel)
}

/// A kernel whose .bss alone is larger than the machine: the size of its writable segment is raised.
fn does_not_fit(parts: &Parts) -> Verdict {
    let mut kernel = fs::read(parts.cases())?;
    let word = |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
    let (table, entry, count) =
        (word(&kernel, 32) as usize, 56, u16::from_le_bytes([kernel[56], kernel[57]]));
    const LOAD: u8 = 1;
    const WRITABLE: u8 = 2;
    let last = (0..usize::from(count))
        .map(|index| table + index * entry)
        .rfind(|&at| kernel[at] == LOAD && kernel[at + 4] & WRITABLE != 0)
        .expect("a kernel has a writable segment");
    kernel[last + 40..last + 48].copy_from_slice(&(1_u64 << 30).to_le_bytes());
    refused(parts, kernel)
}

fn refused(parts: &Parts, kernel: Vec<u8>) -> Verdict {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("kernel");
    fs::write(&file, kernel)?;
    let end: End = Case::new(parts, "heap").with(|spec| spec.kernel = Path::new(&file).into()).boot();
    end.crashes_with("the loader refused the kernel: boot: cannot start the kernel: ")?;
    end.has_status(ExitCode::Loader.qemu_status())
}
