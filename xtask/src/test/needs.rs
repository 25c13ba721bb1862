//! Programs that some tests compare with or record. For root, apt-get installs the missing ones;
//! other users get a line to type. Without them, those tests are skipped.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use nix::unistd::Uid;

use crate::demo::elevate;

/// A program, or a file in its place, its package, and its purpose.
const PROGRAMS: [(&str, &str, &str); 24] = [
    ("strace", "strace", "the oracle for execs and connections"),
    ("ip", "iproute2", "networks of the tests' own"),
    ("ss", "iproute2", "the oracle for open sockets"),
    ("tcpdump", "tcpdump", "the oracle for what is sent"),
    ("ps", "procps", "the oracle for users of processes"),
    ("nft", "nftables", "filters that stop connections"),
    ("squid", "squid", "the reader of proxy rules"),
    ("promtool", "prometheus", "the reader of metrics"),
    ("jq", "jq", "the reader of verdicts as JSON"),
    ("make", "make", "a fan-out to record"),
    ("python3", "python3", "threads that start programs"),
    ("dpkg-deb", "dpkg", "packages to install"),
    ("systemd-run", "systemd", "units to record, in a sandbox"),
    ("dbus-daemon", "dbus", "what systemd is asked through"),
    ("cron", "cron", "jobs to record, in a sandbox"),
    ("openssl", "openssl", "certificates, and a client to record"),
    ("curl", "curl", "a client to record"),
    ("wget", "wget", "a client to record"),
    ("git", "git", "a client to record"),
    ("ruby", "ruby", "a client to record"),
    ("node", "nodejs", "a client to record"),
    ("chromium", "chromium", "a browser to look at reports with"),
    ("chromedriver", "chromium-driver", "what drives it"),
    (REQUESTS, "python3-requests", "a client to record"),
];
/// A package without a program.
const REQUESTS: &str = "/usr/lib/python3/dist-packages/requests/__init__.py";

/// Looks for the programs, and installs missing ones if possible.
pub fn look(no_live: bool) {
    let missing = missing();
    if no_live || missing.is_empty() {
        return;
    }
    for (program, _, purpose) in &missing {
        println!("test: {program} is not installed ({purpose})");
    }
    let packages: Vec<&str> = missing.iter().map(|(_, package, _)| *package).collect();
    let packages = packages.join(" ");
    let has_apt = elevate::find_program("apt-get").is_some();
    if !has_apt {
        println!("test: tests that need it are skipped; install: {packages}");
        return;
    }
    if !Uid::effective().is_root() {
        println!(
            "test: tests that need it are skipped; get it with: sudo apt-get install {packages}"
        );
        return;
    }
    println!("test: installing with apt-get: {packages}");
    // No daemon of these packages starts on the machine: `invoke-rc.d` asks this program.
    let install = format!(
        "policy=/usr/sbin/policy-rc.d; if [ ! -e $policy ]; then \
         printf '#!/bin/sh\\nexit 101\\n' >$policy && chmod 755 $policy && \
         trap 'rm -f $policy' EXIT; fi; \
         apt-get install --yes --no-install-recommends {packages}"
    );
    // A fresh machine has no lists of packages; one that has them needs no update.
    let installed = shell(&install) || (shell("apt-get update") && shell(&install));
    if !installed {
        println!("test: apt-get failed; tests that need {packages} are skipped");
    }
}

fn missing() -> Vec<&'static (&'static str, &'static str, &'static str)> {
    PROGRAMS
        .iter()
        .filter(|(program, _, _)| {
            // A path is looked for as a file, not as a program.
            let is_there = match Path::new(program).is_absolute() {
                true => Path::new(program).exists(),
                false => elevate::find_program(program).is_some(),
            };
            !is_there
        })
        .collect()
}

fn shell(line: &str) -> bool {
    Command::new("sh")
        .args(["-c", line])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
