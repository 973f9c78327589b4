//! What a hostile body can make the decoder allocate.

use super::*;

/// The bytes the columns of a batch take up.
fn column_bytes(batch: &Batch) -> usize {
    let cell = |column: &FieldColumn| match &column.values {
        Values::Boolean(_) => 2,
        Values::String(_) => 5,
        _ => 9,
    };
    let table = |table: &crate::batch::Table| {
        let row: usize = table.fields.iter().map(cell).sum();
        table.rows() * (row + 12)
    };
    batch.tables.iter().map(table).sum()
}

#[test]
fn fields_that_rows_do_not_share_stay_small() {
    let rows = 20_000;
    let body: String = (0..rows).map(|row| format!("m f{row}=1 {row}\n")).collect();
    let decoded = decode_text(&body);
    assert!(column_bytes(&decoded.batch) < 40 * body.len());
    let points = points(&decoded.batch);
    assert_eq!(points.len(), rows);
    for (row, point) in points.iter().enumerate() {
        assert_eq!(point.time, row as i64);
        assert_eq!(point.fields, [(format!("f{row}"), Value::Float(1.0))]);
    }
}

#[test]
fn one_wide_row_among_narrow_ones_stays_small() {
    let wide: Vec<String> = (0..5000).map(|at| format!("f{at}=1")).collect();
    let narrow: String = (0..5000).map(|row| format!("m,t=1 v=1 {row}\n")).collect();
    let body = format!("m,t=1 v=0\n{narrow}m {}\n{narrow}", wide.join(","));
    let decoded = decode_text(&body);
    assert!(column_bytes(&decoded.batch) < 40 * body.len());
    assert_eq!(points(&decoded.batch).len(), 10_002);
    assert!(decoded.batch.tables.len() > 1);
    for table in &decoded.batch.tables {
        assert_eq!(table.measurement, "m");
        for (at, tags) in table.series.iter().enumerate() {
            let used = table.series_of_row.contains(&(at as u32));
            assert!(used, "{tags:?} has no row in its table");
        }
    }
}

#[test]
fn tables_of_dense_rows_are_not_split() {
    let body: String = (0..5000)
        .map(|row| format!("m,host={} a={row}i,b={row}i,c=t {row}\n", row % 10))
        .collect();
    assert_eq!(decode_text(&body).batch.tables.len(), 1);
}

#[test]
fn only_so_many_errors_are_kept() {
    let decoded = decode_text(&"x\n".repeat(MAX_ERRORS + 5));
    assert_eq!(decoded.errors.len(), MAX_ERRORS);
    assert_eq!(decoded.failed_lines, MAX_ERRORS + 5);
}
