//! The machine. One architecture: x86_64.

mod x86_64;

pub use self::x86_64::*;
