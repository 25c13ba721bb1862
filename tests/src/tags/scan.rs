//! Provides the oracle of lookups: it tries every prefix of a published list on every address. The
//! lists are not part of the project: the tests look next to it, and at `TRACER_TESTS_LISTS`.

use std::{
    cmp::Reverse,
    collections::BTreeSet,
    fmt::Write,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
};

use serde_json::Value;

use crate::harness::{Test, plain, run, run_with, thorough, tracer};

/// Counts the addresses that each list is asked for.
fn asked() -> usize {
    match thorough() {
        true => 300_000,
        false => 100_000,
    }
}

const LISTS: [&str; 2] = [
    "ServiceTags_Public_20200622.json",
    "ServiceTags_Public_20250908.json",
];

pub(super) fn tests() -> Vec<Test> {
    let mut tests: Vec<Test> = LISTS
        .into_iter()
        .map(|name| {
            let compare = move || compare(name);
            found(
                name,
                Test::new(
                    module_path!(),
                    &format!("lookups_are_those_of_a_scan_of_{name}"),
                    compare,
                ),
            )
        })
        .collect();
    tests.push(found(LISTS[1], plain!(addresses_of_the_field)));
    tests
}

fn found(name: &str, test: Test) -> Test {
    if path(name).exists() {
        return test;
    }
    test.lacking("the published lists: put them into a directory and name it in TRACER_TESTS_LISTS")
}

fn path(name: &str) -> PathBuf {
    let directory = match std::env::var_os("TRACER_TESTS_LISTS") {
        Some(given) => given.into(),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
    };
    directory.join(name)
}

/// A prefix of a tag as the addresses from its first to its last.
#[derive(Clone, Copy)]
struct Range {
    length: u32,
    tag: usize,
}

struct Tag {
    name: String,
    region: String,
    service: String,
}

/// First and last addresses apart from the rest: there are nine thousand million comparisons.
#[derive(Default)]
struct Family {
    first: Vec<u128>,
    last: Vec<u128>,
    ranges: Vec<Range>,
}

struct List {
    tags: Vec<Tag>,
    v4: Family,
    v6: Family,
}

impl List {
    fn read(name: &str) -> List {
        let text = fs::read(path(name)).expect("the list");
        let list: Value = serde_json::from_slice(&text).expect("JSON");
        let mut read = List {
            tags: Vec::new(),
            v4: Family::default(),
            v6: Family::default(),
        };
        for value in list["values"].as_array().expect("tags") {
            let properties = &value["properties"];
            let text = |value: &Value| value.as_str().expect("text").to_owned();
            let tag = read.tags.len();
            read.tags.push(Tag {
                name: text(&value["name"]),
                region: text(&properties["region"]),
                service: text(&properties["systemService"]),
            });
            for prefix in properties["addressPrefixes"].as_array().expect("prefixes") {
                let (address, length) = prefix
                    .as_str()
                    .and_then(|text| text.split_once('/'))
                    .expect("a prefix");
                let length: u32 = length.parse().expect("a length");
                let (family, first, bits) = match address.parse().expect("an address") {
                    IpAddr::V4(v4) => (&mut read.v4, u128::from(u32::from(v4)), 32),
                    IpAddr::V6(v6) => (&mut read.v6, u128::from(v6), 128),
                };
                let size = 1u128
                    .checked_shl(bits - length)
                    .unwrap_or(0)
                    .wrapping_sub(1);
                family.first.push(first);
                family.last.push(first | size);
                family.ranges.push(Range { length, tag });
            }
        }
        read
    }

    /// Returns the expected line for an address.
    fn line(&self, address: IpAddr) -> String {
        let (family, bits) = match address {
            IpAddr::V4(v4) => (&self.v4, u128::from(u32::from(v4))),
            IpAddr::V6(v6) => (&self.v6, u128::from(v6)),
        };
        let mut found = Vec::new();
        for (position, (first, last)) in family.first.iter().zip(&family.last).enumerate() {
            if *first <= bits && bits <= *last {
                found.push((family.ranges[position], *first));
            }
        }
        found.sort_by_key(|(range, _)| {
            let tag = &self.tags[range.tag];
            let is_whole = tag.name == "AzureCloud" || tag.name.starts_with("AzureCloud.");
            (
                Reverse(range.length),
                tag.service.is_empty(),
                tag.region.is_empty(),
                is_whole,
                &tag.name,
            )
        });
        let mut line = format!("{{\"address\":\"{address}\"");
        if let Some((best, _)) = found.first() {
            let _ = write!(line, ",\"tag\":\"{}\"", self.tags[best.tag].name);
        }
        line.push_str(",\"tags\":[");
        for (position, (range, first)) in found.iter().enumerate() {
            let Tag {
                name,
                region,
                service,
            } = &self.tags[range.tag];
            let network = match address {
                IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from(u32::try_from(*first).expect("IPv4"))),
                IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from(*first)),
            };
            let comma = if position == 0 { "" } else { "," };
            let _ = write!(
                line,
                "{comma}{{\"name\":\"{name}\",\"prefix\":\"{network}/{}\",\"region\":\"{region}\",\
                 \"system_service\":\"{service}\",\"cloud\":\"Public\"}}",
                range.length
            );
        }
        line.push(']');
        line
    }
}

/// Generates the same numbers every time, by xorshift.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn wide(&mut self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("a position")
    }
}

fn v4(bits: u128) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from((bits & u128::from(u32::MAX)) as u32))
}

fn v6(bits: u128) -> IpAddr {
    // IPv4 written as IPv6 has its own test.
    IpAddr::V6(Ipv6Addr::from(bits)).to_canonical()
}

/// Ends of prefixes with their neighbours, addresses inside of them, and any.
fn addresses(list: &List) -> Vec<IpAddr> {
    let mut random = Random(0x0123_4567_89ab_cdef);
    let mut ends = BTreeSet::new();
    for (family, address) in [(&list.v4, v4 as fn(u128) -> IpAddr), (&list.v6, v6)] {
        for (first, last) in family.first.iter().zip(&family.last) {
            ends.extend([first.wrapping_sub(1), *first, *last, last.wrapping_add(1)].map(address));
        }
    }
    let mut ends: Vec<IpAddr> = ends.into_iter().collect();
    let mut chosen = Vec::with_capacity(asked());
    while chosen.len() < asked() * 7 / 10 && !ends.is_empty() {
        let position = random.below(ends.len());
        chosen.push(ends.swap_remove(position));
    }
    while chosen.len() < asked() {
        let family = [&list.v4, &list.v6][random.below(2)];
        let inside = match family.first.len() {
            0 => None,
            prefixes => {
                let position = random.below(prefixes);
                let (first, last) = (family.first[position], family.last[position]);
                Some(first + random.wide() % (last - first).saturating_add(1))
            }
        };
        let any = random.wide();
        chosen.push(match (random.below(3), inside) {
            (0, _) | (_, None) => v4(any),
            (1, Some(inside)) => match family.last.iter().max() {
                Some(last) if *last > u128::from(u32::MAX) => v6(inside),
                Some(_) | None => v4(inside),
            },
            (_, Some(inside)) => v6(inside ^ any >> 64),
        });
    }
    chosen
}

fn compare(name: &str) {
    let list = List::read(name);
    let addresses = addresses(&list);
    assert_eq!(addresses.len(), asked());
    let mut input = String::new();
    for (position, address) in addresses.iter().enumerate() {
        let _ = match address {
            IpAddr::V4(v4) if position % 7 == 0 => writeln!(input, "::ffff:{v4}"),
            address => writeln!(input, "{address}"),
        };
    }
    let mut command = tracer();
    command
        .args(["tags", "--format", "jsonl", "--service-tags"])
        .arg(path(name));
    let answer = run_with(&mut command, input.as_bytes()).success();
    let mut lines = answer.text().lines();
    let mut tagged = 0;
    for address in addresses {
        let expected = list.line(address);
        let line = lines.next().expect("a line for each address");
        // A note, where there is one, comes after the tags.
        let rest = line.strip_prefix(&*expected).unwrap_or_default();
        assert!(
            rest == "}" || rest.starts_with(",\"note\":\""),
            "{address}:\n  scan:   {expected}\n  lookup: {line}"
        );
        tagged += usize::from(!expected.ends_with(":[]"));
    }
    assert_eq!(lines.next(), None);
    assert!(tagged > asked() / 3, "most addresses have a tag: {tagged}");
}

fn addresses_of_the_field() {
    let mut command = tracer();
    command
        .args(["tags", "--format", "jsonl", "--service-tags"])
        .arg(path(LISTS[1]));
    let answer = run(command.args([
        "40.79.194.105",
        "168.63.129.15",
        "168.63.129.16",
        "169.254.169.254",
    ]))
    .success();
    let objects: Vec<Value> = answer
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object"))
        .collect();
    let names: Vec<&str> = objects[0]["tags"]
        .as_array()
        .expect("tags")
        .iter()
        .filter_map(|tag| tag["name"].as_str())
        .collect();
    assert_eq!(
        names,
        [
            "AzureMonitor.JapanEast",
            "AzureMonitor",
            "AzureCloud.japaneast",
            "AzureCloud"
        ]
    );
    assert_eq!(objects[1]["tag"], "AzureCloud.eastasia");
    for object in &objects[2..] {
        assert_eq!(object["tag"], Value::Null, "{object}");
        assert!(object["note"].is_string(), "{object}");
    }
}
