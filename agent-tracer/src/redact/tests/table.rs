//! The table of secrets, built in and of users. Refuses command lines: those are in `options`.

use super::super::SecretRules;

#[test]
fn built_in_patterns_compile() {
    SecretRules::compile_all();
}
