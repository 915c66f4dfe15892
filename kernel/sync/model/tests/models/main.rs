//! The protocols between CPUs, in all orders of what these do and with all values that the orderings of the atomics
//! allow: [loom](https://docs.rs/loom) runs each model once for each. `kernel/docs/models.md` says which, how far, and
//! what this can not show.

mod atomics;
mod channel;
mod close;
mod explore;
mod free;
mod halt;
mod machine;
mod park;
mod spawn;
mod stacks;
mod start_up;
mod steal;
