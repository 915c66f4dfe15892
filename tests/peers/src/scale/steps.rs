//! Which lines of memory a switch touches, counted: two rings go round once, one instruction at a time (by the
//! processor's trap flag), and the addresses of each instruction are taken down, from its operands and the registers
//! before it. What the larger ring touches more, over the tasks that it has more, is what a task's turn touches of
//! its own; what all share cancels out.

use serde::Serialize;

use super::{Kind, Ring};
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
use crate::trap;

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
