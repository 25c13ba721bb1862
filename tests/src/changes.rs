//! Compares the machine before and after a recording. All changes are in namespaces: their mounts,
//! their network, and their copies of /etc and of dpkg's directory. The recorder runs there, too.

use std::{fs, path::Path};

use serde_json::Value;

use crate::harness::{Recording, Test, Trace, live, run, words};

pub(crate) fn tests() -> Vec<Test> {
    const NO_DPKG: &str = "this machine has no packages of dpkg";
    vec![
        live!(every_difference_is_reported_and_nothing_else)
            .needs("nft")
            .needs("dpkg-deb")
            .needs_file("/var/lib/dpkg/status", NO_DPKG),
        live!(a_reverted_change_is_not_reported).needs("nft"),
        live!(a_disabled_service_needs_attention),
        live!(a_busy_command_without_changes_reports_none),
        live!(excluded_subjects_are_not_compared),
        live!(an_unreadable_subject_is_reported),
    ]
}

/// A difference: subject, name, before and after; `-` for absent.
type Row = [String; 4];

fn row(words: [&str; 4]) -> Row {
    words.map(str::to_owned)
}

/// Records a script in namespaces of its own, after another script has prepared them.
fn record(place: &Path, prepare: &str, script: &str) -> Trace {
    recording(place, prepare, script).run().trace()
}

fn recording(place: &Path, prepare: &str, script: &str) -> Recording {
    // systemd is not reachable there: it would report the machine's own units.
    const PREPARE: &str = "set -e
        cp -a /etc \"$PLACE/etc\" && mount --bind \"$PLACE/etc\" /etc
        mount -t tmpfs tmpfs /opt
        if [ -d /run/systemd ]; then mount -t tmpfs tmpfs /run/systemd; fi
        if [ -d /var/lib/dpkg ]; then
            mount -t tmpfs tmpfs /var/lib/dpkg
            mkdir /var/lib/dpkg/info /var/lib/dpkg/updates /var/lib/dpkg/triggers
            printf 'Package: before\\nStatus: install ok installed\\n' >/var/lib/dpkg/status
            printf 'Architecture: all\\nVersion: 1\\n' >>/var/lib/dpkg/status
            : >/var/lib/dpkg/available
        fi
        mkdir -p /etc/systemd/system \"$PLACE/mounted\"
        eval \"$BEFORE\"
        exec \"$@\"";
    Recording::of(words(["sh", "-e", "-c", script]))
        .through(words([
            "unshare", "--mount", "--net", "sh", "-c", PREPARE, "sh",
        ]))
        .environment("PLACE", &place.to_string_lossy())
        .environment("BEFORE", prepare)
}

fn differences(trace: &Trace) -> Vec<Row> {
    let mut rows = Vec::new();
    for event in trace.all("compared") {
        for difference in event.0["differences"].as_array().expect("a list") {
            let text = |key: &str| difference[key].as_str().unwrap_or("-").to_owned();
            let subject = event.text("subject").to_owned();
            rows.push([subject, text("name"), text("before"), text("after")]);
        }
    }
    rows.sort();
    rows
}

/// Returns the compared subjects and their counts of entries.
fn subjects(trace: &Trace) -> Vec<(String, u64)> {
    trace
        .all("compared")
        .map(|event| {
            assert_eq!(event.0["problem"], Value::Null, "{event:?}");
            (event.text("subject").to_owned(), event.number("entries"))
        })
        .collect()
}

/// Builds a package with one file at a path.
fn build_package(place: &Path) {
    let root = place.join("package");
    fs::create_dir_all(root.join("DEBIAN")).expect("a directory");
    fs::create_dir_all(root.join("opt/acme")).expect("a directory");
    fs::write(root.join("opt/acme/it"), "it\n").expect("a file");
    let control = "Package: acme\nVersion: 1.0-2\nArchitecture: all\n\
                   Maintainer: Example <it@example.com>\nDescription: a package\n";
    fs::write(root.join("DEBIAN/control"), control).expect("a file");
    let mut build = std::process::Command::new("dpkg-deb");
    build.args(["--root-owner-group", "--build"]);
    run(build.arg(&root).arg(place.join("acme.deb"))).success();
}

fn every_difference_is_reported_and_nothing_else() {
    let place = tempfile::tempdir().expect("a directory");
    build_package(place.path());
    let prepare = "
        echo 'leaves:x:4000:4000::/home/leaves:/bin/sh' >>/etc/passwd
        echo 'grows:x:4001:' >>/etc/group
        printf '[Unit]\\n[Install]\\nWantedBy=a.target\\n' >/etc/systemd/system/there.timer
        nft 'add table inet acme'
        nft 'add chain inet acme in { type filter hook input priority 0; policy accept; }'
        nft 'add rule inet acme in tcp dport 1 counter drop'
        ip link set lo up";
    let script = "
        if command -v useradd >/dev/null && command -v groupadd >/dev/null; then
            groupadd -g 4242 acme
            useradd -l -M -u 4242 -g acme -d /opt/acme -s /bin/sh acme
        else
            echo 'acme:x:4242:' >>/etc/group
            echo 'acme:x:4242:4242::/opt/acme:/bin/sh' >>/etc/passwd
        fi
        sed -i -e /^leaves:/d /etc/passwd
        sed -i -e 's/^grows:.*/grows:x:4001:acme/' /etc/group
        dpkg -i \"$PLACE/acme.deb\" >/dev/null 2>&1
        echo 5 >/proc/sys/net/ipv4/tcp_syn_retries
        nft 'add rule inet acme in tcp dport { 22, 23 } accept'
        nft 'add set inet acme bad { type ipv4_addr; elements = { 192.0.2.1, 192.0.2.2 }; }'
        mount -t tmpfs acme \"$PLACE/mounted\"
        cd /etc/systemd/system
        printf '[Service]\\nExecStart=/bin/true\\n' >acme.service
        printf '[Install]\\nWantedBy=multi-user.target\\n' >>acme.service
        mkdir -p multi-user.target.wants a.target.wants
        ln -s ../acme.service multi-user.target.wants/acme.service
        ln -s ../there.timer a.target.wants/there.timer
        ln -s /dev/null masked-acme.service";
    let trace = record(place.path(), prepare, script);
    let mounted = place.path().join("mounted");
    let mut expected = [
        ["user", "acme", "-", "4242:4242:/opt/acme:/bin/sh"],
        ["user", "leaves", "4000:4000:/home/leaves:/bin/sh", "-"],
        ["group", "acme", "-", "4242:"],
        ["group", "grows", "4001:", "4001:acme"],
        ["package", "acme:all", "-", "1.0-2 installed"],
        ["sysctl", "net.ipv4.tcp_syn_retries", "6", "5"],
        [
            "firewall rule",
            "inet acme in: tcp dport { 22, 23 } accept",
            "-",
            "",
        ],
        [
            "firewall rule",
            "inet acme set bad: type ipv4_addr",
            "-",
            "",
        ],
        ["firewall rule", "inet acme set bad: 192.0.2.1", "-", ""],
        ["firewall rule", "inet acme set bad: 192.0.2.2", "-", ""],
        ["unit file", "acme.service", "-", "enabled"],
        ["unit file", "masked-acme.service", "-", "masked"],
        ["unit file", "there.timer", "disabled", "enabled"],
        ["mount", &mounted.to_string_lossy(), "-", "tmpfs acme"],
    ]
    .map(row);
    expected.sort();
    assert_eq!(differences(&trace), expected);
    let subjects = subjects(&trace);
    for subject in [
        "user",
        "group",
        "package",
        "sysctl",
        "firewall rule",
        "unit file",
        "mount",
    ] {
        let entries = subjects.iter().find(|(name, _)| name == subject);
        assert!(entries.is_some_and(|(_, count)| *count > 0), "{subject}");
    }
    // The end event comes after the last difference.
    let last = trace.events.last().expect("events");
    assert_eq!(last.kind(), "end");
}

fn a_reverted_change_is_not_reported() {
    let place = tempfile::tempdir().expect("a directory");
    let script = "
        nft add table inet acme && nft add chain inet acme c && nft add rule inet acme c accept
        nft delete table inet acme
        mount -t tmpfs acme \"$PLACE/mounted\" && umount \"$PLACE/mounted\"
        echo 5 >/proc/sys/net/ipv4/tcp_syn_retries && echo 6 >/proc/sys/net/ipv4/tcp_syn_retries
        echo x >/etc/systemd/system/x.service && rm /etc/systemd/system/x.service";
    let trace = record(place.path(), "", script);
    assert_eq!(differences(&trace), Vec::<Row>::new());
    subjects(&trace);
}

/// Disables services by a link and by a mask, without a request to systemd.
fn a_disabled_service_needs_attention() {
    let place = tempfile::tempdir().expect("a directory");
    let prepare = "
        cd /etc/systemd/system && mkdir -p acme.target.wants
        for unit in log audit stays; do
            printf '[Service]\\nExecStart=/bin/true\\n' >$unit-acme.service
            printf '[Install]\\nWantedBy=acme.target\\n' >>$unit-acme.service
            ln -s ../$unit-acme.service acme.target.wants/
        done";
    let script = "
        cd /etc/systemd/system
        rm acme.target.wants/log-acme.service
        rm audit-acme.service && ln -s /dev/null audit-acme.service
        rm acme.target.wants/stays-acme.service && cp -P acme.target.wants/audit-acme.service x
        mv x acme.target.wants/stays-acme.service";
    let trace = record(place.path(), prepare, script);
    let rows = trace.lives("changes", []);
    let found: Vec<[&str; 5]> = rows
        .iter()
        .filter(|row| row["kind"] == "service")
        .filter(|row| row["attention"] != Value::Null)
        .map(|row| {
            let text = |value: &'static str| row[value].as_str().unwrap_or("-");
            let author = row["process"]["name"].as_str().unwrap_or("-");
            [
                text("name"),
                text("attention"),
                author,
                text("before"),
                text("after"),
            ]
        })
        .collect();
    assert_eq!(
        found,
        [
            [
                "audit-acme.service",
                "disabled service",
                "ln",
                "enabled",
                "masked"
            ],
            [
                "log-acme.service",
                "disabled service",
                "rm",
                "enabled",
                "disabled"
            ],
        ]
    );
}

/// Also under load by many processes that open many files and terminals and need memory.
fn a_busy_command_without_changes_reports_none() {
    let script = "
        for at_once in 1 2 3 4; do
            (for count in $(seq 30); do
                /bin/true; : | /bin/cat; ls -lR /etc >/dev/null
                head -c 3000000 /dev/zero | tail -c 1 >/dev/null
            done) &
        done
        wait";
    for _ in 0..5 {
        let place = tempfile::tempdir().expect("a directory");
        let trace = recording(place.path(), "", script).run().trace();
        assert_eq!(differences(&trace), Vec::<Row>::new());
        let subjects = subjects(&trace);
        assert!(subjects.len() >= 5, "{subjects:?}");
    }
}

fn excluded_subjects_are_not_compared() {
    let recorded = Recording::of(words(["true"]))
        .option(["--no-changes"])
        .run();
    let trace = recorded.trace();
    assert_eq!(trace.all("compared").count(), 0);
}

fn an_unreadable_subject_is_reported() {
    let place = tempfile::tempdir().expect("a directory");
    let script = "rm /etc/passwd && mkdir /etc/passwd; head -c 5000000 /dev/zero >>/etc/group";
    let trace = Trace::read(recording(place.path(), "", script).run());
    let problems: Vec<(&str, &str)> = trace
        .all("compared")
        .map(|event| (event.text("subject"), event.text("problem")))
        .filter(|(_, problem)| !problem.is_empty())
        .collect();
    assert_eq!(
        problems,
        [
            (
                "user",
                "at the end: cannot read /etc/passwd: it is not a regular file"
            ),
            (
                "group",
                "at the end: cannot read /etc/group: it has more than 4194304 bytes"
            ),
        ]
    );
    assert_eq!(trace.replayed.code, Some(4));
    let said = trace.replayed.messages();
    let missing = "users were not all compared: at the end: cannot read /etc/passwd: it is not a \
                   regular file";
    assert!(said.contains(missing), "{said}");
    assert_eq!(differences(&trace), Vec::<Row>::new());
}
