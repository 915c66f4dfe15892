//! The virtual machine control block: what a guest may do, and the state of its processor that VMRUN loads and
//! #VMEXIT saves (AMD APM vol. 2, appendix B). One page, which the processor knows by its physical address.

use core::mem::offset_of;

/// Bytes of a VMCB: a page, aligned to one (APM vol. 2, 15.5.1).
pub const VMCB_BYTES: usize = 4096;

/// A VMCB. Every field is plain bits: whatever the processor leaves here, and 0 too, is a value.
#[derive(Debug)]
#[repr(C, align(4096))]
pub struct Vmcb {
    /// What the guest may do, and how it ended.
    pub control: Control,
    /// The state of its processor.
    pub save: Save,
    reserved: [u64; 173],
}

/// The control area (APM vol. 2, table B-1).
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Control {
    /// Reads of CR0 to CR15 that exit, one bit each.
    pub intercept_cr_reads: u16,
    /// Writes likewise.
    pub intercept_cr_writes: u16,
    /// Reads of DR0 to DR15 that exit.
    pub intercept_dr_reads: u16,
    /// Writes likewise.
    pub intercept_dr_writes: u16,
    /// Exceptions that exit, by vector.
    pub intercept_exceptions: u32,
    /// See [`intercept`].
    pub intercepts: [u32; 2],
    intercepts_more: u32,
    reserved_1: [u32; 9],
    pause_filter: [u16; 2],
    /// Physical address of the permission map of I/O ports.
    pub io_permissions: u64,
    /// Physical address of the permission map of MSRs.
    pub msr_permissions: u64,
    /// What the guest's RDTSC adds.
    pub tsc_offset: u64,
    /// The address space's name in the TLB; the host has 0.
    pub asid: u32,
    /// See [`tlb`].
    pub tlb_control: u32,
    /// See [`V_INTR_MASKING`] and [`virtual_interrupt`].
    pub virtual_interrupts: u64,
    /// Bit 0: the guest is in the shadow of an STI.
    pub interrupt_shadow: u64,
    /// Why the guest exited.
    pub exit_code: u64,
    /// More of it.
    pub exit_info_1: u64,
    /// Still more.
    pub exit_info_2: u64,
    /// The event that was on its way in when the guest exited.
    pub exit_interrupt: u64,
    /// See [`NESTED_PAGING`].
    pub nested: u64,
    avic_bar: u64,
    ghcb: u64,
    /// The event that VMRUN delivers; see [`inject_interrupt`].
    pub inject: u64,
    /// Physical address of the nested tables' root.
    pub nested_cr3: u64,
    last_branch: u64,
    /// What of this page the processor may take from its cache; 0 is nothing.
    pub clean: u64,
    /// Behind the instruction that exited, where the processor saves that.
    pub next_rip: u64,
    fetched: [u64; 2],
    avic: [u64; 3],
    avic_physical: u64,
    reserved_2: u64,
    vmsa: u64,
    reserved_3: [u64; 94],
}

/// A segment register (APM vol. 2, 15.5.1 and table B-2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Segment {
    /// The selector.
    pub selector: u16,
    /// Bits 0 to 7: those 40 to 47 of the descriptor; bits 8 to 11: those 52 to 55.
    pub attributes: u16,
    /// The limit in bytes.
    pub limit: u32,
    /// The base.
    pub base: u64,
}

/// The state save area (APM vol. 2, table B-2).
#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[expect(missing_docs, reason = "registers")]
pub struct Save {
    pub es: Segment,
    pub cs: Segment,
    pub ss: Segment,
    pub ds: Segment,
    pub fs: Segment,
    pub gs: Segment,
    pub gdtr: Segment,
    pub ldtr: Segment,
    pub idtr: Segment,
    pub tr: Segment,
    reserved_1: [u8; 43],
    pub cpl: u8,
    reserved_2: u32,
    pub efer: u64,
    reserved_3: [u64; 14],
    pub cr4: u64,
    pub cr3: u64,
    pub cr0: u64,
    pub dr7: u64,
    pub dr6: u64,
    pub rflags: u64,
    pub rip: u64,
    reserved_4: [u64; 11],
    pub rsp: u64,
    shadow_stack: [u64; 3],
    pub rax: u64,
    pub star: u64,
    pub lstar: u64,
    pub cstar: u64,
    pub sfmask: u64,
    pub kernel_gs_base: u64,
    pub sysenter_cs: u64,
    pub sysenter_esp: u64,
    pub sysenter_eip: u64,
    pub cr2: u64,
    reserved_5: [u64; 4],
    pub pat: u64,
    debug: [u64; 5],
}

macro_rules! offsets {
    ($type:ty: $($offset:literal $field:ident),* $(,)?) => {
        const _: () = { $(assert!(offset_of!($type, $field) == $offset);)* };
    };
}

offsets!(Vmcb: 0x000 control, 0x400 save);
offsets!(Control:
    0x000 intercept_cr_reads, 0x002 intercept_cr_writes, 0x004 intercept_dr_reads, 0x006 intercept_dr_writes,
    0x008 intercept_exceptions, 0x00c intercepts, 0x014 intercepts_more, 0x03c pause_filter,
    0x040 io_permissions, 0x048 msr_permissions, 0x050 tsc_offset, 0x058 asid, 0x05c tlb_control,
    0x060 virtual_interrupts, 0x068 interrupt_shadow, 0x070 exit_code, 0x078 exit_info_1, 0x080 exit_info_2,
    0x088 exit_interrupt, 0x090 nested, 0x098 avic_bar, 0x0a0 ghcb, 0x0a8 inject, 0x0b0 nested_cr3,
    0x0b8 last_branch, 0x0c0 clean, 0x0c8 next_rip, 0x0d0 fetched, 0x0e0 avic, 0x0f8 avic_physical,
    0x108 vmsa,
);
offsets!(Save:
    0x000 es, 0x010 cs, 0x020 ss, 0x030 ds, 0x040 fs, 0x050 gs, 0x060 gdtr, 0x070 ldtr, 0x080 idtr, 0x090 tr,
    0x0cb cpl, 0x0d0 efer, 0x148 cr4, 0x150 cr3, 0x158 cr0, 0x160 dr7, 0x168 dr6, 0x170 rflags, 0x178 rip,
    0x1d8 rsp, 0x1e0 shadow_stack, 0x1f8 rax, 0x200 star, 0x208 lstar, 0x210 cstar, 0x218 sfmask,
    0x220 kernel_gs_base, 0x228 sysenter_cs, 0x230 sysenter_esp, 0x238 sysenter_eip, 0x240 cr2, 0x268 pat,
    0x270 debug,
);
offsets!(Segment: 0 selector, 2 attributes, 4 limit, 8 base);
const _: () = assert!(size_of::<Vmcb>() == VMCB_BYTES && align_of::<Vmcb>() == VMCB_BYTES);

/// What exits: bits of the two words of [`Control::intercepts`] (APM vol. 2, table B-1, offsets 00Ch and 010h).
pub mod intercept {
    /// In word 0: physical interrupts.
    pub const INTR: u32 = 1 << 0;
    /// Physical NMIs.
    pub const NMI: u32 = 1 << 1;
    /// System management interrupts.
    pub const SMI: u32 = 1 << 2;
    /// INIT.
    pub const INIT: u32 = 1 << 3;
    /// RDPMC.
    pub const RDPMC: u32 = 1 << 15;
    /// CPUID.
    pub const CPUID: u32 = 1 << 18;
    /// RSM.
    pub const RSM: u32 = 1 << 19;
    /// INVD.
    pub const INVD: u32 = 1 << 22;
    /// HLT.
    pub const HLT: u32 = 1 << 24;
    /// INVLPG.
    pub const INVLPG: u32 = 1 << 25;
    /// INVLPGA.
    pub const INVLPGA: u32 = 1 << 26;
    /// I/O to the ports of the permission map.
    pub const IOIO: u32 = 1 << 27;
    /// RDMSR and WRMSR of the MSRs of the permission map.
    pub const MSR: u32 = 1 << 28;
    /// Task switches.
    pub const TASK_SWITCH: u32 = 1 << 29;
    /// FERR.
    pub const FERR_FREEZE: u32 = 1 << 30;
    /// Shutdown: a triple fault.
    pub const SHUTDOWN: u32 = 1 << 31;

    /// In word 1: VMRUN, without which there is no VMRUN.
    pub const VMRUN: u32 = 1 << 0;
    /// VMMCALL: the hypercall.
    pub const VMMCALL: u32 = 1 << 1;
    /// VMLOAD.
    pub const VMLOAD: u32 = 1 << 2;
    /// VMSAVE.
    pub const VMSAVE: u32 = 1 << 3;
    /// STGI.
    pub const STGI: u32 = 1 << 4;
    /// CLGI.
    pub const CLGI: u32 = 1 << 5;
    /// SKINIT.
    pub const SKINIT: u32 = 1 << 6;
    /// ICEBP.
    pub const ICEBP: u32 = 1 << 8;
    /// WBINVD.
    pub const WBINVD: u32 = 1 << 9;
    /// MONITOR.
    pub const MONITOR: u32 = 1 << 10;
    /// MWAIT.
    pub const MWAIT: u32 = 1 << 11;
    /// XSETBV.
    pub const XSETBV: u32 = 1 << 13;
}

/// What VMRUN does to the TLB (APM vol. 2, table 15-9).
pub mod tlb {
    /// Nothing.
    pub const KEEP: u32 = 0;
    /// Flushes all of it, the host's too.
    pub const FLUSH_ALL: u32 = 1;
}

/// In [`Control::virtual_interrupts`]: physical interrupts go by the host's RFLAGS.IF, whatever the guest's is
/// (APM vol. 2, 15.21.1).
pub const V_INTR_MASKING: u64 = 1 << 24;

/// In [`Control::virtual_interrupts`]: an interrupt that waits until the guest lets it in, whatever its task priority
/// (APM vol. 2, 15.21.4). The processor takes it away when it is delivered.
pub const fn virtual_interrupt(vector: u8) -> u64 {
    const V_IRQ: u64 = 1 << 8;
    const V_IGN_TPR: u64 = 1 << 20;
    V_IRQ | V_IGN_TPR | (vector as u64) << 32
}

/// In [`Control::nested`]: nested paging (APM vol. 2, 15.25.3).
pub const NESTED_PAGING: u64 = 1;

/// In [`Control::inject`] and [`Control::exit_interrupt`]: there is an event (APM vol. 2, 15.20).
const VALID: u64 = 1 << 31;

/// What VMRUN delivers to the guest as an external interrupt, whose type is 0.
pub const fn inject_interrupt(vector: u8) -> u64 {
    VALID | vector as u64
}

/// Whether a field holds an event.
pub const fn is_event(field: u64) -> bool {
    field & VALID != 0
}
