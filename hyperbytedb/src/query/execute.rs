//! From a statement to its result.

use std::sync::Arc;

use influxql::ast::{SelectStatement, Statement};

use super::catalog::Catalog;
use super::context::QueryContext;
use super::error::QueryError;
use super::explain::explain;
use super::output::{SelectOutput, StatementOutput};
use super::plan;
use super::scan::Reader;
use super::select;
use super::show;

/// Executes the statements that ask: `SELECT`, `EXPLAIN` and the `SHOW …` that the schema
/// answers. The rows of a `SELECT … INTO` come out like those of any other; writing
/// them is the caller's.
///
/// # Errors
/// [`QueryError`], whose text is what the client gets; errors may also come out of
/// the chunks of the result.
pub fn execute_statement<'a>(
    statement: &Statement,
    catalog: &'a dyn Catalog,
    reader: &'a dyn Reader,
    context: &'a QueryContext,
) -> Result<StatementOutput<'a>, QueryError> {
    context.check()?;
    match statement {
        Statement::Select(select) => {
            execute_select(select, catalog, reader, context).map(StatementOutput::Select)
        }
        Statement::Explain { select, analyze } => {
            let lines = explain(select, *analyze, catalog, reader, context)?;
            Ok(StatementOutput::Series(lines))
        }
        other => Ok(match show::execute(other, catalog, context)? {
            Some(chunks) => StatementOutput::Series(chunks),
            None => StatementOutput::Unhandled,
        }),
    }
}

/// Executes a `SELECT`.
///
/// # Errors
/// As [`execute_statement`].
pub fn execute_select<'a>(
    statement: &SelectStatement,
    catalog: &dyn Catalog,
    reader: &'a dyn Reader,
    context: &'a QueryContext,
) -> Result<SelectOutput<'a>, QueryError> {
    let planned = plan::plan(statement, catalog, context)?;
    let mut columns = vec![planned.time_column.clone()];
    columns.extend(planned.columns.iter().cloned());
    let columns = Arc::new(columns);
    let chunks = select::outermost(&planned, &columns, reader, context)?;
    Ok(SelectOutput {
        columns,
        types: planned.fields.iter().map(|item| item.data_type).collect(),
        written_tags: planned.written_tags(),
        timezone: planned.timezone,
        chunks,
    })
}
