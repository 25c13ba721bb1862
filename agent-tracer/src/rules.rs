//! Finds the tree of a process from its executable, arguments, user and unit. Products are known
//! from rules files alone. Lineage is left to attribution.
//!
//! A rules file is TOML:
//!
//! ```toml
//! [[tree]]
//! name = "omsagent"
//! description = "Operations Management Suite agent"
//! [[tree.match]]
//! exe = "/opt/microsoft/omsagent/ruby/bin/ruby"
//! argv = ["*/omsagent/bin/omsagent", "--no-supervisor"]
//! ```
//!
//! A process belongs to a tree if one of its matchers matches. A matcher matches if all its fields
//! match:
//!
//! | field | compared with |
//! |---|---|
//! | `exe` | the resolved path of the executable; for a script, its interpreter |
//! | `filename` | the path given to execve; for a script, the script |
//! | `argv` | one glob: any one argument, the first included; several: each some argument |
//! | `user` | the name of the effective user |
//! | `unit` | the name of the systemd unit, such as `omid.service` |
//!
//! `?` is one byte, `[a-z]` and `[!a-z]` one byte of (not of) a set, `*` any bytes. In `exe` and
//! `filename` these stop at `/`, and `**` does not. `\` makes the next character stand for itself.
//!
//! Other rules list files that deserve attention when they differ. A user's rules precede the
//! built-in ones:
//!
//! ```toml
//! [[attention]]
//! path = "/etc/sudoers.d/*"
//! reason = "who may become root"
//!
//! [[harmless]]
//! path = "/**/*.dpkg-new"
//! ```
//!
//! **The most specific matcher wins.** These criteria decide, in order:
//!
//! 1. more globs; each glob of `argv` counts
//! 2. more characters in the globs that stand for themselves
//! 3. the later one, within a file and among files
//!
//! So a user's rules, added after the built-in ones, win if they are equally specific.

mod error;
mod parse;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{Arc, LazyLock},
};

use foldhash::fast::RandomState;
use indexmap::IndexSet;

pub use crate::glob::{Glob, Scope};
pub use error::RuleError;
pub(crate) use error::{RuleFile, expected, quoted};
pub use parse::AttentionRule;
use parse::Matcher;
pub(crate) use parse::fields;

/// Limit of matchers in all files together. For the largest globs, the limit of 1 MiB a file is
/// reached first.
const MATCHER_LIMIT: usize = 10_000;

/// The built-in rules files, by their names in reasons.
const BUILT_IN: [(&str, &str); 1] =
    [("azure-monitor", include_str!("../rules/azure-monitor.toml"))];

/// The built-in rules for attention. They are not among the sources of a set: older versions read
/// the sources in a trace, and do not know these rules.
static ATTENTION: LazyLock<Attention> = LazyLock::new(|| {
    let name = "attention";
    let text = include_str!("../rules/attention.toml");
    // Cannot fail: a test reads this very file.
    let parsed = parse::file(error::RuleFile { name, text }, MATCHER_LIMIT);
    let parsed = parsed.unwrap_or_default();
    Attention {
        rules: parsed.attention,
        harmless: parsed.harmless,
    }
});

/// The rules in force, from any number of files.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    sources: Vec<(String, String)>,
    trees: Vec<Tree>,
    rules: Vec<Rule>,
    /// Rules for exactly one executable, file name or unit. Each rule is in one map or in `others`.
    by_exe: HashMap<Box<[u8]>, Vec<u32>, RandomState>,
    by_filename: HashMap<Box<[u8]>, Vec<u32>, RandomState>,
    by_unit: HashMap<Box<[u8]>, Vec<u32>, RandomState>,
    /// Rules to compare with every process.
    others: Vec<u32>,
    /// A user's rules for attention.
    attention: Attention,
}

/// Rules for attention, and paths that deserve none.
#[derive(Clone, Debug, Default)]
struct Attention {
    rules: Vec<AttentionRule>,
    harmless: Vec<Glob>,
}

#[derive(Clone, Debug)]
struct Tree {
    name: String,
    description: Option<String>,
    source: usize,
}

#[derive(Clone, Debug)]
struct Rule {
    tree: usize,
    matcher: Matcher,
    /// Number of globs, then of literal characters.
    rank: (usize, usize),
}

/// The facts that rules may use: one process as of now.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The resolved path of the executable.
    pub exe: &'a [u8],
    /// The path given to execve.
    pub filename: &'a [u8],
    /// The arguments, the first included.
    pub argv: &'a [Vec<u8>],
    /// The name of the effective user; `None` while unknown.
    pub user: Option<&'a [u8]>,
    /// The name of the systemd unit; `None` if unknown or without a unit.
    pub unit: Option<&'a [u8]>,
}

/// The tree of a process, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match<'a> {
    /// The name of the tree.
    pub tree: &'a str,
    /// The rule as written: `rule omi of azure-monitor: exe /opt/omi/bin/omiengine`.
    pub because: String,
    /// True if it compares an executable, a file name or arguments, and not only user or unit.
    pub by_program: bool,
    /// True if it compares the executable or the file name.
    pub by_file: bool,
    /// True if it compares the file name.
    pub by_filename: bool,
}

impl RuleSet {
    /// Returns the built-in rules.
    #[must_use]
    pub fn built_in() -> Self {
        let mut rules = Self::empty();
        for (name, text) in BUILT_IN {
            // Cannot fail: a test reads these very files.
            let _ = rules.add(name, text);
        }
        rules
    }

    /// Returns a set without rules.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Adds the rules of one file. A tree may continue in another file. On an error, nothing is
    /// added.
    ///
    /// # Errors
    ///
    /// The first error in `text`, or a limit: 1 MiB a file, 10,000 matchers in all.
    pub fn add(&mut self, source_name: &str, text: &str) -> Result<(), RuleError> {
        let file = error::RuleFile {
            name: source_name,
            text,
        };
        let room = MATCHER_LIMIT.saturating_sub(self.rules.len() + self.attention.rules.len());
        let parsed = parse::file(file, room)?;
        self.attention.rules.extend(parsed.attention);
        self.attention.harmless.extend(parsed.harmless);
        let source = self.sources.len();
        self.sources.push((source_name.to_owned(), text.to_owned()));
        for parse::Tree {
            name,
            description,
            matchers,
        } in parsed.trees
        {
            let tree = self.trees.len();
            self.trees.push(Tree {
                name,
                description,
                source,
            });
            for matcher in matchers {
                self.index(tree, matcher);
            }
        }
        Ok(())
    }

    /// Iterates over the files, in order. Adding them to an empty set gives an equal set.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        self.sources
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// Returns the reason for attention of the first of these paths with one. A user's rules
    /// precede the built-in ones.
    pub fn reason(&self, paths: &[&[u8]]) -> Option<&Arc<str>> {
        let all = [&self.attention, &*ATTENTION];
        let mut harmless = all.into_iter().flat_map(|it| &it.harmless);
        if harmless.any(|glob| paths.iter().any(|path| glob.matches(path))) {
            return None;
        }
        let mut rules = all.into_iter().flat_map(|it| &it.rules);
        let rule = rules.find(|rule| paths.iter().any(|path| rule.path.matches(path)))?;
        Some(&rule.reason)
    }

    /// Iterates over the names of all trees, each once, in the order of first appearance.
    pub fn tree_names(&self) -> impl Iterator<Item = &str> {
        let names = self.trees.iter().map(|tree| tree.name.as_str());
        names.collect::<IndexSet<_>>().into_iter()
    }

    /// Returns the description of a tree by its author. The last file with a description wins.
    #[must_use]
    pub fn description(&self, tree: &str) -> Option<&str> {
        self.trees
            .iter()
            .rev()
            .filter(|candidate| candidate.name == tree)
            .find_map(|candidate| candidate.description.as_deref())
    }

    /// Finds the most specific matcher that matches.
    #[must_use]
    pub fn find(&self, subject: &Subject<'_>) -> Option<Match<'_>> {
        let mut best: Option<(u32, &Rule)> = None;
        let mut offer = |candidates: &[u32]| {
            for &index in candidates {
                let Some(rule) = self.rules.get(index as usize) else {
                    continue;
                };
                let better = best.is_none_or(|(at, found)| (rule.rank, index) > (found.rank, at));
                if better && matches(&rule.matcher, subject) {
                    best = Some((index, rule));
                }
            }
        };
        offer(&self.others);
        for (map, key) in [
            (&self.by_exe, Some(subject.exe)),
            (&self.by_filename, Some(subject.filename)),
            (&self.by_unit, subject.unit),
        ] {
            // The test for an empty map is worth it: the hash of a path costs more than the rest.
            if let Some(key) = key
                && !map.is_empty()
                && let Some(candidates) = map.get(key)
            {
                offer(candidates);
            }
        }
        let (_, rule) = best?;
        let tree = self.trees.get(rule.tree)?;
        let source = self.sources.get(tree.source).map_or("", |(name, _)| name);
        let by_filename = rule.matcher.filename.is_some();
        let by_file = by_filename || rule.matcher.exe.is_some();
        Some(Match {
            by_program: by_file || !rule.matcher.argv.is_empty(),
            by_file,
            by_filename,
            tree: &tree.name,
            because: because(&tree.name, source, &rule.matcher),
        })
    }

    fn index(&mut self, tree: usize, matcher: Matcher) {
        // MATCHER_LIMIT keeps it far below u32::MAX.
        let index = u32::try_from(self.rules.len()).unwrap_or(u32::MAX);
        let exact = |glob: &Option<Glob>| {
            glob.as_ref()
                .and_then(|glob| glob.exact().map(Box::<[u8]>::from))
        };
        if let Some(exe) = exact(&matcher.exe) {
            self.by_exe.entry(exe).or_default().push(index);
        } else if let Some(filename) = exact(&matcher.filename) {
            self.by_filename.entry(filename).or_default().push(index);
        } else if let Some(unit) = exact(&matcher.unit) {
            self.by_unit.entry(unit).or_default().push(index);
        } else {
            self.others.push(index);
        }
        let rank = globs(&matcher).fold((0, 0), |(globs, literals), (_, glob)| {
            (globs + 1, literals + glob.literals())
        });
        self.rules.push(Rule {
            tree,
            matcher,
            rank,
        });
    }
}

/// Iterates over the globs of a matcher with their fields, in the order of reasons.
fn globs(matcher: &Matcher) -> impl Iterator<Item = (&'static str, &Glob)> {
    let Matcher {
        exe,
        filename,
        argv,
        user,
        unit,
    } = matcher;
    exe.iter()
        .map(|glob| ("exe", glob))
        .chain(filename.iter().map(|glob| ("filename", glob)))
        .chain(argv.iter().map(|glob| ("argv", glob)))
        .chain(user.iter().map(|glob| ("user", glob)))
        .chain(unit.iter().map(|glob| ("unit", glob)))
}

/// Compares the cheap and selective fields first: arguments can be 128 KiB.
fn matches(matcher: &Matcher, subject: &Subject<'_>) -> bool {
    let one = |glob: &Option<Glob>, text: Option<&[u8]>| match (glob, text) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(glob), Some(text)) => glob.matches(text),
    };
    one(&matcher.exe, Some(subject.exe))
        && one(&matcher.unit, subject.unit)
        && one(&matcher.user, subject.user)
        && one(&matcher.filename, Some(subject.filename))
        && matcher
            .argv
            .iter()
            .all(|glob| subject.argv.iter().any(|argument| glob.matches(argument)))
}

fn because(tree: &str, source: &str, matcher: &Matcher) -> String {
    let mut because = format!("rule {tree} of {source}:");
    for (number, (field, glob)) in globs(matcher).enumerate() {
        let comma = if number == 0 { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = write!(because, "{comma} {field} {}", glob.written());
    }
    because
}
