//! Which tag files are read: those that were named, or else the one that lies where they lie by default. This is where the
//! environment is read; the library is told files.

use std::{
    env,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use agent_tracer::names::published;

const NAME: &str = "service-tags.json";

/// Where a machine has them for everybody.
const OF_MACHINE: [&str; 2] = ["/etc/tracer", "/usr/share/tracer"];

/// The files to be read: `given`, or the first that exists of the default ones, or none.
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
        // One that cannot be looked at is to be complained about, not passed over.
        .find(|file| match file.metadata() {
            Ok(_) => true,
            Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        })
        .into_iter()
        .collect()
}

/// The user's own: in `$XDG_CONFIG_HOME`, or in `~/.config`. What is no absolute path does not count, as that standard has it.
fn of_user() -> Option<PathBuf> {
    let set = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let configuration = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(configuration.join("tracer").join(NAME))
}

/// What to do where there is none, in one line.
pub(super) fn how_to_get_one() -> String {
    let place = of_user().unwrap_or_else(|| Path::new(OF_MACHINE[0]).join(NAME));
    let urls = published().first().map_or("", |list| &list.url);
    format!(
        "no tag file, so only fixed addresses have a name: save the one from {urls} as {}; `tracer tags --help` lists others",
        place.display()
    )
}

/// The part of the help that says where tag files are and come from.
pub(super) fn help() -> String {
    let mut help = String::from(
        "Tag files are read from --service-tags, else from the first of these that exists:
  $XDG_CONFIG_HOME/tracer/service-tags.json or ~/.config/tracer/service-tags.json\n",
    );
    for directory in OF_MACHINE {
        help.push_str(&format!("  {directory}/{NAME}\n"));
    }
    help.push_str("They are published as:\n");
    for list in published() {
        help.push_str(&format!("  {}: {}, {}\n", list.cloud, list.file, list.url));
    }
    help
}
