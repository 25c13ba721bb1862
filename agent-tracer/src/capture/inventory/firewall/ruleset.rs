//! Lists the rules of nf_tables as one state. If the rules change meanwhile, it starts again.

use std::{io, thread, time::Duration};

use super::{
    attributes::{Attributes, digest, list, text},
    netlink::{Answer, Ask, Netlink},
    rule::{Sets, render_rule},
    set::{Set, comment},
    statement,
};

/// Attempts to list the rules, and the pause before each.
const TRIES: usize = 10;
const PAUSE: Duration = Duration::from_millis(5);

/// Limit of sets, each of which takes a request.
const SETS: usize = 20_000;

/// Lists rules, each after its place: `inet filter input: tcp dport 22 accept`.
///
/// # Errors
///
/// The kernel refuses, or the rules change all the time.
pub(super) fn rules() -> io::Result<Vec<Vec<u8>>> {
    for _ in 0..TRIES {
        let mut kernel = Netlink::connect()?;
        let before = generation(&mut kernel)?;
        match read(&mut kernel) {
            Ok(rules) if generation(&mut kernel)? == before => return Ok(rules),
            // A set was gone before the request for its elements: the rules changed.
            Ok(_) => {}
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error),
        }
        thread::sleep(PAUSE);
    }
    Err(io::Error::other("its rules change all the time"))
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Interrupted | io::ErrorKind::NotFound
    ) || error.raw_os_error() == Some(libc::ENOBUFS)
}

fn generation(kernel: &mut Netlink) -> io::Result<u64> {
    const ID: u16 = 1;
    let answers = kernel.ask(Ask::Generation, 0, &[])?;
    let all = answers
        .iter()
        .find_map(|answer| attributes(answer).number(ID));
    all.ok_or_else(|| io::Error::other("the kernel names no generation of its rules"))
}

fn attributes(answer: &Answer) -> Attributes<'_> {
    Attributes::of(&answer.attributes)
}

fn read(kernel: &mut Netlink) -> io::Result<Vec<Vec<u8>>> {
    let mut lines = Vec::new();
    for answer in &kernel.ask(Ask::Tables, 0, &[])? {
        let table = attributes(answer);
        let name = table.text(1).unwrap_or_default();
        for said in of_table(&table) {
            lines.push(format!("{} {name}: {said}", family(answer.family)));
        }
    }
    let sets = read_sets(kernel)?;
    for ((family_number, table, _), set) in &sets {
        let place = format!("{} {table}", family(*family_number));
        let all = set.lines().into_iter();
        lines.extend(all.map(|line| format!("{place} {line}")));
    }
    for answer in &kernel.ask(Ask::Objects, 0, &[])? {
        lines.extend(of_object(answer));
    }
    // Kernels before Linux 4.16, or without the option, have no flow tables.
    for answer in &kernel.ask(Ask::Flowtables, 0, &[]).or_else(none_of_them)? {
        lines.push(of_flowtable(answer));
    }
    for answer in &kernel.ask(Ask::Chains, 0, &[])? {
        lines.extend(of_chain(answer));
    }
    for answer in &kernel.ask(Ask::Rules, 0, &[])? {
        let rule = attributes(answer);
        let table = rule.text(1).unwrap_or_default();
        let chain = rule.text(2).unwrap_or_default();
        let text = render_rule(&rule, answer.family, &table, &sets);
        lines.push(format!("{} {table} {chain}: {text}", family(answer.family)));
    }
    Ok(lines.into_iter().map(String::into_bytes).collect())
}

fn none_of_them(error: io::Error) -> io::Result<Vec<Answer>> {
    match error.raw_os_error() {
        Some(libc::EINVAL | libc::EOPNOTSUPP) => Ok(Vec::new()),
        Some(_) | None => Err(error),
    }
}

fn read_sets(kernel: &mut Netlink) -> io::Result<Sets> {
    const TABLE: u16 = 1;
    const SET: u16 = 2;
    const ELEMENTS: u16 = 3;
    let mut sets = Sets::new();
    let answers = kernel.ask(Ask::Sets, 0, &[])?;
    if answers.len() > SETS {
        return Err(io::Error::other(format!("there are more than {SETS} sets")));
    }
    for answer in &answers {
        let found = attributes(answer);
        let table = found.text(TABLE).unwrap_or_default();
        let mut set = Set::of(&found);
        if !set.is_moving() {
            let names = [(TABLE, table.as_str()), (SET, set.name())];
            let answers = kernel.ask(Ask::Elements, answer.family, &names)?;
            let nests = answers
                .iter()
                .filter_map(|answer| attributes(answer).get(ELEMENTS));
            set.fill(nests);
        }
        let name = set.name().to_owned();
        sets.insert((answer.family, table, name), set);
    }
    Ok(sets)
}

fn family(number: u8) -> String {
    match number {
        1 => "inet".to_owned(),
        2 => "ip".to_owned(),
        3 => "arp".to_owned(),
        5 => "netdev".to_owned(),
        7 => "bridge".to_owned(),
        10 => "ip6".to_owned(),
        other => format!("family {other}"),
    }
}

/// Renders a table without its name (`enum nft_table_attributes`).
fn of_table(table: &Attributes<'_>) -> Vec<String> {
    const FLAGS: [(u64, &str); 3] = [(1, "dormant"), (2, "owner"), (4, "persist")];
    let mut said = Vec::new();
    let bits = table.number_or_0(2);
    if bits != 0 {
        said.push(format!(
            "flags {}",
            super::value::flags(&FLAGS, Some(bits), &[])
        ));
    }
    said.extend(
        table
            .get(6)
            .and_then(comment)
            .map(|it| format!("comment \"{it}\"")),
    );
    said
}

/// Renders a chain that the kernel calls: hook, priority and policy (`enum nft_chain_attributes`).
fn of_chain(answer: &Answer) -> Vec<String> {
    let chain = attributes(answer);
    let table = chain.text(1).unwrap_or_default();
    let name = chain.text(3).unwrap_or_default();
    let place = format!("{} {table} {name}", family(answer.family));
    let mut lines = Vec::new();
    if chain.has(4) {
        let hook = chain.nest(4);
        let kind = chain.text(7).unwrap_or_default();
        let policy = match chain.number(5) {
            Some(0) => "drop".to_owned(),
            Some(1) | None => "accept".to_owned(),
            Some(other) => other.to_string(),
        };
        let point = point(answer.family, hook.number_or_0(1));
        let priority = hook.number_or_0(2);
        let priority = u32::try_from(priority).unwrap_or(0).cast_signed();
        let devices = devices(&hook);
        lines.push(format!(
            "{place}: type {kind} hook {point}{devices} priority {}; policy {policy}",
            named_priority(answer.family, priority)
        ));
    }
    const OFFLOAD: u64 = 2;
    if chain.number_or_0(10) & OFFLOAD != 0 {
        lines.push(format!("{place}: flags offload"));
    }
    let comment = chain.get(12).and_then(comment);
    lines.extend(comment.map(|it| format!("{place}: comment \"{it}\"")));
    lines
}

/// Renders the devices of a hook: ` device "eth0"`.
fn devices(hook: &Attributes<'_>) -> String {
    let many = hook.get(4).into_iter().flat_map(list).map(text);
    let names: Vec<String> = match hook.text(3) {
        Some(name) => vec![name],
        None => many.collect(),
    };
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => format!(" device {one}"),
        many => format!(" devices = {{ {} }}", many.join(", ")),
    }
}

fn point(family: u8, number: u64) -> String {
    let points: &[&str] = match family {
        3 => &["input", "output", "forward"],
        5 => &["ingress", "egress"],
        _ => &[
            "prerouting",
            "input",
            "forward",
            "output",
            "postrouting",
            "ingress",
        ],
    };
    let index = usize::try_from(number).unwrap_or(usize::MAX);
    points
        .get(index)
        .map_or_else(|| number.to_string(), |it| (*it).to_owned())
}

/// Renders a priority by its name, or near a name, as nft(8) does.
fn named_priority(family: u8, priority: i32) -> String {
    let names: &[(i32, &str)] = match family {
        7 => &[
            (-300, "dstnat"),
            (-200, "filter"),
            (100, "out"),
            (300, "srcnat"),
        ],
        3 | 5 => &[(0, "filter")],
        _ => &[
            (-300, "raw"),
            (-150, "mangle"),
            (-100, "dstnat"),
            (0, "filter"),
            (50, "security"),
            (100, "srcnat"),
        ],
    };
    const NEAR: u32 = 10;
    match names.iter().find(|(it, _)| priority.abs_diff(*it) <= NEAR) {
        Some((it, name)) if *it == priority => (*name).to_owned(),
        Some((it, name)) if *it < priority => format!("{name} + {}", priority.abs_diff(*it)),
        Some((it, name)) => format!("{name} - {}", priority.abs_diff(*it)),
        None => priority.to_string(),
    }
}

/// Renders an object with a name (`enum nft_object_attributes`), without the values of counters.
fn of_object(answer: &Answer) -> Option<String> {
    const COUNTER: u64 = 1;
    const QUOTA: u64 = 2;
    const HELPER: u64 = 3;
    const LIMIT: u64 = 4;
    let object = attributes(answer);
    let kind = object.number_or_0(3);
    let data = object.nest(4);
    let text = match kind {
        COUNTER => return None,
        QUOTA => statement::quota(&data).replacen("quota ", "", 1),
        LIMIT => statement::limit(&data).replacen("limit ", "", 1),
        HELPER => format!(
            "type \"{}\" protocol {}; l3proto {}",
            data.text(1).unwrap_or_default(),
            super::value::render(
                super::value::Kind::Protocol,
                data.get(3).unwrap_or_default(),
                true
            ),
            match data.number_or_0(2) {
                2 => "ip".to_owned(),
                10 => "ip6".to_owned(),
                0 | 1 => "inet".to_owned(),
                other => other.to_string(),
            },
        ),
        _ => digest(object.get(4).unwrap_or_default()),
    };
    let table = object.text(1).unwrap_or_default();
    let name = object.text(2).unwrap_or_default();
    let kind = statement::object(kind);
    Some(format!(
        "{} {table} {kind} {name}: {text}",
        family(answer.family)
    ))
}

/// Renders a flow table (`enum nft_flowtable_attributes`).
fn of_flowtable(answer: &Answer) -> String {
    let flowtable = attributes(answer);
    let hook = flowtable.nest(3);
    let devices: Vec<String> = hook.get(3).into_iter().flat_map(list).map(text).collect();
    let priority = u32::try_from(hook.number_or_0(2))
        .unwrap_or(0)
        .cast_signed();
    let mut line = format!(
        "{} {} flowtable {}: hook ingress priority {}; devices = {{ {} }}",
        family(answer.family),
        flowtable.text(1).unwrap_or_default(),
        flowtable.text(2).unwrap_or_default(),
        named_priority(5, priority),
        devices.join(", "),
    );
    let bits = flowtable.number_or_0(7);
    if bits != 0 {
        line.push_str(&format!("; flags {bits:#x}"));
    }
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{
            attributes::Attributes,
            netlink::Answer,
            rule::{Sets, render_rule},
            set::Set,
        },
        named_priority, of_chain, of_flowtable, of_object,
    };

    #[test]
    fn priorities_by_name() {
        assert_eq!(named_priority(1, 0), "filter");
        assert_eq!(named_priority(2, -101), "dstnat - 1");
        assert_eq!(named_priority(2, 5), "filter + 5");
        assert_eq!(named_priority(7, -200), "filter");
        assert_eq!(named_priority(2, 1000), "1000");
    }

    /// Makes attributes of attributes, as a kernel could send them.
    fn nested() -> impl Strategy<Value = Vec<u8>> {
        let words = prop::sample::select(vec![
            "bitwise",
            "byteorder",
            "cmp",
            "ct",
            "dynset",
            "fib",
            "immediate",
            "limit",
            "log",
            "lookup",
            "masq",
            "match",
            "meta",
            "nat",
            "payload",
            "queue",
            "range",
            "reject",
            "x",
        ]);
        let leaf = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..20),
            words.prop_map(|word| word.as_bytes().to_vec()),
            (0_u32..24).prop_map(|number| number.to_be_bytes().to_vec()),
        ];
        leaf.prop_recursive(6, 200, 8, |inner| {
            prop::collection::vec((1_u16..13, inner), 0..8).prop_map(|all| {
                let mut bytes = Vec::new();
                for (kind, value) in all {
                    let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
                    bytes.extend(length.to_ne_bytes());
                    bytes.extend(kind.to_ne_bytes());
                    bytes.extend(value);
                    bytes.resize(bytes.len().next_multiple_of(4), 0);
                }
                bytes
            })
        })
    }

    proptest! {
        #[test]
        fn any_attributes(bytes in nested(), family in 0_u8..12) {
            let all = Attributes::of(&bytes);
            let mut set = Set::of(&all);
            set.fill([bytes.as_slice()].into_iter());
            let _ = (set.lines(), set.inline());
            let key = (family, "t".to_owned(), set.name().to_owned());
            let sets = Sets::from([(key, set)]);
            render_rule(&all, family, "t", &sets);
            let answer = Answer { family, attributes: bytes };
            let _ = (of_chain(&answer), of_flowtable(&answer), of_object(&answer));
        }
    }
}
