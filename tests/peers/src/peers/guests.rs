//! Two guests under KVM: each hands over by an exit, and the other is entered. A canary proves beforehand that guests
//! run here at all: a device that opens proves nothing.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::num::NonZeroUsize;
use std::process;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use kvm_bindings::{kvm_regs, kvm_userspace_memory_region};
use kvm_ioctls::{Kvm, VcpuExit, VcpuFd, VmFd};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid};

use crate::Peer;
use crate::answer::About;
use crate::cpus::{Cores, pin};
use crate::link::word::{by_word, futex_wait, futex_wake};
use crate::link::{Link, joined, ping, pong};
use crate::plan::{Failure, Plan, Times};
use crate::sides::{end_with_parent, forked};
use crate::versions::of_linux;

/// Two guests, both entered by one thread, or each by its own on a CPU of its own.
pub struct Guests(pub Cores);

/// How long the canary may take. A guest of ten instructions takes microseconds, and KVM's set-up milliseconds.
const DEADLINE: Duration = Duration::from_millis(1_500);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(5);

impl Peer for Guests {
    fn about(&self) -> About {
        let (id, title) = match self.0 {
            Cores::Same => ("vm-same-core", "guests under KVM, exit and entry, one core"),
            Cores::Two => ("vm-other-core", "guests under KVM, exit, futex, entry, two cores"),
        };
        About { id, title, base: None, version: of_linux() }
    }

    fn exchange(&self, plan: Plan) -> Result<Times, Failure> {
        canary()?;
        let [first, second] = self.0.cpus()?;
        let shared = page()?;
        let [mut pinging, mut ponging] = [Guest::new(&PING, shared)?, Guest::new(&PONG, shared)?];
        match self.0 {
            Cores::Same => {
                pin(first)?;
                in_turn(plan, shared, &mut pinging, &mut ponging)
            }
            Cores::Two => {
                let word = AtomicU32::new(0);
                let [here, there] = by_word(&word, futex_wait, futex_wake);
                let mut here = Entered { guest: pinging, shared, wrong: false, link: here };
                let mut there = Entered { guest: ponging, shared, wrong: false, link: there };
                thread::scope(|scope| {
                    let answering = scope.spawn(move || {
                        pin(second)?;
                        Ok(pong(plan, &mut there))
                    });
                    pin(first)?;
                    let ping = ping(plan, &mut here);
                    let pong = answering.join().expect("a side does not panic")?;
                    joined(plan, ping, &pong)
                })
            }
        }
    }
}

/// One thread enters both: a handoff is an exit of the one and an entry of the other.
fn in_turn(plan: Plan, shared: Page, pinging: &mut Guest, ponging: &mut Guest) -> Result<Times, Failure> {
    let mut times = Times::new();
    for block in plan.blocks() {
        let started = Instant::now();
        for _ in block.clone() {
            pinging.run()?;
            ponging.run()?;
        }
        times.push(&block, started.elapsed());
        // Each guest adds one to what it was due to find, or leaves by another port.
        let (found, due) = (shared.number(), (2 * block.end) as u32);
        if found != due {
            return Err(Failure::Counts {
                ping: u64::from(found) / 2,
                pong: u64::from(found) / 2,
                due: block.end,
            });
        }
    }
    plan.check(plan.total(), plan.total(), 0)?;
    Ok(times)
}

/// A guest whose thread hands over by a futex when it exits.
struct Entered<L> {
    guest: Guest,
    shared: Page,
    wrong: bool,
    link: L,
}

impl<L: Link> Link for Entered<L> {
    fn hand(&mut self, number: u32) {
        // The guest says the number, and has looked at the one before.
        self.wrong |= self.guest.run().is_err() || self.shared.number() != number;
        // Another number where it went wrong, which the other side counts.
        self.link.hand(if self.wrong { number.wrapping_add(2) } else { number });
    }

    fn take(&mut self) -> Option<u32> {
        self.link.take()
    }
}

/// A page of memory, of this process for as long as it lives.
#[derive(Clone, Copy)]
struct Page(NonNull<u8>);

// SAFETY: an address of memory that is never unmapped; what is shared of it is an atomic.
unsafe impl Send for Page {}

const PAGE_BYTES: usize = 4096;

fn page() -> Result<Page, Failure> {
    const BYTES: NonZeroUsize = NonZeroUsize::new(PAGE_BYTES).expect("a page is not nothing");
    let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: a mapping of its own, which nobody else's address can be in.
    let page = unsafe { mmap_anonymous(None, BYTES, protection, MapFlags::MAP_SHARED) };
    page.map(|page| Page(page.cast()))
        .map_err(|why| Failure::System { what: "memory for a guest", why: why.into() })
}

impl Page {
    /// The number that the guests pass on.
    fn number(self) -> u32 {
        // SAFETY: the page is never unmapped, aligned as pages are, and its first word only ever used as an atomic,
        // by guests too: aligned stores of 4 bytes are that.
        unsafe { self.0.cast::<AtomicU32>().as_ref() }.load(Ordering::Acquire)
    }

    fn fill(self, code: &[u8]) {
        assert!(code.len() <= PAGE_BYTES, "a guest is a page at most");
        // SAFETY: the page is that long, and no guest has it yet.
        unsafe { self.0.as_ptr().copy_from_nonoverlapping(code.as_ptr(), code.len()) };
    }
}

/// Where a guest's code is, and the page that both share.
const CODE: u64 = 0x1000;
const SHARED: u64 = 0x8000;
/// By which a guest hands over, and by which it says that the number was wrong.
const HAND: u16 = 0x10;

/// Says the next number, hands over, and looks for the one after it. Real mode, 16 bits, data segment 0.
const PING: [u8; 24] = [
    0x66, 0x47, // again: inc edi
    0x66, 0x89, 0x3e, 0x00, 0x80, // mov [0x8000], edi
    0xe6, 0x10, // out HAND, al
    0x66, 0x47, // inc edi
    0x66, 0x3b, 0x3e, 0x00, 0x80, // cmp edi, [0x8000]
    0x74, 0xee, // je again
    0xe6, 0x11, // wrong: out WRONG, al
    0xf4, // hlt
    0xeb, 0xfb, // jmp wrong
    0x90,
];

/// Looks for the number that is due, says the next, and hands over.
const PONG: [u8; 24] = [
    0x66, 0x47, // again: inc edi
    0x66, 0x3b, 0x3e, 0x00, 0x80, // cmp edi, [0x8000]
    0x75, 0x0b, // jne wrong
    0x66, 0x47, // inc edi
    0x66, 0x89, 0x3e, 0x00, 0x80, // mov [0x8000], edi
    0xe6, 0x10, // out HAND, al
    0xeb, 0xec, // jmp again
    0xe6, 0x11, // wrong: out WRONG, al
    0xeb, 0xfc, // jmp wrong
];

/// A machine of one CPU and two pages.
struct Guest {
    cpu: VcpuFd,
    // Behind what it holds.
    _machine: VmFd,
}

impl Guest {
    fn new(code: &[u8], shared: Page) -> Result<Self, Failure> {
        let kvm = Kvm::new().map_err(|why| told("/dev/kvm", &why))?;
        let machine = kvm.create_vm().map_err(|why| told("KVM_CREATE_VM", &why))?;
        // Processors of Intel's want room for a task state of KVM's own, in addresses that the guest does not use.
        machine.set_tss_address(0xfffb_d000).map_err(|why| told("KVM_SET_TSS_ADDR", &why))?;
        let own = page()?;
        own.fill(code);
        for (slot, at, page) in [(0, CODE, own), (1, SHARED, shared)] {
            let region = kvm_userspace_memory_region {
                slot,
                flags: 0,
                guest_phys_addr: at,
                memory_size: PAGE_BYTES as u64,
                userspace_addr: page.0.as_ptr().expose_provenance() as u64,
            };
            // SAFETY: the page is that long, and never unmapped.
            unsafe { machine.set_user_memory_region(region) }
                .map_err(|why| told("memory of a guest", &why))?;
        }
        let cpu = machine.create_vcpu(0).map_err(|why| told("KVM_CREATE_VCPU", &why))?;
        let mut special = cpu.get_sregs().map_err(|why| told("KVM_GET_SREGS", &why))?;
        (special.cs.base, special.cs.selector) = (0, 0);
        cpu.set_sregs(&special).map_err(|why| told("KVM_SET_SREGS", &why))?;
        // Bit 1 of the flags is always set.
        let registers = kvm_regs { rip: CODE, rflags: 2, ..kvm_regs::default() };
        cpu.set_regs(&registers).map_err(|why| told("KVM_SET_REGS", &why))?;
        Ok(Self { cpu, _machine: machine })
    }

    /// Enters the guest until it hands over.
    fn run(&mut self) -> Result<(), Failure> {
        match self.cpu.run() {
            Ok(VcpuExit::IoOut(HAND, _)) => Ok(()),
            Ok(exit) => Err(Failure::Told { why: format!("a guest left by {exit:?}") }),
            Err(why) => Err(told("KVM_RUN", &why)),
        }
    }
}

/// Proves in a process of its own that a guest runs, in time.
///
/// # Errors
///
/// It does not: what was found.
fn canary() -> Result<(), Failure> {
    let (mut told, tell) = pipe().map_err(|why| Failure::System { what: "a pipe", why })?;
    let child = match forked()? {
        ForkResult::Child => {
            drop(told);
            sing(tell)
        }
        ForkResult::Parent { child } => child,
    };
    drop(tell);
    let started = Instant::now();
    let ended = loop {
        match waitpid(child, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) if started.elapsed() < DEADLINE => thread::sleep(LOOK),
            Ok(WaitStatus::StillAlive) => break None,
            ended => break Some(ended),
        }
    };
    let Some(ended) = ended else {
        end(child);
        let why = format!(
            "/dev/kvm opens, a guest is made and entered, and its first instructions do not end within {} ms: there is no \
             hardware virtualisation behind it",
            DEADLINE.as_millis()
        );
        return Err(Failure::Told { why });
    };
    let why = read(&mut told);
    match ended {
        Ok(WaitStatus::Exited(_, 0)) if why.is_empty() => Ok(()),
        Ok(WaitStatus::Exited(..)) if !why.is_empty() => Err(Failure::Told { why: format!("KVM: {why}") }),
        ended => Err(Failure::Told { why: format!("KVM: the canary ended by {ended:?}") }),
    }
}

/// What the canary does: one guest, entered once, whose number has to be there.
fn sing(mut tell: PipeWriter) -> ! {
    let sang = end_with_parent().and_then(|()| {
        let shared = page()?;
        Guest::new(&PING, shared)?.run()?;
        match shared.number() {
            1 => Ok(()),
            number => Err(Failure::Told { why: format!("the guest left {number} where 1 was due") }),
        }
    });
    if let Err(failure) = sang {
        // Where it fails nobody listens any more.
        let _ = write!(tell, "{failure}");
        process::exit(1);
    }
    process::exit(0)
}

fn read(told: &mut PipeReader) -> String {
    let mut text = String::new();
    // What is no text tells nothing.
    let _ = told.read_to_string(&mut text);
    text
}

/// Ends the canary, without waiting for one that can not be ended.
fn end(child: Pid) {
    let _ = kill(child, Signal::SIGKILL);
    let started = Instant::now();
    while started.elapsed() < DEADLINE
        && waitpid(child, Some(WaitPidFlag::WNOHANG)) == Ok(WaitStatus::StillAlive)
    {
        thread::sleep(LOOK);
    }
}

fn told(what: &str, why: &dyn std::fmt::Display) -> Failure {
    Failure::Told { why: format!("{what}: {why}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction};

    fn decoded(code: &[u8]) -> Vec<Instruction> {
        Decoder::with_ip(16, code, CODE, DecoderOptions::NONE).iter().collect()
    }

    #[test]
    fn jumps_of_the_guests_lead_to_their_instructions() {
        for code in [&PING[..], &PONG[..]] {
            let all = decoded(code);
            assert!(all.iter().all(|one| !one.is_invalid()));
            let starts: Vec<u64> = all.iter().map(Instruction::ip).collect();
            let jumps = all.iter().filter(|one| {
                matches!(
                    one.flow_control(),
                    FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch
                )
            });
            let targets: Vec<u64> = jumps.map(Instruction::near_branch_target).collect();
            assert!(
                targets.len() >= 2 && targets.iter().all(|target| starts.contains(target)),
                "{targets:x?}"
            );
            // Back to the start, where all is right.
            assert!(targets.contains(&CODE));
        }
    }
}
