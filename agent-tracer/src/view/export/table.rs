//! Names the tables, and lists their columns.

use super::{
    column::{Column, columns},
    origin::ORIGIN,
    recording,
};
use crate::view::{
    changes,
    connections::CONNECTION,
    listeners::LISTENER,
    lookups::LOOKUP,
    processes::life,
    shape::{Declared, declared},
};

/// A table of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// One row: the recording itself.
    Recordings,
    /// Processes, as `tracer tree` has them.
    Processes,
    /// Connections.
    Connections,
    /// Lookups of host names.
    Lookups,
    /// Listeners.
    Listeners,
    /// Changes, every file by itself.
    Changes,
}

impl Table {
    /// All tables.
    pub const ALL: [Table; 6] = [
        Table::Recordings,
        Table::Processes,
        Table::Connections,
        Table::Lookups,
        Table::Listeners,
        Table::Changes,
    ];

    /// Returns the name, which is that of the folder, too.
    pub fn name(self) -> &'static str {
        match self {
            Table::Recordings => "recordings",
            Table::Processes => "processes",
            Table::Connections => "connections",
            Table::Lookups => "lookups",
            Table::Listeners => "listeners",
            Table::Changes => "changes",
        }
    }

    /// Returns the command that shows the same rows.
    pub(super) fn command(self) -> &'static str {
        match self {
            Table::Recordings => "replay --header",
            Table::Processes => "tree",
            Table::Connections => "connections",
            Table::Lookups => "connections --lookups",
            Table::Listeners => "connections --listening",
            Table::Changes => "changes --all",
        }
    }

    /// Lists the columns, from the left.
    pub(super) fn columns(self) -> Vec<Column> {
        let mut fields = match self {
            Table::Recordings => declared(&recording::fields()),
            Table::Processes => declared(life()),
            Table::Connections => declared(&CONNECTION),
            Table::Lookups => declared(&LOOKUP),
            Table::Listeners => declared(&LISTENER),
            Table::Changes => declared(&changes::fields()),
        };
        fields.extend(ORIGIN.iter().map(Declared::from));
        columns(fields)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Table;

    #[test]
    fn no_table_has_a_column_twice() {
        for table in Table::ALL {
            let columns = table.columns();
            let names: BTreeSet<String> = columns.iter().map(|column| column.name()).collect();
            assert_eq!(names.len(), columns.len(), "{}", table.name());
            // The folders have these names.
            assert!(!names.contains("host") && !names.contains("date"));
        }
    }
}
