//! A guest's processor.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use switchlab_core::svm::{ExitCode, Stop, next_rip};
use x86_64::registers::{
    control::{Cr0Flags, Cr4Flags},
    model_specific::EferFlags,
    rflags::RFlags,
};

use super::{
    Host, Image, Why,
    image::call,
    memory::{self, Memory, Paging},
    pages::Page,
};
use crate::arch::{
    fpu::FpuState,
    interrupts,
    svm::{self, Registers, Save, Segment, Vmcb, World, intercept, tlb},
    tsc,
};

/// A guest: its memory, and its only processor.
#[derive(Debug)]
pub struct Vcpu {
    world: World,
    /// Laid over `page`.
    vmcb: &'static mut Vmcb,
    _page: Page,
    memory: Memory,
    asid: Asid,
    /// Its x87 and SSE registers, where it has any.
    fpu: Option<Box<FpuState>>,
    /// Whether the processor tells where the next instruction is.
    saves_next_rip: bool,
    /// How often it was entered.
    entries: u64,
    /// How often it was given an interrupt.
    wake_ups: u64,
    /// How long it may run at once, in TSC ticks, from the first interrupt that comes.
    quantum: u64,
}

/// Why a guest gave the CPU back, or was made to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It sent this number, and waits for one.
    Sent(u64),
    /// It posted this number, and goes on.
    Posted(u64),
    /// It halted.
    Halted,
    /// It did what it may not; it goes on no more.
    Stopped(Stop),
}

/// Whether a guest has x87 and SSE registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fpu {
    /// It has none.
    Absent,
    /// They are swapped whenever it is entered, and when it gives the CPU back.
    Eager,
}

/// How a guest gets an interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// VMRUN itself delivers it (EVENTINJ).
    Injected,
    /// It is pending in the guest's virtual interrupt controller (V_IRQ), and taken when the guest lets it in.
    Virtual,
}

/// What a guest may not write itself, since no MSR is for guests to write: a VMM's own guest gets it from its VMM.
///
/// VMLOAD loads all but the last, VMRUN that one, and with nested paging only (APM vol. 2, 15.5.2 and 15.25.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "registers")]
pub struct SystemRegisters {
    pub kernel_gs_base: u64,
    pub star: u64,
    pub lstar: u64,
    pub cstar: u64,
    pub sfmask: u64,
    pub sysenter_cs: u64,
    pub sysenter_esp: u64,
    pub sysenter_eip: u64,
    pub pat: u64,
}

/// The guest has interrupts off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Masked;

impl Vcpu {
    /// A guest that has not begun, without an FPU.
    ///
    /// # Errors
    ///
    /// [`Why`] there can be none.
    pub fn new(host: &Host, image: &Image, paging: Paging) -> Result<Self, Why> {
        Self::new_with(host, image, paging, Fpu::Absent)
    }

    /// A guest that has not begun.
    ///
    /// # Errors
    ///
    /// [`Why`] there can be none.
    pub fn new_with(host: &Host, image: &Image, paging: Paging, fpu: Fpu) -> Result<Self, Why> {
        if paging == Paging::Nested && !host.svm().nested_paging {
            return Err(Why::NoNestedPaging);
        }
        let asid = Asid::take(host.svm().guests)?;
        let (memory, page) = (Memory::with(image)?, Page::take()?);
        // SAFETY: the page is one, all 0, and nobody else's until this is dropped.
        let vmcb = unsafe { page.as_ptr().cast::<Vmcb>().as_mut() };
        let mut vcpu = Self {
            world: World { guest: page.physical(), host: 0, registers: Registers::default() },
            vmcb,
            _page: page,
            memory,
            asid,
            fpu: (fpu == Fpu::Eager).then(|| Box::new(FpuState::initial())),
            saves_next_rip: host.svm().saves_next_rip,
            entries: 0,
            wake_ups: 0,
            quantum: u64::MAX,
        };
        vcpu.write_control(host, paging);
        vcpu.write_save(image, paging);
        Ok(vcpu)
    }

    /// Lets it run no longer than so many TSC ticks at once, once an interrupt has come. Who sets this sees to it that
    /// interrupts come.
    pub fn set_quantum(&mut self, ticks: u64) {
        self.quantum = ticks;
    }

    /// The guest's RDI: where a number goes.
    #[inline(always)]
    pub fn deliver(&mut self, number: u64) {
        self.world.registers.rdi = number;
    }

    /// How often VMRUN entered it so far.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Gives it the interrupt [`WAKE_UP`](memory::WAKE_UP) when it is entered next.
    ///
    /// # Errors
    ///
    /// [`Masked`] where it does not let interrupts in: a halt would never end then, and an event that is injected is
    /// delivered without a look at the flag (APM vol. 2, 15.20).
    #[inline(always)]
    pub fn wake(&mut self, interrupt: Interrupt) -> Result<(), Masked> {
        let control = &mut self.vmcb.control;
        if self.vmcb.save.rflags & RFlags::INTERRUPT_FLAG.bits() == 0 || control.interrupt_shadow != 0 {
            return Err(Masked);
        }
        match interrupt {
            Interrupt::Injected => control.inject = svm::inject_interrupt(memory::WAKE_UP),
            Interrupt::Virtual => control.virtual_interrupts |= svm::virtual_interrupt(memory::WAKE_UP),
        }
        self.wake_ups += 1;
        Ok(())
    }

    /// How often it was given an interrupt so far.
    pub fn wake_ups(&self) -> u64 {
        self.wake_ups
    }

    /// Its general registers but RAX and RSP.
    pub fn registers(&self) -> &Registers {
        &self.world.registers
    }

    /// The rest of its processor's state, as its last exit left it.
    pub fn saved(&self) -> &Save {
        &self.vmcb.save
    }

    /// Gives it these registers, and lets it use SYSCALL, which goes by them. All are its own: they lead nowhere but
    /// where its tables do, and the host's come back behind each exit.
    pub fn set_system_registers(&mut self, registers: &SystemRegisters) {
        let save = &mut self.vmcb.save;
        save.kernel_gs_base = registers.kernel_gs_base;
        (save.star, save.lstar, save.cstar) = (registers.star, registers.lstar, registers.cstar);
        save.sfmask = registers.sfmask;
        save.sysenter_cs = registers.sysenter_cs;
        save.sysenter_esp = registers.sysenter_esp;
        save.sysenter_eip = registers.sysenter_eip;
        save.pat = registers.pat;
        save.efer |= EferFlags::SYSTEM_CALL_EXTENSIONS.bits();
    }

    /// Its memory.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Runs it until it gives the CPU back.
    ///
    /// # Panics
    ///
    /// For a guest with an FPU on a host that [allows](Host::allow_fpu) none.
    #[inline(always)]
    pub fn enter(&mut self, host: &mut Host) -> Exit {
        if self.fpu.is_some() { self.enter_with_fpu(host) } else { self.run(host) }
    }

    /// Swaps the FPU's registers around the guest, whether it uses them or not.
    #[inline(never)]
    fn enter_with_fpu(&mut self, host: &mut Host) -> Exit {
        assert!(host.has_fpu(), "the host allows guests no FPU");
        if let Some(fpu) = &self.fpu {
            // SAFETY: the host allows it, and has saved what was there before.
            unsafe { fpu.restore() };
        }
        let exit = self.run(host);
        if let Some(fpu) = &mut self.fpu {
            // SAFETY: as above.
            unsafe { fpu.save() };
        }
        exit
    }

    /// Runs it until it gives the CPU back.
    #[inline(always)]
    fn run(&mut self, host: &mut Host) -> Exit {
        self.world.host = host.vmcb();
        let mut until = None;
        loop {
            // SAFETY: `host` stands for SVM being on on this CPU, with its own state saved. The VMCB is this guest's;
            // its tables lead to its own pages alone, and it exits at all that would lead elsewhere.
            unsafe { svm::run(&mut self.world, self.vmcb) };
            self.entries += 1;
            self.vmcb.control.tlb_control = tlb::KEEP;
            self.vmcb.control.inject = 0;
            let code = ExitCode(self.vmcb.control.exit_code);
            if code == ExitCode::VMMCALL {
                return self.called(code);
            }
            if let Some(exit) = self.look(code, &mut until) {
                return exit;
            }
        }
    }

    /// A hypercall.
    #[inline(always)]
    fn called(&mut self, code: ExitCode) -> Exit {
        let Registers { rdi, rsi, .. } = self.world.registers;
        match self.vmcb.save.rax {
            call::SEND => {
                self.advance(code);
                Exit::Sent(rdi)
            }
            call::POST => {
                self.advance(code);
                Exit::Posted(rdi)
            }
            call::WRONG => Exit::Stopped(Stop::WrongNumber { expected: rdi, found: rsi }),
            number => Exit::Stopped(Stop::UnknownCall { number }),
        }
    }

    /// All other exits; `None` where the guest goes on.
    #[inline(never)]
    fn look(&mut self, code: ExitCode, until: &mut Option<u64>) -> Option<Exit> {
        match code {
            ExitCode::INTR | ExitCode::NMI => {
                let interrupted = self.vmcb.control.exit_interrupt;
                if svm::is_event(interrupted) {
                    // What was on its way in comes again (APM vol. 2, 15.7.2).
                    self.vmcb.control.inject = interrupted;
                }
                // What is pending comes now.
                interrupts::window();
                let now = tsc::unfenced();
                let end = *until.get_or_insert(now.saturating_add(self.quantum));
                (now >= end).then_some(Exit::Stopped(Stop::QuantumIsOver))
            }
            ExitCode::HLT => {
                self.advance(code);
                Some(Exit::Halted)
            }
            ExitCode::CPUID => {
                self.tell_cpuid();
                self.advance(code);
                None
            }
            _ => {
                let control = &self.vmcb.control;
                let stop = Stop::of(code, control.exit_info_1, control.exit_info_2, self.world.registers.rcx);
                Some(Exit::Stopped(stop))
            }
        }
    }

    /// Puts the guest behind the instruction that it exited at.
    #[inline(always)]
    fn advance(&mut self, code: ExitCode) {
        let saved = self.saves_next_rip.then_some(self.vmcb.control.next_rip);
        let rip = self.vmcb.save.rip;
        self.vmcb.save.rip = next_rip(code, rip, saved).unwrap_or(rip);
        // The instruction is over, and with it the shadow of an STI before it.
        self.vmcb.control.interrupt_shadow = 0;
    }

    /// A guest sees a hypervisor's signature (leaf 4000_0000h) and no feature.
    fn tell_cpuid(&mut self) {
        const HYPERVISOR: u32 = 0x4000_0000;
        const SIGNATURE: [&[u8; 4]; 3] = [b"swit", b"chla", b"b VM"];
        let asked = self.vmcb.save.rax as u32;
        let registers = &mut self.world.registers;
        let [b, c, d] = if asked == HYPERVISOR {
            SIGNATURE.map(|bytes| u64::from(u32::from_le_bytes(*bytes)))
        } else {
            [0; 3]
        };
        self.vmcb.save.rax = if asked == HYPERVISOR { u64::from(HYPERVISOR) } else { 0 };
        (registers.rbx, registers.rcx, registers.rdx) = (b, c, d);
    }

    fn write_control(&mut self, host: &Host, paging: Paging) {
        const CR0: u16 = 1 << 0;
        const CR3: u16 = 1 << 3;
        const CR4: u16 = 1 << 4;
        const DEBUG: u32 = 1 << 1;
        const PAGE_FAULT: u32 = 1 << 14;
        const ALIGNMENT: u32 = 1 << 17;
        let control = &mut self.vmcb.control;
        control.intercepts = [
            intercept::INTR
                | intercept::NMI
                | intercept::SMI
                | intercept::INIT
                | intercept::RDPMC
                | intercept::CPUID
                | intercept::RSM
                | intercept::INVD
                | intercept::HLT
                | intercept::INVLPGA
                | intercept::IOIO
                | intercept::MSR
                | intercept::TASK_SWITCH
                | intercept::FERR_FREEZE
                | intercept::SHUTDOWN,
            intercept::VMRUN
                | intercept::VMMCALL
                | intercept::VMLOAD
                | intercept::VMSAVE
                | intercept::STGI
                | intercept::CLGI
                | intercept::SKINIT
                | intercept::ICEBP
                | intercept::WBINVD
                | intercept::MONITOR
                | intercept::MWAIT
                | intercept::XSETBV,
        ];
        // Each of them can be made to come again while it is delivered, for ever and with no interrupt in between
        // (CVE-2015-8104, CVE-2015-5307).
        control.intercept_exceptions = DEBUG | ALIGNMENT;
        // VMRUN leaves DR0 to DR3 alone, so they would be everybody's.
        control.intercept_dr_reads = u16::MAX;
        control.intercept_dr_writes = u16::MAX;
        // They say whether there is an FPU, and of what width.
        control.intercept_cr_writes = CR0 | CR4;
        (control.io_permissions, control.msr_permissions) = host.permissions();
        control.asid = self.asid.0;
        // Whoever had the name before is forgotten.
        control.tlb_control = tlb::FLUSH_ALL;
        control.virtual_interrupts = svm::V_INTR_MASKING;
        match paging {
            Paging::Nested => {
                control.nested = svm::NESTED_PAGING;
                control.nested_cr3 = self.memory.root();
            }
            Paging::Shadow => {
                // What it would find there is the VMM's.
                control.intercept_cr_reads = CR3;
                control.intercept_cr_writes |= CR3;
                control.intercept_exceptions |= PAGE_FAULT;
                control.intercepts[0] |= intercept::INVLPG;
            }
        }
    }

    /// The state in which a boot loader for 64-bit mode would leave it (APM vol. 2, 15.5.1 for what VMRUN checks).
    fn write_save(&mut self, image: &Image, paging: Paging) {
        /// 64-bit, present, accessed.
        const CODE: u16 = 0xa9b;
        const DATA: u16 = 0xc93;
        /// A busy TSS of 64-bit mode.
        const TASK: u16 = 0x8b;
        const LOCAL_TABLE: u16 = 0x82;
        /// What a reset leaves (APM vol. 2, table 14-1).
        const DR6: u64 = 0xffff_0ff0;
        const DR7: u64 = 0x400;
        const PAT: u64 = 0x0007_0406_0007_0406;
        let segment = |selector, attributes| Segment { selector, attributes, limit: u32::MAX, base: 0 };
        let table = |base, limit| Segment { base, limit, ..Segment::default() };
        let save = &mut self.vmcb.save;
        let data = segment(memory::DATA_SELECTOR, DATA);
        save.cs = segment(memory::CODE_SELECTOR, CODE);
        (save.ds, save.es, save.ss, save.fs, save.gs) = (data, data, data, data, data);
        save.gdtr = table(memory::GDT, memory::GDT_LIMIT);
        save.idtr = table(memory::IDT, memory::IDT_LIMIT);
        save.tr = Segment { attributes: TASK, ..Segment::default() };
        save.ldtr = Segment { attributes: LOCAL_TABLE, ..Segment::default() };
        save.efer = (EferFlags::LONG_MODE_ENABLE
            | EferFlags::LONG_MODE_ACTIVE
            | EferFlags::NO_EXECUTE_ENABLE
            // VMRUN asks for it.
            | EferFlags::SECURE_VIRTUAL_MACHINE_ENABLE)
            .bits();
        let (fpu_cr0, fpu_cr4) = if self.fpu.is_some() {
            (Cr0Flags::MONITOR_COPROCESSOR, Cr4Flags::OSFXSR | Cr4Flags::OSXMMEXCPT_ENABLE)
        } else {
            // Its registers are not among what is swapped then, so it must not get at them.
            (Cr0Flags::EMULATE_COPROCESSOR, Cr4Flags::empty())
        };
        save.cr0 = (fpu_cr0
            | Cr0Flags::PROTECTED_MODE_ENABLE
            | Cr0Flags::EXTENSION_TYPE
            | Cr0Flags::NUMERIC_ERROR
            | Cr0Flags::WRITE_PROTECT
            | Cr0Flags::PAGING)
            .bits();
        save.cr4 = (fpu_cr4 | Cr4Flags::PHYSICAL_ADDRESS_EXTENSION).bits();
        save.cr3 = match paging {
            Paging::Nested => memory::ROOT,
            Paging::Shadow => self.memory.root(),
        };
        (save.dr6, save.dr7, save.pat) = (DR6, DR7, PAT);
        /// Bit 1 is always set (APM vol. 2, 3.1.6).
        const RFLAGS: u64 = 1 << 1;
        save.rflags = RFLAGS;
        save.rip = image.entry();
        save.rsp = memory::STACK_TOP;
    }
}

/// A name of an address space in the TLB. Given back when dropped.
#[derive(Debug)]
struct Asid(u32);

/// Those in use, a bit for each; the host has 0.
static TAKEN: AtomicU32 = AtomicU32::new(1);

impl Asid {
    /// One of 1 to `guests`.
    fn take(guests: u32) -> Result<Self, Why> {
        loop {
            let taken = TAKEN.load(Relaxed);
            let asid = taken.trailing_ones();
            if asid > guests || asid == u32::BITS {
                return Err(Why::TooManyGuests);
            }
            // A name is a number and no more: what the TLB has by it is flushed at the first VMRUN.
            if TAKEN.compare_exchange(taken, taken | 1 << asid, Relaxed, Relaxed).is_ok() {
                return Ok(Self(asid));
            }
        }
    }
}

impl Drop for Asid {
    fn drop(&mut self) {
        TAKEN.fetch_and(!(1 << self.0), Relaxed);
    }
}
