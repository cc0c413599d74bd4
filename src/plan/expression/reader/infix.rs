//! What follows an operand: operators by symbol and by word, and how tightly they bind.

use super::Reader;
use crate::model::Dialect;
use crate::plan::expression::Expr;
use crate::sql::TokenKind;

/// Operators that stack up within each other: they make the tree deep to the left.
const MOST_OPERATORS: usize = 600;

// How tightly operators bind, as in PostgreSQL's manual ("Operator Precedence"); MySQL and SQLite agree as far as their plans go.
const OR: u8 = 1;
const AND: u8 = 2;
pub(super) const NOT: u8 = 3;
const COMPARE: u8 = 4;
const OTHER: u8 = 5;
pub(super) const ADD: u8 = 6;
const MULTIPLY: u8 = 7;
const POWER: u8 = 8;
pub(super) const UNARY: u8 = 9;
const POSTFIX: u8 = 10;

impl Reader<'_> {
    /// What follows an operand.
    pub(super) fn infix(&mut self, start: usize, left: Expr, least: u8) -> Step {
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

/// An operand that an operator has joined with another one, or that stands as it is.
pub(super) enum Step {
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
