//! Validates hosts: names, address literals, and `host:port`. Other bytes are escaped. It repairs
//! nothing: a peer's text is a host, lower-cased, or rejected.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str,
};

/// As RFC 1035 limits them, without the dot at the end.
const NAME_LIMIT: usize = 253;
const LABEL_LIMIT: usize = 63;

/// Returns a host name in lower case, without the final dot. `_` is accepted, as it is in use. A
/// last label of digits alone is rejected: resolvers take it for an IPv4 address.
pub(super) fn name(text: &[u8]) -> Option<String> {
    let text = text.strip_suffix(b".").unwrap_or(text);
    let of_host = |byte: &u8| is_of_host(*byte);
    let is_label =
        |label: &[u8]| (1..=LABEL_LIMIT).contains(&label.len()) && label.iter().all(of_host);
    let last = text.rsplit(|byte| *byte == b'.').next()?;
    let is_name = text.len() <= NAME_LIMIT
        && text.split(|byte| *byte == b'.').all(is_label)
        && !last.iter().all(u8::is_ascii_digit);
    let text = str::from_utf8(text).ok()?;
    is_name.then(|| text.to_ascii_lowercase())
}

fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// The target of a URL, a CONNECT or a Host header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Authority {
    /// A name, or an address without brackets.
    pub host: String,
    pub port: Option<u16>,
}

impl Authority {
    /// Parses `host`, `host:port`, or an address in place of the host. A user in front is refused.
    pub(super) fn parse(text: &[u8]) -> Option<Authority> {
        let (host, port) = match text.strip_prefix(b"[") {
            Some(literal) => {
                let end = memchr::memchr(b']', literal)?;
                let (literal, rest) = (literal.get(..end)?, literal.get(end + 1..)?);
                let address: Ipv6Addr = str::from_utf8(literal).ok()?.parse().ok()?;
                let port = match rest.strip_prefix(b":") {
                    Some(port) => Some(port),
                    None if rest.is_empty() => None,
                    None => return None,
                };
                (address.to_string(), port)
            }
            None => {
                let (host, port) = match memchr::memchr(b':', text) {
                    Some(colon) => (text.get(..colon)?, text.get(colon + 1..)),
                    None => (text, None),
                };
                (address_or_name(host)?, port)
            }
        };
        let port = match port {
            // RFC 3986 3.2.3: an empty port means the default.
            None | Some([]) => None,
            Some(port) => Some(number(port)?),
        };
        Some(Authority { host, port })
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.parse() {
            Ok(IpAddr::V6(address)) => write!(f, "[{address}]")?,
            Ok(IpAddr::V4(_)) | Err(_) => f.write_str(&self.host)?,
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// Returns a host name as [`name`] does, or an IPv4 address.
pub(super) fn address_or_name(host: &[u8]) -> Option<String> {
    let literal: Option<Ipv4Addr> = str::from_utf8(host).ok().and_then(|text| text.parse().ok());
    literal
        .map(|address| address.to_string())
        .or_else(|| name(host))
}

/// Parses digits alone: the standard library accepts a sign.
fn number(port: &[u8]) -> Option<u16> {
    let digits = port.iter().all(u8::is_ascii_digit);
    let port = str::from_utf8(port).ok().filter(|_| digits)?.parse().ok()?;
    (port != 0).then_some(port)
}

/// Appends a label of DNS in lower case. Bytes outside of host names, a dot included, become `\ddd`
/// as in a zone file. So equal names have equal texts.
pub(super) fn push_label(text: &mut String, label: &[u8]) {
    for byte in label {
        if is_of_host(*byte) {
            text.push(char::from(byte.to_ascii_lowercase()));
        } else {
            push_escape(text, *byte);
        }
    }
}

/// Escapes a peer's text: the escape itself, and all but visible ASCII, become `\ddd`.
pub(super) fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_graphic() && *byte != b'\\' {
            text.push(char::from(*byte));
        } else {
            push_escape(&mut text, *byte);
        }
    }
    text
}

fn push_escape(text: &mut String, byte: u8) {
    text.push('\\');
    for divisor in [100, 10, 1] {
        text.push(char::from(b'0' + byte / divisor % 10));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_what_is_none() {
        assert_eq!(
            name(b"WSID.Oms.Example.COM."),
            Some("wsid.oms.example.com".into())
        );
        assert_eq!(
            name(b"_dmarc.xn--bcher-kva.example"),
            Some("_dmarc.xn--bcher-kva.example".into())
        );
        assert_eq!(name(b"localhost"), Some("localhost".into()));
        let longest = [&[b'a'; 63][..]; 4].join(&b'.');
        assert!(name(&longest[2..]).is_some());
        let label = [b'a'; 64];
        let refused: [&[u8]; 14] = [
            b"",
            b".",
            b"a..b",
            b".a",
            b"a..",
            b"192.0.2.1",
            b"127.1",
            b"2001:db8::1",
            b"a b",
            b"a\0.example",
            b"\x1b[31m.example",
            "b\u{fc}cher.example".as_bytes(),
            &longest,
            &label,
        ];
        for text in refused {
            assert_eq!(name(text), None, "{}", escaped(text));
        }
    }

    #[test]
    fn authorities_and_what_is_none() {
        for (text, shown) in [
            ("Example.com", "example.com"),
            ("example.com.:8080", "example.com:8080"),
            ("example.com:", "example.com"),
            ("192.0.2.1:80", "192.0.2.1:80"),
            ("[2001:DB8:0::1]:443", "[2001:db8::1]:443"),
            ("[::1]", "[::1]"),
        ] {
            let authority = Authority::parse(text.as_bytes());
            assert_eq!(
                authority.map(|found| found.to_string()).as_deref(),
                Some(shown)
            );
        }
        for text in [
            "",
            ":80",
            "a:0",
            "a:+1",
            "a:65536",
            "a:80:80",
            "u@a",
            "u:1@a",
            "[::1",
            "[::1]x",
            "[::1%eth0]",
            "[a]",
            "2001:db8::1",
            "a/b",
            "256.0.0.1",
        ] {
            assert_eq!(Authority::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn escapes_separate_bytes() {
        let mut text = String::new();
        push_label(&mut text, b"A.b\\\x1b\xff*");
        assert_eq!(text, "a\\046b\\092\\027\\255\\042");
        assert_eq!(escaped(b"h2\\\n/*"), "h2\\092\\010/*");
    }
}
