//! Finds the script among the arguments of an interpreter.

/// Limit of arguments searched.
const ARGUMENTS: usize = 12;

/// Relevant options of an interpreter: letters with a value, and letters that replace the script by
/// code or a name.
struct Options {
    names: &'static [&'static [u8]],
    valued: &'static [u8],
    code: &'static [u8],
}

const SHELLS: [&[u8]; 9] = [
    b"sh", b"bash", b"dash", b"ash", b"busybox", b"ksh", b"mksh", b"zsh", b"fish",
];

const INTERPRETERS: [Options; 7] = [
    Options {
        names: &SHELLS,
        valued: b"oO",
        code: b"cs",
    },
    Options {
        names: &[b"python"],
        valued: b"WX",
        code: b"cm",
    },
    Options {
        names: &[b"perl"],
        valued: b"I",
        code: b"eE",
    },
    Options {
        names: &[b"ruby"],
        valued: b"CIr",
        code: b"e",
    },
    Options {
        names: &[b"node"],
        valued: b"rC",
        code: b"ep",
    },
    Options {
        names: &[b"php"],
        valued: b"cd",
        code: b"rBR",
    },
    Options {
        names: &[b"lua", b"tclsh"],
        valued: b"l",
        code: b"e",
    },
];

/// Options in words that have a value.
const VALUED: [&[u8]; 3] = [b"--rcfile", b"--init-file", b"--require"];

/// Returns the script given to a program of that name, as written. `sh <script` is not visible.
pub(super) fn of<'a>(name: &[u8], argv: &'a [Vec<u8>]) -> Option<&'a [u8]> {
    let name = without_version(name);
    let (first, words) = argv.split_first()?;
    let mut words = words.iter().take(ARGUMENTS).map(Vec::as_slice);
    if name == b"java" {
        words.find(|word| *word == b"-jar")?;
        return words.next();
    }
    let options = INTERPRETERS
        .iter()
        .find(|options| options.names.contains(&name))?;
    if name == b"busybox" {
        let applet = match super::base_name(first) {
            b"busybox" => words.next()?,
            applet => applet,
        };
        if !SHELLS.contains(&applet) {
            return None;
        }
    }
    let is_shell = SHELLS.contains(&name);
    while let Some(word) = words.next() {
        match word {
            b"--" => return words.next(),
            word if word.starts_with(b"--") => {
                if VALUED.contains(&word) {
                    words.next();
                }
            }
            [b'-', letters @ ..] | [b'+', letters @ ..] if !letters.is_empty() => {
                for (at, letter) in letters.iter().enumerate() {
                    if options.code.contains(letter) {
                        return None;
                    }
                    if !options.valued.contains(letter) {
                        continue;
                    }
                    // For a shell it is the next word, after any further letters.
                    let is_within = at + 1 < letters.len();
                    if is_shell || !is_within {
                        words.next();
                    }
                    if !is_shell {
                        break;
                    }
                }
            }
            script => return Some(script),
        }
    }
    None
}

fn without_version(name: &[u8]) -> &[u8] {
    let is_version = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let end = name
        .iter()
        .rposition(|byte| !is_version(byte))
        .map_or(0, |last| last + 1);
    name.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn scripts_among_arguments() {
        for (line, script) in [
            ("sh x", Some("x")),
            ("bash -x -e -u -o pipefail -- x y", Some("x")),
            ("bash -euo pipefail x y", Some("x")),
            ("sh +e ./x", Some("./x")),
            ("sh -c ./x", None),
            ("sh -s x", None),
            ("sh", None),
            ("bash install.sh x", Some("install.sh")),
            ("bash --rcfile a x", Some("x")),
            ("busybox sh x", Some("x")),
            ("busybox wget x", None),
            ("python3.11 -u -W ignore x", Some("x")),
            ("python3 -Wonce x", Some("x")),
            ("python3 -m json.tool x", None),
            ("perl5.36.0 -w x", Some("x")),
            ("perl -pe s/a/b/ x", None),
            ("java -Xmx1g -jar x.jar y", Some("x.jar")),
            ("dirname x", None),
            ("shred x", None),
        ] {
            let argv: Vec<Vec<u8>> = line.split(' ').map(|word| word.into()).collect();
            let found = of(&argv[0], &argv);
            assert_eq!(found, script.map(str::as_bytes), "{line}");
        }
    }
}
