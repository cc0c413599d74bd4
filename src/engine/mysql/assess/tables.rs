//! Tables of the target's database: counters near their end, tables that cannot be opened, tables without a key.
//!
//! Reading these opens tables, which pushes others out of the server's cache: where there are many it is left alone.

use super::{Values, at, blind, grant_on, number, rows};
use crate::engine::Session;
use crate::model::assessment::{Check, Limits, Seen};
use crate::model::{Dialect, Finding, Result, Severity};

/// Tables that are opened at most, and the share of the server's cache that they may take.
const MOST: usize = 1_000;
const OF_THE_CACHE: f64 = 0.25;

/// Privileges on a database each of which lets all its tables be seen.
const ON_TABLES: [&str; 14] = [
    "ALL PRIVILEGES",
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "CREATE",
    "DROP",
    "REFERENCES",
    "INDEX",
    "ALTER",
    "CREATE VIEW",
    "SHOW VIEW",
    "TRIGGER",
    "DELETE HISTORY",
];

/// Whether a line of SHOW GRANTS gives a right on all tables of a database: `GRANT SELECT ON `sh%`.* TO …`.
fn reaches(grant: &str, database: &str) -> bool {
    let Some((list, on)) = grant.strip_prefix("GRANT ").and_then(|r| r.split_once(" ON ")) else { return false };
    list.split(',').any(|p| ON_TABLES.contains(&p.trim())) && (on.starts_with("*.* ") || scope(on).is_some_and(|p| fits(&p, database)))
}

/// The database, as a pattern, of `` `shop`.* TO … ``; `None` for a table, a routine or a role.
fn scope(on: &str) -> Option<Vec<char>> {
    let quote = on.chars().next().filter(|c| matches!(c, '`' | '"'))?;
    let mut name = Vec::new();
    let mut rest = on[1..].chars();
    loop {
        match rest.next()? {
            c if c != quote => name.push(c),
            _ if rest.as_str().starts_with(quote) => name.extend(rest.next()),
            _ => break,
        }
    }
    rest.as_str().starts_with(".* ").then_some(name)
}

/// As the server compares a name with the database of a grant: `%` any text, `_` one letter, `\` takes either as it is.
fn fits(pattern: &[char], name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    // Where in the name the pattern may stand: one pass, however many `%` there are.
    let mut at = vec![false; name.len() + 1];
    at[0] = true;
    let mut rest = pattern.iter();
    while let Some(&c) = rest.next() {
        if c == '%' {
            let first = at.iter().position(|b| *b).unwrap_or(at.len());
            at[first..].fill(true);
            continue;
        }
        let (any, c) = match c {
            '\\' => (false, rest.next().copied().unwrap_or('\\')),
            '_' => (true, c),
            c => (false, c),
        };
        for i in (0..name.len()).rev() {
            at[i + 1] = at[i] && (any || name[i] == c);
        }
        at[0] = false;
    }
    at[name.len()]
}

/// What stands beside findings of tables where the account may not see all of them: none of what it saw is nothing.
async fn not_all(s: &Session, mut seen: Seen, check: &Check) -> Result<Seen> {
    let database = &s.identity().database;
    let grants = rows(s, "SHOW GRANTS").await?;
    // MySQL takes back parts of what was granted by lines of their own.
    let taken = grants.iter().any(|r| at(r, 0).starts_with("REVOKE "));
    if seen.severity < Severity::Warning && (taken || !grants.iter().any(|r| reaches(at(r, 0), database))) {
        let what = format!("whether {} has more tables than those that can be seen is hidden", crate::text::clean(database));
        let lifts = grant_on(s, "SELECT", &format!("{}.*", Dialect::MySql.quote_ident(database)));
        seen.find(Finding::new(Severity::Unknown, check.id, "tables", what).lifts(lifts));
    }
    Ok(seen)
}

/// Why the tables are not read, and what to do about it; `None` where they may be. Names alone are found without opening anything.
async fn too_many(s: &Session, instead: &'static str) -> Result<Option<(String, &'static str)>> {
    if s.identity().database.is_empty() {
        let lifts = "a database in the target, and a right on it (GRANT SELECT)";
        return Ok(Some(("no database is chosen: its tables are not read".into(), lifts)));
    }
    let names = format!("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() LIMIT {}", MOST + 1);
    let tables = rows(s, &names).await?.len();
    let cache = Values::variables(s, &["table_open_cache"]).await?.count("table_open_cache");
    let most = MOST.min((cache * OF_THE_CACHE) as usize);
    Ok((tables > most).then(|| (format!("not read: more than {most} tables would be opened, which an emergency leaves alone"), instead)))
}

/// The largest value of an integer type.
fn last(kind: &str) -> Option<f64> {
    let kind = kind.to_ascii_lowercase();
    let bits = match kind.split(|c: char| !c.is_ascii_alphabetic()).next()? {
        "tinyint" => 8,
        "smallint" => 16,
        "mediumint" => 24,
        "int" | "integer" => 32,
        "bigint" => 64,
        _ => return None,
    };
    let signed = !kind.contains("unsigned");
    Some(2f64.powi(bits - i32::from(signed)) - 1.0)
}

pub(super) async fn counters(s: &Session, check: &Check, limits: &Limits) -> Result<Seen> {
    if let Some((why, lifts)) = too_many(s, "--checks MY22 against a replica or a copy").await? {
        return Ok(Seen::blind(check, why, lifts));
    }
    const COUNTERS: &str = "SELECT t.TABLE_NAME, t.AUTO_INCREMENT, c.COLUMN_NAME, c.COLUMN_TYPE FROM information_schema.TABLES t \
        JOIN information_schema.COLUMNS c ON c.TABLE_SCHEMA = t.TABLE_SCHEMA AND c.TABLE_NAME = t.TABLE_NAME AND c.EXTRA LIKE '%auto_increment%' \
        WHERE t.TABLE_SCHEMA = DATABASE() AND c.TABLE_SCHEMA = DATABASE() AND t.AUTO_INCREMENT IS NOT NULL";
    let found = rows(s, COUNTERS).await?;
    let mut all: Vec<(f64, f64, String, String)> = found
        .iter()
        .filter_map(|r| {
            let (next, most) = (number(r, 1)?, last(at(r, 3))?);
            // The next one is still to be given.
            let given = next - 1.0;
            Some((100.0 * given / most, most - given, format!("{}.{}", at(r, 0), at(r, 2)), at(r, 3).to_string()))
        })
        .collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    let fullest = all.first().map_or(0.0, |a| a.0);
    let mut seen = Seen::of(check).figure("used", fullest).figure("counters", all.len() as f64);
    seen.says = match all.first() {
        None => format!("none can be seen in {}", s.identity().database),
        Some((used, _, name, kind)) => format!("{} in {}, the fullest {name} ({kind}) {used:.0} %", all.len(), s.identity().database),
    };
    for (used, left, name, kind) in all.iter().take(5) {
        let severity = Severity::of(*used, limits.of(check, "used"));
        if severity >= Severity::Warning {
            let (words, next) = if *left < 1.0 {
                (
                    format!("{name} ({kind}) has given its last number: every insert that takes one fails"),
                    "Make the column a BIGINT, and those that refer to it: the whole table is copied, and nobody writes it meanwhile; inserts fail \
                     until then anyway, but for those that bring a number of their own.",
                )
            } else {
                (
                    // 99.99 % is not the end.
                    format!(
                        "{name} ({kind}) has used {:.0} % of its numbers, {} are left",
                        used.min(99.0),
                        crate::engine::assessing::thousands(*left)
                    ),
                    "Make the column a BIGINT, and those that refer to it: the whole table is copied, so plan it before the end.",
                )
            };
            seen.find(Finding::new(severity, check.id, name, words).next(next));
        }
    }
    not_all(s, seen, check).await
}

pub(super) async fn damaged(s: &Session, check: &Check) -> Result<Seen> {
    if let Some((why, lifts)) = too_many(s, "the server's log, which names each table that could not be opened").await? {
        return Ok(Seen::blind(check, why, lifts));
    }
    // One that could not be opened has no engine, and the error in place of its comment. Looking repairs nothing; only for a column
    // that the table's engine has to fill in (AUTO_INCREMENT) is it opened at all.
    const DAMAGED: &str = "SELECT TABLE_NAME, COALESCE(ENGINE, ''), COALESCE(TABLE_COMMENT, ''), AUTO_INCREMENT FROM information_schema.TABLES \
        WHERE TABLE_SCHEMA = DATABASE() AND COALESCE(TABLE_TYPE, '') NOT IN ('VIEW', 'SYSTEM VIEW')";
    let found = rows(s, DAMAGED).await?;
    if !crate::engine::mysql::mariadb(s) {
        return damaged_by_log(s, check).await;
    }
    let bad: Vec<_> = found.iter().filter(|r| at(r, 1).is_empty() && !at(r, 2).is_empty()).collect();
    let mut seen = Seen::of(check).figure("tables", bad.len() as f64);
    seen.says = match bad.len() {
        0 => format!("none of {} that can be seen in {}", found.len(), s.identity().database),
        n => format!("{n} of {} cannot be opened", found.len()),
    };
    for r in bad.iter().take(5) {
        seen.find(Finding::new(Severity::Critical, check.id, at(r, 0), format!("table {} cannot be opened: {}", at(r, 0), at(r, 2))).next(
            "Copy its files aside before anything else. CHECK TABLE says how bad it is; REPAIR TABLE (MyISAM, Aria) may drop rows; \
                 InnoDB's are restored from the backup.",
        ));
    }
    not_all(s, seen, check).await
}

/// MySQL has an engine also for a table that cannot be opened, and may tell its error beside another one: its log names it.
async fn damaged_by_log(s: &Session, check: &Check) -> Result<Seen> {
    const TOLD: &str = "SELECT DATE_FORMAT(MAX(LOGGED), '%Y-%m-%d %T'), LEFT(DATA, 200) FROM performance_schema.error_log WHERE PRIO = 'Error' \
        AND (DATA LIKE '%key file for table%' OR DATA LIKE '%marked as crashed%' OR DATA LIKE '%corrupt%') GROUP BY 2 ORDER BY 1 DESC LIMIT 5";
    let told = match rows(s, TOLD).await {
        Ok(told) => told,
        Err(e) if e.code.as_deref() == Some("1146") => {
            return Ok(Seen::blind(check, "before 8.0.22 only the file of the log tells it", "CHECK TABLE of the tables in question"));
        }
        Err(e) if super::refused(&e) => {
            return Ok(Seen::blind(check, e.message, &grant_on(s, "SELECT", "performance_schema.error_log")));
        }
        Err(e) => return Err(e),
    };
    let mut seen = Seen::of(check).figure("tables", told.len() as f64);
    seen.says = match told.len() {
        0 => "the server's log names none".to_string(),
        n => format!("the server's log names damage: {}", crate::text::counted(n as u64, "message")),
    };
    for r in &told {
        seen.find(Finding::new(Severity::Critical, check.id, s.identity().database.clone(), format!("{} (at {})", at(r, 1), at(r, 0))).next(
            "Copy the table's files aside before anything else. CHECK TABLE says how bad it is, and whether it was mended since; REPAIR TABLE \
                 (MyISAM) may drop rows; InnoDB's are restored from the backup.",
        ));
    }
    Ok(seen)
}

/// Tables without a key that are counted.
const KEYLESS: usize = 50;

/// InnoDB gives a table without a key a hidden one by this name: up to MySQL 5.7 and on MariaDB its own lists tell of all databases at once.
fn keyless_of_innodb() -> String {
    format!(
        "SELECT t.NAME FROM information_schema.INNODB_SYS_INDEXES i JOIN information_schema.INNODB_SYS_TABLES t ON t.TABLE_ID = i.TABLE_ID \
         WHERE i.NAME = 'GEN_CLUST_INDEX' AND t.NAME NOT LIKE 'mysql/%' AND t.NAME NOT LIKE 'sys/%' ORDER BY 1 LIMIT {}",
        KEYLESS + 1
    )
}

/// By the dictionary, in the session's database. A key is what a replica finds a row by: unique, of whole columns, none of them nullable.
fn keyless_of(engines: &str) -> String {
    format!(
        "SELECT CONCAT(t.TABLE_SCHEMA, '/', t.TABLE_NAME) FROM information_schema.TABLES t LEFT JOIN (SELECT DISTINCT k.TABLE_NAME FROM \
         (SELECT i.TABLE_NAME FROM information_schema.STATISTICS i WHERE i.TABLE_SCHEMA = DATABASE() AND i.NON_UNIQUE = 0 \
         GROUP BY i.TABLE_NAME, i.INDEX_NAME HAVING MAX(i.NULLABLE = 'YES' OR i.SUB_PART IS NOT NULL OR i.COLUMN_NAME IS NULL) = 0) k) u \
         ON u.TABLE_NAME = t.TABLE_NAME WHERE t.TABLE_SCHEMA = DATABASE() AND t.TABLE_TYPE = 'BASE TABLE' AND t.ENGINE IN ({engines}) \
         AND u.TABLE_NAME IS NULL ORDER BY 1 LIMIT {}",
        KEYLESS + 1
    )
}

/// Engines beside InnoDB whose tables replicate row by row.
const OTHERS: &str = "'MyISAM', 'Aria', 'MEMORY'";

pub(super) async fn keyless(s: &Session, check: &Check) -> Result<Seen> {
    let old = crate::engine::mysql::mariadb(s) || s.identity().major.starts_with('5');
    if !old && s.identity().database.is_empty() {
        return Ok(Seen::blind(
            check,
            "no database is chosen: its tables are not read",
            "a database in the target, and a right on it (GRANT SELECT)",
        ));
    }
    // Since 8.0 InnoDB's own tables lock each table that they tell of, and would stand in the queue behind a DDL. The dictionary locks none.
    let text = if old { keyless_of_innodb() } else { keyless_of(&format!("'InnoDB', {OTHERS}")) };
    let mut found = match s.fetch(text).await {
        Ok(t) => t.rows,
        Err(e) => return blind(s, check, e, "PROCESS"),
    };
    let set = Values::variables(s, &["log_bin", "binlog_format"]).await?;
    let by_rows = set.on("log_bin") && set.text("binlog_format") != "STATEMENT";
    // Of the other engines only the files of the tables tell; nobody is hurt by them where nothing is replicated.
    let (mut unread, mut in_database) = (String::new(), !old);
    if old && by_rows {
        match too_many(s, "").await? {
            Some((why, _)) => unread = format!("; of MyISAM and Aria {why}"),
            None => {
                in_database = true;
                found.extend(rows(s, &keyless_of(OTHERS)).await?);
            }
        }
    }
    let mut seen = Seen::of(check).figure("tables", found.len() as f64);
    let names: Vec<String> = found.iter().take(3).map(|r| at(r, 0).replacen('/', ".", 1)).collect();
    seen.says = match found.len() {
        0 if old => "none".into(),
        0 => format!("none that can be seen in {}", s.identity().database),
        n => format!("{}: {}{}", counted(n, KEYLESS), names.join(", "), if n > 3 { " …" } else { "" }),
    } + &unread;
    if !found.is_empty() && by_rows {
        seen.find(
            Finding::new(
                Severity::Info,
                check.id,
                &names[0],
                format!(
                    "{} without a key: each changed row of them costs a replica a look through all",
                    match found.len() {
                        1 => "1 table".to_string(),
                        n => format!("{} tables", counted(n, KEYLESS)),
                    }
                ),
            )
            .next("Give each a primary key; an invisible auto_increment column will do."),
        );
    }
    if in_database { not_all(s, seen, check).await } else { Ok(seen) }
}

/// `more than 50` where one more was read than is told.
fn counted(read: usize, most: usize) -> String {
    if read > most { format!("more than {most}") } else { read.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_on_one_table_does_not_show_all() {
        for (grant, all) in [
            ("GRANT SELECT ON *.* TO `a`@`%`", true),
            ("GRANT ALL PRIVILEGES ON *.* TO `a`@`%` WITH GRANT OPTION", true),
            ("GRANT SELECT, SHOW VIEW ON `shop`.* TO `a`@`%`", true),
            ("GRANT SELECT ON `sh%`.* TO `a`@`%`", true),
            (r"GRANT SELECT ON `sh\_p`.* TO `a`@`%`", false),
            ("GRANT SELECT ON `sh_p`.* TO `a`@`%`", true),
            ("GRANT PROCESS, SLAVE MONITOR ON *.* TO `a`@`%`", false),
            ("GRANT USAGE ON *.* TO `a`@`%`", false),
            ("GRANT SELECT ON `shop`.`hot` TO `a`@`%`", false),
            ("GRANT SELECT (`id`) ON `shop`.`hot` TO `a`@`%`", false),
            ("GRANT SELECT ON `other`.* TO `a`@`%`", false),
            ("GRANT EXECUTE ON PROCEDURE `shop`.`p` TO `a`@`%`", false),
            ("GRANT `reader` TO `a`@`%`", false),
        ] {
            assert_eq!(reaches(grant, "shop"), all, "{grant}");
        }
        assert_eq!(scope("`a``b`.* TO").map(|p| p.into_iter().collect::<String>()).as_deref(), Some("a`b"));
    }

    #[test]
    fn more_than_were_read_are_not_told_as_so_many() {
        assert_eq!((counted(50, 50), counted(51, 50)), ("50".into(), "more than 50".into()));
    }

    #[test]
    fn types_end_where_they_end() {
        assert_eq!(last("tinyint(4)"), Some(127.0));
        assert_eq!(last("int(10) unsigned"), Some(4_294_967_295.0));
        assert_eq!(last("INT"), Some(2_147_483_647.0));
        assert_eq!(last("bigint unsigned").map(|n| n > 1.8e19), Some(true));
        assert_eq!(last("double"), None);
    }
}
