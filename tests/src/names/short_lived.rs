//! Records 5,000 processes that live for less than a millisecond: a later search for a connection's
//! owner finds none of them. The parent's knowledge of its children is compared with the trace.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::{brief, names, none, stage::Stage};
use crate::harness::{Recording, Trace, act};

/// Count of lives below a millisecond. Others, which wait for a processor, come on top.
const COUNT: usize = 5000;

/// A silent server. Half of the names are in /etc/hosts; the parent looks the others up.
const SERVICES: [(&str, &str); 6] = [
    ("brief-1.names.test:8000", "hosts"),
    ("brief-2.names.test:8000", "hosts"),
    ("brief-3.names.test:8000", "hosts"),
    ("brief-4.names.test:8000", "dns_other"),
    ("brief-5.names.test:8000", "dns_other"),
    ("brief-6.names.test:8000", "dns_other"),
];

/// One child, by its parent's knowledge.
#[derive(Debug)]
struct ShortLived<'a> {
    pid: u64,
    port: u16,
    remote: &'a str,
    name: &'a str,
}

pub(super) fn judge() {
    let stage = Stage::set();
    let count = COUNT.to_string();
    let mut command = act(["short-lived", &count]);
    command.extend(SERVICES.map(|(service, _)| service.into()));
    let trace = Recording::of(command)
        .through(stage.inside())
        .lingers(500)
        .run()
        .trace();
    let reported = trace.ended.text();
    let short_lived: Vec<ShortLived> = reported.lines().map(read).collect();
    assert!(short_lived.len() >= COUNT, "{}", trace.ended.messages());
    report(&trace, &short_lived);

    let rows = trace.connections(["--tree", "command"]);
    let mut by_owner: HashMap<(u64, u16), Vec<&Value>> = HashMap::new();
    for row in &rows {
        let pid = row["process"]["pid"].as_u64().unwrap_or_default();
        let local = row["local"].as_str().unwrap_or_default();
        let port = local
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse().ok());
        let owner = (pid, port.unwrap_or_default());
        by_owner.entry(owner).or_default().push(row);
    }
    let mut wrong = Vec::new();
    let mut misnamed = 0;
    for short_lived in &short_lived {
        match by_owner
            .get(&(short_lived.pid, short_lived.port))
            .map(Vec::as_slice)
        {
            Some(&[row]) if row["remote"] == *short_lived.remote => {
                let expected = short_lived.names();
                if names(row, "names") != expected {
                    misnamed += 1;
                    wrong.push(format!("not {expected:?}: {}", brief(row)));
                }
            }
            Some(rows) => {
                let rows: Vec<String> = rows.iter().copied().map(brief).collect();
                wrong.push(format!("not the one of {short_lived:?}: {rows:?}"));
            }
            None => wrong.push(format!("no connection of {short_lived:?}")),
        }
    }
    println!(
        "{} of {} belong to their process, and {} have its names",
        short_lived.len() - (wrong.len() - misnamed),
        short_lived.len(),
        short_lived.len() - wrong.len()
    );
    // Limited to a readable number.
    wrong.truncate(12);
    none(&wrong);
    // And no more of them than there were.
    let to_services = rows.iter().filter(|row| {
        let remote = row["remote"].as_str().unwrap_or_default();
        remote.ends_with(":8000")
    });
    assert_eq!(to_services.count(), short_lived.len());
}

fn read(line: &str) -> ShortLived<'_> {
    let words: Vec<&str> = line.split(' ').collect();
    let &[pid, port, remote, name] = words.as_slice() else {
        panic!("no child: {line}");
    };
    ShortLived {
        pid: pid.parse().expect("a process id"),
        port: port.parse().expect("a port"),
        remote,
        name,
    }
}

impl<'a> ShortLived<'a> {
    /// Returns the expected names of its connection.
    fn names(&self) -> BTreeSet<(&'a str, &'static str)> {
        let is_it = |(service, _): &&(&str, _)| service.strip_suffix(":8000") == Some(self.name);
        let known = SERVICES.iter().find(is_it);
        let (_, source) = known.expect("one of the services");
        BTreeSet::from([(self.name, *source), (self.name, "http_host")])
    }
}

/// Prints the lengths of lives, from the kernel's times of their start and end. A machine too busy
/// for short lives does not fail the test.
fn report(trace: &Trace, short_lived: &[ShortLived]) {
    let times = |kind: &str| -> HashMap<u64, u64> {
        trace
            .all(kind)
            .map(|event| (event.pid(), event.number("boot_ns")))
            .collect()
    };
    let (begins, ends) = (times("fork"), times("exit"));
    let mut lives: Vec<u64> = short_lived
        .iter()
        .map(|short_lived| {
            let (begin, end) = (begins.get(&short_lived.pid), ends.get(&short_lived.pid));
            let (Some(begin), Some(end)) = (begin, end) else {
                panic!("{} has no beginning or no end", short_lived.pid);
            };
            end.saturating_sub(*begin)
        })
        .collect();
    lives.sort_unstable();
    let short = lives.partition_point(|life| *life < 1_000_000);
    let at = |part: usize| lives[(lives.len() - 1) * part / 100] / 1000;
    println!(
        "{short} of {} lived for less than a millisecond: half of them for {} µs, 99% for {} µs, \
         the longest for {} µs",
        lives.len(),
        at(50),
        at(99),
        at(100)
    );
}
