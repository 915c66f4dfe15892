//! The ready tasks of one CPU, from the oldest to the newest, in a ring of fixed size.

/// The ready tasks of one CPU. With room for all tasks that there are, since each may be here.
#[derive(Debug)]
pub struct Queue<'a> {
    slots: &'a mut [u32],
    /// Where the oldest is.
    oldest: usize,
    length: usize,
    /// How often in a row the newest was taken while others waited.
    turns: u32,
}

impl<'a> Queue<'a> {
    /// How many slots a queue of `tasks` tasks needs: a power of two, so that going round the ring takes the same
    /// instructions wherever in it the tasks are.
    pub const fn slots(tasks: usize) -> usize {
        tasks.next_power_of_two()
    }

    /// An empty queue, with room for as many tasks as there are `slots`.
    ///
    /// # Panics
    ///
    /// If their number is no power of two: see [`slots`](Self::slots).
    pub const fn new(slots: &'a mut [u32]) -> Self {
        assert!(slots.len().is_power_of_two(), "the slots of a queue are no power of two");
        Self { slots, oldest: 0, length: 0, turns: 0 }
    }

    /// Tasks in it.
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether it has none.
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Puts a task in, as the newest.
    ///
    /// # Panics
    ///
    /// If there is no room: then a task is in it twice.
    #[inline(always)]
    pub fn put(&mut self, task: u32) {
        assert!(self.length < self.slots.len(), "task {task} is put into a queue that holds all tasks");
        let place = self.place(self.length);
        self.slots[place] = task;
        self.length += 1;
    }

    /// Takes the oldest.
    #[inline(always)]
    pub fn take_oldest(&mut self) -> Option<u32> {
        self.turns = 0;
        if self.length == 0 {
            return None;
        }
        let task = self.slots[self.oldest];
        self.oldest = self.place(1);
        self.length -= 1;
        Some(task)
    }

    /// Takes the newest; or the oldest, where the newest was taken `turns` times in a row while others
    /// waited.
    #[inline(always)]
    pub fn take_newest_in_turn(&mut self, turns: u32) -> Option<u32> {
        if self.length <= 1 || self.turns >= turns {
            return self.take_oldest();
        }
        self.turns += 1;
        self.length -= 1;
        Some(self.slots[self.place(self.length)])
    }

    /// Moves the older half, rounded down, into `to`, where they come to be the newest, in their order;
    /// returns how many. The turns
    /// that passed them over here count there; for who stays behind, older ones are gone instead.
    pub fn give_half(&mut self, to: &mut Queue<'_>) -> usize {
        let half = self.length / 2;
        let turns = self.turns;
        for _ in 0..half {
            if let Some(task) = self.take_oldest() {
                to.put(task);
            }
        }
        to.turns = to.turns.max(if half == 0 { 0 } else { turns });
        half
    }

    /// Tasks in it, from the oldest to the newest.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        (0..self.length).map(|behind| self.slots[self.place(behind)])
    }

    /// The slot `behind` tasks behind the oldest.
    #[inline(always)]
    fn place(&self, behind: usize) -> usize {
        // A branch here would take another number of instructions where the ring begins anew.
        (self.oldest + behind) & (self.slots.len() - 1)
    }
}
