//! The model as text and as jsonl. This is the only place that formats, and it only reads.

mod changes;
#[cfg(feature = "capture")]
mod checkup;
mod connections;
mod destination;
mod escape;
mod groups;
mod json;
mod line;
mod listeners;
mod lookups;
mod naming;
mod numbers;
mod page;
mod process;
mod report;
mod summary;
mod table;
mod tags;
mod tree;

pub use changes::{Action, Change, Kind, Within, change_json, changes, collect as collect_changes};
#[cfg(feature = "capture")]
pub use checkup::{checkup, checkup_json};
pub use connections::connections;
pub use escape::{argument, arguments, text};
pub use groups::{By, Group, group_json, group_lines, groups};
pub use json::{connection_json, event_json, gap_json, lookup_json, process_json};
pub use line::{event_line, gap_line, gap_text};
pub use listeners::{listener_json, listeners};
pub use lookups::{lookups, name_lookup_json};
pub use numbers::{errno_name, signal_name};
pub use page::{Clock, Page, TimeStyle, bytes as size};
pub use process::{because, user, user_of};
pub use report::{Entry, Report, Shown, findings};
pub use summary::{Summary, caveats, completeness, looked_at, unmasked, why_not_compared};
pub use tags::{Lookup, LookupTable};
pub use tree::tree;
