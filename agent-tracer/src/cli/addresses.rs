//! Reads addresses from arguments, or from stdin, one a line. Long lines take little memory.

use std::{
    io::{self, BufRead, BufReader, Read, Stdin},
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

/// Limit of the bytes of a line, far above any address.
const LINE_LIMIT: u64 = 256;

/// An address with or without a port, as `connections` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) address: IpAddr,
    pub(super) port: Option<u16>,
}

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Address, &'static str> {
        let text = text.trim();
        let inside = |text: &str| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
        if let Some(address) = text.parse().ok().or_else(|| inside(text)) {
            return Ok(Address {
                address,
                port: None,
            });
        }
        text.parse::<SocketAddr>()
            .map(|socket| Address {
                address: socket.ip(),
                port: Some(socket.port()),
            })
            .map_err(|_| "not an address: write 40.79.194.105, 2603:1030::1, or 40.79.194.105:443")
    }
}

/// An argument of `tracer tags`: an address, or `-` for those on stdin.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked {
    Address(Address),
    Stdin,
}

impl FromStr for Asked {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Asked, &'static str> {
        match text {
            "-" => Ok(Asked::Stdin),
            text => text.parse().map(Asked::Address),
        }
    }
}

/// A line that is not an address.
pub(super) struct BadLine {
    pub(super) number: u64,
    pub(super) text: String,
}

/// Addresses on stdin.
pub(super) struct Piped {
    reader: BufReader<Stdin>,
    number: u64,
    line: Vec<u8>,
}

impl Piped {
    pub(super) fn new() -> Piped {
        Piped {
            reader: BufReader::with_capacity(64 << 10, io::stdin()),
            number: 0,
            line: Vec::new(),
        }
    }

    /// Returns true if the next address may have to be waited for.
    pub(super) fn may_wait(&self) -> bool {
        self.reader.buffer().is_empty()
    }

    /// Returns the next address, or none at the end; skips empty lines.
    pub(super) fn next(&mut self) -> io::Result<Option<Result<Address, BadLine>>> {
        loop {
            self.line.clear();
            let mut start = self.reader.by_ref().take(LINE_LIMIT);
            if start.read_until(b'\n', &mut self.line)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let is_whole = self.line.ends_with(b"\n") || (self.line.len() as u64) < LINE_LIMIT;
            if !is_whole {
                self.reader.skip_until(b'\n')?;
            }
            let text = String::from_utf8_lossy(&self.line);
            let text = text.trim();
            if text.is_empty() && is_whole {
                continue;
            }
            return Ok(Some(match text.parse() {
                Ok(address) if is_whole => Ok(address),
                Ok(_) | Err(_) => Err(BadLine {
                    number: self.number,
                    text: text.chars().take(60).collect(),
                }),
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_and_without_a_port() {
        for (text, shown, port) in [
            ("40.79.194.105", "40.79.194.105", None),
            (" 40.79.194.105:443 ", "40.79.194.105", Some(443)),
            ("2603:1030::1", "2603:1030::1", None),
            ("[2603:1030::1]", "2603:1030::1", None),
            ("[2603:1030::1]:443", "2603:1030::1", Some(443)),
        ] {
            let address: Address = text.parse().expect("an address");
            assert_eq!(
                (address.address.to_string().as_str(), address.port),
                (shown, port)
            );
        }
        for text in [
            "",
            "-",
            "a.example",
            "1.2.3",
            "1.2.3.4:",
            "1.2.3.4:65536",
            "[::1",
            "1.2.3.0/24",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
