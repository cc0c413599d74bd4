//! The plan laid out for looking at: nodes in plan order with their parents, what each weighs, and how its parts are named by
//! the four engines.

use crate::model::Dialect;
use crate::model::plan::{Plan, PlanNode, Role};
use crate::plan::expression::{self, Expr};
use crate::plan::known::{Known, Table};
use crate::plan::places::{Named, named};
use crate::plan::statement::{self, Select};
use std::sync::OnceLock;

/// A node's own time below this share of the execution is not worth a sentence (plans.md §3, default gates).
pub const SELF_SHARE: f64 = 0.05;
/// Nor below this many milliseconds (plans.md §3, default gates).
pub const SELF_MS: f64 = 1.0;
/// Rows from which reading for nothing is worth a sentence (plans.md §3, F1 and others).
pub const MANY: f64 = 10_000.0;

/// What stands behind a finding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Weight {
    /// Milliseconds of the nodes concerned, which pass the default gates.
    Timed(f64),
    /// It ran, and rows were counted, but there are no times.
    Counted,
    /// It did not run, or nothing is told of the run.
    Estimated,
}

/// A node in its place.
pub struct Place<'a> {
    pub node: &'a PlanNode,
    pub path: Vec<usize>,
    pub parent: Option<usize>,
    /// One past the last node of its subtree.
    pub end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    Postgres,
    MySql,
    MariaDb,
    Sqlite,
}

impl Product {
    /// MySQL and MariaDB: their plans and their indexes are alike.
    pub fn is_mysql(self) -> bool {
        matches!(self, Product::MySql | Product::MariaDb)
    }
}

pub struct Scene<'a> {
    pub plan: &'a Plan,
    pub known: &'a Known,
    pub product: Product,
    pub dialect: Dialect,
    pub places: Vec<Place<'a>>,
    /// Execution time, or the root's.
    pub total_ms: Option<f64>,
    pub select: Option<Select>,
    named: OnceLock<Vec<Named>>,
}

/// A scan with the filter that stands over it, as one.
pub struct Scan {
    /// The scan's place; the filter's is `top` where it is a node of its own.
    pub at: usize,
    pub top: usize,
    /// Rows that the scan looked at and that passed, over all loops. `None`: not known.
    pub read: Option<f64>,
    pub kept: Option<f64>,
    pub filter: Option<Expr>,
    pub weight: Option<Weight>,
    /// The scans that this one stands for, itself among them: alike arms of one Append; empty for a scan alone.
    pub arms: Vec<usize>,
}

impl Scan {
    /// Rows read for nothing.
    pub fn removed(&self) -> Option<f64> {
        Some((self.read? - self.kept?).max(0.0))
    }
}

impl<'a> Scene<'a> {
    pub fn new(plan: &'a Plan, known: &'a Known) -> Self {
        let mut places = Vec::new();
        lay(&plan.root, None, &mut Vec::new(), &mut places);
        let product = match plan.engine.as_str() {
            "MySQL" => Product::MySql,
            "MariaDB" => Product::MariaDb,
            "SQLite" => Product::Sqlite,
            _ => Product::Postgres,
        };
        let dialect = expression::dialect_of(&plan.engine);
        let select = said(plan, known).and_then(|t| statement::read(dialect, t));
        let total_ms = plan.analyzed.then(|| plan.execution_ms.or(plan.root.total_ms)).flatten();
        Scene { plan, known, product, dialect, places, total_ms, select, named: OnceLock::new() }
    }

    pub fn node(&self, i: usize) -> &'a PlanNode {
        self.places[i].node
    }
    pub fn path(&self, i: usize) -> &[usize] {
        &self.places[i].path
    }
    pub fn parent(&self, i: usize) -> Option<usize> {
        self.places[i].parent
    }
    pub fn children(&self, i: usize) -> impl Iterator<Item = usize> + '_ {
        let end = self.places[i].end;
        std::iter::successors(Some(i + 1), |j| self.places.get(*j).map(|p| p.end)).take_while(move |j| *j < end)
    }
    /// The node and all below it.
    pub fn subtree(&self, i: usize) -> std::ops::Range<usize> {
        i..self.places[i].end
    }
    /// From the parent up to the root.
    pub fn above(&self, i: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(self.parent(i), |j| self.parent(*j))
    }
    pub fn all(&self) -> std::ops::Range<usize> {
        0..self.places.len()
    }

    /// Own time as the user waits for it: processes side by side count once.
    pub fn own_ms(&self, i: usize) -> Option<f64> {
        let n = self.node(i);
        let own = n.self_ms?;
        Some(match (n.wall_ms, n.total_ms) {
            (Some(wall), Some(total)) if total > 0.0 && wall < total => own * wall / total,
            _ => own,
        })
    }

    /// What these nodes weigh together; `None` when the default gates say that it does not matter, or none was executed.
    pub fn weigh(&self, nodes: &[usize]) -> Option<Weight> {
        if nodes.iter().all(|i| self.node(*i).never_executed) {
            return None;
        }
        if !self.plan.analyzed {
            return Some(Weight::Estimated);
        }
        let known: Vec<f64> = nodes.iter().filter_map(|i| self.own_ms(*i)).collect();
        let Some(total) = self.total_ms.filter(|_| !known.is_empty()) else {
            let counted = nodes.iter().any(|i| self.node(*i).rows_total.is_some());
            return Some(if counted { Weight::Counted } else { Weight::Estimated });
        };
        let own: f64 = known.iter().sum();
        let err: f64 = nodes.iter().filter_map(|i| self.node(*i).self_err_ms).sum();
        (own >= SELF_MS && own >= SELF_SHARE * total && own > err).then_some(Weight::Timed(own))
    }

    /// Like [`Scene::weigh`] over a whole subtree, with its inclusive time where that is printed.
    pub fn weigh_below(&self, i: usize) -> Option<Weight> {
        let n = self.node(i);
        if n.never_executed {
            return None;
        }
        match (self.plan.analyzed, self.total_ms, n.total_ms) {
            (false, ..) => Some(Weight::Estimated),
            (true, Some(total), Some(below)) => {
                let below = n.wall_ms.unwrap_or(below);
                // What an inclusive time is unsure of is its own rounding, not that of the nodes below: PostgreSQL prints each loop's
                // time in thousandths.
                let err = match (self.product, n.loops) {
                    (Product::Postgres, Some(loops)) => 0.0005 * loops,
                    _ => n.self_err_ms.unwrap_or(0.0),
                };
                (below >= SELF_MS && below >= SELF_SHARE * total && below > err).then_some(Weight::Timed(below))
            }
            _ if n.rows_total.is_some() => Some(Weight::Counted),
            _ => Some(Weight::Estimated),
        }
    }

    /// The name to speak of a node: its relation and alias, or the operation.
    pub fn name(&self, i: usize) -> String {
        let n = self.node(i);
        let plain = |r: &'a str| if self.product == Product::Postgres { r.strip_prefix("public.").unwrap_or(r) } else { r };
        match (n.relation.as_deref().map(plain), n.alias.as_deref()) {
            (Some(r), Some(a)) if !r.eq_ignore_ascii_case(a) && !r.ends_with(&format!(".{a}")) => format!("{r} {a}"),
            (Some(r), _) => r.to_string(),
            (None, Some(a)) => a.to_string(),
            (None, None) => n.raw_op.clone(),
        }
    }

    /// Names in the FROM lists of the statement and what they stand for; none where the statement is not known.
    fn named(&self) -> &[Named] {
        self.named.get_or_init(|| said(self.plan, self.known).map(|t| named(self.dialect, t)).unwrap_or_default())
    }

    /// Schema and name of the node's table where they are certain. MySQL, MariaDB and SQLite print the alias alone: what it stands for
    /// only the statement tells, and not where two of its queries use the name for different things.
    pub fn real_table(&self, i: usize) -> Option<(Option<&str>, &str)> {
        let n = self.node(i);
        let shown = n.relation.as_deref()?;
        if self.product == Product::Postgres {
            return Some(shown.split_once('.').map_or((None, shown), |(schema, name)| (Some(schema), name)));
        }
        if n.alias.as_deref().is_some_and(|a| a != shown) {
            return Some((None, shown));
        }
        let meant = |name: &[String]| name.last().is_some_and(|t| t.eq_ignore_ascii_case(shown));
        let mut of = self.named().iter().filter(|(alias, _)| alias.eq_ignore_ascii_case(shown));
        let found = match (of.next(), of.next()) {
            (Some((_, name)), None) => name,
            // Not an alias then: a table that has one of its own.
            (None, _) => self.named().iter().map(|(_, name)| name).find(|name| meant(name))?,
            _ => return None,
        };
        let schema = found.len().checked_sub(2).map(|at| found[at].as_str());
        Some((schema, found.last()?.as_str()))
    }

    /// The node's table, or the alias where nothing else is known.
    pub fn relation(&self, i: usize) -> Option<&str> {
        let shown = self.node(i).relation.as_deref()?;
        if self.product == Product::Postgres {
            return Some(shown);
        }
        Some(self.real_table(i).map_or(shown, |(_, name)| name))
    }

    pub fn table(&self, i: usize) -> Option<&Table> {
        let relation = self.relation(i)?;
        // What the statement uses for something else is not the table of that name.
        let other = self.real_table(i).is_none() && self.named().iter().any(|(alias, _)| alias.eq_ignore_ascii_case(relation));
        if other { None } else { self.known.table(relation) }
    }

    /// The table that an index would be made of: a partition's is its parent, where the statement names that.
    pub fn indexed_table(&self, i: usize) -> Option<&Table> {
        let own = self.table(i)?;
        let parents = self.known.tables.iter().filter(|t| !t.partition_key.is_empty() && self.product == Product::Postgres);
        let statement = |t: &Table| self.select.as_ref().is_some_and(|q| q.tables.iter().any(|r| r.name.eq_ignore_ascii_case(&t.name)));
        let mut fitting = parents.filter(|t| t.name != own.name && t.columns == own.columns).filter(|t| statement(t));
        Some(match (own.partition_key.is_empty(), fitting.next(), fitting.next()) {
            (false, Some(parent), None) if !statement(own) => parent,
            _ => own,
        })
    }

    /// The name by which conditions qualify a node's columns.
    pub fn alias(&self, i: usize) -> Option<&'a str> {
        let n = self.node(i);
        n.alias.as_deref().or_else(|| n.relation.as_deref().map(|r| r.rsplit('.').next().unwrap_or(r)))
    }

    /// A condition of the node by one of its names.
    pub fn condition(&self, i: usize, names: &[&str]) -> Option<&'a str> {
        self.node(i).conditions.iter().find(|(k, _)| names.iter().any(|n| k.eq_ignore_ascii_case(n))).map(|(_, v)| v.as_str())
    }
    pub fn read(&self, text: &str) -> Expr {
        expression::parse(self.dialect, text)
    }
    /// What the scan's index is searched by.
    pub fn index_condition(&self, i: usize) -> Option<&'a str> {
        let own = self.condition(i, &["Index Cond", "Index condition", "Lookup", "Index", "Key"]);
        if own.is_some() {
            return own;
        }
        // PostgreSQL's bitmap: the condition stands at the index below.
        self.children(i).filter(|c| self.node(*c).op.starts_with("bitmap")).find_map(|c| self.index_condition(c))
    }
    /// Whether the scan goes to a part of its index only.
    pub fn searches(&self, i: usize) -> bool {
        let n = self.node(i);
        let words = n.raw_op.to_lowercase();
        self.index_condition(i).is_some()
            || match self.product {
                Product::Postgres => n.op == "bitmap heap",
                Product::MariaDb => !words.starts_with("index ") && !words.starts_with("all "),
                // `Index range scan on …`, `Index lookup on …`, or the JSON's access types.
                Product::MySql => {
                    !(words.starts_with("index scan on") || words.starts_with("covering index scan on") || words.starts_with("index "))
                        || words.contains("range scan")
                }
                Product::Sqlite => words.starts_with("search"),
            }
    }
    pub fn filter(&self, i: usize) -> Option<&'a str> {
        self.condition(i, &["Filter"])
    }
    pub fn is_scan(&self, i: usize) -> bool {
        let n = self.node(i);
        // MySQL names what it made for itself by the alias: it stands over what makes it.
        let made =
            self.product == Product::MySql && n.children.iter().any(|c| matches!(c.op.as_str(), "materialize" | "union" | "set operation"));
        !made
            && n.relation.as_deref().is_some_and(|r| !r.starts_with('<') && !r.starts_with('('))
            && (matches!(n.op.as_str(), "table scan" | "index scan" | "index only scan" | "bitmap heap" | "index merge")
                || n.op.ends_with("search") && self.product == Product::Sqlite)
    }
    /// A number among the attributes; `12kB` and `34 %` are read up to their unit.
    pub fn attr(&self, i: usize, names: &[&str]) -> Option<f64> {
        let n = self.node(i);
        let text = names.iter().find_map(|k| n.attrs.get(*k))?;
        let digits: String = text.chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E')).collect();
        digits.parse().ok()
    }
    pub fn attr_text(&self, i: usize, names: &[&str]) -> Option<&'a str> {
        let n = self.node(i);
        names.iter().find_map(|k| n.attrs.get(*k)).map(String::as_str)
    }
    /// A setting as the plan tells it, or as the server does.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.plan.settings.get(name).or_else(|| self.known.settings.get(name)).map(String::as_str)
    }

    /// The scan at `i` with the filter over it.
    pub fn scan(&self, i: usize) -> Option<Scan> {
        if !self.is_scan(i) || self.node(i).never_executed {
            return None;
        }
        let n = self.node(i);
        // MySQL: the filter is a node of its own.
        let top = self.parent(i).filter(|p| self.node(*p).op == "filter" && self.children(*p).next() == Some(i));
        let filter = match top {
            Some(p) => self.filter(p),
            None => self.filter(i),
        };
        let nodes: Vec<usize> = std::iter::once(i).chain(top).collect();
        let (mut read, mut kept) = match top {
            Some(p) => (n.rows_total, self.node(p).rows_total),
            None => (n.rows_total.map(|r| r + n.removed.total().unwrap_or(0.0)), n.rows_total),
        };
        if !self.plan.analyzed {
            // Estimates: what is kept is told; what is read only where statistics or the plan itself tell the table's rows.
            let processes = self.processes(i);
            kept = top.map_or(n.est_rows, |p| self.node(p).est_rows).map(|r| (r * processes).round());
            let whole = matches!(n.op.as_str(), "table scan") || !self.searches(i);
            read = match (top, self.product) {
                (Some(_), _) => n.est_rows,
                (None, Product::Postgres | Product::Sqlite) if whole => self.table_rows(i),
                (None, Product::MariaDb | Product::MySql) => self.attr(i, &["rows", "rows_examined_per_scan"]).or(n.est_rows),
                _ => None,
            };
            if filter.is_none() && self.product != Product::Sqlite {
                kept = read;
            }
        } else if self.product == Product::Sqlite {
            // Rows that a loop visited are what it read; what its tests let through is not counted.
            read = n.rows_total.or_else(|| (n.op == "table scan" || !self.searches(i)).then(|| self.table_rows(i)).flatten());
            kept = None;
        }
        let weight = self.weigh(&nodes);
        // Reading conditions is the dear part: only where something may be said of them.
        let worth =
            matches!(weight, Some(Weight::Timed(_))) || weight.is_some() && read.or_else(|| self.table_rows(i)).is_some_and(|r| r >= MANY);
        let filter = match (self.product, filter) {
            _ if !worth => None,
            (Product::Sqlite, _) => self.statement_filter(i),
            (_, text) => text.map(|t| self.read(t)),
        };
        Some(Scan { at: i, top: top.unwrap_or(i), read, kept, filter, weight, arms: Vec::new() })
    }

    /// `about ` where the rows of a scan are means of several loops, rounded, times these.
    pub fn about(&self, scan: &Scan) -> &'static str {
        let off = |i: usize| self.node(i).rows_err.is_some_and(|e| e >= 0.5);
        if off(scan.at) || off(scan.top) { "about " } else { "" }
    }

    /// By which number the planner divided the estimated rows of a scan that several processes share (plans.md §2.8); 1 of others.
    fn processes(&self, i: usize) -> f64 {
        if self.product != Product::Postgres || !self.node(i).raw_op.starts_with("Parallel ") {
            return 1.0;
        }
        let gather = self.above(i).find(|a| self.node(*a).raw_op.starts_with("Gather"));
        let workers = gather.and_then(|g| self.node(g).workers_planned).map_or(0.0, f64::from);
        let leader = if self.setting("parallel_leader_participation") == Some("off") { 0.0 } else { (1.0 - 0.3 * workers).max(0.0) };
        if workers > 0.0 { workers + leader } else { 1.0 }
    }

    /// Rows of the node's table by its statistics.
    pub fn table_rows(&self, i: usize) -> Option<f64> {
        self.attr(i, &["rows at the last ANALYZE"]).or_else(|| self.table(i)?.rows)
    }

    /// What the statement itself tests on the node's table, for plans that print no filter.
    fn statement_filter(&self, i: usize) -> Option<Expr> {
        let select = self.select.as_ref()?;
        let alias = self.alias(i)?;
        // The names of the statement, not of a subquery or a view.
        select.tables.iter().find(|t| t.alias.eq_ignore_ascii_case(alias))?;
        let sole = select.tables.len() == 1;
        let own: Vec<Expr> = select
            .conditions
            .iter()
            .flat_map(Expr::conjuncts)
            .filter(|e| {
                let columns = e.columns();
                !columns.is_empty() && columns.iter().all(|c| c.may_be_of(alias) && (sole || c.qualifier.is_some()))
            })
            .cloned()
            .collect();
        (!own.is_empty())
            .then(|| if own.len() == 1 { own.into_iter().next().unwrap_or(Expr::Unread(String::new())) } else { Expr::And(own) })
    }

    /// Whether a LIMIT ends this node early: nothing between the two reads all of its input first.
    pub fn limited(&self, i: usize) -> Option<usize> {
        for a in self.above(i) {
            match self.node(a).op.as_str() {
                "limit" => return Some(a),
                "sort" | "aggregate" | "distinct" | "hash" | "materialize" | "window" => return None,
                _ => {}
            }
        }
        None
    }

    /// The executed subplans of a node that is a join: outer and inner.
    pub fn sides(&self, i: usize) -> Option<(usize, usize)> {
        let mut inputs = self.children(i).filter(|c| matches!(self.node(*c).role, Role::Outer | Role::Inner));
        Some((inputs.next()?, inputs.next()?))
    }
}

fn said<'a>(plan: &'a Plan, known: &'a Known) -> Option<&'a str> {
    known.statement.as_deref().or(plan.statement.as_deref())
}

fn lay<'a>(n: &'a PlanNode, parent: Option<usize>, path: &mut Vec<usize>, out: &mut Vec<Place<'a>>) {
    let at = out.len();
    out.push(Place { node: n, path: path.clone(), parent, end: at + 1 });
    for (i, c) in n.children.iter().enumerate() {
        path.push(i);
        lay(c, Some(at), path, out);
        path.pop();
    }
    out[at].end = out.len();
}
