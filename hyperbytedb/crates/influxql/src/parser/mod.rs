//! Recursive descent parser: this file holds the token cursor and the table of
//! statements, each statement family has a file of its own.
//!
//! Which tokens are looked at, and in which order, is visible in the positions
//! of error messages, so the cursor works like InfluxDB's: tokens are taken and
//! put back.

mod clause;
mod continuous_query;
mod delete;
mod error;
mod expression;
mod policy;
mod select;
mod show;
mod source;
mod subscription;
mod user;

#[cfg(test)]
mod tests;

pub use error::ParseError;

use crate::ast::{Expr, Query, Statement};
use crate::depth::deeper;
use crate::lexer::{Lexeme, Lexer};
use crate::params::{ParamValue, Params};
use crate::token::{Keyword, Token};

/// How deep subqueries may be nested in a text.
pub const SUBQUERIES_MAX: usize = 100;

type Result<T> = std::result::Result<T, ParseError>;

/// Parses statements separated by `;`. Bound parameters are errors.
///
/// # Errors
///
/// The first mistake in the text, in InfluxDB's words.
pub fn parse_query(text: &str) -> Result<Query> {
    parse_query_with_params(text, &Params::new())
}

/// Parses statements separated by `;`, replacing `$name` by its value.
///
/// White space around the text does not count for positions: InfluxDB's query
/// endpoint cuts it off.
///
/// # Errors
///
/// The first mistake in the text, in InfluxDB's words; `missing parameter: x`
/// for a parameter without value where an expression may stand.
pub fn parse_query_with_params(text: &str, params: &Params) -> Result<Query> {
    let mut parser = Parser::new(text.trim(), params);
    let mut query = Query::default();
    let mut separated = true;
    loop {
        let lexeme = parser.next_significant();
        match lexeme.token {
            Token::Eof => return Ok(query),
            Token::Semicolon => separated = true,
            _ if !separated => return Err(ParseError::unexpected(&lexeme, &[";"])),
            _ => {
                parser.put_back();
                query.statements.push(parser.parse_statement()?);
                separated = false;
            }
        }
    }
}

/// Parses the first statement of a text; what follows it is not looked at.
///
/// # Errors
///
/// The first mistake in the statement, in InfluxDB's words.
pub fn parse_statement(text: &str) -> Result<Statement> {
    Parser::new(text, &Params::new()).parse_statement()
}

/// Parses the expression at the start of a text; what follows it is not looked at.
///
/// # Errors
///
/// The first mistake in the expression, in InfluxDB's words.
pub fn parse_expr(text: &str) -> Result<Expr> {
    Parser::new(text, &Params::new()).parse_expr()
}

/// How many tokens the cursor can be moved back over, plus one.
const HISTORY: usize = 4;

struct Parser<'a> {
    lexer: Lexer,
    params: &'a Params,
    history: [Lexeme; HISTORY],
    latest: usize,
    pending: usize,
    nesting: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &str, params: &'a Params) -> Self {
        Parser {
            lexer: Lexer::new(text),
            params,
            history: std::array::from_fn(|_| Lexeme::default()),
            latest: 0,
            pending: 0,
            nesting: 0,
        }
    }

    fn parse_statement(&mut self) -> Result<Statement> {
        let lexeme = self.next_significant();
        let Token::Word(word) = lexeme.token else {
            return Err(ParseError::unexpected(&lexeme, STATEMENTS));
        };
        match word {
            Keyword::Select => {
                let select = self.parse_select(select::Target::Optional)?;
                Ok(Statement::Select(Box::new(select)))
            }
            Keyword::Delete => self.parse_delete(),
            Keyword::Show => self.parse_show(),
            Keyword::Create => self.parse_create(),
            Keyword::Drop => self.parse_drop(),
            Keyword::Explain => self.parse_explain(),
            Keyword::Grant => self.parse_grant(),
            Keyword::Revoke => self.parse_revoke(),
            Keyword::Alter => self.parse_alter(),
            Keyword::Set => self.parse_set_password(),
            Keyword::Kill => self.parse_kill_query(),
            _ => Err(ParseError::unexpected(&lexeme, STATEMENTS)),
        }
    }

    fn parse_create(&mut self) -> Result<Statement> {
        let lexeme = self.next_significant();
        match lexeme.token {
            Token::Word(Keyword::Continuous) => {
                self.require(Keyword::Query)?;
                self.parse_create_continuous_query()
            }
            Token::Word(Keyword::Database) => self.parse_create_database(),
            Token::Word(Keyword::User) => self.parse_create_user(),
            Token::Word(Keyword::Retention) => {
                self.require(Keyword::Policy)?;
                self.parse_create_retention_policy()
            }
            Token::Word(Keyword::Subscription) => self.parse_create_subscription(),
            _ => Err(ParseError::unexpected(
                &lexeme,
                &[
                    "CONTINUOUS",
                    "DATABASE",
                    "USER",
                    "RETENTION",
                    "SUBSCRIPTION",
                ],
            )),
        }
    }

    fn parse_drop(&mut self) -> Result<Statement> {
        let lexeme = self.next_significant();
        let Token::Word(word) = lexeme.token else {
            return Err(ParseError::unexpected(&lexeme, DROPS));
        };
        Ok(match word {
            Keyword::Continuous => {
                self.require(Keyword::Query)?;
                let (name, database) = self.parse_name_on_database()?;
                Statement::DropContinuousQuery { name, database }
            }
            Keyword::Database => Statement::DropDatabase {
                name: self.parse_ident()?,
            },
            Keyword::Measurement => Statement::DropMeasurement {
                name: self.parse_ident()?,
            },
            Keyword::Retention => {
                self.require(Keyword::Policy)?;
                let (name, database) = self.parse_name_on_database()?;
                Statement::DropRetentionPolicy { name, database }
            }
            Keyword::Series => self.parse_drop_series()?,
            Keyword::Shard => Statement::DropShard {
                id: self.parse_unsigned()?,
            },
            Keyword::Subscription => self.parse_drop_subscription()?,
            Keyword::User => Statement::DropUser {
                name: self.parse_ident()?,
            },
            _ => return Err(ParseError::unexpected(&lexeme, DROPS)),
        })
    }

    fn parse_alter(&mut self) -> Result<Statement> {
        self.require(Keyword::Retention)?;
        self.require(Keyword::Policy)?;
        self.parse_alter_retention_policy()
    }

    /// `QUERY id [ON host]`.
    fn parse_kill_query(&mut self) -> Result<Statement> {
        self.require(Keyword::Query)?;
        let id = self.parse_unsigned()?;
        let host = if self.accept(Keyword::On) {
            non_empty(self.parse_ident()?)
        } else {
            None
        };
        Ok(Statement::KillQuery { id, host })
    }

    /// `name ON database`.
    fn parse_name_on_database(&mut self) -> Result<(String, String)> {
        let name = self.parse_ident()?;
        self.require(Keyword::On)?;
        Ok((name, self.parse_ident()?))
    }

    /// The next token, whitespace and comments included.
    fn next(&mut self) -> Lexeme {
        self.fetch(Lexer::scan)
    }

    fn next_regex(&mut self) -> Lexeme {
        self.fetch(Lexer::scan_regex)
    }

    fn fetch(&mut self, scan: fn(&mut Lexer) -> Lexeme) -> Lexeme {
        if self.pending > 0 {
            self.pending -= 1;
        } else {
            self.latest = (self.latest + 1) % HISTORY;
            self.history[self.latest] = scan(&mut self.lexer);
        }
        let index = (self.latest + HISTORY - self.pending) % HISTORY;
        let mut lexeme = self.history[index].clone();
        if lexeme.token == Token::BoundParameter
            && let Some((token, text)) = self.param(&lexeme).map(ParamValue::lexeme)
        {
            lexeme.token = token;
            lexeme.text = text;
        }
        lexeme
    }

    fn param(&self, lexeme: &Lexeme) -> Option<&'a ParamValue> {
        self.params.get(lexeme.text.strip_prefix('$')?)
    }

    fn next_significant(&mut self) -> Lexeme {
        loop {
            let lexeme = self.next();
            if !matches!(lexeme.token, Token::Whitespace | Token::Comment) {
                return lexeme;
            }
        }
    }

    /// Puts the token taken last back.
    fn put_back(&mut self) {
        self.pending = (self.pending + 1).min(HISTORY - 1);
    }

    fn skip_whitespace(&mut self) {
        if self.next().token != Token::Whitespace {
            self.put_back();
        }
    }

    /// Takes the next token if it is the given one.
    fn accept_token(&mut self, token: Token) -> bool {
        let found = self.next_significant().token == token;
        if !found {
            self.put_back();
        }
        found
    }

    fn accept(&mut self, word: Keyword) -> bool {
        self.accept_token(Token::Word(word))
    }

    /// Takes a word that is reserved only where it stands here.
    fn accept_unreserved(&mut self, word: &str) -> bool {
        let lexeme = self.next_significant();
        let found = lexeme.token == Token::Ident && lexeme.text.eq_ignore_ascii_case(word);
        if !found {
            self.put_back();
        }
        found
    }

    fn require_token(&mut self, token: Token) -> Result<()> {
        let lexeme = self.next_significant();
        if lexeme.token == token {
            Ok(())
        } else {
            Err(ParseError::unexpected(&lexeme, &[token.name()]))
        }
    }

    fn require(&mut self, word: Keyword) -> Result<()> {
        self.require_token(Token::Word(word))
    }

    fn parse_ident(&mut self) -> Result<String> {
        let lexeme = self.next_significant();
        if lexeme.token == Token::Ident {
            Ok(lexeme.text)
        } else {
            Err(ParseError::unexpected(&lexeme, &["identifier"]))
        }
    }

    fn parse_string(&mut self) -> Result<String> {
        let lexeme = self.next_significant();
        if lexeme.token == Token::String {
            Ok(lexeme.text)
        } else {
            Err(ParseError::unexpected(&lexeme, &["string"]))
        }
    }

    fn parse_unsigned(&mut self) -> Result<u64> {
        let lexeme = self.next_significant();
        if lexeme.token != Token::Integer {
            return Err(ParseError::unexpected(&lexeme, &["integer"]));
        }
        lexeme.text.parse().map_err(|_| {
            ParseError::at(
                lexeme.position,
                format!(
                    "strconv.ParseUint: parsing {:?}: value out of range",
                    lexeme.text
                ),
            )
        })
    }

    /// Runs a production one level deeper, of at most `levels`.
    fn nested<T>(
        &mut self,
        levels: usize,
        parse: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        if self.nesting >= levels {
            let position = self.next_significant().position;
            let message = format!("nested more than {levels} levels deep");
            return Err(ParseError::at(position, message));
        }
        self.nesting += 1;
        let parsed = deeper(|| parse(self));
        self.nesting -= 1;
        parsed
    }
}

/// InfluxDB takes an empty name for an absent one.
fn non_empty(name: String) -> Option<String> {
    Some(name).filter(|name| !name.is_empty())
}

const STATEMENTS: &[&str] = &[
    "SELECT", "DELETE", "SHOW", "CREATE", "DROP", "EXPLAIN", "GRANT", "REVOKE", "ALTER", "SET",
    "KILL",
];

const DROPS: &[&str] = &[
    "CONTINUOUS",
    "DATABASE",
    "MEASUREMENT",
    "RETENTION",
    "SERIES",
    "SHARD",
    "SUBSCRIPTION",
    "USER",
];
