//! What QEMU's monitor says of a CPU and of its local APIC, read from the texts that it has for people: QMP has neither.
//! They are the same from QEMU 7.2 to 10.

/// Of `info registers`, what tells what a CPU does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    /// Where it is.
    pub rip: u64,
    /// Its flags.
    pub rflags: u64,
    /// Its stack.
    pub rsp: u64,
    /// All that may hold an address, `rsp` among them.
    pub general: Vec<u64>,
    /// Whether it halts.
    pub is_halted: bool,
    /// 0 is the kernel.
    pub ring: u8,
    /// It has not got out of real mode: it waits to be started, or has just been.
    pub is_in_real_mode: bool,
    /// Where its task state segment is.
    pub task_segment: u64,
}

/// RFLAGS.IF (Intel SDM vol. 1, 3.4.3).
const INTERRUPT_FLAG: u64 = 1 << 9;
/// CR0.PE (Intel SDM vol. 3, 2.5).
const PROTECTION_ENABLE: u64 = 1;

impl Registers {
    /// From the text of `info registers`; `None` where something is missing.
    pub fn parse(text: &str) -> Option<Self> {
        let either = |long: &str, short: &str| hex(text, long).or_else(|| hex(text, short));
        let names = ["RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "R8", "R9", "R10", "R11", "R12", "R13"];
        let names = names.into_iter().chain(["R14", "R15", "RSP"]);
        Some(Self {
            rip: either("RIP", "EIP")?,
            rflags: either("RFL", "EFL")?,
            rsp: either("RSP", "ESP")?,
            general: names.filter_map(|name| hex(text, name)).collect(),
            is_halted: hex(text, "HLT")? != 0,
            ring: u8::try_from(hex(text, "CPL")?).ok()?,
            is_in_real_mode: hex(text, "CR0")? & PROTECTION_ENABLE == 0,
            // Selector, base, limit and attributes.
            task_segment: from_hex(line(text, "TR")?.split_whitespace().nth(1)?)?,
        })
    }

    /// Whether an interrupt would be taken.
    pub const fn has_interrupts_on(&self) -> bool {
        self.rflags & INTERRUPT_FLAG != 0
    }
}

/// Of `info lapic`, what tells which interrupts came and went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lapic {
    /// The vector that was sent last; `None` where none was, or an INIT or start-up.
    pub sent: Option<u8>,
    /// To the CPU of which APIC id, where to one.
    pub sent_to: Option<u32>,
    /// Taken, and not acknowledged yet.
    pub in_service: Vec<u8>,
    /// Arrived, and not taken yet.
    pub pending: Vec<u8>,
}

/// Delivery mode of a command: 0 is a vector as it is (Intel SDM vol. 3, 11.6.1).
const DELIVERY_MODE: u32 = 0b111 << 8;
/// Destination shorthand.
const SHORTHAND: u32 = 0b11 << 18;

impl Lapic {
    /// From the text of `info lapic`; `None` where something is missing.
    pub fn parse(text: &str) -> Option<Self> {
        let command = word(line(text, "ICR")?)?;
        let to = receiver(word(line(text, "ICR2")?)?);
        let is_vector = command & DELIVERY_MODE == 0 && command & 0xff != 0;
        let to_one = is_vector && command & SHORTHAND == 0;
        Some(Self {
            sent: is_vector.then_some(command as u8),
            sent_to: to_one.then_some(to),
            in_service: vectors(line(text, "ISR")?),
            pending: vectors(line(text, "IRR")?),
        })
    }
}

/// The hexadecimal number behind `name` and `=`, between which a space may stand.
fn hex(text: &str, name: &str) -> Option<u64> {
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let Some(rest) = word.strip_prefix(name) else { continue };
        let value = match (rest, words.peek()) {
            ("", Some(next)) => next.strip_prefix('='),
            (rest, _) => rest.strip_prefix('='),
        };
        if let Some(value) = value {
            return from_hex(value);
        }
    }
    None
}

fn from_hex(digits: &str) -> Option<u64> {
    u64::from_str_radix(digits, 16).ok()
}

/// What stands behind this name, which begins a line.
fn line<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(['\t', ' ']))
}

fn word(text: &str) -> Option<u32> {
    let digits = text.split_whitespace().next()?.strip_prefix("0x")?;
    u32::from_str_radix(digits, 16).ok()
}

/// The id in the high half of a command. It says not which mode it is for, in which the id has 32 bits, or 8 and those
/// are the highest; QEMU's own words for it follow what the CPU could do. No machine of ours has 2^24 CPUs.
fn receiver(high: u32) -> u32 {
    if high < 1 << 24 { high } else { high >> 24 }
}

/// Vectors in decimal, some with a word in brackets; `(none)` is none.
fn vectors(text: &str) -> Vec<u8> {
    let digits = |word: &str| word.split('(').next().and_then(|digits| digits.parse().ok());
    text.split_whitespace().filter_map(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As QEMU 7.2 says it, cut to what is not zero.
    const HALTED: &str = "\r\nCPU#1\r\n\
        RAX=ffff80000028a1c0 RBX=ffff80000028a040 RCX=ffff800000262100 RDX=0000000000000002\r\n\
        RSI=0000000000000009 RDI=ffff80000028a040 RBP=000000000002ef6b RSP=ffffa00000047f80\r\n\
        R8 =0000000000000001 R9 =0000000000000003 R10=ffff8000002873e8 R11=ffff800000287240\r\n\
        R12=ffffffff800c2310 R13=ffff8000002873c0 R14=7fffffffffffffc0 R15=0000000000000002\r\n\
        RIP=ffffffff8005e9bb RFL=00000206 [-----P-] CPL=0 II=0 A20=1 SMM=0 HLT=1\r\n\
        CS =0008 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]\r\n\
        TR =0028 ffff8000002624b0 00000067 00008900 DPL=0 TSS64-avl\r\n\
        CR0=80010031 CR2=0000000000000000 CR3=000000000015c000 CR4=00000020\r\n";
    /// A CPU that nobody started.
    const NOT_STARTED: &str = "\r\nCPU#2\r\n\
        EAX=00000000 EBX=00000000 ECX=00000000 EDX=00060fb1\r\n\
        ESI=00000000 EDI=00000000 EBP=00000000 ESP=00000000\r\n\
        EIP=0000fff0 EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=1\r\n\
        TR =0000 00000000 0000ffff 00008b00\r\n\
        CR0=60000010 CR2=00000000 CR3=00000000 CR4=00000000\r\n";
    const LAPIC: &str = "dumping local APIC state for CPU 1 \r\n\r\n\
        LVT0\t 0x00010000 active-hi edge  masked                      Fixed  (vec 0)\r\n\
        Timer\t DCR=0x0 (divide by 2) initial_count = 0 current_count = 0\r\n\
        SPIV\t 0x000001ff APIC enabled, focus=off, spurious vec 255\r\n\
        ICR\t 0x00004050 physical edge assert no-shorthand\r\n\
        ICR2\t 0x02000000 cpu 2 (APIC ID)\r\n\
        ESR\t 0x00000000\r\n\
        ISR\t 72 81(level) \r\n\
        IRR\t 80 \r\n\r\n\
        APR 0x00 TPR 0x00 DFR 0x0f LDR 0x00 PPR 0x00\r\n";

    #[test]
    fn halted_cpu_is_read() {
        let registers = Registers::parse(HALTED).unwrap();
        assert_eq!((registers.rip, registers.rsp), (0xffff_ffff_8005_e9bb, 0xffff_a000_0004_7f80));
        assert!(registers.is_halted && registers.has_interrupts_on() && !registers.is_in_real_mode);
        assert_eq!(registers.task_segment, 0xffff_8000_0026_24b0);
        assert_eq!((registers.ring, registers.general.len()), (0, 16));
        assert_eq!(registers.general[7..9], [1, 3]);
    }

    #[test]
    fn flags_are_told_from_each_other() {
        let spinning = HALTED.replace("RFL=00000206", "RFL=00000046").replace("HLT=1", "HLT=0");
        let registers = Registers::parse(&spinning.replace("CPL=0", "CPL=3")).unwrap();
        assert!(!registers.is_halted && !registers.has_interrupts_on());
        assert_eq!(registers.ring, 3);
    }

    #[test]
    fn cpu_that_was_not_started_is_in_real_mode() {
        let registers = Registers::parse(NOT_STARTED).unwrap();
        assert!(registers.is_in_real_mode && registers.is_halted);
        assert_eq!(registers.rip, 0xfff0);
    }

    #[test]
    fn text_without_something_is_not_read() {
        for name in ["RIP=", "RFL=", "RSP=", "CPL=", "HLT=", "TR ", "CR0="] {
            assert_eq!(Registers::parse(&HALTED.replacen(name, "no=", 1)), None, "without {name}");
        }
        for name in ["ICR\t", "ICR2", "ISR", "IRR"] {
            assert_eq!(Lapic::parse(&LAPIC.replacen(name, "no", 1)), None, "without {name}");
        }
        assert_eq!(Lapic::parse("local apic state not available\r\n"), None);
    }

    #[test]
    fn lapic_is_read() {
        let lapic = Lapic::parse(LAPIC).unwrap();
        let expected =
            Lapic { sent: Some(0x50), sent_to: Some(2), in_service: [72, 81].into(), pending: [80].into() };
        assert_eq!(lapic, expected);
        let idle = LAPIC.replace("72 81(level) ", "(none)").replace("80 \r", "(none)\r");
        let lapic = Lapic::parse(&idle).unwrap();
        assert!(lapic.in_service.is_empty() && lapic.pending.is_empty());
    }

    #[test]
    fn receiver_is_known_in_both_modes() {
        let of_feature = LAPIC.replace("0x02000000 cpu 2 (APIC ID)", "0x02000000 cpu 33554432 (X2APIC ID)");
        assert_eq!(Lapic::parse(&of_feature).unwrap().sent_to, Some(2));
        let x2apic = LAPIC.replace("0x02000000 cpu 2 (APIC ID)", "0x00000102 cpu 258 (X2APIC ID)");
        assert_eq!(Lapic::parse(&x2apic).unwrap().sent_to, Some(258));
    }

    #[test]
    fn start_up_and_nmi_are_no_vectors_and_a_shorthand_is_to_no_one() {
        let sent = |icr: &str| {
            let lapic = Lapic::parse(&LAPIC.replace("0x00004050", icr)).unwrap();
            (lapic.sent, lapic.sent_to)
        };
        assert_eq!(sent("0x00004608"), (None, None), "start-up at page 8");
        assert_eq!(sent("0x000c4400"), (None, None), "NMI to all others");
        assert_eq!(sent("0x00044048"), (Some(0x48), None), "to itself");
        assert_eq!(sent("0x00000000"), (None, None), "nothing");
    }
}
