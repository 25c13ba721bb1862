//! What an address is called: by the tags of the lists that clouds publish, and by what it is wherever it is seen. Refuses to
//! ask the network, to look for files by itself, and to know any cloud outside a data file (`agent-tracer/names/*.toml`).
//!
//! ```
//! # use agent_tracer::names::{Tags, note};
//! # let text = br#"{"cloud": "Public", "values": [{"name": "AzureMonitor.JapanEast", "properties":
//! #     {"region": "japaneast", "systemService": "AzureMonitor", "addressPrefixes": ["40.79.194.104/29"]}}]}"#;
//! # let tags = Tags::parse("tags.json", text)?;
//! let address = "40.79.194.105".parse().unwrap();
//! let best = tags.lookup(address).next().unwrap();
//! assert_eq!((best.name, best.region), ("AzureMonitor.JapanEast", "japaneast"));
//! assert_eq!(note("169.254.169.254".parse().unwrap(), None), Some("instance metadata"));
//! # Ok::<(), agent_tracer::names::TagError>(())
//! ```

mod build;
mod error;
mod lists;
mod read;
mod special;
mod tags;
#[cfg(test)]
mod tests;

pub use error::TagError;
pub use lists::{Published, published};
pub use special::note;
pub use tags::{Match, Matches, TagList, Tags};
