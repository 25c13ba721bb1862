//! Identifies a trace by its SHA-256, and reads the lists of `sha256sum`. A digest is a proof only
//! if the recorded command could not reach it.

use std::{
    fmt,
    io::{self, Read},
    path::Path,
    str::FromStr,
};

use sha2::{Digest as _, Sha256};

/// Bytes to read at a time.
const STEP: usize = 256 << 10;

/// A SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Computes the digest of a stream.
    ///
    /// # Errors
    ///
    /// The stream cannot be read.
    pub fn of(mut stream: impl Read) -> io::Result<Digest> {
        let mut hash = Sha256::new();
        let mut buffer = vec![0; STEP];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return Ok(Digest::from(hash)),
                Ok(count) => hash.update(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Formats a line as `sha256sum` does, with the name escaped.
    pub fn line(&self, name: &Path) -> Vec<u8> {
        let name = name.as_os_str().as_encoded_bytes();
        let mut escaped = Vec::with_capacity(name.len());
        for byte in name {
            match byte {
                b'\\' => escaped.extend(b"\\\\"),
                b'\n' => escaped.extend(b"\\n"),
                b'\r' => escaped.extend(b"\\r"),
                other => escaped.push(*other),
            }
        }
        let mark = if escaped.len() == name.len() {
            ""
        } else {
            "\\"
        };
        let mut line = format!("{mark}{self}  ").into_bytes();
        line.extend(escaped);
        line.push(b'\n');
        line
    }

    /// Finds the digest of a file in a list, by its base name; an only entry counts for any name.
    pub fn find(list: &str, file: &Path) -> Option<Digest> {
        let name = file.file_name()?.to_string_lossy();
        let entries: Vec<(Digest, &str)> = list.lines().filter_map(entry).collect();
        match entries.as_slice() {
            [(digest, _)] => Some(*digest),
            several => {
                let mut named = several.iter().filter(|(_, listed)| {
                    let base = Path::new(listed).file_name();
                    base.is_some_and(|base| base.to_string_lossy() == name)
                });
                let (digest, _) = named.next()?;
                // Two different digests decide nothing.
                named.all(|(other, _)| other == digest).then_some(*digest)
            }
        }
    }
}

/// Parses `HEX  NAME` or `HEX *NAME`; a bare digest has no name.
fn entry(line: &str) -> Option<(Digest, &str)> {
    let line = line.strip_prefix('\\').unwrap_or(line).trim_end();
    let (digest, name) = line.split_at_checked(64)?;
    let name = name.trim_start_matches([' ', '*']);
    Some((digest.parse().ok()?, name))
}

impl From<Sha256> for Digest {
    fn from(hash: Sha256) -> Digest {
        Digest(hash.finalize().into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// The error for a text that is not a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 has 64 hexadecimal digits")]
pub struct NotADigest;

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Digest, NotADigest> {
        let digits: Option<Vec<u8>> = text
            .chars()
            .map(|digit| {
                digit
                    .to_digit(16)
                    .and_then(|value| u8::try_from(value).ok())
            })
            .collect();
        let digits = digits
            .filter(|digits| digits.len() == 64)
            .ok_or(NotADigest)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair.iter().fold(0, |value, digit| value << 4 | digit);
        }
        Ok(Digest(bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Digest;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_digest_is_that_of_sha256sum() {
        let digest = Digest::of(&b"abc"[..]).expect("memory can be read");
        assert_eq!(digest.to_string(), ABC);
        assert_eq!(ABC.to_uppercase().parse(), Ok(digest));
        assert_eq!(
            digest.line(Path::new("t")),
            format!("{ABC}  t\n").as_bytes()
        );
        let odd = digest.line(Path::new("a\nb"));
        assert_eq!(odd, format!("\\{ABC}  a\\nb\n").as_bytes());
        for wrong in [
            "",
            "abc",
            &ABC[1..],
            &format!("{ABC}0"),
            &ABC.replace('b', "g"),
        ] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_list_answers_for_one_file() {
        let digest: Digest = ABC.parse().expect("a digest");
        let other = ABC.replace('b', "0");
        let find = |list: &str| Digest::find(list, Path::new("/somewhere/t"));
        assert_eq!(find(ABC), Some(digest));
        assert_eq!(find(&format!("{ABC}  elsewhere/other\n")), Some(digest));
        assert_eq!(find(&format!("{other}  a\n{ABC} *b/t\n")), Some(digest));
        assert_eq!(find(&format!("{other}  t\n{ABC}  t\n")), None);
        assert_eq!(find(&format!("{other}  a\n{ABC}  b\n")), None);
        assert_eq!(find("no digest\n"), None);
        assert_eq!(find(""), None);
    }
}
