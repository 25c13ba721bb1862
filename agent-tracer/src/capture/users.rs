//! Looks up user names in passwd(5). The file may be that of the user's process, in its own mount
//! namespace or root directory.
//!
//! Other directories (NSS) are asked through getent(1), and only before the command, which may
//! replace their libraries and settings. The recorder itself loads none of these libraries: a
//! static program would crash, and their code would run as the recorder.

use std::{
    collections::{HashMap, HashSet},
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nix::unistd::{Gid, Uid};

use super::files::safe_open;

/// Nanoseconds before another lookup of a user without a name. An installer may be about to add the
/// user; without a delay, each of its processes would cost a read of the file.
const TRY_AGAIN_AFTER: u64 = 100_000_000;

const PASSWD: &str = "/etc/passwd";

/// Limit of questions to other directories, each of which costs some milliseconds: a host of
/// containers may have thousands of users without a name.
const QUESTIONS: usize = 32;

/// Places of the program that asks all directories of users.
const GETENT: [&str; 2] = ["/usr/bin/getent", "/bin/getent"];

/// Looks each user id up until it has a name.
#[derive(Default)]
pub struct UserLookup {
    known: HashSet<u32>,
    /// Set once the command runs: it may replace the libraries of other directories.
    only_files: bool,
    /// Number of questions to other directories so far.
    questions: usize,
    /// Time of the next lookup of users without a name, nanoseconds since boot.
    nameless: HashMap<u32, u64>,
}

impl UserLookup {
    /// Restricts later lookups to files: a user of another directory stays a number.
    pub fn ask_only_files(&mut self) {
        self.only_files = true;
    }

    /// Forgets all users but these, so that the others are named again.
    pub fn keep(&mut self, users: impl Iterator<Item = u32>) {
        self.known = users.collect();
        self.nameless.clear();
    }

    /// Returns the name of `user`, once. `pid` is a process of that user, which may be gone.
    pub fn name(&mut self, user: u32, pid: u32, boot_ns: u64) -> Option<Vec<u8>> {
        if self.known.contains(&user)
            || self
                .nameless
                .get(&user)
                .is_some_and(|again| boot_ns < *again)
        {
            return None;
        }
        // The user may exist later, or only in the view of that process. The next lookup may be by
        // another of its processes.
        let own = Table::read(safe_open::open(Path::new(PASSWD)));
        let name = own
            .name(user)
            .or_else(|| {
                let table = Table::read(safe_open::open_in_root_of(pid, Path::new(PASSWD)));
                // With a root directory of its own, a process could name any user root.
                table.name(user).filter(|name| !own.has_name(name))
            })
            .or_else(|| self.name_elsewhere(user));
        if name.is_some() {
            self.known.insert(user);
            self.nameless.remove(&user);
        } else {
            self.nameless.insert(user, boot_ns + TRY_AGAIN_AFTER);
        }
        name
    }

    fn name_elsewhere(&mut self, user: u32) -> Option<Vec<u8>> {
        if self.only_files || self.questions == QUESTIONS {
            return None;
        }
        self.questions += 1;
        getent("passwd", OsStr::new(&user.to_string()))?.name(user)
    }
}

/// Holds a table of users, passwd(5). A hostile command may have written it.
struct Table(Vec<u8>);

impl Table {
    /// Reads a table; one that cannot be read is empty.
    fn read(file: io::Result<File>) -> Table {
        const LIMIT: u64 = 4 * 1024 * 1024;
        let text = file.and_then(|file| safe_open::read(file, LIMIT));
        Table(text.unwrap_or_default())
    }

    /// Finds the account with a name.
    fn account(&self, wanted: &[u8]) -> Option<Account> {
        let mut lines = self.0.split(|byte| *byte == b'\n');
        lines.find_map(|line| {
            let fields: Vec<&[u8]> = line.split(|byte| *byte == b':').collect();
            let [name, _, user, group, _, home, shell] = fields[..] else {
                return None;
            };
            let number = |field: &[u8]| std::str::from_utf8(field).ok()?.parse().ok();
            (name == wanted).then_some(())?;
            Some(Account {
                name: OsString::from_vec(name.to_vec()),
                user: Uid::from_raw(number(user)?),
                group: Gid::from_raw(number(group)?),
                home: PathBuf::from(OsString::from_vec(home.to_vec())),
                shell: PathBuf::from(OsString::from_vec(shell.to_vec())),
            })
        })
    }

    /// Lists names and ids, as they are written.
    fn rows(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.split(|byte| *byte == b'\n').filter_map(|line| {
            let mut fields = line.split(|byte| *byte == b':');
            let name = fields.next().filter(|name| !name.is_empty())?;
            Some((name, fields.nth(1)?))
        })
    }

    fn name(&self, user: u32) -> Option<Vec<u8>> {
        let wanted = user.to_string();
        self.rows()
            .find(|(_, id)| *id == wanted.as_bytes())
            .map(|(name, _)| name.to_vec())
    }

    fn has_name(&self, wanted: &[u8]) -> bool {
        self.rows().any(|(name, _)| name == wanted)
    }
}

/// A row of passwd(5).
pub struct Account {
    /// The user's name.
    pub name: OsString,
    /// The user's number.
    pub user: Uid,
    /// The number of the first group.
    pub group: Gid,
    /// The home directory.
    pub home: PathBuf,
    /// The shell.
    pub shell: PathBuf,
}

/// Credentials for a command that runs as another user.
pub struct Login {
    /// The user.
    pub account: Account,
    /// All groups of the user.
    pub groups: Vec<Gid>,
}

/// Looks a user up by name, before the recording.
pub fn login(name: &str) -> Result<Login, String> {
    let file = Table::read(safe_open::open(Path::new(PASSWD)));
    let wanted = OsStr::new(name);
    let account = file
        .account(name.as_bytes())
        .or_else(|| getent("passwd", wanted)?.account(name.as_bytes()))
        .ok_or_else(|| {
            format!("cannot run as {name}: there is no such user\nhint: see `getent passwd`")
        })?;
    let mut groups = vec![account.group];
    if let Some(Table(line)) = getent("initgroups", wanted) {
        groups.extend(groups_of(&line));
    }
    Ok(Login { account, groups })
}

/// Asks all directories for a key. Returns nothing if they have none, or if there is no getent(1).
fn getent(database: &str, key: &OsStr) -> Option<Table> {
    let program = GETENT.iter().find(|path| Path::new(path).exists())?;
    let asked = Command::new(program)
        .arg(database)
        // The key may begin with a dash.
        .arg("--")
        .arg(key)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let answer = asked.ok().filter(|answer| answer.status.success())?;
    Some(Table(answer.stdout))
}

/// Parses an answer about `initgroups`: the name, then the numbers of groups.
fn groups_of(line: &[u8]) -> Vec<Gid> {
    let mut words = line.split(u8::is_ascii_whitespace);
    words.next();
    let numbers = words.filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok());
    numbers.map(Gid::from_raw).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Table, groups_of};

    #[test]
    fn an_account_needs_all_seven_fields() {
        let table = Table(b"omi:x:996:995:a b:/home/omi:/sbin/nologin\nshort:x:1:1\n".to_vec());
        let account = table.account(b"omi").expect("an account");
        assert_eq!((account.user.as_raw(), account.group.as_raw()), (996, 995));
        assert_eq!(account.home, Path::new("/home/omi"));
        assert_eq!(account.shell, Path::new("/sbin/nologin"));
        assert!(table.account(b"short").is_none());
        assert!(table.account(b"om").is_none());
    }

    #[test]
    fn groups_follow_the_name() {
        let groups = |line: &[u8]| -> Vec<u32> {
            let groups = groups_of(line).into_iter();
            groups.map(nix::unistd::Gid::as_raw).collect()
        };
        assert_eq!(groups(b"daemon                4 27 999\n"), [4, 27, 999]);
        assert_eq!(groups(b"daemon\n"), Vec::<u32>::new());
    }
}
