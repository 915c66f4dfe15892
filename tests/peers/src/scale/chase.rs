//! A walk over lines and nothing else: each holds where the next is, so none is known before the one before it is
//! there. Each is read and written, as a switch reads and writes those of a task.

use std::ptr;
use std::time::Duration;

use super::{LINE_BYTES, STACK_BYTES, of_this_thread, pages};

/// Bytes from a task to the next: two lines.
const TASK_BYTES: usize = 2 * LINE_BYTES;

/// What stands in a line.
#[repr(C)]
struct Node {
    next: *mut Node,
    visits: u64,
}

/// Lines in the places where tasks have theirs: one in a task, the others at the top of a stack.
pub struct Chase {
    tasks: *mut u8,
    stacks: *mut u8,
    lines: usize,
}

impl Chase {
    /// Over the lines of so many tasks, each of which has so many. Without lines there is nothing to go over.
    pub fn over(most: usize, lines: usize) -> Self {
        let pages_of_tasks = (most * TASK_BYTES).div_ceil(STACK_BYTES);
        Self { tasks: pages(pages_of_tasks), stacks: pages(most), lines }
    }

    /// Where line `line` of task `task` is.
    fn place(&self, task: usize, line: usize) -> *mut Node {
        let place = match line {
            0 => self.tasks.wrapping_add(task * TASK_BYTES),
            _ => self.stacks.wrapping_add((task + 1) * STACK_BYTES - line * LINE_BYTES),
        };
        place.cast()
    }

    /// Goes over the lines of these tasks, in this order; returns what it took.
    pub fn go_round(&self, order: &[usize], rounds: u64) -> Duration {
        let [first, .., last] = order else { unreachable!("a ring has two tasks at the least") };
        let (first, mut last) = (self.place(*first, 0), self.place(*last, self.lines - 1));
        for &task in order {
            for line in 0..self.lines {
                let node = self.place(task, line);
                // SAFETY: all places are within the memory that `over` allocated, and aligned to a line.
                unsafe { (*last).next = node };
                last = node;
            }
        }
        let hops = rounds * (order.len() * self.lines) as u64;
        let started = of_this_thread();
        let end = go(first, hops);
        let took = of_this_thread().saturating_sub(started);
        assert!(ptr::eq(end, first), "whole rounds end where they began");
        took
    }
}

#[inline(never)]
fn go(first: *mut Node, hops: u64) -> *mut Node {
    let mut node = first;
    for _ in 0..hops {
        // SAFETY: each node leads to another.
        unsafe {
            (*node).visits += 1;
            node = (*node).next;
        }
    }
    node
}
