//! Sentences of a Markdown document, and their lengths. It knows no rule.

/// Empties the lines of code blocks, so that the others keep their numbers.
pub fn without_blocks(text: &str) -> String {
    let mut is_code = false;
    let lines = text.lines().map(|line| {
        let is_fence = line.trim_start().starts_with("```");
        let kept = !is_code && !is_fence;
        is_code ^= is_fence;
        match kept {
            true => line,
            false => "",
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Counts the words of each sentence, in ascending order.
pub fn sentence_lengths(text: &str) -> Vec<usize> {
    let mut lengths = Vec::new();
    for paragraph in paragraphs(&without_blocks(text)) {
        let mut count = 0;
        for word in paragraph.split_ascii_whitespace() {
            count += usize::from(word.chars().any(char::is_alphanumeric));
            let bare = word.trim_end_matches(['"', '*', '_', ')', '`']);
            if bare.ends_with(['.', '!', '?', ':']) && !bare.ends_with("e.g.") {
                lengths.extend((count > 0).then_some(count));
                count = 0;
            }
        }
        lengths.extend((count > 0).then_some(count));
    }
    lengths.sort_unstable();
    lengths
}

/// Joins the lines of each paragraph and of each item; headings and tables are not sentences.
fn paragraphs(text: &str) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for line in text.lines() {
        let line = line.trim();
        let is_item = line.starts_with("- ") || line.starts_with("* ");
        let is_apart = line.is_empty() || line.starts_with(['#', '|', '<', '!']);
        if is_item || is_apart {
            paragraphs.push(String::new());
        }
        if let Some(last) = paragraphs.last_mut().filter(|_| !is_apart) {
            last.push_str(line.trim_start_matches(['-', '*', '>']));
            last.push(' ');
        }
    }
    paragraphs
}

/// Picks a percentile of numbers in ascending order.
pub fn percentile(sorted: &[usize], percent: usize) -> usize {
    let last = sorted.len().saturating_sub(1);
    sorted
        .get(last * percent / 100)
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{percentile, sentence_lengths};

    #[test]
    fn sentences_end_at_stops_and_paragraphs() {
        let text = "# A heading here\n\nOne two three. Four\nfive.\n\n- an item\n- one more \
            item\n\n```\ncode is none. At all.\n```\n| a table | too |\n";
        assert_eq!(sentence_lengths(text), [2, 2, 3, 3]);
    }

    #[test]
    fn a_percentile_is_one_of_the_numbers() {
        assert_eq!(percentile(&[1, 2, 3, 4, 5], 50), 3);
        assert_eq!(percentile(&[], 90), 0);
    }
}
