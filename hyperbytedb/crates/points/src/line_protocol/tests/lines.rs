//! Where lines begin and end.

use super::*;

#[test]
fn blanks_and_comments_are_skipped() {
    let body = "\n\n  \t\n# c\n \t# c\n  m v=1 1\n\tm  v=2   2  \n#m v=3 3\n\n";
    let times: Vec<i64> = accepted(body).iter().map(|point| point.time).collect();
    assert_eq!(times, [1, 2]);
    assert_eq!(decode_text(body).lines, 2);
    assert_eq!(decode_text(""), Decoded::default());
    assert_eq!(point("m#x v=1").measurement, "m#x");
}

#[test]
fn a_newline_inside_quotes_is_text() {
    let points = accepted("m v=\"a\nb\" 1\nm v=\"c\" 2\n");
    assert_eq!(points.len(), 2);
    assert_eq!(points[0].fields[0].1, Value::String("a\nb".to_owned()));
}

#[test]
fn quotes_outside_field_values_do_not_hold_lines_together() {
    assert_eq!(accepted("baz,mytag=\"a x=1 1\nbaz,mytag=a z=1 2").len(), 2);
    assert_eq!(accepted("cpu \"a=1\ncpu value=2 1").len(), 2);
    assert_eq!(
        accepted("t,label=hey\\ \"ya a=1i\nt,label=b a=2i 1").len(),
        2
    );
}

#[test]
fn unbalanced_quotes_run_on_to_the_end() {
    let decoded = decode_text("m v=\"a 1\nm v=2 2\n");
    assert_eq!(
        decoded.error_text().as_deref(),
        Some("unable to parse 'm v=\"a 1\nm v=2 2': unbalanced quotes")
    );
}

#[test]
fn an_escaped_newline_does_not_end_a_line() {
    let decoded = decode_text("m v=1 1\\\nm v=2 2");
    assert_eq!(decoded.failed_lines, 1);
    assert_eq!(decoded.errors[0].line, "m v=1 1\\\nm v=2 2");
    let decoded = decode_text("m v=1 1\\\n");
    assert_eq!(decoded.errors[0].line, "m v=1 1\\", "the last newline does");
}

#[test]
fn carriage_returns_are_part_of_the_line() {
    let decoded = decode_text("m v=1 1\r\nm v=2 2\r\n");
    assert_eq!(
        decoded.error_text().as_deref(),
        Some(
            "unable to parse 'm v=1 1\r': bad timestamp\nunable to parse 'm v=2 2\r': bad timestamp"
        )
    );
}
