//! Tests the pane with all of one process: by keyboard, and by the address of the page.

use serde_json::json;

use super::Shown;
use crate::harness::{Test, plain, within_limit};

pub(super) fn tests() -> Vec<Test> {
    vec![
        plain!(the_pane_opens_and_closes_by_keyboard),
        plain!(an_address_opens_the_pane),
        plain!(equal_siblings_are_folded_and_found),
    ]
}

impl Shown {
    fn pane(&self) -> String {
        self.texts("#pane").concat()
    }

    /// Presses a key as a person does.
    fn key(&self, key: &str, code: u8) {
        for kind in ["rawKeyDown", "char", "keyUp"] {
            let text = if key == "Enter" { "\r" } else { "" };
            if kind == "char" && text.is_empty() {
                continue;
            }
            let event = json!({ "type": kind, "key": key, "code": key, "text": text,
                "windowsVirtualKeyCode": code });
            self.browser.tool("Input.dispatchKeyEvent", &event);
        }
    }
}

fn the_pane_opens_and_closes_by_keyboard() {
    let shown = Shown::of("oms-names");
    assert_eq!(shown.pane(), "");
    shown
        .browser
        .run("document.querySelector('#forest .who').focus();");
    let name = shown.browser.text("document.activeElement.textContent");
    shown.key("Enter", 13);
    assert!(within_limit(|| shown.pane().starts_with(&name)), "{name}");
    for part in [
        "the recorded command",
        "command line",
        "users",
        "started",
        "Children (",
    ] {
        let said = shown.pane().to_lowercase();
        let is_label = part == "command line";
        assert!(
            is_label || said.contains(&part.to_lowercase()),
            "{part}: {said}"
        );
    }
    let focused = "document.activeElement.id";
    assert_eq!(shown.browser.text(focused), "pane");
    assert!(shown.browser.text("location.hash").starts_with("#pid-"));
    shown.key("Escape", 27);
    assert!(within_limit(|| shown.pane().is_empty()));
    assert_eq!(shown.browser.text("location.hash"), "");
    let back = shown.browser.text("document.activeElement.textContent");
    assert_eq!(back, name, "the focus is back");
    shown.is_clean();
}

fn an_address_opens_the_pane() {
    let shown = Shown::of("oms-names");
    shown.browser.run("location.hash = '#pid-232';");
    assert!(within_limit(|| shown.pane().starts_with("omsagent [232]")));
    let pane = shown.pane();
    for part in [
        "Connections (",
        "169.254.169.254:80",
        "Parents (",
        "omsagent [231]",
    ] {
        assert!(pane.contains(part), "{part}: {pane}");
    }
    // From a child to its parent.
    shown
        .browser
        .run("document.querySelector('#pane li:last-child .who').click();");
    assert!(within_limit(|| !shown.pane().starts_with("omsagent [232]")));
    shown.browser.run("location.hash = '#pid-0-nowhere';");
    assert!(within_limit(|| shown.pane().is_empty()));
    shown.is_clean();
}

fn equal_siblings_are_folded_and_found() {
    let shown = Shown::of("oms-names");
    shown.browser.run(
        "for (let round = 0; round < 20; round += 1) {
           document.querySelectorAll('#forest .twist[aria-expanded=false]').forEach((twist) => {
             if (twist.parentElement.querySelector('.who') !== null) { twist.click(); }
           });
         }",
    );
    let folded = shown.texts("#forest .folded");
    assert!(folded.iter().any(|name| name.contains(" ×")), "{folded:?}");
    let before = shown.texts("#forest .who").len();
    assert!(before < 323, "{before}");
    // Columns of all lines end at the same place.
    let edges = "new Set([...document.querySelectorAll('#forest .life')].map((one) => \
        Math.round(one.getBoundingClientRect().right))).size";
    assert_eq!(shown.browser.value(edges), 1);
    // A process in a fold is found by its address.
    let hidden = shown.browser.text(
        "(() => { const fold = document.querySelector('#forest .folded');
           fold.closest('li').querySelector('.twist').click();
           const address = fold.closest('li').querySelector('.kin .who').hash;
           document.getElementById('close-all').click();
           location.hash = address;
           return address; })()",
    );
    assert!(within_limit(|| !shown.pane().is_empty()), "{hidden}");
    shown
        .browser
        .run("[...document.querySelectorAll('#pane button')].at(-1).click();");
    let focused = shown.browser.text("document.activeElement.hash");
    assert_eq!(focused, hidden);
    shown.is_clean();
}
