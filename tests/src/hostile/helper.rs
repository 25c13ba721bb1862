//! Plants programs that a recorder might run, and looks for programs and libraries that the
//! recorder runs or loads. Mounts and rules are in namespaces of their own.

use std::{collections::BTreeSet, ffi::OsString, fs, path::Path};

use crate::harness::{Event, Recording, Test, Trace, live, strace::whole, words};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(planted_programs_never_run).needs("nft"),
        live!(rules_are_seen_without_nft).needs("nft"),
        live!(rules_read_as_nft_lists_them).needs("nft"),
        live!(older_rules_read_as_iptables_save_lists_them).needs("iptables-legacy"),
        live!(nothing_is_executed_or_loaded_after_the_start),
        live!(what_starts_during_the_last_look_is_in_the_trace),
    ]
}

/// Records a script in a mount and a network namespace of its own.
fn in_namespaces(place: &Path, script: &str) -> Trace {
    let recording = Recording::of(words(["sh", "-e", "-c", script]))
        .through(words(["unshare", "--mount", "--net"]))
        .environment("PLACE", &place.to_string_lossy());
    // Only the command's part is judged: events of the rest of the machine may be missing.
    let recorded = recording.run();
    assert_eq!(
        recorded.ended.code,
        Some(0),
        "{}",
        recorded.ended.messages()
    );
    Trace::read(recorded)
}

/// Lists the rules that were added during the recording.
fn new_rules(trace: &Trace) -> BTreeSet<String> {
    let all = trace
        .all("compared")
        .filter(|event| event.text("subject") == "firewall rule");
    let mut rules = BTreeSet::new();
    for event in all {
        assert!(event.0["problem"].is_null(), "{event:?}");
        for difference in event.0["differences"].as_array().expect("a list") {
            assert!(difference["before"].is_null(), "{difference}");
            rules.insert(difference["name"].as_str().expect("a name").to_owned());
        }
    }
    rules
}

fn planted_programs_never_run() {
    let place = tempfile::tempdir().expect("a directory");
    let trace = in_namespaces(
        place.path(),
        "nft add table inet acme
        if command -v iptables-legacy >/dev/null; then iptables-legacy -A INPUT -j DROP; fi
        printf '#!/bin/sh\\necho $0 >>%s\\n/bin/true PLANTED\\n' \"$PLACE/ran\" >\"$PLACE/evil\"
        chmod +x \"$PLACE/evil\"
        for name in nft iptables-save ip6tables-save iptables-legacy-save rpm modprobe; do
            if real=$(command -v $name); then mount --bind \"$PLACE/evil\" \"$real\"; fi
        done
        touch \"$PLACE/planted\"",
    );
    assert!(place.path().join("planted").exists(), "they were planted");
    let ran = fs::read_to_string(place.path().join("ran"));
    assert!(ran.is_err(), "a planted program ran: {ran:?}");
    let planted = |argv: Vec<Vec<u8>>| argv.iter().any(|word| word == b"PLANTED");
    assert!(!trace.all("exec").any(|exec| planted(exec.argv())));
}

fn rules_are_seen_without_nft() {
    let place = tempfile::tempdir().expect("a directory");
    let trace = in_namespaces(
        place.path(),
        "nft add table inet acme
        nft 'add chain inet acme in { type filter hook input priority 0; policy drop; }'
        nft 'add rule inet acme in tcp dport 4444 accept'
        : >\"$PLACE/nothing\"
        mount --bind \"$PLACE/nothing\" \"$(command -v nft)\"",
    );
    let rules = [
        "inet acme in: type filter hook input priority filter; policy drop",
        "inet acme in: tcp dport 4444 accept",
    ];
    assert_eq!(new_rules(&trace), BTreeSet::from(rules.map(str::to_owned)));
}

/// Rules as administrators write them.
const RULES: &str = r#"
table inet acme {
    set nets {
        type ipv4_addr
        flags interval
        elements = { 10.0.0.0/8, 192.0.2.5-192.0.2.9 }
    }
    set ports { type inet_service; elements = { 22, 80 }; }
    map verdicts { type inet_service : verdict; elements = { 1 : accept, 2 : jump more }; }
    chain more { ip saddr 10.1.2.3 return; }
    chain in {
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        ct state invalid drop
        iif "lo" accept
        iifname "eth0" accept
        iifname "eth*" drop
        iifname != "lo" counter drop
        tcp dport 22 counter accept comment "a { b"
        tcp dport { 80, 443 } accept
        tcp dport 1000-2000 accept
        tcp dport != 1000-2000 drop
        udp sport 53 udp dport 1024 accept
        ip saddr 10.0.0.0/8 drop
        ip saddr 10.0.0.0/12 drop
        ip saddr != 10.1.2.3 drop
        ip saddr 10.1.2.3 ip daddr 10.1.2.4 drop
        ip saddr @nets drop
        tcp dport @ports accept
        tcp dport vmap @verdicts
        ip saddr { 192.0.2.1, 192.0.2.2 } tcp dport 5 drop
        ip6 saddr fe80::/10 accept
        icmp type echo-request accept
        icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept
        meta l4proto { tcp, udp } accept
        meta mark 0x00000001 accept
        meta mark set 0x00000002
        meta skuid 1000 accept
        limit rate over 10/minute burst 20 packets drop
        log prefix "x: " level info
        tcp dport 5 jump more
        tcp dport 6 goto more
        reject with tcp reset
        ip saddr 10.1.2.3 reject
    }
}
table ip nat {
    chain post {
        type nat hook postrouting priority srcnat; policy accept;
        oifname "eth0" masquerade
        ip saddr 10.0.0.0/24 snat to 192.0.2.1
    }
    chain pre {
        type nat hook prerouting priority dstnat; policy accept;
        tcp dport 80 dnat to 10.0.0.1:8080
        tcp dport 81 redirect to :8081
    }
}
"#;

/// Puts the table and chain before each statement of `nft list ruleset`.
fn listed(text: &str) -> BTreeSet<String> {
    let (mut table, mut block) = ("", String::new());
    let mut rules = BTreeSet::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let header = line.strip_suffix(" {");
        if let Some(name) = header.and_then(|line| line.strip_prefix("table ")) {
            table = name;
        } else if let Some(name) = header {
            block = format!(" {}", name.strip_prefix("chain ").unwrap_or(name));
        } else if line == "}" {
            block.clear();
        } else if let Some(elements) = line.strip_prefix("elements = {") {
            for element in elements.trim_end_matches('}').split(", ") {
                rules.insert(format!("{table}{block}: {}", element.trim()));
            }
        } else {
            rules.insert(format!("{table}{block}: {}", line.trim_end_matches(';')));
        }
    }
    rules
}

fn rules_read_as_nft_lists_them() {
    let place = tempfile::tempdir().expect("a directory");
    fs::write(place.path().join("rules"), RULES).expect("a file");
    let trace = in_namespaces(
        place.path(),
        "nft -f \"$PLACE/rules\" && nft -s list ruleset >\"$PLACE/list\"",
    );
    let list = fs::read_to_string(place.path().join("list")).expect("nft lists its rules");
    let (ours, theirs) = (new_rules(&trace), listed(&list));
    assert!(theirs.len() > 40, "{theirs:#?}");
    let only_ours: Vec<&String> = ours.difference(&theirs).collect();
    let only_theirs: Vec<&String> = theirs.difference(&ours).collect();
    assert!(
        only_ours.is_empty() && only_theirs.is_empty(),
        "only in the trace: {only_ours:#?}\nonly in nft's list: {only_theirs:#?}"
    );
}

fn older_rules_read_as_iptables_save_lists_them() {
    let place = tempfile::tempdir().expect("a directory");
    let trace = in_namespaces(
        place.path(),
        "iptables-legacy -N MINE
        iptables-legacy -A INPUT -p tcp --dport 22 -j ACCEPT
        iptables-legacy -A INPUT -s 10.0.0.0/8 ! -i eth0 -j MINE
        iptables-legacy -A MINE -p udp --sport 5:6 -j DROP
        iptables-legacy -A OUTPUT -o eth+ -m comment --comment 'a b'
        iptables-legacy -P FORWARD DROP
        iptables-legacy-save >\"$PLACE/list\"",
    );
    let list = fs::read_to_string(place.path().join("list")).expect("it lists its rules");
    let mut theirs = BTreeSet::new();
    for line in list.lines() {
        if let Some(rule) = line.strip_prefix("-A ") {
            let (chain, rule) = rule.split_once(' ').expect("a chain and a rule");
            theirs.insert(format!("iptables filter {chain}: {rule}"));
        } else if let Some(chain) = line.strip_prefix(':') {
            let mut words = chain.split(' ');
            if let (Some(chain), Some(policy @ ("ACCEPT" | "DROP"))) = (words.next(), words.next())
            {
                theirs.insert(format!("iptables filter {chain}: policy {policy}"));
            }
        }
    }
    assert!(theirs.len() > 5, "{list}");
    let ours: BTreeSet<String> = new_rules(&trace)
        .into_iter()
        .filter(|rule| rule.starts_with("iptables "))
        .collect();
    assert_eq!(ours, theirs);
}

/// The command's user has no name, so the recorder looks for one.
fn nothing_is_executed_or_loaded_after_the_start() {
    let place = tempfile::tempdir().expect("a directory");
    let log = place.path().join("log");
    let mut launcher = words([
        "strace",
        "-f",
        "-qq",
        "-e",
        "signal=none",
        "-e",
        "trace=execve,execveat,openat,openat2,open,mmap,mprotect",
        "-o",
    ]);
    launcher.push(OsString::from(&log));
    Recording::of(words([
        "setpriv",
        "--reuid",
        "54321",
        "--clear-groups",
        "true",
        "START",
    ]))
    .through(launcher)
    .run()
    .trace();
    let log = fs::read_to_string(&log).expect("strace wrote its log");
    let calls = whole(&log);
    let start = calls
        .iter()
        .position(|(_, head, tail)| head.starts_with("execve(") && is_start(head, tail));
    let start = start.expect("the command was executed");
    let command = calls[start].0;
    let mut looked = false;
    for (thread, head, tail) in &calls[start..] {
        if *thread == command {
            continue;
        }
        let line = format!("{head}{tail}");
        looked |= line.contains("/etc/passwd");
        assert!(!line.starts_with("exec"), "it executes: {line}");
        assert!(!line.contains("PROT_EXEC"), "it maps code: {line}");
        // The recorder reads directories, such as those of the loader's settings.
        let is_library = line.contains(".so\"") || line.contains(".so.");
        assert!(
            !is_library || line.contains("O_DIRECTORY"),
            "it loads: {line}"
        );
        assert!(!line.contains("nsswitch.conf"), "it asks NSS: {line}");
    }
    assert!(looked, "the machine was looked at after the start");
}

/// True for the command's first exec. The recorder's own exec has the same words, but not in front.
fn is_start(head: &str, tail: &str) -> bool {
    format!("{head}{tail}").contains("[\"setpriv\"")
}

fn what_starts_during_the_last_look_is_in_the_trace() {
    let place = tempfile::tempdir().expect("a directory");
    // Many lines, so that the snapshot takes longer than a process does.
    let script = "cp -a /etc \"$PLACE/etc\" && mount --bind \"$PLACE/etc\" /etc
        for number in $(seq 60000); do
            echo \"user$number:x:$number:1:::/bin/sh\"
        done >>/etc/passwd
        (for number in $(seq 300); do /bin/true LATE; done) >/dev/null 2>&1 &";
    let trace = in_namespaces(place.path(), script);
    let position = |kind: &str| trace.events.iter().position(|event| event.kind() == kind);
    let ended = position("command_ended").expect("the command's end");
    let compared = position("compared").expect("a comparison");
    let late =
        |event: &Event| event.kind() == "exec" && event.argv().iter().any(|word| word == b"LATE");
    let during = trace.events[ended..compared]
        .iter()
        .filter(|event| late(event));
    assert!(
        during.count() > 0,
        "processes of the last look are in the trace"
    );
    assert!(
        trace
            .events
            .iter()
            .filter(|event| late(event))
            .all(|event| event.tree() == "command")
    );
    assert_eq!(trace.events.last().expect("events").kind(), "end");
}
