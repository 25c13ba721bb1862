//! SegmentOptions of a recording of many segments: `--rotate`, `--keep`, `--metrics`.

use std::{path::PathBuf, time::Duration};

use agent_tracer::session::{Keep, Rotation};
use anyhow::bail;

/// The smallest size of a segment: below, its opening would be most of it.
const LEAST_BYTES: u64 = 64 << 10;

/// The shortest time of a segment.
const LEAST_TIME: Duration = Duration::from_secs(1);

/// SegmentOptions for segments.
#[derive(clap::Args)]
pub(super) struct SegmentOptions {
    /// Write segments into the directory of -o, each a whole trace, and begin the next at this size
    /// or after this time, such as 64MiB or 1h; may be given once as each. SIGHUP begins one, too
    #[arg(long, value_name = "SIZE|TIME", value_parser = limit)]
    pub(super) rotate: Vec<Limit>,
    /// Delete the oldest segments of this host beyond this size of all, or older than this, such as
    /// 2GiB or 30d; may be given once as each. The next segment says what was deleted
    #[arg(long, value_name = "SIZE|TIME", value_parser = limit)]
    pub(super) keep: Vec<Limit>,
    /// Write counts of events and losses to this file every 15 s, for Prometheus' node_exporter
    #[arg(long, value_name = "FILE.prom")]
    pub(super) metrics: Option<PathBuf>,
}

/// A size or a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// Bytes, and as the user wrote them.
    Size(u64, String),
    /// A time, likewise.
    Time(Duration, String),
}

impl Limit {
    fn words(&self) -> &str {
        match self {
            Limit::Size(_, words) | Limit::Time(_, words) => words,
        }
    }
}

/// Parses a size or a time, each with its unit.
pub(super) fn limit(text: &str) -> Result<Limit, String> {
    let text = text.trim();
    if let Some(bytes) = size(text) {
        return Ok(Limit::Size(bytes, text.to_owned()));
    }
    match time(text) {
        Some(time) => Ok(Limit::Time(time, text.to_owned())),
        None => Err(
            "write a size with its unit, like 64MiB or 2GiB, or a time, like 1h or 30d".to_owned(),
        ),
    }
}

/// Reads a size; a letter alone is a power of 1024, as in systemd.
fn size(text: &str) -> Option<u64> {
    let digits = text.find(|character: char| !character.is_ascii_digit() && character != '.')?;
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim() {
        "B" => 1,
        "kB" | "KB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "K" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        "T" | "TiB" => 1 << 40,
        _ => return None,
    };
    let bytes = number.parse::<f64>().ok()? * unit as f64;
    (1.0..1e18).contains(&bytes).then_some(bytes as u64)
}

/// Reads a time; a day has 24 hours.
fn time(text: &str) -> Option<Duration> {
    let span: jiff::Span = text.parse().ok()?;
    let days = jiff::SpanRelativeTo::days_are_24_hours();
    let time = Duration::try_from(span.to_duration(days).ok()?).ok()?;
    (!time.is_zero()).then_some(time)
}

/// Settings of a recording.
pub(super) struct Wanted<'a> {
    pub(super) options: &'a SegmentOptions,
    /// The path of -o.
    pub(super) output: Option<&'a PathBuf>,
    /// True for the recording of a command.
    pub(super) is_command: bool,
    /// An option that needs a single file, if there is one.
    pub(super) single: Option<&'static str>,
}

/// Returns the settings of segments, if there are to be any.
pub(super) fn rotation(wanted: &Wanted<'_>) -> anyhow::Result<Option<Rotation>> {
    let SegmentOptions { rotate, keep, .. } = wanted.options;
    if rotate.is_empty() {
        if !keep.is_empty() {
            bail!(
                "cannot delete old segments: there are none without --rotate\n\
                 hint: add --rotate, such as --rotate 1h"
            );
        }
        return Ok(None);
    }
    if wanted.is_command {
        bail!(
            "cannot rotate: the recording of a command is one trace\n\
             hint: leave out --rotate, or record with --system, --unit or --pid"
        );
    }
    if let Some(option) = wanted.single {
        bail!("cannot rotate with {option}, which is for a single trace\nhint: leave out {option}");
    }
    let Some(directory) = wanted.output else {
        bail!(
            "cannot rotate: there is no directory for the segments\n\
             hint: add -o DIR, such as -o /var/lib/tracer"
        );
    };
    let (size, age) = both("--rotate", rotate)?;
    if size.is_some_and(|size| size < LEAST_BYTES) || age.is_some_and(|age| age < LEAST_TIME) {
        bail!("cannot rotate so often\nhint: give --rotate at least 64KiB, or 1s");
    }
    let (bytes, kept) = both("--keep", keep)?;
    let words: Vec<&str> = keep.iter().map(Limit::words).collect();
    Ok(Some(Rotation {
        directory: directory.clone(),
        size,
        age,
        keep: Keep {
            bytes,
            age: kept,
            words: words.join(" or "),
        },
    }))
}

/// Returns the size and the time, each of which may be given once.
fn both(option: &str, limits: &[Limit]) -> anyhow::Result<(Option<u64>, Option<Duration>)> {
    let (mut size, mut time) = (None, None);
    for limit in limits {
        let is_second = match limit {
            Limit::Size(bytes, _) => size.replace(*bytes).is_some(),
            Limit::Time(length, _) => time.replace(*length).is_some(),
        };
        if is_second {
            bail!("cannot use {option} twice for the same\nhint: give one size and one time");
        }
    }
    Ok((size, time))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Limit, limit, size};

    #[test]
    fn sizes_and_times_have_units() {
        for (text, bytes) in [
            ("64MiB", 64 << 20),
            ("2GiB", 2 << 30),
            ("1.5G", 3 << 29),
            ("500 kB", 500_000),
            ("100B", 100),
        ] {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for (text, seconds) in [
            ("1h", 3600),
            ("30d", 2_592_000),
            ("1h30m", 5400),
            ("90s", 90),
        ] {
            let expected = Limit::Time(Duration::from_secs(seconds), text.to_owned());
            assert_eq!(limit(text), Ok(expected));
        }
        for text in [
            "", "64", "-1h", "0MiB", "1e9MiB", "MiB", "1month", "0s", "64 XiB", "1.2.3M",
        ] {
            assert!(limit(text).is_err(), "{text}");
        }
    }
}
