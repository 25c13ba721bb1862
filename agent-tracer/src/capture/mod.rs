//! The running kernel as a source of events. It never prints and decides nothing: it loads
//! the programs, reads their records and looks at /proc where no event tells.

mod btf;
mod launch;
mod load;
mod observe;
mod plan;
mod users;

pub use launch::{Launch, LaunchError, Launched};
pub use load::{Capture, CaptureError};
pub use observe::{boot_now, clock_offset, host_facts, snapshot, start_of, HostFacts};
pub use plan::{Choice, Fact, HookFailure, Plan};
pub use users::{UserLookup, login};
