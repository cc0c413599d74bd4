//! The reader: operator precedence over the lexer's tokens. It never fails and never recurses deeper than [`DEEPEST`].

mod infix;
mod names;

pub(super) use names::BARE;

use self::infix::{Step, UNARY};
use super::{Expr, SortKey};
use crate::model::Dialect;
use crate::sql::{Token, TokenKind, lex};

/// Parentheses and prefixes inside each other: no server prints more (SQLite's own limit for expressions is 1000, PostgreSQL
/// flattens AND and OR).
const DEEPEST: usize = 150;

/// A text, and how far it was read.
pub struct Reader<'a> {
    dialect: Dialect,
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    operators: usize,
}

impl<'a> Reader<'a> {
    pub fn new(dialect: Dialect, text: &'a str) -> Self {
        // `subquery#2` and `(select #2)`: to the lexer of MySQL a comment would begin there.
        let tokens = match dialect {
            Dialect::MySql if text.contains('#') => lex(dialect, &numbered(text)),
            _ => lex(dialect, text),
        };
        let tokens = tokens.into_iter().filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment)).collect();
        Reader { dialect, text, tokens, at: 0, depth: 0, operators: 0 }
    }

    pub fn whole(mut self) -> Expr {
        let found = self.expr(0);
        if self.at < self.tokens.len() { Expr::Unread(self.text.trim().to_string()) } else { found }
    }

    pub fn keys(mut self) -> Vec<SortKey> {
        let mut out = Vec::new();
        while self.at < self.tokens.len() {
            let start = self.at;
            let mut key = SortKey { expr: self.expr(0), descending: false, nulls_first: None };
            while self.at < self.tokens.len() && !self.is(0, ",") {
                match self.word(0).as_str() {
                    "desc" => key.descending = true,
                    "nulls" => key.nulls_first = Some(self.word(1) == "first"),
                    "asc" | "first" | "last" => {}
                    // `USING >`
                    "using" if self.is(1, ">") => key.descending = true,
                    "using" => {}
                    _ if self.is(0, "<") || self.is(0, ">") => {}
                    _ => key.expr = Expr::Unread(self.between(start, self.at + 1)),
                }
                self.at += 1;
            }
            out.push(key);
            self.at += 1;
        }
        out
    }

    fn kind(&self, ahead: usize) -> Option<TokenKind> {
        self.tokens.get(self.at + ahead).map(|t| t.kind)
    }

    fn slice(&self, ahead: usize) -> &'a str {
        self.tokens.get(self.at + ahead).and_then(|t| self.text.get(t.span.clone())).unwrap_or("")
    }

    fn is(&self, ahead: usize, text: &str) -> bool {
        self.slice(ahead) == text
    }

    /// A bare word in lower case; empty for anything else.
    fn word(&self, ahead: usize) -> String {
        match self.kind(ahead) {
            Some(TokenKind::Keyword | TokenKind::Identifier) => self.slice(ahead).to_lowercase(),
            _ => String::new(),
        }
    }

    /// The text of the tokens `from..to`.
    fn between(&self, from: usize, to: usize) -> String {
        let to = to.min(self.tokens.len());
        match (self.tokens.get(from), to.checked_sub(1).and_then(|l| self.tokens.get(l))) {
            (Some(a), Some(b)) if from < to => self.text.get(a.span.start..b.span.end).unwrap_or("").to_string(),
            _ => String::new(),
        }
    }

    /// Takes the rest up to the parenthesis or comma that ends it.
    fn unread(&mut self, from: usize) -> Expr {
        let mut depth = 0usize;
        while self.at < self.tokens.len() {
            match self.slice(0) {
                "(" | "[" => depth += 1,
                ")" | "]" if depth == 0 => break,
                ")" | "]" => depth -= 1,
                "," if depth == 0 => break,
                _ => {}
            }
            self.at += 1;
        }
        Expr::Unread(self.between(from, self.at))
    }

    fn expr(&mut self, least: u8) -> Expr {
        if self.depth >= DEEPEST {
            return self.unread(self.at);
        }
        self.depth += 1;
        let start = self.at;
        // Operators of neighbours below AND and OR do not add up: they stand beside each other in the tree.
        let base = self.operators;
        let mut peak = base;
        let mut left = self.prefix();
        loop {
            if matches!(self.word(0).as_str(), "and" | "or") {
                peak = peak.max(self.operators);
                self.operators = base;
            }
            match self.infix(start, left, least) {
                Step::Grown(e) => left = e,
                Step::Done(e) => {
                    left = e;
                    break;
                }
            }
        }
        self.operators = self.operators.max(peak);
        self.depth -= 1;
        left
    }

    /// An operand with what stands before it.
    fn prefix(&mut self) -> Expr {
        let start = self.at;
        let Some(kind) = self.kind(0) else { return Expr::Unread(String::new()) };
        match kind {
            TokenKind::String | TokenKind::Number => {
                self.at += 1;
                Expr::Constant(self.between(start, self.at))
            }
            TokenKind::Parameter => {
                self.at += 1;
                Expr::Parameter(self.between(start, self.at))
            }
            TokenKind::Punctuation if self.is(0, "(") => self.parenthesis(),
            TokenKind::Operator if self.is(0, "*") => {
                self.at += 1;
                Expr::Constant("*".into())
            }
            TokenKind::Operator if self.is(0, "<") && self.dialect != Dialect::Postgres => self.angled(),
            TokenKind::Operator
                if matches!(self.slice(0), "-" | "+" | "~" | "!" | "@" | "|/" | "||/" | "!!" | "@-@" | "@@" | "#" | "?-" | "?|") =>
            {
                let op = self.slice(0).to_string();
                self.at += 1;
                let what = Box::new(self.expr(UNARY));
                if op == "!" { Expr::Not(what) } else { Expr::Unary { op, what } }
            }
            TokenKind::Keyword | TokenKind::Identifier | TokenKind::QuotedIdentifier => self.name(),
            _ => self.unread(start),
        }
    }

    /// `<cache>(x)` and its kin of MySQL and MariaDB; `<expr>` of SQLite.
    fn angled(&mut self) -> Expr {
        let start = self.at;
        while self.is(0, "<") {
            let mut ahead = 1;
            while ahead < 24 && !matches!(self.slice(ahead), ">" | ")" | "") {
                ahead += 1;
            }
            if !self.is(ahead, ">") {
                return self.unread(start);
            }
            self.at += ahead + 1;
        }
        let name = self.between(start, self.at);
        if !self.is(0, "(") {
            return Expr::Unread(name);
        }
        let inside = self.arguments();
        match (name.as_str(), inside) {
            ("<cache>", mut one) if one.len() == 1 => one.swap_remove(0),
            (_, args) => Expr::Call { name, args },
        }
    }

    fn parenthesis(&mut self) -> Expr {
        let start = self.at;
        let first = self.slice(1);
        let plan = matches!(first, "SubPlan" | "InitPlan" | "hashed" | "alternatives" | "CTE");
        if plan || matches!(self.word(1).as_str(), "select" | "with" | "values") || self.word(1).starts_with("subquery") {
            self.at += 1;
            self.close(1);
            let inside = self.between(start + 1, self.at.saturating_sub(1));
            // `(InitPlan 1).col1`
            let initial = first == "InitPlan";
            if self.is(0, ".") {
                self.at += 2;
            }
            return if initial { Expr::Parameter(self.between(start, self.at)) } else { Expr::Subquery(inside) };
        }
        let mut inside = self.arguments();
        let mut whole = if inside.len() == 1 { inside.swap_remove(0) } else { Expr::Row(inside) };
        if self.is(0, ".")
            && self.kind(1).is_some_and(|k| matches!(k, TokenKind::Keyword | TokenKind::Identifier | TokenKind::QuotedIdentifier))
        {
            let field = self.unquoted(1);
            self.at += 2;
            whole = Expr::Call { name: format!(".{field}"), args: vec![whole] };
        }
        whole
    }

    /// Behind the parenthesis that closes the `open` ones.
    fn close(&mut self, open: usize) {
        let mut depth = open;
        while depth > 0 && self.at < self.tokens.len() {
            match self.slice(0) {
                "(" => depth += 1,
                ")" => depth -= 1,
                _ => {}
            }
            self.at += 1;
        }
    }

    /// `(a, b)` from its opening parenthesis; words between arguments (`FROM`, `USING`) separate them too.
    fn arguments(&mut self) -> Vec<Expr> {
        self.at += 1;
        let mut out = Vec::new();
        while self.at < self.tokens.len() && !self.is(0, ")") {
            if matches!(self.word(0).as_str(), "distinct" | "all" | "variadic" | "both" | "leading" | "trailing")
                && !self.is(1, "(")
                && !self.is(1, ".")
            {
                self.at += 1;
            }
            let before = self.at;
            if !matches!(self.word(0).as_str(), "from" | "for") {
                out.push(self.expr(0));
            }
            match self.word(0).as_str() {
                "from" | "for" | "placing" | "using" | "separator" | "on" | "as" => self.at += 1,
                "order" if self.word(1) == "by" => self.at += 2,
                "asc" | "desc" => self.at += 1,
                _ if self.is(0, ",") => self.at += 1,
                _ if self.is(0, ")") => {}
                // Something that is not understood: kept whole, so that nothing is built on half of it.
                _ => {
                    let rest = self.unread(before);
                    if let Some(last) = out.last_mut() {
                        *last = rest;
                    }
                    if self.is(0, ",") || self.at == before {
                        self.at += 1;
                    }
                }
            }
        }
        self.at += 1;
        out
    }
}

/// `select #2` with the number sign made a blank outside strings: same length, so that spans hold.
fn numbered(text: &str) -> String {
    let mut quote = None;
    let mut escaped = false;
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let digit_next = rest.peek().is_some_and(char::is_ascii_digit);
        match quote {
            Some(q) => {
                if escaped {
                    escaped = false;
                } else if c == '\\' && q != '`' {
                    escaped = true;
                } else if c == q {
                    quote = None;
                }
                out.push(c);
            }
            None if c == '#' && digit_next => out.push(' '),
            None => {
                if matches!(c, '\'' | '"' | '`') {
                    quote = Some(c);
                }
                out.push(c);
            }
        }
    }
    out
}
