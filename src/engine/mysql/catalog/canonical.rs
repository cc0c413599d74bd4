//! The canonical catalogue of the current database: equal schemas give equal lists, whatever the database is called,
//! whoever defined its routines, and however far its counters are.

use super::{HISTORY, MARKER, at, lit, q};
use crate::engine::Session;
use crate::model::{CanonicalObject, Dialect, Error, Kind, Result, TableShape};
use crate::sql::{TokenKind, lex};
use std::collections::{BTreeMap, HashSet};

/// Whether an event is switched on.
pub(in crate::engine::mysql) const EVENT_STATUS: &str = "event-status";

fn object(kind: &str, name: impl Into<String>, definition: impl Into<String>) -> CanonicalObject {
    CanonicalObject { kind: kind.into(), name: name.into(), definition: definition.into() }
}

async fn current(s: &Session) -> Result<String> {
    let now = s.fetch("SELECT DATABASE()").await?;
    now.scalar().map(str::to_string).ok_or_else(|| {
        Error::usage("no database is chosen").hint("Name one in the target's `database`: proofs and migrations are about one database.")
    })
}

pub(super) async fn tables(s: &Session) -> Result<Vec<TableShape>> {
    let db = current(s).await?;
    let here = lit(&db);
    // Two questions: MariaDB has no index for a join of these, and of 5,000 tables it would take half a minute.
    let tables = s
        .fetch(format!(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {here} \
             AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND TABLE_NAME NOT IN ('{HISTORY}', '{MARKER}')"
        ))
        .await?;
    let tables: HashSet<&str> = tables.rows.iter().map(|r| at(r, 0)).collect();
    let list = s
        .fetch(format!(
            "SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {here} ORDER BY TABLE_NAME, ORDINAL_POSITION"
        ))
        .await?;
    let mut out: Vec<TableShape> = Vec::new();
    for r in list.rows.iter().filter(|r| tables.contains(at(r, 0))) {
        match out.last_mut() {
            Some(last) if last.name == at(r, 0) => last.columns.push(at(r, 1).to_string()),
            _ => out.push(TableShape { schema: None, name: at(r, 0).to_string(), columns: vec![at(r, 1).to_string()] }),
        }
    }
    Ok(out)
}

pub(super) async fn objects(s: &Session) -> Result<Vec<CanonicalObject>> {
    let db = current(s).await?;
    let d = lit(&db);
    let mut out = Vec::new();
    let settings = s
        .fetch(format!(
            "SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {d}"
        ))
        .await?;
    if let Some(r) = settings.rows.first() {
        out.push(object("setting", "default collation", at(r, 1)));
    }
    let list = s
        .fetch(format!(
            "SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = {d} AND TABLE_NAME NOT IN ('{HISTORY}', '{MARKER}') ORDER BY TABLE_NAME"
        ))
        .await?;
    for r in &list.rows {
        let name = at(r, 0);
        match at(r, 1) {
            "VIEW" => {}
            "SEQUENCE" => {
                let shown = s.fetch(format!("SHOW CREATE SEQUENCE {}", q(name))).await?;
                out.push(object("sequence", name, shown.rows.first().map_or("", |r| at(r, 1))));
            }
            _ => {
                let shown = s.fetch(format!("SHOW CREATE TABLE {}", q(name))).await?;
                let text = plain(shown.rows.first().map_or("", |r| at(r, 1)), &db);
                let text = if s.identity().product == "MySQL" { by_collation(&text) } else { text };
                table(name, &text, &mut out);
            }
        }
    }
    let maria = s.identity().product == "MariaDB";
    let algorithm = if maria { "ALGORITHM" } else { "''" };
    let views = s
        .fetch(format!(
            "SELECT TABLE_NAME, VIEW_DEFINITION, CHECK_OPTION, SECURITY_TYPE, {algorithm} FROM information_schema.VIEWS WHERE TABLE_SCHEMA = {d} ORDER BY TABLE_NAME"
        ))
        .await?;
    for r in &views.rows {
        if at(r, 1).is_empty() {
            return Err(hidden("view", at(r, 0), "SHOW VIEW"));
        }
        let text = format!("{} check option {} security {} {}", plain(at(r, 1), &db), at(r, 2), at(r, 3), at(r, 4));
        out.push(object("view", at(r, 0), text.trim_end()));
    }
    let triggers = s
        .fetch(format!(
            "SELECT TRIGGER_NAME, ACTION_TIMING, EVENT_MANIPULATION, EVENT_OBJECT_TABLE, ACTION_ORDER, ACTION_STATEMENT, SQL_MODE \
             FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {d} ORDER BY TRIGGER_NAME"
        ))
        .await?;
    for r in &triggers.rows {
        let text = format!("{} {} on {} #{}: {} (sql_mode {})", at(r, 1), at(r, 2), at(r, 3), at(r, 4), plain(at(r, 5), &db), at(r, 6));
        out.push(object("trigger", format!("{}.{}", at(r, 3), at(r, 0)), text));
    }
    routines(s, &db, &mut out).await?;
    let events = s
        .fetch(format!(
            "SELECT EVENT_NAME, EVENT_TYPE, EXECUTE_AT, INTERVAL_VALUE, INTERVAL_FIELD, STARTS, ENDS, STATUS, ON_COMPLETION, EVENT_DEFINITION, \
             SQL_MODE, TIME_ZONE, EVENT_COMMENT FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {d} ORDER BY EVENT_NAME"
        ))
        .await?;
    for r in &events.rows {
        let schedule: Vec<&str> = (1..9).filter(|c| *c != 7).map(|c| at(r, c)).filter(|v| !v.is_empty()).collect();
        out.push(object(EVENT_STATUS, at(r, 0), at(r, 7)));
        let text =
            format!("{}: {} (sql_mode {}, time_zone {}) {}", schedule.join(" "), plain(at(r, 9), &db), at(r, 10), at(r, 11), at(r, 12));
        out.push(object("event", at(r, 0), text.trim_end()));
    }
    out.sort();
    Ok(out)
}

/// AUTO_INCREMENT of tables, and MariaDB's sequences.
pub(super) async fn counters(s: &Session) -> Result<BTreeMap<String, i128>> {
    let db = lit(&current(s).await?);
    let tables = s
        .fetch(format!(
            "SELECT TABLE_NAME, AUTO_INCREMENT, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = {db} \
             AND (AUTO_INCREMENT IS NOT NULL OR TABLE_TYPE = 'SEQUENCE') ORDER BY TABLE_NAME"
        ))
        .await?;
    let mut out = BTreeMap::new();
    for r in &tables.rows {
        let name = at(r, 0);
        let next = if at(r, 2) == "SEQUENCE" {
            let now = s.fetch(format!("SELECT next_not_cached_value FROM {}", q(name))).await?;
            now.scalar().and_then(|v| v.parse().ok())
        } else {
            at(r, 1).parse().ok()
        };
        out.extend(next.map(|n| (name.to_string(), n)));
    }
    Ok(out)
}

fn hidden(what: &str, name: &str, grant: &str) -> Error {
    Error::new(Kind::Unknown, format!("the definition of {what} {name} is not visible to this user, so schemas cannot be compared"))
        .hint(format!("GRANT {grant} lets it be seen."))
}

async fn routines(s: &Session, db: &str, out: &mut Vec<CanonicalObject>) -> Result<()> {
    let d = lit(db);
    let parameters = s
        .fetch(format!(
            "SELECT SPECIFIC_NAME, ROUTINE_TYPE, PARAMETER_MODE, PARAMETER_NAME, DTD_IDENTIFIER, CHARACTER_SET_NAME, COLLATION_NAME \
             FROM information_schema.PARAMETERS WHERE SPECIFIC_SCHEMA = {d} AND ORDINAL_POSITION > 0 ORDER BY SPECIFIC_NAME, ROUTINE_TYPE, ORDINAL_POSITION"
        ))
        .await?;
    let list = s
        .fetch(format!(
            "SELECT ROUTINE_NAME, ROUTINE_TYPE, DTD_IDENTIFIER, COLLATION_NAME, IS_DETERMINISTIC, SQL_DATA_ACCESS, SECURITY_TYPE, SQL_MODE, \
             ROUTINE_DEFINITION, ROUTINE_COMMENT FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = {d} ORDER BY ROUTINE_TYPE, ROUTINE_NAME"
        ))
        .await?;
    for r in &list.rows {
        if r.get(8).is_none_or(Option::is_none) {
            return Err(hidden(&at(r, 1).to_lowercase(), at(r, 0), super::sees_routines(s)));
        }
        let arguments: Vec<String> = parameters
            .rows
            .iter()
            .filter(|p| at(p, 0) == at(r, 0) && at(p, 1) == at(r, 1))
            .map(|p| {
                let words: Vec<&str> = [2, 3, 4, 6].into_iter().map(|c| at(p, c)).filter(|v| !v.is_empty()).collect();
                words.join(" ")
            })
            .collect();
        let returns = if at(r, 2).is_empty() { String::new() } else { format!(" returns {} {}", at(r, 2), at(r, 3)) };
        let text = format!(
            "({}){} deterministic {} {} security {} (sql_mode {}) {}: {}",
            arguments.join(", "),
            returns.trim_end(),
            at(r, 4),
            at(r, 5),
            at(r, 6),
            at(r, 7),
            at(r, 9),
            plain(at(r, 8), db)
        );
        out.push(object(&at(r, 1).to_lowercase(), at(r, 0), text));
    }
    Ok(())
}

/// Takes SHOW CREATE TABLE apart: its columns, keys and constraints stand on lines of their own, and line feeds inside
/// comments and defaults are written as `\n`. So a difference names the column or the index.
fn table(name: &str, create: &str, out: &mut Vec<CanonicalObject>) {
    let mut columns: Vec<String> = Vec::new();
    let mut options: Vec<String> = Vec::new();
    for line in create.lines().skip(1) {
        let Some(item) = line.strip_prefix("  ").filter(|_| options.is_empty()) else {
            // `) ENGINE=…`, and then the partitions.
            options.push(without_counter(line.trim_start_matches(") ")));
            continue;
        };
        let item = item.strip_suffix(',').unwrap_or(item);
        let quoted = |text: &str| {
            let rest = text.split_once('`')?.1;
            // A backquote in a name is doubled.
            let mut end = None;
            let mut skip = false;
            for (i, c) in rest.char_indices() {
                if skip {
                    skip = false;
                } else if c == '`' {
                    if rest[i + 1..].starts_with('`') {
                        skip = true;
                    } else {
                        end = Some(i);
                        break;
                    }
                }
            }
            Some(rest[..end?].replace("``", "`"))
        };
        if item.starts_with('`') {
            let column = quoted(item).unwrap_or_default();
            out.push(object("column", format!("{name}.{column}"), item));
            columns.push(column);
        } else if item.starts_with("PRIMARY KEY") {
            out.push(object("index", format!("{name}.PRIMARY"), item));
        } else if item.starts_with("CONSTRAINT") {
            out.push(object("constraint", format!("{name}.{}", quoted(item).unwrap_or_default()), item));
        } else if item.contains("KEY ") && quoted(item).is_some() {
            out.push(object("index", format!("{name}.{}", quoted(item).unwrap_or_default()), item));
        } else {
            out.push(object("constraint", format!("{name} {item}"), item));
        }
    }
    out.push(object("column-order", name, columns.join(", ")));
    out.push(object("table", name, options.join("\n")));
}

/// Takes `AUTO_INCREMENT=n` out of the table's options.
pub(in crate::engine::mysql) fn without_counter(options: &str) -> String {
    match options.find(" AUTO_INCREMENT=") {
        // Options before it hold no free text: the comment comes last.
        Some(i) if !options[..i].contains('\'') => {
            let rest = &options[i + " AUTO_INCREMENT=".len()..];
            format!("{}{}", &options[..i], rest.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        _ => options.to_string(),
    }
}

/// Without the character set of a column before its collation, which implies it. MySQL writes it or not by how the table was made: a table
/// that is made again by its own definition has it, where the first one took it from the table.
pub(in crate::engine::mysql) fn by_collation(text: &str) -> String {
    const WORDS: &str = " CHARACTER SET ";
    let mut out = String::with_capacity(text.len());
    let mut quote: Option<char> = None;
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        match quote {
            Some(q) if c == q => quote = None,
            Some(_) => {}
            None if matches!(c, '\'' | '`') => quote = Some(c),
            None => {
                if let Some((set, after)) = rest.strip_prefix(WORDS).and_then(|r| r.split_once(' '))
                    && after.starts_with("COLLATE ")
                {
                    at += WORDS.len() + set.len();
                    continue;
                }
            }
        }
        out.push(c);
        at += c.len_utf8();
    }
    out
}

/// The text without the database's own name before a dot, and without `DEFINER=…`.
pub(in crate::engine::mysql) fn plain(text: &str, db: &str) -> String {
    let own = [q(db), db.to_string()];
    let tokens = lex(Dialect::MySql, text);
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    while i < tokens.len() {
        let t = &tokens[i];
        let word = &text[t.span.clone()];
        let next = tokens.get(i + 1).map(|n| &text[n.span.clone()]);
        let name = matches!(t.kind, TokenKind::QuotedIdentifier | TokenKind::Identifier | TokenKind::Keyword);
        if name && next == Some(".") && own.iter().any(|o| o == word) {
            i += 2;
            continue;
        }
        if name && word.eq_ignore_ascii_case("definer") && next == Some("=") {
            // `name`@`host`, or a role's name alone; then one blank.
            i += 2;
            while tokens.get(i).is_some_and(|t| t.kind != TokenKind::Whitespace) {
                i += 1;
            }
            i += 1;
            continue;
        }
        out.push_str(word);
        i += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATE: &str = "CREATE TABLE `o` (\n  `id` int(11) NOT NULL AUTO_INCREMENT,\n  `n``x` text DEFAULT NULL COMMENT 'a, AUTO_INCREMENT=5',\n  \
        PRIMARY KEY (`id`),\n  KEY `k` (`n``x`(9)),\n  CONSTRAINT `f` FOREIGN KEY (`id`) REFERENCES `shop`.`c` (`id`)\n) \
        ENGINE=InnoDB AUTO_INCREMENT=77 DEFAULT CHARSET=utf8mb4 COMMENT='x AUTO_INCREMENT=9'\n PARTITION BY HASH (`id`)\nPARTITIONS 4";

    #[test]
    fn a_table_is_taken_apart() {
        let mut out = Vec::new();
        table("o", &plain(CREATE, "shop"), &mut out);
        let names: Vec<String> = out.iter().map(|o| format!("{} {}", o.kind, o.name)).collect();
        assert_eq!(names, ["column o.id", "column o.n`x", "index o.PRIMARY", "index o.k", "constraint o.f", "column-order o", "table o"]);
        assert!(out[4].definition.ends_with("REFERENCES `c` (`id`)"), "{}", out[4].definition);
        assert_eq!(out[5].definition, "id, n`x");
        assert_eq!(
            out[6].definition,
            "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='x AUTO_INCREMENT=9'\n PARTITION BY HASH (`id`)\nPARTITIONS 4"
        );
        assert!(out[1].definition.contains("AUTO_INCREMENT=5"), "a comment stays as it is");
    }

    #[test]
    fn a_collation_says_which_character_set_it_is_of() {
        let made = "  `a` enum('x CHARACTER SET y COLLATE z','it''s') CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci DEFAULT 'x',";
        assert_eq!(by_collation(made), made.replacen("') CHARACTER SET utf8mb4 ", "') ", 1));
        let set = "  `b` text CHARACTER SET latin1,\n  `c CHARACTER SET d COLLATE e` int";
        assert_eq!(by_collation(set), set, "a character set alone stays, and so do names");
    }

    #[test]
    fn names_of_the_database_and_definers_go() {
        let text = "CREATE DEFINER=`root`@`localhost` SQL SECURITY DEFINER VIEW `v` AS select `shop`.`o`.`id`, '`shop`.x' from shop.o";
        assert_eq!(plain(text, "shop"), "CREATE SQL SECURITY DEFINER VIEW `v` AS select `o`.`id`, '`shop`.x' from o");
        assert_eq!(plain("select `other`.`t`.`a`", "shop"), "select `other`.`t`.`a`");
    }
}
