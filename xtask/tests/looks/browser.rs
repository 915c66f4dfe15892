//! A headless Chromium, spoken to over a pair of pipes: the DevTools protocol, of which a dozen
//! commands are needed here. No port, no network.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

/// Whatever takes longer has gone wrong.
const PATIENCE: Duration = Duration::from_secs(120);

/// Keeps it from calling anybody.
const ALONE: [&str; 12] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--mute-audio",
    "--remote-debugging-pipe",
];

/// A page in a browser of its own; the browser ends with it.
pub struct Tab {
    browser: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    session: Option<String>,
    next: u64,
    /// What came besides answers: method and parameters.
    pub events: Vec<(String, Value)>,
    _profile: TempDir,
}

type Answer = Result<Value, String>;

impl Tab {
    /// Starts a browser with an empty page.
    pub fn open(program: &PathBuf) -> Result<Self, String> {
        let profile = tempfile::tempdir().map_err(|error| error.to_string())?;
        // The browser reads commands from descriptor 3 and answers on 4.
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec \"$@\" 3<&0 4>&1 0</dev/null 1>/dev/null", "sh"]).arg(program).args(ALONE);
        shell.arg(format!("--user-data-dir={}", profile.path().display())).arg("about:blank");
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut browser = shell.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
        let (commands, answers) = browser.stdin.take().zip(browser.stdout.take()).ok_or("no pipes")?;
        let (sender, messages) = channel();
        thread::spawn(move || {
            let mut answers = BufReader::new(answers);
            let mut message = Vec::new();
            while answers.read_until(0, &mut message).is_ok_and(|length| length > 0) {
                message.pop();
                let Ok(json) = serde_json::from_slice(&message) else { return };
                if sender.send(json).is_err() {
                    return;
                }
                message.clear();
            }
        });
        let mut tab = Self {
            browser,
            commands,
            messages,
            session: None,
            next: 1,
            events: Vec::new(),
            _profile: profile,
        };
        let target = tab.call("Target.createTarget", json!({ "url": "about:blank" }))?;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = tab.call("Target.attachToTarget", attach)?;
        tab.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            tab.call(&format!("{domain}.enable"), json!({}))?;
        }
        Ok(tab)
    }

    /// Sends a command and waits for its answer.
    pub fn call(&mut self, method: &str, parameters: Value) -> Answer {
        let id = self.next;
        self.next += 1;
        let mut command = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            command["sessionId"] = json!(session);
        }
        let bytes = command.to_string() + "\0";
        self.commands.write_all(bytes.as_bytes()).map_err(|error| format!("{method}: {error}"))?;
        loop {
            let message = self.message().map_err(|why| format!("{method}: {why}"))?;
            if message["id"] != json!(id) {
                self.note(message);
            } else if let Some(error) = message.get("error") {
                return Err(format!("{method}: {error}"));
            } else {
                return Ok(message["result"].clone());
            }
        }
    }

    /// Goes to `url`, and waits until it has loaded.
    pub fn visit(&mut self, url: &str) -> Result<(), String> {
        self.events.clear();
        let answer = self.call("Page.navigate", json!({ "url": url }))?;
        if let Some(error) = answer.get("errorText") {
            return Err(format!("{url}: {error}"));
        }
        while !self.events.iter().any(|(method, _)| method == "Page.loadEventFired") {
            let message = self.message()?;
            self.note(message);
        }
        Ok(())
    }

    /// The value of an expression of JavaScript in the page.
    pub fn evaluate(&mut self, expression: &str) -> Answer {
        let parameters = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.call("Runtime.evaluate", parameters)?;
        match answer.get("exceptionDetails") {
            Some(exception) => Err(format!("{exception}")),
            None => Ok(answer["result"]["value"].clone()),
        }
    }

    fn message(&mut self) -> Answer {
        self.messages.recv_timeout(PATIENCE).map_err(|error| match error {
            RecvTimeoutError::Timeout => format!("no answer within {} s", PATIENCE.as_secs()),
            RecvTimeoutError::Disconnected => "the browser has ended".into(),
        })
    }

    fn note(&mut self, message: Value) {
        if let Some(method) = message["method"].as_str() {
            self.events.push((method.to_owned(), message["params"].clone()));
        }
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        // It ends its own children when it is asked to, and not when it is killed.
        self.session = None;
        let _ = self.call("Browser.close", json!({}));
        let _ = self.browser.kill();
        let _ = self.browser.wait();
    }
}
