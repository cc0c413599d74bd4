//! Foreign keys that lead to a table. A login that may only read the table that a key belongs to is shown the key, and not what it does:
//! that stands in the table's definition.

use super::catalog::{at, lit, q};
use crate::engine::Session;
use crate::engine::referrers::from_rows;
use crate::model::{Dialect, Error, Referrer, Result};
use crate::sql::{self, TokenKind};

/// See `Catalog::referrers`.
pub(super) async fn of(s: &Session, table: &[String]) -> Result<Vec<Referrer>> {
    let (schema, name) = match table {
        [schema, name] => (lit(schema), lit(name)),
        [name] => ("DATABASE()".to_string(), lit(name)),
        _ => return Ok(Vec::new()),
    };
    let mut found = s
        .fetch(format!(
            "SELECT k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_COLUMN_NAME, r.DELETE_RULE, r.UPDATE_RULE \
             FROM information_schema.KEY_COLUMN_USAGE k LEFT JOIN information_schema.REFERENTIAL_CONSTRAINTS r \
               ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.TABLE_NAME = k.TABLE_NAME AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME \
             WHERE k.REFERENCED_TABLE_SCHEMA = {schema} AND k.REFERENCED_TABLE_NAME = {name} \
             ORDER BY k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION"
        ))
        .await?;
    for row in found.rows.iter_mut().filter(|r| at(r, 5).is_empty()) {
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
    from_rows(found.rows, enforced)
}

/// What a foreign key does on DELETE and on UPDATE, from the definition of its table as the server writes it: what is not written is
/// `NO ACTION`.
fn rules(definition: &str, constraint: &str) -> Option<[String; 2]> {
    let means = |kind| !matches!(kind, TokenKind::Whitespace | TokenKind::Comment);
    let words: Vec<&str> =
        sql::lex(Dialect::MySql, definition).into_iter().filter(|t| means(t.kind)).map(|t| &definition[t.span]).collect();
    let begin = words.windows(4).position(|w| w[0] == "CONSTRAINT" && w[1] == q(constraint) && w[2] == "FOREIGN" && w[3] == "KEY")? + 4;
    // Its end is the comma behind its columns, or the parenthesis that closes the table's.
    let mut depth = 0;
    let ends = |w: &&str| {
        depth += i32::from(*w == "(") - i32::from(*w == ")");
        depth < 0 || depth == 0 && *w == ","
    };
    let end = words[begin..].iter().position(ends).map_or(words.len(), |n| begin + n);
    let rule = |event: &str| {
        let at = words[begin..end].windows(2).position(|w| w == ["ON", event]).map(|n| begin + n + 2)?;
        let rest = &words[at..end];
        let two = matches!(rest.first(), Some(&"SET" | &"NO"));
        Some(rest[..rest.len().min(1 + usize::from(two))].join(" "))
    };
    let or_none = |event| rule(event).unwrap_or_else(|| "NO ACTION".into());
    Some([or_none("DELETE"), or_none("UPDATE")])
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
    }
}
