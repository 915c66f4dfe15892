//! What a container is made of, each part by itself: namespaces, a cgroup, a filter of system calls, a network. Each proves that
//! it is there before anything is measured in it.

pub mod cgroup;
pub mod filter;
pub mod namespaces;
pub mod veth;
