//! Two processes that exchange through the network's own code, pinned: TCP and UDP, over loopback, and over a pair of
//! virtual Ethernet devices between two network namespaces, as two containers of one host do.

use std::net::Ipv4Addr;

use crate::Peer;
use crate::answer::About;
use crate::cpus::{Cores, pin};
use crate::link::socket::{tcp, udp};
use crate::plan::{Failure, Plan, Times};
use crate::shell::veth::{HOSTS, Pair};
use crate::sides::between;
use crate::versions::of_linux;

/// What carries a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream, without delay.
    Tcp,
}

/// What it goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// The loopback device.
    Loopback,
    /// A pair of virtual devices, each in a namespace of its own.
    Veth,
}

/// Two processes.
pub struct Network(pub Transport, pub Over, pub Cores);

impl Peer for Network {
    fn about(&self) -> About {
        use {Cores::*, Over::*, Transport::*};
        let (id, title) = match (self.0, self.1, self.2) {
            (Udp, Loopback, Same) => ("udp-loopback-same-core", "processes, UDP over loopback, one core"),
            (Udp, Loopback, Two) => ("udp-loopback-other-core", "processes, UDP over loopback, two cores"),
            (Tcp, Loopback, Same) => ("tcp-loopback-same-core", "processes, TCP over loopback, one core"),
            (Tcp, Loopback, Two) => ("tcp-loopback-other-core", "processes, TCP over loopback, two cores"),
            (Udp, Veth, Same) => ("udp-veth-same-core", "net namespaces, UDP over veth, one core"),
            (Udp, Veth, Two) => ("udp-veth-other-core", "net namespaces, UDP over veth, two cores"),
            (Tcp, Veth, Same) => ("tcp-veth-same-core", "net namespaces, TCP over veth, one core"),
            (Tcp, Veth, Two) => ("tcp-veth-other-core", "net namespaces, TCP over veth, two cores"),
        };
        About { id, title, base: None, version: of_linux() }
    }

    fn exchange(&self, plan: Plan) -> Result<Times, Failure> {
        let [first, second] = self.2.cpus()?;
        let pair = match self.1 {
            Over::Loopback => None,
            Over::Veth => Some(Pair::create()?),
        };
        let enter = |side| pair.as_ref().map_or(Ok(()), |pair| pair.enter(side));
        let hosts = if pair.is_some() { HOSTS } else { [Ipv4Addr::LOCALHOST; 2] };
        let sockets = match self.0 {
            Transport::Udp => udp(hosts, || enter(1), || enter(0)),
            Transport::Tcp => tcp(hosts[0], || enter(1), || enter(0)),
        };
        let [here, there] = sockets.map_err(|why| Failure::System { what: "connecting two sockets", why })?;
        let enter = |side| enter(side).map_err(|why| Failure::System { what: "going to a namespace", why });
        between(
            plan,
            || enter(0).and_then(|()| pin(first)).map(|()| here),
            || enter(1).and_then(|()| pin(second)).map(|()| there),
        )
    }
}
