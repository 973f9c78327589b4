//! The syntax tree of InfluxQL, one type a statement.
//!
//! The tree is what was written, not what it means: wildcards and regular
//! expressions stay as they are and are expanded by the planner against the
//! schema. Names and structure follow InfluxDB 1.8's query language, so that the
//! printed form of a statement is the one InfluxDB shows.

/// Statements separated by `;`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    pub statements: Vec<Statement>,
}

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    AlterRetentionPolicy(AlterRetentionPolicy),
    CreateContinuousQuery(CreateContinuousQuery),
    CreateDatabase(CreateDatabase),
    CreateRetentionPolicy(CreateRetentionPolicy),
    CreateSubscription(CreateSubscription),
    CreateUser(CreateUser),
    Delete(DeleteSeries),
    DropContinuousQuery {
        name: String,
        database: String,
    },
    DropDatabase {
        name: String,
    },
    DropMeasurement {
        name: String,
    },
    DropRetentionPolicy {
        name: String,
        database: String,
    },
    DropSeries(DeleteSeries),
    DropShard {
        id: u64,
    },
    DropSubscription {
        name: String,
        database: String,
        retention_policy: String,
    },
    DropUser {
        name: String,
    },
    Explain {
        select: Box<SelectStatement>,
        analyze: bool,
    },
    Grant(Grant),
    KillQuery {
        id: u64,
        host: Option<String>,
    },
    Revoke(Grant),
    Select(Box<SelectStatement>),
    SetPassword {
        user: String,
        password: String,
    },
    ShowContinuousQueries,
    ShowDatabases,
    ShowDiagnostics {
        module: Option<String>,
    },
    ShowFieldKeyCardinality(ShowCardinality),
    ShowFieldKeys(Show),
    ShowGrants {
        user: String,
    },
    ShowMeasurementCardinality(ShowCardinality),
    ShowMeasurements(ShowMeasurements),
    ShowQueries,
    ShowRetentionPolicies {
        database: Option<String>,
    },
    ShowSeries(Show),
    ShowSeriesCardinality(ShowCardinality),
    ShowShardGroups,
    ShowShards,
    ShowStats {
        module: Option<String>,
    },
    ShowSubscriptions,
    ShowTagKeyCardinality(ShowCardinality),
    ShowTagKeys(ShowTagKeys),
    ShowTagValues(ShowTagValues),
    ShowTagValuesCardinality(ShowTagValuesCardinality),
    ShowUsers,
}

/// `SELECT … [INTO …] FROM … [WHERE …] [GROUP BY …] [fill(…)] [ORDER BY …] [LIMIT …] … [tz(…)]`
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SelectStatement {
    pub fields: Vec<Field>,
    /// `INTO` target.
    pub target: Option<Measurement>,
    pub sources: Vec<Source>,
    pub condition: Option<Expr>,
    /// `GROUP BY` terms: tag references, wildcards, regexes and the `time(…)` call.
    pub dimensions: Vec<Expr>,
    pub fill: Fill,
    pub sort: Vec<SortField>,
    /// 0 means no limit, as in InfluxDB.
    pub limit: u64,
    pub offset: u64,
    pub slimit: u64,
    pub soffset: u64,
    /// Zone name of `tz('…')`, checked by the parser to exist.
    pub timezone: Option<String>,
}

/// One item of the select list.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub expr: Expr,
    pub alias: Option<String>,
}

/// What an item of `FROM` names.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    Measurement(Measurement),
    Subquery(Box<SelectStatement>),
}

/// `[[database.]retention_policy.]name`, the name being a literal, a regular
/// expression, or (in `INTO` only) the back-reference `:MEASUREMENT`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Measurement {
    pub database: Option<String>,
    pub retention_policy: Option<String>,
    pub name: MeasurementName,
}

#[derive(Debug, Clone, PartialEq)]
pub enum MeasurementName {
    Name(String),
    Regex(String),
    /// `:MEASUREMENT` of `INTO db.rp.:MEASUREMENT`.
    BackReference,
}

impl Default for MeasurementName {
    fn default() -> Self {
        MeasurementName::Name(String::new())
    }
}

/// How empty buckets of `GROUP BY time(…)` are filled.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Fill {
    /// The default: null values.
    #[default]
    Null,
    /// `fill(none)`: no row.
    None,
    /// `fill(5)` or `fill(7.9)`; an integer literal is kept as one.
    Number(FillNumber),
    Previous,
    Linear,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FillNumber {
    Float(f64),
    Integer(i64),
}

/// `ORDER BY name [ASC|DESC]`; only `time` can be executed.
#[derive(Debug, Clone, PartialEq)]
pub struct SortField {
    pub name: String,
    pub ascending: bool,
}

/// An expression of a select list, a condition or a `GROUP BY`. `depth.rs` says how it is
/// cloned, compared and dropped.
#[derive(Debug)]
pub enum Expr {
    /// A field, tag or `time`, with an optional `::type`.
    VarRef {
        name: String,
        cast: Option<DataType>,
    },
    Call {
        name: String,
        args: Vec<Expr>,
    },
    /// `DISTINCT name` without parentheses.
    Distinct(String),
    /// `*`, `*::tag`, `*::field`.
    Wildcard(WildcardKind),
    Number(f64),
    Integer(i64),
    /// An integer literal above `i64::MAX`.
    Unsigned(u64),
    String(String),
    Boolean(bool),
    /// Nanoseconds.
    Duration(i64),
    Regex(String),
    /// `$name`, replaced by its value before a statement is planned.
    BoundParameter(String),
    Binary {
        op: BinaryOp,
        lhs: Box<Expr>,
        rhs: Box<Expr>,
    },
    Paren(Box<Expr>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WildcardKind {
    Any,
    Tag,
    Field,
}

/// `::type` casts and the types of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DataType {
    Float,
    Integer,
    Unsigned,
    String,
    Boolean,
    Tag,
    /// `::field`: any field.
    AnyField,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    BitAnd,
    BitOr,
    BitXor,
    And,
    Or,
    Eq,
    NotEq,
    EqRegex,
    NotEqRegex,
    Lt,
    LtEq,
    Gt,
    GtEq,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct CreateDatabase {
    pub name: String,
    /// What `WITH …` says about the first retention policy, if anything.
    pub policy: Option<PolicyOptions>,
}

/// The options of a retention policy; `None` where the text was silent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PolicyOptions {
    pub name: Option<String>,
    /// Nanoseconds, 0 = infinite.
    pub duration: Option<i64>,
    pub replication: Option<u64>,
    /// Nanoseconds.
    pub shard_duration: Option<i64>,
    /// Nanoseconds (1.12 grammar).
    pub future_limit: Option<i64>,
    /// Nanoseconds (1.12 grammar).
    pub past_limit: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct CreateRetentionPolicy {
    pub name: String,
    pub database: String,
    pub options: PolicyOptions,
    pub default: bool,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlterRetentionPolicy {
    pub name: String,
    pub database: String,
    pub options: PolicyOptions,
    pub default: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct CreateContinuousQuery {
    pub name: String,
    pub database: String,
    /// `RESAMPLE EVERY`, nanoseconds.
    pub resample_every: Option<i64>,
    /// `RESAMPLE FOR`, nanoseconds.
    pub resample_for: Option<i64>,
    pub select: Box<SelectStatement>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct CreateSubscription {
    pub name: String,
    pub database: String,
    pub retention_policy: String,
    /// `ALL` or `ANY`.
    pub mode: String,
    pub destinations: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct CreateUser {
    pub name: String,
    pub password: String,
    pub admin: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privilege {
    Read,
    Write,
    All,
}

/// `GRANT`/`REVOKE`: on a database, or (`database` absent) of admin rights.
#[derive(Debug, Clone, PartialEq)]
pub struct Grant {
    pub privilege: Privilege,
    pub database: Option<String>,
    pub user: String,
}

/// `DELETE` and `DROP SERIES`: `[FROM …] [WHERE …]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeleteSeries {
    pub sources: Vec<Source>,
    pub condition: Option<Expr>,
}

/// The common clauses of SHOW SERIES and SHOW FIELD KEYS.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Show {
    pub database: Option<String>,
    pub sources: Vec<Source>,
    pub condition: Option<Expr>,
    pub sort: Vec<SortField>,
    pub limit: u64,
    pub offset: u64,
}

/// `WITH KEY` of SHOW TAG VALUES and SHOW TAG KEYS.
#[derive(Debug, Clone, PartialEq)]
pub enum TagKeyFilter {
    Eq(String),
    NotEq(String),
    EqRegex(String),
    NotEqRegex(String),
    In(Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShowTagKeys {
    pub show: Show,
    /// 1.9+ grammar.
    pub key: Option<TagKeyFilter>,
    pub slimit: u64,
    pub soffset: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ShowTagValues {
    pub show: Show,
    pub key: TagKeyFilter,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShowMeasurements {
    pub database: Option<String>,
    /// 1.10+ grammar: `ON db.rp`.
    pub retention_policy: Option<String>,
    /// `ON *`
    pub wildcard_database: bool,
    /// `ON db.*`
    pub wildcard_policy: bool,
    /// `WITH MEASUREMENT = …` or `=~ …`
    pub source: Option<Measurement>,
    pub condition: Option<Expr>,
    pub sort: Vec<SortField>,
    pub limit: u64,
    pub offset: u64,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShowCardinality {
    pub exact: bool,
    pub database: Option<String>,
    pub sources: Vec<Source>,
    pub condition: Option<Expr>,
    pub dimensions: Vec<Expr>,
    pub limit: u64,
    pub offset: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ShowTagValuesCardinality {
    pub show: ShowCardinality,
    pub key: TagKeyFilter,
}

impl BinaryOp {
    /// The operator as written.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Mod => "%",
            BinaryOp::BitAnd => "&",
            BinaryOp::BitOr => "|",
            BinaryOp::BitXor => "^",
            BinaryOp::And => "AND",
            BinaryOp::Or => "OR",
            BinaryOp::Eq => "=",
            BinaryOp::NotEq => "!=",
            BinaryOp::EqRegex => "=~",
            BinaryOp::NotEqRegex => "!~",
            BinaryOp::Lt => "<",
            BinaryOp::LtEq => "<=",
            BinaryOp::Gt => ">",
            BinaryOp::GtEq => ">=",
        }
    }

    /// How tightly the operator binds, 1 (`OR`) to 5 (`*`), as in InfluxQL,
    /// where `&` binds like `*` and `|` and `^` like `+`.
    pub fn precedence(self) -> u8 {
        match self {
            BinaryOp::Or => 1,
            BinaryOp::And => 2,
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::BitOr | BinaryOp::BitXor => 4,
            BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod | BinaryOp::BitAnd => 5,
            _ => 3,
        }
    }

    /// Whether the result is a truth value, so that the operator belongs into a
    /// `WHERE` clause.
    pub fn is_condition(self) -> bool {
        self.precedence() <= 3
    }

    /// Whether the right side is a regular expression.
    pub fn takes_regex(self) -> bool {
        matches!(self, BinaryOp::EqRegex | BinaryOp::NotEqRegex)
    }
}

impl DataType {
    /// The name used after `::`.
    pub fn name(self) -> &'static str {
        match self {
            DataType::Float => "float",
            DataType::Integer => "integer",
            DataType::Unsigned => "unsigned",
            DataType::String => "string",
            DataType::Boolean => "boolean",
            DataType::Tag => "tag",
            DataType::AnyField => "field",
        }
    }
}
