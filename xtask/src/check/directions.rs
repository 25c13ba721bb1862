//! Which module of the library may use which: the arrows of ARCHITECTURE.md, enforced. It reads
//! the source; what a macro expands to it does not see.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use syn::{UseTree, visit::Visit};

/// A module, and the modules that it may use besides itself.
const ALLOWED: [(&str, &[&str]); 12] = [
    ("event", &[]),
    ("glob", &[]),
    ("names", &[]),
    ("redact", &[]),
    ("rules", &["glob"]),
    ("trace", &["event"]),
    ("model", &["event", "rules"]),
    ("select", &["event", "model", "rules"]),
    ("findings", &["event", "model", "rules", "select"]),
    ("view", &["event", "findings", "model", "names", "trace"]),
    ("capture", &["event", "glob"]),
    (
        "session",
        &[
            "capture", "event", "model", "names", "redact", "rules", "trace", "view",
        ],
    ),
];

/// Single files that may use more than their module: what `doctor` found is no model.
const EXCEPTIONS: [(&str, &str); 1] = [("view/checkup.rs", "capture")];

/// Parts of the standard library by which something else than the events could get into the
/// picture, or out of it.
const FORBIDDEN: [(&str, &[&str]); 3] = [
    // It reads the files that it is told, and no more.
    (
        "names",
        &[
            "std::env",
            "std::time",
            "std::process",
            "std::thread",
            "std::net::TcpStream",
            "std::net::UdpSocket",
        ],
    ),
    (
        "model",
        &[
            "std::fs",
            "std::env",
            "std::time",
            "std::process",
            "std::io",
            "std::thread",
        ],
    ),
    (
        "view",
        &[
            "std::fs",
            "std::env",
            "std::time",
            "std::process",
            "std::thread",
        ],
    ),
];

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
    // What a test looks at is in no one's way.
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
    let mut paths = Paths::default();
    paths.visit_file(&parsed);
    let forbidden: Vec<&str> = FORBIDDEN
        .iter()
        .filter(|(name, _)| *name == module)
        .flat_map(|(_, paths)| paths.iter().copied())
        .collect();
    let mut violations = Vec::new();
    for path in paths.0 {
        let mut parts = path.split("::");
        if let (Some("crate"), Some(target)) = (parts.next(), parts.next())
            && target != module
            && !allowed.contains(&target)
            && !EXCEPTIONS.contains(&(shown.as_str(), target))
        {
            violations.push(format!("{shown}: {module} may not use {target} ({path})"));
        }
        let is_in = |root: &&&str| path == **root || path.starts_with(&format!("{root}::"));
        if let Some(root) = forbidden.iter().find(is_in) {
            violations.push(format!("{shown}: {module} may not use {root} ({path})"));
        }
    }
    Ok(violations)
}

/// The module of the library that a file belongs to; none for the library's root and the program.
fn module_of(relative: &Path) -> Option<String> {
    let first = relative.components().next()?.as_os_str().to_str()?;
    let module = first.strip_suffix(".rs").unwrap_or(first);
    (!["lib", "main", "cli"].contains(&module)).then(|| module.to_owned())
}

/// Every path of a file, also those of grouped imports, written out.
#[derive(Default)]
struct Paths(Vec<String>);

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.unfold(String::new(), &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        self.0.push(parts.join("::"));
        syn::visit::visit_path(self, path);
    }
}

impl Paths {
    fn unfold(&mut self, before: String, tree: &UseTree) {
        let join = |name: &syn::Ident| match before.as_str() {
            "" => name.to_string(),
            before => format!("{before}::{name}"),
        };
        match tree {
            UseTree::Path(path) => self.unfold(join(&path.ident), &path.tree),
            UseTree::Name(name) => self.0.push(join(&name.ident)),
            UseTree::Rename(rename) => self.0.push(join(&rename.ident)),
            UseTree::Glob(_) => self.0.push(before),
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
