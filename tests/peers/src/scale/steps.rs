//! Which lines of memory a switch touches, counted: two rings go round once, one instruction at a time (by the
//! processor's trap flag), and the addresses of each instruction are taken down, from its operands and the registers
//! before it. What the larger ring touches more, over the tasks that it has more, is what a task's turn touches of
//! its own; what all share cancels out.

use serde::Serialize;

use super::{Kind, Ring};

/// What one switch touches, of what is not the same for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Touched {
    /// Instructions of a turn.
    pub instructions: usize,
    /// Lines of a task.
    pub task_lines: usize,
    /// Lines of its stack.
    pub stack_lines: usize,
    /// Lines of anything else.
    pub other_lines: usize,
}

impl Touched {
    /// Lines that come with each task.
    pub const fn lines_of_a_task(self) -> usize {
        self.task_lines + self.stack_lines + self.other_lines
    }
}

/// The rings that are compared.
const SMALL: usize = 16;
const LARGE: usize = 48;

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub fn touched(_: &Ring) -> Result<Touched, String> {
    Err("single steps are taken on Linux on x86_64 alone".into())
}

/// Counts them.
///
/// # Errors
///
/// The system, or the ring, does not allow it: why.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub fn touched(ring: &Ring) -> Result<Touched, String> {
    let [small, large] = [SMALL, LARGE].map(|tasks| round(ring, tasks));
    let (small, large) = (small?, large?);
    let more = LARGE - SMALL;
    let each = |what: &str, of: fn(&Round) -> usize| {
        let difference = of(&large).checked_sub(of(&small));
        difference
            .filter(|difference| difference.is_multiple_of(more))
            .map(|difference| difference / more)
            .ok_or_else(|| {
                format!(
                    "{what} of {SMALL} and of {LARGE} tasks are {} and {}: not the same for each",
                    of(&small),
                    of(&large)
                )
            })
    };
    Ok(Touched {
        instructions: each("instructions", |round| round.instructions)?,
        task_lines: each("lines of tasks", |round| round.lines[0])?,
        stack_lines: each("lines of stacks", |round| round.lines[1])?,
        other_lines: each("other lines", |round| round.lines[2])?,
    })
}

/// What one round touches.
struct Round {
    instructions: usize,
    /// Distinct lines of tasks, of stacks, and of anything else.
    lines: [usize; 3],
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn round(ring: &Ring, tasks: usize) -> Result<Round, String> {
    use std::collections::BTreeSet;

    let mut steps = Err(String::new());
    ring.with(tasks, |turns| steps = trap::step_through(|| turns(1)));
    let steps = steps?;
    let mut lines = [const { BTreeSet::new() }; 3];
    for step in &steps {
        for line in step.lines()? {
            let set = match ring.kind_of(line * super::LINE_BYTES) {
                Some(Kind::Task) => 0,
                Some(Kind::Stack) => 1,
                None => 2,
            };
            lines[set].insert(line);
        }
    }
    Ok(Round { instructions: steps.len(), lines: lines.map(|set| set.len()) })
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod trap {
    //! The trap flag, its signal, and what an instruction's operands address.

    use std::io::Error;
    use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};
    use std::{mem, ptr, slice};

    use iced_x86::{Decoder, DecoderOptions, InstructionInfoFactory, Register};

    use super::super::LINE_BYTES;

    /// More steps are not taken down.
    const MOST_STEPS: usize = 65_536;
    /// The longest instruction.
    const LONGEST: usize = 15;
    /// Bytes of the stack that the handler runs on.
    const HANDLER_STACK: usize = 64 * 1024;

    /// The registers before an instruction, as Linux numbers them.
    #[derive(Clone, Copy)]
    pub struct Step([u64; REGISTERS]);

    const REGISTERS: usize = 17;

    static STEPS: AtomicPtr<Step> = AtomicPtr::new(ptr::null_mut());
    static TAKEN: AtomicUsize = AtomicUsize::new(0);

    /// Runs `what` one instruction at a time.
    pub fn step_through(what: impl FnOnce()) -> Result<Vec<Step>, String> {
        let mut steps = vec![Step([0; REGISTERS]); MOST_STEPS];
        let mut stack = vec![0_u8; HANDLER_STACK];
        STEPS.store(steps.as_mut_ptr(), Relaxed);
        TAKEN.store(0, Relaxed);
        let own_stack =
            libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: HANDLER_STACK };
        // SAFETY: an all-zero `sigaction` is one; the handler has the type that SA_SIGINFO asks for.
        let mut action: libc::sigaction = unsafe { mem::zeroed() };
        action.sa_sigaction = take_down as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        // SAFETY: as above.
        let mut before: libc::sigaction = unsafe { mem::zeroed() };
        // SAFETY: both structures are valid, and the stack outlives the handler, which is taken away below.
        let is_set = unsafe {
            libc::sigaltstack(&raw const own_stack, ptr::null_mut()) == 0
                && libc::sigaction(libc::SIGTRAP, &raw const action, &raw mut before) == 0
        };
        if !is_set {
            return Err(format!("no handler for single steps: {}", Error::last_os_error()));
        }
        // SAFETY: from here on each instruction traps into the handler; flags are changed as by a comparison.
        unsafe { core::arch::asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq") };
        what();
        // SAFETY: as above.
        unsafe { core::arch::asm!("pushfq", "and qword ptr [rsp], ~0x100", "popfq") };
        let none = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
        // SAFETY: what was before is put back, before the stack is freed.
        unsafe {
            libc::sigaction(libc::SIGTRAP, &raw const before, ptr::null_mut());
            libc::sigaltstack(&raw const none, ptr::null_mut());
        }
        match TAKEN.load(Relaxed) {
            0 => Err("no instruction trapped: whatever runs this machine hides the trap flag".into()),
            taken if taken > MOST_STEPS => Err(format!("more than {MOST_STEPS} instructions in a round")),
            taken => {
                steps.truncate(taken);
                Ok(steps)
            }
        }
    }

    /// The signal's handler.
    extern "C" fn take_down(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
        let taken = TAKEN.load(Relaxed);
        TAKEN.store(taken + 1, Relaxed);
        if taken >= MOST_STEPS {
            return;
        }
        // SAFETY: the system passes a `ucontext_t`; there is room for `MOST_STEPS`, and nobody else writes there.
        unsafe {
            let context = &*context.cast::<libc::ucontext_t>();
            let step = &mut *STEPS.load(Relaxed).add(taken);
            for (register, value) in step.0.iter_mut().zip(context.uc_mcontext.gregs) {
                *register = value as u64;
            }
        }
    }

    impl Step {
        /// The lines that its instruction touches, by their numbers.
        pub fn lines(&self) -> Result<Vec<usize>, String> {
            let rip = self.0[libc::REG_RIP as usize];
            // SAFETY: the instruction was executed, so it is there; code ends no page before the next section.
            let bytes = unsafe { slice::from_raw_parts(ptr::with_exposed_provenance(rip as usize), LONGEST) };
            let instruction = Decoder::with_ip(64, bytes, rip, DecoderOptions::NONE).decode();
            let mut factory = InstructionInfoFactory::new();
            let mut lines = Vec::new();
            for memory in factory.info(&instruction).used_memory() {
                let address = memory.virtual_address(0, |register, _, _| self.value(register));
                let address = address.ok_or_else(|| format!("an address of {instruction:?} is not known"))?;
                let bytes = memory.memory_size().size().max(1);
                let (first, last) =
                    (address as usize / LINE_BYTES, (address as usize + bytes - 1) / LINE_BYTES);
                lines.extend(first..=last);
            }
            Ok(lines)
        }

        fn value(&self, register: Register) -> Option<u64> {
            let number = match register {
                Register::RAX => libc::REG_RAX,
                Register::RBX => libc::REG_RBX,
                Register::RCX => libc::REG_RCX,
                Register::RDX => libc::REG_RDX,
                Register::RSI => libc::REG_RSI,
                Register::RDI => libc::REG_RDI,
                Register::RBP => libc::REG_RBP,
                Register::RSP => libc::REG_RSP,
                Register::R8 => libc::REG_R8,
                Register::R9 => libc::REG_R9,
                Register::R10 => libc::REG_R10,
                Register::R11 => libc::REG_R11,
                Register::R12 => libc::REG_R12,
                Register::R13 => libc::REG_R13,
                Register::R14 => libc::REG_R14,
                Register::R15 => libc::REG_R15,
                // Of 64-bit code these are 0.
                Register::CS | Register::DS | Register::ES | Register::SS => return Some(0),
                _ => return None,
            };
            self.0.get(number as usize).copied()
        }
    }
}
