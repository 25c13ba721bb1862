//! Tests the name that is proposed for a misspelt one.

use super::nearest;

fn proposed(written: &str) -> Option<String> {
    let names = ["command", "omi", "omsagent", "root", "0"];
    nearest(written, names.map(str::as_bytes))
}

#[test]
fn a_slip_finds_its_name() {
    assert_eq!(proposed("omsagnet").as_deref(), Some("omsagent"));
    assert_eq!(proposed("comand").as_deref(), Some("command"));
    assert_eq!(proposed("OMI"), None);
    assert_eq!(proposed("om").as_deref(), Some("omi"));
}

#[test]
fn a_word_of_its_own_finds_none() {
    assert_eq!(proposed("nginx"), None);
    assert_eq!(proposed("7"), None);
    assert_eq!(proposed(&"o".repeat(2000)), None);
}
