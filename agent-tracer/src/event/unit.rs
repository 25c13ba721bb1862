//! Events of systemd's units, as PID 1 reports them. The request behind a start is not part of
//! them: the model infers it.

/// The units that systemd had loaded when the recording began.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Units {
    /// In ascending order of name.
    #[prost(message, repeated, tag = "1")]
    pub units: Vec<LoadedUnit>,
}

/// One of these units.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LoadedUnit {
    /// Its name, such as `omid.service`.
    #[prost(bytes = "vec", tag = "1")]
    pub name: Vec<u8>,
    /// `ActiveState`: active, reloading, inactive, failed, activating, deactivating.
    #[prost(string, tag = "2")]
    pub active: String,
}

/// An action on a unit.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Unit {
    /// Its name, such as `omid.service`.
    #[prost(bytes = "vec", tag = "1")]
    pub name: Vec<u8>,
    /// The action.
    #[prost(enumeration = "UnitAction", tag = "2")]
    pub action: i32,
    /// `Names` but for the name itself: aliases. Known from [`UnitAction::Described`] on, like the
    /// following fields.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub aliases: Vec<Vec<u8>>,
    /// `TriggeredBy`: timers, sockets and path units that start it.
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub triggered_by: Vec<Vec<u8>>,
    /// `RequiredBy`, `RequisiteOf`, `WantedBy`, `BoundBy`, `UpheldBy`, `ConsistsOf`: units that
    /// start this one with them.
    #[prost(bytes = "vec", repeated, tag = "5")]
    pub pulled_in_by: Vec<Vec<u8>>,
    /// `FragmentPath`, or `SourcePath` of a generated unit; empty without a file.
    #[prost(bytes = "vec", tag = "6")]
    pub file: Vec<u8>,
    /// `Wants`, `Requires`, `Requisite`, `BindsTo`, `Upholds`: units that start with this one.
    /// Stated by the unit itself, so known even after those units are done and unloaded.
    #[prost(bytes = "vec", repeated, tag = "8")]
    pub pulls_in: Vec<Vec<u8>>,
    /// `JobType` of its job: start, stop, restart, reload and so on. Empty without a job, or if the
    /// job was done before the question.
    #[prost(string, tag = "7")]
    pub job: String,
}

/// Actions on a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum UnitAction {
    /// An action of a newer `tracer`, unknown to this one.
    Unknown = 0,
    /// systemd accepted a job for it (`JobNew`).
    Queued = 1,
    /// systemd described the unit: its names, triggers and file.
    Described = 2,
    /// It runs for the first time since the recording began, and did not run before.
    Started = 3,
    /// It runs again.
    Restarted = 4,
    /// It ended well.
    Stopped = 5,
    /// It failed.
    Failed = 6,
}

impl UnitAction {
    /// Returns the action in a word.
    pub fn name(self) -> &'static str {
        match self {
            UnitAction::Unknown => "unknown",
            UnitAction::Queued => "queued",
            UnitAction::Described => "described",
            UnitAction::Started => "started",
            UnitAction::Restarted => "restarted",
            UnitAction::Stopped => "stopped",
            UnitAction::Failed => "failed",
        }
    }
}
