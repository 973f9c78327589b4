//! Measurements, tags and field keys with their escapes.

use super::*;

fn tags(line: &str) -> Vec<(String, String)> {
    point(line).tags
}

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

#[test]
fn measurements() {
    for (written, name) in [
        ("m", "m"),
        (r"m\ x", "m x"),
        (r"m\,x", "m,x"),
        (r"m\=x", "m=x"),
        ("m=x", "m=x"),
        (r#"m\"x"#, "m\"x"),
        (r"m\x", r"m\x"),
        (r"m\\x", r"m\\x"),
        ("\"m\"", "\"m\""),
        ("☃", "☃"),
        ("/m/", "/m/"),
    ] {
        assert_eq!(point(&format!("{written} v=1")).measurement, name);
        assert_eq!(point(&format!("{written},t=1 v=1")).measurement, name);
    }
}

#[test]
fn tag_keys_and_values() {
    for (written, text) in [
        ("a", "a"),
        (r"a\ b", "a b"),
        (r"a\,b", "a,b"),
        (r"a\=b", "a=b"),
        (r"a\\b", r"a\\b"),
        (r"a\b", r"a\b"),
        (r#"a\"b"#, r#"a\"b"#),
        (r"\ ", " "),
        ("\"q\"", "\"q\""),
        ("ü", "ü"),
        (r"a\\ b", r"a\ b"),
    ] {
        assert_eq!(tags(&format!("m,t={written} v=1")), [pair("t", text)]);
        assert_eq!(tags(&format!("m,{written}=v v=1")), [pair(text, "v")]);
    }
    assert_eq!(tags("m,t==1 v=1"), [pair("t", "=1")]);
}

#[test]
fn tags_are_sorted_by_key() {
    let sorted = [pair("a", "3"), pair("b", "1"), pair("c", "2")];
    assert_eq!(tags("m,b=1,c=2,a=3 v=1"), sorted);
    assert_eq!(tags("m,a=3,b=1,c=2 v=1"), sorted);
    // Sorting is by what the keys mean, not by how they are written.
    assert_eq!(tags(r"m,-=1,\,=2 v=1"), [pair(",", "2"), pair("-", "1")]);
}

#[test]
fn field_keys() {
    for (written, name) in [
        (r"v\ k", "v k"),
        (r"v\,k", "v,k"),
        (r"v\=k", "v=k"),
        (r#"v\"k"#, "v\"k"),
        (r"\a", r"\a"),
        (r"a\\b", r"a\\b"),
        ("\"v\"", "\"v\""),
        ("☃", "☃"),
        (r"a\ ", "a "),
    ] {
        assert_eq!(point(&format!("m {written}=1")).fields[0].0, name);
        assert_eq!(point(&format!("m a=\"x\",{written}=1")).fields[1].0, name);
    }
}

#[test]
fn series_are_the_same_however_written() {
    let body = "m,a=1,b=x\\ y v=1 1\nm,b=x\\ y,a=1 v=2 2\nm,a=1,b=x\\ y v=3 3\nm,b=1 v=1 1\n\
                m\\=,a=1 v=1 1\nm=,a=1 v=2 2\n";
    let decoded = decode_text(body);
    assert_eq!(decoded.batch.tables.len(), 2);
    let (first, second) = (&decoded.batch.tables[0], &decoded.batch.tables[1]);
    assert_eq!(first.series.len(), 2);
    assert_eq!(first.series_of_row, [0, 0, 0, 1]);
    assert_eq!(second.series_of_row, [0, 0]);
}

#[test]
fn names_that_print_alike_stay_apart() {
    let body = concat!(
        r#"a\"b v=1 1"#,
        "\n",
        r#"a\\"b v=1 1"#,
        "\n",
        r"a\=b v=1 1",
        "\n",
        r"a\\=b v=1 1",
        "\n",
        r#"a"b v=1 1"#,
        "\n",
    );
    let decoded = decode_text(body);
    let names: Vec<&str> = decoded
        .batch
        .tables
        .iter()
        .map(|table| table.measurement.as_str())
        .collect();
    assert_eq!(names, ["a\"b", "a\\\"b", "a=b", "a\\=b"]);
    assert_eq!(decoded.batch.tables[0].rows(), 2);
}
