//! Parses mountinfo(5), from any bytes. It judges no mount.

/// The mount table of the recorder's own namespace.
pub(in crate::capture) const OWN: &str = "/proc/self/mountinfo";

/// One mount.
pub(in crate::capture) struct Mount<'a> {
    /// Its number, as statx(2) returns it for a file on it.
    pub(in crate::capture) id: u32,
    /// Major and minor number of its file system.
    pub(in crate::capture) device: (u32, u32),
    /// The part of its file system that it shows.
    pub(in crate::capture) root: &'a [u8],
    /// The mount point.
    pub(in crate::capture) point: Vec<u8>,
    /// The type of its file system.
    pub(in crate::capture) kind: &'a [u8],
    pub(in crate::capture) source: Vec<u8>,
    /// Options of the file system, with commas.
    options: &'a [u8],
}

impl Mount<'_> {
    /// Checks whether its file system has an option.
    pub(in crate::capture) fn has_option(&self, option: &[u8]) -> bool {
        self.options
            .split(|byte| *byte == b',')
            .any(|it| it == option)
    }
}

/// Iterates over the readable lines of a text.
pub(in crate::capture) fn mounts(text: &[u8]) -> impl Iterator<Item = Mount<'_>> {
    text.split(|byte| *byte == b'\n').filter_map(mount)
}

fn mount(line: &[u8]) -> Option<Mount<'_>> {
    let mut fields = line.split(|byte| *byte == b' ');
    let id = number(fields.next()?)?;
    let mut device = fields.nth(1)?.split(|byte| *byte == b':');
    let device = (number(device.next()?)?, number(device.next()?)?);
    let (root, point) = (fields.next()?, fields.next()?);
    // A dash ends the optional fields: there is any number of them.
    fields.find(|field| *field == b"-")?;
    let (kind, source) = (fields.next()?, fields.next().unwrap_or_default());
    Some(Mount {
        id,
        device,
        root,
        point: unescaped(point),
        kind,
        source: unescaped(source),
        options: fields.next().unwrap_or_default(),
    })
}

fn number(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Decodes `\040` and the like, which replace separators.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        if let (
            b'\\',
            [
                high @ b'0'..=b'3',
                middle @ b'0'..=b'7',
                low @ b'0'..=b'7',
                ..,
            ],
        ) = (first, tail)
        {
            bytes.push((high - b'0') << 6 | (middle - b'0') << 3 | (low - b'0'));
            rest = &tail[3..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    bytes
}
