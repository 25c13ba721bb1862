//! Makes the stage of the daemons in a sandbox: packages, a network with a peer, and one recording
//! of their start and of the peer's questions. Beside it stand ps, ss and tcpdump. It judges
//! nothing.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::MetadataExt,
    process::{Child, Command, Stdio},
    sync::{LazyLock, OnceLock},
    thread,
    time::Duration,
};

use nix::sys::signal::Signal;

use super::oracle::{self, Flow, Held, Owner};
use crate::harness::{Background, Recording, Trace, at_the_end, run, slowness, words};

/// Names the directory with the packages.
pub(super) const PACKAGES: &str = "TRACER_TESTS_DAEMONS";

const PYTHON: &str = "/usr/bin/python3";

/// Requirements besides the packages.
pub(super) const NEEDED: [&str; 6] = ["dpkg", "ip", "ps", "ss", "tcpdump", PYTHON];

/// The directory of the stage's own files.
const PLACE: &str = "/run/daemons";

/// The recording, and what the others say about the same time.
pub(super) struct Scene {
    pub(super) trace: Trace,
    /// By ps(1), shortly before the end.
    pub(super) owners: Vec<Owner>,
    /// By ss(8) at the same time: listening and bound sockets.
    pub(super) listening: Vec<Held>,
    /// By ss(8) at the same time: connections.
    pub(super) connected: Vec<Held>,
    /// By tcpdump(1), from before the recording until after it.
    pub(super) flows: Vec<Flow>,
    /// Inode number of the peer's network namespace.
    pub(super) peer_namespace: u64,
}

/// Installs the packages, or returns the reason against it.
pub(super) fn possible() -> Result<(), String> {
    static STAGE: OnceLock<Result<(), String>> = OnceLock::new();
    STAGE.get_or_init(set).clone()
}

fn set() -> Result<(), String> {
    let packages = std::env::var(PACKAGES).map_err(|_| format!("{PACKAGES} is not set"))?;
    if !fs::read_dir(&packages).is_ok_and(|mut files| files.next().is_some()) {
        return Err("the packages of the daemons could not be fetched".to_owned());
    }
    fs::create_dir_all(PLACE).expect("a directory");
    for (name, text) in [
        ("stage.sh", include_str!("stage.sh")),
        ("start.sh", include_str!("start.sh")),
        ("stop.sh", include_str!("stop.sh")),
        ("peer.py", include_str!("peer.py")),
    ] {
        fs::write(format!("{PLACE}/{name}"), text).expect("a script");
    }
    let made = run(Command::new("sh").args([&format!("{PLACE}/stage.sh"), &packages]));
    match made.code {
        Some(0) => Ok(()),
        _ => Err(format!("the stage: {}", made.messages())),
    }
}

/// Returns the recording. If it cannot be made, all tests of it fail at once.
pub(super) fn scene() -> &'static Scene {
    static SCENE: LazyLock<Scene> = LazyLock::new(record);
    &SCENE
}

fn record() -> Scene {
    let mut peer = Peer::start();
    let file = format!("{PLACE}/packets");
    let mut line = words(["tcpdump", "-i", "any", "-nn", "-U", "-Z", "root"]);
    line.extend(words(["-w", &file, "tcp or udp"]));
    let mut packets = Background::run(&line, "tcpdump");
    packets.wait_for_message("listening on");
    at_the_end(|| {
        run(Command::new("sh").arg(format!("{PLACE}/stop.sh"))).success();
    });
    let start = format!("{PLACE}/start.sh");
    let recording = Recording::of(words(["sh", &start]))
        .option(["--linger", "10m"])
        .start()
        .says("all daemons listen");
    peer.asks();
    // Sockets close, and datagrams arrive.
    thread::sleep(Duration::from_secs(1) * slowness());
    let owners = oracle::owners();
    let listening = oracle::held(&["-Hlntup"]);
    let connected = oracle::held(&["-Hntp"]);
    recording.send(Signal::SIGINT);
    let trace = recording.finish().trace();
    packets.stop();
    let namespace = fs::metadata("/run/netns/peer").expect("the peer's namespace");
    Scene {
        trace,
        owners,
        listening,
        connected,
        flows: oracle::flows(&file),
        peer_namespace: namespace.ino(),
    }
}

/// The process with the servers and clients of the peer.
struct Peer {
    said: BufReader<std::process::ChildStdout>,
    child: Child,
}

impl Peer {
    fn start() -> Peer {
        let mut child = Command::new("ip")
            .args(["netns", "exec", "peer", PYTHON])
            .arg(format!("{PLACE}/peer.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the peer");
        let output = child.stdout.take().expect("its stdout");
        let mut peer = Peer {
            said: BufReader::new(output),
            child,
        };
        peer.says("ready");
        peer
    }

    /// Lets its clients ask all daemons. Some of their connections stay open until the end.
    fn asks(&mut self) {
        let stdin = self.child.stdin.as_mut().expect("its stdin");
        stdin.write_all(b"go\n").expect("a word to the peer");
        self.says("done");
    }

    fn says(&mut self, word: &str) {
        let mut line = String::new();
        self.said.read_line(&mut line).expect("what it says");
        assert_eq!(line.trim_end(), word, "the peer");
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It ends with its stdin.
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}
