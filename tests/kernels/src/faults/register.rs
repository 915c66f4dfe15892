//! A register that comes back from a switch as another one.

use core::arch::naked_asm;

/// What is added to it: far more than any number.
const LOST: u64 = 1 << 40;

/// Makes another number of `number`, or of the one behind it, in each register that a call keeps and that holds one of
/// them; returns how many those are. As a switch would that forgot one: who calls this keeps them as they are.
#[unsafe(naked)]
pub extern "C" fn lose(number: u64) -> u64 {
    /// One of them.
    macro_rules! each {
        ($($register:literal)*) => {
            concat!($(
                "mov rcx, ", $register, "
                 sub rcx, rdi
                 cmp rcx, 1
                 ja 2f
                 add ", $register, ", rdx
                 inc eax
                 2:
                "
            ),*)
        };
    }
    naked_asm!(
        "xor eax, eax",
        "mov rdx, {lost}",
        each!("rbx" "rbp" "r12" "r13" "r14" "r15"),
        "ret",
        lost = const LOST,
    )
}
