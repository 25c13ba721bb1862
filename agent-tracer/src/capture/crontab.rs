//! The command lines in a table of cron jobs, as crontab(5) defines them: what cron will pass to a
//! shell. When a job runs, and as whom, is not looked at.

use std::path::Path;

/// Whether a line says who runs the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A user's own table.
    User,
    /// The system's, with the user in front of the command.
    System,
}

/// The form of the table that a path is of; nothing where it is no table.
pub fn form(path: &Path) -> Option<Form> {
    let directory = path.parent()?;
    if path == Path::new("/etc/crontab") || directory == Path::new("/etc/cron.d") {
        Some(Form::System)
    } else if directory.starts_with("/var/spool/cron") {
        Some(Form::User)
    } else {
        None
    }
}

/// The commands, in the order of their lines. A line that is none of a job's is passed over.
pub fn commands(table: &[u8], form: Form) -> Vec<Vec<u8>> {
    table
        .split(|byte| *byte == b'\n')
        .filter_map(|line| command(line, form))
        .collect()
}

fn command(line: &[u8], form: Form) -> Option<Vec<u8>> {
    let line = line.trim_ascii_start();
    // Comments, and `NAME = value`, which begins with what no time begins with.
    let times = match line.first()? {
        b'@' => 1,
        b'0'..=b'9' | b'*' | b'~' => 5,
        _ => return None,
    };
    let user = match form {
        Form::User => 0,
        Form::System => 1,
    };
    let mut rest = line;
    for _ in 0..times + user {
        let end = rest.iter().position(|byte| matches!(byte, b' ' | b'\t'))?;
        rest = rest[end..].trim_ascii_start();
    }
    let command = until_percent(rest);
    (!command.is_empty()).then_some(command)
}

/// A `%` ends the command; what follows it is for its stdin. `\%` is one that does not.
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
    use super::{Form, commands, form};
    use std::path::Path;

    fn of(table: &str, form: Form) -> Vec<String> {
        commands(table.as_bytes(), form)
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
            of(table, Form::System),
            [
                "/opt/omi/bin/OMSConsistencyInvoker >/dev/null 2>&1",
                "echo a",
                "cd / && run-parts /etc/cron.hourly",
                "date +%F",
            ]
        );
        assert_eq!(of("5 4 * * sun a b\n", Form::User), ["a b"]);
    }

    #[test]
    fn only_tables_are_tables() {
        for (path, expected) in [
            ("/etc/crontab", Some(Form::System)),
            ("/etc/cron.d/x", Some(Form::System)),
            ("/var/spool/cron/crontabs/root", Some(Form::User)),
            ("/var/spool/cron/root", Some(Form::User)),
            ("/etc/cron.hourly/x", None),
            ("/etc/systemd/system/x.service", None),
        ] {
            assert_eq!(form(Path::new(path)), expected, "{path}");
        }
    }
}
