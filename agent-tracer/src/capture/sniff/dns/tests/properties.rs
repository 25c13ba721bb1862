//! Messages of any bytes, and answers of any records.

use proptest::prelude::*;

use super::*;

/// Returns the encoded labels of a displayed name.
fn raw_labels(name: &str) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        let mut raw = vec![0];
        let mut rest = label.as_bytes();
        while let Some((byte, after)) = rest.split_first() {
            rest = after;
            let mut byte = *byte;
            if byte == b'\\' {
                let (digits, after) = rest.split_at(3);
                let digits = std::str::from_utf8(digits).expect("digits");
                byte = digits.parse().expect("a byte");
                rest = after;
            }
            raw.push(byte);
        }
        raw[0] = u8::try_from(raw.len() - 1).expect("a label");
        all.push(raw);
    }
    all
}

fn stands_in(message: &[u8], part: &[u8]) -> bool {
    message
        .windows(part.len())
        .any(|window| window.eq_ignore_ascii_case(part))
}

fn answer() -> impl Strategy<Value = Vec<u8>> {
    let name = || "[abc]".prop_map(|label| labels(&format!("{label}.example")));
    let hints = |target: Vec<u8>| [&[0, 1], &target[..], &[0, 4, 0, 4, 192, 0, 2, 9]].concat();
    prop_oneof![
        (name(), any::<[u8; 4]>()).prop_map(|(owner, to)| record(&owner, 1, &to)),
        (name(), any::<[u8; 16]>()).prop_map(|(owner, to)| record(&owner, 28, &to)),
        (name(), name()).prop_map(|(owner, to)| record(&owner, 5, &to)),
        (name(), name()).prop_map(move |(owner, to)| record(&owner, 65, &hints(to))),
    ]
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(rest in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(read_answer(&rest));
        let head = [0, 0, 0x81, 0x80, 0, 1, 0, 3, 0, 0, 0, 0, 1, b'a', 0, 0, 1, 0, 1];
        let answers = [&head[..], &rest].concat();
        drop(read_answer(&answers));
        let _ = first_message(&rest);
    }

    #[test]
    fn damage_makes_no_names(
        message in proptest::sample::select(vec![bytes(CHAIN), bytes(HTTPS), bytes(NO_NAME)]),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let mut damaged = message;
        for (place, byte) in damage {
            let place = place.index(damaged.len());
            damaged[place] = byte;
        }
        if let Ok(Some(response)) = read_answer(&damaged) {
            let owners = response.answers.iter().map(|answer| &answer.name);
            for name in owners.chain([&response.question]).filter(|name| *name != ".") {
                for label in raw_labels(name) {
                    prop_assert!(stands_in(&damaged, &label), "{name}");
                }
            }
            for address in response.addresses() {
                let octets = match address {
                    IpAddr::V4(v4) => v4.octets().to_vec(),
                    IpAddr::V6(v6) => v6.octets().to_vec(),
                };
                prop_assert!(stands_in(&damaged, &octets), "{address}");
            }
        }
    }

    /// Compares the result with an exhaustive search.
    #[test]
    fn what_a_name_leads_to(answers in proptest::collection::vec(answer(), 0..12)) {
        let response = response(&message(ANSWERED, &labels("a.example"), 1, &answers));
        let mut names = vec![response.question.clone()];
        let mut addresses: Vec<IpAddr> = Vec::new();
        for _ in 0..answers.len() + 1 {
            for answer in &response.answers {
                if names.contains(&answer.name) {
                    match &answer.data {
                        Data::Address(address) => addresses.push(*address),
                        Data::Name(name) => names.push(name.clone()),
                        Data::Hints { target, addresses: hints, .. } => {
                            names.push(target.clone());
                            addresses.extend(hints);
                        }
                        Data::Service { .. } | Data::Other(_) => {}
                    }
                }
            }
            names.sort();
            names.dedup();
        }
        addresses.sort();
        addresses.dedup();
        let mut found: Vec<IpAddr> = response.addresses().collect();
        found.sort();
        prop_assert_eq!(found, addresses);
    }

    #[test]
    fn the_case_of_a_name_makes_no_difference(
        upper in proptest::collection::vec(any::<bool>(), 9),
    ) {
        let mixed: String = "a.example"
            .chars()
            .zip(upper)
            .map(|(letter, upper)| if upper { letter.to_ascii_uppercase() } else { letter })
            .collect();
        let message = message(ANSWERED, &labels(&mixed), 1, &[address("A.eXAMPLe", 1)]);
        let response = response(&message);
        prop_assert_eq!(&*response.question, "a.example");
        prop_assert!(response.addresses().eq([IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))]));
    }
}
