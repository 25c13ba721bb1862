//! A terminal of a given width, and a program's output on it. It is not a controlling terminal, so
//! nothing reaches the terminal of the tests.

use std::{
    fs::File,
    io::Read,
    process::{Command, Stdio},
    thread,
};

use nix::pty::{Winsize, openpty};

use super::{finish, program::start};

/// Runs a program with stdout and stderr on a terminal. Returns its exit code and its output, with
/// the line ends of a terminal.
pub(crate) fn on_terminal(command: &mut Command, columns: u16) -> (Option<i32>, String) {
    let size = Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let terminal = openpty(&size, None).expect("a terminal");
    let side = || Stdio::from(terminal.slave.try_clone().expect("another handle"));
    command.stdin(Stdio::null()).stdout(side()).stderr(side());
    let child = start(command);
    // The command line holds these handles: the terminal ends when its last one goes.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    drop(terminal.slave);
    let mut master = File::from(terminal.master);
    let reader = thread::spawn(move || {
        let mut seen = Vec::new();
        // A terminal without another side returns an error after its last byte.
        drop(master.read_to_end(&mut seen));
        seen
    });
    let status = finish(child);
    let seen = reader.join().expect("the reader of the terminal");
    (
        status.code(),
        String::from_utf8(seen).expect("what is shown is UTF-8"),
    )
}
