//! A guest is run, sends numbers, and gets them back.

use case::{check, count};
use switchlab_kernel::{
    bring_up::Lab,
    log,
    vm::{Exit, Host, Paging, Vcpu, image},
};

const CALLS: u64 = 1_000;

pub fn vm_runs(_: &Lab) {
    let mut host = Host::begin().unwrap_or_else(|why| panic!("{why}"));
    for paging in [Paging::Nested, Paging::Shadow] {
        let mut guest = Vcpu::new(&host, &image::asking(), paging).unwrap_or_else(|why| panic!("{why}"));
        for number in 0..CALLS {
            let exit = guest.enter(&mut host);
            check!(exit == Exit::Sent(number), "{paging:?}: expected {number}, found {exit:x?}");
        }
    }
    log!("{:?}", host.svm());
    count("calls", 2 * CALLS);
}
