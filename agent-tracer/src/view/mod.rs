//! The model as text and as jsonl. This is the only place that formats, and it only reads.

mod changes;
#[cfg(feature = "capture")]
mod checkup;
mod connections;
mod destination;
mod escape;
mod field;
mod groups;
mod json;
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
mod socket;
mod summary;
mod table;
mod tags;
mod tree;
mod value;

#[cfg(feature = "capture")]
pub use checkup::{checkup, checkup_json};
pub use escape::{argument, arguments, text};
pub use field::Form;
use field::{Context, Field};
pub use json::{event_json, gap_json, header_json, tags_json};
pub use line::{event_line, gap_line, gap_text};
pub use list::List;
pub use numbers::{errno_name, signal_name};
pub use page::{Clock, Page, TimeStyle, bytes as size};
pub use process::{because, user, user_of};
pub use reference::reference;
pub use report::{Entry, Report, entries};
pub use summary::{
    Summary, caveats, completeness, hidden_of_system, hidden_without_author, looked_at, unmasked,
    why_not_compared,
};
pub use tags::{TagTable, TaggedAddress};
