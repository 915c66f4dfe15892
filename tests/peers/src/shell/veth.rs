//! Two network namespaces, and a pair of virtual Ethernet devices between them. They are nobody's but this process's
//! and its children's, and go with the last of them.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd;
use std::{fmt, io};

use futures::TryStreamExt;
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::{geteuid, getgid, getuid};
use rtnetlink::packet_route::link::{InfoData, InfoVeth, LinkMessage};
use rtnetlink::{Handle, LinkMessageBuilder, LinkUnspec, LinkVeth, new_connection};
use tokio::runtime::Builder;

use super::namespaces::become_root;
use crate::plan::Failure;

/// Of both ends: for documentation, so nobody's (RFC 5737).
pub const HOSTS: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)];
const PREFIX_BITS: u8 = 24;
const DEVICES: [&str; 2] = ["switchlab0", "switchlab1"];

/// Both namespaces.
pub struct Pair([File; 2]);

impl Pair {
    /// Makes them, with the devices up and their hosts set; the calling process is in the first afterwards.
    ///
    /// # Errors
    ///
    /// The system refuses a step, which is named.
    pub fn create() -> Result<Self, Failure> {
        if !geteuid().is_root() {
            let (uid, gid) = (getuid().as_raw(), getgid().as_raw());
            unshare(CloneFlags::CLONE_NEWUSER).map_err(|why| told("unshare of user", &why))?;
            become_root(uid, gid)?;
        }
        let first = fresh()?;
        let second = fresh()?;
        let pair = Self([first, second]);
        pair.enter(0).map_err(|why| told("going back to a namespace", &why))?;
        within(async |handle| connect(handle, pair.0[1].as_raw_fd()).await)?;
        for side in 0..2 {
            pair.enter(side).map_err(|why| told("going to a namespace", &why))?;
            within(async |handle| bring_up(handle, side).await)?;
        }
        pair.enter(0).map_err(|why| told("going back to a namespace", &why))?;
        Ok(pair)
    }

    /// Moves the calling thread into one of both.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub fn enter(&self, side: usize) -> io::Result<()> {
        setns(&self.0[side], CloneFlags::CLONE_NEWNET).map_err(Into::into)
    }
}

/// A new network namespace, which the calling process is in.
fn fresh() -> Result<File, Failure> {
    unshare(CloneFlags::CLONE_NEWNET).map_err(|why| told("unshare of net", &why))?;
    File::open("/proc/self/ns/net").map_err(|why| told("/proc/self/ns/net", &why))
}

/// Speaks with the system about devices where the calling process is.
fn within(
    speak: impl AsyncFnOnce(Handle) -> Result<(), (&'static str, rtnetlink::Error)>,
) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread().enable_io().build().map_err(|why| told("a runtime", &why))?;
    runtime.block_on(async {
        let (connection, handle, _) = new_connection().map_err(|why| told("netlink", &why))?;
        tokio::spawn(connection);
        speak(handle).await.map_err(|(what, why)| told(what, &why))
    })
}

/// Makes both devices, the second where `other` is.
async fn connect(handle: Handle, other: i32) -> Result<(), (&'static str, rtnetlink::Error)> {
    let [own, peer] = DEVICES.map(str::to_owned);
    let peer: LinkMessage = LinkMessageBuilder::<LinkUnspec>::new().name(peer).setns_by_fd(other).build();
    let pair = LinkMessageBuilder::<LinkVeth>::new(&own, "")
        .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
        .build();
    handle.link().add(pair).execute().await.map_err(|why| ("making a veth pair", why))
}

async fn bring_up(handle: Handle, side: usize) -> Result<(), (&'static str, rtnetlink::Error)> {
    const LOOKING: &str = "looking for a veth device";
    let mut found = handle.link().get().match_name(DEVICES[side]).execute();
    let link = found.try_next().await.map_err(|why| (LOOKING, why))?;
    let index = link.ok_or((LOOKING, rtnetlink::Error::RequestFailed))?.header.index;
    let host = IpAddr::V4(HOSTS[side]);
    let added = handle.address().add(index, host, PREFIX_BITS).execute().await;
    added.map_err(|why| ("giving a veth device its host", why))?;
    let up = LinkUnspec::new_with_index(index).up().build();
    handle.link().set(up).execute().await.map_err(|why| ("bringing a veth device up", why))
}

fn told(what: &str, why: &dyn fmt::Display) -> Failure {
    Failure::Told { why: format!("{what}: {why}") }
}
