//! Names of channels in a namespace: what a process opens by name, and by which end. Each end has one owner for
//! life, as a channel's has.

/// Bytes of a name.
pub const NAME_BYTES: usize = 32;

/// Which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// That which sends.
    Sends,
    /// That which receives.
    Receives,
}

/// Names of one namespace, at most `N`.
#[derive(Debug)]
pub struct Names<T, const N: usize> {
    entries: [Option<Entry<T>>; N],
}

#[derive(Debug)]
struct Entry<T> {
    name: &'static str,
    of: T,
    /// Whether the end that sends has an owner, and that which receives.
    taken: [bool; 2],
}

/// Why a name is not what was wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// It stands for nothing here.
    Unknown,
    /// That end has an owner.
    InUse,
    /// It stands for something already.
    Known,
    /// There are as many names as there can be, or it has too many bytes.
    NoRoom,
}

impl<T: Copy, const N: usize> Names<T, N> {
    /// No names.
    pub const fn new() -> Self {
        Self { entries: [const { None }; N] }
    }

    /// Lets `name` stand for something.
    ///
    /// # Errors
    ///
    /// [`NameError::Known`] or [`NameError::NoRoom`].
    pub fn publish(&mut self, name: &'static str, of: T) -> Result<(), NameError> {
        if self.entries.iter().flatten().any(|entry| entry.name == name) {
            return Err(NameError::Known);
        }
        let free = self.entries.iter_mut().find(|entry| entry.is_none() && name.len() <= NAME_BYTES);
        *free.ok_or(NameError::NoRoom)? = Some(Entry { name, of, taken: [false; 2] });
        Ok(())
    }

    /// What `name` stands for here; that end has an owner from now on.
    ///
    /// # Errors
    ///
    /// [`NameError::Unknown`] or [`NameError::InUse`].
    pub fn claim(&mut self, name: &[u8], side: Side) -> Result<T, NameError> {
        let entry = self.entries.iter_mut().flatten().find(|entry| entry.name.as_bytes() == name);
        let entry = entry.ok_or(NameError::Unknown)?;
        let taken = &mut entry.taken[side as usize];
        if core::mem::replace(taken, true) { Err(NameError::InUse) } else { Ok(entry.of) }
    }
}

impl<T: Copy, const N: usize> Default for Names<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_stands_for_something_in_its_namespace_alone() {
        let (mut web, mut batch) = (Names::<u32, 2>::new(), Names::<u32, 2>::new());
        assert_eq!(web.publish("requests", 1), Ok(()));
        assert_eq!(batch.publish("requests", 2), Ok(()));
        assert_eq!(batch.publish("results", 3), Ok(()));
        assert_eq!(web.claim(b"requests", Side::Sends), Ok(1));
        assert_eq!(batch.claim(b"requests", Side::Sends), Ok(2));
        assert_eq!(web.claim(b"results", Side::Receives), Err(NameError::Unknown));
        for near in [&b""[..], b"request", b"requests\0", b"requests/"] {
            assert_eq!(web.claim(near, Side::Receives), Err(NameError::Unknown));
        }
    }

    #[test]
    fn each_end_has_one_owner() {
        let mut names = Names::<u32, 1>::new();
        assert_eq!(names.publish("requests", 1), Ok(()));
        assert_eq!(names.claim(b"requests", Side::Sends), Ok(1));
        assert_eq!(names.claim(b"requests", Side::Sends), Err(NameError::InUse));
        assert_eq!(names.claim(b"requests", Side::Receives), Ok(1));
        assert_eq!(names.claim(b"requests", Side::Receives), Err(NameError::InUse));
    }

    #[test]
    fn names_have_a_bound() {
        let mut names = Names::<u32, 1>::new();
        assert_eq!(names.publish("a name of more than 32 bytes, by a few", 1), Err(NameError::NoRoom));
        assert_eq!(names.publish("requests", 1), Ok(()));
        assert_eq!(names.publish("requests", 1), Err(NameError::Known));
        assert_eq!(names.publish("results", 1), Err(NameError::NoRoom));
    }
}
