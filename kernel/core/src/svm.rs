//! What a VMM for AMD SVM decides without touching the machine: whether there is SVM, what an exit means, and where
//! the guest goes on behind an instruction that it exited at (AMD APM vol. 2, chapter 15 and appendix C).

use core::fmt;

/// What CPUID and VM_CR say of virtualisation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// CPUID 8000_0001h, ECX bit 2.
    pub svm: bool,
    /// CPUID 1, ECX bit 5: Intel's.
    pub vmx: bool,
    /// VM_CR bit 4 (SVMDIS): the firmware has turned SVM off.
    pub disabled: bool,
    /// CPUID 8000_000Ah, EBX: address space names, the host's among them.
    pub asids: u32,
    /// CPUID 8000_000Ah, EDX.
    pub extensions: u32,
}

/// What there is beside SVM itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Svm {
    /// Nested paging (EDX bit 0).
    pub nested_paging: bool,
    /// The processor saves where the next instruction is (EDX bit 3).
    pub saves_next_rip: bool,
    /// How many guests can have a name in the TLB at once.
    pub guests: u32,
}

/// Why there are no guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSvm {
    /// The other vendor's.
    Vmx,
    /// None at all.
    Neither,
    /// There, but turned off.
    Disabled,
    /// There, but without room for two guests.
    TooFewAsids {
        /// How many there are.
        asids: u32,
    },
}

impl fmt::Display for NoSvm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vmx => f.write_str(
                "this CPU has Intel's VMX (CPUID 1, ECX bit 5), which is not supported; AMD's SVM is what guests \
                 run under here",
            ),
            Self::Neither => f.write_str(
                "this CPU has no SVM (CPUID 8000_0001h, ECX bit 2); QEMU's emulation has it with -cpu max",
            ),
            Self::Disabled => f.write_str("the firmware has turned SVM off (VM_CR, SVMDIS)"),
            Self::TooFewAsids { asids } => {
                write!(f, "this CPU has {asids} address space names (CPUID 8000_000Ah, EBX); two guests take 3")
            }
        }
    }
}

impl Features {
    /// What guests can be run with.
    ///
    /// # Errors
    ///
    /// [`NoSvm`] says why there can be none.
    pub const fn decide(self) -> Result<Svm, NoSvm> {
        const NESTED_PAGING: u32 = 1 << 0;
        const NEXT_RIP: u32 = 1 << 3;
        const FOR_HOST_AND_TWO_GUESTS: u32 = 3;
        if !self.svm {
            return Err(if self.vmx { NoSvm::Vmx } else { NoSvm::Neither });
        }
        if self.disabled {
            return Err(NoSvm::Disabled);
        }
        if self.asids < FOR_HOST_AND_TWO_GUESTS {
            return Err(NoSvm::TooFewAsids { asids: self.asids });
        }
        Ok(Svm {
            nested_paging: self.extensions & NESTED_PAGING != 0,
            saves_next_rip: self.extensions & NEXT_RIP != 0,
            guests: self.asids - 1,
        })
    }
}

/// Why a guest exited, as the processor writes it (APM vol. 2, appendix C).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitCode(pub u64);

impl ExitCode {
    /// The page fault's exception.
    pub const PAGE_FAULT: Self = Self(Self::EXCEPTIONS + 14);
    /// A physical interrupt.
    pub const INTR: Self = Self(0x60);
    /// A physical NMI.
    pub const NMI: Self = Self(0x61);
    /// CPUID.
    pub const CPUID: Self = Self(0x72);
    /// HLT.
    pub const HLT: Self = Self(0x78);
    /// IN, OUT and their like.
    pub const IOIO: Self = Self(0x7b);
    /// RDMSR or WRMSR.
    pub const MSR: Self = Self(0x7c);
    /// A triple fault.
    pub const SHUTDOWN: Self = Self(0x7f);
    /// VMRUN.
    pub const VMRUN: Self = Self(0x80);
    /// VMMCALL: a hypercall.
    pub const VMMCALL: Self = Self(0x81);
    /// A fault in the nested tables.
    pub const NESTED_PAGE_FAULT: Self = Self(0x400);
    /// The VMCB is none that could be run.
    pub const INVALID: Self = Self(u64::MAX);

    const CR_READS: u64 = 0x00;
    const CR_WRITES: u64 = 0x10;
    const DR_READS: u64 = 0x20;
    const DR_WRITES: u64 = 0x30;
    const EXCEPTIONS: u64 = 0x40;
    const EXCEPTIONS_END: u64 = 0x60;

    /// Bytes of the instruction that exits with this code; `None` where there is none, or where its length is not
    /// known.
    ///
    /// Without prefixes. A guest that puts one before it goes on in the middle of its own instruction, which harms
    /// nobody else.
    pub const fn instruction_bytes(self) -> Option<u64> {
        match self {
            Self::HLT => Some(1),
            Self::CPUID | Self::MSR => Some(2),
            Self::VMMCALL | Self::VMRUN => Some(3),
            _ => None,
        }
    }

    /// The instruction that exits with this code, by its name; `None` where it is no instruction.
    pub const fn instruction(self) -> Option<&'static str> {
        Some(match self.0 {
            0x00..=0x0f => "MOV from a control register",
            0x10..=0x1f | 0x65 => "MOV to a control register",
            0x20..=0x2f => "MOV from a debug register",
            0x30..=0x3f => "MOV to a debug register",
            0x66 => "SIDT",
            0x67 => "SGDT",
            0x68 => "SLDT",
            0x69 => "STR",
            0x6a => "LIDT",
            0x6b => "LGDT",
            0x6c => "LLDT",
            0x6d => "LTR",
            0x6e => "RDTSC",
            0x6f => "RDPMC",
            0x70 => "PUSHF",
            0x71 => "POPF",
            0x72 => "CPUID",
            0x73 => "RSM",
            0x74 => "IRET",
            0x75 => "INT",
            0x76 => "INVD",
            0x77 => "PAUSE",
            0x78 => "HLT",
            0x79 => "INVLPG",
            0x7a => "INVLPGA",
            0x7b => "IN or OUT",
            0x7c => "RDMSR or WRMSR",
            0x80 => "VMRUN",
            0x81 => "VMMCALL",
            0x82 => "VMLOAD",
            0x83 => "VMSAVE",
            0x84 => "STGI",
            0x85 => "CLGI",
            0x86 => "SKINIT",
            0x87 => "RDTSCP",
            0x88 => "ICEBP",
            0x89 => "WBINVD",
            0x8a => "MONITOR",
            0x8b | 0x8c => "MWAIT",
            0x8d => "XSETBV",
            0x8e => "RDPRU",
            _ => return None,
        })
    }

    /// The exception's vector, where it is one.
    pub const fn exception(self) -> Option<u8> {
        match self.0 {
            Self::EXCEPTIONS..Self::EXCEPTIONS_END => Some((self.0 - Self::EXCEPTIONS) as u8),
            _ => None,
        }
    }

    /// The control or debug register, where the exit is an access to one.
    pub const fn register(self) -> Option<(&'static str, u8)> {
        const NUMBERS: u64 = 0xf;
        let kind = match self.0 & !NUMBERS {
            Self::CR_READS | Self::CR_WRITES => "CR",
            Self::DR_READS | Self::DR_WRITES => "DR",
            _ => return None,
        };
        Some((kind, (self.0 & NUMBERS) as u8))
    }
}

/// Where a guest goes on behind the instruction that it exited at: what the processor saved, where it saves that;
/// else as many bytes further as the instruction has. `None` where nobody knows.
pub const fn next_rip(code: ExitCode, rip: u64, saved: Option<u64>) -> Option<u64> {
    match (saved, code.instruction_bytes()) {
        (Some(next), _) => Some(next),
        (None, Some(bytes)) => Some(rip.wrapping_add(bytes)),
        (None, None) => None,
    }
}

/// How memory was touched, by a page fault's error code (APM vol. 2, 8.4.2, and for nested tables 15.25.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read.
    Read,
    /// Written to.
    Write,
    /// Executed.
    Execute,
}

impl Access {
    /// By the error code.
    pub const fn of(error_code: u64) -> Self {
        const WRITE: u64 = 1 << 1;
        const FETCH: u64 = 1 << 4;
        if error_code & FETCH != 0 {
            Self::Execute
        } else if error_code & WRITE != 0 {
            Self::Write
        } else {
            Self::Read
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "wrote to",
            Self::Execute => "executed",
        })
    }
}

/// Why a guest was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It touched what is none of its memory.
    OutsideItsMemory {
        /// How.
        access: Access,
        /// Where: guest-physical with nested paging, else as the guest addresses it.
        address: u64,
        /// Whether nested tables said no (#NPF), or the guest's own, which the VMM holds (#PF).
        nested: bool,
    },
    /// It executed what is not for guests.
    Forbidden {
        /// The instruction's exit.
        code: ExitCode,
        /// EXITINFO1: for I/O which port, for MSRs whether written.
        info: u64,
        /// The guest's RCX: for MSRs which.
        rcx: u64,
    },
    /// It did not give the CPU back within its quantum.
    QuantumIsOver,
    /// A triple fault.
    Shutdown,
    /// It made a call that there is not.
    UnknownCall {
        /// RAX.
        number: u64,
    },
    /// It found a sequence number other than the one due.
    WrongNumber {
        /// The one due.
        expected: u64,
        /// The one that came.
        found: u64,
    },
    /// Its state could not be run.
    Invalid,
    /// Anything else.
    Unexpected {
        /// The exit.
        code: ExitCode,
    },
}

impl Stop {
    /// What an exit that a VMM does not serve says of the guest. `rcx` is the guest's.
    pub const fn of(code: ExitCode, info_1: u64, info_2: u64, rcx: u64) -> Self {
        match code {
            ExitCode::NESTED_PAGE_FAULT | ExitCode::PAGE_FAULT => Self::OutsideItsMemory {
                access: Access::of(info_1),
                address: info_2,
                nested: matches!(code, ExitCode::NESTED_PAGE_FAULT),
            },
            ExitCode::SHUTDOWN => Self::Shutdown,
            ExitCode::INVALID => Self::Invalid,
            _ if code.instruction().is_some() => Self::Forbidden { code, info: info_1, rcx },
            _ => Self::Unexpected { code },
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::OutsideItsMemory { access, address, nested } => {
                let fault = if nested { "#NPF" } else { "#PF" };
                write!(f, "it {access} {address:#x}, which is none of its memory ({fault})")
            }
            Self::Forbidden { code, info, rcx } => {
                let instruction = code.instruction().unwrap_or("an instruction");
                write!(f, "it executed {instruction}")?;
                if let Some((kind, number)) = code.register() {
                    write!(f, ", {kind}{number}")?;
                }
                match code {
                    // The port is the upper half (APM vol. 2, 15.10.2).
                    ExitCode::IOIO => write!(f, ", port {:#x}", info >> 16)?,
                    ExitCode::MSR => write!(f, ", MSR {:#x}", rcx as u32)?,
                    _ => {}
                }
                f.write_str(", which is not for guests")
            }
            Self::QuantumIsOver => f.write_str("it did not give the CPU back within its quantum"),
            Self::Shutdown => f.write_str("a triple fault (shutdown)"),
            Self::UnknownCall { number } => write!(f, "it made hypercall {number}, which there is not"),
            Self::WrongNumber { expected, found } => {
                write!(f, "sequence number: expected {expected}, found {found}")
            }
            Self::Invalid => f.write_str("its state is none that a processor could be in"),
            Self::Unexpected { code } => match code.exception() {
                Some(vector) => write!(f, "it raised exception {vector}, which ends a guest"),
                None => write!(f, "it exited with code {:#x}, which nothing asked for", code.0),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    const QEMU_7_2: Features = Features { svm: true, vmx: false, disabled: false, asids: 16, extensions: 1 };

    #[test]
    fn svm_has_what_its_leaf_says() {
        let svm = QEMU_7_2.decide().unwrap();
        assert_eq!(svm, Svm { nested_paging: true, saves_next_rip: false, guests: 15 });
        let svm = Features { extensions: 1 << 3, ..QEMU_7_2 }.decide().unwrap();
        assert_eq!((svm.nested_paging, svm.saves_next_rip), (false, true));
    }

    #[test]
    fn what_is_missing_is_named() {
        let none = Features::default();
        assert_eq!(none.decide(), Err(NoSvm::Neither));
        let vmx = Features { vmx: true, ..none }.decide().unwrap_err();
        assert_eq!(vmx, NoSvm::Vmx);
        assert!(vmx.to_string().contains("VMX") && vmx.to_string().contains("not supported"), "{vmx}");
        assert_eq!(Features { disabled: true, ..QEMU_7_2 }.decide(), Err(NoSvm::Disabled));
        assert_eq!(Features { asids: 2, ..QEMU_7_2 }.decide(), Err(NoSvm::TooFewAsids { asids: 2 }));
        // Both vendors' is no CPU that there is, but SVM is what counts.
        assert!(Features { vmx: true, ..QEMU_7_2 }.decide().is_ok());
    }

    #[test]
    fn guest_goes_on_behind_its_instruction() {
        // F4; 0F A2; 0F 30 and 0F 32; 0F 01 D9.
        for (code, bytes) in
            [(ExitCode::HLT, 1), (ExitCode::CPUID, 2), (ExitCode::MSR, 2), (ExitCode::VMMCALL, 3)]
        {
            assert_eq!(next_rip(code, 0x4000, None), Some(0x4000 + bytes), "{code:?}");
            assert_eq!(
                next_rip(code, 0x4000, Some(0x4010)),
                Some(0x4010),
                "{code:?}: the processor knows better"
            );
        }
        assert_eq!(next_rip(ExitCode::INTR, 0x4000, None), None);
        assert_eq!(next_rip(ExitCode::IOIO, 0x4000, None), None);
    }

    #[test]
    fn stops_are_named() {
        let said = |code, info_1, info_2| Stop::of(code, info_1, info_2, 0xc000_0080).to_string();
        // 15.25.6: present 0, write, user; and the walk of the final address.
        let outside = said(ExitCode::NESTED_PAGE_FAULT, 1 << 32 | 0b110, 0x20_0000);
        assert_eq!(outside, "it wrote to 0x200000, which is none of its memory (#NPF)");
        let outside = said(ExitCode::PAGE_FAULT, 1 << 4, 0x20_0000);
        assert_eq!(outside, "it executed 0x200000, which is none of its memory (#PF)");
        assert_eq!(
            said(ExitCode::IOIO, 0x3f8 << 16 | 1 << 4, 0),
            "it executed IN or OUT, port 0x3f8, which is not for guests"
        );
        assert_eq!(
            said(ExitCode::MSR, 1, 0),
            "it executed RDMSR or WRMSR, MSR 0xc0000080, which is not for guests"
        );
        assert_eq!(
            said(ExitCode(0x13), 0, 0),
            "it executed MOV to a control register, CR3, which is not for guests"
        );
        assert_eq!(said(ExitCode::SHUTDOWN, 0, 0), "a triple fault (shutdown)");
        assert_eq!(said(ExitCode(0x51), 0, 0), "it raised exception 17, which ends a guest");
        assert_eq!(said(ExitCode(0x62), 0, 0), "it exited with code 0x62, which nothing asked for");
    }

    #[test]
    fn exceptions_are_told_from_instructions() {
        assert_eq!(ExitCode(0x46).exception(), Some(6));
        assert_eq!(ExitCode(0x46).instruction(), None);
        assert_eq!(ExitCode::INTR.exception(), None);
        assert_eq!(ExitCode(0x34).register(), Some(("DR", 4)));
        assert_eq!(ExitCode(0x44).register(), None);
    }
}
