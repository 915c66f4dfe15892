//! A client of QEMU's monitor (QMP): a socket on which QEMU takes commands, answers them, and tells what happens to the
//! guest. Who only listens, and who asks, use the same.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

/// How long a read waits before its caller may look at something else.
pub const TICK: Duration = Duration::from_millis(20);

/// What QEMU says.
#[derive(Debug, PartialEq)]
pub enum Message {
    /// Something happened.
    Event {
        /// What.
        name: String,
        /// Why, where QEMU says so.
        reason: Option<String>,
    },
    /// A command's answer; in words, where QEMU could not do it.
    Answer(Result<Value, String>),
    /// That it is there.
    Greeting,
}

/// What came.
#[derive(Debug, PartialEq)]
pub enum Heard {
    /// A message.
    Message(Message),
    /// None, within [`TICK`].
    Nothing,
    /// Its end: QEMU has gone.
    End,
}

/// A monitor that is open.
pub struct Client<S> {
    stream: S,
    /// What has come of the next message.
    pending: Vec<u8>,
}

impl Client<UnixStream> {
    /// The monitor at `path`, which takes commands from now on. QEMU serves one client of a socket at a time: another waits
    /// until that one has gone.
    ///
    /// # Errors
    ///
    /// Nobody is there.
    pub fn connect(path: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(TICK))?;
        let mut client = Self::over(stream);
        client.send("qmp_capabilities", &Value::Null)?;
        Ok(client)
    }

    /// The process that opened it; `None` where the system does not tell.
    #[cfg(target_os = "linux")]
    pub fn process(&self) -> Option<u32> {
        use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

        getsockopt(&self.stream, PeerCredentials).ok()?.pid().try_into().ok()
    }

    /// The process that opened it: this system does not tell.
    #[cfg(not(target_os = "linux"))]
    pub fn process(&self) -> Option<u32> {
        None
    }

    /// The same, once it has said that it does: for who asks.
    ///
    /// # Errors
    ///
    /// Nobody is there, or does not answer until then.
    pub fn open(path: &Path, until: Instant) -> io::Result<Self> {
        let mut client = Self::connect(path)?;
        client.answer(until)?;
        Ok(client)
    }
}

impl<S: Read + Write> Client<S> {
    /// A monitor that was opened.
    pub const fn over(stream: S) -> Self {
        Self { stream, pending: Vec::new() }
    }

    #[cfg(test)]
    pub(crate) fn into_stream(self) -> S {
        self.stream
    }

    /// Sends a command, and does not wait for its answer.
    ///
    /// # Errors
    ///
    /// QEMU has gone.
    pub fn send(&mut self, command: &str, arguments: &Value) -> io::Result<()> {
        let mut line = json!({ "execute": command });
        if !arguments.is_null() {
            line["arguments"] = arguments.clone();
        }
        self.stream.write_all(format!("{line}\n").as_bytes())
    }

    /// What comes next.
    ///
    /// # Errors
    ///
    /// What came is no QMP, or the socket is broken.
    pub fn hear(&mut self) -> io::Result<Heard> {
        let mut buffer = [0; 4 << 10];
        loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                return Ok(Heard::Message(serde_json::from_slice::<Line>(&line)?.into()));
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => return Ok(Heard::End),
                Ok(length) => self.pending.extend_from_slice(&buffer[..length]),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return Ok(Heard::Nothing);
                }
                // This tool was stopped and goes on: SIGCONT ends a read that has a limit.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // QEMU leaves without a word.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(Heard::End),
                Err(error) => return Err(error),
            }
        }
    }

    /// The answer to what was sent, which comes until then; `event`s that come before are of no interest.
    ///
    /// # Errors
    ///
    /// QEMU has gone, does not answer, or says that it can not.
    pub fn answer(&mut self, until: Instant) -> io::Result<Value> {
        loop {
            match self.hear()? {
                Heard::Message(Message::Answer(answer)) => return answer.map_err(io::Error::other),
                Heard::Message(_) => {}
                Heard::End => return Err(io::ErrorKind::UnexpectedEof.into()),
                Heard::Nothing if Instant::now() >= until => return Err(io::ErrorKind::TimedOut.into()),
                Heard::Nothing => {}
            }
        }
    }

    /// Has QEMU do it, and gives its answer.
    ///
    /// # Errors
    ///
    /// As [`answer`](Self::answer).
    pub fn execute(&mut self, command: &str, arguments: &Value, until: Instant) -> io::Result<Value> {
        self.send(command, arguments)?;
        self.answer(until)
    }
}

/// Of a line, what matters.
#[derive(Deserialize)]
struct Line {
    event: Option<String>,
    data: Option<Value>,
    #[serde(rename = "return", default, deserialize_with = "some")]
    answer: Option<Value>,
    error: Option<Fault>,
}

/// A `null` is an answer too.
fn some<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
struct Fault {
    desc: String,
}

impl From<Line> for Message {
    fn from(line: Line) -> Self {
        match line {
            Line { event: Some(name), data, .. } => {
                let reason = data.as_ref().and_then(|data| data.get("reason")?.as_str()).map(str::to_owned);
                Self::Event { name, reason }
            }
            Line { error: Some(fault), .. } => Self::Answer(Err(fault.desc)),
            Line { answer: Some(answer), .. } => Self::Answer(Ok(answer)),
            Line { .. } => Self::Greeting,
        }
    }
}

/// Says what is given to it, and takes what is said to it.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    pub(crate) struct Script<R> {
        pub(crate) says: R,
        pub(crate) was_told: Vec<u8>,
    }

    impl<R: Read> Script<R> {
        pub(crate) fn saying(says: R) -> Self {
            Self { says, was_told: Vec::new() }
        }
    }

    impl<R: Read> Read for Script<R> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.says.read(buffer)
        }
    }

    impl<R> Write for Script<R> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.was_told.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::Script;
    use super::*;

    #[test]
    fn answer_is_told_from_what_stands_before_it() {
        let lines = "{\"QMP\": {}}\r\n{\"event\": \"STOP\"}\r\n{\"return\": {}}\r\n{\"return\": null}\r\n\
                     {\"error\": {\"class\": \"GenericError\", \"desc\": \"no such CPU\"}}\r\n";
        let mut client = Client::over(Script::saying(lines.as_bytes()));
        let mut ask = || client.execute("stop", &json!({ "cpu-index": 1 }), Instant::now());
        assert_eq!(ask().unwrap(), json!({}));
        assert_eq!(ask().unwrap(), Value::Null);
        assert_eq!(ask().unwrap_err().to_string(), "no such CPU");
        assert_eq!(ask().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        let told = String::from_utf8(client.into_stream().was_told).unwrap();
        assert_eq!(told.lines().next(), Some(r#"{"arguments":{"cpu-index":1},"execute":"stop"}"#));
    }
}
