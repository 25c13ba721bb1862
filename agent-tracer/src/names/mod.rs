//! Names addresses: by the tags in the lists that clouds publish, and by their fixed meaning. It
//! asks no network, searches for no files, and knows clouds from data files alone
//! (`agent-tracer/names/*.toml`).
//!
//! ```
//! # use agent_tracer::names::{Tags, note};
//! # let text = br#"{"cloud": "Public", "values": [{"name": "AzureMonitor.JapanEast", "properties":
//! #     {"region": "japaneast", "systemService": "AzureMonitor",
//! #      "addressPrefixes": ["40.79.194.104/29"]}}]}"#;
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
