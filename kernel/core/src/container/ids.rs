//! Ids of a namespace: small numbers that stand for its members, and for nobody else. The same number stands for
//! another in another namespace, and none of its numbers for who is outside.

/// A namespace of ids, with at most `N` members at one time.
#[derive(Debug)]
pub struct Ids<T, const N: usize> {
    members: [Option<(u64, T)>; N],
    next: u64,
}

/// There are as many members as there can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl<T, const N: usize> Ids<T, N> {
    /// A namespace without members. The first gets 1.
    pub const fn new() -> Self {
        Self { members: [const { None }; N], next: 1 }
    }

    /// A new member's id. None is given twice.
    ///
    /// # Errors
    ///
    /// [`Full`].
    pub fn enter(&mut self, member: T) -> Result<u64, Full> {
        let free = self.members.iter_mut().find(|place| place.is_none()).ok_or(Full)?;
        let id = self.next;
        *free = Some((id, member));
        self.next += 1;
        Ok(id)
    }

    /// Whom an id stands for here.
    pub fn find(&self, id: u64) -> Option<&T> {
        self.members.iter().flatten().find(|(of, _)| *of == id).map(|(_, member)| member)
    }

    /// A member is gone, and its id stands for nobody.
    pub fn leave(&mut self, id: u64) {
        for place in &mut self.members {
            if place.as_ref().is_some_and(|(of, _)| *of == id) {
                *place = None;
            }
        }
    }

    /// How many members there are.
    pub fn members(&self) -> usize {
        self.members.iter().flatten().count()
    }
}

impl<T, const N: usize> Default for Ids<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn id_stands_for_a_member_of_its_namespace_alone() {
        let (mut web, mut batch) = (Ids::<u32, 4>::new(), Ids::<u32, 4>::new());
        assert_eq!([web.enter(70), web.enter(71), batch.enter(80)], [Ok(1), Ok(2), Ok(1)]);
        assert_eq!([web.find(1), batch.find(1)], [Some(&70), Some(&80)]);
        assert_eq!(batch.find(2), None, "of another namespace");
        assert_eq!(
            [web.find(70), web.find(0), web.find(u64::MAX)],
            [None; 3],
            "its number outside is none inside"
        );
    }

    #[test]
    fn id_of_who_is_gone_is_given_to_nobody_else() {
        let mut ids = Ids::<u32, 2>::new();
        assert_eq!([ids.enter(1), ids.enter(2), ids.enter(3)], [Ok(1), Ok(2), Err(Full)]);
        ids.leave(1);
        ids.leave(77);
        assert_eq!(ids.find(1), None);
        assert_eq!(ids.enter(3), Ok(3));
        assert_eq!(ids.members(), 2);
    }

    proptest! {
        #[test]
        fn each_id_stands_for_who_got_it_until_that_is_gone(steps in prop::collection::vec(any::<(bool, u8)>(), 0..100)) {
            let mut ids = Ids::<usize, 8>::new();
            let mut living: Vec<(u64, usize)> = Vec::new();
            for (number, (enters, which)) in steps.into_iter().enumerate() {
                if enters {
                    match ids.enter(number) {
                        Ok(id) => living.push((id, number)),
                        Err(Full) => prop_assert_eq!(living.len(), 8),
                    }
                } else if !living.is_empty() {
                    let (id, _) = living.swap_remove(usize::from(which) % living.len());
                    ids.leave(id);
                    prop_assert_eq!(ids.find(id), None);
                }
                prop_assert_eq!(ids.members(), living.len());
                for (id, member) in &living {
                    prop_assert_eq!(ids.find(*id), Some(member));
                }
            }
        }
    }
}
