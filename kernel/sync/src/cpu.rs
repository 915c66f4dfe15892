//! The scheduler of one CPU: who runs, who is ready, and the ways to stop running.
//!
//! A CPU with nothing to run halts where it stands, in the context of the task that blocked last.
//! So a task that waits alone on its CPU costs no switch: it halts, is woken and goes on. The
//! alternative, an idle context in between, would cost two switches a wait. Only a task that exits
//! leaves its stack, for the CPU's idle task.

use core::{fmt, mem::offset_of};

use switchlab_core::CpuId;
use switchlab_records::Mark;
use switchlab_switch::Message;

use crate::{
    Channel, Parker, Platform, Task, Words,
    atomic::{AcqRel, AtomicRef, AtomicU64, Relaxed, Release, count},
    inbox,
    run_queue::{RunQueue, address},
};

/// What happened on one CPU since it started. Each is written by its CPU alone, where it happens.
#[derive(Debug)]
pub struct Counters {
    /// IPIs that the handler took.
    pub ipis_taken: &'static AtomicU64,
    /// Wake-up IPIs sent.
    pub ipis_sent: &'static AtomicU64,
    /// Calls of `switch_context`.
    pub switches: &'static AtomicU64,
    /// Messages received, with those in a channel that did not come, since the sender was gone.
    pub handoffs: &'static AtomicU64,
    /// Halts.
    pub halts: &'static AtomicU64,
    /// Locks around queues that were taken.
    pub queue_locks: &'static AtomicU64,
}

/// One CPU's scheduler. Its functions without `self` are about the CPU that runs them; they and the
/// methods run on it, with interrupts off, unless they say otherwise.
pub struct Cpu<P: Platform> {
    words: &'static Words,
    idle: AtomicRef<Task<P>>,
    /// Exited and not yet left: the idle task finishes it.
    leaving: AtomicRef<Task<P>>,
    /// The channel that is looked at whenever an IPI was taken: its sender need not post.
    line: AtomicRef<Channel<P>>,
    id: CpuId,
}

impl<P: Platform> Cpu<P> {
    /// For [`outside`](crate::outside).
    pub(crate) const IDLE: usize = offset_of!(Self, idle);
    /// As above.
    pub(crate) const LINE: usize = offset_of!(Self, line);

    /// A CPU with nothing to run; [`start`](Self::start) comes next. Its interrupt handler counts
    /// in [`Words::IPIS_TAKEN`] of `words`.
    pub const fn new(id: CpuId, words: &'static Words) -> Self {
        Self { words, idle: AtomicRef::none(), leaving: AtomicRef::none(), line: AtomicRef::none(), id }
    }

    /// Which CPU this is.
    pub fn id(&self) -> CpuId {
        self.id
    }

    /// Its words. Any CPU may look.
    #[inline(always)]
    pub fn words(&self) -> &'static Words {
        self.words
    }

    /// What happened here so far. Any CPU may look.
    pub fn counters(&self) -> Counters {
        Counters {
            ipis_taken: self.words.word(Words::IPIS_TAKEN),
            ipis_sent: self.words.word(Words::IPIS_SENT),
            switches: self.words.word(Words::SWITCHES),
            handoffs: self.words.word(Words::HANDOFFS),
            halts: self.words.word(Words::HALTS),
            queue_locks: self.words.word(Words::QUEUE_LOCKS),
        }
    }

    /// The task that runs.
    #[expect(unsafe_code, reason = "a word is taken for the task whose address it is")]
    #[inline(always)]
    pub fn current() -> &'static Task<P> {
        // SAFETY: what asks is a task, so this CPU was started; from then on the word is a task's address.
        unsafe { &*core::ptr::with_exposed_provenance(P::word::<{ Words::CURRENT }>() as usize) }
    }

    /// The task that runs here, if any does yet. Any CPU may look, at a snapshot.
    #[expect(unsafe_code, reason = "as in `current`")]
    pub fn current_or_none(&self) -> Option<&'static Task<P>> {
        let current = self.words.word(Words::CURRENT).load(Relaxed) as usize;
        // SAFETY: 0 or, from the start on, a task's address; tasks live for ever.
        unsafe { core::ptr::with_exposed_provenance::<Task<P>>(current).as_ref() }
    }

    /// Whether `task`, a task of this CPU, is ready or runs. Any CPU may look, at a snapshot.
    pub(crate) fn is_in_line(&self, task: &Task<P>) -> bool {
        self.words.word(Words::TAIL).load(Relaxed) == address(task)
            || task.next.load(Relaxed).is_some_and(|next| !core::ptr::eq(next, task))
    }

    /// Whether `task` is the one that runs when no other does.
    pub(crate) fn is_idle(&self, task: &Task<P>) -> bool {
        self.idle.load(Relaxed).is_some_and(|idle| core::ptr::eq(idle, task))
    }

    /// Declares that `task` is what runs here now, and `idle` what runs when a task exits and no
    /// other is ready. They may be one. Before anything else runs here, from any CPU.
    ///
    /// # Safety
    ///
    /// The context of `idle` is prepared, if it is not `task`, and that of `task` is saved before anybody switches to it:
    /// it is what runs.
    #[expect(unsafe_code, reason = "contexts that are gone on with")]
    pub unsafe fn start(&self, task: &'static Task<P>, idle: &'static Task<P>) {
        if !core::ptr::eq(task, idle) {
            task.next.store(Some(task), Relaxed);
            self.words.word(Words::TAIL).store(address(task), Relaxed);
        }
        task.set_started();
        idle.set_started();
        self.words.word(Words::CURRENT).store(address(task), Relaxed);
        self.idle.store(Some(idle), Relaxed);
    }

    /// The interrupt handler's whole work: to count.
    pub fn take_ipi(&self) {
        count(self.words.word(Words::IPIS_TAKEN));
    }

    /// Lets the other ready tasks of this CPU run, in their order, before this one goes on.
    #[inline(always)]
    pub fn yield_now() {
        Self::listen();
        let current = Self::current();
        let next = current.next();
        if core::ptr::eq(next, current) {
            Self::yield_from_outside(current);
        } else {
            RunQueue::advance(current);
            Self::switch_to(current, next, Message::uninit());
        }
    }

    /// Lets the other ready tasks of this CPU run, where there are more than `resting`, of which the running one is
    /// one; else halts until an interrupt was taken, and does so then. For tasks that wait for a time: as many as
    /// rest so on one CPU say how many they are, so that it halts where nobody else is ready.
    pub fn rest(resting: usize) {
        let is_in_line = RunQueue::head().is_some_and(|head| core::ptr::eq(head, Self::current()));
        let others = RunQueue::<P>::ready() - usize::from(is_in_line);
        if others < resting {
            P::this_cpu().halt_and_look();
        }
        Self::yield_now();
    }

    /// Yields where the running task leads to itself: it is alone, or not in the ring.
    #[cold]
    fn yield_from_outside(current: &'static Task<P>) {
        if let Some(next) = RunQueue::head()
            && !core::ptr::eq(next, current)
        {
            RunQueue::enqueue(current);
            Self::switch_to(current, next, Message::uninit());
        }
    }

    /// Blocks the running task, `current`, until [`make_ready`](Self::make_ready) or
    /// [`hand_over`](Self::hand_over) was called for it; returns the message of the latter.
    #[inline(always)]
    pub(crate) fn block(current: &'static Task<P>) -> Message {
        P::mark(Mark::Blocked);
        let next = RunQueue::head_beside_visitor();
        if core::ptr::eq(next, current) {
            return Self::leave_and_block(current);
        }
        // A visitor leaves no gap: the ring goes on where it stands.
        P::mark(Mark::Picked);
        Self::listen();
        Self::switch_to(current, next, Message::uninit())
    }

    /// Takes the running task out of the ring and goes on with the next, or waits for one.
    #[inline(never)]
    fn leave_and_block(current: &'static Task<P>) -> Message {
        RunQueue::leave(current);
        let next = loop {
            match RunQueue::head() {
                Some(next) => break next,
                None => P::this_cpu().halt_and_look(),
            }
        };
        P::mark(Mark::Picked);
        if core::ptr::eq(next, current) {
            return Message::uninit();
        }
        Self::listen();
        Self::switch_to(current, next, Message::uninit())
    }

    /// Makes a blocked task of this CPU ready.
    #[inline(always)]
    pub(crate) fn make_ready(task: &'static Task<P>) {
        RunQueue::enqueue(task);
        P::mark(Mark::Enqueued);
    }

    /// Gives the CPU to `receiver`, a blocked task of this CPU, at once and with a message. The running
    /// task goes to the end of the line, so that who is in it has its turn, however long two hand the CPU
    /// to and fro; `receiver` runs as a visitor.
    #[inline(always)]
    pub(crate) fn hand_over(receiver: &'static Task<P>, message: u64) {
        let current = Self::current();
        if core::ptr::eq(RunQueue::head_beside_visitor(), current) {
            RunQueue::advance(current);
        } else {
            Self::enqueue_visitor(current);
        }
        Self::switch_to(current, receiver, Message::new(message));
    }

    /// Gives the CPU to `to`, a blocked task of this CPU, at once and with a message, and its place in line too:
    /// `current`, the running task, blocks until [`make_ready`](Self::make_ready) or one of these two was called
    /// for it, and returns the message of the latter.
    #[inline(always)]
    pub(crate) fn hand_over_and_block(
        current: &'static Task<P>,
        to: &'static Task<P>,
        message: u64,
    ) -> Message {
        debug_assert!(core::ptr::eq(to.cpu(), current.cpu()), "{:?} is of another CPU", to.id());
        Self::listen();
        // A visitor has no place: who follows it is one too.
        if core::ptr::eq(RunQueue::head_beside_visitor(), current) {
            RunQueue::replace(current, to);
        }
        Self::switch_to(current, to, Message::new(message))
    }

    #[cold]
    fn enqueue_visitor(visitor: &'static Task<P>) {
        RunQueue::enqueue(visitor);
    }

    /// Ends the running task; nothing of it runs again. `finish` of [`run_idle`](Self::run_idle) is
    /// called with it once its stack is left.
    pub fn exit_current() -> ! {
        let (cpu, current) = (P::this_cpu(), Self::current());
        let idle = cpu.idle.load(Relaxed).expect("start() named the idle task");
        assert!(!core::ptr::eq(current, idle), "the idle task of CPU {} exits", cpu.id);
        if core::ptr::eq(RunQueue::head_beside_visitor(), current) {
            RunQueue::leave(current);
        }
        cpu.leaving.store(Some(current), Relaxed);
        Self::switch_to(current, idle, Message::uninit());
        unreachable!("{:?} runs after its exit", current.id())
    }

    /// The idle task's body: runs what is ready, finishes what exited, halts when there is nothing.
    ///
    /// `finish` is called for each task that exited, once its stack is in use no more: it may free it. Only
    /// then does the task's state say that it has exited, and is woken who waits for that.
    pub fn run_idle(finish: fn(&'static Task<P>)) -> ! {
        let (cpu, idle) = (P::this_cpu(), Self::current());
        loop {
            if let Some(gone) = cpu.leaving.swap(None, Relaxed) {
                finish(gone);
                gone.set_exited();
            }
            match RunQueue::head() {
                Some(next) => {
                    Self::listen();
                    Self::switch_to(idle, next, Message::uninit());
                }
                None => cpu.halt_and_look(),
            }
        }
    }

    /// Posts a wake-up, from any CPU; an IPI has to follow.
    pub(crate) fn post(&self, parker: &'static Parker<P>) {
        inbox::post(self.words, parker);
        put_flag_up(self.words);
    }

    /// Makes `channel`, whose receiver is here, this CPU's line; false where another is.
    pub(crate) fn take_line(&self, channel: &'static Channel<P>) -> bool {
        let free = self.line.load(Relaxed).is_none();
        if free {
            self.line.store(Some(channel), Relaxed);
        }
        free
    }

    /// Makes the line free again, if it is `channel`.
    pub(crate) fn give_line_back(&self, channel: &Channel<P>) {
        if self.line.load(Relaxed).is_some_and(|line| core::ptr::eq(line, channel)) {
            self.line.store(None, Relaxed);
        }
    }

    /// Takes the IPIs that are on their way, and what they bring: a CPU whose tasks only yield to,
    /// wait for, or follow each other would never halt, so would never hear the others.
    #[inline(always)]
    fn listen() {
        if P::is_set::<{ Words::MAIL }>() {
            P::this_cpu().open_window();
        }
    }

    #[cold]
    fn open_window(&self) {
        P::interrupt_window();
        if !self.look() {
            // Its IPI is still on its way; or it was taken as the flag was not looked at.
            self.take_flag_down();
            let line_is_full = self.line.load(Relaxed).is_some_and(Channel::is_full);
            if line_is_full || inbox::has_any::<P>() {
                put_flag_up(self.words);
            }
        }
    }

    /// Before a look at what has come, so that what comes after the look puts the flag up again.
    ///
    /// The swap is a locked instruction: the flag is down before anything is looked at (Intel SDM vol. 3,
    /// 9.2.3.9), and whoever puts it up has written before what it stands for.
    fn take_flag_down(&self) {
        self.words.word(Words::MAIL).swap(0, AcqRel);
    }

    /// The one place where a task gives way to another; returns when it runs again, with what it was
    /// handed.
    #[expect(unsafe_code, reason = "the one call of the switch")]
    #[inline(always)]
    fn switch_to(from: &'static Task<P>, to: &'static Task<P>, message: Message) -> Message {
        // SAFETY: it lives for ever, and runs from here on.
        unsafe { P::set_word::<{ Words::CURRENT }>(address(to)) };
        P::count::<{ Words::SWITCHES }>();
        P::mark(Mark::SwitchBegins);
        // SAFETY: `to` is in this CPU's run queue, or blocked on a channel between tasks of this CPU, or is
        // its idle task, which runs only when a task exits: it is suspended and, tasks being bound to their
        // CPU, nobody else's. `from` runs, so it is not `to`.
        let message = unsafe { P::switch_context(from, to, message) };
        P::mark(Mark::Switched);
        message
    }

    /// Waits for a message on `line`, this CPU's line, in place: where nobody else is ready.
    ///
    /// Returns whether the message is there and its IPI was taken; where not, the receiver's parker says
    /// when.
    #[expect(unsafe_code, reason = "a word of this CPU")]
    #[inline(always)]
    pub(crate) fn wait_on_line(line: &Channel<P>) -> bool {
        if !RunQueue::is_alone(Self::current()) {
            return false;
        }
        loop {
            Self::halt();
            let taken = P::word::<{ Words::IPIS_TAKEN }>();
            if !P::word_is::<{ Words::IPIS_SEEN }>(taken) {
                // SAFETY: a count.
                unsafe { P::set_word::<{ Words::IPIS_SEEN }>(taken) };
                if !inbox::has_any::<P>() && line.is_full() {
                    P::mark(Mark::InboxTaken);
                    return true;
                }
                // Something else came, too or alone.
                P::this_cpu().deliver();
                return false;
            }
        }
    }

    /// Interrupts this CPU, where it is another than the one that runs this: what runs there finds what was written before,
    /// as soon as it takes the interrupt. From any CPU.
    pub fn interrupt(&self) {
        if !core::ptr::eq(self, P::this_cpu()) {
            P::count::<{ Words::IPIS_SENT }>();
            P::send_ipi(self.words);
        }
    }

    /// Halts until an IPI was taken and `come` finds what it was sent for, which is no message and no wake-up: that one
    /// IPI needs no look. If others were taken meanwhile, theirs is still to come.
    #[inline(always)]
    pub(crate) fn halt_until<T>(come: impl Fn() -> Option<T>) -> T {
        // Interrupts are off, so no IPI is taken before the halt.
        let taken = P::word::<{ Words::IPIS_TAKEN }>();
        loop {
            Self::halt();
            if !P::word_is::<{ Words::IPIS_TAKEN }>(taken)
                && let Some(found) = come()
            {
                P::count::<{ Words::IPIS_SEEN }>();
                return found;
            }
        }
    }

    /// Takes the IPIs that have arrived and are pending, and what they bring: for who counts IPIs.
    pub fn take_arrived() {
        P::interrupt_window();
        P::this_cpu().look();
    }

    #[inline(always)]
    fn halt() {
        P::count::<{ Words::HALTS }>();
        P::mark(Mark::HaltBegins);
        P::halt();
        P::mark(Mark::HaltEnded);
    }

    fn halt_and_look(&self) {
        Self::halt();
        self.look();
    }

    /// Delivers what came, if an IPI was taken since the last look; returns whether one was.
    #[expect(unsafe_code, reason = "a word of this CPU")]
    fn look(&self) -> bool {
        let taken = P::word::<{ Words::IPIS_TAKEN }>();
        let is_new = taken != P::word::<{ Words::IPIS_SEEN }>();
        if is_new {
            // SAFETY: a count.
            unsafe { P::set_word::<{ Words::IPIS_SEEN }>(taken) };
            self.deliver();
        }
        is_new
    }

    /// Wakes whom the line and the inbox name.
    #[expect(unsafe_code, reason = "the line's own contract")]
    #[inline(never)]
    fn deliver(&self) {
        self.take_flag_down();
        if let Some(line) = self.line.load(Relaxed) {
            // SAFETY: whoever makes a channel the line here either has just settled that its messages go so, or
            // asserts that they do.
            unsafe { line.notice() };
        }
        inbox::take_all(self.words, Parker::<P>::deliver);
    }
}

/// Says to the CPU with these words that something has come; an IPI has to follow.
#[inline(always)]
pub(crate) fn put_flag_up(words: &Words) {
    // Release: who sees the flag finds what it stands for.
    words.word(Words::MAIL).store(1, Release);
}

impl<P: Platform> fmt::Debug for Cpu<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cpu")
            .field("id", &self.id)
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}
