//! Describes the page that a view is written on: width, colours, style of times.

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use unicode_width::UnicodeWidthChar;

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
        let since = (i128::from(boot_ns) - i128::from(self.clock.start_ns)) as f64 / 1e9;
        let timestamp = self.clock.timestamp(boot_ns);
        match (self.time, self.is_narrow()) {
            (TimeStyle::Relative, false) => format!("{since:>11.6}"),
            (TimeStyle::Relative, true) => format!("{since:>8.3}"),
            (TimeStyle::Absolute, false) => format!("{timestamp:.6}"),
            (TimeStyle::Absolute, true) => timestamp.strftime("%H:%M:%S%.3f").to_string(),
        }
    }

    pub(super) fn emphasise(&self, emphasis: Emphasis, text: &str) -> String {
        if !self.styled || text.is_empty() {
            return text.to_owned();
        }
        let style = match emphasis {
            Emphasis::Heading => Style::new().bold(),
            Emphasis::Faint => Style::new().dimmed(),
            Emphasis::Event => AnsiColor::Cyan.on_default(),
            Emphasis::Bad => AnsiColor::Red.on_default().bold(),
        };
        format!("{style}{text}{style:#}")
    }

    /// Breaks a line at spaces; `indent` is the number of columns before its later parts.
    pub(super) fn wrap(&self, line: &str, indent: usize) -> Vec<String> {
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

fn cut(line: String, width: usize) -> String {
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
    unicode_width::UnicodeWidthStr::width(text)
}

/// Greatest width of padding. Widths of `format!` have 16 bits, and one long cell must not
/// lengthen all others.
pub(super) const WIDEST: usize = 512;

/// Pads a text with spaces to `width` columns, or to [`WIDEST`].
pub(super) fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", missing(text, width))
}

/// Pads a text as [`pad`] does, with the spaces first.
pub(super) fn pad_left(text: &str, width: usize) -> String {
    format!("{}{text}", missing(text, width))
}

fn missing(text: &str, width: usize) -> String {
    " ".repeat(width.min(WIDEST).saturating_sub(columns(text)))
}

/// Writes a duration with about three digits.
pub(super) fn duration(nanoseconds: u64) -> String {
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
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{count} B")
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
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
