//! Makes a network of a test: a namespace whose loopback has the addresses of `zone.json`. The
//! servers of `servers/` answer there, and lookups know of nothing else. It exists before a
//! recording begins, and is not recorded.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::harness::{act, run, words};

/// The addresses and aliases.
const ZONE: &str = include_str!("zone.json");

/// Programs run on the stage, besides the tests' own actors.
const PROGRAMS: [(&str, &str); 10] = [
    ("stage.py", include_str!("servers/stage.py")),
    ("dns.py", include_str!("servers/dns.py")),
    ("web.py", include_str!("servers/web.py")),
    ("proxy.py", include_str!("servers/proxy.py")),
    ("files.sh", include_str!("servers/files.sh")),
    ("get.rb", include_str!("clients/get.rb")),
    ("get.js", include_str!("clients/get.js")),
    ("get.py", include_str!("clients/get.py")),
    ("service.py", include_str!("clients/service.py")),
    ("pieces.py", include_str!("clients/pieces.py")),
];

/// Debian's, for which the modules of its packages are; another one may come first in the path.
pub(super) const PYTHON: &str = "/usr/bin/python3";

/// Requirements of every stage.
pub(super) const NEEDED: [&str; 5] = ["ip", "git", "nsenter", "openssl", PYTHON];

/// The network, for as long as this is held.
pub(super) struct Stage {
    directory: TempDir,
    /// The servers' process, in the namespaces.
    servers: Child,
}

impl Stage {
    /// Makes one, and waits until all its servers listen.
    pub(super) fn set() -> Stage {
        let mut directory = tempfile::tempdir().expect("a temporary directory");
        directory.disable_cleanup(std::env::var_os("TRACER_TESTS_KEEP").is_some());
        let place = directory.path();
        for (name, text) in PROGRAMS {
            fs::write(place.join(name), text).expect("a program");
        }
        fs::write(place.join("zone.json"), ZONE).expect("the zone");
        for (name, text) in settings() {
            fs::write(place.join(name), text).expect("a setting");
        }
        run(Command::new("sh").arg(place.join("files.sh")).arg(place)).success();
        let line = inner(place);
        let log = place.join("servers.log");
        let mut servers = Command::new(&line[0])
            .args(&line[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("a log"))
            .spawn()
            .expect("the servers");
        let output = servers.stdout.take().expect("its stdout");
        let stage = Stage { directory, servers };
        let mut said = String::new();
        BufReader::new(output).read_line(&mut said).expect("a line");
        let messages = fs::read_to_string(log).unwrap_or_default();
        assert_eq!(said, "ready\n", "the servers answer: {messages}");
        stage
    }

    /// Returns the path of a file of the stage.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Returns the prefix that makes a command line run on the stage.
    pub(super) fn inside(&self) -> Vec<OsString> {
        let target = self.servers.id().to_string();
        words(["nsenter", "--target", &target, "--net", "--mount", "--"])
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // They are expendable. If this is not reached, they end with their stdin.
        drop(self.servers.kill());
        drop(self.servers.wait());
    }
}

/// Returns the command line of the servers, in their own namespaces.
fn inner(place: &Path) -> Vec<OsString> {
    let mut line = act(["within", "net"]);
    for (name, _) in settings() {
        line.extend(["over".into(), place.join(name).into()]);
        line.push(format!("/etc/{name}").into());
    }
    // A name cache's socket is outside network namespaces, and would answer with other names.
    for cache in ["/run/nscd", "/var/run/nscd"] {
        if Path::new(cache).is_dir() {
            line.extend(words(["hide", cache]));
        }
    }
    line.extend(words(["--", PYTHON]));
    line.extend([place.join("stage.py").into(), place.into()]);
    line
}

/// Returns the files below /etc that configure name lookups.
fn settings() -> [(&'static str, String); 3] {
    let zone: serde_json::Value = serde_json::from_str(ZONE).expect("the zone is JSON");
    let mut hosts = "127.0.0.1 localhost\n::1 localhost\n".to_owned();
    for (name, addresses) in zone["hosts"].as_object().expect("hosts") {
        for address in addresses.as_array().expect("addresses") {
            let address = address.as_str().expect("an address");
            hosts.push_str(&format!("{address} {name}\n"));
        }
    }
    let nameserver = zone["nameserver"].as_str().expect("an address");
    [
        ("hosts", hosts),
        ("resolv.conf", format!("nameserver {nameserver}\n")),
        ("nsswitch.conf", "hosts: files dns\n".to_owned()),
    ]
}
