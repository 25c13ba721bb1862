//! Captures events of the running kernel. It loads the programs, reads their records, listens to
//! fanotify and systemd, and reads /proc for the rest. It prints nothing and interprets nothing.

mod baseline;
mod bpf;
mod capabilities;
mod checkup;
mod connector;
mod containers;
mod error;
mod files;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod heap;
mod inherited;
mod inventory;
mod launch;
mod observe;
mod privileges;
mod proc;
mod recorder_view;
pub mod sniff;
mod sockets;
mod surroundings;
mod systemd;
mod users;

pub use bpf::{Batch, Capture, Choice, Fact, Hook, HookFailure, Plan, Wishes, ring_bytes};
pub use capabilities::{During, KEPT, Kept, reduce as reduce_capabilities, with_reserve};
pub use checkup::Checkup;
pub use connector::{UserChange, UserWatch};
pub use containers::container_named;
pub use error::CaptureError;
pub use files::{
    FileChange, FileWatch, Files, OpenedFile, PresentFiles, Roots, USUAL_ROOTS, open_mounts,
    writers as writers_of,
};
pub use heap::{limit as limit_heap, trim as trim_heap};
pub use inherited::Inherited;
pub use inventory::{Inventory, PackedInventory};
pub use launch::{Launch, LaunchError, Launched, find_command};
pub use observe::{
    HostFacts, NotFollowed, boot_now, check_process, clock_offset, host_facts, is_alive, snapshot,
    start_of, users_of,
};
pub use privileges::{Unprivileged, check as check_privileges};
pub use proc::HostsFile;
pub use recorder_view::RecorderView;
pub use sockets::{FoundSocket, LiveSockets, earlier_sockets, held_sockets};
pub use surroundings::check as check_surroundings;
pub use systemd::{UnitWatch, UnitsError};
pub use users::{Account, Login, UserLookup, login};
