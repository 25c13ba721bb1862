//! The screen of keys.

/// Its lines.
pub(super) const LINES: [&str; 18] = [
    "Tab, ←, →        next list, list before",
    "↑, ↓, j, k       row above, row below; also Page Up, Page Down, Home and End",
    "Enter            details of the row: of a tree its processes and destinations",
    "/                shows processes only that ever had a matching name: comm, or",
    "                 base name of executable, script or first argument (* and ?)",
    "Esc              back, or away with the filter",
    "?                this page",
    "q, Ctrl-C        leaves; the recording goes on",
    "",
    "The first row of a list stays the first, so that new rows are seen. Another row",
    "stays chosen while others come and go. A wider terminal shows more columns.",
    "",
    "Ended processes and connections are released after some seconds where there are",
    "thousands. Counts include them. `tracer tree` and `tracer report` show all,",
    "also while the recording goes on.",
    "",
    "What deserves attention about files is known by their names at first, and by",
    "their permissions and contents at the end of the recording.",
];
