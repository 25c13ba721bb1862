//! Parses a request to a SOCKS proxy for the intended host: version 4, its extension 4A, and
//! version 5 (RFC 1928) behind its choice of methods and a login (RFC 1929). It keeps no login.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{client_message::Progress, host};

/// Longest user of version 4. The protocol has no limit.
const USER_LIMIT: usize = 255;
const NAME_LIMIT: usize = 255;

const CONNECT: u8 = 1;
const LOGIN: u8 = 2;

/// The request of a connection through a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocksRequest {
    /// `socks4`, `socks4a` or `socks5`.
    pub version: &'static str,
    /// The intended host: a name, or an address without brackets.
    pub host: String,
    /// The intended port.
    pub port: u16,
    /// Bytes of the stream up to the end of the request. Those of the connection inside follow.
    pub end: usize,
}

/// Reads the request at the start of a stream.
pub(super) fn read(stream: &[u8]) -> Progress<SocksRequest> {
    match stream {
        [] => Progress::Perhaps,
        [4, rest @ ..] => version_4(rest, stream.len()),
        [5, rest @ ..] => version_5(rest, stream.len()),
        [..] => Progress::Other,
    }
}

fn version_4(rest: &[u8], length: usize) -> Progress<SocksRequest> {
    let [command, rest @ ..] = rest else {
        return Progress::Perhaps;
    };
    if *command != CONNECT {
        return Progress::Other;
    }
    let Some(([high, low, address @ ..], rest)) = rest.split_first_chunk::<6>() else {
        return Progress::Perhaps;
    };
    let port = u16::from_be_bytes([*high, *low]);
    let address = Ipv4Addr::from(*address);
    if port == 0 || address.is_unspecified() {
        return Progress::Other;
    }
    let (user, rest) = match text(rest, USER_LIMIT) {
        Progress::Whole(parts) => parts,
        Progress::Perhaps => return Progress::Perhaps,
        Progress::Other | Progress::Begun | Progress::Broken => return Progress::Other,
    };
    if user.iter().any(u8::is_ascii_control) {
        return Progress::Other;
    }
    if !matches!(address.octets(), [0, 0, 0, _]) {
        // Without a name, the form is weak evidence. Such a client waits for the answer.
        return match rest {
            [] => Progress::Whole(SocksRequest {
                version: "socks4",
                host: address.to_string(),
                port,
                end: length,
            }),
            [..] => Progress::Other,
        };
    }
    let (name, rest) = match text(rest, NAME_LIMIT) {
        Progress::Whole(parts) => parts,
        Progress::Perhaps => return Progress::Begun,
        Progress::Other | Progress::Begun | Progress::Broken => return Progress::Broken,
    };
    match host::address_or_name(name) {
        Some(host) => Progress::Whole(SocksRequest {
            version: "socks4a",
            host,
            port,
            end: length.saturating_sub(rest.len()),
        }),
        None => Progress::Broken,
    }
}

/// Splits at a NUL, which is `Other` behind more bytes than the limit.
fn text(bytes: &[u8], limit: usize) -> Progress<(&[u8], &[u8])> {
    let within = bytes.get(..=limit).unwrap_or(bytes);
    match memchr::memchr(0, within).and_then(|end| bytes.split_at_checked(end)) {
        Some((text, [_, rest @ ..])) => Progress::Whole((text, rest)),
        Some((_, [])) | None if within.len() > limit => Progress::Other,
        Some((_, [])) | None => Progress::Perhaps,
    }
}

fn version_5(rest: &[u8], length: usize) -> Progress<SocksRequest> {
    let Some((methods, rest)) = counted(rest) else {
        return Progress::Perhaps;
    };
    let rest = match rest {
        _ if methods.is_empty() => return Progress::Other,
        [1, login @ ..] if methods.contains(&LOGIN) => {
            let Some((user, login)) = counted(login) else {
                return Progress::Perhaps;
            };
            let Some((_, rest)) = counted(login) else {
                return Progress::Perhaps;
            };
            if user.is_empty() {
                return Progress::Other;
            }
            rest
        }
        rest => rest,
    };
    match rest {
        [] | [5] | [5, CONNECT] | [5, CONNECT, 0] => return Progress::Perhaps,
        [5, CONNECT, 0, 1 | 3 | 4, ..] => {}
        [..] => return Progress::Other,
    }
    let target = match rest {
        [_, _, _, 1, target @ ..] => target
            .split_first_chunk::<4>()
            .map(|(address, rest)| (Some(Ipv4Addr::from(*address).to_string()), rest)),
        [_, _, _, 4, target @ ..] => target
            .split_first_chunk::<16>()
            .map(|(address, rest)| (Some(Ipv6Addr::from(*address).to_string()), rest)),
        [_, _, _, _, target @ ..] => {
            counted(target).map(|(name, rest)| (host::address_or_name(name), rest))
        }
        [..] => None,
    };
    match target {
        Some((None, _)) => Progress::Broken,
        None | Some((Some(_), [] | [_])) => Progress::Begun,
        Some((Some(_), [0, 0, ..])) => Progress::Broken,
        Some((Some(host), [high, low, rest @ ..])) => Progress::Whole(SocksRequest {
            version: "socks5",
            host,
            port: u16::from_be_bytes([*high, *low]),
            end: length.saturating_sub(rest.len()),
        }),
    }
}

/// Splits behind as many bytes as the first one says.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (count, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*count))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            begin in proptest::sample::select(vec![
                &b"\x05"[..],
                b"\x05\x01\0\x05\x01\0\x03",
                b"\x05\x01\x02\x01",
                b"\x04\x01\0\x50\0\0\0\x01",
            ]),
            bytes in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let stream = [begin, &bytes].concat();
            if let Progress::Whole(request) = read(&stream) {
                prop_assert!(request.end <= stream.len() && request.port != 0);
                prop_assert!(request.host.is_ascii() && !request.host.is_empty());
            }
        }
    }

    fn whole(stream: &[u8]) -> (&'static str, String, u16, usize) {
        // No beginning of it is anything but a beginning.
        for end in 0..stream.len() {
            let progress = read(stream.get(..end).expect("a part"));
            assert!(
                matches!(progress, Progress::Perhaps | Progress::Begun),
                "{end} bytes of {stream:?}"
            );
        }
        match read(stream) {
            Progress::Whole(request) => (request.version, request.host, request.port, request.end),
            _ => panic!("no request: {stream:?}"),
        }
    }

    #[test]
    fn targets_of_version_5() {
        let name = b"\x05\x01\0\x05\x01\0\x03\x0eVendor.Example\0\x50";
        assert_eq!(
            whole(name),
            ("socks5", "vendor.example".into(), 80, name.len())
        );
        let login = b"\x05\x02\0\x02\x01\x01u\x02pw\x05\x01\0\x01\xc0\0\x02\x07\x01\xbb";
        assert_eq!(
            whole(login),
            ("socks5", "192.0.2.7".into(), 443, login.len())
        );
        let without_password = b"\x05\x01\x02\x01\x01u\0\x05\x01\0\x01\xc0\0\x02\x07\x01\xbb";
        assert_eq!(whole(without_password).1, "192.0.2.7");
        let mut v6 = b"\x05\x01\0\x05\x01\0\x04".to_vec();
        v6.extend("2001:db8::1".parse::<Ipv6Addr>().expect("one").octets());
        v6.extend([0x1f, 0x90]);
        assert_eq!(whole(&v6), ("socks5", "2001:db8::1".into(), 8080, v6.len()));
        // The connection inside may follow at once.
        let ends = v6.len();
        v6.extend(b"GET / HTTP/1.1\r\n");
        assert!(matches!(read(&v6), Progress::Whole(request) if request.end == ends));
    }

    #[test]
    fn targets_of_version_4() {
        let name = b"\x04\x01\0\x50\0\0\0\x01me\0vendor.example\0";
        assert_eq!(
            whole(name),
            ("socks4a", "vendor.example".into(), 80, name.len())
        );
        let address = b"\x04\x01\x01\xbb\xc0\0\x02\x07\0";
        assert_eq!(
            whole(address),
            ("socks4", "192.0.2.7".into(), 443, address.len())
        );
    }

    #[test]
    fn other_protocols_and_invalid_requests() {
        let others: [&[u8]; 11] = [
            b"\x03",
            b"\x05\0",
            b"\x05\0\x0b\x03\x10\0\0\0",
            b"\x05\x01\0\x06",
            // A login without an offer of one, and one without a user.
            b"\x05\x01\0\x01\x01u\x01p",
            b"\x05\x01\x02\x01\0\x01p",
            // Other commands: BIND and UDP ASSOCIATE.
            b"\x05\x01\0\x05\x03\0\x01\0\0\0\0\0\0",
            b"\x04\x02\0\x50\xc0\0\x02\x07\0",
            b"\x04\x01\0\0\xc0\0\x02\x07\0",
            // More behind a request of the weakest form.
            b"\x04\x01\0\x50\xc0\0\x02\x07\0more",
            b"\x04\0\0\0\x05\0\0\0\0",
        ];
        for stream in others {
            assert!(matches!(read(stream), Progress::Other), "{stream:?}");
        }
        assert!(matches!(
            read(&[&b"\x04\x01\0\x50\xc0\0\x02\x07"[..], &[b'u'; 256]].concat()),
            Progress::Other
        ));
        let broken: [&[u8]; 4] = [
            b"\x05\x01\0\x05\x01\0\x03\x03a b\0\x50",
            b"\x05\x01\0\x05\x01\0\x03\0\0\x50",
            b"\x05\x01\0\x05\x01\0\x03\x01a\0\0",
            b"\x04\x01\0\x50\0\0\0\x01\0\x1b[31m\0",
        ];
        for stream in broken {
            assert!(matches!(read(stream), Progress::Broken), "{stream:?}");
        }
    }
}
