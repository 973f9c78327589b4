//! The texts of refusals. Each was recorded from InfluxDB.

use super::*;

#[test]
fn keys() {
    for (line, reason) in [
        (",t=1 v=1", "missing measurement"),
        ("cpu", "missing fields"),
        ("cpu,host==", "missing fields"),
        (r"m\ q,k=v", "missing fields"),
        ("cpu, value=1", "missing tag key"),
        ("cpu,,,", "missing tag key"),
        ("cpu,host=a,=b value=1i", "missing tag key"),
        (r"cpu,host=a\,,=b value=1i", "missing tag key"),
        ("cpu,host", "missing tag value"),
        ("cpu,host=", "missing tag value"),
        ("cpu,host value=1i", "missing tag value"),
        ("cpu,host=a,region=,zone=b value=1i", "missing tag value"),
        ("m,t=1=2 v=1", "invalid tag format"),
        (r"m,t=a\ v=1 1", "invalid tag format"),
        (r"m,t=1\,u=2 v=1", "invalid tag format"),
        ("m,t=1,t=2 v=1", "duplicate tags"),
        ("m,t=1,a=0,t=2 v=1", "duplicate tags"),
    ] {
        assert_eq!(refusal(line), reason, "{line}");
    }
}

#[test]
fn fields() {
    for (line, reason) in [
        ("m =1 1", "missing field key"),
        ("m v=1,=2 1", "missing field key"),
        ("m v=", "missing field value"),
        ("m v= 1", "missing field value"),
        ("m v=,w=1i", "missing field value"),
        ("m v 1", "invalid field format"),
        ("m v=1,w 1", "invalid field format"),
        ("m ,v=1 1", "invalid field format"),
        ("m\tv=1 1", "invalid field format"),
        (r"m\ v=1 1", "invalid field format"),
        ("m \"v k\"=1 1", "invalid field format"),
        (
            "m f=\"blah\"=123,r 1531703600000000000",
            "invalid value: field-key=r",
        ),
        ("m v=\"test", "unbalanced quotes"),
        ("m v=\"test\"\"", "unbalanced quotes"),
    ] {
        assert_eq!(refusal(line), reason, "{line}");
    }
}

#[test]
fn numbers() {
    for (number, reason) in [
        ("-", "invalid number"),
        ("-i", "invalid number"),
        ("-.", "invalid number"),
        (".", "invalid number"),
        ("1.0i", "invalid number"),
        ("1ii", "invalid number"),
        ("9i10", "invalid number"),
        ("1e3i", "invalid number"),
        ("1I", "invalid number"),
        ("1.1.1", "invalid number"),
        ("0.-1", "invalid number"),
        ("42+3", "invalid number"),
        ("0x10", "invalid number"),
        ("1_000", "invalid number"),
        ("NaN", "invalid number"),
        ("nan", "invalid number"),
        ("-Inf", "invalid number"),
        ("-1u", "invalid number"),
        ("--1u", "invalid number"),
        ("1\t1", "invalid number"),
        ("-e-e-e", "invalid float"),
        ("1e", "invalid float"),
        ("1e5.", "invalid float"),
        ("1e400", "invalid float"),
        ("+1", "invalid boolean"),
        ("Inf", "invalid boolean"),
        ("i", "invalid boolean"),
        ("tRUE", "invalid boolean"),
        ("yes", "invalid boolean"),
        ("'a'", "invalid boolean"),
        (
            "9223372036854775808i",
            "unable to parse integer 9223372036854775808: strconv.ParseInt: parsing \"9223372036854775808\": value out of range",
        ),
        (
            "-9223372036854775809i",
            "unable to parse integer -9223372036854775809: strconv.ParseInt: parsing \"-9223372036854775809\": value out of range",
        ),
        (
            "18446744073709551616u",
            "unable to parse unsigned 18446744073709551616: strconv.ParseUint: parsing \"18446744073709551616\": value out of range",
        ),
    ] {
        assert_eq!(refusal(&format!("m v={number} 1")), reason, "{number}");
        let second = format!("m a=1i,v={number},b=2i 1");
        assert_eq!(refusal(&second), reason, "{number}");
    }
}

#[test]
fn timestamps() {
    let range = "time outside range -9223372036854775806 - 9223372036854775806";
    for (time, reason) in [
        ("1\r", "bad timestamp"),
        ("1\t", "bad timestamp"),
        ("1i", "bad timestamp"),
        ("+1", "bad timestamp"),
        ("--1", "bad timestamp"),
        ("now", "bad timestamp"),
        ("w=2 1", "bad timestamp"),
        (r"0\", "bad timestamp"),
        ("-", "strconv.ParseInt: parsing \"-\": invalid syntax"),
        ("1 2", "point is invalid"),
        ("1 # c", "point is invalid"),
        ("9223372036854775807", range),
        ("9223372036854775807 12", range),
        ("-9223372036854775807", range),
        (
            "-92233720368547758078",
            "strconv.ParseInt: parsing \"-92233720368547758078\": value out of range",
        ),
    ] {
        assert_eq!(refusal(&format!("m v=1 {time}")), reason, "{time}");
    }
}

#[test]
fn unsigned_integers_need_the_option() {
    let options = DecodeOptions {
        unsigned: false,
        ..DecodeOptions::default()
    };
    let decoded = decode(b"m v=1u 1", &options);
    assert_eq!(
        decoded.error_text().as_deref(),
        Some("unable to parse 'm v=1u 1': invalid number")
    );
}

#[test]
fn long_keys() {
    let value = "x".repeat(MAX_KEY_LENGTH - 4);
    let fits = format!("m,t={value} v=1");
    let reason = format!("max key length exceeded: {} > 65535", MAX_KEY_LENGTH + 5);
    assert_eq!(refusal(&fits), reason, "the field key counts, too");
    let reason = format!("max key length exceeded: {} > 65535", MAX_KEY_LENGTH + 1);
    assert_eq!(refusal(&format!("m,t={value}x v=1")), reason);
    let value = &value[5..];
    assert_eq!(accepted(&format!("m,t={value} v=1,w=2")).len(), 1);
    assert_eq!(refusal(&format!("m,t={value} v=1,ww=2")), reason);
}

#[test]
fn good_lines_between_bad_ones_are_kept() {
    let decoded = decode_text("bad\nm v=1 1\n worse\nm v=2 2\n");
    assert_eq!(
        decoded.error_text().as_deref(),
        Some("unable to parse 'bad': missing fields\nunable to parse 'worse': missing fields")
    );
    assert_eq!(points(&decoded.batch).len(), 2);
    assert_eq!(
        (decoded.lines, decoded.points, decoded.failed_lines),
        (4, 2, 2)
    );
}

#[test]
fn a_refused_line_leaves_nothing_behind() {
    let decoded = decode_text("m,t=1 v=1,w=2 1\nm,t=2 v=2,x=3 now\nn v=x\nm,t=1 v=3 2\n");
    assert_eq!(decoded.failed_lines, 2);
    assert_eq!(decoded.batch.tables.len(), 1);
    let table = &decoded.batch.tables[0];
    assert_eq!(table.series.len(), 1);
    assert_eq!(table.fields.len(), 2);
    assert_eq!(table.times, [1, 2]);
}

#[test]
fn invalid_utf8_refuses_its_line_only() {
    for line in [
        &b"m\xff v=1"[..],
        b"m,t=\xc3 v=1",
        b"m \xff=1",
        b"m v=\"\xf0\x9f\"",
    ] {
        let body = [line, b"\nn v=1 1"].concat();
        let decoded = decode(&body, &DecodeOptions::default());
        assert_eq!(decoded.errors[0].reason, Reason::InvalidUtf8);
        assert_eq!(points(&decoded.batch).len(), 1);
    }
    assert_eq!(
        refusal("m v=\"a\"é 1"),
        "invalid UTF-8",
        "the value is cut inside é"
    );
}

#[test]
fn time_is_no_tag_and_no_field() {
    let decoded = decode_text("m time=1 1\nn,time=1 v=1 1\no time=1,v=2 1\no,time=1 v=1\n");
    assert_eq!(decoded.dropped.points, 3);
    assert_eq!(
        decoded.dropped.reason.as_deref(),
        Some("invalid tag key: input tag \"time\" on measurement \"n\" is invalid"),
    );
    assert_eq!(decoded.points, 4);
    let points = points(&decoded.batch);
    assert_eq!(points.len(), 1);
    assert_eq!(points[0].fields, [("v".to_owned(), Value::Float(2.0))]);
    let decoded = decode_text("m,host=a time=1i 1");
    assert_eq!(
        decoded.dropped.reason.as_deref(),
        Some("invalid field name: input field \"time\" on measurement \"m\" is invalid"),
    );
    // InfluxDB knows the series all the same.
    assert_eq!(decoded.batch.tables.len(), 1);
    let table = &decoded.batch.tables[0];
    assert_eq!((table.series.len(), table.rows()), (1, 0));
}
