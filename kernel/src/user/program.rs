//! Programs: position-independent asm in the kernel's read-only data, copied into a process's pages.
//!
//! Asm, since a program is a dozen instructions, and what is in it can be seen: no panic, no call into the
//! kernel's code, no data elsewhere. Where it lies in the kernel it can not be executed.
//!
//! A process's lower half, with nothing mapped beside these:
//!
//! ```text
//!   0x40_0000   the program          read, execute
//!   0x48_0000   data, a page of 0    read, write
//!   0x4f_0000 … 0x50_0000   stack    read, write; of further threads 0x2_0000 lower each
//!   0x1000_0000 …           what it asks for, with a container    read, write
//! ```

use core::slice;

/// Where the program usually lies, and begins.
pub const CODE: u64 = 0x40_0000;
/// Where its data lies.
pub const DATA: u64 = 0x48_0000;
/// Bytes of it.
pub const DATA_BYTES: u64 = 0x1000;
/// The end of its stack.
pub const STACK_TOP: u64 = 0x50_0000;
/// Where the pages lie that it asks for, one behind the other.
pub const HEAP: u64 = 0x1000_0000;
/// Bytes of its stack.
pub const STACK_BYTES: u64 = 0x1_0000;
/// From the end of one thread's stack down to that of the next, with as much between them where nothing is.
pub const STACK_DISTANCE: u64 = 2 * STACK_BYTES;
/// Threads that an address space has stacks for: all above the data.
pub const MOST_THREADS: u64 = 4;

const _: () = assert!(
    STACK_TOP - MOST_THREADS * STACK_DISTANCE >= DATA + DATA_BYTES - STACK_BYTES,
    "the lowest stack and what is below it are not data"
);

/// A program. Made by [`program!`](crate::program).
#[derive(Debug)]
pub struct Program {
    start: *const u8,
    end: *const u8,
}

// SAFETY: it stands for bytes that never change.
unsafe impl Sync for Program {}

impl Program {
    /// The bytes from `start` to `end`.
    ///
    /// # Safety
    ///
    /// There are bytes that never change, and `end` is their end.
    pub const unsafe fn between(start: *const u8, end: *const u8) -> Self {
        Self { start, end }
    }

    /// Where its bytes are, which nobody changes once there is a slice of them.
    pub fn place(&self) -> *const [u8] {
        core::ptr::slice_from_raw_parts(self.start, self.end.addr() - self.start.addr())
    }

    /// Its bytes.
    pub fn bytes(&self) -> &'static [u8] {
        let length = self.end.addr() - self.start.addr();
        // SAFETY: `between`'s caller owes it.
        unsafe { slice::from_raw_parts(self.start, length) }
    }
}

/// Makes a [`Program`] of a name and its lines of asm, which know the numbers of system calls as `SYS_SEND` and
/// so on. Operands may follow behind a semicolon, as `asm!` has them.
#[macro_export]
macro_rules! program {
    ($(#[$meta:meta])* $vis:vis static $name:ident = $($line:literal),+ $(,)? $(; $($operands:tt)+)?) => {
        core::arch::global_asm!(
            ".pushsection .rodata.user_programs, \"a\"",
            ".set SYS_EXIT, {sys_exit}",
            ".set SYS_SEND, {sys_send}",
            ".set SYS_RECV, {sys_recv}",
            ".set SYS_YIELD, {sys_yield}",
            ".set SYS_SAY, {sys_say}",
            ".set SYS_STATUS, {sys_status}",
            ".set SYS_SET_BASES, {sys_set_bases}",
            ".set SYS_CALL, {sys_call}",
            ".set SYS_ANSWER, {sys_answer}",
            ".set SYS_WAIT, {sys_wait}",
            ".set SYS_MAP, {sys_map}",
            ".set SYS_ID, {sys_id}",
            ".set SYS_END, {sys_end}",
            ".set SYS_OPEN, {sys_open}",
            ".set SYS_READ, {sys_read}",
            concat!("\"", module_path!(), "::", stringify!($name), "\":"),
            $($line,)+
            concat!("\"", module_path!(), "::", stringify!($name), "::end\":"),
            ".popsection",
            sys_exit = const $crate::user::system_call::EXIT,
            sys_send = const $crate::user::system_call::SEND,
            sys_recv = const $crate::user::system_call::RECV,
            sys_yield = const $crate::user::system_call::YIELD,
            sys_say = const $crate::user::system_call::SAY,
            sys_status = const $crate::user::system_call::STATUS,
            sys_set_bases = const $crate::user::system_call::SET_BASES,
            sys_call = const $crate::user::system_call::CALL,
            sys_answer = const $crate::user::system_call::ANSWER,
            sys_wait = const $crate::user::system_call::WAIT,
            sys_map = const $crate::user::system_call::MAP,
            sys_id = const $crate::user::system_call::ID,
            sys_end = const $crate::user::system_call::END,
            sys_open = const $crate::user::system_call::OPEN,
            sys_read = const $crate::user::system_call::READ,
            $($($operands)+)?
        );
        $(#[$meta])*
        $vis static $name: $crate::user::Program = {
            unsafe extern "C" {
                #[link_name = concat!(module_path!(), "::", stringify!($name))]
                static START: u8;
                #[link_name = concat!(module_path!(), "::", stringify!($name), "::end")]
                static END: u8;
            }
            // SAFETY: the labels above, in read-only data.
            unsafe { $crate::user::Program::between(&raw const START, &raw const END) }
        };
    };
}
