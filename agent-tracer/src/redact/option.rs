//! Finds the secrets that a command line gives to programs: `-s KEY`, `--password VALUE`, also
//! inside the text of `sh -c`. Options with another meaning for the program are left alone.

use std::ops::Range;

use super::name::{self, Name};
use super::program::{self, Command};
use super::rules::{Place, SecretRules};
use super::script::{self, Line, Word};
use super::usage::{self, has_context};
use super::value::{self, At};
use super::{Find, key, pattern};

/// Limit of scripts within scripts; each level quotes the one below.
const DEPTH: usize = 4;

/// Limit of the commands of a group whose output is searched: the cost is quadratic.
const PRINTED: usize = 64;

/// Programs that print their command line.
const PRINTERS: &str = "echo printf cat";

/// The secrets that options of a command line give away.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Secrets with their elements, in the order of the elements.
    pub(super) finds: Vec<(usize, Find)>,
    /// Elements that are scripts, in their order.
    pub(super) scripts: Vec<usize>,
    /// Values that a table declares plain, despite their names.
    pub(super) plain: Vec<(usize, Range<usize>)>,
}

impl Found {
    pub(super) fn add(&mut self, found: Option<(&Word<'_>, Find)>) -> bool {
        let any = found.is_some();
        self.finds
            .extend(found.map(|(word, find)| (word.element, find)));
        any
    }
}

/// The elements to search, and the rules.
#[derive(Clone, Copy)]
struct Search<'a> {
    argv: &'a [Vec<u8>],
    rules: &'a SecretRules,
}

/// Finds the secrets that options in `argv` give away.
pub(super) fn find(argv: &[Vec<u8>], rules: &SecretRules) -> Found {
    let mut found = Found::default();
    let words = argv.iter().enumerate();
    let line = Line {
        words: words
            .map(|(at, element)| Word::whole(at, element))
            .collect(),
        ..Line::default()
    };
    Search { argv, rules }.command(&line.words, 0, &mut found);
    found.finds.sort_by_key(|(element, _)| *element);
    found.scripts.sort_unstable();
    found
}

impl Search<'_> {
    fn command(self, words: &[Word<'_>], depth: usize, found: &mut Found) {
        let line = program::resolve(words);
        if let Some(text) = line.script.and_then(|at| words.get(at)) {
            self.script(text, depth, found);
        }
        let table = self.rules.program(line.name);
        let uses = usage::Uses {
            program: table,
            any: self.rules.any(),
        };
        let mut operands: Vec<&Word<'_>> = Vec::new();
        let mut rest = words.get(line.options..).unwrap_or_default();
        let mut is_value = false;
        while let Some((word, after)) = rest.split_first() {
            rest = after;
            let taken = std::mem::take(&mut is_value);
            let next = after.first();
            if let Some(text) =
                next.filter(|_| matches!(&*word.value, b"-c" | b"--command" | b"-Command"))
            {
                // `su -c`, `script -c`; what is one word is no script (`gcc -c file`).
                if text.value.contains(&b' ') {
                    self.script(text, depth, found);
                }
            }
            if !word.value.starts_with(b"-") || &*word.value == b"-" {
                if !taken {
                    operands.push(word);
                }
                let text = matches!(line.name, b"eval" | b"ssh" | b"watch" | b"rsync");
                if text && word.value.contains(&b' ') {
                    self.script(word, depth, found);
                }
                if line.is_runner() && depth < DEPTH && self.runs(&word.value) {
                    let at = words.len() - after.len() - 1;
                    self.command(words.get(at..).unwrap_or_default(), depth + 1, found);
                    break;
                }
                continue;
            }
            let hit = uses.option(word, next, words, &operands);
            if let Some(hit) = hit {
                is_value = hit.takes_next;
                if hit.is_final {
                    found
                        .plain
                        .extend(hit.plain.map(|(word, from)| {
                            (word.element, word.place(from..word.value.len()))
                        }));
                    found.add(hit.found);
                    continue;
                }
            }
            found.add(option(word, next, &line, table.is_some()));
        }
        uses.operands(words, &operands, found);
        named_operands(&operands, found);
    }

    /// Returns true for a program that takes secrets, and for a shell.
    fn runs(self, word: &[u8]) -> bool {
        let name = program::base(word);
        let known = self.rules.program(name);
        known.is_some_and(|program| !program.uses.is_empty()) || matches!(name, b"sh" | b"bash")
    }

    fn script(self, text: &Word<'_>, depth: usize, found: &mut Found) {
        // Read from the element: an unquoted copy has other positions.
        let raw = self
            .argv
            .get(text.element)
            .and_then(|element| element.get(text.at.clone()))
            .unwrap_or_default();
        if depth >= DEPTH {
            return;
        }
        if depth == 0 {
            found.scripts.push(text.element);
        }
        let lines = script::commands(raw, text.element, text.at.start);
        for (at, line) in lines.iter().enumerate() {
            self.command(&line.words, depth + 1, found);
            self.input(&lines, at, found);
        }
    }

    /// Returns the input of the command at `at`: here-documents, here-strings, output of `echo`.
    fn input(self, lines: &[Line<'_>], at: usize, found: &mut Found) {
        let Some(line) = lines.get(at) else { return };
        let mut given: Vec<&Word<'_>> = line.input.iter().collect();
        let before = lines.get(..at).unwrap_or_default();
        if let Some(last) = before.last().filter(|last| last.piped) {
            let group = before.iter().rev().take_while(|line| {
                std::ptr::eq(*line, last) || line.depth > 0 && line.depth == last.depth
            });
            for line in group.take(PRINTED) {
                let printer = line.words.first();
                if printer.is_some_and(|word| program::is_listed(PRINTERS, &word.value)) {
                    given.extend(line.words.iter().skip(1));
                    given.extend(&line.input);
                }
            }
        }
        if given.is_empty() {
            return;
        }
        let run = program::resolve(&line.words);
        let first = line.words.first().map(|word| program::base(&word.value));
        for name in [first.unwrap_or_default(), run.name] {
            let uses = self.rules.program(name).map(|program| &program.uses);
            for known in uses.into_iter().flatten() {
                let operands: Vec<&Word<'_>> = line.words.iter().collect();
                if known.place == Place::Input && has_context(known, &line.words, &operands) {
                    let before = found.finds.len();
                    for word in &given {
                        usage::lines(&known.template, word, found);
                    }
                    if found.finds.len() > before {
                        return;
                    }
                }
            }
        }
    }
}

/// Finds `password VALUE` among the operands of any program, if the value is evident.
fn named_operands(operands: &[&Word<'_>], found: &mut Found) {
    for pair in operands.windows(2) {
        if let [name, word] = pair
            && name.value.len() <= pattern::NAME
            && matches!(
                name::secret_name(&name.value),
                Some(Name::Secret | Name::Key)
            )
            && (key::is_strong(&word.value) || key::is_long_hex(&word.value))
        {
            found.add(value::explicit((word, 0)));
        }
    }
    for word in operands.iter().filter(|word| word.value.contains(&b'@')) {
        found.add(value::login((word, 0)));
    }
}

/// Finds the secret in, or after, an option, with the word that has it.
fn option<'w, 'a>(
    word: &'w Word<'a>,
    next: Option<&'w Word<'a>>,
    line: &Command<'_>,
    is_listed: bool,
) -> Option<(&'w Word<'a>, Find)> {
    let text = &*word.value;
    // The value is the rest of this word, or the next word.
    let glued = |from: usize| Some((word, from));
    let next = next.map(|next| (next, 0));
    let is_known = is_listed && line.is_system;
    let guess = |at: At<'w, 'a>| match (is_known, line.is_foreign) {
        (true, _) => None,
        (false, true) => value::guess(at),
        (false, false) => value::strong(at).or_else(|| value::proxy(at)),
    };
    match text {
        b"-s" | b"-p" => next.and_then(guess),
        [b'-', b's' | b'p', b'=', _, ..] => glued(3).and_then(guess),
        [b'-', b's' | b'p', rest @ ..] if key::has_form(rest) => glued(2).and_then(value::explicit),
        [b'-', b's' | b'p', rest @ ..] if key::is_mixed(rest) && !is_known => {
            glued(2).and_then(value::explicit)
        }
        b"-x" => next.and_then(value::proxy),
        [b'-', b'-', name @ ..] => {
            let equals = name.iter().position(|byte| matches!(byte, b'=' | b':'));
            let at = equals.map_or(next, |at| glued(2 + at + 1));
            let name = name.get(..equals.unwrap_or(name.len()))?;
            if equals.is_none() && name::is_flag(name) {
                return None;
            }
            long(name, at?, is_known)
        }
        // `-password X` of programs in Java or Go. With a `=` it is an assignment, found in any
        // text.
        [b'-', name @ ..] if name.len() > 2 && memchr::memchr2(b'=', b':', name).is_none() => {
            let kind = name::secret_name(name);
            let certain = !is_known || matches!(kind, Some(Name::Secret));
            long(name, next?, is_known).filter(|_| certain)
        }
        _ => None,
    }
}

fn long<'w, 'a>(name: &[u8], at: At<'w, 'a>, is_known: bool) -> Option<(&'w Word<'a>, Find)> {
    match (name, name::option_name(name)) {
        (b"proxy" | b"uri" | b"url" | b"dsn", _) => value::proxy(at),
        (b"shared" | b"key", _) if is_known => None,
        (b"shared", _) | (_, Some(Name::Secret)) => value::explicit(at),
        (b"key", _) | (_, Some(Name::Key)) => value::key_not_file(at),
        (b"password-command" | b"passcommand" | b"passwordeval", _) => value::printed(at),
        (_, Some(Name::Pair)) => value::pair(at),
        (_, Some(kind)) => {
            let text = value::secret_text(at)?;
            (!pattern::is_other(text, kind))
                .then(|| value::explicit(at))
                .flatten()
        }
        (_, None) => None,
    }
}
