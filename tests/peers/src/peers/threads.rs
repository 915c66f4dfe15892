//! Threads of the operating system, pinned: by futex, by pipe, by `sched_yield`, and spinning.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{hint, io, mem, ptr, thread};

use crate::Peer;
use crate::answer::About;
use crate::link::{Link, Turn, joined, ping, pong};
use crate::plan::{Failure, Plan, Times};
use crate::versions::of_linux;

/// How two threads wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// In a futex.
    Futex,
    /// In a read from a pipe.
    Pipe,
    /// Yielding, until it is their turn.
    Yield,
    /// Spinning on a cache line.
    Spin,
}

/// Where they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cores {
    /// Both on one.
    Same,
    /// On two.
    Two,
}

/// Two threads.
pub struct Threads(pub Way, pub Cores);

impl Peer for Threads {
    fn about(&self) -> About {
        let (id, title) = match (self.0, self.1) {
            (Way::Futex, Cores::Same) => ("futex-same-core", "threads, futex, one core"),
            (Way::Futex, Cores::Two) => ("futex-other-core", "threads, futex, two cores"),
            (Way::Pipe, Cores::Same) => ("pipe-same-core", "threads, pipe, one core"),
            (Way::Pipe, Cores::Two) => ("pipe-other-core", "threads, pipe, two cores"),
            (Way::Yield, Cores::Same) => ("sched-yield", "threads, sched_yield, one core"),
            (Way::Yield, Cores::Two) => ("sched-yield-other-core", "threads, sched_yield, two cores"),
            (Way::Spin, Cores::Same) => ("spin-same-core", "threads, spinning, one core"),
            (Way::Spin, Cores::Two) => ("spin-other-core", "threads, spinning on a cache line, two cores"),
        };
        let base = match (self.0, self.1) {
            (Way::Yield, Cores::Same) => Some("ours-yield"),
            (_, Cores::Same) => Some("ours-channel"),
            (_, Cores::Two) => None,
        };
        About { id, title, base, version: of_linux() }
    }

    fn exchange(&self, plan: Plan) -> Result<Times, Failure> {
        let cpus = cpus(self.1)?;
        let word = AtomicU32::new(0);
        match self.0 {
            Way::Futex => between(plan, cpus, by_word(&word, futex_wait, futex_wake)),
            Way::Yield => between(plan, cpus, by_word(&word, |_, _| thread::yield_now(), |_| {})),
            Way::Spin => between(plan, cpus, by_word(&word, |_, _| hint::spin_loop(), |_| {})),
            Way::Pipe => between(plan, cpus, pipes().map_err(|why| Failure::System { what: "a pipe", why })?),
        }
    }
}

fn between<L: Link + Send>(
    plan: Plan,
    [first, second]: [usize; 2],
    [mut here, mut there]: [L; 2],
) -> Result<Times, Failure> {
    thread::scope(|scope| {
        let answering = scope.spawn(move || {
            pin(second)?;
            Ok(pong(plan, &mut there))
        });
        pin(first)?;
        let ping = ping(plan, &mut here);
        let pong = answering.join().expect("a side does not panic")?;
        joined(plan, ping, &pong)
    })
}

/// A word that holds the last number, and how to wait for the next.
struct ByWord<'a, Wait, Wake> {
    word: &'a AtomicU32,
    turn: Turn,
    wait: Wait,
    wake: Wake,
}

fn by_word<Wait, Wake>(word: &AtomicU32, wait: Wait, wake: Wake) -> [ByWord<'_, Wait, Wake>; 2]
where
    Wait: Fn(&AtomicU32, u32) + Copy,
    Wake: Fn(&AtomicU32) + Copy,
{
    [Turn::Ping, Turn::Pong].map(|turn| ByWord { word, turn, wait, wake })
}

impl<Wait: Fn(&AtomicU32, u32), Wake: Fn(&AtomicU32)> Link for ByWord<'_, Wait, Wake> {
    fn hand(&mut self, number: u32) {
        // Pairs with the acquire in `take`.
        self.word.store(number, Ordering::Release);
        (self.wake)(self.word);
    }

    fn take(&mut self) -> Option<u32> {
        loop {
            // Pairs with the release in `hand`.
            let number = self.word.load(Ordering::Acquire);
            // Nothing was said yet where it is 0: ping's to take by its evenness, but ping speaks first.
            if self.turn.is_mine(number) {
                return Some(number);
            }
            (self.wait)(self.word, number);
        }
    }
}

fn futex_wait(word: &AtomicU32, seen: u32) {
    // SAFETY: the word outlives the call, which sleeps only while it still holds `seen`. That it woke for
    // nothing, or did not sleep, the caller's loop sees.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
            seen,
            ptr::null::<libc::timespec>(),
        )
    };
}

fn futex_wake(word: &AtomicU32) {
    // SAFETY: the word's address alone is used.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, 1) };
}

/// What one side reads from and writes to.
struct ByPipe {
    from: PipeReader,
    to: PipeWriter,
}

fn pipes() -> io::Result<[ByPipe; 2]> {
    let [(from_pong, to_ping), (from_ping, to_pong)] = [pipe()?, pipe()?];
    Ok([ByPipe { from: from_pong, to: to_pong }, ByPipe { from: from_ping, to: to_ping }])
}

impl Link for ByPipe {
    fn hand(&mut self, number: u32) {
        // Where it fails the other side has gone, and the counts say so.
        let _ = self.to.write_all(&number.to_ne_bytes());
    }

    fn take(&mut self) -> Option<u32> {
        let mut bytes = [0; 4];
        self.from.read_exact(&mut bytes).ok().map(|()| u32::from_ne_bytes(bytes))
    }
}

/// The CPUs of both sides: the first, or the first two, of those that this process may use.
fn cpus(cores: Cores) -> Result<[usize; 2], Failure> {
    // SAFETY: a set of no CPUs is all zeroes, and the call writes no more than its size.
    let set = unsafe {
        let mut set: libc::cpu_set_t = mem::zeroed();
        libc::sched_getaffinity(0, size_of_val(&set), &raw mut set);
        set
    };
    // SAFETY: the set is whole, and the numbers are below its size.
    let mut usable = (0..libc::CPU_SETSIZE as usize).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) });
    let first = usable.next().unwrap_or(0);
    match cores {
        Cores::Same => Ok([first, first]),
        Cores::Two => usable
            .next()
            .map(|second| [first, second])
            .ok_or(Failure::Unavailable { why: "it takes two CPUs, and this process may use one" }),
    }
}

/// Binds the calling thread to `cpu`.
fn pin(cpu: usize) -> Result<(), Failure> {
    // SAFETY: as in `cpus`.
    let status = unsafe {
        let mut set: libc::cpu_set_t = mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &raw const set)
    };
    if status == 0 {
        Ok(())
    } else {
        Err(Failure::System { what: "pinning a thread", why: io::Error::last_os_error() })
    }
}
