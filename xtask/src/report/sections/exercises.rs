//! What a reader can do with the tool. A test of xtask holds each command against the command line.

/// A question, and the command that answers it.
#[derive(Clone, Copy, Debug)]
pub struct Exercise {
    /// What to find out.
    pub question: &'static str,
    /// What to type.
    pub commands: &'static [&'static str],
    /// What to look at, without the answer.
    pub look: &'static str,
}

/// The exercises, from the simple to the deep.
pub const EXERCISES: &[Exercise] = &[
    Exercise {
        question: "Does the same measurement give the same answer?",
        commands: &[
            "cargo xtask run --save-baseline first",
            "cargo xtask run --save-baseline second",
            "cargo xtask compare first second",
        ],
        look: "Nothing has changed between the two. Which digits stay, and which are noise? If a difference is \
               called all the same, read on what it rests.",
    },
    Exercise {
        question: "Are five runs five experiments?",
        commands: &["cargo xtask run --boots 10", "cargo xtask report"],
        look: "Hold the interval of ten boots against that of the runs of one boot. Which is wider, and which of \
               the two do you believe?",
    },
    Exercise {
        question: "Did the original find a winner?",
        commands: &["cargo xtask analyse xtask/examples/original.csv"],
        look: "Its own table says that single is 1.11 times faster, by the averages. Which of the five runs makes \
               the difference, and what is left of the winner without it?",
    },
    Exercise {
        question: "How much of the cost is work, and how much is waiting?",
        commands: &["cargo xtask run --deterministic", "cargo xtask report"],
        look: "Here a tick is an instruction. Compare the ratio of the two modes with that of their times: what \
               else does a handoff between CPUs pay for? Which step costs most?",
    },
    Exercise {
        question: "What happens between two marks?",
        commands: &["cargo xtask run --trace 20 --exchanges 20000"],
        look: "Open the run's trace.json in Perfetto (ui.perfetto.dev). Follow one arrow from the CPU that sends \
               the IPI to the one that takes it: what does the sender do meanwhile?",
    },
    Exercise {
        question: "Does it matter which two CPUs hand over?",
        commands: &["cargo xtask run --pair 2,7 --exchanges 100000"],
        look: "In one emulator the CPUs are alike. On which real machine would you expect a difference, and \
               between which pairs?",
    },
    Exercise {
        question: "What does a handoff between CPUs cost when each has a host thread of its own?",
        commands: &[
            "cargo xtask run --tcg-thread multi --exchanges 20000",
            "cargo xtask run --tcg-thread multi --host-cpus 0 --exchanges 20000",
        ],
        look: "Read the line `Host floor` of both. Whose wake-up is measured, the guest's or the host's?",
    },
    Exercise {
        question: "What is left when there is only one CPU?",
        commands: &["cargo xtask run --smp 1 --runs 2 --exchanges 20000"],
        look: "A mode that can not run is skipped and says why. Why is that neither a zero nor a failure?",
    },
    Exercise {
        question: "Where does the processor go when a task is resumed?",
        commands: &["cargo xtask gdb"],
        look: "Break at the `jmp` behind `mov rsp` in the listing above, and step once. Where does it go on, and \
               which registers were saved for that?",
    },
    Exercise {
        question: "Can you recompute every figure of this page?",
        commands: &[
            "cargo xtask replay runs/latest/report.html",
            "cargo xtask analyse runs/latest/report.html",
        ],
        look: "The raw logs are in the page; where it was saved elsewhere, name that place. Divide the ticks of a block by twice its exchanges yourself, and \
               check a row of the table.",
    },
];
