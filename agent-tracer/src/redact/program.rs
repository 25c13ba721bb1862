//! Finds the program that a command line runs, also behind `sudo` and `env`, and whether it belongs
//! to the system. A program outside the system's directories does not: `./install -s KEY` is not
//! coreutils' `install`.

use super::script::Word;

/// Programs that run the rest of their command line, with their options that take a value and the
/// number of operands before.
const WRAPPERS: &[(&str, &[u8], usize)] = &[
    ("builtin", b"", 0),
    ("busybox", b"", 0),
    ("chroot", b"", 1),
    ("command", b"", 0),
    ("doas", b"uC", 0),
    ("env", b"uC", 0),
    ("exec", b"a", 0),
    ("flock", b"wE", 1),
    ("ionice", b"cnp", 0),
    ("nice", b"n", 0),
    ("nohup", b"", 0),
    ("setsid", b"", 0),
    ("stdbuf", b"ioe", 0),
    ("sudo", b"ugCphrtTUDR", 0),
    ("systemd-run", b"pEMHu", 0),
    ("time", b"fo", 0),
    ("timeout", b"ks", 1),
    ("xargs", b"adEILnPs", 0),
];

/// Words of the shell's grammar before a command.
const KEYWORDS: [&[u8]; 9] = [
    b"if", b"then", b"elif", b"else", b"do", b"while", b"until", b"!", b"{",
];

/// Programs that run a part of their command line.
const RUNNERS: &str = "bwrap chronic crictl ctr distrobox docker fakeroot find firejail \
    kubectl ltrace lxc machinectl nerdctl nsenter oc parallel perf podman proot pct runuser \
    screen ssh strace tmux toolbox unshare watch xvfb-run";

/// Interpreters with their options that take a value, such as the text of a program.
const INTERPRETERS: &[(&str, &[u8])] = &[
    ("ash", b""),
    ("bash", b""),
    ("dash", b""),
    ("ksh", b""),
    ("node", b"er"),
    ("perl", b"eEIM"),
    ("python", b"cmWX"),
    ("python2", b"cmWX"),
    ("python3", b"cmWX"),
    ("rbash", b""),
    ("ruby", b"eIr"),
    ("sh", b""),
    ("zsh", b""),
];

/// The program of a command line.
#[derive(Debug, Default)]
pub(super) struct Command<'a> {
    /// The program's base name, or the script's.
    pub(super) name: &'a [u8],
    /// Position of its first option; those before belong to `sudo` or to the shell.
    pub(super) options: usize,
    /// The word that is itself a script, after `sh -c`.
    pub(super) script: Option<usize>,
    /// True for a program of the system, as the tables have it.
    pub(super) is_system: bool,
    /// True for a script or a program from elsewhere, as installers are.
    pub(super) is_foreign: bool,
}

impl Command<'_> {
    /// True if its operands contain other commands.
    pub(super) fn is_runner(&self) -> bool {
        self.is_system && is_listed(RUNNERS, self.name)
    }
}

/// Returns the program that `words` run.
pub(super) fn resolve<'a>(words: &'a [Word<'_>]) -> Command<'a> {
    let value = |at: usize| words.get(at).map(|word| &*word.value);
    let mut at = 0;
    while let Some(word) = value(at) {
        if KEYWORDS.contains(&word) || is_assignment(word) {
            at += 1;
            continue;
        }
        let name = base(word);
        let known = is_system(word);
        if let Some(command) = recorded(words, at).filter(|_| name == b"tracer") {
            at = command;
            continue;
        }
        if let Some((_, valued, operands)) =
            lookup(WRAPPERS, |entry| entry.0, name).filter(|_| known)
        {
            at = skip_options(words, at + 1, valued) + operands;
            continue;
        }
        if let Some((shell, valued)) = lookup(INTERPRETERS, |entry| entry.0, name) {
            return interpreted(words, at + 1, shell.ends_with("sh"), valued);
        }
        return Command {
            name,
            options: at + 1,
            script: None,
            is_system: known,
            is_foreign: !known || name.ends_with(b".sh"),
        };
    }
    Command {
        options: words.len(),
        ..Command::default()
    }
}

/// Options before the name of a script are the interpreter's; those after it are the script's.
fn interpreted<'a>(
    words: &'a [Word<'_>],
    mut at: usize,
    shell: bool,
    valued: &[u8],
) -> Command<'a> {
    let mut text = false;
    let mut input = false;
    while let Some(word) = words.get(at).map(|word| &*word.value) {
        let letters = match word {
            b"--" => {
                at += 1;
                break;
            }
            b"--rcfile" | b"--init-file" => {
                at += 2;
                continue;
            }
            [b'-', b'-', ..] => &[],
            [b'-' | b'+', letters @ ..] if !letters.is_empty() => letters,
            _ => break,
        };
        at += 1;
        if shell {
            text |= letters.contains(&b'c');
            input |= letters.contains(&b's');
            at += usize::from(
                letters
                    .last()
                    .is_some_and(|last| matches!(last, b'o' | b'O')),
            );
        } else if let Some(place) = letters.iter().position(|letter| valued.contains(letter)) {
            input = true;
            at += usize::from(place + 1 == letters.len());
        }
    }
    let script = text.then_some(at);
    let name = match words.get(at) {
        Some(word) if !input && !text => base(&word.value),
        Some(_) | None => b"",
    };
    let options = if input && !text { at } else { at + 1 };
    Command {
        name,
        options,
        script,
        is_system: false,
        is_foreign: true,
    }
}

/// Returns the beginning of the command that the `tracer` at `at` records.
fn recorded(words: &[Word<'_>], at: usize) -> Option<usize> {
    let rest = words.get(at + 1..)?;
    let dashes = rest.iter().position(|word| &*word.value == b"--")?;
    Some(at + 1 + dashes + 1)
}

fn skip_options(words: &[Word<'_>], mut at: usize, valued: &[u8]) -> usize {
    while let Some(word) = words.get(at).map(|word| &*word.value) {
        match word {
            b"--" => return at + 1,
            b"--user" | b"--group" | b"--prompt" | b"--unset" | b"--chdir" | b"--signal"
            | b"--kill-after" => at += 2,
            [b'-', b'-', ..] => at += 1,
            [b'-', letters @ ..] => {
                let place = letters.iter().position(|letter| valued.contains(letter));
                at += 1 + usize::from(place.is_some_and(|place| place + 1 == letters.len()));
            }
            _ => return at,
        }
    }
    at
}

/// Returns the last component of a program's path, without the dash of login shells.
pub(super) fn base(word: &[u8]) -> &[u8] {
    let name = memchr::memrchr(b'/', word)
        .and_then(|slash| word.get(slash + 1..))
        .unwrap_or(word);
    name.strip_prefix(b"-").unwrap_or(name)
}

fn is_system(word: &[u8]) -> bool {
    !word.contains(&b'/')
        || [&b"/bin/"[..], b"/sbin/", b"/usr/"]
            .iter()
            .any(|root| word.starts_with(root))
}

fn is_assignment(word: &[u8]) -> bool {
    let name = word
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
        .count();
    name > 0 && word.get(name) == Some(&b'=')
}

/// Returns true if a list has `word`, in any case.
pub(super) fn is_listed(list: &str, word: &[u8]) -> bool {
    list.split_ascii_whitespace()
        .any(|entry| entry.as_bytes().eq_ignore_ascii_case(word))
}

/// Looks up an entry of a sorted table.
fn lookup<'t, T>(
    table: &'t [T],
    name_of: impl Fn(&T) -> &'static str,
    name: &[u8],
) -> Option<&'t T> {
    let at = table
        .binary_search_by(|entry| name_of(entry).as_bytes().cmp(name))
        .ok()?;
    table.get(at)
}

#[cfg(test)]
mod tests {
    use super::{INTERPRETERS, WRAPPERS};

    #[test]
    fn tables_are_sorted() {
        assert!(WRAPPERS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(INTERPRETERS.is_sorted_by(|a, b| a.0 < b.0));
    }
}
