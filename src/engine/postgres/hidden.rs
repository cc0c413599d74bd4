//! What a statement calls that its text does not show. A read-only transaction stops ordinary writes, but not what a
//! function does outside of it (`COPY … TO PROGRAM`, dblink, ending another session), so a read is refused when one of
//! its views, operators, casts, domains, aggregates or policies leads to a volatile function of a user.
//!
//! What stays hidden: a function that its author declared stable or immutable and that is not.

use super::catalog::{array, writing_functions};
use crate::engine::Session;
use crate::model::{Dialect, Result};
use crate::sql::{self, Class, TokenKind};
use std::collections::BTreeSet;

/// Views that are followed before the look-up gives up (and refuses).
const MOST_VIEWS: usize = 200;

/// One round trip for each level of views. $1: names in the text, $2: operators, $3: calls and fields.
const LOOK: &str = "WITH v AS (SELECT p.oid, p.proname, p.oid::regprocedure::text AS shown FROM pg_catalog.pg_proc p \
       JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
       WHERE p.provolatile = 'v' AND n.nspname NOT IN ('pg_catalog', 'information_schema')) \
     SELECT 'calls', v.shown, '' FROM v WHERE v.proname = ANY ($3::text[]) \
     UNION ALL SELECT 'operator ' || o.oprname, v.shown, '' FROM pg_catalog.pg_operator o JOIN v ON v.oid = o.oprcode WHERE o.oprname = ANY ($2::text[]) \
     UNION ALL SELECT 'cast from ' || a.typname || ' to ' || b.typname, v.shown, '' FROM pg_catalog.pg_cast c JOIN v ON v.oid = c.castfunc \
       JOIN pg_catalog.pg_type a ON a.oid = c.castsource JOIN pg_catalog.pg_type b ON b.oid = c.casttarget \
       WHERE c.castcontext = 'i' OR a.typname = ANY ($1::text[]) OR b.typname = ANY ($1::text[]) OR b.typname IN ('text', 'varchar') \
     UNION ALL SELECT 'domain ' || t.typname, v.shown, '' FROM pg_catalog.pg_constraint con JOIN pg_catalog.pg_type t ON t.oid = con.contypid \
       JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_constraint'::regclass AND d.objid = con.oid AND d.refclassid = 'pg_catalog.pg_proc'::regclass \
       JOIN v ON v.oid = d.refobjid WHERE t.typname = ANY ($1::text[]) \
     UNION ALL SELECT 'aggregate ' || g.proname, v.shown, '' FROM pg_catalog.pg_aggregate a JOIN pg_catalog.pg_proc g ON g.oid = a.aggfnoid \
       JOIN v ON v.oid IN (a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn) WHERE g.proname = ANY ($3::text[]) \
     UNION ALL SELECT 'policy ' || pol.polname, v.shown, '' FROM pg_catalog.pg_policy pol JOIN pg_catalog.pg_class c ON c.oid = pol.polrelid \
       JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_policy'::regclass AND d.objid = pol.oid AND d.refclassid = 'pg_catalog.pg_proc'::regclass \
       JOIN v ON v.oid = d.refobjid WHERE c.relrowsecurity AND c.relname = ANY ($1::text[]) \
     UNION ALL SELECT 'view', c.oid::regclass::text, pg_catalog.pg_get_viewdef(c.oid) FROM pg_catalog.pg_class c \
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
       WHERE c.relkind = 'v' AND c.relname = ANY ($1::text[]) AND n.nspname NOT IN ('pg_catalog', 'information_schema')";

/// A sentence that names what may write behind `text`, which the classifier called a read.
pub(super) async fn writer(s: &Session, text: &str) -> Result<Option<String>> {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut level = vec![text.to_string()];
    while !level.is_empty() {
        let (mut names, mut operators, mut calls) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for text in &level {
            gather(text, &mut names, &mut operators, &mut calls);
        }
        let list = |set: &BTreeSet<String>| Some(array(&set.iter().cloned().collect::<Vec<_>>()));
        let found = s.fetch_with(LOOK, vec![list(&names), list(&operators), list(&calls)]).await?;
        level.clear();
        for row in &found.rows {
            let cell = |i: usize| row.get(i).and_then(Option::as_deref).unwrap_or("");
            match cell(0) {
                "view" => {
                    let (view, definition) = (cell(1), cell(2));
                    if !seen.insert(view.to_string()) {
                        continue;
                    }
                    if seen.len() > MOST_VIEWS {
                        return Ok(Some(format!("more than {MOST_VIEWS} views stand behind it, too many to look through")));
                    }
                    let verdict = sql::classify(Dialect::Postgres, definition);
                    if verdict.class != Class::Read {
                        return Ok(Some(format!("the view {view} may write: {}", verdict.reason)));
                    }
                    if let Some(f) = writing_functions(s, &verdict.functions).await?.into_iter().next() {
                        return Ok(Some(format!("the view {view} calls {f}, which may write")));
                    }
                    level.push(definition.to_string());
                }
                "calls" => return Ok(Some(format!("the function {} may write", cell(1)))),
                what => return Ok(Some(format!("the {what} calls {}, which may write", cell(1)))),
            }
        }
    }
    Ok(None)
}

/// Every name, operator and call of a text, as the catalogue writes them.
fn gather(text: &str, names: &mut BTreeSet<String>, operators: &mut BTreeSet<String>, calls: &mut BTreeSet<String>) {
    for t in sql::lex(Dialect::Postgres, text) {
        let word = &text[t.span.clone()];
        match t.kind {
            TokenKind::Identifier | TokenKind::Keyword => {
                names.insert(word.to_lowercase());
            }
            TokenKind::QuotedIdentifier => {
                let inner = word.strip_prefix('"').and_then(|w| w.strip_suffix('"')).unwrap_or(word);
                names.insert(inner.replace("\"\"", "\""));
            }
            TokenKind::Operator => {
                operators.insert(word.to_string());
            }
            _ => {}
        }
    }
    let verdict = sql::classify(Dialect::Postgres, text);
    calls.extend(verdict.calls.iter().chain(&verdict.fields).map(|n| n.rsplit('.').next().unwrap_or(n).trim_matches('"').to_string()));
}

/// See `Catalog::beyond_the_rows`.
pub(super) async fn beyond(s: &Session, table: &[String]) -> Result<Vec<String>> {
    let name = table.iter().map(|p| Dialect::Postgres.quote_ident(p)).collect::<Vec<_>>().join(".");
    let found = s
        .fetch_with(
            "WITH t AS (SELECT to_regclass($1) AS oid) \
             SELECT 'trigger ' || g.tgname FROM pg_catalog.pg_trigger g, t WHERE g.tgrelid = t.oid AND NOT g.tgisinternal AND g.tgenabled <> 'D' \
             UNION ALL SELECT 'foreign key ' || c.conname || ' of ' || c.conrelid::regclass::text || ' changes rows there, too' \
               FROM pg_catalog.pg_constraint c, t WHERE c.contype = 'f' AND c.confrelid = t.oid AND (c.confdeltype IN ('c', 'n', 'd') OR c.confupdtype IN ('c', 'n', 'd')) \
             UNION ALL SELECT 'rule ' || r.rulename FROM pg_catalog.pg_rewrite r, t WHERE r.ev_class = t.oid AND r.rulename <> '_RETURN' \
             UNION ALL SELECT 'it is a view' FROM pg_catalog.pg_class c, t WHERE c.oid = t.oid AND c.relkind = 'v' \
             UNION ALL SELECT 'it is a foreign table' FROM pg_catalog.pg_class c, t WHERE c.oid = t.oid AND c.relkind = 'f'",
            vec![Some(name)],
        )
        .await?;
    Ok(found.rows.into_iter().filter_map(|mut r| r.pop().flatten()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_operators_and_calls_are_gathered() {
        let (mut n, mut o, mut c) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        gather("select \"Wei\"\"rd\", t.f, public.G(x) from V_a where a #### 2", &mut n, &mut o, &mut c);
        assert!(n.contains("v_a") && n.contains("Wei\"rd"), "{n:?}");
        assert!(o.contains("####"), "{o:?}");
        assert!(c.contains("g") && c.contains("f"), "{c:?}");
    }
}
