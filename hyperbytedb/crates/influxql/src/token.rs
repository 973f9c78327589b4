//! The tokens of InfluxQL and its reserved words.

use crate::ast::BinaryOp;

/// What a piece of text is, without its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    Illegal,
    Eof,
    Whitespace,
    Comment,
    Ident,
    BoundParameter,
    Number,
    Integer,
    Duration,
    String,
    BadString,
    BadEscape,
    True,
    False,
    Regex,
    BadRegex,
    Operator(BinaryOp),
    LeftParen,
    RightParen,
    Comma,
    Colon,
    DoubleColon,
    Semicolon,
    Dot,
    Word(Keyword),
}

impl Token {
    /// What InfluxDB's messages call a token that carries no text of its own.
    ///
    /// Comments, bound parameters and integers have no name there.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Token::Illegal => "ILLEGAL",
            Token::Eof => "EOF",
            Token::Whitespace => "WS",
            Token::Comment | Token::BoundParameter | Token::Integer | Token::BadRegex => "",
            Token::Ident => "IDENT",
            Token::Number => "NUMBER",
            Token::Duration => "DURATIONVAL",
            Token::String => "STRING",
            Token::BadString => "BADSTRING",
            Token::BadEscape => "BADESCAPE",
            Token::True => "TRUE",
            Token::False => "FALSE",
            Token::Regex => "REGEX",
            Token::Operator(op) => op.symbol(),
            Token::LeftParen => "(",
            Token::RightParen => ")",
            Token::Comma => ",",
            Token::Colon => ":",
            Token::DoubleColon => "::",
            Token::Semicolon => ";",
            Token::Dot => ".",
            Token::Word(word) => word.text(),
        }
    }

    /// The token of an unquoted word: a reserved word, in any case, or an identifier.
    pub(crate) fn of_word(word: &str) -> Token {
        let upper = word.to_ascii_uppercase();
        match upper.as_str() {
            "AND" => Token::Operator(BinaryOp::And),
            "OR" => Token::Operator(BinaryOp::Or),
            "TRUE" => Token::True,
            "FALSE" => Token::False,
            other => Keyword::find(other).map_or(Token::Ident, Token::Word),
        }
    }
}

macro_rules! keywords {
    ($($name:ident = $text:literal),* $(,)?) => {
        /// Reserved words: as identifiers they must be quoted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Keyword { $($name),* }

        impl Keyword {
            pub(crate) fn text(self) -> &'static str {
                match self { $(Keyword::$name => $text),* }
            }

            fn find(upper: &str) -> Option<Keyword> {
                match upper { $($text => Some(Keyword::$name),)* _ => None }
            }
        }
    };
}

// FUTURE, PAST and VERBOSE, reserved from 1.9 and 1.12 on, are left out: the
// parser recognises them where they may stand, and columns of that name keep
// working unquoted as they do in 1.8.
keywords! {
    All = "ALL",
    Alter = "ALTER",
    Analyze = "ANALYZE",
    Any = "ANY",
    As = "AS",
    Asc = "ASC",
    Begin = "BEGIN",
    By = "BY",
    Cardinality = "CARDINALITY",
    Create = "CREATE",
    Continuous = "CONTINUOUS",
    Database = "DATABASE",
    Databases = "DATABASES",
    Default = "DEFAULT",
    Delete = "DELETE",
    Desc = "DESC",
    Destinations = "DESTINATIONS",
    Diagnostics = "DIAGNOSTICS",
    Distinct = "DISTINCT",
    Drop = "DROP",
    Duration = "DURATION",
    End = "END",
    Every = "EVERY",
    Exact = "EXACT",
    Explain = "EXPLAIN",
    Field = "FIELD",
    For = "FOR",
    From = "FROM",
    Grant = "GRANT",
    Grants = "GRANTS",
    Group = "GROUP",
    Groups = "GROUPS",
    In = "IN",
    Inf = "INF",
    Insert = "INSERT",
    Into = "INTO",
    Key = "KEY",
    Keys = "KEYS",
    Kill = "KILL",
    Limit = "LIMIT",
    Measurement = "MEASUREMENT",
    Measurements = "MEASUREMENTS",
    Name = "NAME",
    Offset = "OFFSET",
    On = "ON",
    Order = "ORDER",
    Password = "PASSWORD",
    Policy = "POLICY",
    Policies = "POLICIES",
    Privileges = "PRIVILEGES",
    Queries = "QUERIES",
    Query = "QUERY",
    Read = "READ",
    Replication = "REPLICATION",
    Resample = "RESAMPLE",
    Retention = "RETENTION",
    Revoke = "REVOKE",
    Select = "SELECT",
    Series = "SERIES",
    Set = "SET",
    Show = "SHOW",
    Shard = "SHARD",
    Shards = "SHARDS",
    Slimit = "SLIMIT",
    Soffset = "SOFFSET",
    Stats = "STATS",
    Subscription = "SUBSCRIPTION",
    Subscriptions = "SUBSCRIPTIONS",
    Tag = "TAG",
    To = "TO",
    User = "USER",
    Users = "USERS",
    Values = "VALUES",
    Where = "WHERE",
    With = "WITH",
    Write = "WRITE",
}
