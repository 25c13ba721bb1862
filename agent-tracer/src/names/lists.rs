//! Describes the differences between the lists of clouds. They come from a data file, so that the
//! code names no cloud.

use std::sync::LazyLock;

use serde::Deserialize;

/// Formats of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ListFormat {
    /// Tags, each with its prefixes.
    Tags,
    /// Prefixes under keys like `ip_prefix`.
    Snake,
    /// Prefixes under keys like `ipv4Prefix`.
    Camel,
}

/// A published list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    pub(super) form: ListFormat,
    /// The cloud that owns the prefixes.
    pub cloud: String,
    #[serde(default)]
    pub(super) whole: Vec<String>,
    #[serde(default)]
    pub(super) nowhere: String,
    /// Its usual file name.
    pub file: String,
    /// Its URL.
    pub url: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists {
    list: Vec<Published>,
}

/// Returns the known lists.
pub fn published() -> &'static [Published] {
    static LISTS: LazyLock<Vec<Published>> = LazyLock::new(|| {
        // Cannot fail: a test reads this very file.
        toml::from_str(include_str!("../../names/lists.toml"))
            .map_or_else(|_| Vec::new(), |lists: Lists| lists.list)
    });
    &LISTS
}

impl Published {
    /// Returns the list of a format.
    pub(super) fn of(form: ListFormat) -> &'static Published {
        static UNKNOWN: Published = Published {
            form: ListFormat::Tags,
            cloud: String::new(),
            whole: Vec::new(),
            nowhere: String::new(),
            file: String::new(),
            url: String::new(),
        };
        // A test finds every format in the data file.
        published()
            .iter()
            .find(|list| list.form == form)
            .unwrap_or(&UNKNOWN)
    }

    /// Checks whether a tag covers the whole cloud, in one region or in all.
    pub(super) fn is_whole(&self, name: &str) -> bool {
        let service = name.split('.').next().unwrap_or(name);
        self.whole.iter().any(|whole| whole == service)
    }
}
