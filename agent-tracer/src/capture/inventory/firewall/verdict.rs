//! Renders the verdict on a packet: `accept`, `jump chain` (`enum nft_verdict_attributes`).

use super::attributes::Attributes;

pub(super) fn render(verdict: &Attributes<'_>) -> String {
    let chain = verdict.text(2).unwrap_or_default();
    let code = verdict.number(1).and_then(|code| u32::try_from(code).ok());
    match code.map(u32::cast_signed) {
        Some(0) => "drop".to_owned(),
        Some(1) => "accept".to_owned(),
        Some(2) => "stolen".to_owned(),
        Some(3) => "queue".to_owned(),
        Some(4) => "repeat".to_owned(),
        Some(-1) => "continue".to_owned(),
        Some(-2) => "break".to_owned(),
        Some(-3) => format!("jump {chain}"),
        Some(-4) => format!("goto {chain}"),
        Some(-5) => "return".to_owned(),
        Some(other) => format!("verdict {other:#x}"),
        None => "verdict ?".to_owned(),
    }
}
