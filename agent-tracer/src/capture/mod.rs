//! The running kernel as a source of events. It never prints and decides nothing: it loads
//! the programs, reads their records, listens to fanotify and systemd, and looks at /proc where nothing tells.

mod attach;
mod btf;
mod checkup;
mod connect;
mod crontab;
mod descriptors;
mod error;
mod files;
mod hierarchy;
mod homes;
mod hook;
mod hosts;
mod inventory;
mod launch;
mod load;
mod losses;
mod memory;
mod mounts;
mod observe;
mod packed;
mod plan;
mod privileges;
mod refusal;
mod regular;
mod roots;
mod sockets;
mod standing;
mod units;
mod users;
mod walk;

pub use checkup::Checkup;
pub use descriptors::writers as writers_of;
pub use error::CaptureError;
pub use files::{FileChange, FileWatch};
pub use hook::Hook;
pub use hosts::HostsFile;
pub use inventory::{Inventory, KeptInventory};
pub use launch::{Launch, LaunchError, Launched, find_command};
pub use load::Capture;
pub use memory::be_sparing;
pub use observe::{
    HostFacts, NotFollowed, boot_now, check_process, clock_offset, host_facts, snapshot, start_of,
};
pub use plan::{Choice, Fact, HookFailure, Plan};
pub use privileges::{Unprivileged, check as check_privileges};
pub use roots::{Roots, USUAL_ROOTS};
pub use sockets::{FoundSocket, settle as earlier_sockets};
pub use standing::Standing;
pub use units::{UnitWatch, UnitsError};
pub use users::{Login, UserLookup, login};
pub use walk::Files;
