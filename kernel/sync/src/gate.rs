//! A gate between two tasks of one CPU, of which one calls and the other answers: the synchronous call of the
//! L4 family. A call hands the CPU to who answers, at once and with its words; the answer hands it back. Nobody
//! else is asked.
//!
//! Who is handed the CPU takes the place in line of who handed it over, which waits. So a call takes no
//! other task's turn, and gives it none either: two that call each other and do nothing else let others run
//! only where a timer makes them.
//!
//! Four words go with it: the first in the register that the switch carries, the others by the gate, on its own
//! cache line.

use core::{marker::PhantomData, ptr};

use switchlab_switch::Message;

use crate::{
    Cpu, Platform, Task, Words,
    atomic::{AcqRel, AtomicBool, AtomicRef, AtomicU64, Relaxed},
};

/// What goes with a call or an answer.
pub type Letter = [u64; 4];

/// A gate, for one task that calls and one that answers. Touched by their CPU alone.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Gate<P: Platform> {
    /// Who answers, while it waits for a call.
    answering: AtomicRef<Task<P>>,
    /// Who called, until it has its answer.
    calling: AtomicRef<Task<P>>,
    /// All but the first word; and that, of a call that came before there was anybody to answer it.
    words: [AtomicU64; 4],
    /// There is such a call.
    early: AtomicBool,
    /// One side is gone.
    closed: AtomicBool,
    /// The CPU of both.
    home: AtomicRef<Cpu<P>>,
}

/// A side of a gate, of the task that claimed it.
///
/// It stays with that task, and so on the CPU of both:
///
/// ```compile_fail,E0277
/// fn give_away<P: switchlab_sync::Platform>(side: switchlab_sync::gate::Side<P>) -> impl Send {
///     side
/// }
/// ```
#[derive(Debug)]
pub struct Side<P: Platform> {
    gate: &'static Gate<P>,
    /// Neither `Send` nor `Sync`.
    of_one_task: PhantomData<*mut ()>,
}

impl<P: Platform> Gate<P> {
    /// A gate at which nobody waits.
    pub const fn new() -> Self {
        Self {
            answering: AtomicRef::none(),
            calling: AtomicRef::none(),
            words: [const { AtomicU64::new(0) }; 4],
            early: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            home: AtomicRef::none(),
        }
    }

    /// Makes the running task one of the two.
    ///
    /// # Panics
    ///
    /// If the other one is of another CPU: a call can not hand over that one's.
    pub fn claim(&'static self) -> Side<P> {
        let here = P::this_cpu();
        // Each pairs with the other's: who comes second looks at the first one's CPU.
        let home = self.home.swap(Some(here), AcqRel).unwrap_or(here);
        assert!(ptr::eq(home, here), "a gate between CPU {} and CPU {}", home.id(), here.id());
        Side { gate: self, of_one_task: PhantomData }
    }
    /// A call that nobody waits for: who answers finds it.
    #[cold]
    fn call_early(&self, current: &'static Task<P>, letter: Letter) -> Option<Message> {
        if self.closed.load(Relaxed) {
            return None;
        }
        self.write(&letter);
        self.words[0].store(letter[0], Relaxed);
        self.early.store(true, Relaxed);
        self.calling.store(Some(current), Relaxed);
        Some(Cpu::block(current))
    }

    /// The running task goes to `place` and waits; `to`, which waits at the other, runs instead.
    #[inline(always)]
    fn hand_over(
        &self,
        current: &'static Task<P>,
        to: &'static Task<P>,
        place: &AtomicRef<Task<P>>,
        letter: Letter,
    ) -> Message {
        place.store(Some(current), Relaxed);
        self.write(&letter);
        Cpu::hand_over_and_block(current, to, letter[0])
    }

    #[inline(always)]
    fn write(&self, letter: &Letter) {
        for (word, value) in self.words.iter().zip(letter).skip(1) {
            word.store(*value, Relaxed);
        }
    }

    #[expect(unsafe_code, reason = "the first word comes in a register")]
    #[inline(always)]
    fn read(&self, first: Message) -> Option<Letter> {
        if self.closed.load(Relaxed) {
            return None;
        }
        P::count::<{ Words::HANDOFFS }>();
        let [_, second, third, fourth] = &self.words;
        // SAFETY: who waits at a gate is gone on with by `hand_over` alone, with a letter, or by `close`.
        let first = unsafe { first.assume_init() };
        Some([first, second.load(Relaxed), third.load(Relaxed), fourth.load(Relaxed)])
    }
}

impl<P: Platform> Side<P> {
    /// Hands the CPU to the task that answers, with a letter, and returns its answer; `None` where the gate is
    /// closed. Blocks where that task does not wait for a call yet.
    #[inline(always)]
    pub fn call(&self, letter: Letter) -> Option<Letter> {
        let current = Cpu::<P>::current();
        let answer = match self.gate.answering.load(Relaxed) {
            Some(answering) => {
                self.gate.answering.store(None, Relaxed);
                self.gate.hand_over(current, answering, &self.gate.calling, letter)
            }
            None => self.gate.call_early(current, letter)?,
        };
        self.gate.read(answer)
    }

    /// Waits for the first call; `None` where the gate is closed.
    pub fn wait(&self) -> Option<Letter> {
        if self.gate.early.load(Relaxed) {
            self.gate.early.store(false, Relaxed);
            return self.gate.read(Message::new(self.gate.words[0].load(Relaxed)));
        }
        if self.gate.closed.load(Relaxed) {
            return None;
        }
        let current = Cpu::<P>::current();
        self.gate.answering.store(Some(current), Relaxed);
        let call = Cpu::block(current);
        self.gate.read(call)
    }

    /// Hands the CPU back to the task that called, with its answer, and returns the next call; `None` where the
    /// gate is closed. Where nobody has called, it only waits.
    #[inline(always)]
    pub fn answer(&self, letter: Letter) -> Option<Letter> {
        let Some(calling) = self.gate.calling.load(Relaxed) else { return self.wait() };
        self.gate.calling.store(None, Relaxed);
        let call = self.gate.hand_over(Cpu::current(), calling, &self.gate.answering, letter);
        self.gate.read(call)
    }

    /// Says that the running task, one of the two, is gone: whoever waits for it is told, and waits no more.
    pub fn close(self) {
        self.gate.closed.store(true, Relaxed);
        let current = Cpu::<P>::current();
        for side in [&self.gate.answering, &self.gate.calling] {
            let waiting = side.load(Relaxed);
            side.store(None, Relaxed);
            if let Some(waiting) = waiting.filter(|waiting| !ptr::eq(*waiting, current)) {
                Cpu::make_ready(waiting);
            }
        }
    }
}

impl<P: Platform> Default for Gate<P> {
    fn default() -> Self {
        Self::new()
    }
}
