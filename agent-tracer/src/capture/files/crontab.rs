//! Extracts the command lines from a table of cron jobs, as crontab(5) defines them: the text that
//! cron passes to a shell. Times and users are skipped.

use std::path::Path;

/// Kinds of tables: with or without a user in each line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// A user's own table.
    User,
    /// The system's, with the user in front of the command.
    System,
}

/// Returns the kind of the table at a path, or `None` for any other file.
pub fn table_kind(path: &Path) -> Option<TableKind> {
    let directory = path.parent()?;
    if path == Path::new("/etc/crontab") || directory == Path::new("/etc/cron.d") {
        Some(TableKind::System)
    } else if directory.starts_with("/var/spool/cron") {
        Some(TableKind::User)
    } else {
        None
    }
}

/// Returns the commands in the order of their lines. Other lines are skipped.
pub fn commands(table: &[u8], kind: TableKind) -> Vec<Vec<u8>> {
    table
        .split(|byte| *byte == b'\n')
        .filter_map(|line| command(line, kind))
        .collect()
}

fn command(line: &[u8], kind: TableKind) -> Option<Vec<u8>> {
    let line = line.trim_ascii_start();
    // Skips comments and `NAME = value`: no time begins like either.
    let times = match line.first()? {
        b'@' => 1,
        b'0'..=b'9' | b'*' | b'~' => 5,
        _ => return None,
    };
    let user = match kind {
        TableKind::User => 0,
        TableKind::System => 1,
    };
    let mut rest = line;
    for _ in 0..times + user {
        let end = rest.iter().position(|byte| matches!(byte, b' ' | b'\t'))?;
        rest = rest[end..].trim_ascii_start();
    }
    let command = until_percent(rest);
    (!command.is_empty()).then_some(command)
}

/// Cuts a command at its first `%`: the rest is its stdin. `\%` is a literal percent sign.
fn until_percent(text: &[u8]) -> Vec<u8> {
    let mut command = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => break,
            b'\\' if bytes.peek() == Some(&b'%') => {
                bytes.next();
                command.push(b'%');
            }
            byte => command.push(byte),
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use super::{TableKind, commands, table_kind};
    use std::path::Path;

    fn of(table: &str, kind: TableKind) -> Vec<String> {
        commands(table.as_bytes(), kind)
            .into_iter()
            .map(|command| String::from_utf8(command).expect("text"))
            .collect()
    }

    #[test]
    fn commands_are_what_a_shell_gets() {
        let table = "# a comment\nSHELL=/bin/sh\nPATH = /bin\n\n\
            */15 * * * * omsagent /opt/omi/bin/OMSConsistencyInvoker >/dev/null 2>&1\n\
            @reboot root\t echo a\n  17 *\t* * *  root    cd / && run-parts /etc/cron.hourly\n\
            0 0 * * 0 root date +\\%F%input%more\n1 2 3\n@daily root";
        assert_eq!(
            of(table, TableKind::System),
            [
                "/opt/omi/bin/OMSConsistencyInvoker >/dev/null 2>&1",
                "echo a",
                "cd / && run-parts /etc/cron.hourly",
                "date +%F",
            ]
        );
        assert_eq!(of("5 4 * * sun a b\n", TableKind::User), ["a b"]);
    }

    #[test]
    fn only_tables_are_tables() {
        for (path, expected) in [
            ("/etc/crontab", Some(TableKind::System)),
            ("/etc/cron.d/x", Some(TableKind::System)),
            ("/var/spool/cron/crontabs/root", Some(TableKind::User)),
            ("/var/spool/cron/root", Some(TableKind::User)),
            ("/etc/cron.hourly/x", None),
            ("/etc/systemd/system/x.service", None),
        ] {
            assert_eq!(table_kind(Path::new(path)), expected, "{path}");
        }
    }
}
