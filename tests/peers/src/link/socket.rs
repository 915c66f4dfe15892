//! A socket for each side: TCP or UDP.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use super::Link;

/// How long a side waits for a number: a datagram may be lost, and then none comes.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it waits at first, when the way may not be open yet, and how often.
const KNOCK: Duration = Duration::from_millis(20);
const KNOCKS: u32 = 250;

/// One side's socket.
pub enum Socket {
    /// A stream.
    Tcp(TcpStream),
    /// Datagrams.
    Udp(UdpSocket),
}

/// A TCP connection: one that listens at `host`, made where the caller is; then `elsewhere`, the other end.
///
/// # Errors
///
/// The system refuses.
pub fn tcp(
    host: Ipv4Addr,
    elsewhere: impl FnOnce() -> io::Result<()>,
    back: impl FnOnce() -> io::Result<()>,
) -> io::Result<[Socket; 2]> {
    let listening = TcpListener::bind((host, 0))?;
    let at = listening.local_addr()?;
    elsewhere()?;
    let other = knocking(|| TcpStream::connect_timeout(&at, KNOCK * KNOCKS))?;
    back()?;
    let (own, _) = listening.accept()?;
    for stream in [&own, &other] {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
    }
    Ok([own, other].map(Socket::Tcp))
}

/// Two UDP sockets at these hosts, connected to each other, the second made where `elsewhere` leads; a datagram has
/// gone each way.
///
/// # Errors
///
/// The system refuses, or nothing comes through.
pub fn udp(
    hosts: [Ipv4Addr; 2],
    elsewhere: impl FnOnce() -> io::Result<()>,
    back: impl FnOnce() -> io::Result<()>,
) -> io::Result<[Socket; 2]> {
    let own = UdpSocket::bind((hosts[0], 0))?;
    elsewhere()?;
    let other = UdpSocket::bind((hosts[1], 0))?;
    other.connect(at(hosts[0], &own)?)?;
    back()?;
    own.connect(at(hosts[1], &other)?)?;
    for (from, to) in [(&own, &other), (&other, &own)] {
        to.set_read_timeout(Some(KNOCK))?;
        knocking(|| from.send(&[0]).and_then(|_| to.recv(&mut [0])))?;
        // Those that came late would be taken for numbers.
        while to.recv(&mut [0]).is_ok() {}
        to.set_read_timeout(Some(PATIENCE))?;
    }
    Ok([own, other].map(Socket::Udp))
}

fn at(host: Ipv4Addr, socket: &UdpSocket) -> io::Result<SocketAddr> {
    Ok(SocketAddr::new(IpAddr::V4(host), socket.local_addr()?.port()))
}

/// Tries again while the way is not open.
fn knocking<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let mut tried = attempt();
    for _ in 1..KNOCKS {
        if tried.is_ok() {
            break;
        }
        std::thread::sleep(KNOCK / 10);
        tried = attempt();
    }
    tried
}

impl Link for Socket {
    fn hand(&mut self, number: u32) {
        // Where it fails the other side has gone, and the counts say so.
        let bytes = number.to_ne_bytes();
        match self {
            Self::Tcp(stream) => drop(stream.write_all(&bytes)),
            Self::Udp(socket) => drop(socket.send(&bytes)),
        }
    }

    fn take(&mut self) -> Option<u32> {
        let mut bytes = [0; 4];
        let taken = match self {
            Self::Tcp(stream) => stream.read_exact(&mut bytes).is_ok(),
            Self::Udp(socket) => matches!(socket.recv(&mut bytes), Ok(4)),
        };
        taken.then(|| u32::from_ne_bytes(bytes))
    }
}
