//! MySQL's optimizer hints: in the comment `/*+ … */` right behind the verb.

use super::{Proposal, ProposalKind, Proposals};
use crate::model::Dialect;
use crate::sql::complete::keywords::{Y, engine};

const HINTS: &[&str] = &[
    "BKA",
    "DERIVED_CONDITION_PUSHDOWN",
    "GROUP_INDEX",
    "INDEX",
    "INDEX_MERGE",
    "JOIN_FIXED_ORDER",
    "JOIN_INDEX",
    "JOIN_ORDER",
    "JOIN_PREFIX",
    "JOIN_SUFFIX",
    "MAX_EXECUTION_TIME",
    "MERGE",
    "MRR",
    "NO_BKA",
    "NO_BNL",
    "NO_DERIVED_CONDITION_PUSHDOWN",
    "NO_GROUP_INDEX",
    "NO_ICP",
    "NO_INDEX",
    "NO_INDEX_MERGE",
    "NO_JOIN_INDEX",
    "NO_MERGE",
    "NO_MRR",
    "NO_ORDER_INDEX",
    "NO_RANGE_OPTIMIZATION",
    "NO_SEMIJOIN",
    "NO_SKIP_SCAN",
    "ORDER_INDEX",
    "QB_NAME",
    "RESOURCE_GROUP",
    "SEMIJOIN",
    "SET_VAR",
    "SKIP_SCAN",
    "SUBQUERY",
];

/// Hints for the word that ends at byte `at` of a statement, if it is in such a comment; bytes count from the statement's start.
pub fn proposals(dialect: Dialect, mariadb: bool, statement: &str, at: usize) -> Option<Proposals> {
    if engine(dialect, mariadb) != Y {
        return None;
    }
    let before = &statement[..at];
    let open = before.rfind("/*+")?;
    let (verb, inside) = (before[..open].trim_end(), &before[open + 3..]);
    let verb = verb.rsplit(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    let hinted = ["select", "insert", "update", "delete", "replace"].iter().any(|v| verb.eq_ignore_ascii_case(v));
    // What a hint has in its brackets is the user's.
    if !hinted || inside.contains("*/") || inside.matches('(').count() > inside.matches(')').count() {
        return None;
    }
    let start = at - inside.chars().rev().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').count();
    let typed = &before[start..];
    let like = if typed.is_empty() { verb } else { typed };
    let upper = !like.chars().any(|c| c.is_ascii_lowercase());
    let fits = |h: &&&str| h.get(..typed.len()).is_some_and(|head| head.eq_ignore_ascii_case(typed));
    let proposal = |h: &&str| {
        let bare = if upper { (*h).to_string() } else { h.to_ascii_lowercase() };
        Proposal { kind: ProposalKind::Keyword, insert: format!("{bare}("), detail: "hint".into() }
    };
    Some(Proposals { replace: start..at, list: HINTS.iter().filter(fits).map(proposal).collect(), ..Proposals::default() })
}
