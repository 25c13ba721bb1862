//! Captures events of the running kernel. It loads the programs, reads their records, listens to
//! fanotify and systemd, and reads /proc for the rest. It prints nothing and interprets nothing.

mod attach;
mod btf;
mod capabilities;
mod cgroup_root;
mod checkup;
mod connect;
mod error;
mod files;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod hook;
mod inherited;
mod inventory;
mod launch;
mod load;
mod losses;
mod memory;
mod observe;
mod plan;
mod privileges;
mod proc;
mod refusal;
mod ring;
pub mod sniff;
mod sockets;
mod standing;
mod surroundings;
mod systemd;
mod users;

use files::safe_open as regular;
use proc::mounts;

pub use capabilities::{KEPT, Kept, reduce as reduce_capabilities, with_reserve};
pub use checkup::Checkup;
pub use error::CaptureError;
pub use files::{FileChange, FileWatch, Files, Roots, USUAL_ROOTS, writers as writers_of};
pub use hook::Hook;
pub use inherited::Inherited;
pub use inventory::{Inventory, KeptInventory};
pub use launch::{Launch, LaunchError, Launched, find_command};
pub use load::{Batch, Capture};
pub use memory::be_sparing;
pub use observe::{
    HostFacts, NotFollowed, boot_now, check_process, clock_offset, host_facts, snapshot, start_of,
};
pub use plan::{Choice, Fact, HookFailure, Plan};
pub use privileges::{Unprivileged, check as check_privileges};
pub use proc::HostsFile;
pub use ring::ring_bytes;
pub use sockets::{FoundSocket, earlier_sockets};
pub use standing::Standing;
pub use surroundings::check as check_surroundings;
pub use systemd::{UnitWatch, UnitsError};
pub use users::{Login, UserLookup, login};
