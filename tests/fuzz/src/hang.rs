//! What a guest that hangs is asked by: QEMU's texts for people, and the guest's memory, which may hold anything by then.

use switchlab_records::outside::{MAGIC, Outside, PARKER_AWAITED};
use xtask::watchdog::{Kernel, Lapic, Memory, Registers};

/// As QEMU says them.
pub fn texts() -> Vec<Vec<u8>> {
    let registers = "\r\nCPU#1\r\n\
        RAX=ffff80000028a1c0 RBX=ffff80000028a040 RCX=ffff800000262100 RDX=0000000000000002\r\n\
        RSI=0000000000000009 RDI=ffff80000028a040 RBP=000000000002ef6b RSP=ffffa00000047f80\r\n\
        R8 =0000000000000001 R9 =0000000000000003 R10=ffff8000002873e8 R11=ffff800000287240\r\n\
        RIP=ffffffff8005e9bb RFL=00000206 [-----P-] CPL=0 II=0 A20=1 SMM=0 HLT=1\r\n\
        TR =0018 ffff800000278010 00000067 00008b00 DPL=0 TSS64-busy\r\n\
        CR0=80010033 CR2=0000000000000000 CR3=0000000000101000 CR4=00000668\r\n";
    let lapic = "dumping local APIC state for CPU 1\r\n\r\n\
        ICR\t 0x00000050 physical edge de-assert no-shorthand\r\n\
        ICR2\t 0x00000000 cpu 0 (X2APIC ID)\r\n\
        ISR\t 80(level) \r\n\
        IRR\t (none)\r\n";
    [registers, lapic].map(|text| text.as_bytes().to_vec()).into()
}

pub fn text(bytes: &[u8]) -> Result<bool, String> {
    let text = String::from_utf8_lossy(bytes);
    Ok(Registers::parse(&text).is_some() || Lapic::parse(&text).is_some())
}

/// Where the memory lies.
const START: u64 = 0xffff_8000_0000_0000;
/// Its words: the table, then what it leads to.
const WORDS: usize = 0x200;

/// Memory as a file has it.
struct Image(Vec<u64>);

impl Memory for Image {
    fn words(&mut self, address: u64, count: usize) -> Option<Vec<u64>> {
        let offset = address.checked_sub(START)?;
        let first = usize::try_from(offset / 8).ok()?;
        Some(self.0.get(first..first.checked_add(count)?)?.to_vec())
    }
}

/// Two CPUs, each with a task: one waits in a channel for a message of the other, and that one for the end of the first.
pub fn memories() -> Vec<Vec<u8>> {
    use Outside::*;
    const PER_CPUS: usize = 0x20;
    const CHANNEL: usize = 0x28;
    let [cpu, scheduler, task] = [0x40, 0x60, 0x80].map(|first| move |number: usize| first + 0x10 * number);
    let at = |word: usize| START + 8 * word as u64;
    let mut words = vec![0; WORDS];
    let own = [CpuScheduler, CpuCurrent, CpuTail, CpuIpisTaken, CpuIpisSeen, CpuIpisSent, CpuSwitches];
    let own = own.into_iter().chain([CpuHandoffs, CpuInbox]).zip((8..).step_by(8));
    let others = [
        (Magic, MAGIC),
        (Cpus, 2),
        (PerCpus, at(PER_CPUS)),
        (WakeUp, 0x50),
        (Tick, 0x51),
        (SchedulerIdle, 8),
        (SchedulerLine, 0x10),
        (TaskScheduler, 8),
        (TaskParker, 0x10),
        (TaskStart, 0x20),
        (TaskEnd, 0x30),
        (ParkerOwner, 8),
        (ChannelReceiver, 0x10),
        (ChannelSender, 0x20),
    ];
    for (word, value) in own.chain(others) {
        words[word as usize] = value;
    }
    for number in 0..2 {
        words[PER_CPUS + number] = at(cpu(number));
        words[cpu(number)] = number as u64;
        words[cpu(number) + 1] = at(scheduler(number));
        words[cpu(number) + 2] = at(task(number));
        words[task(number)] = number as u64;
        words[task(number) + 1] = at(scheduler(number));
    }
    words[CHANNEL] = 1;
    words[CHANNEL + 2] = u64::from(PARKER_AWAITED);
    words[CHANNEL + 3] = at(task(0));
    words[CHANNEL + 5] = at(task(1));
    words[task(1) + 4] = u64::from(PARKER_AWAITED);
    words[task(0) + 6] = at(task(1));
    // What is in hand.
    words[WORDS - 1] = at(CHANNEL);
    vec![words.into_iter().flat_map(u64::to_le_bytes).collect()]
}

/// As the watchdog reads it.
pub fn memory(bytes: &[u8]) -> Result<bool, String> {
    const HANDS: usize = 8;
    let (words, _) = bytes.as_chunks::<8>();
    let words: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
    let hands: Vec<u64> = words.iter().rev().take(HANDS).copied().collect();
    let mut image = Image(words);
    let Some(kernel) = Kernel::read(&mut image, START) else { return Ok(false) };
    let mut waits = 0;
    for cpu in &kernel.cpus {
        let _ = (kernel.task(&mut image, cpu), kernel.cpu_of(hands[0]), kernel.cpu_with(0));
        if let Some(wait) = kernel.wait(&mut image, cpu, &hands) {
            waits += 1;
            let _ = wait.whom();
        }
    }
    Ok(waits > 0)
}
