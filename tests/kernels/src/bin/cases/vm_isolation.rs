//! Guests that do what they may not, each beside one that behaves: the first is stopped and named, the other goes on
//! with the number that is due, and so does the kernel.

use alloc::format;

use case::{check, count, spawn};
use switchlab_core::svm::{Access, Stop};
use switchlab_kernel::{
    arch::apic,
    bring_up::Lab,
    guest_image, log, sched,
    vm::{Exit, Host, Image, Paging, Vcpu, image},
};

/// Behind a guest's last page, and within what its own tables map.
const OUTSIDE: u64 = 0x8000;
/// In its code, which it can read and not write.
const CODE: u64 = 0x4000;
/// Within the GiB that its own tables map, on a page of its own tables' choice: far from everything.
const FAR: u64 = 0x3fff_f000;
const COM1: u16 = 0x3f8;
const LSTAR: u32 = 0xc000_0082;

guest_image!(fn reads_outside, "bad_reads".."bad_reads_end", ["20: mov rax, ds:[{at}]", "30: ud2"] at = const OUTSIDE);
guest_image!(fn writes_far, "bad_writes".."bad_writes_end", ["20: mov qword ptr ds:[{at}], 1", "30: ud2"] at = const FAR);
guest_image!(fn jumps_out, "bad_jumps".."bad_jumps_end", ["20: mov eax, {at}", "jmp rax", "30: ud2"] at = const OUTSIDE);
guest_image!(fn writes_its_code, "bad_code".."bad_code_end", ["20: mov byte ptr ds:[{at}], 0x90", "30: ud2"] at = const CODE);
guest_image!(
    /// Reads where the host's address is in RDI: what the other guest's memory is for the host.
    fn reads_rdi, "bad_rdi".."bad_rdi_end", ["20: mov rax, [rdi]", "30: ud2"]
);
guest_image!(fn writes_port, "bad_port".."bad_port_end", ["20: mov edx, {port}", "out dx, al", "30: ud2"] port = const COM1);
guest_image!(fn writes_msr, "bad_msr".."bad_msr_end", ["20: mov ecx, {msr}", "wrmsr", "30: ud2"] msr = const LSTAR);
guest_image!(fn vmruns, "bad_vmrun".."bad_vmrun_end", ["20: xor eax, eax", "vmrun rax", "30: ud2"]);
guest_image!(fn clears_gif, "bad_clgi".."bad_clgi_end", ["20: clgi", "30: ud2"]);
guest_image!(fn loads_host_state, "bad_vmload".."bad_vmload_end", ["20: xor eax, eax", "vmload rax", "30: ud2"]);
guest_image!(
    fn turns_fpu_on,
    "bad_cr0".."bad_cr0_end",
    ["20: mov rax, cr0", "and al, 0xfb", "mov cr0, rax", "30: ud2"]
);
guest_image!(fn sets_breakpoint, "bad_dr0".."bad_dr0_end", ["20: mov dr0, rax", "30: ud2"]);
guest_image!(fn writes_caches_back, "bad_wbinvd".."bad_wbinvd_end", ["20: wbinvd", "30: ud2"]);
guest_image!(fn loops, "bad_loop".."bad_loop_end", ["20: jmp 20b", "30: ud2"]);
guest_image!(fn loops_deaf, "bad_deaf".."bad_deaf_end", ["20: cli", "2: inc r12", "jmp 2b", "30: ud2"]);
guest_image!(fn asks_cpuid_for_ever, "bad_cpuid".."bad_cpuid_end", ["20: cpuid", "jmp 20b", "30: ud2"]);
guest_image!(
    /// An exception with no table to find its handler by, nor that of the double fault, is a triple fault.
    fn faults_three_times, "bad_triple".."bad_triple_end", [
        "20: push 0", "push 0", "lidt [rsp]", "ud2", "30: ud2"
    ]
);
guest_image!(fn calls_nothing, "bad_call".."bad_call_end", ["20: mov eax, 77", "vmmcall", "30: ud2"]);
guest_image!(
    /// A handler that halts deaf: nothing could ever wake it.
    fn sleeps_deaf, "bad_sleep".."bad_sleep_end", ["20: cli", "hlt", "30: ud2"]
);

/// What there is to see.
struct Case {
    name: &'static str,
    image: fn() -> Image,
    /// How what stops it begins; a touch outside its memory names the fault behind it.
    said: &'static str,
}

const CASES: &[Case] = &[
    Case {
        name: "reads outside its memory",
        image: reads_outside,
        said: "it read 0x8000, which is none of its memory",
    },
    Case {
        name: "writes far outside its memory",
        image: writes_far,
        said: "it wrote to 0x3ffff000, which is none of its memory",
    },
    Case {
        name: "jumps out of its memory",
        image: jumps_out,
        said: "it executed 0x8000, which is none of its memory",
    },
    Case {
        name: "writes its code",
        image: writes_its_code,
        said: "it wrote to 0x4000, which is none of its memory",
    },
    Case {
        name: "writes to a port",
        image: writes_port,
        said: "it executed IN or OUT, port 0x3f8, which is not for guests",
    },
    Case {
        name: "writes an MSR",
        image: writes_msr,
        said: "it executed RDMSR or WRMSR, MSR 0xc0000082, which is not for guests",
    },
    Case { name: "runs a guest", image: vmruns, said: "it executed VMRUN, which is not for guests" },
    Case {
        name: "clears the global interrupt flag",
        image: clears_gif,
        said: "it executed CLGI, which is not for guests",
    },
    Case {
        name: "loads a host's state",
        image: loads_host_state,
        said: "it executed VMLOAD, which is not for guests",
    },
    Case {
        name: "turns the FPU on",
        image: turns_fpu_on,
        said: "it executed MOV to a control register, CR0, which is not for guests",
    },
    Case {
        name: "sets a breakpoint",
        image: sets_breakpoint,
        said: "it executed MOV to a debug register, DR0, which is not for guests",
    },
    Case {
        name: "writes the caches back",
        image: writes_caches_back,
        said: "it executed WBINVD, which is not for guests",
    },
    Case { name: "loops for ever", image: loops, said: OVER },
    Case { name: "loops for ever with interrupts off", image: loops_deaf, said: OVER },
    Case { name: "asks CPUID for ever", image: asks_cpuid_for_ever, said: OVER },
    Case { name: "faults three times", image: faults_three_times, said: "a triple fault (shutdown)" },
    Case {
        name: "makes a call that there is not",
        image: calls_nothing,
        said: "it made hypercall 77, which there is not",
    },
];

const OVER: &str = "it did not give the CPU back within its quantum";

/// Numbers that the good guest sends between two bad ones.
const CALLS: u64 = 100;

pub fn vm_isolation(lab: &Lab) {
    let quantum = lab.tsc_hz / 200;
    // Another task of this CPU, and one of another: they have their turn in between.
    let cpus = [case::cpu(0), case::cpu(1)];
    let mut stopped = 0;
    for paging in [Paging::Nested, Paging::Shadow] {
        let mut host = Host::begin().unwrap_or_else(|why| panic!("{why}"));
        let mut good = new(&host, image::asking(), paging);
        let mut number = 0;
        for case in CASES {
            let mut bad = new(&host, (case.image)(), paging);
            bad.set_quantum(quantum);
            apic::start_ticks();
            let exit = bad.enter(&mut host);
            apic::stop_ticks();
            sched::take_arrived();
            check_exit(case, paging, exit);
            stopped += 1;
            go_on(&mut good, &mut host, &mut number);
            // Once more, with the bad one gone and its memory and name free for the next.
            drop(bad);
            go_on(&mut good, &mut host, &mut number);
        }
        stopped += spies(&mut host, &mut good, &mut number, paging);
        check!(
            number == good.registers().r12 + 1,
            "the good guest counts {}, not {number}",
            good.registers().r12
        );
        drop(host);
        for cpu in cpus {
            spawn(cpu, || {}).join();
        }
    }
    count("stopped", stopped);
}

/// A guest that knows where the other's memory is for the host reads nothing of it there.
fn spies(host: &mut Host, good: &mut Vcpu, number: &mut u64, paging: Paging) -> u64 {
    let places = good.memory().physical();
    for place in places {
        let mut spy = new(host, reads_rdi(), paging);
        spy.deliver(place);
        let exit = spy.enter(host);
        let expected =
            Stop::OutsideItsMemory { access: Access::Read, address: place, nested: paging == Paging::Nested };
        check!(exit == Exit::Stopped(expected), "reads the other's page {place:#x}: {exit:x?}");
        go_on(good, host, number);
    }
    let mut deaf = new(host, sleeps_deaf(), paging);
    check!(deaf.enter(host) == Exit::Halted, "it halts");
    check!(
        deaf.wake(switchlab_kernel::vm::Interrupt::Injected).is_err(),
        "a guest with interrupts off can be woken"
    );
    places.len() as u64
}

fn new(host: &Host, image: Image, paging: Paging) -> Vcpu {
    Vcpu::new(host, &image, paging).unwrap_or_else(|why| panic!("{why}"))
}

fn check_exit(case: &Case, paging: Paging, exit: Exit) {
    let (name, said) = (case.name, case.said);
    let Exit::Stopped(stop) = exit else {
        return case::failure!("a guest {name}, {paging:?}: expected `{said}`, found {exit:x?}");
    };
    let found = format!("{stop}");
    let fault = match (stop, paging) {
        (Stop::OutsideItsMemory { .. }, Paging::Nested) => " (#NPF)",
        (Stop::OutsideItsMemory { .. }, Paging::Shadow) => " (#PF)",
        _ => "",
    };
    check!(
        found == format!("{said}{fault}"),
        "a guest {name}, {paging:?}: expected `{said}{fault}`, found `{found}`"
    );
    log!("a guest {name}, {paging:?}: {found}");
}

/// The good guest sends the numbers that are due.
fn go_on(good: &mut Vcpu, host: &mut Host, number: &mut u64) {
    for _ in 0..CALLS {
        let exit = good.enter(host);
        check!(exit == Exit::Sent(*number), "the good guest: expected {number}, found {exit:x?}");
        *number += 1;
    }
}
