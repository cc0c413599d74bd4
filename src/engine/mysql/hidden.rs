//! What a statement calls that its text does not show: functions inside views. A read-only transaction does not stop what
//! a function does outside of tables (`SELECT … INTO OUTFILE`, loadable functions), so such a view is refused.

use super::catalog::{SYSTEM, at, lit};
use crate::engine::Session;
use crate::model::{Dialect, Result};
use crate::sql::{self, Class, TokenKind};
use std::collections::BTreeSet;

/// Views that are followed before the look-up gives up (and refuses).
const MOST_VIEWS: usize = 200;

/// A sentence that names what may write behind `text`, which the classifier called a read.
pub(super) async fn writer(s: &Session, text: &str) -> Result<Option<String>> {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut level = vec![text.to_string()];
    while !level.is_empty() {
        let names: BTreeSet<String> = level.iter().flat_map(|t| names(t)).collect();
        level.clear();
        if names.is_empty() {
            break;
        }
        let list = names.iter().map(|n| lit(n)).collect::<Vec<_>>().join(", ");
        let found = s
            .fetch(format!(
                "SELECT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME), VIEW_DEFINITION FROM information_schema.VIEWS \
                 WHERE TABLE_NAME IN ({list}) AND TABLE_SCHEMA NOT IN ({SYSTEM})"
            ))
            .await?;
        for row in &found.rows {
            let (view, definition) = (at(row, 0), at(row, 1));
            if !seen.insert(view.to_string()) {
                continue;
            }
            if seen.len() > MOST_VIEWS {
                return Ok(Some(format!("more than {MOST_VIEWS} views stand behind it, too many to look through")));
            }
            if definition.is_empty() {
                return Ok(Some(format!("the view {view} cannot be looked into: GRANT SHOW VIEW ON {view} would let it be proven a read")));
            }
            let verdict = sql::classify(Dialect::MySql, definition);
            if verdict.class != Class::Read {
                return Ok(Some(format!("the view {view} may write: {}", verdict.reason)));
            }
            if let Some(f) = verdict.functions.first() {
                return Ok(Some(format!("the view {view} calls {f}, which may write")));
            }
            level.push(definition.to_string());
        }
    }
    Ok(None)
}

fn names(text: &str) -> Vec<String> {
    sql::lex(Dialect::MySql, text)
        .into_iter()
        .filter_map(|t| {
            let word = &text[t.span.clone()];
            match t.kind {
                TokenKind::Identifier | TokenKind::Keyword => Some(word.to_string()),
                TokenKind::QuotedIdentifier => Some(word.trim_matches('`').replace("``", "`")),
                _ => None,
            }
        })
        .collect()
}
