//! Describes the recorded machine and the recorder, as all events of OCSF have them.

use serde_json::{Value as Json, json};

use crate::trace::Header;

/// The version of the schema.
const SCHEMA: &str = "1.3.0";

pub(super) fn metadata(header: &Header) -> Json {
    json!({
        "version": SCHEMA,
        "product": { "name": "tracer", "vendor_name": "tracer", "version": header.tool_version },
        "log_name": "trace",
        // Device and actor are of this profile.
        "profiles": ["host"],
        "correlation_uid": header.recording_id(),
    })
}

pub(super) fn device(header: &Header) -> Json {
    /// Unknown: it may be any.
    const KIND: u32 = 0;
    /// Linux.
    const SYSTEM: u32 = 200;
    json!({
        "hostname": header.hostname,
        "type_id": KIND,
        "os": {
            "name": "Linux",
            "type_id": SYSTEM,
            "version": header.kernel_release,
        },
    })
}
