//! `SHOW …` statements that the schema answers.
use super::catalog::Catalog;
use super::context::QueryContext;
use super::error::QueryError;
use super::output::SeriesChunk;
use super::scan::Reader;
use influxql::ast::Statement;
pub fn execute(
    _statement: &Statement,
    _catalog: &dyn Catalog,
    _reader: &dyn Reader,
    _context: &QueryContext,
) -> Result<Option<Vec<SeriesChunk>>, QueryError> {
    Ok(None)
}
