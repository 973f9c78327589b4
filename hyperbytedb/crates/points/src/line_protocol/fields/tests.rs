//! The one pass and the two passes must agree wherever the one decides.

use proptest::prelude::*;

use super::*;

fn fields_text() -> impl Strategy<Value = String> {
    let key = prop_oneof![6 => "[a-c]{1,2}", 1 => "[a\\\\\",= é]{1,3}"];
    let value = prop_oneof![
        4 => "-?[0-9]{1,3}[iu]?",
        2 => "-?[0-9.e+-]{1,6}",
        2 => "[tfTF]|true|False",
        4 => "\"[a ,=é1]{0,4}\"",
        2 => "\"([a,= ]|\\\\\\\\|\\\\\"|\\\\a|\n){0,4}\"",
        1 => "[\"\\\\ ,=a1]{1,4}",
    ];
    let field = (key, value).prop_map(|(key, value)| format!("{key}={value}"));
    let end = prop_oneof![3 => Just(""), 3 => Just(" 1"), 1 => Just(","), 1 => Just("\"")];
    (proptest::collection::vec(field, 1..5), end).prop_map(|(fields, end)| fields.join(",") + end)
}

fn key_and_value<'a>(field: &Field<'a>) -> (&'a [u8], Value<'a>) {
    match field.key {
        FieldKey::Plain(key) | FieldKey::Escaped(key) => (key, field.value),
        FieldKey::Column(_) => unreachable!("no labels were given"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn both_ways_read_the_same(text in fields_text()) {
        let line = format!("m {text}");
        let scan = FieldScan { line: line.as_bytes(), key_end: 1, unsigned: true };
        let mut fast = Vec::new();
        if let Some(end) = scan.scan_plain(2, std::iter::empty(), &mut fast) {
            let mut slow = Vec::new();
            prop_assert_eq!(scan.check(2), Ok(end));
            prop_assert_eq!(scan.split(&scan.line[2..end], &mut slow), Ok(None));
            let fast: Vec<_> = fast.iter().map(key_and_value).collect();
            let slow: Vec<_> = slow.iter().map(key_and_value).collect();
            prop_assert_eq!(fast, slow);
        }
    }
}
