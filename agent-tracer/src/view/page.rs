//! Describes the page that a view is written on: width, colours, style of times.

use std::{cmp::Ordering, fmt::Write, net::SocketAddr};

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use unicode_width::UnicodeWidthChar;

use super::escape::is_visible_ascii;

/// The style of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeStyle {
    /// Seconds since the recording began.
    Relative,
    /// Date and time of day, UTC.
    Absolute,
}

/// Turns nanoseconds since boot into times.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    /// Start of the recording, nanoseconds since boot.
    pub start_ns: u64,
    /// Offset to nanoseconds since 1970.
    pub offset_ns: i64,
}

impl Clock {
    /// RFC 3339, UTC, with nanoseconds.
    pub fn rfc3339(&self, boot_ns: u64) -> String {
        format!("{:.9}", self.timestamp(boot_ns))
    }

    /// Writes the day, UTC: `2026-01-31`.
    pub fn date(&self, boot_ns: u64) -> String {
        self.timestamp(boot_ns).strftime("%Y-%m-%d").to_string()
    }

    fn timestamp(&self, boot_ns: u64) -> Timestamp {
        Timestamp::from_nanosecond(i128::from(boot_ns) + i128::from(self.offset_ns))
            .unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// The page that a view is written on.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Columns of a line; none if lines are not limited.
    pub width: Option<usize>,
    /// True if the page shows colours.
    pub styled: bool,
    /// The style of times.
    pub time: TimeStyle,
    /// The clock of the trace.
    pub clock: Clock,
}

/// The emphasis of a text.
#[derive(Clone, Copy)]
pub(super) enum Emphasis {
    Heading,
    Faint,
    Event,
    Bad,
}

impl Page {
    /// Returns a page of any width, without colours.
    pub(super) fn unlimited(clock: Clock) -> Page {
        Page {
            width: None,
            styled: false,
            time: TimeStyle::Relative,
            clock,
        }
    }

    /// Returns true if the page has room for the essentials only.
    pub(super) fn is_narrow(&self) -> bool {
        self.width.is_some_and(|width| width < 100)
    }

    /// Writes a time, as wide as every other time on this page.
    pub fn time(&self, boot_ns: u64) -> String {
        let since = || (i128::from(boot_ns) - i128::from(self.clock.start_ns)) as f64 / 1e9;
        let timestamp = || self.clock.timestamp(boot_ns);
        match (self.time, self.is_narrow()) {
            (TimeStyle::Relative, false) => match boot_ns.checked_sub(self.clock.start_ns) {
                Some(since_ns) if is_rounded_alike(since_ns) => microseconds(since_ns),
                Some(_) | None => format!("{:>11.6}", since()),
            },
            (TimeStyle::Relative, true) => format!("{:>8.3}", since()),
            (TimeStyle::Absolute, false) => format!("{:.6}", timestamp()),
            (TimeStyle::Absolute, true) => timestamp().strftime("%H:%M:%S%.3f").to_string(),
        }
    }

    /// Appends a time as [`Self::time`] writes it, faint.
    pub(super) fn push_time(&self, line: &mut String, boot_ns: u64) {
        let since_ns = boot_ns.checked_sub(self.clock.start_ns);
        match since_ns.filter(|since_ns| is_rounded_alike(*since_ns)) {
            Some(since_ns)
                if self.time == TimeStyle::Relative && !self.styled && !self.is_narrow() =>
            {
                push_microseconds(line, since_ns);
            }
            Some(_) | None => self.push(line, Emphasis::Faint, &self.time(boot_ns)),
        }
    }

    pub(super) fn emphasise(&self, emphasis: Emphasis, text: &str) -> String {
        let mut line = String::new();
        self.push(&mut line, emphasis, text);
        line
    }

    /// Appends a text with emphasis.
    pub(super) fn push(&self, line: &mut String, emphasis: Emphasis, text: &str) {
        if !self.styled || text.is_empty() {
            return line.push_str(text);
        }
        let style = match emphasis {
            Emphasis::Heading => Style::new().bold(),
            Emphasis::Faint => Style::new().dimmed(),
            Emphasis::Event => AnsiColor::Cyan.on_default(),
            Emphasis::Bad => AnsiColor::Red.on_default().bold(),
        };
        // Writing to a string cannot fail.
        let _ = write!(line, "{style}{text}{style:#}");
    }

    /// Breaks a line at spaces; `indent` is the number of columns before its later parts.
    pub fn wrap(&self, line: &str, indent: usize) -> Vec<String> {
        self.broken(line, indent, false)
    }

    /// Breaks a line as [`Self::wrap`] does, but also within words that are longer than a line.
    pub(super) fn wrap_whole(&self, line: &str, indent: usize) -> Vec<String> {
        self.broken(line, indent, true)
    }

    fn broken(&self, line: &str, indent: usize, within_words: bool) -> Vec<String> {
        let indentation = " ".repeat(indent);
        let options = textwrap::Options::new(self.width.unwrap_or(usize::MAX))
            .subsequent_indent(&indentation)
            .break_words(within_words)
            .word_separator(textwrap::WordSeparator::AsciiSpace)
            .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit);
        textwrap::wrap(line, options)
            .into_iter()
            .map(|part| part.into_owned())
            .collect()
    }

    /// Cuts a line to the width with an ellipsis. Escape sequences take no columns.
    pub fn fit(&self, line: String) -> String {
        match self.width {
            Some(width) => cut(line, width),
            None => line,
        }
    }
}

/// Longest time that is rounded as an integer: eleven days. As a float it has an error of far less
/// than a nanosecond.
const ROUNDED_NS: u64 = 1_000_000_000_000_000;

/// True if a float is rounded to microseconds as the integer is: not in the middle between two.
fn is_rounded_alike(since_ns: u64) -> bool {
    since_ns < ROUNDED_NS && since_ns % 1000 != 500
}

/// Writes seconds with six digits behind the point, at least eleven columns. A float takes three
/// times as long.
fn push_microseconds(text: &mut String, since_ns: u64) {
    let rounded = (since_ns + 500) / 1000;
    let (mut whole, mut fraction) = (itoa::Buffer::new(), itoa::Buffer::new());
    let whole = whole.format(rounded / 1_000_000);
    let fraction = fraction.format(rounded % 1_000_000);
    text.push_str("    ".get(whole.len()..).unwrap_or_default());
    text.push_str(whole);
    text.push('.');
    text.push_str("000000".get(fraction.len()..).unwrap_or_default());
    text.push_str(fraction);
}

/// Writes them likewise.
fn microseconds(since_ns: u64) -> String {
    let mut text = String::with_capacity(16);
    push_microseconds(&mut text, since_ns);
    text
}

pub(super) fn cut(line: String, width: usize) -> String {
    let mut column = 0;
    let mut keep = 0;
    let mut styled = false;
    let mut characters = line.char_indices();
    while let Some((position, character)) = characters.next() {
        if character == '\x1b' {
            styled = true;
            for (_, inner) in characters.by_ref() {
                if inner == 'm' {
                    break;
                }
            }
            continue;
        }
        let wide = character.width().unwrap_or(0);
        if column + wide > width {
            let mut short = line[..keep].to_owned();
            short.push('…');
            if styled {
                short.push_str("\x1b[0m");
            }
            return short;
        }
        column += wide;
        if column < width {
            keep = position + character.len_utf8();
        }
    }
    line
}

/// Returns the columns that a text takes.
pub(super) fn columns(text: &str) -> usize {
    if is_visible_ascii(text.as_bytes()) {
        return text.len();
    }
    unicode_width::UnicodeWidthStr::width(text)
}

/// Greatest width of padding. Widths of `format!` have 16 bits, and one long cell must not
/// lengthen all others.
pub(super) const WIDEST: usize = 512;

/// Pads a text with spaces to `width` columns, or to [`WIDEST`].
pub(super) fn pad(text: &str, width: usize) -> String {
    let mut padded = String::with_capacity(text.len().max(width.min(WIDEST)));
    padded.push_str(text);
    push_missing(&mut padded, text, width);
    padded
}

/// Appends the spaces that a text lacks to `width` columns, or to [`WIDEST`].
pub(super) fn push_missing(line: &mut String, text: &str, width: usize) {
    push_missing_columns(line, columns(text), width);
}

/// Appends the spaces that the text behind `start` lacks to `width` columns, or to [`WIDEST`].
pub(super) fn pad_from(line: &mut String, start: usize, width: usize) {
    let text = line.get(start..).unwrap_or_default();
    push_missing_columns(line, columns(text), width);
}

/// Appends the spaces that so many columns lack to `width` columns, or to [`WIDEST`].
pub(super) fn push_missing_columns(line: &mut String, columns: usize, width: usize) {
    const SPACES: &str = "                ";
    let missing = width.min(WIDEST).saturating_sub(columns);
    match SPACES.get(..missing) {
        Some(spaces) => line.push_str(spaces),
        None => line.extend(std::iter::repeat_n(' ', missing)),
    }
}

/// Pads a text as [`pad`] does, with the spaces first.
pub(super) fn pad_left(text: &str, width: usize) -> String {
    format!("{}{text}", missing(text, width))
}

fn missing(text: &str, width: usize) -> String {
    " ".repeat(width.min(WIDEST).saturating_sub(columns(text)))
}

/// Writes a duration with about three digits.
pub fn duration(nanoseconds: u64) -> String {
    let seconds = nanoseconds as f64 / 1e9;
    if seconds < 0.001 {
        format!("{:.0}us", seconds * 1e6)
    } else if seconds < 1.0 {
        format!("{:.1}ms", seconds * 1e3)
    } else if seconds < 60.0 {
        format!("{seconds:.1}s")
    } else if seconds < 3600.0 {
        format!("{:.0}m{:02.0}s", (seconds / 60.0).floor(), seconds % 60.0)
    } else {
        format!(
            "{:.0}h{:02.0}m",
            (seconds / 3600.0).floor(),
            (seconds / 60.0).floor() % 60.0
        )
    }
}

/// Writes a number of bytes with a binary unit.
pub fn bytes(count: u64) -> String {
    let mut text = String::with_capacity(16);
    push_bytes(&mut text, count);
    text
}

/// Appends a number of bytes likewise. A float takes several times as long as the integer.
pub(super) fn push_bytes(line: &mut String, count: u64) {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    while count >> (10 * unit) >= 1024 && unit + 1 < UNITS.len() {
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    let one = 1_u64 << (10 * unit);
    let (whole, rest) = (count / one, count % one);
    let mut push = |number: u64| line.push_str(itoa::Buffer::new().format(number));
    if unit == 0 {
        push(count);
    } else {
        let tenths = rest * 10;
        // Halves are rounded to the even digit, as those of a float.
        let is_up = match (2 * (tenths % one)).cmp(&one) {
            Ordering::Less => false,
            Ordering::Equal => (tenths / one) % 2 == 1,
            Ordering::Greater => true,
        };
        let tenths = whole * 10 + tenths / one + u64::from(is_up);
        push(tenths / 10);
        line.push('.');
        line.push_str(itoa::Buffer::new().format(tenths % 10));
    }
    line.push(' ');
    line.push_str(name);
}

/// Appends an address with its port.
pub(super) fn push_address(line: &mut String, address: SocketAddr) {
    let SocketAddr::V4(v4) = address else {
        // Writing to a string cannot fail.
        let _ = write!(line, "{address}");
        return;
    };
    let mut digits = itoa::Buffer::new();
    for (position, byte) in v4.ip().octets().into_iter().enumerate() {
        if position > 0 {
            line.push('.');
        }
        line.push_str(digits.format(byte));
    }
    line.push(':');
    line.push_str(digits.format(v4.port()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_too_wide_to_pad() {
        let wide = "a".repeat(70_000);
        assert_eq!(pad(&wide, 70_000), wide);
        assert_eq!(columns(&pad("a", 70_000)), WIDEST);
        assert_eq!(columns(&pad_left("a", usize::MAX)), WIDEST);
        assert_eq!(pad("日", 4), "日  ");
        assert_eq!(pad_left("日", 4), "  日");
    }

    #[test]
    fn bytes_are_rounded_as_floats_are() {
        let as_float = |count: u64| {
            let mut value = count as f64;
            let units = ["B", "KiB", "MiB", "GiB", "TiB"];
            let mut unit = 0;
            while value >= 1024.0 && unit < 4 {
                value /= 1024.0;
                unit += 1;
            }
            match unit {
                0 => format!("{count} B"),
                _ => format!("{value:.1} {}", units[unit]),
            }
        };
        for shift in 0..52 {
            let base = 1_u64 << shift;
            for step in 0..4096 {
                let count = base + base / 4096 * step + step % 7;
                assert_eq!(bytes(count), as_float(count), "{count}");
            }
        }
        for count in 0..300_000 {
            assert_eq!(bytes(count), as_float(count), "{count}");
        }
    }

    #[test]
    fn addresses_are_those_of_std() {
        for address in [
            "0.0.0.0:0",
            "203.0.113.255:65535",
            "[::1]:80",
            "[fe80::1%3]:443",
        ] {
            let address: SocketAddr = address.parse().expect("an address");
            let mut line = String::new();
            push_address(&mut line, address);
            assert_eq!(line, address.to_string());
        }
    }

    #[test]
    fn times_are_rounded_as_floats_are() {
        let page = Page::unlimited(Clock::default());
        let small = (0..3_000).chain(999_998_000..1_000_002_000);
        let large = [
            ROUNDED_NS - 501,
            ROUNDED_NS - 1,
            ROUNDED_NS,
            12_345_678_901_499,
        ];
        for since_ns in small.chain(large) {
            let expected = format!("{:>11.6}", since_ns as f64 / 1e9);
            assert_eq!(page.time(since_ns), expected, "{since_ns}");
        }
    }

    #[test]
    fn a_cut_line_has_at_most_the_width() {
        assert_eq!(cut("abcdef".to_owned(), 6), "abcdef");
        assert_eq!(cut("abcdefg".to_owned(), 6), "abcde…");
        assert_eq!(cut("日本語テキスト".to_owned(), 6), "日本…");
        assert_eq!(
            cut("\x1b[1mabcdefg\x1b[0m".to_owned(), 6),
            "\x1b[1mabcde…\x1b[0m"
        );
    }
}
