//! Where a CPU is: its x2APIC id cut into socket, die, core and thread at the bits that CPUID names. The
//! kernel reads CPUID, on each CPU; what the bits say is decided here.

/// A domain that CPUID tells, smallest first (Intel SDM vol. 2, CPUID, leaves 0Bh and 1Fh).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// Threads of one core.
    Thread,
    /// Cores, and what stands between a core and a die: modules, tiles.
    Core,
    /// Dies of one socket.
    Die,
}

/// How many bits of the id number what is inside of each domain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bits {
    /// The lowest bits number threads of a core.
    pub thread: u32,
    /// Bits below the die's number.
    pub below_die: u32,
    /// Bits below the socket's number.
    pub below_socket: u32,
}

/// A CPU's place. Numbers count within what is around them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The socket.
    pub socket: u32,
    /// The die in the socket.
    pub die: u32,
    /// The core in the die.
    pub core: u32,
    /// The thread in the core.
    pub thread: u32,
}

impl Bits {
    /// From the domains that leaf 0Bh or 1Fh lists, smallest first: each with how far the id is to be shifted
    /// for the number of the next.
    pub fn from_levels(levels: impl IntoIterator<Item = (Domain, u32)>) -> Self {
        let mut bits = Self::default();
        for (domain, shift) in levels {
            match domain {
                Domain::Thread => bits.thread = shift,
                Domain::Core => bits.below_die = shift,
                Domain::Die => {}
            }
            bits.below_socket = bits.below_socket.max(shift);
        }
        // Without dies the socket is one; without cores the threads are all that is below it.
        bits.below_die = if bits.below_die == 0 { bits.below_socket } else { bits.below_die };
        bits
    }

    /// From leaves 1 and 4: how many ids a socket may have, and how many cores (vol. 3, 9.9.3).
    pub const fn from_counts(ids: u32, cores: u32) -> Self {
        let below_socket = ceil_log2(ids);
        let thread = below_socket.saturating_sub(ceil_log2(cores));
        Self { thread, below_die: below_socket, below_socket }
    }

    /// Cuts an id.
    pub fn place(self, id: u32) -> Place {
        let field = |from: u32, to: u32| {
            let above = id.checked_shr(from).unwrap_or(0);
            let width = to.saturating_sub(from);
            if width >= u32::BITS { above } else { above & ((1 << width) - 1) }
        };
        Place {
            socket: id.checked_shr(self.below_socket).unwrap_or(0),
            die: field(self.below_die, self.below_socket),
            core: field(self.thread, self.below_die),
            thread: field(0, self.thread),
        }
    }
}

const fn ceil_log2(number: u32) -> u32 {
    match number {
        0 | 1 => 0,
        _ => u32::BITS - (number - 1).leading_zeros(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_is_cut_where_the_levels_say() {
        // Two threads a core, eight cores a die, two dies a socket.
        let bits = Bits::from_levels([(Domain::Thread, 1), (Domain::Core, 4), (Domain::Die, 5)]);
        assert_eq!(bits.place(0b11_1011), Place { socket: 1, die: 1, core: 5, thread: 1 });
        assert_eq!(bits.place(0), Place { socket: 0, die: 0, core: 0, thread: 0 });
    }

    #[test]
    fn socket_without_dies_is_one_die() {
        let bits = Bits::from_levels([(Domain::Thread, 0), (Domain::Core, 2)]);
        assert_eq!(bits.place(0b1110), Place { socket: 3, die: 0, core: 2, thread: 0 });
    }

    #[test]
    fn levels_between_core_and_die_belong_to_the_core() {
        let bits =
            Bits::from_levels([(Domain::Thread, 1), (Domain::Core, 3), (Domain::Core, 4), (Domain::Die, 6)]);
        assert_eq!(bits.place(0b110_1111), Place { socket: 1, die: 2, core: 7, thread: 1 });
    }

    #[test]
    fn counts_of_old_leaves_give_the_same_cut() {
        assert_eq!(Bits::from_counts(8, 4), Bits { thread: 1, below_die: 3, below_socket: 3 });
        // Three cores need two bits.
        assert_eq!(Bits::from_counts(3, 3).place(0b110), Place { socket: 1, die: 0, core: 2, thread: 0 });
        // One CPU a socket: the id is the socket's.
        assert_eq!(Bits::from_counts(1, 1).place(5), Place { socket: 5, die: 0, core: 0, thread: 0 });
        assert_eq!(Bits::from_counts(0, 0), Bits::default());
    }

    #[test]
    fn shifts_beyond_the_id_leave_nothing_above() {
        let bits = Bits::from_levels([(Domain::Thread, 0), (Domain::Core, 32)]);
        assert_eq!(bits.place(7), Place { socket: 0, die: 0, core: 7, thread: 0 });
    }
}
