//! Writes rules into the text of a policy, and leaves everything else in it as it is.

use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item as Entry, Table, Value};

use super::{COMPARED, Draft, FACTS, Observation};
use crate::event::Protocol;

/// Errors of an addition.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The file is not TOML.
    #[error("cannot read the policy: {0}")]
    Parse(#[from] toml_edit::TomlError),
    /// The place of the rules has something else.
    #[error("cannot add to the policy: `allow` is no list of tables")]
    NoList,
}

/// The head of a learned policy.
const HEAD: &str = "\
# What a recording may do. Everything else is a finding of `tracer check`.
# A name is a glob: `*` and `?` stand for what differs from run to run. Narrow them where you can.
";

/// Writes the policy that recordings conform to.
pub fn new_policy(observations: &[Observation], drafts: &[Draft], system: bool) -> String {
    let mut text = HEAD.to_owned();
    let total = observations.len();
    if total > 1 {
        text.push_str(&format!(
            "# Learned from {total} recordings; `seen` is the number of those that had it.\n"
        ));
    }
    if system {
        text.push_str("\nsystem = true\n");
    }
    let mut document = DocumentMut::new();
    let mut rules = Array::new();
    let mut tree = None;
    for draft in drafts {
        let mut value = Value::InlineTable(inline(draft, total > 1));
        let heading = match tree == Some(&draft.tree) {
            true => String::new(),
            false => format!("\n    # {}", draft.tree),
        };
        tree = Some(&draft.tree);
        value.decor_mut().set_prefix(format!("{heading}\n    "));
        rules.push_formatted(value);
    }
    rules.set_trailing_comma(!drafts.is_empty());
    rules.set_trailing("\n");
    document.insert("allow", Entry::Value(Value::Array(rules)));
    let mut require = Table::new();
    require.insert("complete", toml_edit::value(true));
    // All of them saw it: what one did not see was not learned.
    let facts = FACTS
        .into_iter()
        .filter(|fact| all(observations, |seen| seen.sight.sees(fact)));
    require.insert("facts", Entry::Value(Value::Array(facts.collect())));
    let lists = COMPARED.into_iter();
    let lists = lists.filter(|list| all(observations, |seen| seen.sight.compared(list)));
    require.insert("compared", Entry::Value(Value::Array(lists.collect())));
    let roots = observations
        .first()
        .map_or(&[][..], |seen| seen.sight.roots());
    let roots = roots.iter().filter_map(|root| {
        let is_common = all(observations, |seen| seen.sight.roots().contains(root));
        std::str::from_utf8(root)
            .ok()
            .filter(|root| is_common && root.starts_with('/'))
    });
    let roots: Array = roots.collect();
    if !roots.is_empty() {
        require.insert("roots", Entry::Value(Value::Array(roots)));
    }
    document.insert("require", Entry::Table(require));
    text.push('\n');
    text.push_str(&document.to_string());
    text
}

fn all(observations: &[Observation], is: impl Fn(&Observation) -> bool) -> bool {
    observations.iter().all(is)
}

/// Adds rules to a policy, in the form that its rules have. Comments stay.
///
/// # Errors
///
/// The text is not a policy.
pub fn add(text: &str, drafts: &[Draft]) -> Result<String, AddError> {
    if drafts.is_empty() {
        return Ok(text.to_owned());
    }
    let mut document: DocumentMut = text.parse()?;
    let missing = Entry::ArrayOfTables(ArrayOfTables::new());
    let entry = document.entry("allow").or_insert(missing);
    match entry {
        Entry::ArrayOfTables(tables) => {
            for draft in drafts {
                let mut table = inline(draft, false).into_table();
                table.decor_mut().set_prefix("\n");
                tables.push(table);
            }
        }
        Entry::Value(Value::Array(rules)) => {
            // A comment behind the last rule stays with it.
            let behind = rules.trailing().as_str().unwrap_or_default();
            let behind = behind.trim_end().to_owned();
            for (number, draft) in drafts.iter().enumerate() {
                let mut value = Value::InlineTable(inline(draft, false));
                let comment = match number {
                    0 => behind.as_str(),
                    _ => "",
                };
                value.decor_mut().set_prefix(format!("{comment}\n    "));
                rules.push_formatted(value);
            }
            rules.set_trailing_comma(true);
            rules.set_trailing("\n");
        }
        Entry::None | Entry::Value(_) | Entry::Table(_) => return Err(AddError::NoList),
    }
    Ok(document.to_string())
}

/// Writes a rule as one line.
fn inline(draft: &Draft, with_seen: bool) -> InlineTable {
    let mut table = InlineTable::new();
    let names = || match draft.names.as_slice() {
        [one] => Value::from(one.as_str()),
        several => Value::Array(several.iter().map(String::as_str).collect()),
    };
    match draft.change {
        Some((kind, action)) => {
            table.insert("change", kind.name().into());
            table.insert("name", names());
            table.insert("action", action.name().into());
        }
        None => {
            table.insert(draft.subject.name(), names());
        }
    }
    if let Some((port, protocol)) = &draft.port {
        match port.parse::<i64>() {
            Ok(number) => table.insert("port", number.into()),
            Err(_) => table.insert("port", port.as_str().into()),
        };
        let protocol = match protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        };
        table.insert("protocol", protocol.into());
    }
    table.insert("tree", draft.tree.as_str().into());
    if let Some(user) = &draft.user {
        table.insert("user", user.as_str().into());
    }
    if let Some(attention) = &draft.attention {
        table.insert("attention", attention.as_str().into());
    }
    if with_seen {
        let seen = i64::try_from(draft.seen).unwrap_or(i64::MAX);
        table.insert("seen", seen.into());
    }
    table
}
