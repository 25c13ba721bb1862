//! The lists that clouds publish, as far as one differs from another: from a data file, so that no cloud is named here.

use std::sync::LazyLock;

use serde::Deserialize;

/// What a list consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ListFormat {
    /// Tags, each with its prefixes.
    Tags,
    /// Prefixes under keys such as `ip_prefix`.
    Snake,
    /// Prefixes under keys such as `ipv4Prefix`.
    Camel,
}

/// A list that can be had.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    pub(super) form: ListFormat,
    /// Whose prefixes it has.
    pub cloud: String,
    #[serde(default)]
    pub(super) whole: Vec<String>,
    #[serde(default)]
    pub(super) nowhere: String,
    /// What it is called where it is published.
    pub file: String,
    /// Where that is.
    pub url: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists {
    list: Vec<Published>,
}

/// The lists that are understood.
pub fn published() -> &'static [Published] {
    static LISTS: LazyLock<Vec<Published>> = LazyLock::new(|| {
        // Cannot fail: a test reads this very file.
        toml::from_str(include_str!("../../names/lists.toml"))
            .map_or_else(|_| Vec::new(), |lists: Lists| lists.list)
    });
    &LISTS
}

impl Published {
    /// The list that has a form.
    pub(super) fn of(form: ListFormat) -> &'static Published {
        static UNKNOWN: Published = Published {
            form: ListFormat::Tags,
            cloud: String::new(),
            whole: Vec::new(),
            nowhere: String::new(),
            file: String::new(),
            url: String::new(),
        };
        // A test finds every form in the data file.
        published()
            .iter()
            .find(|list| list.form == form)
            .unwrap_or(&UNKNOWN)
    }

    /// Whether a tag stands for the whole cloud, in one region or in all.
    pub(super) fn is_whole(&self, name: &str) -> bool {
        let service = name.split('.').next().unwrap_or(name);
        self.whole.iter().any(|whole| whole == service)
    }
}
