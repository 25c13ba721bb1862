//! Declares the messages of a Perfetto trace that are written here, with its tags.

/// A trace.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Trace {
    #[prost(message, repeated, tag = "1")]
    pub(super) packets: Vec<Packet>,
}

/// A packet.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Packet {
    #[prost(message, optional, tag = "6")]
    pub(super) clocks: Option<Clocks>,
    /// Nanoseconds of the clock since boot.
    #[prost(uint64, optional, tag = "8")]
    pub(super) timestamp: Option<u64>,
    /// The sequence that it belongs to.
    #[prost(uint32, optional, tag = "10")]
    pub(super) sequence: Option<u32>,
    #[prost(message, optional, tag = "11")]
    pub(super) event: Option<TrackEvent>,
    #[prost(uint32, optional, tag = "13")]
    pub(super) sequence_flags: Option<u32>,
    #[prost(uint32, optional, tag = "58")]
    pub(super) clock: Option<u32>,
    #[prost(message, optional, tag = "60")]
    pub(super) track: Option<Track>,
}

/// One moment on several clocks.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Clocks {
    #[prost(message, repeated, tag = "1")]
    pub(super) clocks: Vec<ClockValue>,
}

/// The value of a clock.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct ClockValue {
    #[prost(uint32, optional, tag = "1")]
    pub(super) clock: Option<u32>,
    #[prost(uint64, optional, tag = "2")]
    pub(super) timestamp: Option<u64>,
}

/// A track.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Track {
    #[prost(uint64, optional, tag = "1")]
    pub(super) id: Option<u64>,
    #[prost(string, optional, tag = "2")]
    pub(super) name: Option<String>,
    #[prost(uint64, optional, tag = "5")]
    pub(super) parent: Option<u64>,
}

/// A begin, an end or an instant on a track.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TrackEvent {
    #[prost(message, repeated, tag = "4")]
    pub(super) annotations: Vec<Annotation>,
    #[prost(enumeration = "EventType", optional, tag = "9")]
    pub(super) event_type: Option<i32>,
    #[prost(uint64, optional, tag = "11")]
    pub(super) track: Option<u64>,
    #[prost(string, repeated, tag = "22")]
    pub(super) categories: Vec<String>,
    #[prost(string, optional, tag = "23")]
    pub(super) name: Option<String>,
}

/// Types of events on a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(super) enum EventType {
    Unspecified = 0,
    Begin = 1,
    End = 2,
    Instant = 3,
}

/// A value of an event.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Annotation {
    #[prost(string, optional, tag = "10")]
    pub(super) name: Option<String>,
    #[prost(oneof = "AnnotationValue", tags = "2, 3, 5, 6")]
    pub(super) value: Option<AnnotationValue>,
}

/// The value of an annotation.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum AnnotationValue {
    #[prost(bool, tag = "2")]
    Flag(bool),
    #[prost(uint64, tag = "3")]
    Number(u64),
    #[prost(double, tag = "5")]
    Real(f64),
    #[prost(string, tag = "6")]
    Text(String),
}
