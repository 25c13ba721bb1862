//! omicli, and the same request by omsagent's plugin: asks the engine for instances of a class. The
//! engine reads the client's user from the socket.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, Result};

use super::CLIENT_SOCKET;

/// Plays `omicli ei NAMESPACE CLASS`.
pub fn play(arguments: &[String]) -> Result<()> {
    let class = arguments
        .last()
        .context("usage: omicli ei NAMESPACE CLASS")?;
    println!("{}", enumerate(class)?);
    Ok(())
}

/// Asks for instances of `class`; waits for an engine that is just starting.
pub fn enumerate(class: &str) -> Result<String> {
    let mut attempt = 0;
    let mut engine = loop {
        match UnixStream::connect(CLIENT_SOCKET) {
            Ok(engine) => break engine,
            Err(error) if attempt == 20 => return Err(error).context("omiengine does not answer"),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
        attempt += 1;
    };
    engine.write_all(class.as_bytes())?;
    let mut answer = String::new();
    engine.read_to_string(&mut answer)?;
    Ok(answer)
}
