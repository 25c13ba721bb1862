//! Compares lookups with a plain scan of all prefixes, and tests the order of matches and the
//! refused lists.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use proptest::prelude::*;
use serde_json::json;

use super::{
    Tags,
    build::PREFIX_LIMIT,
    lists::{ListFormat, published},
    read::SIZE_LIMIT,
};

fn list(tags: &[(&str, &str, &str, &[&str])]) -> Tags {
    let values: Vec<serde_json::Value> = tags
        .iter()
        .map(|(name, region, service, prefixes)| {
            json!({"name": name, "properties":
                {"region": region, "systemService": service, "addressPrefixes": prefixes}})
        })
        .collect();
    parse(&json!({"cloud": "Public", "changeNumber": 7, "values": values}).to_string())
}

fn parse(text: &str) -> Tags {
    Tags::parse("tags.json", text.as_bytes()).expect("a list")
}

fn refusal(bytes: &[u8]) -> String {
    let refused = Tags::parse("tags.json", bytes);
    let error = refused.err().map(|error| error.to_string());
    error.expect("it is refused")
}

fn names<'a>(tags: &'a Tags, address: &str) -> Vec<&'a str> {
    let address = address.parse().expect("an address");
    tags.lookup(address).map(|found| found.name).collect()
}

#[test]
fn the_most_telling_comes_first() {
    let tags = list(&[
        (
            "AzureCloud",
            "",
            "",
            &["40.79.192.0/21", "40.79.194.104/29"],
        ),
        ("AzureCloud.japaneast", "japaneast", "", &["40.79.192.0/21"]),
        ("AzureMonitor", "", "AzureMonitor", &["40.79.194.104/29"]),
        (
            "AzureMonitor.JapanEast",
            "japaneast",
            "AzureMonitor",
            &["40.79.194.104/29"],
        ),
        ("AzureFrontDoor.Frontend", "", "", &["40.79.194.104/29"]),
        ("Wide", "japaneast", "Wide", &["40.0.0.0/8"]),
        ("Elsewhere", "japaneast", "Elsewhere", &["41.0.0.0/8"]),
    ]);
    assert_eq!(
        names(&tags, "40.79.194.105"),
        [
            "AzureMonitor.JapanEast",
            "AzureMonitor",
            "AzureFrontDoor.Frontend",
            "AzureCloud",
            "AzureCloud.japaneast",
            "AzureCloud",
            "Wide"
        ]
    );
    let best = tags
        .lookup("::ffff:40.79.194.105".parse().expect("an address"))
        .next();
    let best = best.expect("a match");
    assert_eq!(best.prefix.to_string(), "40.79.194.104/29");
    assert_eq!(
        (best.region, best.system_service, best.cloud),
        ("japaneast", "AzureMonitor", "Public")
    );
    assert_eq!(names(&tags, "40.79.194.103").len(), 3);
    assert_eq!(names(&tags, "40.79.194.112").len(), 3);
    assert!(names(&tags, "39.255.255.255").is_empty());
    assert!(names(&tags, "::").is_empty());
    assert_eq!((tags.len(), tags.prefixes()), (7, 8));
    assert_eq!(tags.sources()[0].version, "7");
}

#[test]
fn the_last_address_of_a_prefix_is_in_it_and_the_next_is_not() {
    let tags = list(&[("AzureCloud.eastasia", "eastasia", "", &["168.63.129.0/28"])]);
    assert_eq!(names(&tags, "168.63.129.15"), ["AzureCloud.eastasia"]);
    assert!(names(&tags, "168.63.129.16").is_empty());
}

#[test]
fn extremes_of_prefixes() {
    let prefixes = [
        "0.0.0.0/0",
        "255.255.255.255/32",
        "::/0",
        "ffff::/128",
        "192.0.2.77/24",
        "198.51.100.1",
    ];
    let tags = list(&[("All", "", "", &prefixes)]);
    assert_eq!(names(&tags, "255.255.255.255").len(), 2);
    assert_eq!(names(&tags, "0.0.0.0").len(), 1);
    assert_eq!(names(&tags, "ffff::").len(), 2);
    assert_eq!(
        names(&tags, "192.0.2.1").len(),
        2,
        "bits behind the length do not count"
    );
    assert_eq!(names(&tags, "198.51.100.1").len(), 2, "an address alone");
    assert_eq!(names(&tags, "198.51.100.0").len(), 1);
    // A prefix of IPv4 written as IPv6 counts as IPv4.
    let mapped = list(&[("Mapped", "", "", &["::ffff:192.0.2.0/120", "::ffff:0:0/95"])]);
    assert_eq!(names(&mapped, "192.0.2.255"), ["Mapped"]);
    assert!(names(&mapped, "192.0.3.0").is_empty());
    assert!(names(&Tags::empty(), "192.0.3.0").is_empty());
}

#[test]
fn keys_that_are_missing_or_new_do_no_harm() {
    let text = "\u{feff}{\"new\": [{\"a\": [1.5e3, null]}], \"values\": [
        {\"name\": \"A\", \"properties\": {\"addressPrefixes\": [\"192.0.2.0/24\"]}},
        {\"name\": \"B\", \"id\": \"B\", \"properties\": {\"region\": null, \"regionId\": 4,
            \"networkFeatures\": null, \"addressPrefixes\": [\"192.0.2.0/24\"], \"changeNumber\": \
            1}},
        {\"name\": \"C\", \"properties\": {\"addressPrefixes\": []}}
    ], \"changeNumber\": null, \"cloud\": \"Over\\u0077ritten\"}";
    let tags = parse(text);
    assert_eq!(names(&tags, "192.0.2.9"), ["A", "B"]);
    assert_eq!(tags.sources()[0].cloud, "Overwritten");
    let unsaid =
        parse(r#"{"values": [{"name": "A", "properties": {"addressPrefixes": ["::/8"]}}]}"#);
    assert_eq!(unsaid.sources()[0].cloud, "Azure");
}

#[test]
fn the_other_forms() {
    let tags = parse(
        r#"{"syncToken": "1757", "createDate": "2025-09-08-10-00-00", "prefixes": [
            {"ip_prefix": "192.0.2.0/24", "region": "eu-west-1", "service": "AMAZON",
             "network_border_group": "eu-west-1"},
            {"ip_prefix": "192.0.2.0/24", "region": "eu-west-1", "service": "EC2",
             "network_border_group": "eu-west-1"},
            {"ip_prefix": "198.51.100.0/24", "region": "GLOBAL", "service": "CLOUDFRONT",
             "network_border_group": "GLOBAL"}],
            "ipv6_prefixes": [{"ipv6_prefix": "2001:db8::/32", "region": "eu-west-1",
             "service": "S3"}]}"#,
    );
    assert_eq!(
        names(&tags, "192.0.2.1"),
        ["EC2.eu-west-1", "AMAZON.eu-west-1"]
    );
    assert_eq!(names(&tags, "198.51.100.1"), ["CLOUDFRONT"]);
    let s3 = tags
        .lookup("2001:db8::1".parse().expect("an address"))
        .next()
        .expect("a match");
    assert_eq!(
        (s3.name, s3.region, s3.system_service, s3.cloud),
        ("S3.eu-west-1", "eu-west-1", "S3", "AWS")
    );
    assert_eq!(tags.sources()[0].version, "1757");

    let tags = parse(
        r#"{"syncToken": "1", "prefixes": [{"ipv4Prefix": "192.0.2.0/24", "service": "Google Cloud",
            "scope": "europe-west1"},
            {"ipv6Prefix": "2001:db8::/32", "service": "Google Cloud", "scope": "global"}]}"#,
    );
    assert_eq!(names(&tags, "192.0.2.1"), ["GoogleCloud.europe-west1"]);
    assert_eq!(names(&tags, "2001:db8::1"), ["GoogleCloud"]);
    let tags = parse(r#"{"prefixes": [{"ipv4Prefix": "192.0.2.0/24"}]}"#);
    assert_eq!(names(&tags, "192.0.2.1"), ["Google"]);
}

#[test]
fn every_form_is_in_the_data_file() {
    for form in [ListFormat::Tags, ListFormat::Snake, ListFormat::Camel] {
        assert!(published().iter().any(|list| list.form == form));
    }
}

#[test]
fn other_files_are_recognized() {
    let whole =
        r#"{"values": [{"name": "A", "properties": {"addressPrefixes": ["192.0.2.0/24"]}}]}"#;
    let torn = &whole[..whole.len() - 20];
    let nested = "[".repeat(100_000);
    let nested = format!("{{\"a\": {nested}");
    let cases: [(&[u8], &str); 19] = [
        (b"", "is not a tag file but empty"),
        (b" \n\xef\xbb\xbf", "not a tag file"),
        (b"\n <!DOCTYPE html><html>", "HTML"),
        (b"\x1f\x8b\x08", "gunzip"),
        (b"PK\x03\x04", "zip"),
        (b"\xff\xfe{\0", "UTF-16"),
        (b"[1]", "not a JSON object"),
        (b"\x7fELF", "not a JSON object"),
        (torn.as_bytes(), "ends in the middle"),
        (nested.as_bytes(), "ends in the middle"),
        (b"{}", "neither `values` nor `prefixes`"),
        (br#"{"values": []}"#, "without a prefix"),
        (
            br#"{"values": {}}"#,
            "tags.json:1:11: invalid type: map, expected an array",
        ),
        (
            br#"{"values": [{"name": "A"}]}"#,
            "missing field `properties`",
        ),
        (
            br#"{"prefixes": [{"service": "A"}]}"#,
            "neither under `ip_prefix`",
        ),
        (br#"{"prefixes": ["192.0.2.0/24"]}"#, "invalid type: string"),
        (
            br#"{"prefixes": [{"ip_prefix": "192.0.2.0/33"}]}"#,
            "`192.0.2.0/33` is not an address prefix",
        ),
        (b"{\"values\": [],}", "trailing comma"),
        (b"{\"values\": [], \"cloud\": \"\xff\"}", "invalid unicode"),
    ];
    for (bytes, part) in cases {
        let message = refusal(bytes);
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]);
        assert!(message.contains(part), "{shown}: {message}");
        assert!(message.contains("tags.json"), "{message}");
        assert!(message.len() < 400, "{message}");
        assert!(message.lines().count() <= 2, "{message}");
    }
}

#[test]
fn a_hostile_text_is_quoted_in_part() {
    let long = "x".repeat(100_000);
    for text in [
        format!(r#"{{"prefixes": [{{"ip_prefix": "{long}"}}]}}"#),
        format!(r#"{{"prefixes": "{long}"}}"#),
        format!(r#"{{"values": [{{"name": ["{long}"]}}]}}"#),
    ] {
        assert!(refusal(text.as_bytes()).len() < 500);
    }
}

#[test]
fn more_prefixes_than_any_list_has() {
    let mut text = String::from(r#"{"values": [{"name": "A", "properties": {"addressPrefixes": ["#);
    text.push_str(&"\"::\",".repeat(PREFIX_LIMIT));
    text.push_str("\"::\"]}}]}");
    assert!((text.len() as u64) < SIZE_LIMIT);
    assert!(refusal(text.as_bytes()).contains("more than 1000000 prefixes"));
}

/// Generates prefixes that often overlap: of few bits, at both ends and in the middle of an
/// address.
fn prefix() -> impl Strategy<Value = IpNet> {
    let v4 = (0u32..16, 0u8..=32).prop_map(|(bits, length)| {
        let address = Ipv4Addr::from(bits << 28 | bits << 14 | bits);
        IpNet::new(address.into(), length)
            .expect("a length of IPv4")
            .trunc()
    });
    let v6 = (0u128..16, 0u8..=128).prop_map(|(bits, length)| {
        let address = Ipv6Addr::from(bits << 124 | bits << 62 | bits);
        IpNet::new(address.into(), length)
            .expect("a length of IPv6")
            .trunc()
    });
    prop_oneof![v4, v6]
}

/// Returns the ends of a prefix and their neighbours.
fn around(prefix: IpNet) -> Vec<IpAddr> {
    match prefix {
        IpNet::V4(v4) => [v4.network(), v4.broadcast()]
            .map(u32::from)
            .iter()
            .flat_map(|end| [end.wrapping_sub(1), *end, end.wrapping_add(1)])
            .map(|bits| IpAddr::V4(bits.into()))
            .collect(),
        IpNet::V6(v6) => [v6.network(), v6.broadcast()]
            .map(u128::from)
            .iter()
            .flat_map(|end| [end.wrapping_sub(1), *end, end.wrapping_add(1)])
            .map(|bits| IpAddr::V6(bits.into()))
            .collect(),
    }
}

proptest! {
    #[test]
    fn a_lookup_finds_what_a_scan_finds(
        described in proptest::collection::vec(
            (
                "[ab]",
                prop_oneof!["", "r", "s"],
                prop_oneof!["", "x", "y"],
                proptest::collection::vec(prefix(), 0..8),
            ),
            1..12,
        )
    ) {
        prop_assume!(described.iter().any(|(.., prefixes)| !prefixes.is_empty()));
        let values: Vec<serde_json::Value> = described
            .iter()
            .map(|(name, region, service, prefixes)| json!({"name": name, "properties":
                {"region": region, "systemService": service, "addressPrefixes": prefixes}}))
            .collect();
        let tags = parse(&json!({"values": values}).to_string());
        let all = described.iter().flat_map(|(.., prefixes)| prefixes);
        for address in all.copied().flat_map(around) {
            let mut scanned: Vec<_> = described
                .iter()
                .flat_map(|(name, region, service, prefixes)| {
                    prefixes.iter().map(move |prefix| (name, region, service, prefix))
                })
                .filter(|(.., prefix)| prefix.contains(&address.to_canonical()))
                .map(|(name, region, service, prefix)| {
                    let length = std::cmp::Reverse(prefix.prefix_len());
                    let order = (length, service.is_empty(), region.is_empty());
                    (order, name.as_str(), region.as_str(), service.as_str(), *prefix)
                })
                .collect();
            scanned.sort_unstable();
            scanned.dedup();
            let found: Vec<_> = tags
                .lookup(address)
                .map(|found| {
                    let order = (
                        std::cmp::Reverse(found.prefix.prefix_len()),
                        found.system_service.is_empty(),
                        found.region.is_empty(),
                    );
                    (order, found.name, found.region, found.system_service, found.prefix)
                })
                .collect();
            prop_assert_eq!(found, scanned, "{}", address);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(Tags::parse("tags.json", &bytes));
    }

    #[test]
    fn no_damage_makes_it_panic(position in 0usize..150, byte in any::<u8>()) {
        let mut text = br#"{"cloud": "P", "values": [{"name": "A", "properties": {"region": "r",
            "addressPrefixes": ["192.0.2.0/24", "::/1"]}}],
            "prefixes": [{"ip_prefix": "::/2"}]}"#.to_vec();
        if let Some(place) = text.get_mut(position) {
            *place = byte;
        }
        drop(Tags::parse("tags.json", &text));
    }
}
