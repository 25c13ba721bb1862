//! Tests rows at any width.

use super::{Page, row};
use crate::view::{Clock, TimeStyle};

fn page(width: usize) -> Page {
    Page {
        width: Some(width),
        styled: false,
        time: TimeStyle::Relative,
        clock: Clock::default(),
    }
}

#[test]
fn an_author_is_whole_at_any_width() {
    let path =
        "  new     /opt/microsoft/omsagent/plugin/filter_of_something.rb  file 0644 root 3 B";
    let author = "by installer [4711] in omsagent";
    for width in [60, 80] {
        let lines = row(&page(width), path, author);
        assert!(lines.iter().any(|line| line.ends_with(author)), "{lines:?}");
        assert!(lines.iter().all(|line| line.len() <= width), "{lines:?}");
    }
    assert_eq!(row(&page(120), path, author).len(), 1);
    assert_eq!(
        row(&page(40), path, author),
        [
            "  new     /opt/microsoft/omsagent/plugin",
            "          /filter_of_something.rb  file",
            "          0644 root 3 B",
            "          by installer [4711] in omsage…",
        ]
    );
}
