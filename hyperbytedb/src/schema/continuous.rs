//! `CREATE`, `DROP` and `SHOW CONTINUOUS QUERIES`; `continuous/` runs them.

use influxql::ast::{CreateContinuousQuery, Statement};
use storage::{ContinuousQuery, Engine};

use super::names::{check_policies, complete_names};
use super::rows::{Rows, text};
use crate::query::error::QueryError;
use crate::query::output::SeriesChunk;

/// Stores a continuous query with the names in it completed.
///
/// # Errors
/// When a database or policy in it does not exist, or another query has its name.
pub fn create(create: &CreateContinuousQuery, engine: &Engine) -> Result<(), QueryError> {
    let mut create = create.clone();
    let database = create.database.clone();
    engine.with_schema(|schema| {
        complete_names(&mut create.select, &database, None, schema)?;
        check_policies(&mut create.select, schema)
    })?;
    let name = create.name.clone();
    let text = Statement::CreateContinuousQuery(create).to_string();
    Ok(engine.create_continuous_query(&database, ContinuousQuery { name, text })?)
}

/// A table for each database, also where it has none.
pub fn show(engine: &Engine) -> Vec<SeriesChunk> {
    engine.with_schema(|schema| {
        let tables = schema.databases.values().map(|database| {
            let mut rows = Rows::new(&database.name, &["name", "query"]);
            for query in &database.continuous_queries {
                rows.push(vec![text(&query.name), text(&query.text)]);
            }
            rows.finish()
        });
        tables.collect()
    })
}
