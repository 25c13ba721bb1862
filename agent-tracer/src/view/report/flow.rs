//! Draws who talks to whom: trees on the left, destinations on the right, and ribbons between
//! them. The picture is SVG without script or style of its own; the template escapes its texts.

use std::fmt::Write;

use unicode_width::UnicodeWidthChar;

use crate::{
    findings::{End, Flow, Flows, Source, Weight},
    view::{
        destination::written,
        escape,
        numbers::grouped,
        page::{bytes, columns},
    },
};

/// A quantity that sets the width of a ribbon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Bytes,
    Count,
}

/// Sizes of a picture, in units of its own.
struct Shape {
    class: &'static str,
    width: f64,
    /// Room for the names on the left and on the right.
    margins: (f64, f64),
    /// Characters of a name on the left and on the right.
    letters: (usize, usize),
    /// Least height of a node with its name.
    row: f64,
    /// Height of all ribbons together.
    ribbons: f64,
    /// True if a quantity stands below its name, not beside it.
    is_stacked: bool,
}

const SHAPES: [Shape; 2] = [
    Shape {
        class: "wide",
        width: 1000.0,
        margins: (235.0, 385.0),
        letters: (22, 42),
        row: 24.0,
        ribbons: 240.0,
        is_stacked: false,
    },
    Shape {
        class: "narrow",
        width: 360.0,
        margins: (92.0, 164.0),
        letters: (13, 21),
        row: 36.0,
        ribbons: 200.0,
        is_stacked: true,
    },
];

/// Width of a node.
const NODE: f64 = 10.0;
/// Space around a picture, and between a node and its name.
const SPACE: f64 = 8.0;
/// Least width of a ribbon: a thinner one would not be seen.
const THINNEST: f64 = 1.5;
/// Number of colours of sources.
const COLOURS: usize = 6;

/// A picture for one width of the page and one quantity.
#[derive(Debug)]
pub(super) struct Drawing {
    /// Part of the ids of its elements.
    pub(super) id: String,
    pub(super) class: String,
    pub(super) width: String,
    pub(super) height: String,
    pub(super) title: &'static str,
    pub(super) description: String,
    pub(super) ribbons: Vec<Ribbon>,
    pub(super) nodes: Vec<Node>,
}

/// The connections of one source to one end.
#[derive(Debug)]
pub(super) struct Ribbon {
    pub(super) class: String,
    pub(super) path: String,
    pub(super) weight: Weight,
    pub(super) title: String,
}

/// A source or an end.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) class: String,
    pub(super) x: String,
    pub(super) y: String,
    pub(super) width: f64,
    pub(super) height: String,
    pub(super) anchor: &'static str,
    pub(super) text_x: String,
    pub(super) text_y: String,
    /// Place of the quantity, where it stands below the name.
    pub(super) quantity_y: Option<String>,
    pub(super) name: String,
    pub(super) quantity: String,
    pub(super) title: String,
}

/// Draws a picture for each quantity and each width of the page.
pub(super) fn drawings(flows: &Flows<'_>) -> Vec<Drawing> {
    let mut all = Vec::new();
    if flows.flows.is_empty() {
        return all;
    }
    for by in [By::Bytes, By::Count] {
        all.extend(SHAPES.iter().map(|shape| drawing(flows, by, shape)));
    }
    all
}

/// Returns true if any connection has bytes that were counted.
pub(super) fn has_bytes(flows: &Flows<'_>) -> bool {
    flows.flows.iter().any(|flow| flow.weight.bytes() > 0)
}

/// Names a source; escaped.
pub(super) fn source(source: &Source<'_>) -> String {
    match source {
        Source::Tree(name) => escape::text(name.as_bytes()),
        Source::Others(count) => format!("{} other trees", grouped(*count as u64)),
        Source::Bystanders => "bystanders".to_owned(),
    }
}

/// Names an end; escaped.
pub(super) fn end(end: &End) -> String {
    match end {
        End::Destination(destination) => written(destination),
        End::Others(count) => format!("{} others", grouped(*count as u64)),
    }
}

/// Returns the class of a source, which has its colour.
fn colour(sources: &[Source<'_>], place: usize) -> String {
    match sources.get(place) {
        Some(Source::Tree(_)) => format!("s{}", place % COLOURS),
        Some(Source::Others(_)) | None => "folded".to_owned(),
        Some(Source::Bystanders) => "bystanders".to_owned(),
    }
}

/// A node while the picture is laid out.
#[derive(Clone, Copy, Default)]
struct Place {
    weight: Weight,
    /// Sum of its ribbons.
    height: f64,
    top: f64,
    /// Top of its next ribbon.
    next: f64,
}

fn drawing(flows: &Flows<'_>, by: By, shape: &Shape) -> Drawing {
    let quantity = |weight: &Weight| match by {
        By::Bytes => weight.bytes(),
        By::Count => weight.connections,
    };
    let mut whole = Weight::default();
    flows.flows.iter().for_each(|flow| whole.add(flow.weight));
    let scale = shape.ribbons / quantity(&whole).max(1) as f64;
    let thick = |weight: &Weight| (quantity(weight) as f64 * scale).max(THINNEST);
    let mut sources = vec![Place::default(); flows.sources.len()];
    let mut ends = vec![Place::default(); flows.ends.len()];
    for flow in &flows.flows {
        for place in [sources.get_mut(flow.source), ends.get_mut(flow.end)] {
            let Some(place) = place else { continue };
            place.weight.add(flow.weight);
            place.height += thick(&flow.weight);
        }
    }
    let needed = |places: &[Place]| -> f64 {
        let rows = places.iter().map(|place| place.height.max(shape.row));
        rows.sum::<f64>() + SPACE * places.len() as f64
    };
    let height = needed(&sources).max(needed(&ends)) + SPACE;
    for places in [&mut sources, &mut ends] {
        let space = (height - needed(places)) / (places.len() as f64 + 1.0);
        let mut top = SPACE / 2.0 + space;
        for place in places.iter_mut() {
            let row = place.height.max(shape.row);
            place.top = top + (row - place.height) / 2.0;
            place.next = place.top;
            top += row + SPACE + space;
        }
    }
    let span = (shape.margins.0 + NODE, shape.width - shape.margins.1 - NODE);
    let ribbons = flows.flows.iter().filter_map(|flow| {
        let from = sources.get_mut(flow.source)?;
        let to = ends.get_mut(flow.end)?;
        let thick = thick(&flow.weight);
        let path = ribbon(span, (from.next, to.next), thick);
        from.next += thick;
        to.next += thick;
        Some(Ribbon {
            class: ribbon_class(flows, flow),
            path,
            weight: flow.weight,
            title: format!("{}: {}", between(flows, flow), sums(&flow.weight)),
        })
    });
    let ribbons = ribbons.collect();
    let amount = |weight: &Weight| match by {
        By::Bytes => bytes(weight.bytes()),
        By::Count => grouped(weight.connections),
    };
    let node = |place: &Place, class: String, name: &str, is_left: bool| {
        let middle = place.top + place.height / 2.0;
        let (letters, x, text_x) = match is_left {
            true => (shape.letters.0, shape.margins.0, shape.margins.0 - SPACE),
            false => (shape.letters.1, span.1, span.1 + NODE + SPACE),
        };
        Node {
            class,
            x: unit(x),
            y: unit(place.top),
            width: NODE,
            height: unit(place.height),
            anchor: if is_left { "end" } else { "start" },
            text_x: unit(text_x),
            text_y: unit(if shape.is_stacked {
                middle - 2.5
            } else {
                middle + 4.5
            }),
            quantity_y: shape.is_stacked.then(|| unit(middle + 11.0)),
            name: shortened(name, letters),
            quantity: amount(&place.weight),
            title: format!("{name}: {}", sums(&place.weight)),
        }
    };
    let left = sources.iter().zip(&flows.sources).enumerate();
    let left = left.map(|(place, (laid, named))| {
        node(laid, colour(&flows.sources, place), &source(named), true)
    });
    let right = ends.iter().zip(&flows.ends);
    let right = right.map(|(laid, named)| node(laid, "end".to_owned(), &end(named), false));
    let nodes = left.chain(right).collect();
    let (name, title) = match by {
        By::Bytes => ("bytes", "Who talks to whom, by bytes"),
        By::Count => ("count", "Who talks to whom, by number of connections"),
    };
    Drawing {
        id: format!("flow-{name}-{}", shape.class),
        class: format!("by-{name} {}", shape.class),
        width: unit(shape.width),
        height: unit(height.ceil()),
        title,
        description: described(flows, &whole),
        ribbons,
        nodes,
    }
}

fn ribbon_class(flows: &Flows<'_>, flow: &Flow) -> String {
    let colour = colour(&flows.sources, flow.source);
    match flow.weight.failed == flow.weight.connections {
        true => format!("ribbon {colour} failed"),
        false => format!("ribbon {colour}"),
    }
}

/// Names source and end of a flow.
fn between(flows: &Flows<'_>, flow: &Flow) -> String {
    let from = flows.sources.get(flow.source).map(source);
    let to = flows.ends.get(flow.end).map(end);
    format!("{} → {}", from.unwrap_or_default(), to.unwrap_or_default())
}

/// `3 connections, 1 failed, 1.2 KiB sent, 4.0 MiB received`
fn sums(weight: &Weight) -> String {
    let plural = if weight.connections == 1 { "" } else { "s" };
    let mut text = format!("{} connection{plural}", grouped(weight.connections));
    if weight.failed > 0 {
        text.push_str(&format!(", {} failed", grouped(weight.failed)));
    }
    text.push_str(&format!(
        ", {} sent, {} received",
        bytes(weight.sent),
        bytes(weight.received)
    ));
    text
}

/// Describes the picture for a reader who does not see it: the heaviest flows in words.
fn described(flows: &Flows<'_>, whole: &Weight) -> String {
    const NAMED: usize = 5;
    let mut heaviest: Vec<&Flow> = flows.flows.iter().collect();
    heaviest.sort_by_key(|flow| std::cmp::Reverse((flow.weight.bytes(), flow.weight.connections)));
    let mut text = format!("{}.", sums(whole));
    for flow in heaviest.into_iter().take(NAMED) {
        let _ = write!(text, " {}: {}.", between(flows, flow), sums(&flow.weight));
    }
    text.push_str(" The table below has all of them.");
    text
}

/// Returns the outline of a ribbon between two nodes.
fn ribbon((left, right): (f64, f64), (from, to): (f64, f64), thick: f64) -> String {
    let middle = unit((left + right) / 2.0);
    let (left, right) = (unit(left), unit(right));
    let (from_low, to_low) = (unit(from + thick), unit(to + thick));
    let (from, to) = (unit(from), unit(to));
    format!(
        "M{left} {from}C{middle} {from} {middle} {to} {right} {to}V{to_low}\
         C{middle} {to_low} {middle} {from_low} {left} {from_low}Z"
    )
}

fn unit(number: f64) -> String {
    format!("{number:.1}")
}

/// Shortens a name in its middle: a destination ends with its domain and its port.
fn shortened(name: &str, letters: usize) -> String {
    if columns(name) <= letters {
        return name.to_owned();
    }
    let tail = letters * 2 / 3;
    let head = fitting(name.chars(), letters.saturating_sub(tail + 1));
    let tail = fitting(name.chars().rev(), tail);
    let tail: String = tail.chars().rev().collect();
    format!("{head}…{tail}")
}

/// Returns the first characters that fit into so many columns.
fn fitting(characters: impl Iterator<Item = char>, width: usize) -> String {
    let mut used = 0;
    let fitting = characters.take_while(|character| {
        used += character.width().unwrap_or(0);
        used <= width
    });
    fitting.collect()
}

#[cfg(test)]
mod tests;
