//! A browser without a window, driven over WebDriver (W3C) by chromedriver: plain HTTP on the
//! loopback, one connection per request. It judges no page.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpStream},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::within_limit;

/// Options that keep the browser itself off the network, so that every request is the page's.
const OPTIONS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    // It still looks up its vendor's hosts, which tests that record at the same time would see.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1",
];

/// Limit of an answer: a browser takes some seconds to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// Limit of attempts to start chromedriver.
const STARTS: usize = 10;

/// A browser; it ends when this is dropped.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    /// Never read, but chromedriver would end at a closed pipe.
    _said: BufReader<ChildStdout>,
    _profile: TempDir,
}

impl Browser {
    pub(crate) fn start() -> Browser {
        let (driver, said, port) = start_driver();
        let profile = tempfile::tempdir().expect("a temporary directory");
        let mut browser = Browser {
            driver,
            port,
            session: String::new(),
            _said: said,
            _profile: profile,
        };
        let mut options: Vec<String> = OPTIONS.map(str::to_owned).to_vec();
        options.push(format!(
            "--user-data-dir={}",
            browser._profile.path().display()
        ));
        let wanted = json!({
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            "goog:chromeOptions": { "args": options },
        });
        let wanted = json!({ "capabilities": { "alwaysMatch": wanted } });
        let session = browser.ask("POST", "/session", &wanted);
        let id = session["sessionId"].as_str().expect("a session");
        browser.session = format!("/session/{id}");
        // A new tab makes many requests, all of them the browser's own.
        browser.post("/url", &json!({ "url": "about:blank" }));
        browser.requests();
        browser
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut stream =
            TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("chromedriver listens");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a limit to waiting");
        let body = body.to_string();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("a request");
        let (head, body) = answer(BufReader::new(stream)).expect("an answer");
        let body: Value = serde_json::from_slice(&body).expect("an answer in JSON");
        assert!(head.contains(" 200 "), "{method} {path}: {body}");
        body["value"].clone()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", &format!("{}{path}", self.session), body)
    }

    /// Opens a file and waits until its script is ready. Returns the milliseconds that this took.
    pub(crate) fn open(&self, file: &Path) -> u64 {
        let url = format!("file://{}", file.display());
        self.post("/url", &json!({ "url": url }));
        let ready = "document.documentElement.dataset.ready ?? ''";
        assert!(
            within_limit(|| !self.text(ready).is_empty()),
            "{url} does not get ready: {:?}",
            self.complaints()
        );
        self.text(ready).parse().expect("a number")
    }

    /// Returns the value of an expression.
    pub(crate) fn value(&self, expression: &str) -> Value {
        let script = format!("return {expression};");
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Returns the value of a text expression.
    pub(crate) fn text(&self, expression: &str) -> String {
        self.value(expression)
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Runs statements.
    pub(crate) fn run(&self, script: &str) {
        self.post("/execute/sync", &json!({ "script": script, "args": [] }));
    }

    /// Runs a command of the DevTools protocol.
    pub(crate) fn tool(&self, command: &str, parameters: &Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.post("/goog/cdp/execute", &body)
    }

    /// Takes a picture of the page at a width, in light or dark.
    pub(crate) fn picture(&self, width: u32, scheme: &str) -> Vec<u8> {
        let size =
            json!({ "width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": false });
        self.tool("Emulation.setDeviceMetricsOverride", &size);
        let scheme = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        let media = json!({ "features": scheme });
        self.tool("Emulation.setEmulatedMedia", &media);
        let picture = self.tool("Page.captureScreenshot", &json!({}));
        let picture = picture["data"].as_str().expect("a picture");
        BASE64_STANDARD.decode(picture).expect("base64")
    }

    /// Returns errors of scripts and violations of a policy, from the browser's console.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.post("/se/log", &json!({ "type": "browser" }));
        let entries = log.as_array().cloned().unwrap_or_default();
        entries.iter().map(Value::to_string).collect()
    }

    /// Returns all requests to a file system or a network since the last call.
    pub(crate) fn requests(&self) -> Vec<String> {
        let log = self.post("/se/log", &json!({ "type": "performance" }));
        let entries = log.as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .filter_map(|entry| {
                let message = entry["message"].as_str()?;
                let message: Value = serde_json::from_str(message).ok()?;
                let message = &message["message"];
                let is_request = message["method"] == "Network.requestWillBeSent";
                let url = message["params"]["request"]["url"].as_str()?;
                is_request.then(|| url.to_owned())
            })
            .collect()
    }
}

/// Starts chromedriver at a free port. It takes a free one of IPv6 and then needs the same of IPv4,
/// which a connection of another test may have.
fn start_driver() -> (Child, BufReader<ChildStdout>, u16) {
    let mut last = String::new();
    for _ in 0..STARTS {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver");
        let mut said = BufReader::new(driver.stdout.take().expect("its stdout"));
        last.clear();
        while said.read_line(&mut last).is_ok_and(|bytes| bytes > 0) {
            let line = last.lines().next_back().unwrap_or_default();
            let port = line.split_once("started successfully on port ");
            let port = port.and_then(|(_, port)| port.trim_end_matches('.').parse().ok());
            if let Some(port) = port {
                return (driver, said, port);
            }
        }
        drop(driver.kill());
        drop(driver.wait());
    }
    panic!("chromedriver does not start: {last}");
}

/// Returns head and body of an answer. chromedriver always leaves the connection open.
fn answer(mut stream: impl BufRead) -> io::Result<(String, Vec<u8>)> {
    let mut head = String::new();
    let mut length = 0;
    while !head.ends_with("\r\n\r\n") {
        let start = head.len();
        if stream.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = head[start..].to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((head, body))
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Also ends the browser; if it is gone already, nothing is left to do.
        if !std::thread::panicking() && !self.session.is_empty() {
            self.ask("DELETE", &self.session, &json!({}));
        }
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}
