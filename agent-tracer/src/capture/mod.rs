//! The running kernel as a source of events. It never prints and decides nothing: it loads
//! the programs, reads their records and looks at /proc where no event tells.

mod attach;
mod btf;
mod checkup;
mod launch;
mod load;
mod losses;
mod observe;
mod plan;
mod privileges;
mod refusal;
mod users;

pub use checkup::Checkup;
pub use launch::{Launch, LaunchError, Launched, find_command};
pub use load::{Capture, CaptureError};
pub use observe::{
    HostFacts, NotFollowed, boot_now, check_process, clock_offset, host_facts, snapshot, start_of,
};
pub use plan::{Choice, Fact, Hook, HookFailure, Plan};
pub use privileges::Unprivileged;
pub use users::{Login, UserLookup, login};
