//! The statements that change databases, policies, measurements and series.

use influxql::ast::{
    BinaryOp, CreateDatabase, DeleteSeries, Expr, MeasurementName, PolicyOptions, Source, Statement,
};
use influxql::deeper;
use influxql::split_condition;
use regex::Regex;
use storage::{DeleteRequest, Engine, PolicyChange, SeriesPredicate, StorageError, TableName};

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
    for name in meant(&delete.sources, engine, &database)? {
        let table = engine.with_schema(|schema| schema.table(&name).cloned());
        let (fields, empty) = table.map_or((Vec::new(), true), |table| {
            let inner = table.read();
            (inner.resolved_fields(), inner.series.is_empty())
        });
        let is_field = |reference: &str| fields.iter().any(|(field, _)| field == reference);
        let series = match condition.as_ref().map(|c| predicate(c, &is_field)) {
            None => SeriesPredicate::All,
            Some(Ok(series)) => series,
            // InfluxDB looks at the condition when it looks at series.
            Some(Err(_)) if empty => continue,
            Some(Err(Refused::Field)) => {
                let shard = shards.first(engine, &name.database, &name.policy);
                let refusal = format!("shard {shard}: {FIELDS_UNSUPPORTED}");
                return Err(QueryError::Invalid(refusal));
            }
            Some(Err(Refused::Other(error))) => return Err(error),
        };
        engine.delete(&DeleteRequest {
            table: &name,
            series: &series,
            time: (time.min, time.max),
            drop_series,
            version: None,
        })?;
    }
    Ok(())
}

/// The measurements that `FROM` names, in the policy that it names, else in all; all of
/// them without it.
fn meant(
    sources: &[Source],
    engine: &Engine,
    database: &str,
) -> Result<Vec<TableName>, QueryError> {
    let mut regexes = Vec::new();
    let mut names = Vec::new();
    for source in sources {
        match source {
            Source::Measurement(measurement) => {
                let policy = measurement.retention_policy.as_deref();
                match &measurement.name {
                    MeasurementName::Name(name) => names.push((name.clone(), policy)),
                    MeasurementName::Regex(pattern) => {
                        let regex = Regex::new(pattern)
                            .map_err(|error| QueryError::Invalid(error.to_string()))?;
                        regexes.push((regex, policy));
                    }
                    MeasurementName::BackReference => {}
                }
            }
            Source::Subquery(_) => {
                return Err(QueryError::Invalid(
                    "subqueries cannot be deleted from".to_string(),
                ));
            }
        }
    }
    let tables = engine.with_schema(|schema| schema.tables(Some(database)));
    let is_meant = |table: &TableName| {
        let in_policy = |policy: &Option<&str>| policy.is_none_or(|policy| policy == table.policy);
        let name = &table.measurement;
        sources.is_empty()
            || names
                .iter()
                .any(|(own, policy)| own == name && in_policy(policy))
            || regexes
                .iter()
                .any(|(regex, policy)| regex.is_match(name) && in_policy(policy))
    };
    Ok(tables
        .into_iter()
        .map(|table| table.name.clone())
        .filter(|name| is_meant(name))
        .collect())
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
