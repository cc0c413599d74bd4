//! The reader: operator precedence over the lexer's tokens. It never fails and never recurses deeper than [`DEEPEST`].

use super::{Column, Expr, SortKey};
use crate::model::Dialect;
use crate::sql::{Token, TokenKind, lex};

/// Parentheses and prefixes inside each other: no server prints more (SQLite's own limit for expressions is 1000, PostgreSQL
/// flattens AND and OR).
const DEEPEST: usize = 150;
/// Operators that stack up within each other: they make the tree deep to the left.
const MOST_OPERATORS: usize = 600;

/// Functions that are written without parentheses.
pub(super) const BARE: [&str; 11] = [
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

// How tightly operators bind, as in PostgreSQL's manual ("Operator Precedence"); MySQL and SQLite agree as far as their plans go.
const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const COMPARE: u8 = 4;
const OTHER: u8 = 5;
const ADD: u8 = 6;
const MULTIPLY: u8 = 7;
const POWER: u8 = 8;
const UNARY: u8 = 9;
const POSTFIX: u8 = 10;

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

    fn unquoted(&self, ahead: usize) -> String {
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

    fn is_name(&self, ahead: usize) -> bool {
        matches!(self.kind(ahead), Some(TokenKind::Keyword | TokenKind::Identifier | TokenKind::QuotedIdentifier))
    }

    /// A word: an operator in front, a literal, a function, or a column.
    fn name(&mut self) -> Expr {
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

    fn case(&mut self) -> Expr {
        let start = self.at;
        self.at += 1;
        let mut args = Vec::new();
        while self.at < self.tokens.len() {
            match self.word(0).as_str() {
                "when" | "then" | "else" => self.at += 1,
                "end" => {
                    self.at += 1;
                    // As a call: its parts are what matters, and no index is built on it.
                    return Expr::Call { name: "case".into(), args };
                }
                _ => {
                    let before = self.at;
                    args.push(self.expr(0));
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
    fn type_name(&mut self) -> String {
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

    /// What follows an operand.
    fn infix(&mut self, start: usize, left: Expr, least: u8) -> Step {
        let word = self.word(0);
        let operator =
            self.kind(0) == Some(TokenKind::Operator) || self.dialect == Dialect::Postgres && self.kind(0) == Some(TokenKind::Parameter);
        let bracket = self.is(0, "[") && self.dialect == Dialect::Postgres;
        if self.at >= self.tokens.len() || word.is_empty() && !operator && !bracket {
            return Step::Done(left);
        }
        self.operators += usize::from(!matches!(word.as_str(), "and" | "or"));
        if self.operators > MOST_OPERATORS {
            // The tree so far goes: nothing is built on half a condition.
            return Step::Done(self.unread(start));
        }
        if !word.is_empty() {
            return self.infix_word(&word, start, left, least);
        }
        if bracket {
            self.at += 1;
            let mut args = vec![left];
            while self.at < self.tokens.len() && !self.is(0, "]") {
                args.push(self.expr(0));
                if self.is(0, ":") || self.is(0, ",") {
                    self.at += 1;
                } else if !self.is(0, "]") {
                    return Step::Done(self.unread(start));
                }
            }
            self.at += 1;
            return Step::Grown(Expr::Call { name: "[]".into(), args });
        }
        let op = self.slice(0);
        if op == "::" {
            self.at += 1;
            let to = self.type_name();
            return Step::Grown(Expr::Cast { what: Box::new(left), to });
        }
        let (binds, compares) = binding(op, self.dialect);
        if binds <= least {
            return Step::Done(left);
        }
        self.at += 1;
        Step::Grown(self.operation(op, binds, compares, left))
    }

    /// The right side of an operator that was just taken.
    fn operation(&mut self, op: &str, binds: u8, compares: bool, left: Expr) -> Expr {
        let quantified = matches!(self.word(0).as_str(), "any" | "all" | "some") && self.is(1, "(");
        if compares && quantified {
            let all = self.word(0) == "all";
            self.at += 1;
            let mut list = self.arguments();
            if let [Expr::Call { name, .. }] = list.as_slice()
                && name == "array"
                && let Some(Expr::Call { args, .. }) = list.pop()
            {
                list = args;
            }
            return match (op, all) {
                ("=", false) => Expr::In { what: Box::new(left), list, negated: false },
                ("<>", true) => Expr::In { what: Box::new(left), list, negated: true },
                _ => {
                    let word = if all { "all" } else { "any" };
                    let right = if list.len() == 1 { list.swap_remove(0) } else { Expr::Row(list) };
                    Expr::Compare { op: format!("{} {word}", spoken(op)), left: Box::new(left), right: Box::new(right) }
                }
            };
        }
        let right = Box::new(self.expr(binds));
        let left = Box::new(left);
        if compares {
            Expr::Compare { op: spoken(op).to_string(), left, right }
        } else {
            Expr::Arithmetic { op: op.to_string(), left, right }
        }
    }

    fn infix_word(&mut self, word: &str, start: usize, left: Expr, least: u8) -> Step {
        let negated = word == "not";
        let shift = usize::from(negated);
        let what = if negated { self.word(1) } else { word.to_string() };
        let compare = |reader: &mut Self, op: &str, skip: usize, left: Expr| {
            reader.at += skip;
            reader.operation(op, COMPARE, true, left)
        };
        match what.as_str() {
            "and" | "or" | "xor" => {
                let binds = if what == "and" { AND } else { OR };
                if binds <= least {
                    return Step::Done(left);
                }
                self.at += 1;
                let right = self.expr(binds);
                Step::Grown(match what.as_str() {
                    "and" => Expr::And(joined(left, right, true)),
                    "or" => Expr::Or(joined(left, right, false)),
                    _ => Expr::Call { name: "xor".into(), args: vec![left, right] },
                })
            }
            _ if least >= COMPARE && !matches!(what.as_str(), "collate" | "at" | "div" | "mod") => Step::Done(left),
            "is" => {
                let not = usize::from(self.word(1) == "not");
                match self.word(1 + not).as_str() {
                    "null" => {
                        self.at += 2 + not;
                        Step::Grown(Expr::Null { what: Box::new(left), negated: not == 1 })
                    }
                    "distinct" if self.word(2 + not) == "from" => {
                        let op = if not == 1 { "is not distinct from" } else { "is distinct from" };
                        Step::Grown(compare(self, op, 3 + not, left))
                    }
                    _ => Step::Grown(compare(self, if not == 1 { "is not" } else { "is" }, 1 + not, left)),
                }
            }
            "isnull" | "notnull" if !negated => {
                self.at += 1;
                Step::Grown(Expr::Null { what: Box::new(left), negated: what == "notnull" })
            }
            "in" if self.is(1 + shift, "(") => {
                self.at += 1 + shift;
                let list =
                    if matches!(self.word(1).as_str(), "select" | "with" | "values") { vec![self.parenthesis()] } else { self.arguments() };
                Step::Grown(Expr::In { what: Box::new(left), list, negated })
            }
            "between" => {
                self.at += 1 + shift;
                let symmetric = usize::from(matches!(self.word(0).as_str(), "symmetric" | "asymmetric"));
                self.at += symmetric;
                let low = self.expr(COMPARE);
                if self.word(0) != "and" {
                    return Step::Done(self.unread(start));
                }
                self.at += 1;
                let high = self.expr(COMPARE);
                let side = |op: &str, right| Expr::Compare { op: op.into(), left: Box::new(left.clone()), right: Box::new(right) };
                let both = Expr::And(vec![side(">=", low), side("<=", high)]);
                Step::Grown(if negated { Expr::Not(Box::new(both)) } else { both })
            }
            "like" | "ilike" | "regexp" | "rlike" | "glob" | "match" | "overlaps" => {
                let op = if negated { format!("not {what}") } else { what.clone() };
                let found = compare(self, &op, 1 + shift, left);
                if self.word(0) == "escape" {
                    self.at += 1;
                    let _ = self.expr(UNARY);
                }
                Step::Grown(found)
            }
            "similar" if self.word(1 + shift) == "to" => {
                Step::Grown(compare(self, if negated { "not similar to" } else { "similar to" }, 2 + shift, left))
            }
            "div" | "mod" if !negated && least < MULTIPLY => {
                self.at += 1;
                Step::Grown(self.operation(&what, MULTIPLY, false, left))
            }
            "collate" if least < POSTFIX => {
                self.at += 1;
                let collation = self.unquoted(0);
                self.at += 1;
                while self.is(0, ".") && self.is_name(1) {
                    self.at += 2;
                }
                Step::Grown(Expr::Collate { what: Box::new(left), collation })
            }
            "at" if self.word(1) == "time" && self.word(2) == "zone" => {
                self.at += 3;
                let zone = self.expr(UNARY);
                Step::Grown(Expr::Call { name: "at time zone".into(), args: vec![left, zone] })
            }
            "operator" if self.is(1, "(") => {
                // `OPERATOR(pg_catalog.=)`
                let mut ahead = 2;
                while ahead < 8 && self.kind(ahead) != Some(TokenKind::Operator) {
                    ahead += 1;
                }
                let op = self.slice(ahead);
                let (_, compares) = binding(op, self.dialect);
                if !self.is(ahead + 1, ")") {
                    return Step::Done(self.unread(start));
                }
                self.at += ahead + 2;
                Step::Grown(self.operation(op, OTHER, compares, left))
            }
            _ => Step::Done(left),
        }
    }
}

enum Step {
    Grown(Expr),
    Done(Expr),
}

/// AND with AND stays flat.
fn joined(left: Expr, right: Expr, and: bool) -> Vec<Expr> {
    let mut out = Vec::new();
    for side in [left, right] {
        match side {
            Expr::And(parts) if and => out.extend(parts),
            Expr::Or(parts) if !and => out.extend(parts),
            other => out.push(other),
        }
    }
    out
}

/// How tightly an operator binds, and whether it gives true or false.
fn binding(op: &str, dialect: Dialect) -> (u8, bool) {
    match op {
        "=" | "<" | ">" | "<=" | ">=" | "<>" | "!=" | "<=>" | "==" => (COMPARE, true),
        "+" | "-" => (ADD, false),
        "*" | "/" | "%" => (MULTIPLY, false),
        "^" => (POWER, false),
        "||" | "&" | "|" | "#" | "<<" | ">>" if dialect != Dialect::Postgres || !matches!(op, "<<" | ">>") => (OTHER, false),
        "->" | "->>" | "#>" | "#>>" | "#-" | "<->" | "<#>" => (OTHER, false),
        // PostgreSQL: patterns, containment, overlap, text search, and what an extension brings.
        _ => (OTHER, true),
    }
}

/// PostgreSQL prints LIKE by its operator.
fn spoken(op: &str) -> &str {
    match op {
        "~~" => "like",
        "!~~" => "not like",
        "~~*" => "ilike",
        "!~~*" => "not ilike",
        "!=" => "<>",
        "==" => "=",
        other => other,
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
