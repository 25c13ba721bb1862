//! Tests answers as servers send them, malformed ones, and hostile ones.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

mod properties;

use super::{ANSWER_LIMIT, Answer, Data, Malformed, Response, first_message, read_answer};
use crate::capture::sniff::fixtures::bytes;

const CHAIN: &str = include_str!("../fixtures/answer-chain.hex");
const HTTPS: &str = include_str!("../fixtures/answer-https.hex");
const NO_NAME: &str = include_str!("../fixtures/answer-no-name.hex");

/// Flags of a recursive server's successful answer.
const ANSWERED: u16 = 0x8180;
const TRUNCATED: u16 = 0x0200;

/// A pointer to the question's name in a message.
const QUESTION: &[u8] = &[0xc0, 12];

fn response(message: &[u8]) -> Response {
    read_answer(message)
        .expect("well formed")
        .expect("an answer")
}

fn labels(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).expect("a label"));
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

fn message(flags: u16, question: &[u8], kind: u16, answers: &[Vec<u8>]) -> Vec<u8> {
    let count = u16::try_from(answers.len()).expect("few");
    let mut bytes = vec![0x1a, 0x2b];
    for number in [flags, 1, count, 0, 0] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend(question);
    bytes.extend([kind, 1].iter().flat_map(|number| number.to_be_bytes()));
    bytes.extend(answers.concat());
    bytes
}

fn record(owner: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = owner.to_vec();
    bytes.extend([kind, 1].iter().flat_map(|number| number.to_be_bytes()));
    bytes.extend(60u32.to_be_bytes());
    bytes.extend(u16::try_from(data.len()).expect("short").to_be_bytes());
    bytes.extend(data);
    bytes
}

fn address(owner: &str, last: u8) -> Vec<u8> {
    record(&labels(owner), 1, &[192, 0, 2, last])
}

fn alias(owner: &str, target: &str) -> Vec<u8> {
    record(&labels(owner), 5, &labels(target))
}

/// Returns the last bytes of the addresses of `a.example`.
fn found(answers: &[Vec<u8>]) -> Vec<u8> {
    response(&message(ANSWERED, &labels("A.Example"), 1, answers))
        .addresses()
        .map(|address| match address {
            IpAddr::V4(v4) => v4.octets()[3],
            IpAddr::V6(v6) => v6.octets()[15],
        })
        .collect()
}

#[test]
fn a_chain_of_aliases() {
    let response = response(&bytes(CHAIN));
    assert_eq!(
        (&*response.question, &*response.kind, &*response.rcode),
        ("wsid.oms.monitoring.example", "A", "NOERROR")
    );
    assert!(!response.truncated);
    let answers: Vec<String> = response
        .answers
        .iter()
        .map(
            |Answer {
                 name,
                 kind,
                 data,
                 ttl,
             }| format!("{name} {ttl} {kind} {data:?}"),
        )
        .collect();
    assert_eq!(
        answers,
        [
            r#"wsid.oms.monitoring.example 300 CNAME Name("oms-japaneast.trafficmanager.example")"#,
            "oms-japaneast.trafficmanager.example 60 CNAME \
             Name(\"frontend-7.japaneast.cloudapp.example\")",
            "frontend-7.japaneast.cloudapp.example 10 A Address(192.0.2.105)",
            "frontend-7.japaneast.cloudapp.example 10 A Address(192.0.2.106)",
        ]
    );
    let addresses: Vec<String> = response.addresses().map(|to| to.to_string()).collect();
    assert_eq!(addresses, ["192.0.2.105", "192.0.2.106"]);
}

#[test]
fn how_a_service_is_reached() {
    let response = response(&bytes(HTTPS));
    assert_eq!(
        (&*response.question, &*response.kind),
        ("www.example.com", "HTTPS")
    );
    let addresses: Vec<IpAddr> = ["192.0.2.1", "192.0.2.2", "2001:db8::1"]
        .map(|text| text.parse().expect("an address"))
        .to_vec();
    assert!(response.addresses().eq(addresses.clone()));
    assert_eq!(
        response.answers[0].data,
        Data::Hints {
            target: "www.example.com".into(),
            addresses,
            alpn: vec!["h3".into(), "h2".into()]
        }
    );
}

#[test]
fn there_is_no_such_name() {
    let response = response(&bytes(NO_NAME));
    assert_eq!(
        (&*response.question, &*response.kind, &*response.rcode),
        ("nowhere.example", "AAAA", "NXDOMAIN")
    );
    assert_eq!(
        (response.answers.len(), response.addresses().count()),
        (0, 0)
    );
}

#[test]
fn only_what_the_question_leads_to_is_named() {
    assert_eq!(
        found(&[address("a.example", 1), address("b.example", 2)]),
        [1]
    );
    // Case, order, several aliases, and a duplicate.
    let chain = [
        address("C.example", 3),
        alias("B.eXample", "c.example"),
        address("x.example", 9),
        alias("a.EXAMPLE", "b.example"),
        address("c.example", 3),
        address("c.example", 4),
    ];
    assert_eq!(found(&chain), [3, 4]);
    // Loops, to itself and to each other; backwards leads nowhere.
    assert_eq!(
        found(&[alias("a.example", "a.example"), address("a.example", 1)]),
        [1]
    );
    let looped = [
        alias("a.example", "b.example"),
        alias("b.example", "a.example"),
        address("b.example", 2),
    ];
    assert_eq!(found(&looped), [2]);
    assert!(found(&[alias("b.example", "a.example"), address("b.example", 2)]).is_empty());
    // Server names are not aliases, and a dot within a label does not separate labels.
    let server = record(&labels("a.example"), 2, &labels("ns.example"));
    assert!(found(&[server, address("ns.example", 5)]).is_empty());
    assert!(found(&[record(b"\x09a.example\0", 1, &[192, 0, 2, 6])]).is_empty());
    // Of another class.
    let mut chaos = address("a.example", 7);
    chaos[14] = 3;
    assert!(found(&[chaos]).is_empty());
}

#[test]
fn an_endless_chain_ends() {
    let mut chain = vec![alias("a.example", "n0.example")];
    for number in 0..200 {
        chain.push(alias(
            &format!("n{number}.example"),
            &format!("n{}.example", number + 1),
        ));
    }
    chain.push(address("n20.example", 20));
    chain.push(address("n200.example", 200));
    assert_eq!(found(&chain), [20]);
}

#[test]
fn a_service_under_another_name() {
    let of = |priority: u8, target: &str, params: &[u8]| {
        record(
            QUESTION,
            65,
            &[&[0, priority], &labels(target)[..], params].concat(),
        )
    };
    let hint = [0, 4, 0, 4, 192, 0, 2, 8];
    let other = [of(0, "pool.example", &hint), address("Pool.example", 1)];
    assert_eq!(
        found(&other),
        [1],
        "only another name: hints in it are to be ignored"
    );
    assert_eq!(found(&[of(1, "pool.example", &hint)]), [8]);
    // A missing service, and malformed parameters.
    assert!(found(&[of(0, "", &[])]).is_empty());
    for params in [
        &[0, 4, 0, 3, 192, 0, 2][..],
        &[0, 4, 0, 9, 192, 0, 2, 8],
        &[0, 1, 0, 3, 9, b'h', b'2'],
        &[0, 6, 0, 4, 192, 0, 2, 8],
        &[0, 4, 0, 4, 192, 0, 2, 8, 0, 4, 0, 4, 192, 0, 2, 9],
        &[0],
    ] {
        let message = message(ANSWERED, &labels("a"), 65, &[of(1, "", params)]);
        assert_eq!(
            read_answer(&message),
            Err(Malformed::Part("answers")),
            "{params:?}"
        );
    }
}

#[test]
fn every_kind_of_record() {
    let mx = [&[0, 10], &labels("Mail.example")[..]].concat();
    let srv = [&[0, 1, 0, 2, 0, 80], &labels("Srv.example")[..]].concat();
    let answers = [
        record(QUESTION, 15, &mx),
        record(QUESTION, 33, &srv),
        record(QUESTION, 12, &labels("Ptr.example")),
        record(QUESTION, 39, &labels("Dname.example")),
        record(QUESTION, 16, b"\x04text"),
        record(QUESTION, 65280, b"abc"),
        record(QUESTION, 28, &Ipv6Addr::LOCALHOST.octets()),
    ];
    let response = response(&message(ANSWERED, &labels(""), 255, &answers));
    assert_eq!((&*response.question, &*response.kind), (".", "ANY"));
    let of = |name: &str| Data::Name(name.to_owned());
    let expected = [
        ("MX", of("mail.example")),
        (
            "SRV",
            Data::Service {
                target: "srv.example".to_owned(),
                port: 80,
            },
        ),
        ("PTR", of("ptr.example")),
        ("DNAME", of("dname.example")),
        ("TXT", Data::Other(5)),
        ("TYPE65280", Data::Other(3)),
        ("AAAA", Data::Address(IpAddr::V6(Ipv6Addr::LOCALHOST))),
    ];
    let read = response.answers.iter();
    assert!(
        read.map(|answer| (&*answer.kind, answer.data.clone()))
            .eq(expected)
    );
    assert!(response.answers.iter().all(|answer| answer.name == "."));
}

#[test]
fn bytes_that_no_host_name_has_are_escaped() {
    let hostile = b"\x06\x1b[2J\\\xff\x03a.b\x01*\0";
    let response = response(&message(ANSWERED, hostile, 1, &[]));
    assert_eq!(response.question, "\\027\\0912j\\092\\255.a\\046b.\\042");
}

#[test]
fn messages_that_are_no_answer() {
    let question = labels("a.example");
    for flags in [0x0100, 0xa180, 0xa800] {
        assert_eq!(
            read_answer(&message(flags, &question, 1, &[])),
            Ok(None),
            "{flags:x}"
        );
    }
    for count in [0, 2, 0xff] {
        let mut several = message(ANSWERED, &question, 1, &[]);
        several[5] = count;
        assert_eq!(read_answer(&several), Ok(None), "{count}");
    }
    let mut chaos = message(ANSWERED, &labels("version.bind"), 16, &[]);
    let last = chaos.len() - 1;
    chaos[last] = 3;
    assert_eq!(read_answer(&chaos), Ok(None));
}

#[test]
fn what_is_malformed_is_said() {
    assert_eq!(read_answer(b""), Err(Malformed::NoHeader));
    assert_eq!(read_answer(&[0x80; 11]), Err(Malformed::NoHeader));
    let of = |question: &[u8], answers: &[Vec<u8>]| {
        read_answer(&message(ANSWERED, question, 1, answers)).expect_err("malformed")
    };
    // A pointer to itself, one forwards, a label of an undefined kind, a name that is too long.
    let too_long = labels(&[&*"a".repeat(63); 4].join("."));
    for name in [
        &[0xc0, 12][..],
        &[0xc0, 100],
        b"\x80a\0",
        b"\x40a\0",
        &too_long,
    ] {
        assert_eq!(of(name, &[]), Malformed::Part("question"), "{name:?}");
        let answer = record(name, 1, &[192, 0, 2, 1]);
        if name != QUESTION {
            assert_eq!(
                of(&labels("a"), &[answer]),
                Malformed::Part("answers"),
                "{name:?}"
            );
        }
    }
    // A pointer back to the label before it.
    let circle = record(&labels("a"), 5, &[1, b'b', 0xc0, 32]);
    assert_eq!(of(&labels("a"), &[circle]), Malformed::Part("answers"));
    for address in [&[][..], &[192, 0, 2], &[192, 0, 2, 1, 0]] {
        let answer = record(QUESTION, 1, address);
        assert_eq!(of(&labels("a"), &[answer]), Malformed::Part("answers"));
    }
    let many = vec![record(QUESTION, 1, &[192, 0, 2, 1]); ANSWER_LIMIT + 1];
    assert_eq!(of(&labels("a"), &many), Malformed::TooMany);
    assert_eq!(
        Malformed::TooMany.to_string(),
        "a DNS message with more than 1024 answers"
    );
}

#[test]
fn what_a_server_left_out_is_said() {
    let answers = [address("a.example", 1), address("a.example", 2)];
    let whole = message(ANSWERED | TRUNCATED, &labels("a.example"), 1, &answers);
    assert!(response(&whole).truncated);
    for cut in 1..address("a.example", 2).len() {
        let response = response(&whole[..whole.len() - cut]);
        assert_eq!(
            (response.truncated, response.addresses().count()),
            (true, 1)
        );
    }
    let mut silent = whole[..whole.len() - 1].to_vec();
    silent[2] &= !2;
    assert_eq!(read_answer(&silent), Err(Malformed::Part("answers")));
}

#[test]
fn a_failure_names_nothing() {
    let refused = response(&message(
        ANSWERED | 5,
        &labels("a.example"),
        1,
        &[address("a.example", 1)],
    ));
    assert_eq!((&*refused.rcode, refused.answers.len()), ("REFUSED", 1));
    assert_eq!(refused.addresses().count(), 0);
    let unnamed = response(&message(ANSWERED | 12, &labels("a"), 1, &[]));
    assert_eq!(unnamed.rcode, "12");
    // The upper bits are in the record of EDNS.
    let mut extended = message(ANSWERED, &labels("a"), 1, &[]);
    extended[11] = 1;
    extended.extend([0, 0, 41, 4, 208, 1, 0, 0, 0, 0, 0]);
    assert_eq!(response(&extended).rcode, "BADVERS");
}

#[test]
fn messages_of_a_stream() {
    let mut stream = Vec::new();
    for message in [bytes(CHAIN), Vec::new(), bytes(HTTPS)] {
        stream.extend(u16::try_from(message.len()).expect("short").to_be_bytes());
        stream.extend(message);
    }
    let mut rest = &stream[..];
    let mut lengths = Vec::new();
    while let Some((message, consumed)) = first_message(rest) {
        lengths.push(message.len());
        rest = &rest[consumed..];
    }
    assert_eq!(lengths, [bytes(CHAIN).len(), 0, bytes(HTTPS).len()]);
    assert!(rest.is_empty());
    for end in 0..2 + bytes(CHAIN).len() {
        assert_eq!(first_message(&stream[..end]), None);
    }
}

/// A service's record: no priority and weight, this port and host.
fn service(owner: &str, port: u16, target: &str) -> Vec<u8> {
    let data = [&[0, 0, 0, 0][..], &port.to_be_bytes(), &labels(target)].concat();
    record(&labels(owner), 33, &data)
}

#[test]
fn a_service_has_a_host_a_port_and_addresses() {
    const QUESTION: &str = "_ldap._tcp.a.example";
    let mut bytes = message(
        ANSWERED,
        &labels(QUESTION),
        33,
        &[
            service(QUESTION, 389, "dc1.a.example"),
            service("_kerberos._tcp.a.example", 88, "kdc.a.example"),
        ],
    );
    let additional = [
        address("dc1.a.example", 1),
        // Of no host that was asked for.
        address("kdc.a.example", 2),
        address("other.example", 3),
        record(&labels("dc1.a.example"), 28, &[0xfd; 16]),
    ];
    bytes[11] = 4;
    bytes.extend(additional.concat());
    let whole = response(&bytes);
    assert_eq!(
        whole.answers[0].data,
        Data::Service {
            target: "dc1.a.example".into(),
            port: 389
        }
    );
    let found: Vec<(&str, &Data)> = whole
        .additional
        .iter()
        .map(|record| (record.name.as_str(), &record.data))
        .collect();
    let v6 = Data::Address(Ipv6Addr::from([0xfd; 16]).into());
    assert_eq!(
        found,
        [
            (
                "dc1.a.example",
                &Data::Address(Ipv4Addr::new(192, 0, 2, 1).into())
            ),
            ("dc1.a.example", &v6),
        ]
    );
    // The name of a service is not that of a host.
    assert_eq!(whole.addresses().count(), 0);
    // Damage among the additional records leaves the answers valid.
    bytes.truncate(bytes.len() - 20);
    assert_eq!(response(&bytes).additional.len(), 1);
}
