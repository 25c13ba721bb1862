//! What `nft -s list ruleset` prints, to rules with their places. What rules mean is not looked at, nor what packets
//! have put into sets.

/// A table, or a chain, set and so on in it.
struct Block {
    /// `chain`, `set`, `ct helper` …
    kind: Vec<u8>,
    name: Vec<u8>,
    /// A set that packets fill, or whose elements go by themselves.
    is_moving: bool,
}

/// Reads line by line: a block begins with `… {` and ends with `}`; in it are statements, whose braces may be closed lines
/// later.
#[derive(Default)]
struct Reader {
    table: Option<Vec<u8>>,
    block: Option<Block>,
    statement: Vec<u8>,
    /// Braces of the statement that are open.
    open: usize,
    rules: Vec<Vec<u8>>,
}

/// The rules, each after its table and chain.
pub(super) fn rules(text: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = Reader::default();
    for line in text.split(|byte| *byte == b'\n') {
        reader.line(without_comment(line).trim_ascii());
    }
    reader.rules
}

impl Reader {
    fn line(&mut self, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        if self.statement.is_empty() {
            if line == b"}" {
                if self.block.take().is_none() {
                    self.table = None;
                }
                return;
            }
            if let Some(header) = line.strip_suffix(b"{").filter(|_| self.block.is_none()) {
                self.begin(header.trim_ascii());
                return;
            }
        }
        if !self.statement.is_empty() {
            self.statement.push(b' ');
        }
        self.statement.extend(line);
        for byte in outside_quotes(line) {
            match byte {
                b'{' => self.open += 1,
                b'}' => self.open = self.open.saturating_sub(1),
                _ => {}
            }
        }
        if self.open == 0 {
            let statement = std::mem::take(&mut self.statement);
            self.end(&statement);
        }
    }

    fn begin(&mut self, header: &[u8]) {
        let words = header.splitn(2, |byte| *byte == b' ');
        let rest = words.last().unwrap_or_default();
        if self.table.is_none() {
            // Family and name.
            self.table = Some(rest.to_vec());
            return;
        }
        let (kind, name) = match header.iter().rposition(|byte| *byte == b' ') {
            Some(space) => (&header[..space], &header[space + 1..]),
            None => (header, b"".as_slice()),
        };
        self.block = Some(Block {
            kind: kind.to_vec(),
            name: name.to_vec(),
            is_moving: false,
        });
    }

    fn end(&mut self, statement: &[u8]) {
        let statement = statement.strip_suffix(b";").unwrap_or(statement);
        let mut place = self.table.clone().unwrap_or_default();
        let mut elements = None;
        if let Some(block) = &mut self.block {
            // The place of most rules, so it goes without saying.
            if block.kind != b"chain" {
                place.push(b' ');
                place.extend(&block.kind);
            }
            place.push(b' ');
            place.extend(&block.name);
            match block.kind.as_slice() {
                // How much it has counted, where an older nft says it all the same.
                b"counter" => return,
                b"set" | b"map" | b"meter" => {
                    let has = |word: &[u8]| statement.windows(word.len()).any(|it| it == word);
                    block.is_moving |=
                        statement.starts_with(b"flags ") && (has(b"dynamic") || has(b"timeout"));
                    elements = statement
                        .strip_prefix(b"elements = {")
                        .and_then(|rest| rest.strip_suffix(b"}"));
                    if elements.is_some() && block.is_moving {
                        return;
                    }
                }
                _ => {}
            }
        }
        for rule in elements.map_or_else(|| vec![statement], apart) {
            self.rules.push([&place, b": ".as_slice(), rule].concat());
        }
    }
}

/// Elements between commas.
fn apart(elements: &[u8]) -> Vec<&[u8]> {
    let mut all = Vec::new();
    let (mut start, mut open, mut quoted) = (0, 0_usize, false);
    for (position, byte) in elements.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'{' if !quoted => open += 1,
            b'}' if !quoted => open = open.saturating_sub(1),
            b',' if !quoted && open == 0 => {
                all.push(elements[start..position].trim_ascii());
                start = position + 1;
            }
            _ => {}
        }
    }
    all.push(elements[start..].trim_ascii());
    all.retain(|element| !element.is_empty());
    all
}

/// nft knows no escapes within quotes.
fn outside_quotes(line: &[u8]) -> impl Iterator<Item = u8> {
    let mut quoted = false;
    line.iter().copied().filter(move |byte| {
        quoted ^= *byte == b'"';
        !quoted
    })
}

/// It warns in comments, and says who owns a table.
fn without_comment(line: &[u8]) -> &[u8] {
    let mut quoted = false;
    let end = line.iter().position(|byte| {
        quoted ^= *byte == b'"';
        *byte == b'#' && !quoted
    });
    &line[..end.unwrap_or(line.len())]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::rules;

    fn told(text: &str) -> Vec<String> {
        rules(text.as_bytes())
            .into_iter()
            .map(|rule| String::from_utf8_lossy(&rule).into_owned())
            .collect()
    }

    #[test]
    fn as_nft_prints_them() {
        let text = r#"# Warning: table ip nat is managed by iptables-nft, do not touch!
table inet f { # progname x
	flags owner

	counter c {
		packets 7 bytes 8
	}

	quota q {
		10 mbytes
	}

	set s {
		type ipv4_addr
		flags interval
		elements = { 10.0.0.1, 10.0.0.2 comment "a, } b",
			     10.0.0.5-10.0.0.9 }
	}

	set dyn {
		type ipv4_addr
		flags dynamic,timeout
		timeout 1m
		elements = { 127.0.0.1 limit rate 10/second,
			     127.0.0.2 }
	}

	map m {
		type inet_service : verdict
		elements = { 1 : accept, 2 : jump x }
	}

	ct helper ftp-standard {
		type "ftp" protocol tcp
		l3proto inet
	}

	chain in {
		type filter hook input priority filter; policy accept;
		tcp dport 22 counter accept comment "a { b # c"
		ip saddr { 1.1.1.1, 2.2.2.2,
			   3.3.3.3 } tcp dport { 80, 443 } drop
	}

	chain empty {
	}
}
table ip nat {
	chain POSTROUTING {
		masquerade
	}
}
"#;
        assert_eq!(
            told(text),
            [
                "inet f: flags owner",
                "inet f quota q: 10 mbytes",
                "inet f set s: type ipv4_addr",
                "inet f set s: flags interval",
                "inet f set s: 10.0.0.1",
                "inet f set s: 10.0.0.2 comment \"a, } b\"",
                "inet f set s: 10.0.0.5-10.0.0.9",
                "inet f set dyn: type ipv4_addr",
                "inet f set dyn: flags dynamic,timeout",
                "inet f set dyn: timeout 1m",
                "inet f map m: type inet_service : verdict",
                "inet f map m: 1 : accept",
                "inet f map m: 2 : jump x",
                "inet f ct helper ftp-standard: type \"ftp\" protocol tcp",
                "inet f ct helper ftp-standard: l3proto inet",
                "inet f in: type filter hook input priority filter; policy accept",
                "inet f in: tcp dport 22 counter accept comment \"a { b # c\"",
                "inet f in: ip saddr { 1.1.1.1, 2.2.2.2, 3.3.3.3 } tcp dport { 80, 443 } drop",
                "ip nat POSTROUTING: masquerade",
            ]
        );
    }

    #[test]
    fn what_nft_would_not_print() {
        assert_eq!(told("}\n}\nx\n"), [": x"]);
        assert_eq!(told("table\ntable x {\n{\n}\n"), [": table"]);
        assert_eq!(told("table ip x {\n\tchain c {\n\t\ta {\n"), [""; 0]);
    }

    proptest! {
        #[test]
        fn any_bytes(text in prop::collection::vec(any::<u8>(), 0..400)) {
            rules(&text);
        }

        #[test]
        fn any_words(words in prop::collection::vec(
            prop::sample::select(vec![
                "table", "chain", "set", "elements = {", "{", "}", "\"", "#", ",", " ", "\n", ";", "flags dynamic", "x",
            ]),
            0..80,
        )) {
            rules(words.concat().as_bytes());
        }
    }
}
