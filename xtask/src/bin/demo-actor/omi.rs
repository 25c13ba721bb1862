//! OMI in four parts, as in the original: a server that forks, an engine that
//! listens, agents that work, and the client that asks. No part does any CIM.

pub mod agent;
pub mod client;
pub mod engine;
pub mod server;

/// The socket on which the engine listens.
const CLIENT_SOCKET: &str = "/var/opt/omi/run/omiserver.sock";
/// The file with the server's PID.
const PID_FILE: &str = "/var/opt/omi/run/omiserver.pid";
/// The server's log; the engine gets it as descriptor 3, agents as 10.
const LOG_FILE: &str = "/var/opt/omi/log/omiserver.log";
