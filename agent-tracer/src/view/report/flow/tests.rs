//! Tests the layout: nothing overlaps, and the picture has the numbers of its flows.

use super::{Drawing, drawings, shortened};
use crate::findings::{End, Flow, Flows, Source, Weight};

fn flows(bytes: &[u64]) -> Flows<'static> {
    let flows = bytes.iter().enumerate().map(|(end, sent)| Flow {
        source: end % 2,
        end,
        weight: Weight {
            connections: 1 + end as u64,
            failed: 0,
            sent: *sent,
            received: 0,
        },
    });
    Flows {
        sources: vec![Source::Tree("a"), Source::Bystanders],
        ends: (0..bytes.len()).map(End::Others).collect(),
        flows: flows.collect(),
    }
}

fn tops_and_heights(drawing: &Drawing, anchor: &str) -> Vec<(f64, f64)> {
    let nodes = drawing.nodes.iter().filter(|node| node.anchor == anchor);
    let number = |text: &str| text.parse().expect("a number");
    nodes
        .map(|node| (number(&node.y), number(&node.height)))
        .collect()
}

#[test]
fn no_node_overlaps_another_or_leaves_the_picture() {
    for bytes in [
        vec![0],
        vec![1, 1_000_000, 0, 7],
        vec![u64::MAX, u64::MAX, 3],
    ] {
        for drawing in drawings(&flows(&bytes)) {
            let height: f64 = drawing.height.parse().expect("a height");
            for anchor in ["start", "end"] {
                let nodes = tops_and_heights(&drawing, anchor);
                for pair in nodes.windows(2) {
                    assert!(pair[0].0 + pair[0].1 < pair[1].0, "{drawing:#?}");
                }
                for (top, tall) in nodes {
                    assert!(top >= 0.0 && top + tall <= height, "{drawing:#?}");
                }
            }
        }
    }
}

#[test]
fn both_sides_are_as_tall_as_their_ribbons() {
    for drawing in drawings(&flows(&[5, 100, 20, 0])) {
        let sum = |anchor| -> f64 {
            let nodes = tops_and_heights(&drawing, anchor).into_iter();
            nodes.map(|(_, height)| height).sum()
        };
        assert!((sum("start") - sum("end")).abs() < 1.0, "{drawing:#?}");
    }
}

#[test]
fn a_long_name_keeps_its_port() {
    assert_eq!(shortened("api.example:443", 22), "api.example:443");
    let long = shortened("a-very-long-name.of-a-host.example:8443", 22);
    assert_eq!(long, "a-very-…t.example:8443");
    let wide = shortened("日本語日本語日本語日本語:443", 13);
    assert_eq!(wide, "日本…本語:443");
}
