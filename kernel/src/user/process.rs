//! One process, in its own task: into ring 3, back, and to its end.

use alloc::vec::Vec;
use core::cell::{Cell, UnsafeCell};

use switchlab_core::container::memory::OverLimit;
use switchlab_sync::{Away, Words};

use super::{
    Ended, Fault, Port, Quantum, Report, Said, Space, Spec, contained,
    program::HEAP,
    system_call::{ANSWER, CALL, DONE, GONE, Status},
    vectored,
};
use crate::{
    arch::{
        apic,
        idt::vector,
        percpu,
        ring3::{self, Bases, Entries, Start, SystemCallFrame},
        trap::{self, TrapFrame},
        xsave::{Area, State},
    },
    container::Account,
    mm::{self, SpaceError},
    sched::{self, Channel, Cpu, GateSide, Receiver, Sender},
};

/// A process. On the stack of its task, which alone touches it.
#[derive(Debug)]
pub struct Process {
    loaded: Loaded,
    /// Where its vector state is saved; `None` of one that has none.
    vectors: Option<UnsafeCell<Area>>,
    ports: UnsafeCell<Vec<HeldPort>>,
    pub(super) account: Account,
    pub(super) membership: contained::Membership,
    /// By which it enters the kernel.
    entries: &'static Entries,
    space: Space,
    /// Where the next pages lie that it asks for.
    heap_end: Cell<u64>,
    over_limit: Cell<Option<OverLimit>>,
    refused: Cell<Option<u64>>,
    gone: Cell<Option<u64>>,
    code_at: u64,
    stack_top: u64,
    ended: Cell<Ended>,
    most_ticks: u64,
    /// Ticks taken in ring 3: in this run, and in those before.
    ticks: Cell<u64>,
    ticks_before: Cell<u64>,
    said: Cell<Said>,
}

/// A port, as its task holds it.
#[derive(Debug)]
pub(super) enum HeldPort {
    Sends(Sender),
    Receives(Receiver),
    Calls(GateSide),
    Answers(GateSide),
    /// To a process on another CPU, where there is no gate: both sides send and receive. By which call it is asked.
    Across {
        call: u64,
        sender: Sender,
        receiver: Receiver,
    },
}

/// What one of two processes that hand over by system calls has in words, while the other runs: where ring 3
/// goes on and the registers that the call keeps, the context of its task, and what is the CPU's to load: CR3,
/// the stack to leave ring 3 to, and the bases of FS and GS.
pub const CONTEXT_WORDS: usize =
    ring3::SAVED_WORDS + switchlab_switch::CONTEXT_WORDS + size_of::<Loaded>() / size_of::<u64>();

/// Of these, what threads of one address space have in common: CR3.
pub const SPACE_WORDS: usize = words_of_field(|loaded: &Loaded| &loaded.cr3);

const fn words_of_field<F>(_: fn(&Loaded) -> &F) -> usize {
    size_of::<F>() / size_of::<u64>()
}

/// What a CPU is loaded with, when ring 3 goes on in another process.
#[derive(Debug)]
struct Loaded {
    cr3: u64,
    /// Where its ring 3 is left to.
    kernel_stack: Cell<u64>,
    /// Of FS and GS.
    bases: Cell<[u64; 2]>,
}

/// A process's whole life, in its task: `space` has its program and its stack.
pub(super) fn live(spec: Spec, space: Space, membership: contained::Membership, body: impl FnOnce(&Process)) {
    ring3::begin();
    let [first, cr3] = space.cr3_words(Cpu::current().cpu().id().index());
    let process = Process {
        loaded: Loaded { cr3, kernel_stack: Cell::new(0), bases: Cell::new([0; 2]) },
        vectors: spec.vectors.then(vectors),
        stack_top: spec.stack_top(),
        ports: UnsafeCell::new(spec.ports.into_iter().map(claim).collect()),
        account: Account::new(spec.container.and_then(|container| container.cpu), membership.member()),
        membership,
        entries: if spec.vectors { &vectored::ENTRIES } else { contained::entries(spec.container) },
        space,
        heap_end: Cell::new(HEAP),
        over_limit: Cell::new(None),
        refused: Cell::new(None),
        gone: Cell::new(None),
        code_at: spec.code_at,
        ended: Cell::new(Ended::Exited([0; 2])),
        most_ticks: spec.quantum.map_or(u64::MAX, |quantum| quantum.most),
        ticks: Cell::new(0),
        ticks_before: Cell::new(0),
        said: Cell::new(Said::NOTHING),
    };
    if let Some(Quantum { counts, .. }) = spec.quantum {
        ring3::start_ticks(counts);
    }
    process.load(first);
    body(&process);
    process.close_ports();
    if ring3::is_current(&raw const process) {
        ring3::forget_current();
    }
    // Other threads of this space load it again when they go on.
    if ring3::is_loaded(cr3) {
        ring3::forget_current();
        // SAFETY: the kernel's own space lives for ever.
        unsafe { ring3::load_address_space(mm::kernel_cr3(), 0) };
    }
    if spec.quantum.is_some() {
        ring3::stop_ticks();
    }
    ring3::end();
}

/// Where vector state is saved, as of a CPU at reset at first. On the CPU that runs it.
fn vectors() -> UnsafeCell<Area> {
    let state = State::enable_for_ring_3().expect("vector state is for CPUs with XSAVE");
    UnsafeCell::new(
        Area::new(state).expect("an area is less than an address space, for which there was memory"),
    )
}

fn claim(port: Port) -> HeldPort {
    match port {
        Port::Sends(channel) => HeldPort::Sends(sender(channel)),
        Port::Receives(channel) => HeldPort::Receives(receiver(channel)),
        Port::Calls(gate) => HeldPort::Calls(gate.claim()),
        Port::Answers(gate) => HeldPort::Answers(gate.claim()),
        Port::CallsAcross { there, back } => {
            HeldPort::Across { call: CALL, sender: sender(there), receiver: receiver(back) }
        }
        Port::AnswersAcross { there, back } => {
            HeldPort::Across { call: ANSWER, sender: sender(back), receiver: receiver(there) }
        }
    }
}

fn sender(channel: &'static Channel) -> Sender {
    let end = channel.sender();
    end.ask_to_be_told();
    end
}

fn receiver(channel: &'static Channel) -> Receiver {
    let end = channel.receiver();
    end.ask_to_be_told();
    end
}

/// The end that sends, where it has no owner.
pub(super) fn try_sender(channel: &'static Channel) -> Option<HeldPort> {
    let end = channel.try_sender()?;
    end.ask_to_be_told();
    Some(HeldPort::Sends(end))
}

/// The end that receives, where it has no owner.
pub(super) fn try_receiver(channel: &'static Channel) -> Option<HeldPort> {
    let end = channel.try_receiver()?;
    end.ask_to_be_told();
    Some(HeldPort::Receives(end))
}

impl HeldPort {
    /// Tells who is at the other end.
    fn close(self) {
        match self {
            Self::Calls(side) | Self::Answers(side) => side.close(),
            Self::Sends(sender) => sender.close(),
            Self::Receives(receiver) => receiver.close(),
            Self::Across { sender, receiver, .. } => {
                sender.close();
                receiver.close();
            }
        }
    }

    /// Whether what was asked of a channel was in vain, since who was at its other end is gone.
    fn take_failure(&self) -> bool {
        match self {
            Self::Calls(_) | Self::Answers(_) => false,
            Self::Sends(sender) => sender.take_failure(),
            Self::Receives(receiver) => receiver.take_failure(),
            Self::Across { sender, receiver, .. } => sender.take_failure() | receiver.take_failure(),
        }
    }
}

impl Process {
    /// Runs its program from the beginning, with these arguments in rdi, rsi, rdx and r8, until it ends.
    pub fn run(&self, arguments: [u64; 4]) -> Ended {
        self.ticks_before.set(self.ticks_before.get() + self.ticks.replace(0));
        let start = Start { rip: self.code_at, rsp: self.stack_top, arguments };
        if self.membership.is_contained() {
            self.account.begin();
            // The interrupt that would say so in ring 3 may have come before.
            if self.membership.is_ended() {
                self.end(Ended::EndedByFellow);
                return self.ended.get();
            }
        }
        self.go_on();
        // SAFETY: `live` has begun; its address space is loaded, with program and stack mapped.
        unsafe { ring3::run(&start, self.loaded.kernel_stack.as_ptr(), self.entries) };
        if self.membership.is_contained() {
            self.account.charge();
        }
        self.ended.get()
    }

    /// Receives a word at the port of this number, for the kernel's side of the process; `None` where it can not.
    pub fn receive(&self, port: u64) -> Option<u64> {
        let Some(HeldPort::Receives(receiver)) = self.port(port) else { return None };
        self.save_vectors();
        let word = receiver.recv();
        (self.go_on() == DONE).then_some(word)
    }

    /// Sends a word by port 0, for the kernel's side of the process, and waits for no answer to it.
    pub fn hand_over_last(&self, word: u64) {
        self.save_vectors();
        match self.port(0) {
            Some(HeldPort::Sends(sender) | HeldPort::Across { sender, .. }) => sender.send(word),
            // Who answers is to close the gate.
            Some(HeldPort::Calls(gate)) => drop(gate.call([word, 0, 0, 0])),
            _ => {}
        }
        self.go_on();
    }

    /// What there is to tell of it so far.
    pub fn report(&self) -> Report {
        Report {
            ended: self.ended.get(),
            said: self.said.get(),
            ticks: self.all_ticks(),
            frames: self.space.frames(),
            over_limit: self.over_limit.get(),
            refused: self.refused.get(),
            gone: self.gone.get(),
        }
    }

    /// The process in whose system call or trap this CPU is.
    #[inline(always)]
    pub(super) fn current() -> &'static Self {
        // SAFETY: ring 3 is entered by a process alone, which is the current one then, and lives until its
        // task, which runs this, has left ring 3 for good.
        unsafe { &*ring3::current::<Self>() }
    }

    /// The frame of the system call that it is in.
    #[inline(always)]
    pub(super) fn frame(&self) -> *mut SystemCallFrame {
        ring3::frame_below(self.loaded.kernel_stack.get())
    }

    #[inline(always)]
    pub(super) fn port(&self, number: u64) -> Option<&HeldPort> {
        self.ports().get(usize::try_from(number).ok()?)
    }

    #[inline(always)]
    fn ports(&self) -> &[HeldPort] {
        // SAFETY: its task alone asks, and adds by `add_port` alone, while nothing refers to what is there.
        unsafe { &*self.ports.get() }
    }

    /// Tells who is at the other ends. It has no port afterwards.
    fn close_ports(&self) {
        // SAFETY: as in `ports`; nothing refers to what is there once its program has ended.
        let ports = core::mem::take(unsafe { &mut *self.ports.get() });
        ports.into_iter().for_each(HeldPort::close);
    }

    /// Adds a port, and returns its number.
    ///
    /// # Safety
    ///
    /// Nothing refers to one of its ports.
    pub(super) unsafe fn add_port(&self, port: HeldPort) -> u64 {
        // SAFETY: the caller owes it.
        let ports = unsafe { &mut *self.ports.get() };
        ports.push(port);
        ports.len() as u64 - 1
    }

    /// Maps so many pages of zeros more, where they follow what it asked for before; returns where.
    ///
    /// # Errors
    ///
    /// Why not all, and how many there are now: those stay.
    pub(super) fn map(&self, pages: u64) -> Result<u64, (SpaceError, u64)> {
        const PAGE: u64 = 4096;
        let at = self.heap_end.get();
        for mapped in 0..pages {
            if let Err(error) = self.space.map_page(self.heap_end.get()) {
                if let SpaceError::OverLimit(over) = error {
                    self.over_limit.set(Some(over));
                }
                return Err((error, mapped));
            }
            self.heap_end.set(self.heap_end.get() + PAGE);
        }
        Ok(at)
    }

    pub(super) fn set_refused(&self, call: u64) {
        self.refused.set(Some(call));
    }

    /// Saves its vector state, where it has one: before others may run.
    #[inline(always)]
    pub(super) fn save_vectors(&self) {
        if let Some(vectors) = &self.vectors {
            // SAFETY: this is its own task, with interrupts off, so nobody else is at it. Ring 3 may use the state
            // here, since this process does and is loaded.
            unsafe { &mut *vectors.get() }.save();
        }
    }

    /// Makes the CPU's state of ring 3 its own again, where another ran meanwhile: behind everything that
    /// lets others run or raises the question, and before ring 3 goes on, since nobody's stack may be set
    /// ([`ring3::forget_current`]). [`GONE`] where what it waited for in a channel does not come, since who was at the
    /// other end is gone; else [`DONE`].
    #[inline(always)]
    pub(super) fn go_on(&self) -> u64 {
        if ring3::is_current(self) { DONE } else { self.load(self.loaded.cr3) }
    }

    #[inline(always)]
    fn load(&self, cr3: u64) -> u64 {
        let [fs, gs] = self.loaded.bases.get();
        // SAFETY: the stack is its own task's, which runs.
        unsafe { ring3::set_current(self, self.loaded.kernel_stack.get()) };
        if !ring3::is_loaded(self.loaded.cr3) {
            // SAFETY: the space lives as long as the process, and is not loaded when it ends.
            unsafe { ring3::load_address_space(cr3, self.loaded.cr3) };
        }
        let bases = ring3::load_bases(fs, gs);
        ring3::allow_vectors(self.vectors.is_some());
        if let Some(vectors) = &self.vectors {
            // SAFETY: as in `save_vectors`; it is allowed since the line above.
            unsafe { &*vectors.get() }.restore();
        }
        match bases {
            Bases::AsTheyWere => DONE,
            Bases::Written => self.find_failure(),
        }
    }

    #[cold]
    #[inline(never)]
    fn find_failure(&self) -> u64 {
        match (0..).zip(self.ports()).filter(|(_, end)| end.take_failure()).last() {
            Some((port, _)) => {
                self.gone.set(Some(port));
                GONE
            }
            None => DONE,
        }
    }

    pub(super) fn end(&self, ended: Ended) {
        self.ended.set(ended);
    }

    pub(super) fn set_said(&self, said: Said) {
        self.said.set(said);
    }

    pub(super) fn set_bases(&self, fs: u64, gs: u64) {
        self.loaded.bases.set([fs, gs]);
        ring3::load_bases(fs, gs);
    }

    pub(super) fn status(&self) -> Status {
        let task = Cpu::current();
        Status {
            task: u64::from(task.id().get()),
            cpu: task.cpu().id().index() as u64,
            ticks: self.all_ticks(),
        }
    }

    fn all_ticks(&self) -> u64 {
        self.ticks_before.get() + self.ticks.get()
    }

    /// A tick in ring 3; returns whether it ends the process.
    fn tick(&self, rip: u64, away: &impl Away) -> bool {
        let ticks = self.ticks.get() + 1;
        self.ticks.set(ticks);
        if ticks > self.most_ticks {
            self.end(Ended::OutOfTime { ticks, rip });
            return true;
        }
        self.let_others_run(away);
        false
    }

    /// Takes what has come, and lets the others of this CPU run.
    #[inline(always)]
    pub(super) fn let_others_run(&self, away: &impl Away) {
        away.begins();
        sched::yield_now();
        away.ends();
        self.go_on();
    }
}

/// Where an exception or an interrupt in ring 3 comes, of a process without a container; returns whether it ends the
/// process.
pub(super) extern "C" fn trap(frame: &mut TrapFrame) -> bool {
    ring3::forbid_access();
    take_trap(Process::current(), frame, &())
}

/// What comes of it; `away` is told where others may run meanwhile.
#[inline(always)]
pub(super) fn take_trap(process: &Process, frame: &mut TrapFrame, away: &impl Away) -> bool {
    const LAST_EXCEPTION: u64 = 31;
    if frame.vector == u64::from(vector::WAKE_UP) {
        percpu::count::<{ Words::IPIS_TAKEN }>();
        apic::end_of_interrupt();
        process.let_others_run(away);
        false
    } else if frame.vector == u64::from(vector::TICK) {
        apic::end_of_interrupt();
        process.tick(frame.rip, away)
    } else if frame.vector > LAST_EXCEPTION {
        // Of a device that nobody expects: not the program's doing.
        trap::dispatch(frame)
    } else {
        process.end(Ended::Faulted(Fault {
            vector: frame.vector as u8,
            error_code: frame.error_code,
            address: (frame.vector == u64::from(vector::PAGE_FAULT)).then(|| frame.cr2()),
            rip: frame.rip,
        }));
        true
    }
}

/// Where a system call would go on that SYSRET must not meet.
pub(super) extern "C" fn bad_return(address: u64) {
    Process::current().end(Ended::BadReturn { address });
}
