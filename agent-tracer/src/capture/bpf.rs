//! Loads and attaches the eBPF programs, and reads their records. It also finds offsets of struct
//! members, plans the hooks, counts losses, and explains refusals of the kernel.

pub(in crate::capture) mod attach;
pub(in crate::capture) mod btf;
mod cgroup_root;
mod connect;
pub(in crate::capture) mod diagnosis;
pub(in crate::capture) mod hook;
mod load;
mod losses;
pub(in crate::capture) mod plan;
mod ring;

pub use hook::Hook;
pub use load::{Batch, Capture, Wishes};
pub use plan::{Choice, Fact, HookFailure, Plan};
pub use ring::ring_bytes;
