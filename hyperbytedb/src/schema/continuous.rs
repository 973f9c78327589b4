//! `CREATE`, `DROP` and `SHOW CONTINUOUS QUERIES`; `continuous/` runs them.

use influxql::ast::{CreateContinuousQuery, Statement};
use storage::{ContinuousQuery, Engine};

use super::names::{check_policies, complete_names};
use super::rows::{Rows, text};
use crate::auth::Identity;
use crate::query::error::QueryError;
use crate::query::output::SeriesChunk;

/// Stores a continuous query with the names in it completed; it runs with the rights of
/// its owner.
///
/// # Errors
/// When a database or policy in it does not exist, or another query has its name.
pub fn create(
    create: &CreateContinuousQuery,
    owner: Option<&str>,
    engine: &Engine,
) -> Result<(), QueryError> {
    let mut create = create.clone();
    let database = create.database.clone();
    engine.with_schema(|schema| {
        complete_names(&mut create.select, &database, None, schema)?;
        check_policies(&mut create.select, schema)
    })?;
    let name = create.name.clone();
    let text = Statement::CreateContinuousQuery(create).to_string();
    let owner = owner.map(str::to_string);
    let query = ContinuousQuery { name, text, owner };
    Ok(engine.create_continuous_query(&database, query)?)
}

/// A table for each database that `identity` may read, also where it has none.
pub fn show(engine: &Engine, identity: &Identity) -> Vec<SeriesChunk> {
    engine.with_schema(|schema| {
        let databases = schema.databases.values();
        let databases = databases.filter(|database| identity.reads(&database.name));
        let tables = databases.map(|database| {
            let mut rows = Rows::new(&database.name, &["name", "query"]);
            for query in &database.continuous_queries {
                rows.push(vec![text(&query.name), text(&query.text)]);
            }
            rows.finish()
        });
        tables.collect()
    })
}
