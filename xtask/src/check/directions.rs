//! Checks the directions between the library's modules, as in ARCHITECTURE.md. It reads the source,
//! without the expansion of macros.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use syn::{UseTree, visit::Visit};

/// A module, and the modules that it may use besides itself.
const ALLOWED: &[(&str, &[&str])] = &[
    ("event", &[]),
    ("glob", &[]),
    ("memory", &[]),
    ("names", &[]),
    ("redact", &[]),
    ("rules", &["glob"]),
    ("trace", &["event"]),
    ("model", &["event", "rules"]),
    ("select", &["event", "model", "rules"]),
    ("findings", &["event", "model", "rules", "select"]),
    (
        "policy",
        &["event", "findings", "glob", "model", "rules", "trace"],
    ),
    (
        "view",
        &["event", "findings", "model", "names", "policy", "trace"],
    ),
    ("capture", &["event", "glob"]),
    (
        "session",
        &[
            "capture", "event", "memory", "model", "names", "redact", "rules", "trace", "view",
        ],
    ),
    // Calls every parser; no other module calls it.
    (
        "fuzzing",
        &[
            "capture", "event", "findings", "model", "names", "policy", "redact", "rules",
            "session", "trace", "view",
        ],
    ),
];

/// Single files that may use more than their module: the results of `doctor` are not in the model.
const EXCEPTIONS: [(&str, &str); 1] = [("view/checkup.rs", "capture")];

/// Clocks, files, processes and the kernel: results would depend on more than the events. A name
/// without `::` is an external crate.
const WORLD: [&str; 15] = [
    "std::fs",
    "std::env",
    "std::time",
    "std::process",
    "std::thread",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
    "aya",
    "libc",
    "nix",
    "rustix",
    "tokio",
    "zbus",
];

/// External crates that one room alone may use: the prefix of its files.
const OWNED: [(&str, &str); 2] = [("parquet", "view/export/"), ("ratatui", "view/watch/")];

/// Modules that may use none of these, and further paths that they may not use. `names` reads the
/// files that it is given; a view writes to the output that it is given.
const PURE: [(&str, &[&str]); 6] = [
    ("names", &[]),
    ("model", &["std::io"]),
    ("select", &["std::io"]),
    ("findings", &["std::io"]),
    ("policy", &["std::io"]),
    ("view", &[]),
];

/// The paths that `names` may use nevertheless.
const READS_FILES: [(&str, &str); 1] = [("names", "std::fs")];

/// Fails with all violations.
pub fn check(workspace: &Path) -> Result<()> {
    let source = workspace.join("agent-tracer/src");
    let mut violations = Vec::new();
    for file in rust_files(&source)? {
        let relative = file.strip_prefix(&source).unwrap_or(&file).to_owned();
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        violations.extend(violations_of(&relative, &text)?);
    }
    if !violations.is_empty() {
        bail!("{}", violations.join("\n"));
    }
    Ok(())
}

fn rust_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in
        fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?
    {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn violations_of(relative: &Path, text: &str) -> Result<Vec<String>> {
    // Tests may use everything.
    if relative.file_name().is_some_and(|name| name == "tests.rs") {
        return Ok(Vec::new());
    }
    let Some(module) = module_of(relative) else {
        return Ok(Vec::new());
    };
    let shown = relative.display().to_string();
    let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == module) else {
        return Ok(vec![format!(
            "{shown}: module {module} is in no list of allowed directions"
        )]);
    };
    let parsed = syn::parse_file(text).with_context(|| format!("cannot parse {shown}"))?;
    let mut paths = Paths {
        module: module_path(relative),
        ..Paths::default()
    };
    paths.visit_file(&parsed);
    let pure = PURE.iter().find(|(name, _)| *name == module);
    let forbidden: Vec<&str> = pure
        .into_iter()
        .flat_map(|(_, more)| WORLD.iter().chain(*more))
        .filter(|root| !READS_FILES.contains(&(module.as_str(), **root)))
        .copied()
        .collect();
    let mut violations = Vec::new();
    for path in paths.resolved() {
        let mut parts = path.split("::");
        if let (Some("crate"), Some(target)) = (parts.next(), parts.next())
            && target != module
            && !allowed.contains(&target)
            && !EXCEPTIONS.contains(&(shown.as_str(), target))
        {
            violations.push(format!("{shown}: {module} may not use {target} ({path})"));
        }
        let root = path.split("::").next().unwrap_or("");
        if let Some((_, room)) = OWNED.iter().find(|(name, _)| *name == root)
            && !shown.starts_with(room)
        {
            violations.push(format!("{shown}: only {room} may use {root} ({path})"));
        }
        let is_in = |root: &&&str| path == **root || path.starts_with(&format!("{root}::"));
        if let Some(root) = forbidden.iter().find(is_in) {
            violations.push(format!("{shown}: {module} may not use {root} ({path})"));
        }
    }
    Ok(violations)
}

/// The path of a file's module from the root of the library.
fn module_path(relative: &Path) -> Vec<String> {
    let parts = relative.with_extension("");
    let parts = parts.iter().map(|part| part.to_string_lossy().into_owned());
    parts.filter(|part| part != "mod").collect()
}

/// The module of the library that a file belongs to; none for the library's root and the program.
fn module_of(relative: &Path) -> Option<String> {
    let first = relative.components().next()?.as_os_str().to_str()?;
    let module = first.strip_suffix(".rs").unwrap_or(first);
    (!["lib", "main", "cli"].contains(&module)).then(|| module.to_owned())
}

/// Every path of a file, also those of grouped imports, written out from the root.
#[derive(Default)]
struct Paths {
    /// The module of the visit, from the root of the library.
    module: Vec<String>,
    all: Vec<String>,
    /// Paths of imports, by their last name.
    imported: HashMap<String, String>,
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        syn::visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.unfold(String::new(), &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        let written = self.rooted(&parts.join("::"));
        self.all.push(written);
        syn::visit::visit_path(self, path);
    }
}

impl Paths {
    /// All paths, with those that begin with an imported name written out.
    fn resolved(&self) -> impl Iterator<Item = String> {
        self.all.iter().map(|path| {
            let (first, rest) = path.split_once("::").unwrap_or((path, ""));
            match (self.imported.get(first), rest) {
                (Some(whole), "") => whole.clone(),
                (Some(whole), rest) => format!("{whole}::{rest}"),
                (None, _) => path.clone(),
            }
        })
    }

    /// Replaces `self` and `super` by what they stand for here.
    fn rooted(&self, path: &str) -> String {
        let mut parts = path.split("::").peekable();
        let mut place = self.module.clone();
        match parts.peek() {
            Some(&("self" | "super")) => {}
            Some(_) | None => return path.to_owned(),
        }
        while let Some(part) = parts.next_if(|part| ["self", "super"].contains(part)) {
            if part == "super" {
                place.pop();
            }
        }
        let place = place.into_iter().chain(parts.map(str::to_owned));
        let whole: Vec<String> = ["crate".to_owned()].into_iter().chain(place).collect();
        whole.join("::")
    }

    fn import(&mut self, path: &str, name: &str) {
        let path = self.rooted(path);
        self.all.push(path.clone());
        self.imported.insert(name.to_owned(), path);
    }

    fn unfold(&mut self, before: String, tree: &UseTree) {
        let join = |name: &syn::Ident| match before.as_str() {
            "" => name.to_string(),
            before => format!("{before}::{name}"),
        };
        match tree {
            UseTree::Path(path) => self.unfold(join(&path.ident), &path.tree),
            UseTree::Name(name) => {
                let name = &name.ident;
                match name == "self" {
                    true => self.import(&before, before.rsplit("::").next().unwrap_or("")),
                    false => self.import(&join(name), &name.to_string()),
                }
            }
            UseTree::Rename(rename) => {
                self.import(&join(&rename.ident), &rename.rename.to_string());
            }
            UseTree::Glob(_) => {
                let path = self.rooted(&before);
                self.all.push(path);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.unfold(before.clone(), tree);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(file: &str, text: &str) -> Vec<String> {
        violations_of(Path::new(file), text).expect("the text is Rust")
    }

    #[test]
    fn this_workspace_keeps_to_the_directions() {
        let workspace = crate::demo::workspace().expect("xtask lies in a workspace");
        check(&workspace).expect("no violation");
    }

    #[test]
    fn a_grouped_import_is_seen() {
        let found = violations(
            "model/process.rs",
            "use crate::{event::Event, view::{tree}};",
        );
        assert_eq!(
            found,
            ["model/process.rs: model may not use view (crate::view::tree)"]
        );
    }

    #[test]
    fn a_path_in_an_expression_is_seen() {
        assert_eq!(
            violations("trace/block.rs", "fn f() { crate::model::g() }").len(),
            1
        );
        assert_eq!(
            violations("model/mod.rs", "fn f() { std::env::var(\"A\"); }").len(),
            1
        );
    }

    #[test]
    fn ways_up_are_followed() {
        let up = "use super::super::super::session::Replay;";
        assert_eq!(violations("view/report/html.rs", up).len(), 1);
        assert!(violations("view/report/html.rs", "use super::super::escape;").is_empty());
        let inline = "mod inner { use super::super::session; }";
        assert_eq!(violations("findings/mod.rs", inline).len(), 1);
        assert!(violations("findings/mod.rs", "use self::changes::Change;").is_empty());
    }

    #[test]
    fn clocks_and_external_crates_are_seen() {
        for (file, text) in [
            (
                "view/page.rs",
                "use jiff::Timestamp; fn f() { Timestamp::now(); }",
            ),
            ("view/page.rs", "fn f() { jiff::Timestamp::now(); }"),
            ("findings/mod.rs", "use nix::unistd::getpid;"),
            ("model/mod.rs", "fn f() { unsafe { libc::getpid(); } }"),
            (
                "view/page.rs",
                "use std::fs as files; fn f() { files::read(\"x\"); }",
            ),
        ] {
            assert!(!violations(file, text).is_empty(), "{text}");
        }
        assert!(violations("view/page.rs", "use jiff::Timestamp;").is_empty());
        assert!(violations("names/tags.rs", "use std::fs::File;").is_empty());
    }

    #[test]
    fn formats_of_an_export_stay_in_its_room() {
        let text = "use parquet::schema::types::Type;";
        assert!(violations("view/export/parquet.rs", text).is_empty());
        assert_eq!(violations("view/list.rs", text).len(), 1);
    }

    #[test]
    fn screens_stay_in_their_room() {
        let text = "use ratatui::buffer::Buffer;";
        assert!(violations("view/watch/screen.rs", text).is_empty());
        assert_eq!(violations("view/watch.rs", text).len(), 1);
        let keys = "use crate::select::Filter;";
        assert_eq!(violations("view/watch/state.rs", keys).len(), 1);
    }

    #[test]
    fn findings_lie_between_model_and_view() {
        assert!(violations("view/list.rs", "use crate::findings::Change;").is_empty());
        assert_eq!(
            violations("findings/mod.rs", "use crate::view::Page;").len(),
            1
        );
        assert_eq!(
            violations("model/mod.rs", "use crate::findings::Change;").len(),
            1
        );
    }

    #[test]
    fn what_is_allowed_passes() {
        assert!(violations("view/checkup.rs", "use crate::capture::Checkup;").is_empty());
        assert!(violations("session/record.rs", "use crate::{capture, view::Clock};").is_empty());
    }

    #[test]
    fn a_new_module_must_be_listed() {
        assert_eq!(violations("dns/answer.rs", "").len(), 1);
        assert!(violations("names/tags.rs", "").is_empty());
    }
}
