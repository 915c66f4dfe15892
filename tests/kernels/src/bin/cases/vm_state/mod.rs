//! Two guests fill all that a processor keeps for them with patterns, and find it again 100,000 times each when they
//! halt, and 100,000 times each when the machine's timer throws them out in the midst of whatever they do. What a guest
//! can read it looks at itself; what only its VMM can is looked at in the VMCB, at each exit. So is the host's own state.

mod guest;
mod host;

use alloc::{format, string::String};

use case::{check, count};
use switchlab_core::svm::Stop;
use switchlab_kernel::{
    arch::{apic, idt::vector},
    bring_up::Lab,
    mm::SharedPage,
    sched,
    vm::{Exit, Fpu, Host, Paging, Vcpu},
};
use x86_64::registers::control::Cr4;

use guest::{given, guest_words, holding, rounds, said, system_registers};
use host::{HOST_MXCSR, HOST_XMM, enable_sse, host_words, read_host_vectors, write_host, write_host_vectors};

/// Exits of each guest, of each kind, with each kind of paging.
const EXITS: u64 = 100_000;
/// What the timer counts from one exit to the next, where a tick is an instruction: some rounds of a guest, beside what
/// the VMM here looks at.
const COUNTS: u32 = 8_000;

/// Why a guest gives the CPU back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Halts,
    Interrupts,
}

/// Seeds of both, small enough for an x87 register to hold them as they are, with both values of the rounding bits.
const SEEDS: [u64; 2] = [0x0000_1234_5678_2000, 0x0000_7edc_a987_4001];
const NEVER_HALTS: u64 = 2;
/// A word of state, and what it is.
type Word = (&'static str, u64);

pub fn vm_state(_: &Lab) {
    write_host();
    let before = enable_sse();
    write_host_vectors();
    for by in [By::Halts, By::Interrupts] {
        let mut exits = 0;
        for (paging, fpu) in [(Paging::Nested, Fpu::Eager), (Paging::Shadow, Fpu::Absent)] {
            exits += take_turns(paging, fpu, by);
        }
        let name = if by == By::Halts { "halts" } else { "interrupts" };
        count(name, exits);
    }
    check!(
        read_host_vectors() == (HOST_XMM, HOST_MXCSR),
        "the host's XMM15 and MXCSR are {:x?}",
        read_host_vectors()
    );
    check!(Cr4::read() == before, "the host's CR4 is {:?}", Cr4::read());
}

/// Lets two guests run in turn; tells how often both were thrown out.
fn take_turns(paging: Paging, fpu: Fpu, by: By) -> u64 {
    let mut host = Host::begin().unwrap_or_else(|why| panic!("{why}"));
    if fpu == Fpu::Eager {
        host.allow_fpu();
    }
    let page = SharedPage::allocate().expect("a page");
    let host_before = host_words(&page);
    let seeds = SEEDS.map(|seed| if by == By::Halts { seed } else { seed | NEVER_HALTS });
    let mut guests = seeds.map(|seed| start(&host, paging, fpu, seed));
    // The first halt of each: its tables are made, and what is loaded now stays so.
    let begun = [0, 1].map(|number| {
        let guest = &mut guests[number];
        let exit = guest.enter(&mut host);
        check!(exit == Exit::Halted, "guest {number}, {paging:?}, as it begins: {}", said(exit));
        let (found, given) = (system_registers(guest.saved()), given(seeds[number]));
        check!(found == given, "guest {number}, {paging:?}: it was given {given:x?} and has {found:x?}");
        guest.set_quantum(0);
        guest_words(guest.saved())
    });
    let expected = match by {
        By::Halts => Exit::Halted,
        By::Interrupts => {
            apic::start_timer(vector::TICK, COUNTS);
            Exit::Stopped(Stop::QuantumIsOver)
        }
    };
    let mut turn = 0;
    while turn < 2 * EXITS {
        let number = (turn % 2) as usize;
        let guest = &mut guests[number];
        let exit = guest.enter(&mut host);
        let lost = if exit == expected {
            differs("", &guest_words(guest.saved()), &begun[number])
                .or_else(|| differs("the host's ", &host_words(&page), &host_before))
        } else {
            Some(said(exit))
        };
        if let Some(lost) = lost {
            case::failure!("guest {number}, {paging:?}, {by:?}, turn {turn}: {lost}");
            break;
        }
        turn += 1;
    }
    apic::stop_ticks();
    sched::take_arrived();
    for (number, guest) in guests.iter().enumerate() {
        let rounds = rounds(guest);
        // The last round of one that halts is not over.
        check!(rounds >= EXITS - 1, "guest {number}, {paging:?}, {by:?}, has looked {rounds} times");
    }
    turn
}

fn start(host: &Host, paging: Paging, fpu: Fpu, seed: u64) -> Vcpu {
    let mut guest = Vcpu::new_with(host, &holding(), paging, fpu).unwrap_or_else(|why| panic!("{why}"));
    guest.set_system_registers(&given(seed));
    guest.deliver(seed);
    guest
}

/// The first word that is not what it was.
fn differs(whose: &str, found: &[Word], before: &[Word]) -> Option<String> {
    let lost = found.iter().zip(before).find(|(found, before)| found.1 != before.1);
    lost.map(|(&(what, found), &(_, before))| format!("{whose}{what} is {found:#x}, was {before:#x}"))
}
