//! Lines of mountinfo(5), whatever bytes they are. What is mounted where is judged elsewhere.

/// As the kernel tells a process what it sees.
pub(super) const OWN: &str = "/proc/self/mountinfo";

/// One mount.
pub(super) struct Mount<'a> {
    /// Its number, as statx(2) tells it of a file on it.
    pub(super) id: u32,
    /// Major and minor number of its file system.
    pub(super) device: (u32, u32),
    /// What of its file system it shows.
    pub(super) root: &'a [u8],
    /// Where it is, as it is called.
    pub(super) point: Vec<u8>,
    /// The type of its file system.
    pub(super) kind: &'a [u8],
    pub(super) source: Vec<u8>,
    /// Of the file system, with commas.
    options: &'a [u8],
}

impl Mount<'_> {
    /// Whether its file system has an option.
    pub(super) fn has_option(&self, option: &[u8]) -> bool {
        self.options
            .split(|byte| *byte == b',')
            .any(|it| it == option)
    }
}

/// All that can be read of a text.
pub(super) fn mounts(text: &[u8]) -> impl Iterator<Item = Mount<'_>> {
    text.split(|byte| *byte == b'\n').filter_map(mount)
}

fn mount(line: &[u8]) -> Option<Mount<'_>> {
    let mut fields = line.split(|byte| *byte == b' ');
    let id = number(fields.next()?)?;
    let mut device = fields.nth(1)?.split(|byte| *byte == b':');
    let device = (number(device.next()?)?, number(device.next()?)?);
    let (root, point) = (fields.next()?, fields.next()?);
    // Options end with a dash: there is any number of them.
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

/// Bytes that would end a field or a line are there as `\040`.
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
