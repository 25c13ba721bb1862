//! Names the reasons for attention.

use std::sync::Arc;

/// A reason for attention. `view` has the words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A rule, with its words.
    Rule(Arc<str>),
    /// It runs with its owner's rights.
    Setuid,
    /// It does so for another owner than before.
    SetuidOwner,
    /// It runs with its group's rights.
    Setgid,
    /// It does so for another group than before.
    SetgidGroup,
    /// It runs with capabilities.
    Capabilities,
    /// A setuid file may have other content.
    SetuidWritten,
    /// A setgid file may have other content.
    SetgidWritten,
    /// A file with capabilities may have other content.
    CapabilitiesWritten,
    /// Every user may write to it.
    WorldWritable,
    /// It was executed from a file in memory.
    Memory,
    /// It was executed from a file without a name.
    Unlinked,
    /// root executed it from a directory that every user can write to.
    Temporary,
    /// It listens on all interfaces.
    AllInterfaces,
    /// It was downloaded and executed.
    Executed,
    /// A user has the rights of root.
    Root,
    /// A setting of the kernel.
    Kernel,
    /// A service that was not there before.
    NewService,
    /// A service that runs something else now.
    ChangedService,
    /// A service that was stopped and disabled.
    ServiceOff,
    /// A service that was stopped.
    StoppedService,
    /// A service that was disabled.
    DisabledService,
    /// A process that runs on after the removal of its program or unit.
    Survivor,
}

impl Reason {
    /// The name in a policy; a rule's own words for a rule.
    pub fn name(&self) -> &str {
        match self {
            Reason::Rule(words) => words,
            Reason::Setuid => "setuid",
            Reason::SetuidOwner => "setuid-owner",
            Reason::Setgid => "setgid",
            Reason::SetgidGroup => "setgid-group",
            Reason::Capabilities => "capabilities",
            Reason::SetuidWritten => "setuid-written",
            Reason::SetgidWritten => "setgid-written",
            Reason::CapabilitiesWritten => "capabilities-written",
            Reason::WorldWritable => "world-writable",
            Reason::Memory => "memory",
            Reason::Unlinked => "unlinked",
            Reason::Temporary => "temporary",
            Reason::AllInterfaces => "all-interfaces",
            Reason::Executed => "executed",
            Reason::Root => "root",
            Reason::Kernel => "kernel",
            Reason::NewService => "new-service",
            Reason::ChangedService => "changed-service",
            Reason::ServiceOff => "service-off",
            Reason::StoppedService => "stopped-service",
            Reason::DisabledService => "disabled-service",
            Reason::Survivor => "survivor",
        }
    }

    /// Returns true if the process that set mode, owner or capabilities is the author.
    pub(super) fn is_of_rights(&self) -> bool {
        match self {
            Reason::Setuid
            | Reason::SetuidOwner
            | Reason::Setgid
            | Reason::SetgidGroup
            | Reason::Capabilities
            | Reason::WorldWritable => true,
            Reason::Rule(_)
            | Reason::SetuidWritten
            | Reason::SetgidWritten
            | Reason::CapabilitiesWritten
            | Reason::Memory
            | Reason::Unlinked
            | Reason::Temporary
            | Reason::AllInterfaces
            | Reason::Executed
            | Reason::Root
            | Reason::Kernel
            | Reason::NewService
            | Reason::ChangedService
            | Reason::ServiceOff
            | Reason::StoppedService
            | Reason::DisabledService
            | Reason::Survivor => false,
        }
    }
}
