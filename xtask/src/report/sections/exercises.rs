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
        commands: &["cargo xtask run", "cargo xtask report"],
        look: "Run it again and hold both pages side by side. Which digits stay, and which are noise? Is the \
               second run's figure within the first one's span?",
    },
    Exercise {
        question: "How much of the cost is work, and how much is waiting?",
        commands: &["cargo xtask run --deterministic", "cargo xtask report"],
        look: "Here a tick is an instruction. Compare the ratio of the two modes with that of their times: what \
               else does a handoff between CPUs pay for?",
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
        question: "Does the order of the modes change the answer?",
        commands: &["cargo xtask run --append seed=7 --exchanges 100000"],
        look: "The seed shuffles the modes within each run; the section on the order shows how. Try other seeds. \
               Which mode gains by going first?",
    },
    Exercise {
        question: "Where does the processor go when a task is resumed?",
        commands: &["cargo xtask gdb"],
        look: "Break at the `jmp` behind `mov rsp` in the listing above, and step once. Where does it go on, and \
               which registers were saved for that?",
    },
    Exercise {
        question: "Can you recompute every figure of this page?",
        commands: &["cargo xtask replay report.html --format csv"],
        look: "The raw logs are in the page. Divide `ticks` by twice the exchanges yourself, and check a row of \
               the table.",
    },
];
