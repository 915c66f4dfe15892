//! A path leads to what the caller's container sees, by its mounts and from its root, or to nothing.

use case::{
    check,
    contained::{READS_FILE, stopped, with, words},
    count, for_ever,
};
use switchlab_core::container::mounts::{Mount, Node, View};
use switchlab_kernel::{
    bring_up::Lab,
    container::Container,
    user::{
        Ended,
        system_call::{DONE, NO_SUCH_FILE, TOO_LONG},
    },
};

static SECRET: Node = Node::File(b"the host");
static INDEX: Node = Node::File(b"an index");
static SHARED: Node = Node::File(b"of both.");
static LONG: Node = Node::File(&[b'x'; 65]);
static DATA: Node = Node::Folder(&[]);
static WEB: Node = Node::Folder(&[("index", &INDEX), ("data", &DATA), ("long", &LONG)]);
static LIBRARY: Node = Node::Folder(&[("shared", &SHARED)]);
static HOST: Node = Node::Folder(&[("secret", &SECRET), ("web", &WEB), ("library", &LIBRARY)]);

pub fn container_files(_: &Lab) {
    let mut cases = 0;
    let sees = |view| -> &'static Container { for_ever(Container { view: Some(view), ..Container::new() }) };
    let web = sees(View { root: &WEB, mounts: for_ever([Mount { over: &DATA, tree: &LIBRARY }]) });
    let host = sees(View { root: &HOST, mounts: &[] });
    let eight = |text: &[u8; 8]| u64::from_le_bytes(*text);
    for (container, path, status, bytes) in [
        (web, "/index", DONE, eight(b"an index")),
        (web, "/data/shared", DONE, eight(b"of both.")),
        (web, "/../../index", DONE, eight(b"an index")),
        (web, "/../secret", NO_SUCH_FILE, 0),
        (web, "data/../../secret", NO_SUCH_FILE, 0),
        (web, "/web/index", NO_SUCH_FILE, 0),
        (web, "/data", NO_SUCH_FILE, 0),
        (web, "/long", TOO_LONG, 0),
        (host, "/web/../secret", DONE, eight(b"the host")),
        (host, "/web/data/shared", NO_SUCH_FILE, 0),
    ] {
        let report = stopped(&mut cases, with(container, &READS_FILE, words(path)));
        check!(report.ended == Ended::Exited([status, bytes]), "{path}: {}", report.ended);
    }
    count("cases", cases);
}
