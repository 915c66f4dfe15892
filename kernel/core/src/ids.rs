//! The numbers that name CPUs and tasks. Used everywhere; as types of their own, so that a dense
//! number is never taken for a hardware id.

use core::fmt;

/// The most CPUs that the laboratory runs on.
pub const MAX_CPUS: usize = 64;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl $name {
            /// Names by number.
            pub const fn new(number: u32) -> Self {
                Self(number)
            }

            /// The number itself.
            pub const fn get(self) -> u32 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

id! {
    /// A CPU by its dense number: 0 is the BSP, the others follow in the order of the MADT.
    CpuId
}

id! {
    /// A CPU by the id of its local APIC: sparse, up to 32 bits (Intel SDM vol. 3, 11.4.6 and
    /// 11.12.5). What IPIs are addressed to, and nothing else.
    ApicId
}

id! {
    /// A task by its number, in the order of spawning.
    TaskId
}

impl CpuId {
    /// The bootstrap processor.
    pub const BSP: Self = Self(0);

    /// The place of this CPU in a per-CPU table.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl TaskId {
    /// The place of this task in a table of tasks.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    #[test]
    fn ids_print_as_their_number_and_take_a_width() {
        assert_eq!(format!("{} {} {}", CpuId::BSP, ApicId::new(300), TaskId::new(7)), "0 300 7");
        assert_eq!(format!("[{:>4}]", CpuId::new(11)), "[  11]");
    }

    #[test]
    fn index_and_number_agree() {
        assert_eq!(CpuId::new(63).index(), 63);
        assert_eq!(TaskId::new(5).index(), 5);
        assert_eq!(ApicId::new(0x1_0000).get(), 0x1_0000);
    }
}
