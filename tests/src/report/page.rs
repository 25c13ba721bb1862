//! Tests the page in a browser: no request leaves it, no text becomes markup, search and keys work.
//! With TRACER_TESTS_PICTURES set to a directory, it leaves screenshots there for review.

mod flow;
mod pane;
mod paper;
mod parts;

use std::{fs, path::PathBuf};

use serde_json::json;
use tempfile::TempDir;

use super::report;
use crate::harness::{Browser, Test, plain, run, within_limit};

pub(crate) fn tests() -> Vec<Test> {
    let tests = vec![
        plain!(nothing_leaves_the_page_and_no_text_is_markup),
        plain!(search_filters_everything_together),
        plain!(the_forest_opens_by_itself_and_on_demand),
        plain!(the_timeline_obeys_the_keyboard),
        plain!(thousands_of_trees_are_truncated_and_searchable),
        plain!(attention_fits_a_narrow_screen_and_is_searched),
        plain!(screen_readers_get_names_and_roles),
    ];
    let parts = [flow::tests(), pane::tests(), paper::tests(), parts::tests()];
    tests
        .into_iter()
        .chain(parts.into_iter().flatten())
        .map(|test| {
            let test = test.needs("chromedriver").needs("chromium");
            test.only_where(
                has_source_tree,
                "a copy of the tests comes without a browser",
            )
        })
        .collect()
}

/// True if the corpus is in the source tree: guests get only a copy, and have no browser.
fn has_source_tree() -> bool {
    std::env::var_os("TRACER_TESTS_CORPUS").is_none()
}

/// Returns the number of the fields of a process, and the place of one of them.
fn field(data: &serde_json::Value, name: &str) -> (usize, usize) {
    let fields = data["process_fields"].as_array().expect("fields");
    let place = fields.iter().position(|field| field == name);
    (fields.len(), place.expect("a field"))
}

/// A browser that shows the report on a trace.
struct Shown {
    browser: Browser,
    _directory: TempDir,
}

impl Shown {
    fn of(trace: &str) -> Shown {
        Shown::with(trace, |page| page)
    }

    /// Shows the page after a change.
    fn with(trace: &str, change: impl FnOnce(String) -> String) -> Shown {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("report.html");
        // A trace that is incomplete has an exit status of its own.
        run(report(trace, &["--format", "html", "-o"]).arg(&file));
        let page = fs::read_to_string(&file).expect("a page");
        fs::write(&file, change(page)).expect("a page");
        let browser = Browser::start();
        browser.open(&file);
        let own = format!("file://{}", file.display());
        assert_eq!(browser.requests(), [own], "the page asks for itself alone");
        Shown {
            browser,
            _directory: directory,
        }
    }

    /// Shows the page after a change of its data.
    fn with_data(trace: &str, change: impl FnOnce(&mut serde_json::Value)) -> Shown {
        Shown::with(trace, |page| {
            let (before, rest) = page.split_once("id=\"data\">").expect("data");
            let (data, after) = rest.split_once("</script>").expect("its end");
            let mut data: serde_json::Value = serde_json::from_str(data).expect("JSON");
            change(&mut data);
            format!("{before}id=\"data\">{data}</script>{after}")
        })
    }

    fn is_clean(&self) {
        let complaints = self.browser.complaints();
        assert!(complaints.is_empty(), "{complaints:#?}");
        let requests = self.browser.requests();
        assert!(requests.is_empty(), "{requests:#?}");
    }

    fn search(&self, words: &str) {
        let words = json!(words);
        self.browser.run(&format!(
            "const box = document.getElementById('words'); box.value = {words};
             document.getElementById('found').textContent = '';
             box.dispatchEvent(new Event('input'));"
        ));
        let said = || {
            self.browser
                .text("document.getElementById('found').textContent")
        };
        assert!(within_limit(|| !said().is_empty()), "no answer to {words}");
    }

    fn found(&self) -> String {
        self.browser
            .text("document.getElementById('found').textContent")
    }

    fn texts(&self, selector: &str) -> Vec<String> {
        let selector = json!(selector);
        let all = self.browser.value(&format!(
            "[...document.querySelectorAll({selector})].filter((one) => \
             one.checkVisibility()).map((one) => one.textContent)"
        ));
        serde_json::from_value(all).expect("texts")
    }

    fn press(&self, key: &str) {
        let key = json!(key);
        self.browser.run(&format!(
            "document.getElementById('canvas').dispatchEvent(new KeyboardEvent('keydown', {{ key: \
             {key}, cancelable: true }}));"
        ));
    }
}

/// Counts elements that no text of the page may have become.
const MADE: &str = "document.querySelectorAll('img, svg:not(.flow-drawing), u, b, i, iframe, \
    object, link, style:not(head style), [onerror], [onload]').length";

fn nothing_leaves_the_page_and_no_text_is_markup() {
    for trace in ["hostile", "oms-names", "killed"] {
        let shown = Shown::of(trace);
        for (width, scheme) in [
            (1280, "light"),
            (1280, "dark"),
            (400, "light"),
            (400, "dark"),
        ] {
            let picture = shown.browser.picture(width, scheme);
            assert!(picture.starts_with(b"\x89PNG"));
            if let Some(directory) = std::env::var_os("TRACER_TESTS_PICTURES") {
                let name = format!("{trace}-{width}-{scheme}.png");
                fs::write(PathBuf::from(directory).join(name), picture).expect("a picture");
            }
            let overflow =
                "document.documentElement.scrollWidth - document.documentElement.clientWidth";
            assert_eq!(shown.browser.value(overflow), 0, "{trace} at {width}");
        }
        assert_eq!(shown.browser.value(MADE), 0, "{trace}");
        shown.is_clean();
    }
    let shown = Shown::of("hostile");
    let names = shown.texts("#forest .who");
    assert!(
        names
            .iter()
            .any(|name| name == "<img src=x onerror=alert(1)> [202]"),
        "{names:#?}"
    );
    let hosts = shown.texts("#destinations tbody th");
    assert!(
        hosts.contains(&"</script><script>alert(2)</script>".to_owned()),
        "{hosts:#?}"
    );
    // And its details of one process.
    let all = shown.browser.value(
        "[...document.querySelectorAll('#forest .who')].map((who) => {
           history.replaceState(null, '', who.hash);
           window.dispatchEvent(new Event('hashchange'));
           return document.querySelectorAll('#pane dd').length; })",
    );
    let all: Vec<usize> = serde_json::from_value(all).expect("numbers");
    assert!(all.iter().sum::<usize>() > 50, "{all:?}");
    assert_eq!(shown.browser.value(MADE), 0);
    shown.search("<img");
    assert!(
        shown.found().starts_with("2 of 20 processes"),
        "{}",
        shown.found()
    );
    shown.is_clean();
}

fn search_filters_everything_together() {
    let shown = Shown::of("oms-names");
    let destinations = shown.texts("#destinations tbody th").len();
    assert_eq!(destinations, 7);
    shown.search("omsagent 169.254");
    assert_eq!(
        shown.found(),
        "1 of 323 processes, 4 of 29 connections, 1 of 7 destinations"
    );
    assert_eq!(shown.texts("#destinations tbody th"), ["169.254.169.254"]);
    assert_eq!(shown.texts("#connection-table tbody th").len(), 4);
    assert_eq!(shown.texts("#trees tbody th"), ["omsagent"]);
    let names = shown.texts("#forest .node:not(.other) .who");
    assert_eq!(names, ["omsagent [232]"]);
    let ancestors = shown.texts("#forest .node.other .who");
    assert_eq!(ancestors, ["omsagent [230]", "omsagent [231]"]);
    shown.search("no such thing");
    assert!(
        shown.found().starts_with("0 of 323 processes, 0 of 29"),
        "{}",
        shown.found()
    );
    assert!(shown.texts(".nothing").len() > 3);
    shown
        .browser
        .run("document.getElementById('clear').click();");
    assert_eq!(shown.found(), "");
    assert_eq!(shown.texts("#destinations tbody th").len(), destinations);
    shown.browser.run(
        "const tree = document.getElementById('tree');
         tree.value = [...tree.options].find((one) => one.textContent === 'omi').value;
         tree.dispatchEvent(new Event('change'));",
    );
    assert!(
        shown.found().starts_with("20 of 323 processes, 0 of 29"),
        "{}",
        shown.found()
    );
    shown.is_clean();
}

fn the_forest_opens_by_itself_and_on_demand() {
    let shown = Shown::of("oms-names");
    let at_first = shown.texts("#forest .who").len();
    assert!(
        (20..100).contains(&at_first),
        "{at_first} processes at first"
    );
    shown
        .browser
        .run("document.querySelector('#forest .twist[aria-expanded=false]').click();");
    let then = shown.texts("#forest .who").len();
    assert!(then > at_first, "{then}");
    shown
        .browser
        .run("document.querySelector('#forest .twist[aria-expanded=true]').click();");
    assert!(shown.texts("#forest .who").len() < then);
    shown
        .browser
        .run("document.getElementById('open-all').click();");
    assert_eq!(shown.texts("#forest .who").len(), 323);
    shown
        .browser
        .run("document.getElementById('close-all').click();");
    assert_eq!(shown.texts("#forest .who").len(), 0);
    shown.is_clean();
}

fn the_timeline_obeys_the_keyboard() {
    let shown = Shown::of("oms-names");
    let chosen = || {
        shown
            .browser
            .text("document.getElementById('chosen').textContent")
    };
    let picture = || {
        shown
            .browser
            .text("document.getElementById('canvas').toDataURL()")
    };
    let whole = picture();
    shown.press("+");
    let near = picture();
    assert_ne!(near, whole);
    shown.press("ArrowRight");
    assert_ne!(picture(), near);
    shown.press("0");
    assert_eq!(picture(), whole);
    shown.press("ArrowDown");
    let first = chosen();
    shown.press("ArrowDown");
    assert_ne!(chosen(), first);
    for _ in 0..20 {
        shown.press("ArrowDown");
    }
    assert!(chosen().contains(" in command, exit "), "{}", chosen());
    shown.press("Enter");
    let focused = shown.browser.text("document.activeElement.textContent");
    assert!(
        !focused.is_empty() && chosen().starts_with(&focused),
        "{focused}: {}",
        chosen()
    );
    shown.is_clean();
}

fn thousands_of_trees_are_truncated_and_searchable() {
    // As if every process were a tree of its own.
    let shown = Shown::with_data("oms-names", |data| {
        let names = data["strings"].as_array_mut().expect("strings");
        let first = names.len();
        names.extend((0..323).map(|row| json!(format!("tree {row}"))));
        let (width, tree) = field(data, "tree");
        let numbers = data["processes"].as_array_mut().expect("numbers");
        let rows = numbers.chunks_mut(width).enumerate();
        rows.for_each(|(row, process)| process[tree] = json!(first + row));
    });
    let height = shown
        .browser
        .value("document.getElementById('canvas').clientHeight");
    assert!(
        (1000..=8002).contains(&height.as_u64().unwrap_or(0)),
        "{height}"
    );
    let drawn = "(() => { const canvas = document.getElementById('canvas');
        return canvas.getContext('2d').getImageData(0, canvas.height - 100, canvas.width, \
        90).data.some((one) => one > 0); })()";
    assert_eq!(shown.browser.value(drawn), true);
    let said = shown.texts("#too-many").concat();
    assert!(
        said.starts_with("The first 2") && said.contains(" of 323 trees are drawn"),
        "{said}"
    );
    shown.search("omsagent 169.254");
    let said = shown.texts("#too-many").concat();
    assert!(said.starts_with("The first 1 of 1 trees that "), "{said}");
    shown.is_clean();
}

fn attention_fits_a_narrow_screen_and_is_searched() {
    let shown = Shown::of("oms-names");
    shown.browser.picture(400, "light");
    shown.search("omilogrotate");
    assert_eq!(shown.texts("#attention tbody tr").len(), 1);
    shown.search("no such thing");
    assert_eq!(shown.texts("#attention tbody tr").len(), 0);
    assert_eq!(shown.texts("#attention .nothing").len(), 1);
    shown.is_clean();
}

fn screen_readers_get_names_and_roles() {
    let shown = Shown::of("oms-names");
    shown
        .browser
        .run("document.getElementById('open-all').click();");
    let tree = shown
        .browser
        .tool("Accessibility.getFullAXTree", &json!({}));
    let nodes = tree["nodes"].as_array().cloned().unwrap_or_default();
    let mut roles = std::collections::BTreeMap::new();
    for node in nodes.iter().filter(|node| node["ignored"] == false) {
        let role = node["role"]["value"].as_str().unwrap_or_default();
        let name = node["name"]["value"].as_str().unwrap_or_default();
        *roles.entry(role.to_owned()).or_insert(0) += 1;
        let must_have_name = [
            "button",
            "link",
            "textbox",
            "searchbox",
            "combobox",
            "table",
            "region",
        ];
        assert!(
            !must_have_name.contains(&role) || !name.is_empty(),
            "{node:#}"
        );
    }
    for role in [
        "main",
        "navigation",
        "banner",
        "contentinfo",
        "search",
        "searchbox",
        "status",
        "table",
    ] {
        assert!(roles.contains_key(role), "no {role}: {roles:?}");
    }
    let twice = "(() => { const ids = [...document.querySelectorAll('[id]')].map((one) => one.id); \
        return ids.length - new Set(ids).size; })()";
    assert_eq!(shown.browser.value(twice), 0, "an id stands for one thing");
    let levels = shown
        .browser
        .value("[...document.querySelectorAll('h1, h2, h3')].map((one) => Number(one.tagName[1]))");
    let levels: Vec<u8> = serde_json::from_value(levels).expect("levels");
    assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1);
    assert!(
        levels.windows(2).all(|pair| pair[1] <= pair[0] + 1),
        "{levels:?}"
    );
    shown.is_clean();
}
