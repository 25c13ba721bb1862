//! Tests requests of every form, and texts that only resemble one.

use super::{Progress, Request, read};
use crate::capture::sniff::fixtures::REQUESTS;

fn whole(text: &str) -> Request {
    match read(text.as_bytes()) {
        Progress::Whole(request) => request,
        Progress::Other | Progress::Perhaps | Progress::Begun | Progress::Broken => {
            panic!("no request: {text}")
        }
    }
}

/// Joins host, destination and target in one line.
fn said(text: &str) -> String {
    let request = whole(text);
    let destination = request
        .destination
        .map(|(host, port)| format!("{host} {port}"));
    format!(
        "{} | {} | {}",
        request.host.as_deref().unwrap_or("-"),
        destination.as_deref().unwrap_or("-"),
        request.target
    )
}

fn line(line: &str) -> String {
    said(&format!("{line} HTTP/1.1\r\nHost: header.example\r\n\r\n"))
}

fn host(headers: &str) -> Option<String> {
    whole(&format!("GET / HTTP/1.1\r\n{headers}\r\n")).host
}

#[test]
fn requests_of_curl() {
    let requests = REQUESTS.map(whole);
    assert_eq!(
        requests.clone().map(|request| request.is_proxy),
        [false, true, true]
    );
    assert_eq!(
        requests.map(|request| request.method),
        ["GET", "GET", "CONNECT"]
    );
    assert_eq!(
        REQUESTS.map(said),
        [
            "plain.example.com:56603 | - | /path/a?…",
            "target.example.com:8080 | target.example.com 8080 | \
             http://target.example.com:8080/x?…",
            "target.example.com:443 | target.example.com 443 | target.example.com:443",
        ]
    );
}

#[test]
fn forms_of_a_target() {
    for (target, expected) in [
        ("GET /", "header.example | - | /"),
        ("OPTIONS *", "header.example | - | *"),
        ("get //x/y", "header.example | - | //x/y"),
        ("M-SEARCH /a#b?c", "header.example | - | /a#…"),
        (
            "GET http://A.Example",
            "a.example | a.example 80 | http://a.example",
        ),
        ("GET HTTP://a?b", "a | a 80 | http://a?…"),
        ("GET https://a/", "a | a 443 | https://a/"),
        ("GET ftp://a/x", "a | a 21 | ftp://a/x"),
        ("GET gopher://a/x", "a | - | gopher://a/x"),
        (
            "GET http://[2001:DB8::1]:81/",
            "[2001:db8::1]:81 | 2001:db8::1 81 | http://[2001:db8::1]:81/",
        ),
        (
            "GET http://192.0.2.1/",
            "192.0.2.1 | 192.0.2.1 80 | http://192.0.2.1/",
        ),
        (
            "CONNECT [2001:db8::1]:443",
            "[2001:db8::1]:443 | 2001:db8::1 443 | [2001:db8::1]:443",
        ),
        ("CONNECT a.example", "- | - | …"),
        ("CONNECT a.example:0", "- | - | …"),
        ("CONNECT /path:443", "- | - | …"),
        ("GET http:///x", "- | - | http://…"),
        ("GET http://a:b/x", "- | - | http://…"),
    ] {
        assert_eq!(line(target), expected, "{target}");
    }
}

#[test]
fn what_is_secret_in_a_target_is_cut() {
    for (target, shown) in [
        ("/x?sig=secret", "/x?…"),
        ("/x#access_token=secret", "/x#…"),
        (
            "http://user:secret@a.example/x?secret",
            "http://…@a.example/x?…",
        ),
        ("http://user:se@cret@a.example", "http://…@a.example"),
        ("http://secret@a.example:1/", "http://…@a.example:1/"),
        ("http://user:se/cret@a.example/x", "http://…"),
        ("http://user:se?cret@a.example/x", "http://…"),
        ("http://user:se\\cret@a.example/x", "http://…"),
        ("/\u{e9}\\", "/\\195\\169\\092"),
    ] {
        let text = format!("GET {target} HTTP/1.0\r\n\r\n");
        assert_eq!(whole(&text).target, shown);
    }
    assert_eq!(line("CONNECT user:secret@a.example:443"), "- | - | …");
}

#[test]
fn the_host_header() {
    let is = |name: &str| Some(name.to_owned());
    assert_eq!(host("hOsT:\tA.Example.:8080 \r\n"), is("a.example:8080"));
    assert_eq!(host("A: b\r\nHost:[::1]\r\n"), is("[::1]"));
    assert_eq!(host("Host: 192.0.2.1\r\n"), is("192.0.2.1"));
    assert_eq!(host("Hosts: a\r\nX-Host: b\r\n"), None);
    for value in [
        "",
        " ",
        "a b",
        "user@a",
        "a/b",
        "a:x",
        "a,b",
        "\u{fc}.example",
        "http://a",
    ] {
        assert_eq!(host(&format!("Host: {value}\r\n")), None, "{value}");
    }
    // Lines may end with a line feed alone.
    assert_eq!(whole("GET / HTTP/1.1\nHost: a\n\n").host, is("a"));
}

#[test]
fn what_a_server_refuses_names_nothing() {
    for rest in [
        "1\r\nHost: a\r\nhost: a\r\n\r\n",
        "1\r\nHost: a\r\nHost:\r\n\r\n",
        "1\r\nX: a\r\n Host: b\r\n\r\n",
        "1\r\n Host: b\r\n\r\n",
        "1\r\nHost : a\r\n\r\n",
        "1\r\nHost: a\0b\r\n\r\n",
        "1\r\nHost\r\n\r\n",
        "1x\r\nHost: a\r\n\r\n",
        "7\r\nHost: a\r\n\r\n",
        &format!("1\r\n{}\r\n", "A: b\r\n".repeat(101)),
    ] {
        let text = format!("GET / HTTP/1.{rest}");
        assert!(matches!(read(text.as_bytes()), Progress::Broken), "{text}");
    }
    for target in ["a", "a.example:443", "://a", "1http://a", "*x", "?x"] {
        let text = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(matches!(read(text.as_bytes()), Progress::Broken), "{text}");
    }
}

#[test]
fn what_only_looks_like_a_request() {
    for bytes in [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"EHLO a.example\r\n",
        b"GET /index.html\r\n",
        b"GET  / HTTP/1.1\r\n",
        b"GET / http/1.1\r\n",
        b"GET /a b HTTP/1.1\r\n",
        b"\r\nGET / HTTP/1.1\r\n",
        b"OPTIONS sip:a SIP/2.0\r\n",
        b"DESCRIBE rtsp://a RTSP/1.0\r\n",
        b"{\"a\": 1}",
        b"GET\0/ HTTP/1.1\r\n",
        b"GET /\0 HTTP/1.1\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"\0\0\0\x08\x04\xd2\x16\x2f",
        &[b'A'; 100],
    ] {
        assert!(
            matches!(read(bytes), Progress::Other),
            "{}",
            bytes.escape_ascii()
        );
    }
}
