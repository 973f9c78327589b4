//! Users, passwords and privileges.

use super::{ParseError, Parser, Result};
use crate::ast::{BinaryOp, CreateUser, Grant, Privilege, Statement};
use crate::token::{Keyword, Token};

impl Parser<'_> {
    /// `name WITH PASSWORD 'text' [WITH ALL PRIVILEGES]`.
    pub(super) fn parse_create_user(&mut self) -> Result<Statement> {
        let name = self.parse_ident()?;
        self.require(Keyword::With)?;
        self.require(Keyword::Password)?;
        let password = self.parse_string()?;
        let admin = self.accept(Keyword::With);
        if admin {
            self.require(Keyword::All)?;
            self.require(Keyword::Privileges)?;
        }
        Ok(Statement::CreateUser(CreateUser {
            name,
            password,
            admin,
        }))
    }

    /// `PASSWORD FOR name = 'text'`.
    pub(super) fn parse_set_password(&mut self) -> Result<Statement> {
        self.require(Keyword::Password)?;
        self.require(Keyword::For)?;
        let user = self.parse_ident()?;
        self.require_token(Token::Operator(BinaryOp::Eq))?;
        let password = self.parse_string()?;
        Ok(Statement::SetPassword { user, password })
    }

    pub(super) fn parse_grant(&mut self) -> Result<Statement> {
        self.parse_privilege_change(Keyword::To)
            .map(Statement::Grant)
    }

    pub(super) fn parse_revoke(&mut self) -> Result<Statement> {
        self.parse_privilege_change(Keyword::From)
            .map(Statement::Revoke)
    }

    /// `privilege ON database TO|FROM user`, or `ALL [PRIVILEGES] TO|FROM user`
    /// for the rights of an administrator.
    fn parse_privilege_change(&mut self, direction: Keyword) -> Result<Grant> {
        let privilege = self.parse_privilege()?;
        let all = privilege == Privilege::All;
        let lexeme = self.next_significant();
        let database = match lexeme.token {
            Token::Word(Keyword::On) => {
                let database = self.parse_ident()?;
                self.require(direction)?;
                Some(database)
            }
            Token::Word(word) if word == direction && all => None,
            _ if all => {
                return Err(ParseError::unexpected(&lexeme, &["ON", direction.text()]));
            }
            _ => return Err(ParseError::unexpected(&lexeme, &["ON"])),
        };
        Ok(Grant {
            privilege,
            database,
            user: self.parse_ident()?,
        })
    }

    fn parse_privilege(&mut self) -> Result<Privilege> {
        let lexeme = self.next_significant();
        match lexeme.token {
            Token::Word(Keyword::Read) => Ok(Privilege::Read),
            Token::Word(Keyword::Write) => Ok(Privilege::Write),
            Token::Word(Keyword::All) => {
                self.accept(Keyword::Privileges);
                Ok(Privilege::All)
            }
            _ => {
                let expected = ["READ", "WRITE", "ALL [PRIVILEGES]"];
                Err(ParseError::unexpected(&lexeme, &expected))
            }
        }
    }
}
