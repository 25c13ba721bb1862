//! omiengine: listens for clients as user omi, reads their user from the socket's credentials, and
//! has the server start that user's agent. It forks nothing.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};

use anyhow::{Context, Result, bail};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::{read, write};

use super::CLIENT_SOCKET;

/// Plays `omiengine -d --logfilefd 3 --socketpair 9`.
pub fn play(arguments: &[String]) -> Result<()> {
    let [.., option, descriptor] = arguments else {
        bail!("only from omiserver");
    };
    if option != "--socketpair" {
        bail!("only from omiserver");
    }
    let descriptor = descriptor
        .parse()
        .context("--socketpair needs a descriptor")?;
    // SAFETY: omiserver hands this descriptor over; nothing else here uses it.
    let server = unsafe { OwnedFd::from_raw_fd(descriptor) };

    fs::remove_file(CLIENT_SOCKET).ok();
    let listener = UnixListener::bind(CLIENT_SOCKET).context("cannot listen")?;
    fs::set_permissions(CLIENT_SOCKET, fs::Permissions::from_mode(0o666))?;
    for client in listener.incoming() {
        // A failing client does not stop the others.
        if let Err(error) = client
            .map_err(Into::into)
            .and_then(|client| answer(&server, client))
        {
            eprintln!("omiengine: {error:#}");
        }
    }
    Ok(())
}

fn answer(server: &OwnedFd, mut client: UnixStream) -> Result<()> {
    let asking = getsockopt(&client, PeerCredentials)?.uid();
    let mut request = [0; 256];
    let length = client.read(&mut request)?;
    write(server, &asking.to_ne_bytes())?;
    let mut reply = [0; 4];
    if read(server, &mut reply)? != reply.len() {
        bail!("omiserver has gone");
    }
    client.write_all(b"instance of ")?;
    client.write_all(request.get(..length).unwrap_or_default())?;
    Ok(())
}
