//! The model as text and as jsonl. This is the only place that formats, and it only reads.

mod changes;
#[cfg(feature = "capture")]
mod checkup;
mod comparison;
mod connections;
mod destination;
mod escape;
mod export;
mod field;
mod firewall;
mod groups;
mod json;
mod kept;
mod line;
mod list;
mod listeners;
mod lookups;
mod missing;
mod naming;
mod numbers;
mod page;
mod privilege;
mod process;
mod processes;
mod reference;
mod report;
mod shape;
mod socket;
mod summary;
mod table;
mod tags;
mod tree;
mod value;
mod verdict;
#[cfg(feature = "watch")]
pub mod watch;

#[cfg(feature = "capture")]
pub use checkup::{checkup, checkup_json};
pub use comparison::{comparison_jsonl, comparison_text};
pub use escape::{argument, arguments, text};
#[cfg(feature = "export")]
pub use export::Subject;
pub use export::{Export, Table, table_reference};
pub use field::Form;
use field::{Context, Field};
pub use firewall::{FirewallFormat, firewall};
pub use json::{JsonLines, event_json, gap_json, header_json, tags_json};
pub use line::{event_line, gap_line, gap_text};
pub use list::List;
pub use numbers::{errno_name, signal_name};
pub use page::{Clock, Page, TimeStyle, bytes as size, duration};
pub use process::{because, user, user_of};
pub use reference::reference;
pub use report::{Against, Entry, Report, entries};
pub use summary::{
    MaskedSecret, Summary, caveats, completeness, hidden_of_system, hidden_without_author,
    looked_at, seen_elsewhere, unmasked, why_not_compared,
};
pub use tags::{TagTable, TaggedAddress};
pub use verdict::{
    GithubOutput, github, verdict_jsonl, verdict_junit, verdict_sarif, verdict_text,
};

/// Lists the missing parts of a recording, one sentence each; not escaped.
pub fn missing_parts(model: &crate::model::Model) -> Vec<String> {
    missing::missing(model)
}
pub use tree::TreeStyle;
