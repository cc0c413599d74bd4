//! What a writing statement sets off: the tables that its plan writes, their triggers with what those call, foreign keys, counters, and
//! whatever a rollback would not take back.
//!
//! Which tables are written is the planner's word. What functions do is read from their bodies, as `hidden` reads them; a body that
//! builds statements while it runs, or is not in SQL or PL/pgSQL, may do anything and counts as reaching outside.

use super::catalog::{array, cell, pinned};
use super::hidden::{INITDB, KNOWN_READER, VOLATILE, after_dots, called, calls_of, planner, writer};
use crate::engine::effects::{MOST, Reached, Touched, cascades};
use crate::engine::{Catalog, Session, Writer};
use crate::model::{Dialect, Effects, Result};
use crate::sql::rekey::columns_set;
use crate::sql::{self, TokenKind};
use std::collections::BTreeSet;

/// Volatile functions of the server's own whose work a rollback takes back, or which end with the session: it is closed afterwards.
const TAKEN_BACK: &[&str] = &[
    "nextval",
    "setval",
    "currval",
    "lastval",
    "pg_notify",
    "set_config",
    "setseed",
    "txid_current",
    "pg_current_xact_id",
    "pg_advisory_lock",
    "pg_advisory_lock_shared",
    "pg_advisory_unlock",
    "pg_advisory_unlock_all",
    "pg_advisory_unlock_shared",
    "pg_advisory_xact_lock",
    "pg_advisory_xact_lock_shared",
    "pg_try_advisory_lock",
    "pg_try_advisory_lock_shared",
    "pg_try_advisory_xact_lock",
    "pg_try_advisory_xact_lock_shared",
];

/// All that hangs on a table and its partitions. $1: schema, $2: name. A trigger of a partitioned table is told once. Casts: those by which
/// foreign keys carry a value over; to others only a statement's own text can come.
const TABLE: &str = "WITH RECURSIVE t(oid) AS (SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
       WHERE n.nspname = $1 AND c.relname = $2 \
       UNION SELECT i.inhrelid FROM t JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid), \
     types(oid) AS (SELECT a.atttypid FROM pg_catalog.pg_attribute a JOIN t ON a.attrelid = t.oid WHERE a.attnum > 0 AND NOT a.attisdropped \
       UNION SELECT x.oid FROM types m JOIN pg_catalog.pg_type y ON y.oid = m.oid CROSS JOIN LATERAL (SELECT y.typelem UNION ALL SELECT y.typbasetype \
         UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE y.oid::text IN (r.rngtypid::text, to_jsonb(r) ->> 'rngmultitypid') \
         UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE y.typrelid <> 0 AND a.attrelid = y.typrelid AND a.attnum > 0) x(oid) \
         WHERE x.oid <> 0), \
     made(classid, objid) AS (SELECT 'pg_catalog.pg_attrdef'::regclass, d.oid FROM pg_catalog.pg_attrdef d JOIN t ON d.adrelid = t.oid \
       UNION ALL SELECT 'pg_catalog.pg_constraint'::regclass, k.oid FROM pg_catalog.pg_constraint k JOIN t ON k.conrelid = t.oid \
       UNION ALL SELECT 'pg_catalog.pg_class'::regclass, i.indexrelid FROM pg_catalog.pg_index i JOIN t ON i.indrelid = t.oid \
       UNION ALL SELECT 'pg_catalog.pg_class'::regclass, k.partrelid FROM pg_catalog.pg_partitioned_table k JOIN t ON k.partrelid = t.oid \
       UNION ALL SELECT 'pg_catalog.pg_policy'::regclass, p.oid FROM pg_catalog.pg_policy p JOIN t ON p.polrelid = t.oid \
       UNION ALL SELECT 'pg_catalog.pg_type'::regclass, oid FROM types \
       UNION ALL SELECT 'pg_catalog.pg_constraint'::regclass, k.oid FROM pg_catalog.pg_constraint k JOIN types ON k.contypid = types.oid), \
     classes(family) AS (SELECT o.opcfamily FROM pg_catalog.pg_opclass o WHERE o.oid IN ( \
       SELECT unnest(i.indclass::oid[]) FROM pg_catalog.pg_index i JOIN t ON i.indrelid = t.oid \
       UNION ALL SELECT unnest(k.partclass::oid[]) FROM pg_catalog.pg_partitioned_table k JOIN t ON k.partrelid = t.oid)), \
     keys(oid) AS MATERIALIZED (SELECT unnest(ARRAY[y.oid, y.typbasetype]) FROM pg_catalog.pg_constraint f JOIN pg_catalog.pg_attribute a \
         ON a.attrelid = f.conrelid AND a.attnum = ANY (f.conkey) OR a.attrelid = f.confrelid AND a.attnum = ANY (f.confkey) \
       JOIN pg_catalog.pg_type y ON y.oid = a.atttypid \
       WHERE f.contype = 'f' AND (f.conrelid IN (SELECT oid FROM t) OR f.confrelid IN (SELECT oid FROM t))), \
     operators(oid) AS (SELECT d.refobjid FROM made m JOIN pg_catalog.pg_depend d ON d.classid = m.classid AND d.objid = m.objid \
         AND d.refclassid = 'pg_catalog.pg_operator'::regclass \
       UNION ALL SELECT a.amopopr FROM pg_catalog.pg_amop a JOIN classes ON classes.family = a.amopfamily), \
     fires AS (SELECT g.oid, g.tgname, g.tgrelid, g.tgtype FROM pg_catalog.pg_trigger g JOIN t ON t.oid = g.tgrelid \
       WHERE NOT g.tgisinternal AND g.tgenabled IN ('O', 'A') AND g.tgqual IS NOT NULL) \
     SELECT 'kind', c.relkind::text, c.oid::regclass::text, '', '', '' FROM t JOIN pg_catalog.pg_class c ON c.oid = t.oid \
     UNION ALL SELECT 'trigger', g.tgname, c.oid::regclass::text, g.tgtype::text, g.tginitdeferred::text, g.tgfoid::oid::text \
       FROM pg_catalog.pg_trigger g JOIN t ON t.oid = g.tgrelid JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid \
       WHERE NOT g.tgisinternal AND g.tgenabled IN ('O', 'A') AND coalesce(to_jsonb(g) ->> 'tgparentid', '0') = '0' \
     UNION ALL SELECT 'deferred', k.conname, c.oid::regclass::text, '', '', '' FROM pg_catalog.pg_constraint k JOIN t ON k.conrelid = t.oid \
       JOIN pg_catalog.pg_class c ON c.oid = t.oid WHERE k.condeferred AND k.contype <> 't' \
     UNION ALL SELECT 'refers', k.conname, k.confrelid::regclass::text, (SELECT json_agg(a.attname) FROM pg_catalog.pg_attribute a \
         WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey))::text, (k.confrelid = k.conrelid)::text, '' FROM pg_catalog.pg_constraint k JOIN t ON k.conrelid = t.oid \
       WHERE k.contype = 'f' \
     UNION ALL SELECT 'sequence', q.oid::regclass::text, '', '', '', '' FROM made m JOIN pg_catalog.pg_depend d ON d.classid = m.classid AND d.objid = m.objid \
       JOIN pg_catalog.pg_class q ON d.refclassid = 'pg_catalog.pg_class'::regclass AND q.oid = d.refobjid WHERE q.relkind = 'S' \
     UNION ALL SELECT 'sequence', q.oid::regclass::text, '', '', '', '' FROM pg_catalog.pg_depend d JOIN t ON t.oid = d.refobjid \
       JOIN pg_catalog.pg_class q ON q.oid = d.objid WHERE d.classid = 'pg_catalog.pg_class'::regclass \
         AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.deptype = 'i' AND q.relkind = 'S' \
     UNION ALL SELECT 'function', '', '', '', '', p.oid::text FROM made m JOIN pg_catalog.pg_depend d ON d.classid = m.classid AND d.objid = m.objid \
       JOIN pg_catalog.pg_proc p ON d.refclassid = 'pg_catalog.pg_proc'::regclass AND p.oid = d.refobjid \
     UNION ALL SELECT DISTINCT 'function', '', '', '', '', o.oprcode::oid::text FROM pg_catalog.pg_operator o WHERE o.oid IN (SELECT oid FROM operators) \
     UNION ALL SELECT DISTINCT 'function', '', '', '', '', a.amproc::oid::text FROM pg_catalog.pg_amproc a JOIN classes ON classes.family = a.amprocfamily \
     UNION ALL SELECT 'function', '', '', '', '', k.castfunc::text FROM pg_catalog.pg_cast k \
       WHERE k.castfunc <> 0 AND k.castcontext IN ('a', 'i') AND k.castsource IN (SELECT oid FROM keys) AND k.casttarget IN (SELECT oid FROM keys) \
     UNION ALL SELECT 'when', g.tgname, g.tgrelid::regclass::text, g.tgtype::text, \
       COALESCE(substring(pg_catalog.pg_get_triggerdef(g.oid) FROM 'WHEN (\\(.*\\)) EXECUTE '), ''), '' FROM fires g \
     UNION ALL SELECT 'when', g.tgname, g.tgrelid::regclass::text, g.tgtype::text, 'true', COALESCE(o.oprcode::oid, d.refobjid)::text FROM fires g \
       JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_trigger'::regclass AND d.objid = g.oid \
         AND d.refclassid IN ('pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_operator'::regclass) \
       LEFT JOIN pg_catalog.pg_operator o ON d.refclassid = 'pg_catalog.pg_operator'::regclass AND o.oid = d.refobjid \
       WHERE d.refclassid = 'pg_catalog.pg_operator'::regclass OR d.refobjid <> (SELECT g2.tgfoid FROM pg_catalog.pg_trigger g2 WHERE g2.oid = g.oid) \
     UNION ALL SELECT 'default', pg_catalog.pg_get_expr(d.adbin, d.adrelid), '', '', '', '' FROM pg_catalog.pg_attrdef d JOIN t ON d.adrelid = t.oid \
     UNION ALL SELECT 'default', pg_catalog.pg_get_expr(y.typdefaultbin, 0), '', '', '', '' FROM pg_catalog.pg_type y JOIN types ON types.oid = y.oid \
       WHERE y.typdefaultbin IS NOT NULL \
     UNION ALL SELECT 'holds', pg_catalog.pg_get_expr(k.conbin, k.conrelid), '', '', '', '' FROM pg_catalog.pg_constraint k \
       WHERE k.conbin IS NOT NULL AND (k.conrelid IN (SELECT oid FROM t) OR k.contypid IN (SELECT oid FROM types)) \
     UNION ALL SELECT 'holds', x.shown, '', '', '', '' FROM pg_catalog.pg_index i JOIN t ON i.indrelid = t.oid CROSS JOIN LATERAL ( \
       SELECT pg_catalog.pg_get_expr(i.indpred, i.indrelid) UNION ALL SELECT pg_catalog.pg_get_expr(i.indexprs, i.indrelid)) x(shown) WHERE x.shown IS NOT NULL \
     UNION ALL SELECT 'holds', pg_catalog.pg_get_expr(k.partexprs, k.partrelid), '', '', '', '' FROM pg_catalog.pg_partitioned_table k \
       JOIN t ON k.partrelid = t.oid WHERE k.partexprs IS NOT NULL \
     UNION ALL SELECT 'holds', x.shown, '', '', '', '' FROM pg_catalog.pg_policy p JOIN t ON p.polrelid = t.oid CROSS JOIN LATERAL ( \
       SELECT pg_catalog.pg_get_expr(p.polqual, p.polrelid) UNION ALL SELECT pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)) x(shown) WHERE x.shown IS NOT NULL \
     UNION ALL SELECT 'rule', r.rulename, c.oid::regclass::text, '', '', '' FROM pg_catalog.pg_rewrite r JOIN t ON r.ev_class = t.oid \
       JOIN pg_catalog.pg_class c ON c.oid = t.oid WHERE r.rulename <> '_RETURN' \
     UNION ALL SELECT DISTINCT 'under', n.nspname, b.relname, '', '', '' FROM pg_catalog.pg_rewrite r JOIN t ON r.ev_class = t.oid \
       JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass \
       JOIN pg_catalog.pg_class b ON b.oid = d.refobjid AND b.oid <> r.ev_class AND b.relkind IN ('r', 'p', 'v', 'f') \
       JOIN pg_catalog.pg_namespace n ON n.oid = b.relnamespace";

/// Functions by number ($1) and by name ($2), those of users, and by number the server's own volatile ones: with language and body. An aggregate stands for its parts.
const FUNCTIONS: &str = "WITH RECURSIVE {initdb}, f(oid) AS (SELECT p.oid FROM pg_catalog.pg_proc p WHERE p.oid = ANY ($1::oid[]) OR p.proname = ANY ($2::text[]) \
       UNION SELECT x.oid FROM f JOIN pg_catalog.pg_aggregate a ON a.aggfnoid = f.oid \
         CROSS JOIN LATERAL unnest(ARRAY[a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn]::oid[]) x(oid)) \
     SELECT p.oid::text, p.oid::regprocedure::text, l.lanname, p.provolatile::text, \
       CASE WHEN l.lanname NOT IN ('sql', 'plpgsql') OR p.prokind = 'a' THEN '' WHEN p.prosrc <> '' THEN p.prosrc ELSE pg_catalog.pg_get_functiondef(p.oid) END, \
       {known}::text, p.prokind::text, l.lanpltrusted::text, CASE WHEN own.made OR p.oid < 16384 AND p.provolatile = 'v' AND l.lanname IN ('internal', 'c') THEN p.proname ELSE '' END, \
       CASE WHEN NOT own.made THEN coalesce(pg_catalog.pg_get_expr(p.proargdefaults, 0), '') ELSE '' END \
     FROM f JOIN pg_catalog.pg_proc p ON p.oid = f.oid JOIN pg_catalog.pg_language l ON l.oid = p.prolang \
       CROSS JOIN LATERAL (SELECT p.oid < 16384 AND (p.xmin::text::bigint <= (SELECT xid FROM initdb)) IS TRUE) own(made) \
     WHERE NOT own.made OR p.provolatile = 'v' AND p.prokind <> 'a' AND p.oid = ANY ($1::oid[])";

const RELATIONS: &str = "SELECT c.relkind::text, n.nspname, c.relname, c.oid::regclass::text FROM pg_catalog.pg_class c \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = ANY ($1::text[]) AND c.relkind IN ('r', 'p', 'v', 'f', 'S') \
     AND n.nspname !~ '^pg_(catalog|toast)' AND n.nspname <> 'information_schema'";

/// Tables that the statement writes itself: schema and name.
type Direct = BTreeSet<(String, String)>;

struct Look<'a> {
    s: &'a Session,
    out: Effects,
    reached: Reached,
    /// Functions that were looked at, by number.
    seen: BTreeSet<String>,
    /// … and those that wait for it: numbers, and names with the body that calls them.
    numbers: Vec<String>,
    names: Vec<String>,
    /// The statement says DEFAULT, so an UPDATE may take one too.
    says_default: bool,
    /// The columns that the statement sets, where it updates one table and they can be told.
    sets: Option<Vec<String>>,
}

/// What is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Statement,
    Body,
    /// Expressions of a table, as the server writes them: its own words are not commands there.
    Expressions,
}

pub(super) async fn of(catalog: &dyn Catalog, s: &Session, text: &str) -> Result<Effects> {
    // Planning runs functions already: then nothing is asked of the planner.
    if let Some(Writer { why, .. }) = planner(s, text).await? {
        return Ok(Effects { outside: vec![format!("planning it runs functions: {why}")], ..Effects::default() });
    }
    let plan = s.explain(text, false).await?;
    let said = words(text);
    let mut look = Look::new(s, said.iter().any(|w| w == "default"));
    let upsert = said.iter().any(|w| w == "conflict");
    let mut written: Vec<(String, Touched, Option<f64>)> = Vec::new();
    plan.root.walk(0, &mut |_, n| {
        let Some(relation) = &n.relation else { return };
        let touched = match n.raw_op.split_whitespace().next().unwrap_or("") {
            "Insert" => Touched { insert: true, update: upsert, ..Touched::default() },
            "Update" => Touched { update: true, ..Touched::default() },
            "Delete" => Touched { delete: true, ..Touched::default() },
            "Merge" => Touched::ALL,
            _ => return,
        };
        let rows = n.children.first().and_then(|c| c.est_rows);
        written.push((relation.clone(), touched, rows));
    });
    if let [(_, touched, _)] = written.as_slice()
        && *touched == (Touched { update: true, ..Touched::default() })
    {
        look.sets = columns_set(Dialect::Postgres, text);
    }
    let mut direct = BTreeSet::new();
    for (relation, touched, rows) in &written {
        let about =
            rows.map_or(String::new(), |r| format!(", about {} by the planner", crate::text::counted(r.max(0.0).round() as u64, "row")));
        Effects::note(&mut look.out.written, format!("{relation}: {}{about}", touched.words()));
        Effects::note(
            &mut look.out.locks,
            format!("ROW EXCLUSIVE on {relation}, and each row that it writes: whoever writes these too waits"),
        );
        let (schema, name) = relation.split_once('.').unwrap_or(("public", relation));
        direct.insert((schema.to_string(), name.to_string()));
        look.reached.add(vec![schema.to_string(), name.to_string()], *touched);
    }
    if written.is_empty() {
        Effects::note(&mut look.out.stays, "the planner does not tell which table it writes");
    }
    if plan.attrs.keys().any(|k| k.contains("Rule")) {
        Effects::note(&mut look.out.stays, "rules make several statements of it");
    }
    look.text(text, "the statement", Kind::Statement).await?;
    look.all(Some((catalog, &direct))).await?;
    let mut out = look.out;
    Effects::note(&mut out.notes, "What is written and rolled back leaves dead versions of rows until the next VACUUM.");
    Ok(out)
}

/// What is computed with each row of a table that is written, and what that does: nothing is planned, and no key is followed.
pub(super) async fn of_rows(s: &Session, schema: &str, name: &str, touched: Touched) -> Result<Effects> {
    let mut look = Look::new(s, touched.insert);
    look.reached.add(vec![schema.to_string(), name.to_string()], touched);
    look.all(None).await?;
    Ok(look.out)
}

impl<'a> Look<'a> {
    fn new(s: &'a Session, says_default: bool) -> Self {
        let (out, reached, seen) = (Effects::default(), Reached::default(), BTreeSet::new());
        Look { s, out, reached, seen, numbers: Vec::new(), names: Vec::new(), says_default, sets: None }
    }

    /// Looks at all that waits, and at what that leads to; with a catalogue also along the foreign keys of tables beyond those that the
    /// statement writes itself.
    async fn all(&mut self, keys: Option<(&dyn Catalog, &Direct)>) -> Result<()> {
        let mut looked = 0;
        loop {
            looked += 1;
            if looked > MOST {
                Effects::note(&mut self.out.outside, "what stands behind it is too much to be looked through");
                return Ok(());
            }
            if let Some((table, touched)) = self.reached.next() {
                if let ([schema, name], Some((_, direct))) = (table.as_slice(), keys)
                    && (touched.insert || touched.update || touched.delete)
                    && !direct.contains(&(schema.clone(), name.clone()))
                {
                    Effects::note(
                        &mut self.out.locks,
                        format!(
                            "ROW EXCLUSIVE on {schema}.{name}, and each row of it that a trigger, a cascade or a part of the table writes"
                        ),
                    );
                }
                self.table(&table, touched, keys.map(|(_, direct)| direct)).await?;
                if let Some((catalog, _)) = keys {
                    cascades(catalog, self.s, &table, touched, &mut self.reached, &mut self.out).await?;
                }
            } else if !self.numbers.is_empty() || !self.names.is_empty() {
                self.functions().await?;
            } else {
                return Ok(());
            }
        }
    }

    async fn table(&mut self, table: &[String], touched: Touched, direct: Option<&Direct>) -> Result<()> {
        let [schema, name] = table else { return Ok(()) };
        let found = pinned(self.s, TABLE, &[schema, name]).await?;
        let kinds = found.rows.iter().filter(|r| cell(r, 0) == "kind").map(|r| cell(r, 1).to_string()).collect::<Vec<_>>();
        if kinds.is_empty() {
            Effects::note(&mut self.out.stays, format!("{schema}.{name} cannot be looked up"));
        }
        let fires = |bits: &str| {
            let bits: u32 = bits.parse().unwrap_or(0);
            let on_what = Touched { insert: bits & 4 != 0, delete: bits & 8 != 0, update: bits & 16 != 0 };
            let fires = (on_what.insert && touched.insert) || (on_what.delete && touched.delete) || (on_what.update && touched.update);
            (bits, on_what, fires)
        };
        let mut expressions: BTreeSet<&str> = BTreeSet::new();
        let direct = direct.is_some_and(|d| d.contains(&(schema.clone(), name.clone())));
        // A trigger before each row may set any column.
        let before = found.rows.iter().any(|r| {
            cell(r, 0) == "trigger" && {
                let (bits, _, fires) = fires(cell(r, 3));
                fires && bits & 3 == 3
            }
        });
        // A key of which no column is set is not looked up again; one that leads to the table itself may come back with a cascade.
        let kept = |columns: &str, itself: &str| {
            let key: Vec<String> = serde_json::from_str(columns).unwrap_or_default();
            let sets = self.sets.as_ref().filter(|_| direct && !before && !touched.insert && itself == "false");
            !key.is_empty() && sets.is_some_and(|s| key.iter().all(|k| !s.contains(k)))
        };
        let kept: BTreeSet<&str> =
            found.rows.iter().filter(|r| cell(r, 0) == "refers" && kept(cell(r, 3), cell(r, 4))).map(|r| cell(r, 1)).collect();
        for r in &found.rows {
            let (what, on) = (cell(r, 1), cell(r, 2));
            match cell(r, 0) {
                "kind" if what == "f" => Effects::note(&mut self.out.outside, format!("{on} is a foreign table: its rows are elsewhere")),
                "trigger" => {
                    let (bits, on_what, fires) = fires(cell(r, 3));
                    if !fires {
                        continue;
                    }
                    let moment = if bits & 64 != 0 {
                        "INSTEAD OF"
                    } else if bits & 2 != 0 {
                        "BEFORE"
                    } else {
                        "AFTER"
                    };
                    let each = if bits & 1 != 0 { "for each row" } else { "once" };
                    let function = self.name_of(cell(r, 5)).await?;
                    let line = format!("{what} {moment} {} on {on}, {each}, runs {function}", on_what.words());
                    if cell(r, 4) == "true" {
                        Effects::note(&mut self.out.deferred, format!("{line}; it is deferred, and measured as its commit would run it"));
                    }
                    Effects::note(&mut self.out.triggers, line);
                    self.numbers.push(cell(r, 5).to_string());
                }
                // Its condition runs functions, too.
                "when" if fires(cell(r, 3)).2 => match (cell(r, 4), cell(r, 5)) {
                    ("", _) => Effects::note(&mut self.out.outside, format!("the condition of the trigger {what} on {on} cannot be read")),
                    (condition, "") => _ = expressions.insert(condition),
                    (_, number) => self.numbers.push(number.to_string()),
                },
                // An UPDATE takes no default unasked, but a generated column and a foreign key's SET DEFAULT look alike: what only
                // counts on is left to those who insert.
                "default" if touched.insert || self.says_default || calls_of(what).iter().any(|c| c != "nextval") => {
                    _ = expressions.insert(what);
                }
                "holds" => _ = expressions.insert(what),
                "deferred" => Effects::note(
                    &mut self.out.deferred,
                    format!("the constraint {what} on {on} is deferred, and checked as its commit would check it"),
                ),
                "refers" if (touched.insert || touched.update) && !kept.contains(what) => Effects::note(
                    &mut self.out.locks,
                    format!("FOR KEY SHARE on the rows of {on} that are referred to ({what}): whoever deletes these waits"),
                ),
                "sequence" if touched.insert => Effects::note(&mut self.out.sequences, what),
                "function" => self.numbers.push(cell(r, 5).to_string()),
                "rule" => Effects::note(&mut self.out.stays, format!("the rule {what} on {on} makes another statement of it")),
                "under" if kinds.iter().any(|k| k == "v") => self.reached.add(vec![what.to_string(), on.to_string()], touched),
                _ => {}
            }
        }
        // The functions of users are known by number; the server's own stand in the text alone.
        if !expressions.is_empty() {
            let text = format!("SELECT {}", expressions.into_iter().collect::<Vec<_>>().join(", "));
            let who = format!("{schema}.{name} (a default, a constraint, an index, a policy or a trigger's condition)");
            self.text(&text, &who, Kind::Expressions).await?;
        }
        Ok(())
    }

    async fn name_of(&self, number: &str) -> Result<String> {
        let t = pinned(self.s, "SELECT $1::oid::regprocedure::text", &[number]).await?;
        Ok(t.rows.first().map_or_else(String::new, |r| cell(r, 0).to_string()))
    }

    /// Looks at the functions that wait.
    async fn functions(&mut self) -> Result<()> {
        let (numbers, names) = (std::mem::take(&mut self.numbers), std::mem::take(&mut self.names));
        let found =
            pinned(self.s, &FUNCTIONS.replace("{initdb}", INITDB).replace("{known}", KNOWN_READER), &[&array(&numbers), &array(&names)])
                .await?;
        for r in &found.rows {
            let (number, name, language, volatile) = (cell(r, 0), cell(r, 1), cell(r, 2), cell(r, 3) == "v");
            if !self.seen.insert(number.to_string()) || cell(r, 6) == "a" || cell(r, 5) == "true" {
                continue;
            }
            if self.seen.len() > MOST {
                Effects::note(&mut self.out.outside, "the functions behind it are too many to be looked through");
                return Ok(());
            }
            if !cell(r, 9).is_empty() {
                self.text(cell(r, 9), &format!("a default of the function {name}"), Kind::Expressions).await?;
            }
            match language {
                _ if !cell(r, 8).is_empty() => self.own(cell(r, 8), "what it sets off"),
                "sql" | "plpgsql" => self.text(cell(r, 4), &format!("the function {name}"), Kind::Body).await?,
                // Whoever made it in such a language and declared it to read only is believed, as everywhere.
                _ if !volatile && (cell(r, 7) == "true" || matches!(language, "c" | "internal")) => {}
                _ => Effects::note(&mut self.out.outside, format!("the function {name} is written in {language} and may do anything")),
            }
        }
        Ok(())
    }

    /// Notes what a volatile function of the server's own does.
    fn own(&mut self, function: &str, who: &str) {
        let mut known = sql::functions::known(Dialect::Postgres).chain(sql::functions::PG_CATALOG_HARMLESS.iter().copied());
        match function {
            "setval" => Effects::note(&mut self.out.stays, format!("{who} calls setval, and a sequence that was set stays set")),
            f if TAKEN_BACK.contains(&f) || known.any(|k| k == f) => {}
            f => Effects::note(&mut self.out.outside, format!("{who} calls {f}, whose work no rollback takes back")),
        }
    }

    /// Reads a statement, a function's body or expressions.
    async fn text(&mut self, text: &str, who: &str, kind: Kind) -> Result<()> {
        let body = kind == Kind::Body;
        let mut calls = match called(text) {
            Ok(calls) => calls,
            Err(_) if kind == Kind::Expressions => calls_of(text),
            Err(why) => {
                Effects::note(&mut self.out.outside, format!("{who} {why}, which may do anything"));
                return Ok(());
            }
        };
        let words = words(text);
        if kind != Kind::Expressions && words.iter().any(|w| w == "copy") {
            Effects::note(&mut self.out.outside, format!("{who} holds COPY, which may write files or run programs"));
        }
        let names = names(text);
        calls.extend(after_dots(text));
        let own = pinned(self.s, VOLATILE, &[&array(&calls)]).await?;
        for r in &own.rows {
            self.own(cell(r, 0), who);
        }
        let writes = words.iter().any(|w| matches!(w.as_str(), "insert" | "update" | "delete" | "merge" | "truncate"));
        let mut counted = false;
        for r in pinned(self.s, RELATIONS, &[&array(&names)]).await?.rows {
            let (kind, schema, name, shown) = (cell(&r, 0), cell(&r, 1), cell(&r, 2), cell(&r, 3));
            match kind {
                "S" => {
                    counted = true;
                    Effects::note(&mut self.out.sequences, shown);
                }
                "f" if body && writes => Effects::note(&mut self.out.outside, format!("{who} names the foreign table {shown}")),
                _ if body && writes => {
                    if !self.out.written.iter().any(|w| w.starts_with(&format!("{schema}.{name}: "))) {
                        Effects::note(&mut self.out.written, format!("{schema}.{name}: perhaps, by {who}"));
                    }
                    self.reached.add(vec![schema.to_string(), name.to_string()], Touched::ALL);
                }
                _ => {}
            }
        }
        if !counted && calls.iter().any(|c| c == "nextval") {
            Effects::note(&mut self.out.sequences, format!("one whose name {who} makes while it runs"));
        }
        if let Some(Writer { why, .. }) = writer(self.s, text).await? {
            Effects::note(&mut self.out.outside, format!("behind {who} {why}"));
        }
        self.names.extend(calls);
        Ok(())
    }
}

/// Unquoted words in lower case.
fn words(text: &str) -> Vec<String> {
    let word = |t: &sql::Token| matches!(t.kind, TokenKind::Identifier | TokenKind::Keyword);
    sql::lex(Dialect::Postgres, text).iter().filter(|t| word(t)).map(|t| text[t.span.clone()].to_ascii_lowercase()).collect()
}

/// Everything that may name a relation, as the catalogue writes it: strings too, because `nextval('s')` names one so.
fn names(text: &str) -> Vec<String> {
    let mut out = BTreeSet::new();
    for t in sql::lex(Dialect::Postgres, text) {
        let word = &text[t.span.clone()];
        match t.kind {
            TokenKind::Identifier | TokenKind::Keyword => _ = out.insert(word.to_lowercase()),
            TokenKind::QuotedIdentifier => _ = out.insert(word.trim_matches('"').replace("\"\"", "\"")),
            TokenKind::String => {
                let inner = word.trim_matches('\'');
                let last = inner.rsplit('.').next().unwrap_or(inner);
                out.insert(if last.contains('"') { last.trim_matches('"').to_string() } else { last.to_lowercase() });
            }
            _ => {}
        }
    }
    out.into_iter().collect()
}
