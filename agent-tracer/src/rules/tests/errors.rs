//! Rules files with one mistake each in, the message with its place out.

use super::RuleSet;

#[test]
fn errors_say_where_and_what() {
    let good = "[[tree]]\nname = 'a'\n[[tree.match]]\n";
    for (text, expected) in [
        (
            "[[tree]\n".to_owned(),
            "t:1:8: unclosed array table, expected `]`",
        ),
        ("a = 1\n\"é\" = x".to_owned(), "t:2:7: "),
        (
            "tre = 1".to_owned(),
            "t:1:1: unknown field `tre`, expected one of `tree`, `attention`, `harmless` (did you \
             mean `tree`?)",
        ),
        (
            "[tree]".to_owned(),
            "t:1:1: expected an array of tables, found table: write [[tree]]",
        ),
        (
            "tree = [1]".to_owned(),
            "t:1:9: expected a table, found integer: write [[tree]]",
        ),
        (
            "\n[[tree]]\nnaem = 'a'".to_owned(),
            "t:3:1: unknown field `naem`, expected one of `name`, `description`, `match` (did you \
             mean `name`?)",
        ),
        (
            format!("{good}exee = '/a'"),
            "t:4:1: unknown field `exee`, expected one of `exe`, `filename`, `argv`, `user`, \
             `unit` (did you mean `exe`?)",
        ),
        (
            format!("{good}  \"\\u001b[31m\" = '/a'"),
            "t:4:3: unknown field `\\u{1b}[31m`, expected one of `exe`, `filename`, `argv`, \
             `user`, `unit`",
        ),
        (
            format!("{good}user = 'x'\nexe = 7"),
            "t:5:7: expected a string, found integer",
        ),
        (
            format!("{good}argv = ['é', true]"),
            "t:4:14: expected a string, found boolean",
        ),
        (
            format!("{good}argv = []"),
            "t:4:8: an empty `argv` says nothing: leave it out, or name an argument",
        ),
        (
            "[[tree]]\nname = 'a'\nmatch = 3".to_owned(),
            "t:3:9: expected an array of tables, found integer: write [[tree.match]]",
        ),
        (
            "\n  [[tree]]\nname = 'a'".to_owned(),
            "t:2:3: the tree `a` has no matcher, so nothing can be in it: add [[tree.match]]",
        ),
        (
            "[[tree]]\n[[tree.match]]\nexe = '/a'".to_owned(),
            "t:1:1: a tree without a name: add `name = \"…\"`",
        ),
        (
            good.to_owned(),
            "t:3:1: a matcher without a field would match every process: give at least one of \
             `exe`, `filename`, `argv`, `user`, `unit`",
        ),
        (
            format!("{good}exe = '/a['"),
            "t:4:7: `[` without `]` in a glob: close it, or write `\\[` for the character itself",
        ),
        (
            format!("{good}exe = '/[b-a]'"),
            "t:4:7: the range `b-a` in a glob is backwards",
        ),
        (
            format!("{good}exe = '/[é]'"),
            "t:4:7: `é` between `[` and `]` in a glob: only ASCII is supported there",
        ),
        (
            format!("{good}exe = '/a\\'"),
            "t:4:7: a glob ends in `\\`: write `\\\\` for the character itself",
        ),
        (
            format!("{good}unit = '{{a,b}}'"),
            "t:4:8: `{` in a glob: alternatives are not supported; write one [[tree.match]] for \
             each, or `\\{` for the character itself",
        ),
        (
            format!("{good}unit = ''"),
            "t:4:8: an empty glob matches nothing: leave the field out",
        ),
        (
            format!("{good}unit = \"\\u001b\""),
            "t:4:8: a control character in a glob: write `?` for it",
        ),
        (
            format!("{good}unit = '{}'", "a".repeat(1025)),
            "t:4:8: a glob of 1025 bytes: at most 1024 are allowed",
        ),
        (
            format!("{good}exe = 'omiserver'"),
            "t:4:7: `omiserver` can never match: `exe` is held against a whole path; write `**/…` \
             for any directory",
        ),
        (
            format!("{good}exe = '/a'\nexe = '/b'"),
            "t:5:1: duplicate key",
        ),
        (
            format!("{good}exe = '/a'\n{good}exe = '/b'"),
            "t:6:8: a second tree `a` in one file: put its [[tree.match]] under the first",
        ),
        (
            "[[tree]]\nname = 'system'".to_owned(),
            "t:2:8: the tree name `system` is reserved for processes that no rule names: choose \
             another",
        ),
        (
            "[[tree]]\nname = 'command'".to_owned(),
            "t:2:8: the tree name `command` is reserved for processes that no rule names: choose \
             another",
        ),
        (
            "[[tree]]\nname = ''".to_owned(),
            "t:2:8: an empty tree name: write a short word, such as the service's",
        ),
        (
            "[[tree]]\nname = 'a b'".to_owned(),
            "t:2:8: the tree name `a b` holds a space or a control character: join words with `-`",
        ),
        (
            "[[tree]]\nname = \"\\u0007\"".to_owned(),
            "t:2:8: the tree name `\\u{7}` holds a space or a control character: join words with \
             `-`",
        ),
        (
            format!("[[tree]]\nname = '{}'", "n".repeat(65)),
            "t:2:8: the tree name `nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn…` is over 64 bytes",
        ),
        (
            "[[tree]]\ndescription = \"a\\nb\"".to_owned(),
            "t:2:15: a control character in a description: write one line of plain text",
        ),
        (
            "#".repeat((1 << 20) + 1),
            "t:1:1: a rules file of 1048577 bytes: at most 1048576 are read; split it, or check \
             that it is the file you meant",
        ),
    ] {
        let mut rules = RuleSet::empty();
        let error = rules.add("t", &text).expect_err(&text).to_string();
        let shown = text.get(..200).unwrap_or(&text);
        assert!(
            error.starts_with(expected),
            "{shown}\n  got {error}\n  not {expected}"
        );
        assert_eq!(
            rules.sources().count() + rules.tree_names().count(),
            0,
            "nothing is added"
        );
    }
}

#[test]
fn matchers_are_limited_in_all_files_together() {
    let mut rules = RuleSet::empty();
    let text = |count: usize| {
        format!(
            "[[tree]]\nname='a'\n{}",
            "[[tree.match]]\nunit='*a*'\n".repeat(count)
        )
    };
    rules.add("t", &text(6_000)).expect("below the limit");
    let error = rules.add("u", &text(4_001)).expect_err("past the limit");
    assert_eq!(
        error.to_string(),
        "u:8003:1: more than 10000 matchers in all rules files"
    );
    rules.add("u", &text(4_000)).expect("just the limit");
}
