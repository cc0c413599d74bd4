//! What a writing statement sets off: the tables that it names, their triggers and what these call and write, foreign keys, counters,
//! and whatever a rollback would not take back. All from the catalogue and from the texts of bodies: the server is not asked to plan it,
//! because planning may run functions here.
//!
//! A trigger is not shown to a login without the right to it, so its absence is believed only with that right.

use super::catalog::{SYSTEM, at, lit};
use super::hidden::names;
use crate::engine::effects::{MOST, Reached, Touched, cascades};
use crate::engine::{Catalog, Session};
use crate::model::{Dialect, Effects, Result};
use crate::sql::before::{Before, before_image, changed_table, unknown_calls};
use crate::sql::outside::{Neighbours, databases_named, outside};
use crate::sql::{self, TokenKind};
use std::collections::BTreeSet;

const D: Dialect = Dialect::MySql;

/// Types that stand in front of brackets in bodies, and what else is no function there.
pub(super) const NO_FUNCTIONS: &[&str] = &[
    "varchar",
    "char",
    "decimal",
    "numeric",
    "int",
    "integer",
    "bigint",
    "smallint",
    "tinyint",
    "mediumint",
    "float",
    "double",
    "varbinary",
    "binary",
    "bit",
    "datetime",
    "timestamp",
    "time",
    "year",
    "enum",
    "set",
    "text",
    "values",
    "value",
    "in",
    "if",
    "exists",
    "using",
    "key",
    "on",
    "and",
    "or",
    "not",
    "when",
    "then",
    "else",
    "elseif",
    "while",
    "until",
    "return",
    "as",
    "from",
    "where",
    "select",
    "join",
    "into",
    // Counters: told apart.
    "nextval",
    "lastval",
    "last_insert_id",
    "row_count",
    "found_rows",
    "connection_id",
    "database",
    "schema",
    "user",
    "current_user",
];

struct Look<'a> {
    s: &'a Session,
    out: Effects,
    reached: Reached,
    seen: BTreeSet<String>,
    around: Neighbours,
    /// The session's own database, in lower case.
    own: String,
}

pub(super) async fn of(catalog: &dyn Catalog, s: &Session, text: &str) -> Result<Effects> {
    let own = s.fetch("SELECT LOWER(COALESCE(DATABASE(), ''))").await?.scalar().unwrap_or("").to_string();
    let around = catalog.neighbours(s).await?;
    let mut look = Look { s, out: Effects::default(), reached: Reached::default(), seen: BTreeSet::new(), around, own };
    let touched = touched(text);
    let found = look.relations(text).await?;
    let first = matches!(before_image(D, text), Before::Select(_) | Before::Nothing) || is(text, 0, "insert");
    let named = changed_table(D, text).filter(|_| first);
    let mut any = false;
    for r in &found {
        let written = match named.as_deref() {
            Some([schema, table]) => r.schema.eq_ignore_ascii_case(schema) && r.name.eq_ignore_ascii_case(table),
            Some([table]) => r.schema.eq_ignore_ascii_case(&look.own) && r.name.eq_ignore_ascii_case(table),
            // Of a statement over several tables each may be written.
            _ => r.kind != "SEQUENCE",
        };
        if written {
            any = true;
            let perhaps = if named.is_none() && found.len() > 1 { " perhaps" } else { "" };
            Effects::note(&mut look.out.written, format!("{}.{}: {}{perhaps}", r.schema, r.name, touched.words()));
            Effects::note(&mut look.out.locks, lock(r));
            look.reached.add(vec![r.schema.clone(), r.name.clone()], touched);
        }
    }
    if !any {
        Effects::note(&mut look.out.outside, "the table that it writes is not found in the catalogue");
    }
    look.text(text, "the statement", false).await?;
    let mut looked = 0;
    while let Some((table, touched)) = look.reached.next() {
        looked += 1;
        if looked > MOST {
            Effects::note(&mut look.out.outside, "what stands behind it is too much to be looked through");
            break;
        }
        look.table(&table, touched).await?;
        cascades(catalog, s, &table, touched, &mut look.reached, &mut look.out).await?;
    }
    if !look.sees_triggers().await? {
        let why = format!("whether triggers fire cannot be seen: GRANT TRIGGER ON {}.* would let it be", look.own);
        Effects::note(&mut look.out.outside, why);
    }
    Ok(look.out)
}

/// A table, view or sequence that a text names.
struct Relation {
    schema: String,
    name: String,
    kind: String,
    engine: String,
    transactional: bool,
}

/// What writing a table locks.
fn lock(r: &Relation) -> String {
    let (schema, name) = (&r.schema, &r.name);
    match r.transactional || matches!(r.kind.as_str(), "VIEW" | "SYSTEM VIEW" | "SEQUENCE") {
        true => format!("each row of {schema}.{name} that it reads to write it, the gaps beside them, and the table's definition"),
        false => {
            format!("the whole table {schema}.{name}: {} locks no single rows", if r.engine.is_empty() { "its engine" } else { &r.engine })
        }
    }
}

impl Look<'_> {
    async fn relations(&self, text: &str) -> Result<Vec<Relation>> {
        let words: BTreeSet<String> = names(text).into_iter().collect();
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let list = words.iter().map(|n| lit(n)).collect::<Vec<_>>().join(", ");
        let found = self
            .s
            .fetch(format!(
                "SELECT t.TABLE_SCHEMA, t.TABLE_NAME, t.TABLE_TYPE, COALESCE(t.ENGINE, ''), COALESCE(e.TRANSACTIONS, '') \
                 FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE \
                 WHERE t.TABLE_NAME IN ({list}) AND (t.TABLE_SCHEMA = DATABASE() OR t.TABLE_SCHEMA IN ({list}))"
            ))
            .await?;
        let one = |r: &Vec<Option<String>>| Relation {
            schema: at(r, 0).into(),
            name: at(r, 1).into(),
            kind: at(r, 2).into(),
            engine: at(r, 3).into(),
            transactional: at(r, 4) == "YES",
        };
        Ok(found.rows.iter().map(one).collect())
    }

    async fn table(&mut self, table: &[String], touched: Touched) -> Result<()> {
        let [schema, name] = table else { return Ok(()) };
        let shown = format!("{schema}.{name}");
        let of = format!("TABLE_SCHEMA = {} AND TABLE_NAME = {}", lit(schema), lit(name));
        if SYSTEM.contains(&lit(&schema.to_lowercase())) {
            Effects::note(&mut self.out.outside, format!("{shown} is the server's own"));
        }
        for r in self.relations(&format!("{}.{}", D.quote_ident(schema), D.quote_ident(name))).await? {
            if !r.schema.eq_ignore_ascii_case(schema) || !r.name.eq_ignore_ascii_case(name) {
                continue;
            }
            match r.kind.as_str() {
                "VIEW" | "SYSTEM VIEW" => {
                    let view = self.s.fetch(format!("SELECT VIEW_DEFINITION FROM information_schema.VIEWS WHERE {of}")).await?;
                    let definition = view.scalar().unwrap_or("").to_string();
                    if definition.is_empty() {
                        Effects::note(&mut self.out.outside, format!("the view {shown} cannot be looked into"));
                    }
                    for b in self.relations(&definition).await? {
                        self.reached.add(vec![b.schema, b.name], touched);
                    }
                }
                "SEQUENCE" => {
                    Effects::note(&mut self.out.stays, format!("the sequence {shown}: no rollback takes back what is set in one"));
                }
                _ if !r.transactional => {
                    Effects::note(&mut self.out.stays, format!("rows of {shown}: its engine {} cannot roll back", r.engine));
                }
                _ => {}
            }
        }
        if touched.insert {
            let counting = self
                .s
                .fetch(format!(
                    "SELECT COLUMN_NAME, EXTRA, COALESCE(COLUMN_DEFAULT, '') FROM information_schema.COLUMNS WHERE {of} \
                     AND (EXTRA LIKE '%auto_increment%' OR COLUMN_DEFAULT LIKE '%nextval(%')"
                ))
                .await?;
            for r in &counting.rows {
                if at(r, 1).contains("auto_increment") {
                    Effects::note(&mut self.out.sequences, format!("AUTO_INCREMENT of {shown} ({})", at(r, 0)));
                }
                for q in self.relations(at(r, 2)).await?.iter().filter(|q| q.kind == "SEQUENCE") {
                    Effects::note(&mut self.out.sequences, format!("the sequence {}.{}", q.schema, q.name));
                }
            }
        }
        let triggers = self
            .s
            .fetch(format!(
                "SELECT TRIGGER_NAME, ACTION_TIMING, EVENT_MANIPULATION, ACTION_STATEMENT FROM information_schema.TRIGGERS \
                 WHERE EVENT_OBJECT_SCHEMA = {} AND EVENT_OBJECT_TABLE = {} ORDER BY ACTION_ORDER",
                lit(schema),
                lit(name)
            ))
            .await?;
        for r in &triggers.rows {
            let event = at(r, 2);
            let fires = match event {
                "INSERT" => touched.insert,
                "UPDATE" => touched.update,
                _ => touched.delete,
            };
            if !fires {
                continue;
            }
            Effects::note(&mut self.out.triggers, format!("{} {} {event} on {shown}, for each row", at(r, 0), at(r, 1)));
            self.text(at(r, 3), &format!("the trigger {}", at(r, 0)), true).await?;
        }
        Ok(())
    }

    /// Reads a statement or a body.
    async fn text(&mut self, text: &str, who: &str, body: bool) -> Result<()> {
        if !self.seen.insert(format!("{who}\n{text}")) {
            return Ok(());
        }
        if self.seen.len() > MOST {
            Effects::note(&mut self.out.outside, "what stands behind it is too much to be looked through");
            return Ok(());
        }
        if text.is_empty() {
            Effects::note(&mut self.out.outside, format!("{who} cannot be looked into"));
            return Ok(());
        }
        let words = words(text);
        if words.iter().any(|w| matches!(w.as_str(), "outfile" | "dumpfile")) {
            Effects::note(&mut self.out.outside, format!("{who} writes a file"));
        }
        if words.iter().any(|w| matches!(w.as_str(), "delayed")) {
            Effects::note(&mut self.out.outside, format!("{who} is done later, by another session"));
        }
        let others = Neighbours {
            databases: self.around.databases.iter().filter(|d| **d != self.own).cloned().collect(),
            elsewhere: self.around.elsewhere.clone(),
        };
        if let Some(o) = outside(D, text, &others) {
            Effects::note(&mut self.out.outside, format!("{who}: {} {}", o.what, o.why));
        } else if databases_named(text, &BTreeSet::from([self.own.clone()])).contains(&self.own) {
            Effects::note(&mut self.out.back, format!("{who} names the database {}", self.own));
        }
        let found = self.relations(text).await?;
        let writes = words.iter().any(|w| matches!(w.as_str(), "insert" | "update" | "delete" | "replace"));
        for r in &found {
            if r.kind == "SEQUENCE" {
                let takes = words.iter().any(|w| matches!(w.as_str(), "nextval" | "next"));
                if takes {
                    Effects::note(&mut self.out.sequences, format!("the sequence {}.{}", r.schema, r.name));
                }
            } else if body && writes {
                let shown = format!("{}.{}", r.schema, r.name);
                if !self.out.written.iter().any(|w| w.starts_with(&format!("{shown}: "))) {
                    Effects::note(&mut self.out.written, format!("{shown}: perhaps, by {who}"));
                }
                self.reached.add(vec![r.schema.clone(), r.name.clone()], Touched::ALL);
            }
        }
        if words.iter().any(|w| w == "setval") {
            Effects::note(&mut self.out.stays, format!("{who} calls setval, and a sequence that was set stays set"));
        }
        // Routines of any name in it: whatever is called is among them.
        let list = names(text).iter().map(|n| lit(n)).collect::<Vec<_>>().join(", ");
        let mut routines: BTreeSet<String> = BTreeSet::new();
        if !list.is_empty() {
            let own = self
                .s
                .fetch(format!(
                    "SELECT ROUTINE_SCHEMA, ROUTINE_NAME, COALESCE(ROUTINE_DEFINITION, ''), ROUTINE_TYPE FROM information_schema.ROUTINES \
                     WHERE ROUTINE_NAME IN ({list}) AND (ROUTINE_SCHEMA = DATABASE() OR ROUTINE_SCHEMA IN ({list}))"
                ))
                .await?;
            for r in own.rows {
                routines.insert(at(&r, 1).to_lowercase());
                let who = format!("the {} {}.{}", at(&r, 3).to_lowercase(), at(&r, 0), at(&r, 1));
                Box::pin(self.text(at(&r, 2), &who, true)).await?;
            }
        }
        let views: Vec<String> = found.iter().filter(|r| r.kind == "VIEW").map(|r| r.name.clone()).collect();
        if !views.is_empty()
            && let Some(why) = super::hidden::writer(self.s, text).await?
        {
            Effects::note(&mut self.out.outside, format!("behind {who} {why}"));
        }
        for call in unknown_calls(D, text) {
            let bare = call.rsplit('.').next().unwrap_or(&call).trim_matches('`').to_lowercase();
            let table = found.iter().any(|r| r.name.eq_ignore_ascii_case(&bare));
            if routines.contains(&bare) || table || NO_FUNCTIONS.contains(&bare.as_str()) || bare == "setval" {
                continue;
            }
            Effects::note(&mut self.out.outside, format!("{who} calls {call}, and what that does is not known"));
        }
        Ok(())
    }

    /// Whether the login would see triggers: for the whole server, for this database, or for each table.
    async fn sees_triggers(&self) -> Result<bool> {
        let me = "CONCAT('''', SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '''@''', SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')";
        let told = self
            .s
            .fetch(format!(
                "SELECT (SELECT COUNT(*) FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE = 'TRIGGER' AND GRANTEE = {me}) \
                 + (SELECT COUNT(*) FROM information_schema.SCHEMA_PRIVILEGES WHERE PRIVILEGE_TYPE = 'TRIGGER' AND GRANTEE = {me} \
                    AND DATABASE() LIKE TABLE_SCHEMA)"
            ))
            .await?;
        if told.scalar().is_some_and(|n| n != "0") {
            return Ok(true);
        }
        for (table, _) in &self.reached.tables {
            let [schema, name] = table.as_slice() else { return Ok(false) };
            let told = self
                .s
                .fetch(format!(
                    "SELECT COUNT(*) FROM information_schema.TABLE_PRIVILEGES WHERE PRIVILEGE_TYPE = 'TRIGGER' AND GRANTEE = {me} \
                     AND TABLE_SCHEMA = {} AND TABLE_NAME = {}",
                    lit(schema),
                    lit(name)
                ))
                .await?;
            if told.scalar() == Some("0") {
                return Ok(false);
            }
        }
        Ok(!self.reached.tables.is_empty())
    }
}

fn tokens(text: &str) -> Vec<sql::Token> {
    sql::lex(D, text).into_iter().filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment)).collect()
}

/// Unquoted words in lower case.
fn words(text: &str) -> Vec<String> {
    let word = |t: &sql::Token| matches!(t.kind, TokenKind::Identifier | TokenKind::Keyword);
    tokens(text).iter().filter(|t| word(t)).map(|t| text[t.span.clone()].to_ascii_lowercase()).collect()
}

fn is(text: &str, i: usize, word: &str) -> bool {
    tokens(text).get(i).is_some_and(|t| text[t.span.clone()].eq_ignore_ascii_case(word))
}

fn touched(text: &str) -> Touched {
    let words = words(text);
    let has = |w: &str| words.iter().any(|x| x == w);
    match words.first().map(String::as_str) {
        Some("insert") => Touched { insert: true, update: has("duplicate"), delete: false },
        Some("update") => Touched { update: true, ..Touched::default() },
        Some("delete") => Touched { delete: true, ..Touched::default() },
        _ => Touched::ALL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_to_rows_is_read_from_the_first_words() {
        assert_eq!(touched("insert into t values (1)").words(), "INSERT");
        assert_eq!(touched("insert into t values (1) on duplicate key update a = 1").words(), "INSERT or UPDATE");
        assert_eq!(touched("replace into t values (1)").words(), "INSERT or UPDATE or DELETE");
        assert_eq!(touched("delete a from a join b on a.i = b.i").words(), "DELETE");
    }
}
