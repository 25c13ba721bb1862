//! A terminal of a given width, and what a program leaves on it. It is no controlling terminal, so
//! nothing of it reaches the terminal that the tests run on.

use std::{
    fs::File,
    io::Read,
    process::{Command, Stdio},
    thread,
};

use nix::pty::{Winsize, openpty};

use super::{finish, program::start};

/// Runs a program with stdout and stderr on a terminal; its exit code and all that it wrote, line
/// ends as a terminal has them.
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
    // The handles that the command line holds: the terminal ends when its last one goes.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    drop(terminal.slave);
    let mut master = File::from(terminal.master);
    let reader = thread::spawn(move || {
        let mut seen = Vec::new();
        // A terminal without another side answers with an error, after everything was read.
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
