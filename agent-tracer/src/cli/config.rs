//! Reads `--config`: the options of `record` as a TOML file, for a service. The command line goes
//! before it; lists of both are joined.

use std::{
    fmt,
    fs::File,
    io::Read,
    marker::PhantomData,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::bail;
use serde::{
    Deserialize, Deserializer,
    de::{self, SeqAccess, Visitor},
};

use super::{
    filter::duration,
    record::Arguments,
    segments::{self, Limit},
};

/// Limit of the bytes of the file.
const LIMIT: u64 = 1 << 20;

/// The settings, named as the options are.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    system: bool,
    pid: Option<u32>,
    unit: Option<String>,
    output: Option<PathBuf>,
    #[serde(deserialize_with = "one_or_many")]
    rotate: Vec<LimitText>,
    #[serde(deserialize_with = "one_or_many")]
    keep: Vec<LimitText>,
    metrics: Option<PathBuf>,
    #[serde(rename = "for")]
    limit: Option<DurationText>,
    #[serde(deserialize_with = "one_or_many")]
    rules: Vec<PathBuf>,
    #[serde(deserialize_with = "one_or_many")]
    service_tags: Vec<PathBuf>,
    #[serde(deserialize_with = "one_or_many")]
    watch: Vec<PathBuf>,
    #[serde(deserialize_with = "one_or_many")]
    ignore: Vec<String>,
    #[serde(deserialize_with = "one_or_many")]
    secrets: Vec<PathBuf>,
    #[serde(deserialize_with = "one_or_many")]
    redact_value_from: Vec<PathBuf>,
    no_redact: bool,
    no_changes: bool,
    failed_execs: bool,
    quiet: bool,
}

/// A size or a time.
#[derive(Debug)]
struct LimitText(Limit);

impl<'de> Deserialize<'de> for LimitText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<LimitText, D::Error> {
        let text = String::deserialize(deserializer)?;
        segments::limit(&text)
            .map(LimitText)
            .map_err(de::Error::custom)
    }
}

/// A time.
#[derive(Debug)]
struct DurationText(Duration);

impl<'de> Deserialize<'de> for DurationText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<DurationText, D::Error> {
        let text = String::deserialize(deserializer)?;
        duration(&text).map(DurationText).map_err(de::Error::custom)
    }
}

/// Reads a text or a list of texts.
fn one_or_many<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    struct OneOrMany<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMany<T> {
        type Value = Vec<T>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a text or a list of texts")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<T>, E> {
            let text = de::value::StrDeserializer::<E>::new(text);
            Ok(vec![T::deserialize(text)?])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut all = Vec::new();
            while let Some(one) = list.next_element()? {
                all.push(one);
            }
            Ok(all)
        }
    }
    deserializer.deserialize_any(OneOrMany(PhantomData))
}

/// Adds the settings of a file to the arguments.
pub(super) fn add(path: &Path, arguments: &mut Arguments) -> anyhow::Result<()> {
    let mut text = String::new();
    let file = File::open(path);
    let read = file.and_then(|file| file.take(LIMIT + 1).read_to_string(&mut text));
    let read = read.map_err(|error| {
        anyhow::anyhow!(
            "cannot read the settings in {}: {error}\nhint: check the name and its permissions",
            path.display()
        )
    })?;
    if read as u64 > LIMIT {
        bail!(
            "cannot read the settings in {}: the file has more than 1 MiB",
            path.display()
        );
    }
    let settings = parse(path, &text)?;
    merge(settings, arguments);
    Ok(())
}

fn parse(path: &Path, text: &str) -> anyhow::Result<Settings> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let at = error.span().map_or(0, |span| span.start);
        let before = text.get(..at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|it| *it != '\n').count() + 1;
        let message = error.message();
        let file = path.display();
        anyhow::anyhow!(
            "cannot use the settings in {file}:{line}:{column}: {message}\n\
             hint: keys are the long options of `tracer record`, such as rotate = \"1h\""
        )
    })
}

fn merge(settings: Settings, arguments: &mut Arguments) {
    let has_target = arguments.has_target();
    let limits = |own: &mut Vec<Limit>, more: Vec<LimitText>| {
        // A limit of the command line replaces those of the file.
        if own.is_empty() {
            own.extend(more.into_iter().map(|limit| limit.0));
        }
    };
    if !has_target {
        arguments.system = settings.system;
        arguments.pid = settings.pid;
        arguments.unit = settings.unit;
    }
    arguments.output = arguments.output.take().or(settings.output);
    limits(&mut arguments.segments.rotate, settings.rotate);
    limits(&mut arguments.segments.keep, settings.keep);
    let metrics = arguments.segments.metrics.take();
    arguments.segments.metrics = metrics.or(settings.metrics);
    arguments.limit = arguments.limit.or(settings.limit.map(|limit| limit.0));
    arguments.rules.extend(settings.rules);
    arguments.service_tags.extend(settings.service_tags);
    arguments.watch.extend(settings.watch);
    arguments.ignore.extend(settings.ignore);
    arguments.redaction.secrets.extend(settings.secrets);
    let values = &mut arguments.redaction.redact_value_from;
    values.extend(settings.redact_value_from);
    arguments.redaction.no_redact |= settings.no_redact;
    arguments.no_changes |= settings.no_changes;
    arguments.failed_execs |= settings.failed_execs;
    arguments.quiet |= settings.quiet;
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::parse;

    fn error(text: &str) -> String {
        let parsed = parse(Path::new("record.toml"), text);
        parsed.map_or_else(
            |error| error.to_string(),
            |settings| format!("{settings:?}"),
        )
    }

    #[test]
    fn an_error_names_its_place() {
        let unknown = error("system = true\n\n  rotat = \"1h\"\n");
        assert!(
            unknown.contains("record.toml:3:3: unknown field `rotat`"),
            "{unknown}"
        );
        let limit = error("rotate = [\"1h\", \"many\"]");
        assert!(limit.contains("record.toml:1:10: write a size"), "{limit}");
        let kind = error("system = 1");
        assert!(kind.contains("record.toml:1:10"), "{kind}");
        let syntax = error("system = true\nkeep ");
        assert!(syntax.contains("record.toml:2:"), "{syntax}");
    }

    #[test]
    fn a_list_may_be_one_text() {
        for text in ["rotate = \"1h\"", "rotate = [\"1h\"]"] {
            let settings = parse(Path::new("x"), text).expect("settings");
            assert_eq!(settings.rotate.len(), 1);
        }
    }
}
