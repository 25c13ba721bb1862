//! Tests the picture of who talks to whom: it has the numbers of its table, and needs no script.

use serde_json::json;

use super::Shown;
use crate::{
    harness::{Test, plain},
    report::html,
};

pub(super) fn tests() -> Vec<Test> {
    vec![
        plain!(the_picture_has_the_numbers_of_its_table),
        plain!(the_picture_is_well_formed),
        plain!(one_picture_is_shown_at_a_time),
    ]
}

fn the_picture_has_the_numbers_of_its_table() {
    let shown = Shown::of("oms-names");
    let sums = |expression: &str| shown.browser.value(expression);
    let table = sums(
        "[...document.querySelectorAll('#flow tbody tr')].reduce((sum, row) => \
         sum + Number(row.cells[2].textContent.replaceAll(',', '')), 0)",
    );
    let inbound = sums("document.querySelectorAll('#inbound tbody tr').length");
    let all =
        sums("JSON.parse(document.getElementById('data').textContent).connections.length / 12");
    let number = |value: &serde_json::Value| value.as_f64().expect("a number");
    assert!((number(&table) + number(&inbound) - number(&all)).abs() < 0.5);
    for class in [
        "by-bytes.wide",
        "by-count.wide",
        "by-bytes.narrow",
        "by-count.narrow",
    ] {
        let picture = sums(&format!(
            "[...document.querySelectorAll('.{class} .ribbon')].reduce((sum, one) => \
             sum + Number(one.dataset.connections), 0)"
        ));
        assert_eq!(picture, table, "{class}");
    }
    let trees = shown.browser.value(
        "[...new Set([...document.querySelectorAll('#flow tbody tr')].map((row) => \
         row.cells[0].textContent))]",
    );
    assert_eq!(trees, json!(["command", "omsagent", "bystanders"]));
    let ribbons = sums("document.querySelectorAll('.by-bytes.wide .ribbon').length");
    let rows = sums("document.querySelectorAll('#flow tbody tr').length");
    assert_eq!(ribbons, rows);
    shown.is_clean();
}

/// A parser of XML is stricter than one of HTML.
fn the_picture_is_well_formed() {
    for trace in ["oms-names", "hostile"] {
        let page = html(trace, &[]);
        let pictures: Vec<&str> = page.split("<svg ").skip(1).collect();
        assert_eq!(pictures.len(), 4, "{trace}");
        let shown = Shown::of(trace);
        for picture in pictures {
            let (picture, _) = picture.split_once("</svg>").expect("an end");
            let picture = json!(format!("<svg {picture}</svg>"));
            let errors = shown.browser.value(&format!(
                "new DOMParser().parseFromString({picture}, 'image/svg+xml')\
                 .querySelectorAll('parsererror').length"
            ));
            assert_eq!(errors, 0, "{picture}");
        }
        let unnamed = "[...document.querySelectorAll('svg')].filter((one) => \
            one.getAttribute('role') !== 'img' || one.getAttribute('aria-labelledby').split(' ')\
            .some((id) => document.getElementById(id).textContent === '')).length";
        assert_eq!(shown.browser.value(unnamed), 0, "{trace}");
        shown.is_clean();
    }
}

fn one_picture_is_shown_at_a_time() {
    let shown = Shown::of("oms-names");
    let visible = || {
        let all = shown.browser.value(
            "[...document.querySelectorAll('svg')].filter((one) => \
             one.checkVisibility()).map((one) => one.getAttribute('class'))",
        );
        serde_json::from_value::<Vec<String>>(all).expect("classes")
    };
    shown.browser.picture(1280, "light");
    assert_eq!(visible(), ["flow-drawing by-bytes wide"]);
    shown
        .browser
        .run("document.getElementById('by-count').click();");
    assert_eq!(visible(), ["flow-drawing by-count wide"]);
    shown.browser.picture(400, "light");
    assert_eq!(visible(), ["flow-drawing by-count narrow"]);
    shown.is_clean();
}
