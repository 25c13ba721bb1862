//! What the views are written on: its width, whether it takes colour, how it shows time.

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use unicode_width::UnicodeWidthChar;

/// How times are shown.
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
    /// When the recording began, nanoseconds since boot.
    pub start_ns: u64,
    /// What to add for nanoseconds since 1970.
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

/// What a view is written on.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Columns that a line may have; none where nobody wraps it.
    pub width: Option<usize>,
    /// Whether colours are shown.
    pub styled: bool,
    /// How times are shown.
    pub time: TimeStyle,
    /// The clock of the trace.
    pub clock: Clock,
}

/// What is emphasised, and how.
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

    /// Whether there is only room for what matters most.
    pub(super) fn is_narrow(&self) -> bool {
        self.width.is_some_and(|width| width < 100)
    }

    /// A time, as wide as every other one on this page.
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

    /// The line, broken at spaces to the width; `indent` are the columns before its later parts.
    pub(super) fn wrap(&self, line: &str, indent: usize) -> Vec<String> {
        self.broken(line, indent, false)
    }

    /// As [`Self::wrap`], but what is longer than a line goes on in the next one.
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

    /// The line, cut to the width with an ellipsis. Escape sequences take no room.
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

/// Columns that a text takes.
pub(super) fn columns(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

/// The most that a text is filled up to. No length of a text of the trace goes into a format,
/// whose widths have 16 bits, and one long cell does not make all others as long.
pub(super) const WIDEST: usize = 512;

/// The text, filled up with spaces to `width` columns, or to [`WIDEST`].
pub(super) fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", missing(text, width))
}

/// As [`pad`], but the spaces come first.
pub(super) fn pad_left(text: &str, width: usize) -> String {
    format!("{}{text}", missing(text, width))
}

fn missing(text: &str, width: usize) -> String {
    " ".repeat(width.min(WIDEST).saturating_sub(columns(text)))
}

/// A duration in three digits or so.
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

/// A number of bytes, with a binary unit.
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
