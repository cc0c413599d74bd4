//! SQLite's `EXPLAIN QUERY PLAN` as a tree. It has neither estimates nor times for nodes; a run with scan statistics (`scans`)
//! counts loops, rows and cycles.

use crate::model::Dialect;
use crate::model::plan::{Plan, PlanNode, Role};
use crate::sql::{TokenKind, lex};
use detail::Detail;
use std::collections::HashMap;

mod detail;
/// What a run counted for each line.
pub mod scans;
/// The lines as clients print them.
pub mod text;

/// What the plan's sentences need of the schema.
#[derive(Debug, Default)]
pub struct Known {
    /// Tables by lower-case name: their name, and rows by the last ANALYZE.
    pub tables: HashMap<String, (String, Option<u64>)>,
    /// Lower-case aliases of the statement with the table that each stands for.
    aliases: HashMap<String, String>,
}

impl Known {
    /// Of these tables (by lower-case name: their name, and rows by the last ANALYZE) and of the statement that names them.
    pub fn new(tables: HashMap<String, (String, Option<u64>)>, statement: &str) -> Known {
        let aliases = aliases(statement, &tables);
        Known { tables, aliases }
    }
}

/// One line: id, id of its parent (0 for none), words.
pub type Line = (i64, i64, String);

/// The tree of these lines.
pub fn read(lines: &[Line], known: &Known, version: &str) -> Plan {
    let mut root = PlanNode { op: "query".into(), raw_op: "QUERY PLAN".into(), ..PlanNode::default() };
    root.children = below(0, lines, known, 0);
    root.number();
    let raw = lines.iter().map(|(id, parent, text)| format!("{id}|{parent}|0|{text}\n")).collect();
    Plan { engine: "SQLite".into(), version: version.into(), raw, root, ..Plan::default() }
}

/// `orders o` and `orders AS o`: SQLite's plan shows only the alias. Best effort over the tokens: a table's name right before another name.
fn aliases(text: &str, tables: &HashMap<String, (String, Option<u64>)>) -> HashMap<String, String> {
    let name = |kind, text: &str| match kind {
        TokenKind::QuotedIdentifier => text.get(1..text.len().saturating_sub(1)).map(str::to_lowercase),
        TokenKind::Identifier | TokenKind::Keyword => Some(text.to_lowercase()),
        _ => None,
    };
    let words: Vec<Option<String>> = lex(Dialect::Sqlite, text)
        .into_iter()
        .filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment))
        .map(|t| name(t.kind, &text[t.span]))
        .collect();
    let mut out = HashMap::new();
    for (i, word) in words.iter().enumerate() {
        let Some((table, _)) = word.as_ref().and_then(|w| tables.get(w)) else { continue };
        let next = |n: usize| words.get(i + n).and_then(Option::as_ref);
        let alias = if next(1).is_some_and(|w| w == "as") { next(2) } else { next(1) };
        if let Some(alias) = alias {
            out.entry(alias.clone()).or_insert_with(|| table.clone());
        }
    }
    out
}

/// Deeper than any plan that SQLite makes (its expression depth limit is 1000); keeps a broken parent chain from looping.
const MAX_DEPTH: usize = 1000;

fn below(parent: i64, lines: &[(i64, i64, String)], known: &Known, depth: usize) -> Vec<PlanNode> {
    if depth > MAX_DEPTH {
        return Vec::new();
    }
    let mut loops = 0;
    let mut out = Vec::new();
    for (id, _, text) in lines.iter().filter(|(id, p, _)| *p == parent && *id != parent) {
        let d = detail::parse(text);
        let mut node = node(text, &d, known);
        if d.loops {
            // Neighbours are the loops of a join, from the outermost to the innermost.
            node.role = if loops == 0 { Role::Outer } else { Role::Inner };
            loops += 1;
        }
        if let Some((_, Some(rows))) = node.relation.as_ref().and_then(|r| known.tables.get(&r.to_lowercase())) {
            node.attrs.insert("rows at the last ANALYZE".into(), rows.to_string());
        }
        node.children = below(*id, lines, known, depth + 1);
        out.push(node);
    }
    out
}

fn node(text: &str, d: &Detail, known: &Known) -> PlanNode {
    let mut node = PlanNode { op: d.op.into(), raw_op: text.into(), index: d.index.clone(), ..PlanNode::default() };
    if let Some(name) = &d.relation {
        let lower = name.to_lowercase();
        match (known.tables.get(&lower), known.aliases.get(&lower)) {
            (None, Some(table)) => {
                node.relation = Some(table.clone());
                node.alias = Some(name.clone());
            }
            _ => node.relation = Some(name.clone()),
        }
    }
    if let Some(condition) = &d.condition {
        node.conditions.push((if d.index.is_some() || d.automatic { "Index" } else { "Key" }.into(), condition.clone()));
    }
    if let Some(purpose) = &d.purpose {
        node.attrs.insert("for".into(), purpose.clone());
    }
    if d.left_join {
        node.attrs.insert("join".into(), "left".into());
    }
    if d.op.contains("subquery") {
        node.role = Role::SubPlan;
    }
    node
}
