//! Tests that no column goes without a word, at widths of terminals.

use super::*;
use crate::view::Clock;

const HEADS: [Head; 4] = [
    Head::new("HOST"),
    Head {
        leave_out: 1,
        ..Head::new("ADDRESSES")
    },
    Head {
        leave_out: 2,
        ..Head::new("PROCESSES")
    },
    Head {
        leave_out: 3,
        ..Head::new("TAG")
    },
];

fn lines(width: Option<usize>, rows: &[[&str; 4]]) -> Vec<String> {
    let page = Page {
        width,
        ..Page::unlimited(Clock::default())
    };
    let rows = rows
        .iter()
        .map(|row| row.iter().map(|cell| (*cell).to_owned()).collect());
    table(&page, &HEADS, rows.collect())
}

#[test]
fn columns_without_room_are_named() {
    let address = "2001:db8:1111:2222:3333:4444:5555:6666, 2001:db8::1";
    let row = ["host.vendor.example:443", address, "curl, wget", "-"];
    assert_eq!(
        lines(Some(80), &[row]),
        [
            "HOST                     PROCESSES   TAG",
            "host.vendor.example:443  curl, wget  -",
            "(without room for ADDRESSES: a wider terminal or a pipe, as `| cat`, shows all)",
        ]
    );
    for width in [Some(200), None] {
        assert_eq!(lines(width, &[row]).len(), 2, "{width:?}");
    }
    assert_eq!(lines(None, &[]), Vec::<String>::new());
}

#[test]
fn a_column_without_a_value_is_not_missed() {
    let name = "n".repeat(60);
    assert_eq!(
        lines(Some(64), &[[&name, "-", "-", "-"]]),
        ["HOST".to_owned(), name]
    );
}

#[test]
fn columns_behind_the_end_of_the_lines_are_named() {
    let heads = [Head::new("HOST"), Head::new("COUNT")];
    let page = Page {
        width: Some(20),
        ..Page::unlimited(Clock::default())
    };
    let rows = vec![vec!["n".repeat(30), "7".to_owned()]];
    let lines = table(&page, &heads, rows);
    assert_eq!(lines[0], "HOST               …");
    assert!(lines[2].starts_with("(without room for"), "{lines:?}");
    assert!(lines.join(" ").contains("COUNT"), "{lines:?}");
}
