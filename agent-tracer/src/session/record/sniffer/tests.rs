//! Tests sequences of payloads: several messages of one stream, and openings that repeat.

use super::*;

const NUMBER: u64 = 7;

fn payload(bytes: &[u8], offset: usize, is_datagram: bool) -> Payload {
    Payload {
        boot_ns: 1,
        connection: NUMBER,
        process: Default::default(),
        user: 0,
        is_sent: true,
        is_datagram,
        offset: offset as u64,
        is_last: true,
        is_answer: false,
        bytes: bytes.to_vec(),
    }
}

/// Returns the events of a stream in two segments, then its end.
fn stream(bytes: &[u8], cut: usize) -> Vec<EventKind> {
    let mut sniffer = Sniffer::default();
    let (first, second) = bytes.split_at(cut);
    let mut events = sniffer.take(payload(first, 0, false));
    events.extend(sniffer.take(payload(second, cut, false)));
    let close = crate::event::Close {
        connection: NUMBER,
        ..Default::default()
    };
    events.extend(sniffer.ended(&Event {
        boot_ns: 2,
        process: Default::default(),
        user: 0,
        kind: EventKind::Close(close),
    }));
    events.into_iter().map(|event| event.kind).collect()
}

fn requests(events: &[EventKind]) -> Vec<(&str, &str, u32, &str)> {
    let requests = events.iter().map(|event| match event {
        EventKind::HttpRequest(request) => (
            request.socks.as_str(),
            request.destination_host.as_str(),
            request.destination_port,
            request.host.as_str(),
        ),
        other => panic!("{other:?}"),
    });
    requests.collect()
}

#[test]
fn what_is_inside_of_proxies_is_read() {
    // A chain: a SOCKS proxy, behind it one of HTTP.
    let bytes = b"\x05\x01\0\x05\x01\0\x03\x05b.net\x0c\x38CONNECT c.net:80 HTTP/1.1\r\n\r\n";
    for cut in 0..=bytes.len() {
        // An address in the weakest form has to come alone, so only this one is cut anywhere.
        assert_eq!(
            requests(&stream(bytes, cut)),
            [
                ("socks5", "b.net", 3128, "b.net:3128"),
                ("", "c.net", 80, "c.net:80"),
            ],
            "cut at {cut}"
        );
    }
    let bytes = b"\x04\x01\x01\xbb\xc0\0\x02\x07\0GET / HTTP/1.1\r\nHost: a.net\r\n\r\n";
    assert_eq!(
        requests(&stream(bytes, 9)),
        [
            ("socks4", "192.0.2.7", 443, "192.0.2.7:443"),
            ("", "", 0, "a.net")
        ]
    );
    // The client waits in vain for the proxy, or begins something else inside.
    assert!(stream(b"\x05\x01\0", 3).is_empty());
    assert_eq!(
        stream(b"\x04\x01\x01\xbb\xc0\0\x02\x07\0SSH-2.0-x\r\n", 9).len(),
        1
    );
    assert!(matches!(
        &stream(b"\x05\x01\0\x05\x01\0\x03\x05b.n", 3)[..],
        [EventKind::Unreadable(unreadable)] if unreadable.what == "SOCKS request"
    ));
}

#[test]
fn a_hello_of_quic_that_repeats_is_one_event() {
    let hex = include_str!("../../../capture/sniff/fixtures/quic-rfc9001.hex");
    let digits: String = hex.lines().filter(|line| !line.starts_with('#')).collect();
    let packet: Vec<u8> = (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex"))
        .collect();
    let mut sniffer = Sniffer::default();
    let events = sniffer.take(payload(&packet, 0, true));
    assert!(matches!(
        &events[..],
        [Event { kind: EventKind::TlsHello(hello), .. }] if hello.server_name == "example.com"
    ));
    assert!(sniffer.take(payload(&packet, 0, true)).is_empty());
    assert!(sniffer.take(payload(&[0; 1200], 0, true)).is_empty());
}

#[test]
fn the_first_answer_has_a_status_once() {
    let answer = |bytes: &[u8], offset: usize| Payload {
        is_sent: false,
        is_answer: true,
        ..payload(bytes, offset, false)
    };
    let bytes = b"HTTP/1.1 404 Not Found\r\nServer: x\r\n";
    for cut in 0..=bytes.len() {
        let mut sniffer = Sniffer::default();
        let (first, second) = bytes.split_at(cut);
        // Out of order, with a repetition.
        let mut events = sniffer.take(answer(second, cut));
        events.extend(sniffer.take(answer(first, 0)));
        events.extend(sniffer.take(answer(bytes, 0)));
        let kinds: Vec<EventKind> = events.into_iter().map(|event| event.kind).collect();
        let expected = HttpAnswer {
            connection: NUMBER,
            status: 404,
        };
        assert_eq!(kinds, [EventKind::HttpAnswer(expected)], "cut at {cut}");
    }
    let mut sniffer = Sniffer::default();
    assert!(
        sniffer
            .take(answer(b"220 mail.example ESMTP\r\n", 0))
            .is_empty()
    );
    assert!(sniffer.take(answer(bytes, 0)).is_empty());
}
