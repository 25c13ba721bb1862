//! Recordings as tables for other tools, a folder of files a fleet. `column` has the columns,
//! from the same declarations as jsonl; each format is a file.

mod column;
#[cfg(feature = "export")]
mod in_toto;
#[cfg(feature = "export")]
mod ocsf;
mod origin;
#[cfg(feature = "export")]
mod otlp;
#[cfg(feature = "export")]
mod parquet;
#[cfg(feature = "export")]
mod perfetto;
mod recording;
mod reference;
#[cfg(feature = "export")]
mod row;
#[cfg(feature = "export")]
mod shred;
mod table;

use super::Clock;
#[cfg(feature = "export")]
use crate::model::Process;
use crate::{model::Model, trace::Header};

#[cfg(feature = "export")]
pub use in_toto::Subject;
pub use reference::table_reference;
pub use table::Table;

/// The version of the columns. It grows when a column is renamed, removed or changes its type.
const SCHEMA: u64 = 1;

/// A recording to export.
pub struct Export<'a> {
    /// Circumstances of the recording.
    pub header: &'a Header,
    /// The model of all of its events.
    pub model: &'a Model,
    /// Its clock.
    pub clock: Clock,
    /// Number of its events.
    pub events: u64,
}

#[cfg(feature = "export")]
impl Export<'_> {
    /// Returns start and end of a process within the recording, nanoseconds since boot.
    fn life_of(&self, process: &Process) -> [u64; 2] {
        let (_, last_ns) = self.model.span();
        let started_ns = process.forked_ns.unwrap_or(self.clock.start_ns);
        let ended_ns = process.ended().map_or(last_ns, |(ended_ns, _)| ended_ns);
        [started_ns, ended_ns.max(started_ns)]
    }
}
