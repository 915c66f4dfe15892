//! Which instructions of a function belong to its loop: those that can run again. What leads to a
//! panic, or only into the loop, is not among them.
//!
//! An indirect jump is taken to go on behind itself: in this kernel it is `switch_context`'s, and
//! what stands behind it is where the suspended context is resumed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use iced_x86::FlowControl;

use super::code::{Code, Decoded};

/// How far calls are followed to see whether they come back.
const DEPTH: u32 = 8;

/// The instructions of one function, and where each goes on.
pub(super) struct Graph<'a> {
    instructions: &'a [Decoded],
    after: Vec<Vec<usize>>,
    returns: Vec<usize>,
}

impl<'a> Graph<'a> {
    pub(super) fn new(code: &Code<'_>, instructions: &'a [Decoded]) -> Self {
        Self::follow(code, instructions, DEPTH)
    }

    fn follow(code: &Code<'_>, instructions: &'a [Decoded], depth: u32) -> Self {
        let index: HashMap<u64, usize> =
            instructions.iter().enumerate().map(|(index, one)| (one.address(), index)).collect();
        let mut returns = Vec::new();
        let after = instructions.iter().enumerate().map(|(at, one)| {
            let next = (at + 1 < instructions.len()).then_some(at + 1);
            let target = index.get(&one.target()).copied();
            match one.flow() {
                FlowControl::Next | FlowControl::IndirectBranch | FlowControl::IndirectCall => {
                    next.into_iter().collect()
                }
                FlowControl::ConditionalBranch => next.into_iter().chain(target).collect(),
                FlowControl::UnconditionalBranch => {
                    // A jump out of the function is a call at its end.
                    if target.is_none() && comes_back(code, one.target(), depth) {
                        returns.push(at);
                    }
                    target.into_iter().collect()
                }
                FlowControl::Call if comes_back(code, one.target(), depth) => next.into_iter().collect(),
                FlowControl::Return => {
                    returns.push(at);
                    Vec::new()
                }
                _ => Vec::new(),
            }
        });
        let after = after.collect();
        Self { instructions, after, returns }
    }

    /// The instructions from which themselves can be reached again.
    pub(super) fn in_loops(&self) -> Vec<usize> {
        let again = |at: &usize| self.reached(&self.after[*at]).contains(at);
        (0..self.instructions.len()).filter(again).filter(|at| !self.instructions[*at].is_padding()).collect()
    }

    /// The instructions that lie between the entry and a return.
    pub(super) fn until_return(&self) -> Vec<usize> {
        let mut before = vec![Vec::new(); self.instructions.len()];
        for (at, after) in self.after.iter().enumerate() {
            after.iter().for_each(|next| before[*next].push(at));
        }
        let (reached, returns) = (self.reached(&[0]), reached(&before, &self.returns));
        reached.intersection(&returns).copied().filter(|at| !self.instructions[*at].is_padding()).collect()
    }

    /// The instructions that lie between a call of one of `begins` and a call of one of `ends`.
    pub(super) fn between(&self, begins: &[u64], ends: &[u64]) -> Vec<usize> {
        let calls = |of: &[u64]| -> BTreeSet<usize> {
            (0..self.instructions.len()).filter(|at| of.contains(&self.instructions[*at].target())).collect()
        };
        let (begins, ends) = (calls(begins), calls(ends));
        // What is reached before an end, and from what.
        let mut before: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut left: Vec<usize> = begins.iter().copied().collect();
        while let Some(at) = left.pop() {
            for &next in &self.after[at] {
                let known = before.entry(next).or_default();
                if known.is_empty() && !ends.contains(&next) {
                    left.push(next);
                }
                known.push(at);
            }
        }
        // Of that, what leads there.
        let mut wanted = BTreeSet::new();
        let mut left: Vec<usize> = ends.into_iter().collect();
        while let Some(at) = left.pop() {
            for &one in before.get(&at).into_iter().flatten() {
                if !begins.contains(&one) && wanted.insert(one) {
                    left.push(one);
                }
            }
        }
        wanted.into_iter().filter(|at| !self.instructions[*at].is_padding()).collect()
    }

    /// The functions that `wanted` instructions call.
    pub(super) fn calls(&self, wanted: &[usize]) -> Vec<u64> {
        let wanted = wanted.iter().map(|at| &self.instructions[*at]);
        wanted.filter(|one| one.flow() == FlowControl::Call).map(Decoded::target).collect()
    }

    /// What can be reached from `from`, which is among it.
    fn reached(&self, from: &[usize]) -> BTreeSet<usize> {
        reached(&self.after, from)
    }
}

/// The same, along `ways`.
fn reached(ways: &[Vec<usize>], from: &[usize]) -> BTreeSet<usize> {
    let mut seen = BTreeSet::new();
    let mut left: Vec<usize> = from.iter().copied().filter(|at| *at < ways.len()).collect();
    while let Some(at) = left.pop() {
        if seen.insert(at) {
            left.extend(&ways[at]);
        }
    }
    seen
}

/// Whether the function at `address` can return. What is not known, and what lies deeper than
/// [`DEPTH`], is taken to.
fn comes_back(code: &Code<'_>, address: u64, depth: u32) -> bool {
    let Some(function) = code.at(address).filter(|_| depth > 0) else { return true };
    code.known_to_return(address, depth, || {
        let instructions = code.instructions(function);
        let graph = Graph::follow(code, &instructions, depth - 1);
        let reached = graph.reached(&[0]);
        graph.returns.iter().any(|end| reached.contains(end))
    })
}

#[cfg(test)]
mod tests;
