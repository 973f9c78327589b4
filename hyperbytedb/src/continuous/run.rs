//! Runs the continuous queries of all databases, looking for due ones every second.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use influxql::ast::{BinaryOp, CreateContinuousQuery, Expr, Query, SelectStatement, Statement};
use influxql::{parse_statement, split_condition};
use storage::{ContinuousQuery, Engine};
use tokio::runtime::Handle;
use tracing::Instrument;

use super::schedule::Schedule;
use crate::auth::{Users, authorize};
use crate::monitor::Statistics;
use crate::query::error::QueryError;
use crate::query::service::QueryService;

/// How often due queries are looked for; InfluxDB's `run-interval`.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Runs until its task is stopped.
pub async fn run(
    engine: Arc<Engine>,
    service: QueryService,
    users: Arc<Users>,
    statistics: Arc<Statistics>,
) {
    let mut runner = Runner {
        engine,
        users,
        service,
        statistics,
        last_runs: BTreeMap::new(),
    };
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        runner.look().await;
    }
}

struct Runner {
    engine: Arc<Engine>,
    /// Each query runs with the rights of its owner.
    users: Arc<Users>,
    service: QueryService,
    statistics: Arc<Statistics>,
    /// When each query ran, by database and name.
    last_runs: BTreeMap<(String, String), i64>,
}

impl Runner {
    async fn look(&mut self) {
        let queries: BTreeMap<(String, String), ContinuousQuery> =
            self.engine.with_schema(|schema| {
                let databases = schema.databases.values();
                let queries = databases.flat_map(|database| {
                    let queries = database.continuous_queries.iter();
                    queries
                        .map(|query| ((database.name.clone(), query.name.clone()), query.clone()))
                });
                queries.collect()
            });
        self.last_runs.retain(|id, _| queries.contains_key(id));
        for (id, query) in queries {
            let outcome = self.run_if_due(&id, &query).await;
            match outcome {
                Ok(false) => {}
                Ok(true) => self.statistics.continuous_succeeded.add(1),
                Err(error) => {
                    self.statistics.continuous_failed.add(1);
                    tracing::warn!(database = id.0, query = id.1, %error, "continuous query failed");
                }
            }
        }
    }

    /// Whether the query ran.
    async fn run_if_due(
        &mut self,
        id: &(String, String),
        query: &ContinuousQuery,
    ) -> Result<bool, QueryError> {
        let now = self.engine.now_ns();
        let Some((schedule, mut select)) = parse(&query.text, now)? else {
            return Ok(false);
        };
        let Some(due) = schedule.due(self.last_runs.get(id).copied(), now) else {
            return Ok(false);
        };
        self.last_runs.insert(id.clone(), due.ran);
        let Some(range) = due.range else {
            return Ok(false);
        };
        self.check_rights(&select, &id.0, query.owner.as_deref())?;
        restrict(&mut select, range, now)?;
        let (database, runtime) = (id.0.clone(), Handle::current());
        let run = move |service: &QueryService| service.write_select(&select, &database, &runtime);
        let span = tracing::debug_span!("continuous_query", database = id.0, name = id.1);
        self.service.blocking(run).instrument(span).await?;
        Ok(true)
    }
}

impl Runner {
    /// Whether a query's owner may still read and write what it does.
    fn check_rights(
        &self,
        select: &SelectStatement,
        database: &str,
        owner: Option<&str>,
    ) -> Result<(), QueryError> {
        let identity = self.users.named(owner).map_err(|error| {
            let owner = owner.unwrap_or_default();
            QueryError::Invalid(format!("it belongs to {owner:?}: {error}"))
        })?;
        let select = Statement::Select(Box::new(select.clone()));
        let query = Query {
            statements: vec![select],
        };
        Ok(authorize(&identity, &query, database)?)
    }
}

/// The schedule and select of a stored query; nothing when it has no intervals, which
/// InfluxDB never runs.
fn parse(text: &str, now: i64) -> Result<Option<(Schedule, SelectStatement)>, QueryError> {
    let statement =
        parse_statement(text).map_err(|error| QueryError::Invalid(error.to_string()))?;
    let Statement::CreateContinuousQuery(create) = statement else {
        return Err(QueryError::Invalid(format!("no continuous query: {text}")));
    };
    let CreateContinuousQuery {
        resample_every,
        resample_for,
        select,
        ..
    } = create;
    let Some(interval) = select.interval_at(now) else {
        return Ok(None);
    };
    let schedule = Schedule {
        interval: interval.every,
        offset: interval.offset,
        every: resample_every,
        span: resample_for,
        zone: select.zone(),
    };
    let aggregates = select.fields.iter().any(|field| field.expr.has_call());
    Ok(aggregates.then_some((schedule, *select)))
}

/// Puts the times of a run in the place of those of the condition.
fn restrict(select: &mut SelectStatement, range: (i64, i64), now: i64) -> Result<(), QueryError> {
    let (rest, _) = split_condition(select.condition.as_ref(), now, None)
        .map_err(|error| QueryError::Invalid(error.to_string()))?;
    let bound = |op, time| binary(op, time_column(), Expr::Integer(time));
    let mut condition = binary(
        BinaryOp::And,
        bound(BinaryOp::GtEq, range.0),
        bound(BinaryOp::Lt, range.1),
    );
    if let Some(rest) = rest {
        condition = binary(BinaryOp::And, condition, Expr::Paren(Box::new(rest)));
    }
    select.condition = Some(condition);
    Ok(())
}

fn time_column() -> Expr {
    Expr::VarRef {
        name: "time".to_string(),
        cast: None,
    }
}

fn binary(op: BinaryOp, lhs: Expr, rhs: Expr) -> Expr {
    Expr::Binary {
        op,
        lhs: Box::new(lhs),
        rhs: Box::new(rhs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "CREATE CONTINUOUS QUERY c ON db RESAMPLE EVERY 30s FOR 2m BEGIN SELECT mean(v) INTO db.autogen.out FROM db.autogen.m WHERE h = 'a' AND time > now() - 1h GROUP BY time(1m, 5s) END";

    #[test]
    fn a_stored_text_gives_schedule_and_select() {
        let (schedule, mut select) = parse(TEXT, 0).unwrap().unwrap();
        assert_eq!(schedule.interval, 60_000_000_000);
        assert_eq!(schedule.offset, 5_000_000_000);
        assert_eq!(schedule.every, Some(30_000_000_000));
        assert_eq!(schedule.span, Some(120_000_000_000));
        restrict(&mut select, (10, 20), 0).unwrap();
        let condition = select.condition.unwrap().to_string();
        assert_eq!(condition, "time >= 10 AND time < 20 AND (h = 'a')");
    }

    #[test]
    fn a_query_without_aggregates_never_runs() {
        let text = "CREATE CONTINUOUS QUERY c ON db BEGIN SELECT v INTO db.autogen.o FROM db.autogen.m GROUP BY time(1m) END";
        assert_eq!(parse(text, 0).unwrap(), None);
    }
}
