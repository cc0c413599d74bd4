//! Foreign keys that lead to a table. A login that may only read the table that a key belongs to is shown the key, and not what it does:
//! that stands in the table's definition.

use super::catalog::{at, lit, q};
use super::mariadb;
use crate::engine::referrers::from_rows;
use crate::engine::{Back, Session};
use crate::model::{Dialect, Error, Kind, Referrer, Result, TableInfo};
use crate::sql::{self, TokenKind};

/// See `Catalog::referrers`.
pub(super) async fn of(s: &Session, table: &[String]) -> Result<Vec<Referrer>> {
    let (schema, name) = match table {
        [schema, name] => (lit(schema), lit(name)),
        [name] => ("DATABASE()".to_string(), lit(name)),
        _ => return Ok(Vec::new()),
    };
    const COLUMNS: &str = "k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_COLUMN_NAME";
    const ORDER: &str = "ORDER BY k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION";
    let here = format!("k.REFERENCED_TABLE_SCHEMA = {schema} AND k.REFERENCED_TABLE_NAME = {name}");
    let mut found = Vec::new();
    match referring(s, table).await? {
        // Asked without a table MariaDB reads the definition of every table that there is.
        Some(tables) => {
            for [schema, name] in tables.iter().map(|t| [0, 1].map(|i| lit(&t[i]))) {
                let of = format!("k.TABLE_SCHEMA = {schema} AND k.TABLE_NAME = {name}");
                let asked = format!("SELECT {COLUMNS}, '', '' FROM information_schema.KEY_COLUMN_USAGE k WHERE {of} AND {here} {ORDER}");
                found.extend(s.fetch(asked).await?.rows);
            }
        }
        None => {
            let asked = format!(
                "SELECT {COLUMNS}, r.DELETE_RULE, r.UPDATE_RULE \
                 FROM information_schema.KEY_COLUMN_USAGE k LEFT JOIN information_schema.REFERENTIAL_CONSTRAINTS r \
                   ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.TABLE_NAME = k.TABLE_NAME AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME \
                 WHERE {here} {ORDER}"
            );
            found = s.fetch(asked).await?.rows;
        }
    }
    for row in found.iter_mut().filter(|r| at(r, 5).is_empty()) {
        let (of, constraint) = (format!("{}.{}", q(at(row, 0)), q(at(row, 1))), at(row, 2).to_string());
        let definition = s.fetch(format!("SHOW CREATE TABLE {of}")).await?;
        let Some([on_delete, on_update]) = definition.rows.first().and_then(|r| rules(at(r, 1), &constraint)) else {
            return Err(Error::held(format!(
                "held: the foreign key {constraint} of {of} leads here, and this login may not see what it does"
            )));
        };
        row[5] = Some(on_delete);
        row[6] = Some(on_update);
    }
    let enforced = s.fetch("SELECT @@SESSION.foreign_key_checks").await?.scalar() != Some("0");
    from_rows(found, enforced)
}

/// The tables whose keys lead here by MariaDB's InnoDB itself, which is quick; `None` where that may not be asked (it takes PROCESS) or
/// would not do.
async fn referring(s: &Session, table: &[String]) -> Result<Option<Vec<[String; 2]>>> {
    // InnoDB writes names as those of files: plain ones as they are, a hyphen by its number.
    let plain = |n: &str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let [schema, name] = table else { return Ok(None) };
    if !mariadb(s) || !plain(&schema.replace('-', "")) || !plain(&name.replace('-', "")) {
        return Ok(None);
    }
    let of_file = format!("{schema}/{name}").replace('-', "@002d");
    let asked = format!("SELECT DISTINCT FOR_NAME FROM information_schema.INNODB_SYS_FOREIGN WHERE REF_NAME = {}", lit(&of_file));
    let found = match s.fetch(asked).await {
        Err(e) if e.kind == Kind::Connect || e.kind == Kind::Cancelled => return Err(e),
        Err(_) => return Ok(None),
        Ok(found) => found,
    };
    let mut out = Vec::new();
    for row in &found.rows {
        let Some((schema, name)) = at(row, 0).split_once('/') else { return Ok(None) };
        let mut parts = [schema.to_string(), name.to_string()];
        for part in &mut parts {
            if !plain(part) {
                let read = s.fetch(format!("SELECT CONVERT(_filename{} USING utf8mb4)", lit(part))).await?;
                *part = read.scalar().unwrap_or_default().to_string();
            }
        }
        out.push(parts);
    }
    out.sort();
    Ok(Some(out))
}

/// What the table's own foreign keys to other tables do to its rows.
pub(super) async fn own_rules(s: &Session, table: &TableInfo) -> Result<Back> {
    let definition = s.fetch(format!("SHOW CREATE TABLE {}.{}", q(&table.schema), q(&table.name))).await?;
    Ok(back(definition.rows.first().map_or("", |r| at(r, 1)), &table.name))
}

fn back(definition: &str, own: &str) -> Back {
    let words = words(definition);
    let acts = |rule: &str| !matches!(rule, "NO ACTION" | "RESTRICT");
    let mut out = Back::default();
    for (i, _) in words.windows(2).enumerate().filter(|(_, w)| *w == ["FOREIGN", "KEY"]) {
        let key = of_key(&words, i + 2);
        // Another database would stand before the name.
        if key.windows(3).any(|w| w[0] == "REFERENCES" && w[1] == q(own) && w[2] == "(") {
            continue;
        }
        let [on_delete, on_update] = ["DELETE", "UPDATE"].map(|event| rule(key, event));
        out.deletes |= on_delete == "CASCADE";
        out.changes |= acts(&on_update) || on_delete != "CASCADE" && acts(&on_delete);
    }
    out
}

/// What a foreign key does on DELETE and on UPDATE, from the definition of its table as the server writes it: what is not written is
/// `NO ACTION`.
fn rules(definition: &str, constraint: &str) -> Option<[String; 2]> {
    let words = words(definition);
    let begin = words.windows(4).position(|w| w[0] == "CONSTRAINT" && w[1] == q(constraint) && w[2] == "FOREIGN" && w[3] == "KEY")? + 4;
    let key = of_key(&words, begin);
    Some(["DELETE", "UPDATE"].map(|event| rule(key, event)))
}

fn words(definition: &str) -> Vec<&str> {
    let means = |kind| !matches!(kind, TokenKind::Whitespace | TokenKind::Comment);
    sql::lex(Dialect::MySql, definition).into_iter().filter(|t| means(t.kind)).map(|t| &definition[t.span]).collect()
}

/// The words of the key that begins here: to the comma behind its columns, or to the parenthesis that closes the table's.
fn of_key<'a, 'b>(words: &'b [&'a str], begin: usize) -> &'b [&'a str] {
    let mut depth = 0;
    let ends = |w: &&str| {
        depth += i32::from(*w == "(") - i32::from(*w == ")");
        depth < 0 || depth == 0 && *w == ","
    };
    let end = words[begin..].iter().position(ends).map_or(words.len(), |n| begin + n);
    &words[begin..end]
}

fn rule(key: &[&str], event: &str) -> String {
    let Some(at) = key.windows(2).position(|w| w == ["ON", event]) else { return "NO ACTION".into() };
    let rest = &key[at + 2..];
    let two = matches!(rest.first(), Some(&"SET" | &"NO"));
    rest[..rest.len().min(1 + usize::from(two))].join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_key_does_is_read_from_its_tables_definition() {
        let text = "CREATE TABLE `c` (\n  `a` int(11) DEFAULT NULL COMMENT 'ON DELETE CASCADE, (',\n  `b` int(11) DEFAULT NULL,\n  KEY `p` (`a`),\n  \
            CONSTRAINT `one` FOREIGN KEY (`a`) REFERENCES `p` (`id`) ON DELETE CASCADE ON UPDATE SET NULL,\n  \
            CONSTRAINT `two` FOREIGN KEY (`a`, `b`) REFERENCES `s`.`p` (`x`, `y`) ON UPDATE CASCADE,\n  \
            CONSTRAINT `t``3` FOREIGN KEY (`b`) REFERENCES `p` (`id`)\n) ENGINE=InnoDB COMMENT='x ON DELETE CASCADE'";
        let is = |name, on_delete: &str, on_update: &str| {
            assert_eq!(rules(text, name), Some([on_delete.to_string(), on_update.to_string()]), "{name}");
        };
        is("one", "CASCADE", "SET NULL");
        is("two", "NO ACTION", "CASCADE");
        is("t`3", "NO ACTION", "NO ACTION");
        assert_eq!(rules(text, "four"), None);
        assert_eq!(back(text, "c"), Back { deletes: true, changes: true });
        let text = "CREATE TABLE `c` (`a` int, CONSTRAINT `one` FOREIGN KEY (`a`) REFERENCES `p` (`id`) ON DELETE CASCADE)";
        assert_eq!(back(text, "c"), Back { deletes: true, changes: false });
        assert_eq!(back(text, "p"), Back::default(), "its key to itself is followed anyway");
    }
}
