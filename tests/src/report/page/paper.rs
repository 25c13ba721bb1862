//! Tests the page on paper: dense, and of bounded length.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::json;

use super::{Shown, field};
use crate::harness::{Test, plain};

pub(super) fn tests() -> Vec<Test> {
    vec![
        plain!(paper_has_the_recorded_trees),
        plain!(a_large_recording_is_a_few_pages),
    ]
}

/// Pages of a printed recording of 1,400 processes, at most.
const PAGES: usize = 12;

impl Shown {
    /// Prints the page, and counts the sheets.
    fn printed(&self) -> usize {
        let printed = self
            .browser
            .tool("Page.printToPDF", &json!({ "printBackground": true }));
        let pdf = printed["data"].as_str().expect("a PDF");
        let pdf = BASE64_STANDARD.decode(pdf).expect("base64");
        if let Some(directory) = std::env::var_os("TRACER_TESTS_PICTURES") {
            let file = std::path::Path::new(&directory).join("printed.pdf");
            std::fs::write(file, &pdf).expect("a PDF");
        }
        let text = String::from_utf8_lossy(&pdf);
        let pages = text.split("/Type /Page").skip(1);
        pages.filter(|rest| !rest.starts_with('s')).count()
    }
}

fn paper_has_the_recorded_trees() {
    let shown = Shown::of("oms-names");
    let at_first = shown.texts("#forest .who").len();
    assert!((1..=PAGES).contains(&shown.printed()));
    shown
        .browser
        .run("window.dispatchEvent(new Event('beforeprint'));");
    let printed = shown.texts("#forest .who").len();
    assert!(printed > 100, "{printed}");
    let said = shown
        .browser
        .text("document.getElementById('not-printed').textContent");
    assert!(
        said.contains("bystanders") && said.contains("equal processes"),
        "{said}"
    );
    let trees = shown.texts("#forest .tree-name");
    assert!(!trees.contains(&"system".to_owned()), "{trees:?}");
    assert_eq!(shown.texts("#connection-table tbody th").len(), 29);
    assert!(
        shown.texts("#completeness td").len() > 10,
        "the hooks are open"
    );
    shown
        .browser
        .run("window.dispatchEvent(new Event('afterprint'));");
    assert_eq!(shown.texts("#forest .who").len(), at_first);
    shown.is_clean();
}

fn a_large_recording_is_a_few_pages() {
    // As if the first process had a thousand further children, of which no two are equal.
    let shown = Shown::with_data("oms-names", |data| {
        let names = data["strings"].as_array_mut().expect("strings");
        let first = names.len();
        names.extend((0..1100).map(|row| json!(format!("program-{row} --with an-argument"))));
        let (width, name) = field(data, "name");
        let (_, program) = field(data, "program");
        let (_, parent) = field(data, "parent");
        let (_, pid) = field(data, "pid");
        let (_, tree) = field(data, "tree");
        let command = data["strings"].as_array().expect("strings").iter();
        let command = command.clone().position(|text| text == "command");
        let numbers = data["processes"].as_array_mut().expect("numbers");
        let root = numbers
            .chunks(width)
            .position(|one| one[tree] == json!(command))
            .expect("the command");
        let model: Vec<_> = numbers[root * width..(root + 1) * width].to_vec();
        for row in 0..1100 {
            let mut process = model.clone();
            process[name] = json!(first + row);
            process[program] = json!(first + row);
            process[parent] = json!(root);
            process[pid] = json!(100_000 + row);
            numbers.extend(process);
        }
    });
    let pages = shown.printed();
    assert!((3..=PAGES).contains(&pages), "{pages} pages");
    shown
        .browser
        .run("window.dispatchEvent(new Event('beforeprint'));");
    let said = shown
        .browser
        .text("document.getElementById('not-printed').textContent");
    assert!(said.contains("past the limit of a printed page"), "{said}");
    shown.is_clean();
}
