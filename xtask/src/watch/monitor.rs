//! QEMU's monitor (QMP): a socket on which QEMU tells that the guest was paused, went on, was reset.
//! It is listened to. Two commands are sent while the guest runs: the one that opens it, and the one that ends a machine which is asked to
//! power down: no kernel of ours has a power button, so it would be heard by nobody.

use std::env;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::qmp::{self, Client, Heard, Message};

/// The longest name that a socket may have, with its end (`sockaddr_un`, Linux: 108, macOS: 104).
const LONGEST_NAME: usize = 103;

/// A name for the socket, in the system's folder for temporary files: names of sockets are short by
/// law, so a run's own folder is no place for one. Removed when dropped.
pub struct Socket {
    path: PathBuf,
}

impl Socket {
    /// A name that no other has. `None` where that folder's name is too long.
    pub fn new() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("switchlab-qmp-{}-{number}.sock", process::id()));
        (path.as_os_str().len() <= LONGEST_NAME).then_some(Self { path })
    }

    /// The name.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // QEMU removes it where it ends by itself.
        let _ = fs::remove_file(&self.path);
    }
}

/// Somebody asks the machine to power down.
pub const POWER_DOWN: &str = "POWERDOWN";

/// Listens until `wanted` says no and all that had come by then is read, or until QEMU has gone.
/// `on_open` gets the process whose monitor it is, where the system tells, and `on_event` each event's name, and why it
/// came, where QEMU says so.
///
/// # Errors
///
/// The socket never opened, or what came on it is no QMP.
pub fn listen(
    path: &Path,
    wanted: impl Fn() -> bool,
    on_open: impl FnOnce(Option<u32>),
    on_event: impl FnMut(&str, Option<&str>),
) -> io::Result<()> {
    let mut client = loop {
        match Client::connect(path) {
            Ok(client) => break client,
            Err(error) if !wanted() => return Err(error),
            Err(_) => std::thread::sleep(qmp::TICK),
        }
    };
    on_open(client.process());
    hear(&mut client, wanted, on_event)
}

/// Listens to a monitor that is open.
fn hear<S: Read + Write>(
    client: &mut Client<S>,
    wanted: impl Fn() -> bool,
    mut on_event: impl FnMut(&str, Option<&str>),
) -> io::Result<()> {
    loop {
        // Asked before the read: the last words of a QEMU that ends may still be queued.
        let is_wanted = wanted();
        match client.hear()? {
            Heard::Message(Message::Event { name, reason }) => {
                on_event(&name, reason.as_deref());
                if name == POWER_DOWN {
                    client.send("quit", &Value::Null)?;
                }
            }
            Heard::Message(_) => {}
            Heard::Nothing if is_wanted => {}
            Heard::Nothing | Heard::End => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qmp::testing::Script;
    use std::io::{BufRead, BufReader};
    use std::os::unix::net::UnixListener;
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn events_come_in_order_whatever_stands_between() {
        let socket = Socket::new().unwrap();
        let listener = UnixListener::bind(socket.path()).unwrap();
        let qemu = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}\r\n").unwrap();
            let mut command = String::new();
            BufReader::new(stream.try_clone().unwrap()).read_line(&mut command).unwrap();
            stream.write_all(b"{\"return\": {}}\r\n{\"timestamp\": {\"seconds\": 1}, \"ev").unwrap();
            stream.write_all(b"ent\": \"STOP\"}\r\n{\"event\": \"RESUME\", \"data\": {}}\r\n").unwrap();
            command
        });
        let (mut opened, mut events) = (false, Vec::new());
        listen(socket.path(), || true, |_| opened = true, |event, _| events.push(event.to_owned())).unwrap();
        assert_eq!(events, ["STOP", "RESUME"]);
        assert!(opened && qemu.join().unwrap().contains("qmp_capabilities"));
    }

    #[test]
    fn what_is_queued_is_read_when_nobody_wants_more() {
        let socket = Socket::new().unwrap();
        let listener = UnixListener::bind(socket.path()).unwrap();
        let (tell, is_written) = mpsc::channel();
        // More than one read takes, and the socket stays open.
        let qemu = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let stops = "{\"event\": \"STOP\", \"data\": {}}\r\n".repeat(300);
            stream.write_all(format!("{stops}{{\"event\": \"SHUTDOWN\"}}\r\n").as_bytes()).unwrap();
            tell.send(()).unwrap();
            stream
        });
        let mut events = Vec::new();
        let until_written = |_| is_written.recv().unwrap();
        listen(socket.path(), || false, until_written, |event, _| events.push(event.to_owned())).unwrap();
        assert_eq!((events.len(), events.last().map(String::as_str)), (301, Some("SHUTDOWN")));
        drop(qemu.join().unwrap());
    }

    #[test]
    fn tool_that_was_stopped_and_goes_on_still_hears() {
        /// Each read is interrupted once.
        struct Interrupted<'a>(&'a [u8], bool);
        impl Read for Interrupted<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.1 = !self.1;
                if self.1 { Err(io::ErrorKind::Interrupted.into()) } else { self.0.read(buffer) }
            }
        }
        let mut events = Vec::new();
        let stream = Interrupted(b"{\"event\": \"STOP\"}\n", false);
        let mut client = Client::over(Script::saying(stream));
        hear(&mut client, || true, |event, _| events.push(event.to_owned())).unwrap();
        assert_eq!(events, ["STOP"]);
    }

    #[test]
    fn who_is_asked_to_power_down_is_ended_and_it_is_known_who_reset_it() {
        let mut events = Vec::new();
        let lines = b"{\"event\": \"POWERDOWN\"}\n\
            {\"event\": \"SHUTDOWN\", \"data\": {\"guest\": false, \"reason\": \"host-qmp-quit\"}}\n";
        let on_event =
            |event: &str, why: Option<&str>| events.push((event.to_owned(), why.map(str::to_owned)));
        let mut client = Client::over(Script::saying(&lines[..]));
        hear(&mut client, || true, on_event).unwrap();
        let shutdown = ("SHUTDOWN".to_owned(), Some("host-qmp-quit".to_owned()));
        assert_eq!(events, [("POWERDOWN".to_owned(), None), shutdown]);
        assert_eq!(client.into_stream().was_told, b"{\"execute\":\"quit\"}\n");
    }

    #[test]
    fn socket_that_never_opens_is_an_error() {
        let socket = Socket::new().unwrap();
        assert!(listen(socket.path(), || false, |_| unreachable!(), |_, _| unreachable!()).is_err());
    }

    #[test]
    fn sockets_have_names_of_their_own() {
        assert_ne!(Socket::new().unwrap().path(), Socket::new().unwrap().path());
    }
}
