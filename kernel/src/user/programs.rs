//! The programs of the experiments. Port 0 is where they send, port 1 where they receive.

use crate::program;

program! {
    /// Exchanges of the numbers from rdi up to rsi: sends each and waits until it comes back. Exits with 0, 0; or,
    /// where another number comes, with that which was due and that which came.
    pub static PING =
        "mov rbx, rdi",         // the number
        "mov rbp, rsi",
        "2:",
        "cmp rbx, rbp",
        "je 3f",
        "xor edi, edi",         // port 0
        "mov rsi, rbx",
        "mov eax, SYS_SEND",
        "syscall",
        "mov edi, 1",           // port 1
        "mov eax, SYS_RECV",
        "syscall",
        "cmp rdx, rbx",
        "jne 4f",
        "inc rbx",
        "jmp 2b",
        "3:",
        "xor edi, edi",
        "xor esi, esi",
        "mov eax, SYS_EXIT",
        "syscall",
        "4:",
        "mov rdi, rbx",
        "mov rsi, rdx",
        "mov eax, SYS_EXIT",
        "syscall",
        "ud2",
}

program! {
    /// The other side: receives numbers from 0 on and sends each back. Where another comes than was due, it exits
    /// with both, and sends back all ones, unless it is that which came.
    pub static PONG =
        "xor ebx, ebx",         // the number that is due
        "2:",
        "mov edi, 1",
        "mov eax, SYS_RECV",
        "syscall",
        "cmp rdx, rbx",
        "jne 3f",
        "xor edi, edi",
        "mov rsi, rbx",
        "mov eax, SYS_SEND",
        "syscall",
        "inc rbx",
        "jmp 2b",
        "3:",
        "mov rbp, rdx",
        "cmp rbp, -1",
        "je 4f",
        "xor edi, edi",
        "mov rsi, -1",
        "mov eax, SYS_SEND",
        "syscall",
        "4:",
        "mov rdi, rbx",
        "mov rsi, rbp",
        "mov eax, SYS_EXIT",
        "syscall",
        "ud2",
}

program! {
    /// As [`PING`], by calls: the number goes in the first word, and comes back there. Port 0 is the gate.
    pub static CALLER =
        "mov rbx, rdi",         // the number
        "mov rbp, rsi",
        "2:",
        "cmp rbx, rbp",
        "je 3f",
        "xor edi, edi",         // port 0
        "mov rsi, rbx",
        "mov eax, SYS_CALL",
        "syscall",
        "cmp rsi, rbx",
        "jne 4f",
        "inc rbx",
        "jmp 2b",
        "3:",
        "xor edi, edi",
        "xor esi, esi",
        "mov eax, SYS_EXIT",
        "syscall",
        "4:",
        "mov rdi, rbx",
        "mov eax, SYS_EXIT",    // rsi is what came
        "syscall",
        "ud2",
}

program! {
    /// As [`PONG`], by answers. Where another number comes than was due, it exits with both, which tells who calls.
    pub static ANSWERER =
        "xor ebx, ebx",         // the number that is due
        "xor edi, edi",
        "mov eax, SYS_WAIT",
        "syscall",
        "2:",
        "cmp rsi, rbx",
        "jne 3f",
        "inc rbx",
        "xor edi, edi",         // rsi is the number still
        "mov eax, SYS_ANSWER",
        "syscall",
        "jmp 2b",
        "3:",
        "mov rdi, rbx",
        "mov eax, SYS_EXIT",
        "syscall",
        "ud2",
}

program! {
    /// System calls that ask for nothing, as many as from rdi up to rsi. Exits with 0, 0; or, where another answer came
    /// than that there is no such call, with how many were left and what came.
    pub static ASKS_NOTHING =
        "mov rbx, rsi",
        "sub rbx, rdi",         // how many are left
        "jz 3f",
        "2:",
        "mov rax, -1",          // a number that means nothing
        "syscall",
        "cmp rax, 1",           // NO_SUCH_CALL
        "jne 4f",
        "dec rbx",
        "jnz 2b",
        "3:",
        "xor edi, edi",
        "xor esi, esi",
        "mov eax, SYS_EXIT",
        "syscall",
        "4:",
        "mov rdi, rbx",
        "mov rsi, rax",
        "mov eax, SYS_EXIT",
        "syscall",
        "ud2",
}
