//! Parses protocols: the host in the first bytes of a connection, and answers of DNS. The parsers
//! are pure functions of bytes; they open no socket and keep no payload.

mod client_message;
pub mod dns;
#[cfg(test)]
mod fixtures;
mod host;
pub mod http;
pub mod quic;
mod socks;
pub mod tls;

pub use client_message::{ClientMessage, Reading, Reassembly, read_client_message};
pub use socks::SocksRequest;
