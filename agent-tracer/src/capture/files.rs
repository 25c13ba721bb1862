//! Observes files: the watch by fanotify, and the walk before and after. It also opens files that a
//! hostile process may have placed. It interprets no change.

pub(in crate::capture) mod crontab;
pub(in crate::capture) mod descriptors;
mod homes;
mod native;
mod opened;
mod present;
mod roots;
pub(in crate::capture) mod safe_open;
mod walk;
mod watch;

pub use descriptors::writers;
pub use opened::OpenedFile;
pub use present::PresentFiles;
pub use roots::{Roots, USUAL_ROOTS};
pub use walk::Files;
pub use watch::{FileChange, FileWatch, open_mounts};
