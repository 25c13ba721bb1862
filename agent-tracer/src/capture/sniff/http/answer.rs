//! Parses the status line of an HTTP/1 answer for its code. Neither reason nor headers are kept.

/// Bytes before the reason: `HTTP/1.1 404`.
const UP_TO_CODE: usize = 12;

/// Codes of answers (RFC 9110 section 15).
const CODES: std::ops::RangeInclusive<u16> = 100..=599;

const SWITCHING_PROTOCOLS: u16 = 101;

/// The state of an answer in the bytes so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The bytes so far do not decide.
    NeedsMore,
    /// The status of the first answer that is not an interim one.
    Status(u16),
    /// Another protocol, or not a valid line.
    Other,
}

impl Answer {
    /// Reads the answer at the start of a stream.
    #[must_use]
    pub fn read(stream: &[u8]) -> Answer {
        let mut rest = stream;
        loop {
            let (code, end) = match status_line(rest) {
                Ok(found) => found,
                Err(other) => return other,
            };
            let is_interim = code < 200 && code != SWITCHING_PROTOCOLS;
            match (is_interim, end.and_then(|end| rest.get(end..))) {
                (false, _) => return Answer::Status(code),
                (true, Some(behind)) => rest = behind,
                (true, None) => return Answer::NeedsMore,
            }
        }
    }
}

/// Returns the code, and the end of the head where it is there and has no headers.
fn status_line(stream: &[u8]) -> Result<(u16, Option<usize>), Answer> {
    const VERSION: &[u8] = b"HTTP/1.";
    let version = stream.get(..VERSION.len()).unwrap_or(stream);
    if !VERSION.starts_with(version) {
        return Err(Answer::Other);
    }
    if stream.len() <= UP_TO_CODE {
        return Err(Answer::NeedsMore);
    }
    let mut head = httparse::Response::new(&mut []);
    let end = match head.parse(stream) {
        Ok(httparse::Status::Complete(end)) => Some(end),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => None,
        Err(_) => return Err(Answer::Other),
    };
    match head.code.filter(|code| CODES.contains(code)) {
        Some(code) => Ok((code, end)),
        None => Err(Answer::Other),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            begin in proptest::sample::select(vec![
                &b""[..], b"HTTP/1.", b"HTTP/1.1 200", b"HTTP/1.1 100 Continue\r\n\r\n",
            ]),
            bytes in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let answer = Answer::read(&[begin, &bytes].concat());
            if let Answer::Status(code) = answer {
                prop_assert!(CODES.contains(&code));
            }
        }
    }

    #[test]
    fn the_code_is_read_once_the_next_byte_is_there() {
        let whole = b"HTTP/1.1 404 File not found\r\nServer: x\r\n\r\n";
        for end in 0..=UP_TO_CODE {
            assert_eq!(Answer::read(&whole[..end]), Answer::NeedsMore, "{end}");
        }
        for end in UP_TO_CODE + 1..=whole.len() {
            assert_eq!(Answer::read(&whole[..end]), Answer::Status(404), "{end}");
        }
        assert_eq!(Answer::read(b"HTTP/1.0 200 OK\r\n"), Answer::Status(200));
        // Some servers leave the reason out, with its space.
        assert_eq!(Answer::read(b"HTTP/1.1 502\r\n"), Answer::Status(502));
    }

    #[test]
    fn interim_answers_do_not_count() {
        let both = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 417 Expectation Failed\r\n";
        assert_eq!(Answer::read(&both[..25]), Answer::NeedsMore);
        assert_eq!(Answer::read(&both[..40]), Answer::Status(417));
        let hints = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK";
        assert_eq!(Answer::read(hints), Answer::NeedsMore);
        let switched = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x";
        assert_eq!(Answer::read(switched), Answer::Status(101));
    }

    #[test]
    fn other_protocols_are_not_answers() {
        let others: [&[u8]; 8] = [
            b"HTTP/2.0 200 OK\r\n",
            b"HTTP/1.2 200 OK\r\n",
            b"HTTP/1.1 2000 OK\r\n",
            b"HTTP/1.1 999 OK\r\n",
            b"HTTP/1.1 099 OK\r\n",
            b"HTTP/1.1  200 OK\r\n",
            b"SSH-2.0-x\r\n",
            b"\r\nHTTP/1.1 200 OK",
        ];
        for stream in others {
            assert_eq!(Answer::read(stream), Answer::Other, "{stream:?}");
        }
    }
}
