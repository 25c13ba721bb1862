//! Finds the tag files to read: those given, or else the first of the default ones. The library
//! itself does not read the environment.

use std::{
    env,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use agent_tracer::names::published;

const NAME: &str = "service-tags.json";

/// Directories of tag files for all users.
const OF_MACHINE: [&str; 2] = ["/etc/tracer", "/usr/share/tracer"];

/// Returns the files to read: `given`, or else the first existing default one, or none.
pub(super) fn tag_files(given: &[PathBuf]) -> Vec<PathBuf> {
    if !given.is_empty() {
        return given.to_vec();
    }
    let of_machine = OF_MACHINE
        .iter()
        .map(|directory| Path::new(directory).join(NAME));
    of_user()
        .into_iter()
        .chain(of_machine)
        // A file that cannot be read is kept, so that reading it fails with a message.
        .find(|file| match file.metadata() {
            Ok(_) => true,
            Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        })
        .into_iter()
        .collect()
}

/// Returns the user's own file, in `$XDG_CONFIG_HOME` or `~/.config`. Relative paths do not count,
/// as the standard demands.
fn of_user() -> Option<PathBuf> {
    let set = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let configuration = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(configuration.join("tracer").join(NAME))
}

/// Explains how to get a tag file, if there is none.
pub(super) fn how_to_get_one() -> String {
    let place = of_user().unwrap_or_else(|| Path::new(OF_MACHINE[0]).join(NAME));
    let urls = published().first().map_or("", |list| &list.url);
    format!(
        "cannot name the clouds of addresses: there is no tag file\n\
         hint: save the file from {urls} as {}; `tracer tags --help` lists others",
        place.display()
    )
}

/// Returns the part of the help about the places and sources of tag files.
pub(super) fn help() -> String {
    let mut help = String::from(
        "Tag files are those of --service-tags, or else the first existing one of:
  $XDG_CONFIG_HOME/tracer/service-tags.json or ~/.config/tracer/service-tags.json\n",
    );
    for directory in OF_MACHINE {
        help.push_str(&format!("  {directory}/{NAME}\n"));
    }
    help.push_str("Clouds publish them:\n");
    for list in published() {
        help.push_str(&format!("  {}: {}, {}\n", list.cloud, list.file, list.url));
    }
    help
}
