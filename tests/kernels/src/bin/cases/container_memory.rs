//! Who asks for a page over its container's limit gets none and is told whose limit it is, and what it had is given back.

use case::{
    check,
    contained::{EATS, MAKES_CALL, YIELDS, beside_others, stopped, with},
    count, cpu, for_ever,
};
use switchlab_core::container::memory::{MemoryGroup, OverLimit};
use switchlab_kernel::{
    bring_up::Lab,
    container::Container,
    mm::SpaceError,
    sched::Channel,
    user::{
        self, Ended, Why,
        system_call::{EXIT, MAP, OVER_LIMIT, TOO_LONG},
    },
};

pub fn container_memory(_: &Lab) {
    let mut cases = 0;
    let web = for_ever(MemoryGroup::new("web", 60));
    let job = for_ever(MemoryGroup::within(web, "job", 40));
    let sibling = for_ever(MemoryGroup::within(web, "sibling", 40));
    let limited = |memory: &'static MemoryGroup| -> &'static Container {
        for_ever(Container { memory: Some(memory), ..Container::new() })
    };
    let [of_job, of_sibling] = [limited(job), limited(sibling)];

    // Its own limit.
    let report = stopped(&mut cases, with(of_job, &EATS, [0; 4]));
    let over = Some(OverLimit { group: "job", limit: 40 });
    check!(
        matches!(report.ended, Ended::Exited([OVER_LIMIT, pages]) if pages > 0),
        "it eats: {}",
        report.ended
    );
    check!(report.over_limit == over, "it eats: over the limit of {:?}", report.over_limit);
    check!(
        job.most() == 40 && job.refusals() == 1,
        "at most {} pages, {} refusals",
        job.most(),
        job.refusals()
    );
    check!(job.used() == 0 && web.used() == 0, "left behind: {} and {} pages", job.used(), web.used());

    // That of the group around it, while its sibling has some: nobody's own limit is reached.
    let go = for_ever(Channel::new());
    let waits = user::host(cpu(0), with(of_sibling, &YIELDS, [0; 4]), |_| {
        go.receiver().recv();
    });
    let report = stopped(&mut cases, with(of_job, &EATS, [0; 4]));
    let over = Some(OverLimit { group: "web", limit: 60 });
    check!(report.over_limit == over, "beside a sibling: over the limit of {:?}", report.over_limit);
    check!(job.refusals() == 1, "a refusal of its own");
    check!(
        web.used() == sibling.used() && sibling.used() > 0,
        "the sibling has {} of {}",
        sibling.used(),
        web.used()
    );
    go.sender().send(1);
    waits.expect("a process").join();
    check!(web.used() == 0, "left behind: {} pages", web.used());

    // Too much for a beginning.
    let tiny = for_ever(MemoryGroup::new("tiny", 3));
    let refused = user::spawn(cpu(0), with(limited(tiny), &EATS, [0; 4])).err();
    let over = OverLimit { group: "tiny", limit: 3 };
    check!(refused == Some(Why::Space(SpaceError::OverLimit(over))), "no process: {refused:?}");
    check!(tiny.used() == 0, "of what did not begin: {} pages", tiny.used());

    let report = stopped(&mut cases, with(of_job, &MAKES_CALL, [MAP, u64::MAX, 0, 0]));
    check!(report.ended == Ended::Exited([TOO_LONG, 0]), "all pages there are: {}", report.ended);

    // What is refused halfway: the pages that there are, each with a frame, and a table for them all.
    let born = beside_others(with(of_job, &MAKES_CALL, [EXIT, 0, 0, 0])).frames as u64;
    let report = stopped(&mut cases, with(of_job, &MAKES_CALL, [MAP, 40, 0, 0]));
    let expected = Ended::Exited([OVER_LIMIT, 40 - born - 1]);
    check!(report.ended == expected, "more than there may be, born with {born}: {}", report.ended);

    // A page whose table would be over the limit is none, and is charged to nobody.
    let full = for_ever(MemoryGroup::new("full", born + 1));
    let report = stopped(&mut cases, with(limited(full), &MAKES_CALL, [MAP, 1, 0, 0]));
    check!(report.ended == Ended::Exited([OVER_LIMIT, 0]), "no room for a table: {}", report.ended);
    check!(report.frames as u64 == born, "born with {born}, {} with no page more", report.frames);
    check!(full.used() == 0, "left behind: {} pages", full.used());
    count("cases", cases);
}
