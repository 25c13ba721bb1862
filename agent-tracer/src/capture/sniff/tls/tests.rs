//! Tests hellos of real programs, and invalid ones.

use super::{Hello, Progress, ServerName, read};
use crate::capture::sniff::fixtures::{HELLOS, bytes};

fn whole(stream: &[u8]) -> Hello {
    match read(stream) {
        Progress::Whole(hello) => hello,
        Progress::Other | Progress::Perhaps | Progress::Begun | Progress::Broken => {
            panic!("a whole hello")
        }
    }
}

fn is_broken(stream: &[u8]) -> bool {
    matches!(read(stream), Progress::Broken)
}

/// Encodes extensions as the body of a hello, in a record.
fn hello(extensions: &[(u16, &[u8])]) -> Vec<u8> {
    let mut list = Vec::new();
    for (kind, data) in extensions {
        list.extend(kind.to_be_bytes());
        list.extend(with_length(data));
    }
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x13, 1, 1, 0]);
    body.extend(with_length(&list));
    records(&message(&body), &[])
}

fn with_length(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("short").to_be_bytes();
    [&length[..], data].concat()
}

fn message(body: &[u8]) -> Vec<u8> {
    [&[1, 0][..], &with_length(body)].concat()
}

/// Splits a message into one record per piece between the cuts.
fn records(message: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut from = 0;
    for to in cuts.iter().copied().chain([message.len()]) {
        stream.extend([0x16, 3, 1]);
        stream.extend(with_length(&message[from..to]));
        from = to;
    }
    stream
}

fn list_of(entries: &[(u8, &[u8])]) -> Vec<u8> {
    let mut list = Vec::new();
    for (kind, name) in entries {
        list.push(*kind);
        list.extend(with_length(name));
    }
    with_length(&list)
}

fn named(name: &[u8]) -> ServerName {
    whole(&hello(&[(0, &list_of(&[(0, name)]))])).server_name
}

#[test]
fn hellos_of_real_programs() {
    let said: Vec<(Option<String>, String, bool)> = HELLOS
        .iter()
        .map(|hex| whole(&bytes(hex)))
        .map(|hello| {
            let host = hello.server_name.host().map(str::to_owned);
            (host, hello.alpn.join(" "), hello.encrypted_hello_offered)
        })
        .collect();
    let many: Vec<String> = (0..20)
        .map(|number| format!("proto{number:02}-abcdefghijklmnop"))
        .collect();
    let expected = [
        (Some("wsid.ods.example.com"), "h2 http/1.1", false),
        (None, "", false),
        (Some("split.example.com"), &many.join(" "), false),
        (Some("agent.example.com"), "h2 http/1.1", false),
        (Some("node.example.com"), "http/1.1", false),
        (Some("rustls.example.com"), "", false),
        (Some("browser.example.com"), "h2 http/1.1", true),
    ]
    .map(|(host, alpn, encrypted)| (host.map(str::to_owned), alpn.to_owned(), encrypted));
    assert_eq!(said, expected);
}

#[test]
fn a_name_is_one_or_is_not_kept() {
    let host = |name: &str| ServerName::Host(name.to_owned());
    assert_eq!(named(b"A.Example.COM"), host("a.example.com"));
    assert_eq!(named(b"a.example.com."), host("a.example.com"));
    assert_eq!(named(b"localhost"), host("localhost"));
    for name in [
        &b""[..],
        b".",
        b"192.0.2.1",
        b"2001:db8::1",
        b"[2001:db8::1]",
        b"a b",
        b"a.example.com\0.b",
        b"a\x1b[2J",
        b"a.example.com:443",
        &[b'a'; 300],
    ] {
        assert_eq!(named(name), ServerName::NoHostName);
    }
}

#[test]
fn a_list_of_names_has_one_of_a_host() {
    let of = |entries: &[(u8, &[u8])]| whole(&hello(&[(0, &list_of(entries))])).server_name;
    assert_eq!(of(&[(9, b"x"), (0, b"a")]), ServerName::Host("a".into()));
    assert_eq!(of(&[(0, b"a"), (0, b"b")]), ServerName::NoHostName);
    assert_eq!(of(&[(9, b"a")]), ServerName::NoHostName);
    assert_eq!(of(&[]), ServerName::NoHostName);
    assert_eq!(whole(&hello(&[])).server_name, ServerName::Absent);
    // The empty form of a server that used the name.
    assert!(is_broken(&hello(&[(0, b"")])));
}

#[test]
fn what_contradicts_itself_names_nothing() {
    let name = list_of(&[(0, b"a.example.com")]);
    let alpn = with_length(b"\x02h2");
    assert!(is_broken(&hello(&[(0, &name), (0, &name)])));
    assert!(is_broken(&hello(&[(16, &alpn), (0, &name), (16, &alpn)])));
    // A second entry that is not whole; bytes behind the list; a protocol that is not whole.
    let mut torn = list_of(&[(0, b"a"), (0, b"bb")]);
    torn.pop();
    torn[1] -= 1;
    assert!(is_broken(&hello(&[(0, &torn)])));
    assert!(is_broken(&hello(&[(0, &[&name[..], &[0]].concat())])));
    assert!(is_broken(&hello(&[
        (0, &name),
        (16, &with_length(b"\x03h2"))
    ])));
    // Extensions that are longer, or shorter, than they say.
    let intact = hello(&[(0, &name)]);
    for change in [1, 0xff] {
        let mut damaged = intact.clone();
        let length = damaged.len() - name.len() - 5;
        damaged[length] = damaged[length].wrapping_add(change);
        assert!(is_broken(&damaged));
    }
}

#[test]
fn protocols_are_escaped_and_those_to_be_ignored_are() {
    let list = with_length(b"\x02\x1a\x1a\x02h2\x04a\n\\ \x02\x0a\x1a");
    let hello = whole(&hello(&[(16, &list), (0xaaaa, b"\0"), (0x1234, b"")]));
    assert_eq!(hello.alpn, ["h2", "a\\010\\092\\032", "\\010\\026"]);
    assert!(!hello.encrypted_hello_offered);
}

#[test]
fn records_may_be_cut_anywhere() {
    for hex in HELLOS {
        let stream = bytes(hex);
        let expected = whole(&stream);
        let mut message = Vec::new();
        let mut rest = &stream[..];
        while let [_, _, _, high, low, after @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            message.extend(&after[..length]);
            rest = &after[length..];
        }
        for cut in 1..message.len() {
            assert_eq!(whole(&records(&message, &[cut])), expected, "{cut}");
        }
        let every: Vec<usize> = (1..message.len()).collect();
        assert_eq!(whole(&records(&message, &every)), expected);
    }
}

#[test]
fn other_records_and_messages_are_none() {
    let intact = hello(&[]);
    let with = |at: usize, byte: u8| {
        let mut stream = intact.clone();
        stream[at] = byte;
        read(&stream)
    };
    // An alert, an older version of TLS, a newer; a record without content, one that is too long; a
    // server's hello.
    for (at, byte) in [(0, 0x15), (1, 2), (2, 9), (3, 0x80), (5, 2)] {
        assert!(matches!(with(at, byte), Progress::Other), "{at}");
    }
    assert!(matches!(read(&[0x16, 3, 1, 0, 0, 1]), Progress::Other));
    // Longer than a hello can be; a version in it that TLS never had.
    assert!(matches!(with(6, 0xff), Progress::Broken));
    assert!(matches!(with(9, 9), Progress::Broken));
    // Another protocol in the middle of it.
    let mut interrupted = records(&intact[5..], &[20]);
    interrupted[25] = 0x17;
    assert!(is_broken(&interrupted));
    // Later bytes are ignored.
    let more = [&intact[..], b"\x14\x03\x03\x00\x01\x01garbage"].concat();
    assert_eq!(whole(&more), whole(&intact));
}
