//! Parses a policy. It refuses an unknown field: an ignored condition would allow more than its
//! author meant.

use std::ops::Range;

use jiff::civil::Date;
use toml::de::{DeTable, DeValue};

use super::{
    AttentionCondition, COMPARED, Conditions, EndPattern, FACTS, Policy, Ports, Require, Required,
    Rule, Subject, What,
    value::{Value, Values},
};
use crate::{
    event::Protocol,
    findings::{Action, Kind},
    glob::{Glob, Scope},
    rules::{RuleError, RuleFile, expected, fields, quoted},
};

/// Limit of bytes in a file: far more than anyone reviews.
const TEXT_LIMIT: usize = 4 << 20;

/// Limit of rules in a file.
const RULE_LIMIT: usize = 20_000;

const TABLES: [&str; 4] = ["require", "system", "allow", "deny"];
const REQUIRE_FIELDS: [&str; 4] = ["complete", "facts", "compared", "roots"];
const RULE_FIELDS: [&str; 20] = [
    "destination",
    "program",
    "listener",
    "inbound",
    "change",
    "download",
    "tree",
    "user",
    "name",
    "action",
    "process",
    "unit",
    "argv",
    "port",
    "protocol",
    "tag",
    "attention",
    "reason",
    "expires",
    "seen",
];

impl Policy {
    /// Parses a policy, given the name of its file. Reports the first error only.
    ///
    /// # Errors
    ///
    /// The text is not a policy: with line and column.
    pub fn parse(file: &str, text: &str) -> Result<Policy, RuleError> {
        let file = RuleFile { name: file, text };
        let start = 0..0;
        if text.len() > TEXT_LIMIT {
            let message = format!(
                "a policy of {} bytes: at most {TEXT_LIMIT} are read",
                text.len()
            );
            return Err(file.error(&start, message));
        }
        let root = DeTable::parse(text).map_err(|error| {
            let at = error.span().unwrap_or(start);
            let message = error.message().trim_end();
            // A learned policy has its rules in one array, which a header cannot extend.
            let is_second = message.contains("duplicate key") && text.contains("[[allow]]");
            let hint = match is_second {
                true => "; write the rule between the brackets of `allow = […]`",
                false => "",
            };
            file.error(&at, format!("{message}{hint}"))
        })?;
        let line_ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
        Reader {
            values: Values {
                file,
                line_ends: &line_ends,
            },
        }
        .policy(root.get_ref())
    }
}

struct Reader<'a> {
    values: Values<'a>,
}

impl Reader<'_> {
    fn policy(&self, root: &DeTable<'_>) -> Result<Policy, RuleError> {
        let mut policy = Policy {
            file: self.values.file.name.to_owned(),
            ..Policy::default()
        };
        policy.require.line = 1;
        for (at, key, value) in fields(root) {
            match key {
                "require" => {
                    let table = self.values.table(value, "[require]")?;
                    policy.require = self.require(self.values.line(&at), table)?;
                }
                "system" => policy.system = self.values.flag(value)?,
                "allow" => policy.allow = self.rules(value, key)?,
                "deny" => policy.deny = self.rules(value, key)?,
                _ => return Err(self.unknown(&at, key, &TABLES)),
            }
        }
        if policy.allow.len() + policy.deny.len() > RULE_LIMIT {
            let message = format!("more than {RULE_LIMIT} rules");
            return Err(self.values.file.error(&(0..0), message));
        }
        Ok(policy)
    }

    fn unknown(&self, at: &Range<usize>, key: &str, known: &[&str]) -> RuleError {
        let known = expected(key, known);
        let message = format!("unknown field {}, {known}", quoted(key));
        self.values.file.error(at, message)
    }

    fn require(&self, line: usize, table: &DeTable<'_>) -> Result<Require, RuleError> {
        let mut require = Require {
            line,
            ..Require::default()
        };
        for (at, key, value) in fields(table) {
            match key {
                "complete" if self.values.flag(value)? => {}
                "complete" => {
                    let message = "a recording with missing parts never conforms: what is missing \
                                   may break any rule; leave `complete` out";
                    return Err(self.values.error(value, message));
                }
                "facts" => require.facts = Some(self.required(value, &FACTS)?),
                "compared" => require.compared = Some(self.required(value, &COMPARED)?),
                "roots" => {
                    for (name, value) in self.values.strings(value)? {
                        if !name.starts_with('/') {
                            let message = format!("{} is not a whole path", quoted(name));
                            return Err(self.values.error(value, message));
                        }
                        require.roots.push(self.one_required(name, value));
                    }
                }
                _ => return Err(self.unknown(&at, key, &REQUIRE_FIELDS)),
            }
        }
        Ok(require)
    }

    fn required(&self, value: &Value<'_>, known: &[&str]) -> Result<Vec<Required>, RuleError> {
        let all = self.values.strings(value)?.into_iter();
        let all = all.map(|(name, value)| {
            if !known.contains(&name) {
                let message = format!("unknown {}, {}", quoted(name), expected(name, known));
                return Err(self.values.error(value, message));
            }
            Ok(self.one_required(name, value))
        });
        all.collect()
    }

    fn one_required(&self, name: &str, value: &Value<'_>) -> Required {
        Required {
            name: name.to_owned(),
            line: self.values.line(&value.span()),
        }
    }

    fn rules(&self, value: &Value<'_>, key: &str) -> Result<Vec<Rule>, RuleError> {
        let array = self.values.array(value, key)?;
        let rules = array.iter().map(|value| {
            let table = self.values.table(value, &format!("[[{key}]]"))?;
            self.rule(value, table)
        });
        rules.collect()
    }

    fn rule(&self, whole: &Value<'_>, table: &DeTable<'_>) -> Result<Rule, RuleError> {
        let mut subject = None;
        let mut on = Conditions::default();
        let (mut reason, mut expires, mut seen) = (None, None, None);
        let fields = fields(table);
        for (at, key, value) in &fields {
            let is_subject = Subject::ALL
                .into_iter()
                .find(|subject| subject.name() == *key);
            if let Some(named) = is_subject {
                if let Some((first, _, _)) = subject {
                    let first: Subject = first;
                    let message = format!(
                        "a second subject in one rule, after `{}`: write a rule for each",
                        first.name()
                    );
                    return Err(self.values.file.error(at, message));
                }
                subject = Some((named, self.what(named, value)?, self.written(value)?));
                continue;
            }
            match *key {
                "tree" => on.tree = self.values.globs(value, Scope::Text)?,
                "user" => on.user = self.values.globs(value, Scope::Text)?,
                // Read once the kind is known.
                "name" => {}
                "action" => on.action = self.actions(value)?,
                "process" => on.process = self.processes(value)?,
                "unit" => on.unit = self.values.globs(value, Scope::Text)?,
                "argv" => on.argv = self.values.globs(value, Scope::Text)?,
                "port" => on.port = self.ports(value)?,
                "protocol" => on.protocol = Some(self.protocol(value)?),
                "tag" => on.tag = self.values.globs(value, Scope::Text)?,
                "attention" => on.attention = self.attention(value)?,
                "reason" => reason = Some(self.values.line_of_text(value)?),
                "expires" => expires = Some(self.date(value)?),
                "seen" => seen = Some(self.values.number(value)?),
                _ => return Err(self.unknown(at, key, &RULE_FIELDS)),
            }
        }
        let Some((subject, what, written)) = subject else {
            let names: Vec<&str> = Subject::ALL.iter().map(|subject| subject.name()).collect();
            let message = format!(
                "a rule without a subject: write one of {}",
                names.join(", ")
            );
            return Err(self.values.error(whole, message));
        };
        for (at, key, value) in &fields {
            if let Some(message) = misplaced(subject, key) {
                return Err(self.values.file.error(at, message));
            }
            if *key == "name" {
                on.name = self.names(&what, value)?;
            }
        }
        Ok(Rule {
            line: self.line_of(whole, table),
            subject,
            what,
            written,
            on,
            reason,
            expires,
            seen,
        })
    }

    /// Returns the line of the first field: the header of a table has a span of its own.
    fn line_of(&self, whole: &Value<'_>, table: &DeTable<'_>) -> usize {
        let first = fields(table).first().map(|(at, _, _)| at.clone());
        self.values.line(&first.unwrap_or(whole.span()))
    }

    fn what(&self, subject: Subject, value: &Value<'_>) -> Result<Vec<What>, RuleError> {
        let values = self.values.list(value)?.into_iter();
        let values = values.map(|value| match subject {
            Subject::Program | Subject::Download => self.path(value).map(What::Path),
            Subject::Destination | Subject::Listener | Subject::Inbound => {
                let end = EndPattern::parse(self.values.string(value)?)
                    .map_err(|message| self.values.error(value, message))?;
                if subject == Subject::Inbound && end.ports.is_some() {
                    let message = "the port of a peer is any: write the listener's as `port = …`";
                    return Err(self.values.error(value, message));
                }
                Ok(What::End(end))
            }
            Subject::Change => self.kind(value).map(What::Kind),
        });
        values.collect()
    }

    fn written(&self, value: &Value<'_>) -> Result<String, RuleError> {
        let values = self.values.list(value)?.into_iter();
        let texts: Result<Vec<&str>, RuleError> =
            values.map(|value| self.values.string(value)).collect();
        Ok(texts?.join(", "))
    }

    fn kind(&self, value: &Value<'_>) -> Result<Kind, RuleError> {
        let name = self.values.string(value)?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
        let of_rules = ["destination", "listener", "program", "download"];
        match kind {
            Some(kind) if !of_rules.contains(&kind.name()) => Ok(kind),
            Some(kind) => {
                let message = format!(
                    "`{name}` is a subject of its own: write `{} = …`",
                    kind.name()
                );
                Err(self.values.error(value, message))
            }
            None => {
                let names = Kind::ALL.map(Kind::name);
                let names: Vec<&str> = names
                    .into_iter()
                    .filter(|name| !of_rules.contains(name))
                    .collect();
                let known = expected(name, &names);
                let message = format!("unknown kind {}, {known}", quoted(name));
                Err(self.values.error(value, message))
            }
        }
    }

    fn names(&self, kinds: &[What], value: &Value<'_>) -> Result<Vec<Glob>, RuleError> {
        let is_path = |what: &What| match what {
            What::Kind(kind) => is_of_paths(*kind),
            What::Path(_) | What::End(_) => false,
        };
        if !kinds.iter().all(is_path) {
            return self.values.globs(value, Scope::Text);
        }
        let values = self.values.list(value)?.into_iter();
        values.map(|value| self.path(value)).collect()
    }

    fn path(&self, value: &Value<'_>) -> Result<Glob, RuleError> {
        let glob = self.values.glob(value, Scope::Path)?;
        // A path is absolute. A bare name, a likely slip, would match nothing.
        if glob.written().starts_with(['/', '*', '?', '[', '\\']) {
            return Ok(glob);
        }
        let message = format!(
            "{} can never match: it is held against a whole path; write `**/…` for any directory",
            quoted(glob.written())
        );
        Err(self.values.error(value, message))
    }

    /// Reads globs of names, or of paths where they have a slash.
    fn processes(&self, value: &Value<'_>) -> Result<Vec<Glob>, RuleError> {
        let values = self.values.list(value)?.into_iter();
        let globs = values.map(|value| {
            let scope = match self.values.string(value)?.contains('/') {
                true => Scope::Path,
                false => Scope::Text,
            };
            self.values.glob(value, scope)
        });
        globs.collect()
    }

    fn actions(&self, value: &Value<'_>) -> Result<Vec<Action>, RuleError> {
        let values = self.values.list(value)?.into_iter();
        let actions = values.map(|value| {
            let name = self.values.string(value)?;
            let action = Action::ALL.into_iter().find(|action| action.name() == name);
            action.ok_or_else(|| {
                let known = expected(name, &Action::ALL.map(Action::name));
                let message = format!("unknown action {}, {known}", quoted(name));
                self.values.error(value, message)
            })
        });
        actions.collect()
    }

    fn ports(&self, value: &Value<'_>) -> Result<Vec<Ports>, RuleError> {
        let values = self.values.list(value)?.into_iter();
        let ports = values.map(|value| {
            let text = match value.get_ref() {
                DeValue::Integer(number) => number.as_str().to_owned(),
                _ => self.values.string(value)?.to_owned(),
            };
            let ports = Ports::parse(&text);
            ports.ok_or_else(|| {
                let message = "not a port: write 443, \"8000-8100\" or \"*\"";
                self.values.error(value, message)
            })
        });
        ports.collect()
    }

    fn protocol(&self, value: &Value<'_>) -> Result<Protocol, RuleError> {
        match self.values.string(value)? {
            "tcp" => Ok(Protocol::Tcp),
            "udp" => Ok(Protocol::Udp),
            name => {
                let known = expected(name, &["tcp", "udp"]);
                let message = format!("unknown protocol {}, {known}", quoted(name));
                Err(self.values.error(value, message))
            }
        }
    }

    fn attention(&self, value: &Value<'_>) -> Result<AttentionCondition, RuleError> {
        match value.get_ref().as_bool() {
            Some(false) => Ok(AttentionCondition::None),
            Some(true) => {
                let any = Glob::new("*", Scope::Text);
                let any = any.map_err(|message| self.values.error(value, message))?;
                Ok(AttentionCondition::Reasons(vec![any]))
            }
            None => Ok(AttentionCondition::Reasons(
                self.values.globs(value, Scope::Text)?,
            )),
        }
    }

    fn date(&self, value: &Value<'_>) -> Result<Date, RuleError> {
        let text = match value.get_ref() {
            DeValue::Datetime(date) => date.to_string(),
            _ => self.values.string(value)?.to_owned(),
        };
        let is_date = text.len() == "2027-01-31".len();
        let date = is_date.then(|| text.parse().ok()).flatten();
        date.ok_or_else(|| {
            self.values
                .error(value, "not a date: write it like 2027-01-31")
        })
    }
}

/// True for kinds whose names are paths.
pub(super) fn is_of_paths(kind: Kind) -> bool {
    matches!(kind, Kind::File | Kind::Cron | Kind::Process)
}

/// Says why a condition can never hold for a subject.
fn misplaced(subject: Subject, key: &str) -> Option<String> {
    let is_end = matches!(
        subject,
        Subject::Destination | Subject::Listener | Subject::Inbound
    );
    let is_change = subject == Subject::Change;
    let is_good = match key {
        "port" | "protocol" => is_end,
        "tag" => matches!(subject, Subject::Destination | Subject::Inbound),
        "name" | "action" => is_change,
        "attention" => is_change || subject == Subject::Program,
        "argv" => subject == Subject::Program,
        _ => true,
    };
    (!is_good).then(|| format!("a {} has no `{key}`: leave it out", subject.name()))
}
