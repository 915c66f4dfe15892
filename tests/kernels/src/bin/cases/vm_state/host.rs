//! What the host has of all that guests have too: patterns in what it has no use for here, and what is there now.

use core::{arch::asm, mem::offset_of};

use switchlab_kernel::{
    arch::svm::{self, Vmcb},
    mm::SharedPage,
};
use x86_64::{
    VirtAddr,
    instructions::segmentation::{CS, DS, ES, SS, Segment as _},
    registers::{
        control::{Cr4, Cr4Flags},
        model_specific::{FsBase, KernelGsBase, Msr},
    },
};

use super::Word;

pub const HOST_XMM: u64 = 0x1122_3344_5566_7788;
pub const HOST_MXCSR: u32 = 0x1f80 | 0x2000;

/// What the host has now of all that guests have too. VMSAVE into `page` shows what no other instruction does: what
/// the processor keeps of descriptors.
pub fn host_words(page: &SharedPage) -> [Word; 21] {
    const PAT: u32 = 0x277;
    // SAFETY: there is a `Host`, so SVM is on; the page is nobody else's, and has a VMCB's size.
    unsafe { svm::save_host(page.physical()) };
    let saved = |offset: usize| page.read(offset / size_of::<u64>());
    [
        ("FS", saved(offset_of!(Vmcb, save.fs))),
        ("base of FS", saved(offset_of!(Vmcb, save.fs.base))),
        ("GS", saved(offset_of!(Vmcb, save.gs))),
        ("base of GS", saved(offset_of!(Vmcb, save.gs.base))),
        ("LDTR", saved(offset_of!(Vmcb, save.ldtr))),
        ("base of LDTR", saved(offset_of!(Vmcb, save.ldtr.base))),
        ("TR", saved(offset_of!(Vmcb, save.tr))),
        ("base of TR", saved(offset_of!(Vmcb, save.tr.base))),
        ("KernelGSBase", saved(offset_of!(Vmcb, save.kernel_gs_base))),
        ("STAR", saved(offset_of!(Vmcb, save.star))),
        ("LSTAR", saved(offset_of!(Vmcb, save.lstar))),
        ("CSTAR", saved(offset_of!(Vmcb, save.cstar))),
        ("SFMASK", saved(offset_of!(Vmcb, save.sfmask))),
        ("SYSENTER_CS", saved(offset_of!(Vmcb, save.sysenter_cs))),
        ("SYSENTER_ESP", saved(offset_of!(Vmcb, save.sysenter_esp))),
        ("SYSENTER_EIP", saved(offset_of!(Vmcb, save.sysenter_eip))),
        ("CS", CS::get_reg().0.into()),
        ("SS", SS::get_reg().0.into()),
        ("DS", DS::get_reg().0.into()),
        ("ES", ES::get_reg().0.into()),
        // SAFETY: each processor in 64-bit mode has it.
        ("PAT", unsafe { Msr::new(PAT).read() }),
    ]
}

pub fn enable_sse() -> Cr4Flags {
    // SAFETY: makes SSE legal here; the kernel does not use it.
    unsafe { Cr4::update(|flags| *flags |= Cr4Flags::OSFXSR | Cr4Flags::OSXMMEXCPT_ENABLE) };
    Cr4::read()
}

/// Patterns for what the host has no use for here, so that none of it is 0.
pub fn write_host() {
    const MSRS: [(u32, u64); 7] = [
        (0xc000_0081, 0x5a5a_0008_1357_9bdf), // STAR
        (0xc000_0082, 0xffff_8123_4567_89ab), // LSTAR
        (0xc000_0083, 0xffff_8fed_cba9_8765), // CSTAR
        (0xc000_0084, 0x0000_0000_0000_0fd5), // SFMASK
        (0x174, 0x0000_0000_0000_7a7a),       // SYSENTER_CS
        (0x175, 0xffff_8a5a_5a5a_5a5a),       // SYSENTER_ESP
        (0x176, 0xffff_8b6b_6b6b_6b6b),       // SYSENTER_EIP
    ];
    FsBase::write(VirtAddr::new(0xffff_9111_2222_3333));
    KernelGsBase::write(VirtAddr::new(0xffff_9444_5555_6666));
    for (msr, value) in MSRS {
        // SAFETY: nothing here makes a system call, which is what these are for.
        unsafe { Msr::new(msr).write(value) };
    }
}

pub fn write_host_vectors() {
    // SAFETY: nobody else uses these registers.
    unsafe {
        asm!("movq xmm15, {}", "ldmxcsr [{}]", in(reg) HOST_XMM, in(reg) &raw const HOST_MXCSR_PLACE);
    }
}

static HOST_MXCSR_PLACE: u32 = HOST_MXCSR;

pub fn read_host_vectors() -> (u64, u32) {
    let (xmm, mut mxcsr) = (0_u64, 0_u32);
    let mut low = xmm;
    // SAFETY: stores to locals.
    unsafe { asm!("movq {}, xmm15", "stmxcsr [{}]", inout(reg) low, in(reg) &raw mut mxcsr) };
    (low, mxcsr)
}
