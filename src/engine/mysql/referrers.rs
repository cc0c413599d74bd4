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
    // The catalogue's collation takes `Pp` for `pp`, which are two tables where the server tells letters apart.
    let settings = s.fetch("SELECT @@lower_case_table_names, @@SESSION.foreign_key_checks").await?;
    let setting = |n: usize| settings.rows.first().map_or("", |r| at(r, n));
    let (apart, enforced) = (setting(0) == "0", setting(1) != "0");
    let exactly = |column: &str, is: &str| match apart {
        true => format!("k.{column} = {is} AND CONVERT(k.{column} USING utf8mb4) COLLATE utf8mb4_bin = {is}"),
        false => format!("k.{column} = {is}"),
    };
    let here = format!("{} AND {}", exactly("REFERENCED_TABLE_SCHEMA", &schema), exactly("REFERENCED_TABLE_NAME", &name));
    let mut found = Vec::new();
    match referring(s, table).await? {
        // Asked without a table MariaDB reads the definition of every table that there is.
        Some(told) => {
            for table in &told.tables {
                let [schema, name] = [&table.schema, &table.name].map(|n| lit(n));
                let of = format!("k.TABLE_SCHEMA = {schema} AND k.TABLE_NAME = {name}");
                let asked = format!("SELECT {COLUMNS}, '', '' FROM information_schema.KEY_COLUMN_USAGE k WHERE {of} AND {here} {ORDER}");
                let shown = s.fetch(asked).await?.rows;
                found.extend(if shown.is_empty() { by_innodb(s, &told.here, table).await? } else { shown });
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
    from_rows(found, enforced)
}

/// What MariaDB's InnoDB says of a table.
struct Told {
    /// The table as InnoDB calls it.
    here: String,
    /// Those whose keys lead to it.
    tables: Vec<Source>,
}

/// A table that keys come from, by its own name and by the one that InnoDB gives it.
struct Source {
    by_file: String,
    schema: String,
    name: String,
}

/// The tables whose keys lead here by MariaDB's InnoDB itself, which is quick; `None` where that may not be asked (it takes PROCESS) or
/// would not do.
async fn referring(s: &Session, table: &[String]) -> Result<Option<Told>> {
    // InnoDB writes names as those of files: plain ones as they are, a hyphen by its number.
    let plain = |n: &str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let [schema, name] = table else { return Ok(None) };
    if !mariadb(s) || !plain(&schema.replace('-', "")) || !plain(&name.replace('-', "")) {
        return Ok(None);
    }
    let here = format!("{schema}/{name}").replace('-', "@002d");
    // The letters' case counts, which the column's collation does not know.
    let asked = format!(
        "SELECT MIN(FOR_NAME) FROM information_schema.INNODB_SYS_FOREIGN WHERE {} GROUP BY BINARY FOR_NAME ORDER BY 1",
        leads_to("REF_NAME", &here)
    );
    let found = match s.fetch(asked).await {
        Err(e) if e.kind == Kind::Connect || e.kind == Kind::Cancelled => return Err(e),
        Err(_) => return Ok(None),
        Ok(found) => found,
    };
    let mut tables = Vec::new();
    for row in &found.rows {
        let by_file = at(row, 0).to_string();
        let Some((schema, name)) = by_file.split_once('/') else { return Ok(None) };
        let mut parts = [schema.to_string(), name.to_string()];
        for part in &mut parts {
            // Names that are devices elsewhere: `CON`, `NUL`.
            if let Some(device) = part.strip_suffix("@@@") {
                *part = device.to_string();
            }
            if !plain(part) {
                let read = s.fetch(format!("SELECT CONVERT(_filename{} USING utf8mb4)", lit(part))).await?;
                *part = read.scalar().unwrap_or_default().to_string();
            }
        }
        let [schema, name] = parts;
        tables.push(Source { by_file, schema, name });
    }
    Ok(Some(Told { here, tables }))
}

/// The condition that this column of InnoDB's holds this name: its letters' case counts where the server tells tables apart by it.
fn leads_to(column: &str, here: &str) -> String {
    let here = lit(here);
    format!("{column} = {here} AND (@@lower_case_table_names <> 0 OR BINARY {column} = {here})")
}

/// Whether InnoDB tells every table whose keys lead here, also those that this login may not see.
pub(super) async fn all_are_told(s: &Session, table: &TableInfo) -> Result<bool> {
    Ok(referring(s, &[table.schema.clone(), table.name.clone()]).await?.is_some())
}

/// The keys of a table that the login may not see, as InnoDB keeps them: the rules are bits of its TYPE (`DICT_FOREIGN_ON_DELETE_CASCADE` 1,
/// `…_SET_NULL` 2, `…_ON_UPDATE_CASCADE` 4, `…_SET_NULL` 8 in InnoDB's dict0mem.h).
async fn by_innodb(s: &Session, here: &str, table: &Source) -> Result<Vec<Vec<Option<String>>>> {
    let rule = |cascade: u8, null: u8| {
        format!("CASE WHEN f.TYPE & {cascade} THEN 'CASCADE' WHEN f.TYPE & {null} THEN 'SET NULL' ELSE 'NO ACTION' END")
    };
    let (on_delete, on_update) = (rule(1, 2), rule(4, 8));
    let asked = format!(
        "SELECT {}, {}, SUBSTRING_INDEX(f.ID, '/', -1), c.FOR_COL_NAME, c.REF_COL_NAME, {on_delete}, {on_update} \
         FROM information_schema.INNODB_SYS_FOREIGN f JOIN information_schema.INNODB_SYS_FOREIGN_COLS c ON c.ID = f.ID \
         WHERE {} AND BINARY f.FOR_NAME = {} ORDER BY f.ID, c.POS",
        lit(&table.schema),
        lit(&table.name),
        leads_to("f.REF_NAME", here),
        lit(&table.by_file)
    );
    Ok(s.fetch(asked).await?.rows)
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
