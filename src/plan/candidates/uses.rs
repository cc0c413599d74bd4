//! How a plan uses each of its tables: what is tested, joined and ordered by, as keys that an index could have.

use super::keys::{bare, elements, key, plain, trigram};
use super::{Key, Question};
use super::{inner, outputs};
use crate::model::Dialect;
use crate::plan::expression::{self, Expr, Predicate, SortKey, Test};
use crate::plan::findings::scene::{Product, Scene};
use crate::plan::known::Table;
use crate::plan::statement::Select;
use crate::sql::reserved::ident;

/// A test with the key that would serve it.
#[derive(Debug, Clone)]
pub struct Tested {
    pub key: Key,
    pub predicate: Predicate,
}

/// An OR over several columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Either {
    pub text: String,
    pub arms: Vec<Arm>,
}

/// The keys that find one alternative of an OR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arm {
    pub keys: Vec<Key>,
    /// So many in front are tested for equality; one range may follow.
    pub equal: usize,
}

/// Why a test cannot be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// An index on the column is there; a cast of the column keeps it from being used.
    Cast { column: String, to: String },
    /// The engine has no index on an expression.
    NoExpressions { text: String },
    /// A text column is compared with a number, and each of its values is converted.
    Converted { column: String, kind: String, value: String },
    /// An extension is lacking.
    NoTrigrams { text: String },
    /// Alternatives of which one at least no index finds.
    Alternatives { text: String },
    /// `<>`, a comparison of two columns of one table, …
    Unindexable { text: String },
}

/// One table in one place of the plan.
pub struct Use<'a> {
    pub product: Product,
    pub at: usize,
    pub alias: String,
    pub table: &'a Table,
    pub table_sql: String,
    /// The plan reads a partition of it.
    pub partitioned: bool,
    /// Equal to one value, or null.
    pub fixed: Vec<Tested>,
    /// Equal to one of several.
    pub among: Vec<Tested>,
    pub range: Vec<Tested>,
    /// Unlike constants, where the engine has indexes over a part of the rows.
    pub unlike: Vec<Tested>,
    /// By the other side's name.
    pub join: Vec<(String, Key)>,
    /// Compared with `<` or `>` to the other side, likewise.
    pub range_join: Vec<(String, Key)>,
    /// Tests that only another kind of index serves, with it: method, key.
    pub special: Vec<(&'static str, Tested)>,
    /// The keys of ORDER BY under a LIMIT, where all of them are this table's.
    pub order: Vec<Key>,
    /// A LIMIT ends reading here early, without a sort between.
    pub limited: bool,
    /// IS NOT NULL: no key, but what a partial index may be made of.
    pub not_null: Vec<Predicate>,
    /// Alternatives over several columns that indexes find.
    pub either: Vec<Either>,
    pub obstacles: Vec<Obstacle>,
    /// The statement reads the table where its conditions cannot be seen: in a view (SQLite).
    pub unread: bool,
    /// `order` is for `min` or `max` of a column.
    pub extreme: bool,
    /// Columns that the statement needs of the table; `None` when all, or not known.
    pub needs: Option<Vec<String>>,
    /// Conditions on this table alone as SQL, by which the share of its rows is asked.
    pub condition: Option<String>,
    /// Part of it tests an expression, of which the server keeps no statistics: its estimate is a guess.
    pub guessed: bool,
    /// Rows looked at and kept, where the statement was run.
    pub read: Option<f64>,
    pub kept: Option<f64>,
}

impl Use<'_> {
    /// Whether something restricts the rows.
    pub fn tested(&self) -> bool {
        let served = [&self.fixed, &self.among, &self.range, &self.unlike].iter().any(|l| !l.is_empty());
        served || !self.special.is_empty() || !self.either.is_empty()
    }

    /// Literal tests that a partial index could be made of: the column, the test, and it as SQL.
    pub fn literals(&self, dialect: Dialect) -> Vec<(String, Test, String)> {
        let tests = self.fixed.iter().filter_map(|t| Some((t.key.column.clone()?, &t.predicate)));
        let not_null = self.not_null.iter().filter_map(|p| Some((p.column()?.name.clone(), p)));
        tests.chain(not_null).filter_map(|(c, p)| Some((c.clone(), p.test, literal_sql(&c, p, dialect)?))).collect()
    }

    pub fn questions(&self, out: &mut Vec<Question>) {
        let (table, rows) = (self.table_sql.clone(), self.table.rows);
        let mut ask = |q: Question| {
            if !out.contains(&q) {
                out.push(q);
            }
        };
        if rows.is_some_and(|r| r < super::SMALL) {
            return;
        }
        if let Some(condition) = &self.condition {
            ask(Question::Kept { table: table.clone(), condition: condition.clone(), rows });
        }
        let dialect = self.dialect();
        if !matches!(dialect, Dialect::MySql) {
            for (column, test, condition) in self.literals(dialect) {
                ask(Question::Kept { table: table.clone(), condition, rows });
                if test == Test::Equal && !self.table.spread.contains_key(&column) {
                    ask(Question::Distinct { table: table.clone(), key: ident(dialect, &column), rows });
                }
            }
        }
    }

    fn dialect(&self) -> Dialect {
        match self.product {
            Product::Postgres => Dialect::Postgres,
            Product::Sqlite => Dialect::Sqlite,
            Product::MySql | Product::MariaDb => Dialect::MySql,
        }
    }
}

/// A condition with a literal, its column bare: what the server prints is casted, and a literal takes the column's type by itself.
fn literal_sql(column: &str, p: &Predicate, dialect: Dialect) -> Option<String> {
    let column = ident(dialect, column);
    match p.test {
        Test::Null => Some(format!("{column} IS NULL")),
        Test::NotNull => Some(format!("{column} IS NOT NULL")),
        Test::Equal => match &p.value {
            Some(v) => Some(format!("{column} = {}", constant(v)?)),
            // A boolean that stands for itself.
            None => None,
        },
        _ => None,
    }
}

fn constant(e: &Expr) -> Option<String> {
    match e {
        Expr::Constant(t) => Some(t.clone()).filter(|t| !t.eq_ignore_ascii_case("null")),
        Expr::Cast { what, .. } | Expr::Collate { what, .. } => constant(what),
        _ => None,
    }
}

/// All uses of known tables, in plan order.
pub fn of<'a>(s: &'a Scene<'a>) -> Vec<Use<'a>> {
    let text = s.known.statement.as_deref().or(s.plan.statement.as_deref());
    let inner = text.filter(|_| s.product != Product::Postgres).map(|t| inner::selects(s.dialect, t)).unwrap_or_default();
    s.all().filter(|i| s.is_scan(*i)).filter_map(|i| read(s, i, &inner)).collect()
}

fn read<'a>(s: &'a Scene<'a>, i: usize, inner: &[Select]) -> Option<Use<'a>> {
    let table = s.indexed_table(i)?;
    let alias = s.alias(i)?.to_string();
    let mut u = Use {
        at: i,
        table,
        table_sql: s.qualified(table.schema.as_deref(), &table.name),
        partitioned: s.table(i).is_some_and(|own| own.name != table.name),
        fixed: Vec::new(),
        among: Vec::new(),
        range: Vec::new(),
        unlike: Vec::new(),
        join: Vec::new(),
        range_join: Vec::new(),
        guessed: false,
        special: Vec::new(),
        order: Vec::new(),
        limited: s.limited(i).is_some(),
        not_null: Vec::new(),
        either: Vec::new(),
        obstacles: Vec::new(),
        unread: false,
        extreme: false,
        needs: None,
        condition: None,
        read: None,
        kept: None,
        product: s.product,
        alias,
    };
    let mut local: Vec<Expr> = Vec::new();
    let mut tests: Vec<Predicate> = Vec::new();
    let mut take = |e: Expr, joins_only: bool, local: &mut Vec<Expr>| {
        for part in e.conjuncts() {
            for p in part.predicates_on(&u.alias) {
                let joins = matches!(p.test, Test::Join | Test::RangeJoin);
                if joins_only && !joins {
                    continue;
                }
                let told = !joins && !p.key.has_unread() && askable(part, &u.alias);
                if told && !local.iter().any(|l| l.sql(s.dialect) == part.sql(s.dialect)) {
                    local.push(part.clone());
                }
                tests.push(p);
            }
        }
    };
    let top = s.parent(i).filter(|p| s.node(*p).op == "filter" && s.children(*p).next() == Some(i));
    // A bitmap may be put together of several indexes: what they find together is what is checked again.
    let found_by = s.condition(i, &["Recheck Cond"]).filter(|_| s.product == Product::Postgres).or_else(|| s.index_condition(i));
    for text in s.filter(i).into_iter().chain(top.and_then(|p| s.filter(p))).chain(found_by) {
        // SQLite prints `c=?`: the statement has the value.
        if s.product.is_mysql() && Some(text) == s.index_condition(i) {
            take(s.read(&looked_up(text)), false, &mut local);
        } else if s.product != Product::Sqlite {
            take(s.read(text), false, &mut local);
        }
    }
    for a in s.above(i) {
        for (name, text) in &s.node(a).conditions {
            if !["sort", "group", "output", "presort", "cache", "limit"].iter().any(|w| name.to_lowercase().starts_with(w)) {
                take(s.read(text), true, &mut local);
            }
        }
    }
    // Where the statement names the table itself, its own words say what a plan leaves out.
    let names = |q: &&Select| q.tables.iter().any(|t| t.alias.eq_ignore_ascii_case(&u.alias));
    // Arms of a UNION may name a table alike: they stand in the plan in the order of the text.
    let before = (0..i).filter(|j| s.is_scan(*j) && s.alias(*j).is_some_and(|a| a.eq_ignore_ascii_case(&u.alias))).count();
    let arm = || inner.iter().filter(names).nth(before).or_else(|| inner.iter().find(names));
    let named = s.select.as_ref().filter(names).or_else(arm);
    let unread = s.product == Product::Sqlite && named.is_none();
    if let Some(q) = named.filter(|_| s.product != Product::Postgres || local.is_empty()) {
        let sole = q.tables.len() == 1;
        let around: Vec<&Select> = s.select.iter().chain(inner).filter(|o| !std::ptr::eq(*o, q)).collect();
        let own = s.select.as_ref().is_some_and(|o| std::ptr::eq(o, q));
        let conditions: Vec<Expr> = match s.product {
            _ if !own || s.product == Product::Sqlite => q.conditions.iter().map(|e| qualified(s, q, &around, e)).collect(),
            _ => q.conditions.clone(),
        };
        for e in conditions.iter().flat_map(Expr::conjuncts) {
            if sole || e.columns().iter().all(|c| c.qualifier.is_some()) {
                take(e.clone(), false, &mut local);
            }
        }
    }
    for p in tests.into_iter().map(|p| s.searchable(p)).filter(|p| s.steady(i, p)) {
        place(s, &mut u, &p);
    }
    if s.product.is_mysql() {
        for q in s.select.iter().chain(inner) {
            looked_for(s, &mut u, q);
        }
    }
    // Among other tests it is what a partial index is made of; alone it is found like a range.
    if !u.tested() && u.join.is_empty() && u.range_join.is_empty() && u.obstacles.is_empty() {
        for p in u.not_null.clone() {
            if let Ok(Some(key)) = key(s, &u, &p) {
                u.range.push(Tested { key, predicate: p });
            }
        }
    }
    if let Some(q) = s.select.as_ref().filter(|_| s.product == Product::Postgres) {
        collate(&mut u, q);
    }
    u.unread = unread;
    let measurable = |p: &Predicate| matches!(p.test, Test::Null | Test::NotNull) || bare(s, table, &p.key).column().is_some();
    u.guessed = local.iter().flat_map(|e| e.predicates_on(&u.alias)).any(|p| !measurable(&p));
    if !local.is_empty() {
        let parts: Vec<String> = unlike_all(local).iter().map(|e| e.sql(s.dialect)).collect();
        u.condition = Some(parts.join(" AND "));
    }
    order(s, &mut u);
    u.needs = outputs::needed(s, i, &u.alias, table);
    // An estimate of rows without statistics of the column (MariaDB's `filtered` of 100) says nothing.
    if let Some(scan) = s.scan(i).filter(|_| s.plan.analyzed) {
        (u.read, u.kept) = (scan.read, scan.kept);
    }
    Some(u)
}

/// `x IN (SELECT column FROM this table …)`: the server may look for the column in it, and prints no condition that says so.
fn looked_for(s: &Scene<'_>, u: &mut Use<'_>, q: &Select) {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut turned: Vec<Expr> = Vec::new();
    for e in &q.conditions {
        e.walk(&mut |e| {
            if let Expr::In { what, list, negated } = e
                && let [Expr::Subquery(text)] = list.as_slice()
            {
                // Or the other way round: each row of the subquery is looked for here.
                if !negated && q.tables.iter().any(|t| t.alias.eq_ignore_ascii_case(&u.alias)) {
                    turned.push((**what).clone());
                }
                let other = what.column().and_then(|c| c.qualifier.clone()).or_else(|| q.tables.first().map(|t| t.alias.clone()));
                found.push((other.unwrap_or_default(), text.trim().trim_start_matches('(').to_string()));
            }
        });
    }
    for what in turned {
        if what.column().is_some_and(|c| c.may_be_of(&u.alias))
            && let Ok(Some(key)) = plain(s, u.table, &what)
            && !u.join.iter().any(|(_, k)| *k == key)
        {
            u.join.push(("the subquery".into(), key));
        }
    }
    for (other, text) in found {
        let of_this = |part: &&Select| matches!(part.tables.as_slice(), [t] if t.alias.eq_ignore_ascii_case(&u.alias));
        let read = crate::plan::statement::read(s.dialect, &text)
            .or_else(|| text.strip_suffix(')').and_then(|t| crate::plan::statement::read(s.dialect, t)));
        let Some(_) = read.as_ref().filter(of_this) else { continue };
        let lower = text.to_lowercase();
        let Some(column) = lower.find(" from ").and_then(|end| text.get("select ".len()..end)) else { continue };
        if let Ok(Some(key)) = plain(s, u.table, &s.read(column))
            && !u.join.iter().any(|(_, k)| *k == key)
        {
            u.join.push((other, key));
        }
    }
}

/// PostgreSQL's plan does not print the collation that a comparison asks for; the statement does, and only an index of the same one
/// serves it.
fn collate(u: &mut Use<'_>, q: &Select) {
    for e in &q.conditions {
        e.walk(&mut |e| {
            let Expr::Compare { left, right, .. } = e else { return };
            let asked = [left, right].into_iter().find_map(|side| match &**side {
                Expr::Collate { collation, .. } => Some(collation),
                _ => None,
            });
            let column = left.column().or_else(|| right.column()).filter(|c| c.may_be_of(&u.alias));
            if let (Some(collation), Some(column)) = (asked, column) {
                let tests = u.fixed.iter_mut().chain(&mut u.among).chain(&mut u.range);
                for t in tests.filter(|t| t.key.column.as_ref().is_some_and(|c| c.eq_ignore_ascii_case(&column.name))) {
                    let class = format!("COLLATE {} {}", Dialect::Postgres.quote_ident(collation), t.key.class);
                    t.key.class = class.trim_end().to_string();
                }
            }
        });
    }
}

/// The conditions with all that say that one column is unlike a value in one list. A planner that is asked for them one by one takes them
/// for independent of each other, and none of them is: what is `a` is no `b`.
fn unlike_all(conditions: Vec<Expr>) -> Vec<Expr> {
    let mut out: Vec<Expr> = Vec::new();
    let mut lists: Vec<(Box<Expr>, Vec<Expr>)> = Vec::new();
    for e in conditions {
        match e {
            Expr::Compare { op, left, right } if op == "<>" && left.column().is_some() && right.is_constant() => {
                match lists.iter_mut().find(|(what, _)| *what == left) {
                    Some((_, list)) => list.push(*right),
                    None => lists.push((left, vec![*right])),
                }
            }
            e => out.push(e),
        }
    }
    out.extend(lists.into_iter().map(|(what, list)| match <[Expr; 1]>::try_from(list) {
        Ok([right]) => Expr::Compare { op: "<>".into(), left: what, right: Box::new(right) },
        Err(list) => Expr::In { what, list, negated: true },
    }));
    out
}

/// MySQL and MariaDB print `const` and `func` for values that a lookup has from elsewhere: they are no columns.
fn looked_up(text: &str) -> String {
    let value = |part: &str| match part.rsplit_once(" = ") {
        Some((key, "const" | "func")) => format!("{key} = ?"),
        _ => part.to_string(),
    };
    text.split(" and ").map(value).collect::<Vec<_>>().join(" and ")
}

/// Whether a condition means something outside its statement: no other relation, no parameter, no subplan.
fn askable(e: &Expr, alias: &str) -> bool {
    let mut fine = true;
    e.walk(&mut |x| match x {
        Expr::Column(c) => fine &= c.may_be_of(alias),
        Expr::Parameter(_) | Expr::Subquery(_) | Expr::Unread(_) => fine = false,
        _ => {}
    });
    fine
}

fn place(s: &Scene<'_>, u: &mut Use<'_>, p: &Predicate) {
    let text = || crate::plan::findings::words::shorter(&p.key.sql(s.dialect));
    if let (Some((kind, value)), Some(c)) = (s.converted(u.at, p), p.column()) {
        return hinder(u, Obstacle::Converted { column: c.name.clone(), kind, value: value.to_string() });
    }
    match p.test {
        Test::NotNull => {
            if p.column().is_some() && !u.not_null.contains(p) {
                u.not_null.push(p.clone());
            }
        }
        Test::Equal | Test::Null | Test::In | Test::Range | Test::Prefix => match key(s, u, p) {
            Ok(Some(key)) => {
                let list = match p.test {
                    Test::Equal | Test::Null => &mut u.fixed,
                    Test::In => &mut u.among,
                    _ => &mut u.range,
                };
                if !list.iter().any(|t| t.key == key) {
                    list.push(Tested { key, predicate: p.clone() });
                }
            }
            Ok(None) => {}
            Err(o) => hinder(u, o),
        },
        Test::Join | Test::RangeJoin => {
            let other = p.value.as_ref().and_then(|v| v.columns().first().and_then(|c| c.qualifier.clone())).unwrap_or_default();
            // A join with the same table's own other half is no join of this one.
            if let Ok(Some(k)) = key(s, u, p) {
                let list = if p.test == Test::Join { &mut u.join } else { &mut u.range_join };
                if !list.contains(&(other.clone(), k.clone())) {
                    list.push((other, k));
                }
            }
        }
        // `a = 1 or a = 2` is a list.
        Test::Or => match same_column(&p.key) {
            Some(e) => {
                let p = Predicate { test: Test::In, key: e, value: None, op: "in".into() };
                place(s, u, &p);
            }
            None => match same_columns(&p.key) {
                // `(a, b) in ((1, 2), (3, 4))`: each of the pairs is found in the same index.
                Some(columns) => {
                    for key in columns {
                        place(s, u, &Predicate { test: Test::In, key, value: None, op: "in".into() });
                    }
                }
                None => match arms(s, u, &p.key) {
                    Some(arms) => u.either.push(Either { text: text(), arms }),
                    None => hinder(u, Obstacle::Alternatives { text: text() }),
                },
            },
        },
        Test::Contains => match trigram(s, u, p) {
            Some(found) => match found {
                Ok(k) => u.special.push(("gin", Tested { key: k, predicate: p.clone() })),
                Err(o) => hinder(u, o),
            },
            None => hinder(u, Obstacle::Unindexable { text: format!("{} {} {}", text(), p.op, value(s, p)) }),
        },
        Test::NotEqual => {
            let whole = matches!(s.product, Product::Postgres | Product::Sqlite) && p.value.as_ref().is_some_and(Expr::is_constant);
            match key(s, u, p) {
                Ok(Some(key)) if whole && key.column.is_some() => u.unlike.push(Tested { key, predicate: p.clone() }),
                _ => hinder(u, Obstacle::Unindexable { text: format!("{} {} {}", text(), p.op, value(s, p)).trim_end().to_string() }),
            }
        }
        // SQLite searches an index for each row that the subquery gives.
        Test::Other
            if s.product == Product::Sqlite
                && among_rows(&p.key).is_some()
                && !s.all().any(|j| s.node(j).raw_op.starts_with("CORRELATED LIST")) =>
        {
            if let Some(what) = among_rows(&p.key) {
                let p = Predicate { test: Test::In, key: what.clone(), value: None, op: "in".into() };
                place(s, u, &p);
            }
        }
        Test::Other => match elements(s, u, p) {
            Some(k) => u.special.push(("gin", Tested { key: k, predicate: p.clone() })),
            None if p.key.columns().is_empty() => {}
            None => hinder(u, Obstacle::Unindexable { text: text() }),
        },
    }
}

/// The keys for each of the alternatives; nothing where one of them is found by no index.
fn arms(s: &Scene<'_>, u: &Use<'_>, either: &Expr) -> Option<Vec<Arm>> {
    let Expr::Or(parts) = either else { return None };
    let arm = |part: &Expr| {
        let (mut keys, mut range) = (Vec::new(), None);
        for p in part.predicates() {
            match (p.test, key(s, u, &p)) {
                (Test::Equal | Test::Null | Test::In, Ok(Some(k))) if !keys.contains(&k) => keys.push(k),
                (Test::Range | Test::Prefix | Test::NotNull, Ok(Some(k))) => range = range.or(Some(k)),
                _ => {}
            }
        }
        let equal = keys.len();
        keys.extend(range);
        (!keys.is_empty()).then_some(Arm { keys, equal })
    };
    parts.iter().map(arm).collect()
}

fn value(s: &Scene<'_>, p: &Predicate) -> String {
    p.value.as_ref().map_or(String::new(), |v| v.sql(s.dialect))
}

fn hinder(u: &mut Use<'_>, o: Obstacle) {
    if !u.obstacles.contains(&o) {
        u.obstacles.push(o);
    }
}

/// What is looked for among the rows of a subquery.
fn among_rows(e: &Expr) -> Option<&Expr> {
    match e {
        Expr::In { what, list, negated: false } => matches!(list.as_slice(), [Expr::Subquery(_)]).then_some(&**what),
        _ => None,
    }
}

/// The condition with every column's relation in front, as far as the catalogue tells: in a subquery a bare name may be of the query around
/// it. The query's own tables come first.
fn qualified(s: &Scene<'_>, q: &Select, others: &[&Select], e: &Expr) -> Expr {
    let owner = |tables: &[crate::plan::statement::TableRef], name: &str| -> Option<String> {
        let mut found = tables
            .iter()
            .filter(|t| s.known.table(&t.name).is_some_and(|known| known.columns.iter().any(|c| c.name.eq_ignore_ascii_case(name))));
        match (found.next(), found.next()) {
            (Some(t), None) => Some(t.alias.clone()),
            _ => None,
        }
    };
    let mut out = e.clone();
    out.each_column(&mut |c| {
        if c.qualifier.is_none() && c.name != "*" {
            c.qualifier = owner(&q.tables, &c.name).or_else(|| others.iter().find_map(|o| owner(&o.tables, &c.name)));
        }
    });
    out
}

/// The column of alternatives that all test it for equality.
fn same_column(e: &Expr) -> Option<Expr> {
    let Expr::Or(parts) = e else { return None };
    let mut found: Option<Expr> = None;
    for part in parts {
        match part.predicates().as_slice() {
            [p] if matches!(p.test, Test::Equal | Test::In | Test::Null)
                && p.column().is_some()
                && found.as_ref().is_none_or(|f| *f == p.key) =>
            {
                found = Some(p.key.clone());
            }
            _ => return None,
        }
    }
    found
}

/// The columns of alternatives of which each tests all of them for equality.
fn same_columns(e: &Expr) -> Option<Vec<Expr>> {
    let Expr::Or(parts) = e else { return None };
    let mut found: Option<Vec<Expr>> = None;
    for part in parts {
        let mut own: Vec<Expr> = Vec::new();
        for p in part.predicates() {
            if !matches!(p.test, Test::Equal | Test::In) || p.column().is_none() {
                return None;
            }
            own.push(p.key);
        }
        match &found {
            None => found = Some(own),
            Some(f) if f.len() == own.len() && own.iter().all(|k| f.contains(k)) => {}
            Some(_) => return None,
        }
    }
    found.filter(|f| f.len() > 1)
}

/// What ORDER BY asks of this table alone, where a LIMIT makes that worth an index.
fn order(s: &Scene<'_>, u: &mut Use<'_>) {
    let own = |k: &SortKey, qualified: bool| {
        let columns = k.expr.columns();
        !columns.is_empty()
            && columns.iter().all(|c| {
                c.may_be_of(&u.alias)
                    && (c.qualifier.is_some() || !qualified)
                    && u.table.columns.iter().any(|t| t.name.eq_ignore_ascii_case(&c.name))
            })
    };
    let text = s.known.statement.as_deref().or(s.plan.statement.as_deref());
    let sole =
        s.select.as_ref().is_some_and(|q| q.tables.len() == 1 && q.group.is_empty() && q.tables[0].alias.eq_ignore_ascii_case(&u.alias));
    if let Some(column) = text.filter(|_| sole).and_then(|t| inner::extreme(s.dialect, t)) {
        let e = Expr::Column(expression::Column { qualifier: None, name: column });
        u.order = plain(s, u.table, &e).ok().flatten().into_iter().collect();
        u.extreme = true;
        return;
    }
    let mut keys: Vec<SortKey> = Vec::new();
    // DISTINCT ON keeps the first row of each group in the order of ORDER BY: it reads an index of that order.
    let mut words = text.unwrap_or_default().split_whitespace().map(str::to_lowercase);
    let first_of_each = words.next().is_some_and(|w| w == "select")
        && words.next().is_some_and(|w| w == "distinct")
        && words.next().is_some_and(|w| w == "on" || w.starts_with("on("));
    for a in s.above(u.at) {
        let op = s.node(a).op.as_str();
        if op == "distinct" && first_of_each && !keys.is_empty() {
            break;
        }
        if matches!(op, "aggregate" | "distinct" | "window" | "append" | "union" | "set operation") {
            return;
        }
        if op.contains("sort")
            && s.above(a)
                .take_while(|b| !s.node(*b).op.contains("join"))
                .any(|b| s.node(b).op == "limit" || first_of_each && s.node(b).op == "distinct")
            && let Some(text) = s.condition(a, &["Sort Key"])
        {
            keys = expression::sort_keys(s.dialect, text);
            if !keys.iter().all(|k| own(k, false)) {
                return;
            }
        }
    }
    if keys.is_empty() {
        let Some(q) = s.select.as_ref().filter(|q| q.group.is_empty() && !q.distinct) else { return };
        let limited = q.limit.is_some() || s.all().any(|i| s.node(i).op == "limit");
        let sole = q.tables.len() == 1;
        if !limited || !q.tables.iter().any(|t| t.alias.eq_ignore_ascii_case(&u.alias)) || !q.order.iter().all(|k| own(k, !sole)) {
            return;
        }
        keys.clone_from(&q.order);
    }
    let made: Option<Vec<Key>> = keys
        .iter()
        .map(|k| {
            // Nulls elsewhere than the engine puts them cannot be asked of a plain key.
            let natural = match s.product {
                Product::Postgres => k.descending,
                _ => !k.descending,
            };
            let mut key = plain(s, u.table, &k.expr).ok()??;
            key.down = k.descending;
            k.nulls_first.is_none_or(|n| n == natural).then_some(key)
        })
        .collect();
    let mut made = made.unwrap_or_default();
    // All of them downwards is the same index read backwards.
    if made.iter().all(|k| k.down) {
        made.iter_mut().for_each(|k| k.down = false);
    }
    u.order = made;
}
