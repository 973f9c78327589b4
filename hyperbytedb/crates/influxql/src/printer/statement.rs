//! Printing of the statements that change something, and the table of all.

use std::fmt;

use super::{Printer, REDACTED};
use crate::ast::{
    AlterRetentionPolicy, CreateContinuousQuery, CreateDatabase, CreateRetentionPolicy,
    CreateSubscription, DeleteSeries, Grant, PolicyOptions, Privilege, Statement,
};

impl Printer<'_, '_> {
    pub(crate) fn statement(&mut self, statement: &Statement) -> fmt::Result {
        match statement {
            Statement::AlterRetentionPolicy(alter) => self.alter_retention_policy(alter),
            Statement::CreateContinuousQuery(create) => self.create_continuous_query(create),
            Statement::CreateDatabase(create) => self.create_database(create),
            Statement::CreateRetentionPolicy(create) => self.create_retention_policy(create),
            Statement::CreateSubscription(create) => self.create_subscription(create),
            Statement::CreateUser(create) => {
                self.named("CREATE USER ", &create.name)?;
                let admin = if create.admin {
                    " WITH ALL PRIVILEGES"
                } else {
                    ""
                };
                write!(self.out, " WITH PASSWORD {REDACTED}{admin}")
            }
            Statement::Delete(delete) => self.delete("DELETE", delete),
            Statement::DropContinuousQuery { name, database } => {
                self.on("DROP CONTINUOUS QUERY ", name, database)
            }
            Statement::DropDatabase { name } => self.named("DROP DATABASE ", name),
            Statement::DropMeasurement { name } => self.named("DROP MEASUREMENT ", name),
            Statement::DropRetentionPolicy { name, database } => {
                self.on("DROP RETENTION POLICY ", name, database)
            }
            Statement::DropSeries(delete) => self.delete("DROP SERIES", delete),
            Statement::DropShard { id } => {
                self.text("DROP SHARD ")?;
                self.literal(&id.to_string())
            }
            Statement::DropSubscription {
                name,
                database,
                retention_policy,
            } => {
                self.on("DROP SUBSCRIPTION ", name, database)?;
                self.named(".", retention_policy)
            }
            Statement::DropUser { name } => self.named("DROP USER ", name),
            Statement::Explain { select, analyze } => {
                self.text(if *analyze {
                    "EXPLAIN ANALYZE "
                } else {
                    "EXPLAIN "
                })?;
                self.select(select)
            }
            Statement::Grant(grant) => self.grant("GRANT ", grant, " TO "),
            Statement::KillQuery { id, host } => {
                self.text("KILL QUERY ")?;
                self.literal(&id.to_string())?;
                self.optional_name(" ON ", host.as_deref())
            }
            Statement::Revoke(grant) => self.grant("REVOKE ", grant, " FROM "),
            Statement::Select(select) => self.select(select),
            Statement::SetPassword { user, .. } => {
                self.named("SET PASSWORD FOR ", user)?;
                write!(self.out, " = {REDACTED}")
            }
            show => self.show(show),
        }
    }

    /// `phrase name ON database`.
    fn on(&mut self, phrase: &str, name: &str, database: &str) -> fmt::Result {
        self.named(phrase, name)?;
        self.named(" ON ", database)
    }

    fn delete(&mut self, phrase: &str, delete: &DeleteSeries) -> fmt::Result {
        self.text(phrase)?;
        self.clause(" FROM ", &delete.sources, Self::source)?;
        self.condition(delete.condition.as_ref())
    }

    fn grant(&mut self, phrase: &str, grant: &Grant, direction: &str) -> fmt::Result {
        self.text(phrase)?;
        self.text(match grant.privilege {
            Privilege::Read => "READ",
            Privilege::Write => "WRITE",
            Privilege::All => "ALL PRIVILEGES",
        })?;
        self.optional_name(" ON ", grant.database.as_deref())?;
        self.named(direction, &grant.user)
    }

    fn create_database(&mut self, create: &CreateDatabase) -> fmt::Result {
        self.named("CREATE DATABASE ", &create.name)?;
        let Some(policy) = &create.policy else {
            return Ok(());
        };
        self.text(" WITH")?;
        self.durations(policy)?;
        self.write_limits(policy)?;
        self.optional_name(" NAME ", policy.name.as_deref())
    }

    fn create_retention_policy(&mut self, create: &CreateRetentionPolicy) -> fmt::Result {
        self.on("CREATE RETENTION POLICY ", &create.name, &create.database)?;
        self.policy(&create.options, create.default)
    }

    fn alter_retention_policy(&mut self, alter: &AlterRetentionPolicy) -> fmt::Result {
        self.on("ALTER RETENTION POLICY ", &alter.name, &alter.database)?;
        self.policy(&alter.options, alter.default)
    }

    fn policy(&mut self, options: &PolicyOptions, default: bool) -> fmt::Result {
        self.durations(options)?;
        if default {
            self.text(" DEFAULT")?;
        }
        self.write_limits(options)
    }

    fn durations(&mut self, options: &PolicyOptions) -> fmt::Result {
        self.optional_duration(" DURATION ", options.duration)?;
        if let Some(replication) = options.replication {
            self.text(" REPLICATION ")?;
            self.literal(&replication.to_string())?;
        }
        self.optional_duration(" SHARD DURATION ", options.shard_duration)
    }

    fn write_limits(&mut self, options: &PolicyOptions) -> fmt::Result {
        self.optional_duration(" FUTURE LIMIT ", options.future_limit)?;
        self.optional_duration(" PAST LIMIT ", options.past_limit)
    }

    fn optional_duration(&mut self, phrase: &str, value: Option<i64>) -> fmt::Result {
        let Some(nanoseconds) = value else {
            return Ok(());
        };
        self.text(phrase)?;
        self.duration(nanoseconds)
    }

    fn create_continuous_query(&mut self, create: &CreateContinuousQuery) -> fmt::Result {
        self.on("CREATE CONTINUOUS QUERY ", &create.name, &create.database)?;
        if create.resample_every.is_some() || create.resample_for.is_some() {
            self.text(" RESAMPLE")?;
            self.optional_duration(" EVERY ", create.resample_every)?;
            self.optional_duration(" FOR ", create.resample_for)?;
        }
        self.text(" BEGIN ")?;
        self.select(&create.select)?;
        self.text(" END")
    }

    fn create_subscription(&mut self, create: &CreateSubscription) -> fmt::Result {
        self.on("CREATE SUBSCRIPTION ", &create.name, &create.database)?;
        self.named(".", &create.retention_policy)?;
        write!(self.out, " DESTINATIONS {} ", create.mode)?;
        self.list(&create.destinations, ", ", |printer, url| {
            printer.string(url)
        })
    }
}
