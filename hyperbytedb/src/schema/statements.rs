//! The statements that change databases, policies, measurements and series.

use std::sync::Arc;

use influxql::ast::{
    BinaryOp, CreateDatabase, DeleteSeries, Expr, MeasurementName, PolicyOptions, Source, Statement,
};
use influxql::deeper;
use influxql::split_condition;
use regex::Regex;
use storage::{
    Delete, Engine, MeasurementScope, PolicyChange, SeriesPredicate, StorageError, Table,
};

use super::names::check_name;
use super::shards::ShardIds;
use super::{continuous, subscriptions, users};
use crate::auth::Identity;
use crate::query::context::QueryContext;
use crate::query::error::QueryError;
use crate::query::output::SeriesChunk;

/// What became of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    Done,
    /// It is not one of those here.
    Unhandled,
}

/// Executes a statement that changes the schema or deletes points.
///
/// # Errors
/// In InfluxDB's words where it has some.
pub fn apply(
    statement: &Statement,
    engine: &Engine,
    shards: &ShardIds,
    context: &QueryContext,
) -> Result<Applied, QueryError> {
    match statement {
        Statement::CreateContinuousQuery(create) => {
            continuous::create(create, context.identity.name(), engine)?
        }
        Statement::DropContinuousQuery { name, database } => {
            engine.drop_continuous_query(database, name)?;
        }
        Statement::CreateSubscription(create) => subscriptions::create(create, engine)?,
        Statement::DropSubscription {
            name,
            database,
            retention_policy,
        } => engine.drop_subscription(database, retention_policy, name)?,
        Statement::CreateUser(create) => users::create(create, engine)?,
        Statement::DropUser { name } => engine.drop_user(name)?,
        Statement::SetPassword { user, password } => users::set_password(user, password, engine)?,
        Statement::Grant(grant) => users::grant(grant, engine)?,
        Statement::Revoke(revoke) => users::revoke(revoke, engine)?,
        Statement::DropShard { id } => shards.drop_shard(*id, engine)?,
        other => return apply_schema(other, engine, shards, context),
    }
    Ok(Applied::Done)
}

/// Answers a `SHOW` of what the catalog holds beside points; `None` for others.
///
/// # Errors
/// When what is asked for does not exist.
pub fn show(
    statement: &Statement,
    engine: &Engine,
    shards: &ShardIds,
    identity: &Identity,
) -> Result<Option<Vec<SeriesChunk>>, QueryError> {
    Ok(Some(match statement {
        Statement::ShowContinuousQueries => continuous::show(engine, identity),
        Statement::ShowSubscriptions => subscriptions::show(engine),
        Statement::ShowUsers => users::show(engine),
        Statement::ShowGrants { user } => users::show_grants(user, engine)?,
        Statement::ShowShards => shards.show(engine),
        Statement::ShowShardGroups => shards.show_groups(engine),
        _ => return Ok(None),
    }))
}

/// Databases, policies, measurements and series.
fn apply_schema(
    statement: &Statement,
    engine: &Engine,
    shards: &ShardIds,
    context: &QueryContext,
) -> Result<Applied, QueryError> {
    match statement {
        Statement::CreateDatabase(create) => create_database(create, engine)?,
        Statement::DropDatabase { name } => engine.drop_database(name)?,
        Statement::CreateRetentionPolicy(create) => {
            check_name(&create.name)?;
            let change = change_of(&create.options, create.default);
            engine.create_policy(&create.database, &create.name, &change)?;
        }
        Statement::AlterRetentionPolicy(alter) => {
            let change = change_of(&alter.options, alter.default);
            engine.alter_policy(&alter.database, &alter.name, &change)?;
        }
        Statement::DropRetentionPolicy { name, database } => {
            engine.drop_policy(database, name)?;
        }
        Statement::DropMeasurement { name } => {
            let database = database_of(engine, context)?;
            engine.drop_measurement(&database, name)?;
        }
        Statement::Delete(delete) => delete_series(delete, engine, shards, context, false)?,
        Statement::DropSeries(drop) => delete_series(drop, engine, shards, context, true)?,
        _ => return Ok(Applied::Unhandled),
    }
    Ok(Applied::Done)
}

fn create_database(create: &CreateDatabase, engine: &Engine) -> Result<(), QueryError> {
    check_name(&create.name)?;
    let result = match &create.policy {
        None => engine.create_database(&create.name, None),
        Some(options) => {
            let name = options.name.as_deref().filter(|name| !name.is_empty());
            let name = name.unwrap_or("autogen");
            check_name(name)?;
            engine.create_database(&create.name, Some((name, &change_of(options, true))))
        }
    };
    result.map_err(|error| match error {
        StorageError::PolicyConflict => StorageError::PolicyNotDefault.into(),
        other => other.into(),
    })
}

fn change_of(options: &PolicyOptions, default: bool) -> PolicyChange {
    PolicyChange {
        new_name: None,
        duration_ns: options.duration,
        shard_duration_ns: options.shard_duration,
        replication: options.replication,
        default,
    }
}

fn database_of(engine: &Engine, context: &QueryContext) -> Result<String, QueryError> {
    if context.database.is_empty() {
        return Err(QueryError::DatabaseRequired);
    }
    engine.with_schema(|schema| schema.database(&context.database).map(|_| ()))?;
    Ok(context.database.clone())
}

fn delete_series(
    delete: &DeleteSeries,
    engine: &Engine,
    shards: &ShardIds,
    context: &QueryContext,
    drop_series: bool,
) -> Result<(), QueryError> {
    let database = database_of(engine, context)?;
    let (condition, time) = split_condition(delete.condition.as_ref(), context.now_ns, None)
        .map_err(|error| QueryError::Invalid(error.to_string()))?;
    if drop_series && (time.has_min || time.has_max) {
        return Err(QueryError::Invalid(
            "DROP SERIES doesn't support time in WHERE clause".to_string(),
        ));
    }
    let scopes = scopes_of(&delete.sources)?;
    let mut series = SeriesPredicate::All;
    if let Some(condition) = &condition {
        match predicate_of(condition, &scopes, engine, shards, &database)? {
            Some(predicate) => series = predicate,
            None => return Ok(()),
        }
    }
    for (policy, measurements) in &scopes {
        engine.delete(&Delete {
            database: &database,
            policy: policy.as_deref(),
            measurements,
            series: &series,
            time: (time.min, time.max),
            version: None,
        })?;
    }
    Ok(())
}

/// What `FROM` names: policies, all where it names none, and measurements of them.
type Scope = (Option<String>, MeasurementScope);

fn scopes_of(sources: &[Source]) -> Result<Vec<Scope>, QueryError> {
    if sources.is_empty() {
        return Ok(vec![(None, MeasurementScope::All)]);
    }
    let mut scopes = Vec::with_capacity(sources.len());
    for source in sources {
        let Source::Measurement(measurement) = source else {
            return Err(QueryError::Invalid(
                "subqueries cannot be deleted from".to_string(),
            ));
        };
        let scope = match &measurement.name {
            MeasurementName::Name(name) => MeasurementScope::One(name.clone()),
            MeasurementName::Regex(pattern) => MeasurementScope::Match(pattern.clone()),
            MeasurementName::BackReference => continue,
        };
        scopes.push((measurement.retention_policy.clone(), scope));
    }
    Ok(scopes)
}

/// The series that a condition means; `None` when it says nothing about any and there are
/// none: InfluxDB looks at the condition when it looks at series.
fn predicate_of(
    condition: &Expr,
    scopes: &[Scope],
    engine: &Engine,
    shards: &ShardIds,
    database: &str,
) -> Result<Option<SeriesPredicate>, QueryError> {
    let mut meant = None;
    for table in tables_in(scopes, engine, database)? {
        let (fields, empty) = {
            let inner = table.read();
            (inner.resolved_fields(), inner.series.is_empty())
        };
        let is_field = |reference: &str| fields.iter().any(|(field, _)| field == reference);
        match predicate(condition, &is_field) {
            Ok(series) => meant = Some(series),
            Err(_) if empty => {}
            Err(Refused::Field) => {
                let shard = shards.first(engine, &table.name.database, &table.name.policy);
                let refusal = format!("shard {shard}: {FIELDS_UNSUPPORTED}");
                return Err(QueryError::Invalid(refusal));
            }
            Err(Refused::Other(error)) => return Err(error),
        }
    }
    // Without a table there is no field, and what cannot be said means nothing.
    Ok(meant.or_else(|| predicate(condition, &|_| false).ok()))
}

/// The tables that there are of some scopes.
fn tables_in(
    scopes: &[Scope],
    engine: &Engine,
    database: &str,
) -> Result<Vec<Arc<Table>>, QueryError> {
    let mut meant = Vec::new();
    for (policy, scope) in scopes {
        let pattern = match scope {
            MeasurementScope::Match(pattern) => {
                Some(Regex::new(pattern).map_err(|error| QueryError::Invalid(error.to_string()))?)
            }
            _ => None,
        };
        let mut tables = engine.with_schema(|schema| schema.tables(Some(database)));
        tables.retain(|table| {
            let name = &table.name.measurement;
            policy.as_ref().is_none_or(|own| *own == table.name.policy)
                && match scope {
                    MeasurementScope::All => true,
                    MeasurementScope::One(own) => own == name,
                    MeasurementScope::Match(_) => {
                        pattern.as_ref().is_some_and(|regex| regex.is_match(name))
                    }
                }
        });
        meant.extend(tables);
    }
    Ok(meant)
}

/// Why a condition cannot say what to delete.
enum Refused {
    /// It is about a field.
    Field,
    Other(QueryError),
}

/// `AND` and `OR` inside of one another that a condition may have.
const LEVELS_MAX: usize = 500;

const FIELDS_UNSUPPORTED: &str = "fields not supported in WHERE clause during deletion";

/// A condition on tags as the storage engine understands it.
fn predicate(
    condition: &Expr,
    is_field: &dyn Fn(&str) -> bool,
) -> Result<SeriesPredicate, Refused> {
    predicate_within(condition, is_field, LEVELS_MAX)
}

fn predicate_within(
    condition: &Expr,
    is_field: &dyn Fn(&str) -> bool,
    levels: usize,
) -> Result<SeriesPredicate, Refused> {
    let invalid = || {
        Refused::Other(QueryError::Invalid(format!(
            "invalid condition on tags: {condition}"
        )))
    };
    match condition {
        Expr::Paren(inner) => deeper(|| predicate_within(inner, is_field, levels)),
        Expr::Boolean(true) => Ok(SeriesPredicate::All),
        Expr::Binary { op, lhs, rhs } if matches!(op, BinaryOp::And | BinaryOp::Or) => {
            let Some(levels) = levels.checked_sub(1) else {
                return Err(Refused::Other(QueryError::Invalid(format!(
                    "the condition has more than {LEVELS_MAX} levels of AND and OR inside of one another"
                ))));
            };
            let side = |side: &Expr| predicate_within(side, is_field, levels);
            let both = vec![side(lhs)?, side(rhs)?];
            Ok(match op {
                BinaryOp::And => SeriesPredicate::And(both),
                _ => SeriesPredicate::Or(both),
            })
        }
        Expr::Binary { op, lhs, rhs } => {
            let (Expr::VarRef { name, .. }, value) = (lhs.as_ref(), rhs.as_ref()) else {
                return Err(invalid());
            };
            if is_field(name) {
                return Err(Refused::Field);
            }
            match (op, value) {
                (BinaryOp::Eq, Expr::String(value)) => {
                    Ok(SeriesPredicate::Equal(name.clone(), value.clone()))
                }
                (BinaryOp::NotEq, Expr::String(value)) => {
                    Ok(SeriesPredicate::NotEqual(name.clone(), value.clone()))
                }
                (BinaryOp::EqRegex, Expr::Regex(pattern)) => {
                    Ok(SeriesPredicate::Match(name.clone(), pattern.clone()))
                }
                (BinaryOp::NotEqRegex, Expr::Regex(pattern)) => {
                    Ok(SeriesPredicate::NotMatch(name.clone(), pattern.clone()))
                }
                _ => Err(invalid()),
            }
        }
        _ => Err(invalid()),
    }
}
