//! Every experiment once, and how many of its blocks were watched: the kernel itself fails where one of them
//! calls the heap, takes a lock or writes a text.

use alloc::format;

use case::count;
use switchlab_core::params::{Offsets, Params};
use switchlab_kernel::{arch::tsc, bring_up::Lab, experiments, foreign::Foreign, measure::watch};

pub fn nothing_foreign(lab: &Lab) {
    let watched = watch::ended();
    lab.qualify_clock(Offsets::Bsp, tsc::fenced);
    count("watched-clock", watch::ended() - watched);
    for experiment in experiments::all() {
        let name = experiment.name();
        let words = format!("experiment={name} runs=1 exchanges=100 warmup=10 samples=50 budget=1 tasks=16");
        let known = [name];
        let parameters = Params::parse(&words, &known).expect("these are parameters");
        let (watched, before) = (watch::ended(), Foreign::so_far());
        experiment.run(&parameters, lab);
        count(&format!("watched-{name}"), watch::ended() - watched);
        // Between the blocks there is enough of it, so that the counters are seen to count.
        let Foreign { heap_calls, locks, queue_locks, texts } = Foreign::so_far().since(before);
        count(&format!("heap-calls-{name}"), heap_calls);
        count(&format!("locks-{name}"), locks);
        count(&format!("texts-{name}"), texts);
        // In and between the blocks of those that have free tasks.
        count(&format!("queue-locks-{name}"), queue_locks);
    }
}
