//! Names of channels in a namespace: what a process opens by name. Who owns which end of it the channel itself knows,
//! since it may have names elsewhere too, or an owner that knows it by none.

/// Bytes of a name.
pub const NAME_BYTES: usize = 32;

/// Names of one namespace, at most `N`.
#[derive(Debug)]
pub struct Names<T, const N: usize> {
    entries: [Option<(&'static str, T)>; N],
}

/// Why a name can not stand for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
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
        if self.entries.iter().flatten().any(|(known, _)| *known == name) {
            return Err(NameError::Known);
        }
        let free = self.entries.iter_mut().find(|entry| entry.is_none() && name.len() <= NAME_BYTES);
        *free.ok_or(NameError::NoRoom)? = Some((name, of));
        Ok(())
    }

    /// What `name` stands for here, if anything.
    pub fn find(&self, name: &[u8]) -> Option<T> {
        self.entries.iter().flatten().find(|(known, _)| known.as_bytes() == name).map(|(_, of)| *of)
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
        assert_eq!(web.find(b"requests"), Some(1));
        assert_eq!(batch.find(b"requests"), Some(2));
        assert_eq!(web.find(b"results"), None);
        for near in [&b""[..], b"request", b"requests\0", b"requests/"] {
            assert_eq!(web.find(near), None);
        }
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
