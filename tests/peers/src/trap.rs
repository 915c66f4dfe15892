//! One instruction at a time, by the processor's trap flag (Intel SDM 3B, 19.3.1.4; its signal is Linux's SIGTRAP): how
//! many there are, and what the operands of each address.

use std::io::Error;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::{mem, ptr, slice};

use iced_x86::{Decoder, DecoderOptions, InstructionInfoFactory, Register};

use crate::scale::LINE_BYTES;

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

/// Held by whoever steps: what a handler takes down is of one thread at a time.
static STEPPING: Mutex<()> = Mutex::new(());
static STEPS: AtomicPtr<Step> = AtomicPtr::new(ptr::null_mut());
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// Runs `what` one instruction at a time, and says what the registers were before each.
///
/// # Errors
///
/// The system does not allow it, there were more than [`MOST_STEPS`], or none was seen.
pub fn step_through(what: impl FnOnce()) -> Result<Vec<Step>, String> {
    let mut steps = vec![Step([0; REGISTERS]); MOST_STEPS];
    match trapping(what, steps.as_mut_ptr())? {
        taken if taken > MOST_STEPS => Err(format!("more than {MOST_STEPS} instructions in a round")),
        taken => {
            steps.truncate(taken);
            Ok(steps)
        }
    }
}

/// Runs `what` one instruction at a time, and says how many this thread took. What the system does meanwhile is none.
///
/// # Errors
///
/// As [`step_through`], but that there may be any number.
pub fn count(what: impl FnOnce()) -> Result<usize, String> {
    trapping(what, ptr::null_mut())
}

/// Both of the above: `steps` has room for [`MOST_STEPS`], or is null, and the steps are counted alone.
fn trapping(what: impl FnOnce(), steps: *mut Step) -> Result<usize, String> {
    let _stepping = STEPPING.lock().unwrap_or_else(PoisonError::into_inner);
    STEPS.store(steps, Relaxed);
    TAKEN.store(0, Relaxed);
    let handling = Handling::begin().map_err(|why| format!("no handler for single steps: {why}"))?;
    // SAFETY: from here on each instruction traps into the handler; flags are changed as by a comparison.
    unsafe { core::arch::asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq") };
    what();
    drop(handling);
    match TAKEN.load(Relaxed) {
        0 => Err("no instruction trapped: whatever runs this machine hides the trap flag".into()),
        taken => Ok(taken),
    }
}

/// The handler and the stack that it runs on. As it is dropped, stepping ends, and what was before is put back: so too
/// where what is stepped through unwinds.
struct Handling {
    action: libc::sigaction,
    stack: libc::stack_t,
    /// What the handler runs on.
    _own: Vec<u8>,
}

impl Handling {
    fn begin() -> Result<Self, Error> {
        let mut own = vec![0_u8; HANDLER_STACK];
        let own_stack = libc::stack_t { ss_sp: own.as_mut_ptr().cast(), ss_flags: 0, ss_size: HANDLER_STACK };
        let mut stack = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
        // SAFETY: both are valid, and the stack outlives its use: `drop` puts the other back.
        if unsafe { libc::sigaltstack(&raw const own_stack, &raw mut stack) } != 0 {
            return Err(Error::last_os_error());
        }
        // SAFETY: an all-zero `sigaction` is one; the handler has the type that SA_SIGINFO asks for.
        let [mut action, mut before]: [libc::sigaction; 2] = unsafe { mem::zeroed() };
        action.sa_sigaction = take_down as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        // SAFETY: both are valid.
        if unsafe { libc::sigaction(libc::SIGTRAP, &raw const action, &raw mut before) } != 0 {
            let why = Error::last_os_error();
            // SAFETY: it was this thread's before.
            unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) };
            return Err(why);
        }
        Ok(Self { action: before, stack, _own: own })
    }
}

impl Drop for Handling {
    fn drop(&mut self) {
        // SAFETY: ends the single steps, if there are any; flags are changed as by a comparison. Both were this thread's
        // before, and are put back before the stack is freed.
        unsafe {
            core::arch::asm!("pushfq", "and qword ptr [rsp], ~0x100", "popfq");
            libc::sigaction(libc::SIGTRAP, &raw const self.action, ptr::null_mut());
            libc::sigaltstack(&raw const self.stack, ptr::null_mut());
        }
    }
}

/// The signal's handler.
extern "C" fn take_down(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let taken = TAKEN.load(Relaxed);
    TAKEN.store(taken + 1, Relaxed);
    let steps = STEPS.load(Relaxed);
    if steps.is_null() || taken >= MOST_STEPS {
        return;
    }
    // SAFETY: the system passes a `ucontext_t`; there is room for `MOST_STEPS`, and nobody else writes there.
    unsafe {
        let context = &*context.cast::<libc::ucontext_t>();
        let step = &mut *steps.add(taken);
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
            let (first, last) = (address as usize / LINE_BYTES, (address as usize + bytes - 1) / LINE_BYTES);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_instruction_is_counted_once() {
        // SAFETY: changes no more than it declares.
        let idle = |rounds: u64| unsafe {
            core::arch::asm!("2: nop", "dec {}", "jnz 2b", inout(reg) rounds => _, options(nomem, nostack));
        };
        let [few, many] = [10, 110].map(|rounds| count(|| idle(rounds)).expect("single steps"));
        assert_eq!(many - few, 300);
        let [few, many] = [10, 110].map(|rounds| step_through(|| idle(rounds)).expect("single steps").len());
        assert_eq!(many - few, 300);
    }
}
