//! What a statement calls that its text does not show. A read-only transaction stops ordinary writes, but not what a
//! function does outside of it (`COPY … TO PROGRAM`, dblink, ending another session), so a read is refused when one of
//! its views, operators, casts, domains, aggregates or policies leads to a volatile function of a user.
//!
//! What stays hidden: a function that its author declared stable or immutable and that is not.

use super::catalog::{array, writing_functions};
use crate::engine::Session;
use crate::engine::referrers::from_rows;
use crate::model::{Dialect, Referrer, Result};
use crate::sql::{self, Class, TokenKind};
use std::collections::{BTreeMap, BTreeSet};

/// Views that are followed before the look-up gives up (and refuses).
const MOST_VIEWS: usize = 200;

/// Bytes of a name that the server keeps (NAMEDATALEN - 1): it cuts longer ones off, so `SELECT * FROM long…` may mean another name.
const NAME_BYTES: usize = 63;

/// One round trip for each level of views. $1: names in the text, $2: operators, $3: calls and fields, $4: whether it converts anything.
///
/// `named` is every type that is named, and those that it is made of: a conversion to a row, an array or a domain checks the
/// domains inside. A table's row type counts only where something is converted, for nobody reads a table by its type.
const LOOK: &str = "WITH RECURSIVE v AS (SELECT p.oid, p.proname, p.oid::regprocedure::text AS shown FROM pg_catalog.pg_proc p \
       JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
       WHERE p.provolatile = 'v' AND n.nspname NOT IN ('pg_catalog', 'information_schema')), \
     named(oid) AS (SELECT t.oid FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid \
         WHERE t.typname = ANY ($1::text[]) AND (c.oid IS NULL OR c.relkind = 'c' OR $4::boolean) \
       UNION SELECT x.oid FROM named m JOIN pg_catalog.pg_type t ON t.oid = m.oid CROSS JOIN LATERAL ( \
         SELECT t.typelem UNION ALL SELECT t.typbasetype \
         UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE t.oid::text IN (r.rngtypid::text, to_jsonb(r) ->> 'rngmultitypid') \
         UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE t.typrelid <> 0 AND a.attrelid = t.typrelid AND a.attnum > 0) x(oid) \
         WHERE x.oid <> 0) \
     SELECT 'calls', v.shown, '' FROM v WHERE v.proname = ANY ($3::text[]) \
     UNION ALL SELECT 'operator ' || o.oprname, v.shown, '' FROM pg_catalog.pg_operator o JOIN v ON v.oid = o.oprcode WHERE o.oprname = ANY ($2::text[]) \
     UNION ALL SELECT 'cast from ' || a.typname || ' to ' || b.typname, v.shown, '' FROM pg_catalog.pg_cast c JOIN v ON v.oid = c.castfunc \
       JOIN pg_catalog.pg_type a ON a.oid = c.castsource JOIN pg_catalog.pg_type b ON b.oid = c.casttarget \
       WHERE c.castcontext = 'i' OR $4::boolean OR a.typname = ANY ($1::text[]) OR b.typname = ANY ($1::text[]) \
         OR b.typname IN ('text', 'varchar', 'json', 'jsonb') \
     UNION ALL SELECT 'domain ' || t.typname, v.shown, '' FROM pg_catalog.pg_constraint con JOIN pg_catalog.pg_type t ON t.oid = con.contypid \
       JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_constraint'::regclass AND d.objid = con.oid AND d.refclassid = 'pg_catalog.pg_proc'::regclass \
       JOIN v ON v.oid = d.refobjid WHERE t.oid IN (SELECT oid FROM named) \
     UNION ALL SELECT 'aggregate ' || g.proname, v.shown, '' FROM pg_catalog.pg_aggregate a JOIN pg_catalog.pg_proc g ON g.oid = a.aggfnoid \
       JOIN v ON v.oid IN (a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn) WHERE g.proname = ANY ($3::text[]) \
     UNION ALL SELECT 'operator family ' || f.opfname, v.shown, '' FROM pg_catalog.pg_amproc a JOIN v ON v.oid = a.amproc \
       JOIN pg_catalog.pg_opfamily f ON f.oid = a.amprocfamily \
     UNION ALL SELECT 'operator family ' || f.opfname, v.shown, '' FROM pg_catalog.pg_amop a JOIN pg_catalog.pg_operator o ON o.oid = a.amopopr \
       JOIN v ON v.oid = o.oprcode JOIN pg_catalog.pg_opfamily f ON f.oid = a.amopfamily \
     UNION ALL SELECT 'policy ' || pol.polname, v.shown, '' FROM pg_catalog.pg_policy pol JOIN pg_catalog.pg_class c ON c.oid = pol.polrelid \
       JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_policy'::regclass AND d.objid = pol.oid AND d.refclassid = 'pg_catalog.pg_proc'::regclass \
       JOIN v ON v.oid = d.refobjid WHERE c.relrowsecurity AND c.relname = ANY ($1::text[]) \
     UNION ALL SELECT 'foreign table ' || c.relname, 'a program', '' FROM pg_catalog.pg_foreign_table f JOIN pg_catalog.pg_class c ON c.oid = f.ftrelid \
       WHERE EXISTS (SELECT 1 FROM unnest(f.ftoptions) o WHERE o LIKE 'program=%') \
         AND (c.relname = ANY ($1::text[]) OR EXISTS (SELECT 1 FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid)) \
     UNION ALL SELECT 'view', 'policy ' || pol.polname || ' on ' || c.oid::regclass::text, 'SELECT ' || pg_catalog.pg_get_expr(pol.polqual, pol.polrelid) \
       FROM pg_catalog.pg_policy pol JOIN pg_catalog.pg_class c ON c.oid = pol.polrelid \
       WHERE pol.polqual IS NOT NULL AND c.relrowsecurity AND c.relname = ANY ($1::text[]) \
     UNION ALL SELECT 'view', 'view ' || c.oid::regclass::text, pg_catalog.pg_get_viewdef(c.oid) FROM pg_catalog.pg_class c \
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
       WHERE c.relkind = 'v' AND c.relname = ANY ($1::text[]) AND n.nspname NOT IN ('pg_catalog', 'information_schema')";

/// Operators that words of the grammar call: `a IN (b)` is `a = b`, and so on.
const BEHIND_WORDS: &[(&str, &[&str])] = &[
    ("in", &["=", "<>"]),
    ("between", &["<", "<=", ">", ">="]),
    ("like", &["~~", "!~~"]),
    ("ilike", &["~~*", "!~~*"]),
    ("similar", &["~", "!~"]),
    ("case", &["="]),
    ("nullif", &["="]),
    ("using", &["="]),
    ("natural", &["="]),
    ("distinct", &["="]),
];

/// A sentence that names what may write behind `text`, which the classifier called a read.
pub(super) async fn writer(s: &Session, text: &str) -> Result<Option<String>> {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut level = vec![text.to_string()];
    while !level.is_empty() {
        let mut said = Said::default();
        for text in &level {
            said.gather(text);
        }
        let list = |set: &BTreeSet<String>| Some(array(&set.iter().cloned().collect::<Vec<_>>()));
        let params = vec![list(&said.names), list(&said.operators), list(&said.calls), Some(said.converts.to_string())];
        let found = s.fetch_with(LOOK, params).await?;
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
                        return Ok(Some(format!("the {view} may write: {}", verdict.reason)));
                    }
                    if let Some(f) = writing_functions(s, &verdict.functions).await?.into_iter().next() {
                        return Ok(Some(format!("the {view} calls {f}, which may write")));
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
#[derive(Debug, Default)]
struct Said {
    names: BTreeSet<String>,
    operators: BTreeSet<String>,
    calls: BTreeSet<String>,
    /// Some value is made another type's: `::`, CAST, `type 'literal'`, or a function that fills a row from JSON.
    converts: bool,
}

impl Said {
    fn name(&mut self, name: &str) {
        if name.len() > NAME_BYTES {
            let end = (0..=NAME_BYTES).rev().find(|&i| name.is_char_boundary(i)).unwrap_or(0);
            self.names.insert(name[..end].to_string());
        }
        self.names.insert(name.to_string());
    }

    fn gather(&mut self, text: &str) {
        let mut before = None;
        for t in sql::lex(Dialect::Postgres, text) {
            let word = &text[t.span.clone()];
            match t.kind {
                TokenKind::Whitespace | TokenKind::Comment => continue,
                TokenKind::Identifier | TokenKind::Keyword => {
                    // The server folds ASCII letters; others only where the encoding has one byte for each.
                    let ascii = word.to_ascii_lowercase();
                    self.name(&ascii);
                    self.name(&word.to_lowercase());
                    self.converts |= matches!(ascii.as_str(), "cast" | "xmltable" | "json_table") || ascii.contains("populate");
                    if let Some((_, operators)) = BEHIND_WORDS.iter().find(|(w, _)| *w == ascii) {
                        self.operators.extend(operators.iter().map(|o| (*o).to_string()));
                    }
                }
                TokenKind::QuotedIdentifier => {
                    let inner = word.strip_prefix('"').and_then(|w| w.strip_suffix('"')).unwrap_or(word);
                    let name = inner.replace("\"\"", "\"");
                    self.converts |= name.contains("populate");
                    self.name(&name);
                }
                TokenKind::Operator => {
                    self.converts |= word == "::";
                    self.operators.insert(word.to_string());
                }
                TokenKind::String => self.converts |= matches!(before, Some(TokenKind::Identifier | TokenKind::QuotedIdentifier)),
                _ => {}
            }
            before = Some(t.kind);
        }
        let verdict = sql::classify(Dialect::Postgres, text);
        self.calls
            .extend(verdict.calls.iter().chain(&verdict.fields).map(|n| n.rsplit('.').next().unwrap_or(n).trim_matches('"').to_string()));
    }
}

/// See `Catalog::beyond_the_rows`.
pub(super) async fn beyond(s: &Session, table: &[String]) -> Result<Vec<String>> {
    let name = table.iter().map(|p| Dialect::Postgres.quote_ident(p)).collect::<Vec<_>>().join(".");
    let found = s
        .fetch_with(
            "WITH t AS (SELECT to_regclass($1) AS oid) \
             SELECT 'trigger ' || g.tgname FROM pg_catalog.pg_trigger g, t WHERE g.tgrelid = t.oid AND NOT g.tgisinternal AND g.tgenabled <> 'D' \
             UNION ALL SELECT 'rule ' || r.rulename FROM pg_catalog.pg_rewrite r, t WHERE r.ev_class = t.oid AND r.rulename <> '_RETURN' \
             UNION ALL SELECT 'it is a view' FROM pg_catalog.pg_class c, t WHERE c.oid = t.oid AND c.relkind = 'v' \
             UNION ALL SELECT 'it is a foreign table' FROM pg_catalog.pg_class c, t WHERE c.oid = t.oid AND c.relkind = 'f'",
            vec![Some(name)],
        )
        .await?;
    Ok(found.rows.into_iter().filter_map(|mut r| r.pop().flatten()).collect())
}

/// See `Catalog::referrers`. Of the keys that a partitioned table's stands for, the topmost is told.
pub(super) async fn referrers(s: &Session, table: &[String]) -> Result<Vec<Referrer>> {
    const RULE: &str = "CASE {} WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT' ELSE '' END";
    let name = table.iter().map(|p| Dialect::Postgres.quote_ident(p)).collect::<Vec<_>>().join(".");
    let found = s
        .fetch_with(
            format!(
                "SELECT n.nspname, r.relname, c.conname, a.attname, b.attname, {}, {} \
                 FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_class r ON r.oid = c.conrelid \
                 JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace \
                 CROSS JOIN LATERAL unnest(c.conkey, c.confkey) WITH ORDINALITY k (own, other, place) \
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.own \
                 JOIN pg_catalog.pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = k.other \
                 WHERE c.contype = 'f' AND c.confrelid = to_regclass($1) \
                 AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint p WHERE p.oid = c.conparentid AND p.confrelid = c.confrelid) \
                 ORDER BY c.oid, k.place",
                RULE.replace("{}", "c.confdeltype"),
                RULE.replace("{}", "c.confupdtype"),
            ),
            vec![Some(name)],
        )
        .await?;
    from_rows(found.rows, true)
}

/// See `Catalog::changes_counted`. Rows of partitions count for their table.
pub(super) async fn changes_counted(s: &Session) -> Result<Option<BTreeMap<String, u64>>> {
    let found = s
        .fetch(
            "SELECT n.nspname || '.' || c.relname, sum(x.n_tup_upd + x.n_tup_del) FROM pg_catalog.pg_stat_xact_user_tables x \
             JOIN pg_catalog.pg_class c ON c.oid = COALESCE(pg_partition_root(x.relid), x.relid) \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE current_setting('track_counts')::boolean GROUP BY 1 HAVING sum(x.n_tup_upd + x.n_tup_del) > 0 \
             UNION ALL SELECT NULL, NULL WHERE NOT current_setting('track_counts')::boolean",
        )
        .await?;
    let mut out = BTreeMap::new();
    for row in found.rows {
        match &row[..] {
            [Some(table), Some(n)] => _ = out.insert(table.clone(), n.parse().unwrap_or(0)),
            _ => return Ok(None),
        }
    }
    Ok(Some(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Said {
        let mut out = Said::default();
        out.gather(text);
        out
    }

    #[test]
    fn names_operators_and_calls_are_gathered() {
        let s = said("select \"Wei\"\"rd\", t.f, public.G(x) from V_a where a #### 2");
        assert!(s.names.contains("v_a") && s.names.contains("Wei\"rd"), "{s:?}");
        assert!(s.operators.contains("####") && !s.operators.contains("="), "{s:?}");
        assert!(s.calls.contains("g") && s.calls.contains("f"), "{s:?}");
    }

    #[test]
    fn names_are_cut_and_folded_as_the_server_does_it() {
        let long = "é".repeat(40);
        let s = said(&format!("select * from {long}, \"{long}x\", VÉ"));
        assert!(s.names.contains(&"é".repeat(31)) && s.names.contains(&long), "{s:?}");
        assert!(s.names.contains("vÉ") && s.names.contains("vé"), "{s:?}");
    }

    #[test]
    fn what_converts_is_seen() {
        for text in
            ["select a::b", "select cast(a as b)", "select t '(7)'", "select \"t\" /* */ '(7)'", "select jsonb_populate_record(t, j)"]
        {
            assert!(said(text).converts, "{text}");
        }
        assert!(!said("select 'a', t.b from t where c = 'd'").converts);
        assert!(said("select 1 where a in (1)").operators.contains("="));
    }
}
