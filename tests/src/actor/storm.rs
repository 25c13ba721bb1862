//! Makes thousands of connections, with both ends in one process.

use std::{
    ffi::OsString,
    net::{TcpListener, TcpStream},
    process::ExitCode,
    thread,
};

/// `PAIRS COUNT`: runs PAIRS clients with a server each. Each client makes COUNT connections in a
/// row, which both ends close at once.
pub(super) fn storm(words: &[OsString]) -> ExitCode {
    let pairs: u32 = super::number(words.first());
    let count: u32 = super::number(words.get(1));
    let clients: Vec<_> = (0..pairs)
        .map(|_| {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
            let remote = listener.local_addr().expect("its address");
            thread::spawn(move || (0..count).for_each(|_| drop(listener.accept())));
            thread::spawn(move || {
                (0..count).for_each(|_| drop(TcpStream::connect(remote).expect("a connection")));
            })
        })
        .collect();
    for client in clients {
        client.join().expect("a client");
    }
    ExitCode::SUCCESS
}
