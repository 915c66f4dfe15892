//! What a container is made of, each part by itself: whom its processes can name, what they can open, what they
//! may ask for, and how much of the machine is theirs.
//!
//! | module | what it decides |
//! |---|---|
//! | [`cpu`] | who has used up the CPU time of its group, or of a group around that, in this period |
//! | [`memory`] | whose limit a page would break |
//! | [`filter`] | what becomes of a system call, by its number and arguments |
//! | [`ids`] | whom an id stands for, in the namespace of who asks |
//! | [`names`] | what a name of a channel stands for there, and whether that end is free |
//! | [`mounts`] | what a path leads to from there |
//!
//! Groups are shared by CPUs, and changed by atomic instructions alone, so that nobody who is charged waits. The
//! namespaces are plain values: the kernel puts a lock around each, which no switch takes.

pub mod cpu;
pub mod filter;
pub mod ids;
pub mod memory;
pub mod mounts;
pub mod names;
