//! Operands that begin with a word: literals, columns, functions, CASE, casts and the names of types.

use super::Reader;
use super::infix::{ADD, NOT, UNARY};
use crate::model::Dialect;
use crate::plan::expression::{Column, Expr, HOLE};
use crate::sql::TokenKind;

/// Functions that are written without parentheses.
pub(in crate::plan::expression) const BARE: [&str; 11] = [
    "current_date",
    "current_time",
    "current_timestamp",
    "localtime",
    "localtimestamp",
    "current_user",
    "session_user",
    "user",
    "current_role",
    "current_catalog",
    "current_schema",
];

/// Words that end an operand: they are never names where one is read.
const STOPS: [&str; 20] = [
    "and", "or", "xor", "is", "in", "like", "ilike", "between", "then", "else", "end", "when", "asc", "desc", "nulls", "from", "as", "on",
    "regexp", "rlike",
];

impl Reader<'_> {
    pub(super) fn unquoted(&self, ahead: usize) -> String {
        let text = self.slice(ahead);
        match self.kind(ahead) {
            Some(TokenKind::QuotedIdentifier) => {
                let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or("");
                match text.as_bytes().first() {
                    Some(b'`') => inner.replace("``", "`"),
                    Some(b'"') => inner.replace("\"\"", "\""),
                    _ => inner.to_string(),
                }
            }
            _ => text.to_string(),
        }
    }

    pub(super) fn is_name(&self, ahead: usize) -> bool {
        matches!(self.kind(ahead), Some(TokenKind::Keyword | TokenKind::Identifier | TokenKind::QuotedIdentifier))
    }

    /// A word: an operator in front, a literal, a function, or a column.
    pub(super) fn name(&mut self) -> Expr {
        let start = self.at;
        let word = self.word(0);
        let called = self.is(1, "(");
        match word.as_str() {
            "not" => {
                self.at += 1;
                return Expr::Not(Box::new(self.expr(NOT)));
            }
            "exists" if !called => {
                self.at += 1;
                return self.expr(UNARY);
            }
            "null" | "true" | "false" | "unknown" => {
                self.at += 1;
                return Expr::Constant(word);
            }
            "case" if !called => return self.case(),
            "cast" | "convert" if called => return self.cast(),
            "array" if self.is(1, "[") => {
                self.at += 2;
                let mut args = Vec::new();
                while self.at < self.tokens.len() && !self.is(0, "]") {
                    args.push(self.expr(0));
                    if !self.is(0, ",") {
                        break;
                    }
                    self.at += 1;
                }
                if !self.is(0, "]") {
                    return self.unread(start);
                }
                self.at += 1;
                return Expr::Call { name: word, args };
            }
            "row" if called => {
                self.at += 1;
                return Expr::Row(self.arguments());
            }
            "position" | "trim" if called => return self.worded(&word),
            "extract" if called && self.word(3) == "from" => {
                let field = self.slice(2).to_lowercase();
                self.at += 4;
                let of = self.expr(0);
                if !self.is(0, ")") {
                    return self.unread(start);
                }
                self.at += 1;
                return Expr::Call { name: word, args: vec![Expr::Constant(field), of] };
            }
            // `interval 1 day` of MySQL.
            "interval" if self.dialect == Dialect::MySql && !called => {
                self.at += 1;
                let amount = self.expr(UNARY);
                let unit = self.word(0);
                self.at += usize::from(!unit.is_empty());
                return Expr::Call { name: format!("interval {unit}"), args: vec![amount] };
            }
            "subplan" | "hashed" | "subquery" if self.kind(1).is_some_and(|k| k == TokenKind::Number) || self.word(1) == "subplan" => {
                self.at += if word == "hashed" { 3 } else { 2 };
                return Expr::Subquery(self.between(start, self.at));
            }
            _ => {}
        }
        // `DATE'2020-01-01'`, `_utf8mb4'x'`
        if self.kind(1) == Some(TokenKind::String) && !word.is_empty() {
            self.at += 2;
            return Expr::Constant(self.between(start, self.at));
        }
        if STOPS.contains(&word.as_str()) && !called && !self.is(1, ".") {
            return self.unread(start);
        }
        let mut path = vec![self.unquoted(0)];
        let mut quoted = self.kind(0) == Some(TokenKind::QuotedIdentifier);
        self.at += 1;
        while self.is(0, ".") && (self.is_name(1) || self.is(1, "*")) && path.len() < 4 {
            quoted |= self.kind(1) == Some(TokenKind::QuotedIdentifier);
            path.push(self.unquoted(1));
            self.at += 2;
        }
        if self.is(0, "(") {
            let written = self.between(start, self.at);
            let name = if quoted { written } else { written.to_lowercase() };
            let mut args = self.arguments();
            self.behind_call(&mut args);
            return Expr::Call { name, args };
        }
        let name = path.pop().unwrap_or_default();
        if path.is_empty() && BARE.contains(&word.as_str()) && !quoted {
            return Expr::Call { name: word, args: Vec::new() };
        }
        Expr::Column(Column { qualifier: path.pop(), name })
    }

    /// `FILTER (WHERE …)`, `OVER (…)`, `WITHIN GROUP (…)` behind an aggregate.
    fn behind_call(&mut self, args: &mut Vec<Expr>) {
        loop {
            match self.word(0).as_str() {
                "filter" if self.is(1, "(") && self.word(2) == "where" => {
                    self.at += 3;
                    args.push(self.expr(0));
                    self.close(1);
                }
                "over" if self.is(1, "(") => {
                    self.at += 2;
                    self.close(1);
                }
                "over" if self.is_name(1) => self.at += 2,
                "within" if self.word(1) == "group" && self.is(2, "(") => {
                    self.at += 3;
                    self.close(1);
                }
                _ => return,
            }
        }
    }

    /// `POSITION(a IN b)` and `TRIM(LEADING a FROM b)`, whose words are no commas.
    fn worded(&mut self, word: &str) -> Expr {
        let start = self.at;
        self.at += 2;
        let (mut args, mut name) = (Vec::new(), format!("{}(", word.to_uppercase()));
        while self.at < self.tokens.len() && !self.is(0, ")") {
            match self.word(0).as_str() {
                word @ ("in" | "from" | "both" | "leading" | "trailing") if !self.is(1, ".") => {
                    name.push_str(&format!(" {} ", word.to_uppercase()));
                    self.at += 1;
                }
                _ if self.is(0, ",") => {
                    name.push_str(", ");
                    self.at += 1;
                }
                _ => {
                    let before = self.at;
                    args.push(self.expr(ADD));
                    name.push(HOLE);
                    if self.at == before {
                        break;
                    }
                }
            }
        }
        if !self.is(0, ")") {
            self.at = self.at.max(start + 1);
            return self.unread(start);
        }
        self.at += 1;
        name.push(')');
        Expr::Call { name: name.replace("  ", " ").replace("( ", "("), args }
    }

    fn case(&mut self) -> Expr {
        let start = self.at;
        self.at += 1;
        let mut args = Vec::new();
        let mut name = "CASE".to_string();
        while self.at < self.tokens.len() {
            match self.word(0).as_str() {
                word @ ("when" | "then" | "else") => {
                    name.push(' ');
                    name.push_str(&word.to_uppercase());
                    self.at += 1;
                }
                "end" => {
                    self.at += 1;
                    name.push_str(" END");
                    return Expr::Call { name, args };
                }
                _ => {
                    let before = self.at;
                    args.push(self.expr(0));
                    name.push(' ');
                    name.push(HOLE);
                    if self.at == before || self.is(0, ")") || self.is(0, ",") {
                        break;
                    }
                }
            }
        }
        self.at = self.at.max(start + 1);
        self.unread(start)
    }

    /// `cast(x as type)`, `convert(x using charset)`, `convert(x, type)`.
    fn cast(&mut self) -> Expr {
        let start = self.at;
        self.at += 2;
        let what = Box::new(self.expr(0));
        if !(matches!(self.word(0).as_str(), "as" | "using") || self.is(0, ",")) {
            self.at = start + 1;
            let name = self.slice(0).to_lowercase();
            let args = self.arguments();
            return Expr::Call { name, args };
        }
        self.at += 1;
        let from = self.at;
        let mut depth = 0;
        while self.at < self.tokens.len() && !(depth == 0 && self.is(0, ")")) {
            depth += i32::from(self.is(0, "(")) - i32::from(self.is(0, ")"));
            self.at += 1;
        }
        let to = self.between(from, self.at).to_lowercase();
        self.at += 1;
        Expr::Cast { what, to }
    }

    /// A type's name behind `::`.
    pub(super) fn type_name(&mut self) -> String {
        let start = self.at;
        let first = self.word(0);
        self.at += 1;
        while self.is(0, ".") && self.is_name(1) {
            self.at += 2;
        }
        match first.as_str() {
            "character" | "bit" if self.word(0) == "varying" => self.at += 1,
            "double" if self.word(0) == "precision" => self.at += 1,
            "interval" => {
                while matches!(self.word(0).as_str(), "year" | "month" | "day" | "hour" | "minute" | "second" | "to") {
                    self.at += 1;
                }
            }
            _ => {}
        }
        if self.is(0, "(") && self.kind(1) == Some(TokenKind::Number) {
            self.at += 1;
            self.close(1);
        }
        if matches!(first.as_str(), "time" | "timestamp") && matches!(self.word(0).as_str(), "with" | "without") && self.word(1) == "time" {
            self.at += 3;
        }
        while self.is(0, "[") && self.is(1, "]") {
            self.at += 2;
        }
        self.between(start, self.at)
    }
}
