//! Tests parts of a page that are loaded on demand. The page of a small trace is split for that.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{Shown, field};
use crate::harness::{Test, plain, within_limit};

/// Processes that stay in the first part.
const FIRST: usize = 200;

pub(super) fn tests() -> Vec<Test> {
    vec![
        plain!(a_part_is_loaded_on_demand),
        plain!(a_part_that_is_damaged_is_said),
    ]
}

/// Packs a text as the report does.
fn packed(text: &str) -> String {
    let mut gzip = Command::new("gzip")
        .arg("-c")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("gzip is a part of every system");
    let mut input = gzip.stdin.take().expect("a pipe");
    let text = text.to_owned();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = gzip.wait_with_output().expect("gzip");
    writer.join().expect("no panic").expect("a whole text");
    BASE64_STANDARD.encode(output.stdout)
}

/// Moves the rows of later processes from the data to a part.
fn split(data: &mut Value) -> Value {
    let mut part = json!({ "first": FIRST, "strings": data["strings"] });
    let (width, tree) = field(data, "tree");
    let processes = data["processes"].as_array_mut().expect("numbers");
    let later = processes.split_off(FIRST * width);
    let name = later.get(tree).expect("a tree").clone();
    part["processes"] = json!(later);
    for (list, fields) in [
        ("connections", "connection_fields"),
        ("facts", "fact_fields"),
    ] {
        let width = data[fields].as_array().expect("fields").len();
        let rows = data[list].as_array().expect("numbers").chunks(width);
        let is_later = |row: &&[Value]| {
            let owner = row.first().and_then(Value::as_i64);
            owner.is_some_and(|owner| owner >= FIRST as i64)
        };
        let (later, first): (Vec<&[Value]>, Vec<&[Value]>) = rows.partition(is_later);
        part[list] = json!(later.concat());
        data[list] = json!(first.concat());
    }
    let count = |part: &Value, list: &str, fields: usize| {
        part[list].as_array().expect("numbers").len() / fields
    };
    let connection_width = data["connection_fields"].as_array().expect("fields").len();
    data["trees"] = json!([{
        "name": name,
        "processes": 323,
        "connections": 29,
        "left_out_processes": 7,
        "left_out_connections": 5,
        "parts": [{
            "id": 0,
            "processes": count(&part, "processes", width),
            "connections": count(&part, "connections", connection_width),
        }],
    }]);
    part
}

/// Shows a page of which the last processes are a part.
fn shown(pack: impl Fn(&str) -> String) -> Shown {
    Shown::with("oms-names", |page| {
        let (before, rest) = page.split_once("id=\"data\">").expect("data");
        let (data, after) = rest.split_once("</script>").expect("its end");
        let mut data: Value = serde_json::from_str(data).expect("JSON");
        let part = pack(&split(&mut data).to_string());
        format!(
            "{before}id=\"data\">{data}</script>\
             <script type=\"application/gzip\" id=\"part-0\">{part}</script>{after}"
        )
    })
}

fn said(shown: &Shown) -> String {
    shown
        .browser
        .text("document.getElementById('parts-said').textContent")
}

fn a_part_is_loaded_on_demand() {
    let shown = shown(packed);
    assert!(
        said(&shown).starts_with("A large recording: 200 of 323 processes and "),
        "{}",
        said(&shown)
    );
    assert!(said(&shown).contains(" 7 processes and 5 connections are not on this page: "));
    let buttons = shown.texts("#forest .load");
    assert_eq!(buttons.len(), 1, "{buttons:?}");
    assert!(
        buttons[0].starts_with("Load 123 processes and "),
        "{buttons:?}"
    );
    shown
        .browser
        .run("document.querySelector('#forest .load').click();");
    let is_loaded =
        || said(&shown).starts_with("A large recording: 323 of 323 processes and 29 of 29");
    assert!(within_limit(is_loaded), "{}", said(&shown));
    assert!(shown.texts("#forest .load").is_empty());
    assert!(shown.texts("#load-all").is_empty());
    shown
        .browser
        .run("document.getElementById('open-all').click();");
    assert_eq!(shown.texts("#forest .who").len(), 323);
    shown.search("curl");
    assert!(
        shown.found().contains(" of 323 processes, "),
        "{}",
        shown.found()
    );
    shown.is_clean();
}

fn a_part_that_is_damaged_is_said() {
    let shown = shown(|_| BASE64_STANDARD.encode("not compressed"));
    shown
        .browser
        .run("document.getElementById('load-all').click();");
    let is_said = || said(&shown).starts_with("Cannot load it: ");
    assert!(within_limit(is_said), "{}", said(&shown));
    assert_eq!(shown.found(), "");
}
