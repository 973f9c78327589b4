//! Random statements of all kinds, as the parser would build them.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::strategy::{
    condition, count, dimensions, flat_select, measurement, measurements, name, positive_duration,
    regex, select, sort, text,
};
use crate::ast::{
    AlterRetentionPolicy, CreateContinuousQuery, CreateDatabase, CreateRetentionPolicy,
    CreateSubscription, DeleteSeries, Expr, Grant, Measurement, MeasurementName, PolicyOptions,
    Privilege, Show, ShowCardinality, ShowMeasurements, ShowTagKeys, ShowTagValues,
    ShowTagValuesCardinality, Source, Statement, TagKeyFilter,
};

fn key() -> impl Strategy<Value = TagKeyFilter> {
    prop_oneof![
        name().prop_map(TagKeyFilter::Eq),
        name().prop_map(TagKeyFilter::NotEq),
        regex().prop_map(TagKeyFilter::EqRegex),
        regex().prop_map(TagKeyFilter::NotEqRegex),
        vec(name(), 1..3).prop_map(TagKeyFilter::In),
    ]
}

fn show() -> impl Strategy<Value = Show> {
    (
        of(name()),
        measurements(),
        of(condition()),
        sort(),
        count(),
        count(),
    )
        .prop_map(|(database, sources, condition, sort, limit, offset)| Show {
            database,
            sources,
            condition,
            sort,
            limit,
            offset,
        })
}

fn cardinality() -> impl Strategy<Value = ShowCardinality> {
    (any::<bool>(), show(), dimensions()).prop_map(|(exact, show, dimensions)| ShowCardinality {
        exact,
        database: show.database,
        sources: show.sources,
        condition: show.condition,
        dimensions,
        limit: show.limit,
        offset: show.offset,
    })
}

fn show_measurements() -> impl Strategy<Value = ShowMeasurements> {
    let part = || {
        prop_oneof![
            Just((None, false)),
            Just((None, true)),
            name().prop_map(|name| (Some(name), false))
        ]
    };
    (part(), part(), of(measurement()), show()).prop_map(|(database, policy, source, show)| {
        let on = database != (None, false);
        ShowMeasurements {
            retention_policy: policy.0.filter(|_| on),
            wildcard_policy: policy.1 && on,
            database: database.0,
            wildcard_database: database.1,
            source,
            condition: show.condition,
            sort: show.sort,
            limit: show.limit,
            offset: show.offset,
        }
    })
}

fn show_statement() -> impl Strategy<Value = Statement> {
    let module = || of("[a-z']{1,5}");
    prop_oneof![
        Just(Statement::ShowContinuousQueries),
        Just(Statement::ShowDatabases),
        Just(Statement::ShowQueries),
        Just(Statement::ShowShardGroups),
        Just(Statement::ShowShards),
        Just(Statement::ShowSubscriptions),
        Just(Statement::ShowUsers),
        module().prop_map(|module| Statement::ShowDiagnostics { module }),
        module().prop_map(|module| Statement::ShowStats { module }),
        name().prop_map(|user| Statement::ShowGrants { user }),
        of(name()).prop_map(|database| Statement::ShowRetentionPolicies { database }),
        cardinality().prop_map(Statement::ShowFieldKeyCardinality),
        cardinality().prop_map(Statement::ShowMeasurementCardinality),
        cardinality().prop_map(Statement::ShowSeriesCardinality),
        cardinality().prop_map(Statement::ShowTagKeyCardinality),
        (cardinality(), key()).prop_map(|(show, key)| {
            Statement::ShowTagValuesCardinality(ShowTagValuesCardinality { show, key })
        }),
        show().prop_map(|show| Statement::ShowFieldKeys(Show {
            condition: None,
            ..show
        })),
        show().prop_map(Statement::ShowSeries),
        (show(), of(key()), count(), count()).prop_map(|(show, key, slimit, soffset)| {
            Statement::ShowTagKeys(ShowTagKeys {
                show,
                key,
                slimit,
                soffset,
            })
        }),
        (show(), key())
            .prop_map(|(show, key)| Statement::ShowTagValues(ShowTagValues { show, key })),
        show_measurements().prop_map(Statement::ShowMeasurements),
    ]
}

fn policy_options() -> impl Strategy<Value = PolicyOptions> {
    let replication = || 1u64..1000;
    (
        of(positive_duration()),
        of(replication()),
        of(positive_duration()),
        of(positive_duration()),
        of(positive_duration()),
    )
        .prop_map(
            |(duration, replication, shard_duration, future_limit, past_limit)| PolicyOptions {
                name: None,
                duration,
                replication,
                shard_duration,
                future_limit,
                past_limit,
            },
        )
}

fn policy_statement() -> impl Strategy<Value = Statement> {
    (
        name(),
        name(),
        policy_options(),
        any::<bool>(),
        0..3,
        of(name()),
    )
        .prop_map(
            |(name, database, mut options, default, kind, first)| match kind {
                0 => {
                    options.duration = options.duration.or(Some(0));
                    options.replication = options.replication.or(Some(1));
                    Statement::CreateRetentionPolicy(CreateRetentionPolicy {
                        name,
                        database,
                        options,
                        default,
                    })
                }
                1 => {
                    let default = default || options == PolicyOptions::default();
                    Statement::AlterRetentionPolicy(AlterRetentionPolicy {
                        name,
                        database,
                        options,
                        default,
                    })
                }
                _ => {
                    options.name = first;
                    let policy =
                        Some(options).filter(|options| *options != PolicyOptions::default());
                    Statement::CreateDatabase(CreateDatabase { name, policy })
                }
            },
        )
}

fn continuous_query() -> impl Strategy<Value = Statement> {
    let target = name().prop_map(|name| Measurement {
        name: MeasurementName::Name(name),
        ..Measurement::default()
    });
    (
        name(),
        name(),
        flat_select(),
        target,
        of(Just(60_000_000_000)),
        of(Just(3_600_000_000_000)),
    )
        .prop_map(
            |(name, database, mut select, target, resample_every, resample_for)| {
                select.target = Some(target);
                let every = Expr::Call {
                    name: "time".to_string(),
                    args: vec![Expr::Duration(1_000_000_000)],
                };
                select.dimensions = vec![every];
                let select = Box::new(select);
                Statement::CreateContinuousQuery(CreateContinuousQuery {
                    name,
                    database,
                    resample_every,
                    resample_for,
                    select,
                })
            },
        )
}

fn grant() -> impl Strategy<Value = Grant> {
    let privilege = prop::sample::select(vec![Privilege::Read, Privilege::Write, Privilege::All]);
    (privilege, name(), of(name())).prop_map(|(privilege, user, database)| Grant {
        privilege: if database.is_none() {
            Privilege::All
        } else {
            privilege
        },
        database,
        user,
    })
}

fn delete() -> impl Strategy<Value = DeleteSeries> {
    let plain = measurement().prop_map(|measurement| {
        Source::Measurement(Measurement {
            name: measurement.name,
            ..Measurement::default()
        })
    });
    (vec(plain, 1..3), of(condition()))
        .prop_map(|(sources, condition)| DeleteSeries { sources, condition })
}

fn other_statement() -> impl Strategy<Value = Statement> {
    let mode = prop_oneof![Just("ALL".to_string()), Just("ANY".to_string())];
    prop_oneof![
        delete().prop_map(Statement::Delete),
        delete().prop_map(Statement::DropSeries),
        grant().prop_map(Statement::Grant),
        grant().prop_map(Statement::Revoke),
        (name(), name())
            .prop_map(|(name, database)| Statement::DropContinuousQuery { name, database }),
        (name(), name())
            .prop_map(|(name, database)| Statement::DropRetentionPolicy { name, database }),
        name().prop_map(|name| Statement::DropDatabase { name }),
        name().prop_map(|name| Statement::DropMeasurement { name }),
        name().prop_map(|name| Statement::DropUser { name }),
        any::<u64>().prop_map(|id| Statement::DropShard { id }),
        (any::<u64>(), of(name())).prop_map(|(id, host)| Statement::KillQuery { id, host }),
        (name(), name(), name()).prop_map(|(name, database, retention_policy)| {
            Statement::DropSubscription {
                name,
                database,
                retention_policy,
            }
        }),
        (name(), name(), name(), mode, vec(text(), 1..3)).prop_map(
            |(name, database, retention_policy, mode, destinations)| {
                Statement::CreateSubscription(CreateSubscription {
                    name,
                    database,
                    retention_policy,
                    mode,
                    destinations,
                })
            }
        ),
        (select(), any::<bool>()).prop_map(|(select, analyze)| {
            Statement::Explain {
                select: Box::new(select),
                analyze,
            }
        }),
    ]
}

pub(super) fn statement() -> impl Strategy<Value = Statement> {
    prop_oneof![
        4 => select().prop_map(|select| Statement::Select(Box::new(select))),
        4 => show_statement(),
        2 => policy_statement(),
        1 => continuous_query(),
        4 => other_statement(),
    ]
}
