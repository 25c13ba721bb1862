//! Tests changes outside of the watched roots, and ways to stay on a machine. They use the
//! machine's own system under a layer of memory. The oracle is the script itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    harness::{Recording, Test, Trace, live, words},
    package::{Stage, bare_stage, is_bare_stage_possible},
};

pub(crate) fn tests() -> Vec<Test> {
    let on_stage = |test: Test| test.needs("python3").prepared(is_bare_stage_possible);
    vec![
        on_stage(live!(fifty_ways_to_stay_have_a_reason_and_an_author)),
        on_stage(live!(leftovers_outside_of_the_roots_are_listed)),
        on_stage(live!(a_flood_of_files_is_folded)),
    ]
}

/// A way to stay: the command line, what it changes, and the reason for attention.
type Way = (&'static str, &'static str, &'static str);

/// Each is done by one process of its own, the program of the line.
const WAYS: [Way; 57] = [
    ("cp it PATH", "/etc/sudoers.d/acme", "who may become root"),
    ("cp it PATH", "/etc/cron.d/acme", "cron runs it"),
    (
        "cp it PATH",
        "/var/spool/cron/crontabs/root",
        "cron runs it",
    ),
    ("tee -a PATH", "/etc/crontab", "cron runs it"),
    ("cp it PATH", "/var/spool/cron/atjobs/a0001", "cron runs it"),
    (
        "cp it PATH",
        "/root/.ssh/authorized_keys",
        "who may log in over ssh",
    ),
    (
        "cp it PATH",
        "/etc/ssh/sshd_config.d/acme.conf",
        "who may log in over ssh",
    ),
    ("cp it PATH", "/etc/ld.so.preload", "every program loads it"),
    (
        "cp it PATH",
        "/etc/ld.so.conf.d/acme.conf",
        "where programs find libraries",
    ),
    (
        "cp it PATH",
        "/etc/profile.d/acme.sh",
        "every shell runs it",
    ),
    ("tee -a PATH", "/etc/bash.bashrc", "every shell runs it"),
    ("tee -a PATH", "/root/.bashrc", "a user's shell runs it"),
    (
        "cp it PATH",
        "/home/acme/.profile",
        "a user's shell runs it",
    ),
    (
        "tee -a PATH",
        "/etc/environment",
        "what every login begins with",
    ),
    (
        "cp it PATH",
        "/etc/skel/.acme",
        "what every login begins with",
    ),
    ("tee -a PATH", "/etc/hosts", "where names lead"),
    ("tee -a PATH", "/etc/resolv.conf", "where names lead"),
    ("tee -a PATH", "/etc/nsswitch.conf", "where names lead"),
    (
        "cp it PATH",
        "/etc/polkit-1/rules.d/acme.rules",
        "what users may ask root for",
    ),
    (
        "cp it PATH",
        "/etc/apt/sources.list.d/acme.list",
        "where packages come from",
    ),
    (
        "cp it PATH",
        "/etc/apt/apt.conf.d/99acme",
        "where packages come from",
    ),
    (
        "cp it PATH",
        "/usr/share/keyrings/acme.gpg",
        "where packages come from",
    ),
    (
        "cp it PATH",
        "/etc/yum.repos.d/acme.repo",
        "where packages come from",
    ),
    (
        "cp it PATH",
        "/etc/dpkg/dpkg.cfg.d/acme",
        "runs when packages change",
    ),
    (
        "cp it PATH",
        "/usr/local/share/ca-certificates/acme.crt",
        "which certificates are trusted",
    ),
    (
        "ln -s it PATH",
        "/etc/ssl/certs/acme.pem",
        "which certificates are trusted",
    ),
    (
        "cp it PATH",
        "/root/.config/systemd/user/acme.service",
        "runs at a user's login",
    ),
    (
        "cp it PATH",
        "/usr/lib/systemd/user/acme.service",
        "runs at a user's login",
    ),
    (
        "cp it PATH",
        "/etc/xdg/autostart/acme.desktop",
        "runs at a user's login",
    ),
    (
        "cp it PATH",
        "/etc/update-motd.d/99-acme",
        "runs at a user's login",
    ),
    (
        "cp it PATH",
        "/etc/systemd/system/acme.service",
        "new service",
    ),
    (
        "cp it PATH",
        "/etc/systemd/system/ssh.service.d/acme.conf",
        "changes a service",
    ),
    (
        "cp it PATH",
        "/usr/lib/systemd/system-sleep/acme",
        "systemd runs it",
    ),
    ("cp it PATH", "/etc/anacrontab", "cron runs it"),
    (
        "cp it PATH",
        "/etc/binfmt.d/acme.conf",
        "what runs files of other formats",
    ),
    (
        "cp it PATH",
        "/usr/lib/sysctl.d/acme.conf",
        "kernel parameters",
    ),
    (
        "cp it PATH",
        "/usr/lib/tmpfiles.d/acme.conf",
        "makes files at boot",
    ),
    (
        "cp it PATH",
        "/usr/lib/modules-load.d/acme.conf",
        "kernel modules",
    ),
    ("cp it PATH", "/etc/modprobe.d/acme.conf", "kernel modules"),
    (
        "cp it PATH",
        "/etc/udev/rules.d/99-acme.rules",
        "udev runs what it says",
    ),
    (
        "tee -a PATH",
        "/etc/default/grub",
        "the kernel starts with it",
    ),
    (
        "cp it PATH",
        "/etc/kernel/cmdline",
        "the kernel starts with it",
    ),
    ("cp it PATH", "/etc/pam.d/acme", "how users log in"),
    ("tee -a PATH", "/etc/shadow", "who may log in"),
    ("cp it PATH", "/etc/xinetd.d/acme", "starts at a connection"),
    ("cp it PATH", "/etc/rc.local", "runs at boot"),
    ("cp it PATH", "/etc/init.d/acme", "runs at boot"),
    (
        "cp it PATH",
        "/usr/share/dbus-1/system-services/acme.service",
        "D-Bus starts it, or lets it through",
    ),
    (
        "cp it PATH",
        "/etc/logrotate.d/acme",
        "root runs its scripts",
    ),
    (
        "cp it PATH",
        "/etc/NetworkManager/dispatcher.d/acme",
        "runs when the network changes",
    ),
    (
        "cp it PATH",
        "/etc/dhcp/dhclient-exit-hooks.d/acme",
        "runs when the network changes",
    ),
    (
        "cp it PATH",
        "/srv/repository/.git/hooks/post-commit",
        "git runs it",
    ),
    (
        "cp it PATH",
        "/usr/local/lib/python3/dist-packages/acme.pth",
        "every Python program runs it",
    ),
    ("install -m 4755 it PATH", "/usr/sbin/acme-setuid", "setuid"),
    ("chmod 4755 PATH", "/usr/bin/acme-there", "setuid"),
    ("chmod 2755 PATH", "/usr/libexec/acme-there", "setgid"),
    (
        "python3 -c 'import os, sys; os.setxattr(sys.argv[1], \"security.capability\", \
         bytes([1, 0, 0, 2, 0, 16] + [0] * 14))' PATH",
        "/usr/bin/acme-capable",
        "has capabilities",
    ),
];

/// Files that are there before.
const THERE: [&str; 3] = [
    "/usr/bin/acme-there",
    "/usr/libexec/acme-there",
    "/usr/bin/acme-capable",
];

/// Records a script on the stage, with its working directory in memory.
fn record(stage: &Stage, prepare: &str, script: &str) -> Trace {
    // Another test may have left it.
    let prepare = format!("rm -f /etc/ld.so.preload; {prepare}");
    stage.call(["sh", "-e", "-c", &prepare]);
    let script = format!("cd /tmp && echo it >it\n{script}");
    let recorded = Recording::of(words(["sh", "-e", "-c", &script]))
        .through(stage.inside())
        .to(&stage.path("it.trace"))
        .option(["--force"])
        .run();
    let said = recorded.ended.messages();
    assert_eq!(recorded.ended.code, Some(0), "{said}");
    recorded.trace()
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_default()
}

fn fifty_ways_to_stay_have_a_reason_and_an_author() {
    let stage = bare_stage();
    let directories = WAYS.iter().map(|(_, path, _)| {
        let end = path.rfind('/').expect("an absolute path");
        &path[..end.max(1)]
    });
    let directories: BTreeSet<&str> = directories.collect();
    let directories: Vec<&str> = directories.into_iter().collect();
    let prepare = format!(
        "mkdir -p {}; rm -f /etc/rc.local; for it in {}; do cp /bin/true $it; chmod 755 $it; done",
        directories.join(" "),
        THERE.join(" ")
    );
    let lines = WAYS.map(|(line, path, _)| {
        let line = line.replace("PATH", path);
        format!("{line} <it >/dev/null")
    });
    let harmless = "cp it /etc/cron.d/acme.dpkg-new; cp it /usr/share/acme; cp it /opt/acme-it\n";
    let trace = record(&stage, &prepare, &format!("{harmless}{}", lines.join("\n")));
    let rows = trace.lives("changes", ["--all", "--tree", "command"]);
    let mut seen: BTreeMap<&str, (&str, &Value)> = BTreeMap::new();
    for row in &rows {
        let is_listed = ["file", "cron", "service"].contains(&text(row, "kind"));
        if is_listed && row["attention"].is_string() {
            let path = [text(row, "file"), text(row, "name")];
            let path = path.into_iter().find(|path| !path.is_empty());
            seen.insert(path.expect("a name"), (text(row, "attention"), row));
        }
    }
    let mut wrong = Vec::new();
    let mut authors = BTreeSet::new();
    for (line, path, reason) in WAYS {
        let program = line.split(' ').next().expect("a program");
        match seen.remove(path) {
            Some((found, row)) if found == reason && text(&row["process"], "name") == program => {
                authors.insert(row["process"]["pid"].as_u64());
            }
            other => wrong.push(format!("{path}: {other:?}")),
        }
    }
    wrong.extend(
        seen.keys()
            .map(|path| format!("{path} is not to be looked at")),
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(authors.len(), WAYS.len());
}

/// As installers leave them, and others that leave nothing.
fn leftovers_outside_of_the_roots_are_listed() {
    let stage = bare_stage();
    let prepare = "mkdir -p /var/lib/acme-gone /var/lib/acme-old /usr/lib/acme-there; \
        echo x >/var/lib/acme-gone/state; echo x >/var/lib/acme-old/state; \
        echo x >/usr/lib/acme-there/file";
    let script = "
        mkdir /acme-1; echo x >/acme-1/state
        mkdir /var/lib/acme-lr; echo s >/var/lib/acme-lr/status
        echo '#!/bin/sh' >/usr/bin/acme-tool; chmod 4755 /usr/bin/acme-tool
        mkdir -p /opt/acme; echo o >/opt/acme/o
        mkdir /tmp/acme-build; echo x >/tmp/acme-build/scratch; rm -r /tmp/acme-build
        mkdir -p /usr/lib/acme-tree/deep; echo x >/usr/lib/acme-tree/deep/file; sleep 0.2
        mv /usr/lib/acme-tree /var/lib/acme-moved
        echo x >/tmp/acme-new; mv /tmp/acme-new /usr/lib/acme-there/file
        rm -r /var/lib/acme-gone; echo more >>/var/lib/acme-old/state
        echo x >/dev/shm/acme; rm /dev/shm/acme; ln -s x /var/tmp/acme";
    let trace = record(&stage, prepare, script);
    let rows = trace.lives("changes", ["--all", "--tree", "command"]);
    let listed: Vec<[&str; 3]> = rows
        .iter()
        .filter(|row| row["kind"] == "file" && row["before_unknown"] == true)
        .map(|row| {
            [
                text(row, "name"),
                text(row, "action"),
                text(&row["process"], "name"),
            ]
        })
        .filter(|[name, ..]| name.contains("acme"))
        .collect();
    let expected = [
        ["/acme-1", "new", "mkdir"],
        ["/acme-1/state", "new", "sh"],
        ["/usr/bin/acme-tool", "new", "chmod"],
        ["/usr/lib/acme-there/file", "touched", "mv"],
        ["/var/lib/acme-gone", "gone", "rm"],
        ["/var/lib/acme-gone/state", "gone", "rm"],
        ["/var/lib/acme-lr", "new", "mkdir"],
        ["/var/lib/acme-lr/status", "new", "sh"],
        ["/var/lib/acme-moved", "touched", "mv"],
        ["/var/lib/acme-moved/deep", "touched", "mv"],
        ["/var/lib/acme-moved/deep/file", "touched", "mv"],
        ["/var/lib/acme-old/state", "touched", "sh"],
        ["/var/tmp/acme", "new", "ln"],
    ];
    assert_eq!(listed, expected);
    let compared = rows.iter().find(|row| row["name"] == "/opt/acme/o");
    let compared = compared.expect("a row of a root");
    assert_eq!(compared["before_unknown"], Value::Null, "{compared}");
    let shown = trace.read("changes", ["--tree", "command"]);
    assert!(
        shown.text().contains("setuid: /usr/bin/acme-tool (new)"),
        "{}",
        shown.text()
    );
    let said = shown.messages();
    assert!(said.contains("their state before is unknown"), "{said}");
}

/// More files than are remembered, and a setuid file among them.
fn a_flood_of_files_is_folded() {
    let stage = bare_stage();
    let script = "
        mkdir /tmp/flood
        python3 -c '
for d in range(70):
    import os
    os.mkdir(f\"/tmp/flood/{d}\")
    for f in range(1000):
        open(f\"/tmp/flood/{d}/{f}\", \"w\").close()
'
        echo x >/tmp/flood/acme; chmod 4755 /tmp/flood/acme; echo x >/usr/lib/acme-after";
    let trace = record(&stage, "true", script);
    let rows = trace.lives("changes", ["--all", "--tree", "command"]);
    let is_listed = |name: &str| rows.iter().any(|row| row["name"] == name);
    assert!(is_listed("/tmp/flood/acme") && is_listed("/usr/lib/acme-after"));
    assert!(rows.len() < 70_000, "{} rows", rows.len());
    let shown = trace.read("changes", ["--tree", "command"]);
    let said = shown.messages();
    assert!(
        said.contains("more below /tmp/flood are not listed"),
        "{said}"
    );
}
