//! What a guest runs: bytes that are copied into its memory, and so run wherever they are.
//!
//! An image begins with two words: where in it the guest begins, and where its handler of
//! [`WAKE_UP`](super::memory::WAKE_UP) is.

use super::memory::{CODE, CODE_BYTES};

/// Hypercalls, by RAX.
pub mod call {
    /// Hands the number in RDI over, and waits for one, which comes in RDI.
    pub const SEND: u64 = 1;
    /// The number that was due is in RDI, the one that came in RSI.
    pub const WRONG: u64 = 2;
    /// Leaves the number in RDI to be handed over as soon as the guest halts.
    pub const POST: u64 = 3;
}

/// An image.
#[derive(Clone, Copy, Debug)]
pub struct Image(&'static [u8]);

const HEADER_BYTES: usize = 2 * size_of::<u64>();

impl Image {
    /// An image of these bytes.
    ///
    /// # Panics
    ///
    /// If it has no header, is larger than a guest's code, or begins behind its end.
    pub fn new(bytes: &'static [u8]) -> Self {
        assert!((HEADER_BYTES..=CODE_BYTES).contains(&bytes.len()), "an image of {} bytes", bytes.len());
        let image = Self(bytes);
        let inside = CODE..CODE + bytes.len() as u64;
        assert!(inside.contains(&image.entry()) && inside.contains(&image.handler()), "an image's header");
        image
    }

    /// Its bytes.
    pub fn bytes(&self) -> &'static [u8] {
        self.0
    }

    /// Where the guest begins.
    pub fn entry(&self) -> u64 {
        self.header(0)
    }

    /// Where its handler is.
    pub fn handler(&self) -> u64 {
        self.header(1)
    }

    fn header(&self, word: usize) -> u64 {
        let mut bytes = [0; size_of::<u64>()];
        bytes.copy_from_slice(&self.0[word * size_of::<u64>()..][..size_of::<u64>()]);
        CODE.wrapping_add(u64::from_le_bytes(bytes))
    }
}

/// Makes an image of asm: a function of this name that returns it. `$start` and `$end` are labels of its own; the
/// header is made of the labels `20`, where the guest begins, and `30`, its handler.
///
/// The lines run in a guest: at any address, so they name none but relatively.
#[macro_export]
macro_rules! guest_image {
    ($(#[$attribute:meta])* $visibility:vis fn $name:ident, $start:literal..$end:literal, [$($line:literal),* $(,)?] $($operands:tt)*) => {
        core::arch::global_asm!(
            ".pushsection .rodata.guests, \"a\"",
            ".balign 16",
            concat!(".global ", $start),
            concat!(".global ", $end),
            concat!($start, ":"),
            concat!(".quad 20f - ", $start, ", 30f - ", $start),
            $($line,)*
            concat!($end, ":"),
            ".popsection",
            $($operands)*
        );

        $(#[$attribute])*
        $visibility fn $name() -> $crate::vm::Image {
            unsafe extern "C" {
                #[link_name = $start]
                static START: u8;
                #[link_name = $end]
                static END: u8;
            }
            let (start, end) = (&raw const START, &raw const END);
            // SAFETY: the asm above puts the two labels around the image's bytes, which nobody writes to.
            $crate::vm::Image::new(unsafe { core::slice::from_raw_parts(start, end.addr() - start.addr()) })
        }
    };
}

guest_image!(
    /// Sends 0, 1, 2 and so on, and wants each back.
    pub fn asking, "guest_asking".."guest_asking_end", [
        "20:  xor r12d, r12d",
        "2:   mov eax, {send}",
        "     mov rdi, r12",
        "     vmmcall",
        "     cmp rdi, r12",
        "     jne 3f",
        "     inc r12",
        "     jmp 2b",
        "3:   mov rsi, rdi",
        "     mov rdi, r12",
        "     mov eax, {wrong}",
        "     vmmcall",
        "30:  ud2",
    ]
    send = const call::SEND, wrong = const call::WRONG,
);

guest_image!(
    /// Gets 0, 1, 2 and so on, the first in RDI when it begins, and sends each back.
    pub fn answering, "guest_answering".."guest_answering_end", [
        "20:  xor r12d, r12d",
        "2:   cmp rdi, r12",
        "     jne 3f",
        "     mov eax, {send}",
        "     mov rdi, r12",
        "     vmmcall",
        "     inc r12",
        "     jmp 2b",
        "3:   mov rsi, rdi",
        "     mov rdi, r12",
        "     mov eax, {wrong}",
        "     vmmcall",
        "30:  ud2",
    ]
    send = const call::SEND, wrong = const call::WRONG,
);

guest_image!(
    /// Posts 0, 1, 2 and so on and halts; wants each back, in RDI, when an interrupt wakes it. Interrupts that it took
    /// are counted in R14; what comes without one is a wrong number.
    pub fn waking, "guest_waking".."guest_waking_end", [
        "20:  xor r12d, r12d",
        "     xor r14d, r14d",
        "2:   mov eax, {post}",
        "     mov rdi, r12",
        "     xor r13d, r13d",          // interrupts of this halt
        "     vmmcall",
        "     sti",                     // nothing comes between this and the next
        "     hlt",
        "     cli",
        "     cmp rdi, r12",
        "     jne 3f",
        "     add r14, r13",
        "     inc r12",
        "     test r13, r13",
        "     jnz 2b",
        "     mov rdi, {no_number}",
        "3:   mov rsi, rdi",
        "     mov rdi, r12",
        "     mov eax, {wrong}",
        "     vmmcall",
        "30:  inc r13",
        "     iretq",
    ]
    post = const call::POST, wrong = const call::WRONG, no_number = const -1_i32,
);

guest_image!(
    /// Halts; when an interrupt wakes it, it wants 0, 1, 2 and so on in RDI, and posts each back. Counts as the other.
    pub fn woken, "guest_woken".."guest_woken_end", [
        "20:  xor r12d, r12d",
        "     xor r14d, r14d",
        "2:   xor r13d, r13d",
        "     sti",
        "     hlt",
        "     cli",
        "     cmp rdi, r12",
        "     jne 3f",
        "     add r14, r13",
        "     mov eax, {post}",
        "     mov rdi, r12",
        "     vmmcall",
        "     inc r12",
        "     test r13, r13",
        "     jnz 2b",
        "     mov rdi, {no_number}",
        "3:   mov rsi, rdi",
        "     mov rdi, r12",
        "     mov eax, {wrong}",
        "     vmmcall",
        "30:  inc r13",
        "     iretq",
    ]
    post = const call::POST, wrong = const call::WRONG, no_number = const -1_i32,
);
