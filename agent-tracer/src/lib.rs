//! Library of `tracer`: records what an installer does, every process and every connection,
//! attributed to the agent it belongs to. See ARCHITECTURE.md for the map and the invariants.

#[cfg(feature = "capture")]
pub mod capture;
pub mod event;
pub mod findings;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod glob;
pub mod memory;
pub mod model;
pub mod names;
pub mod policy;
pub mod redact;
pub mod rules;
pub mod select;
pub mod session;
pub mod trace;
pub mod view;
