//! Tools from registries, each in a room of its own below the build directory that is made once.

use std::{fs, path::PathBuf, process::Command};

/// Returns the directory of a tool below the build directory.
pub(crate) fn tool_room(name: &str) -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    Some(own.parent()?.with_file_name("test-tools").join(name))
}

/// Returns true if a command ends well.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}

/// Returns a Python that has some packages of PyPI, or nothing where they cannot be had.
pub(crate) fn python_with(name: &str, packages: &str, module: &str) -> Option<PathBuf> {
    let room = tool_room(name)?;
    let python = room.join("bin/python3");
    let complete = room.join("complete");
    if fs::read_to_string(&complete).is_ok_and(|made| made == packages) {
        return Some(python);
    }
    let mut make = Command::new("/usr/bin/python3");
    succeeds(make.args(["-m", "venv"]).arg(&room)).then_some(())?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet"]);
    succeeds(install.args(packages.split(' '))).then_some(())?;
    let import = format!("import {module}");
    succeeds(Command::new(&python).args(["-c", &import])).then_some(())?;
    fs::write(complete, packages).ok()?;
    Some(python)
}
