//! Writes destinations for a terminal.

use crate::findings::Destination;

use super::escape;

/// `api.example:443`, `192.0.2.7:53/udp`, escaped.
pub(super) fn written(destination: &Destination) -> String {
    escape::text(destination.label().as_bytes())
}
