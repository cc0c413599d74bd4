//! An accepted index as a pair of migration scripts: written beside the others, run by nobody until its proof and its checklist.

use crate::model::{Dialect, Error, Result};
use crate::ops::{Connection, Cx};
use crate::plan::candidates::Candidate;
use crate::text;
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};

/// From so many digits on a version is a time.
const STAMP: usize = 12;

/// The texts of the two scripts, and what their files are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scripts {
    pub up: PathBuf,
    pub down: PathBuf,
    pub up_text: String,
    pub down_text: String,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    pub up: PathBuf,
    pub down: PathBuf,
}

/// The pair as it would be written now, in the target's migrations directory. `why` becomes a comment.
pub fn scripts(cx: &Cx, conn: &Connection, c: &Candidate, why: &str) -> Result<Scripts> {
    let t = conn.target();
    let dir = t.migrations.as_ref().ok_or_else(|| {
        Error::usage(format!("target {} has no migrations directory to write to", t.name)).hint("Set `migrations` of the target.")
    })?;
    let dialect = conn.dialect();
    let create = c.create(dialect, true);
    let version = next_version(cx, dir, &create)?;
    let base = format!("{version}_add_{}", file_word(&c.name));
    // sqlx takes a file out of its transaction by this line, which must be the first one: an index is not built CONCURRENTLY in one.
    let mark = if c.online(dialect) { "-- no-transaction\n" } else { "" };
    let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
    let comment: String = text::wrap(&text::clean(&why), 100).iter().map(|l| format!("-- {l}\n")).collect();
    let analyze = if dialect == Dialect::Postgres && c.keys.iter().any(|k| k.column.is_none()) && !c.online(dialect) {
        // An index on an expression has statistics of its own.
        format!("ANALYZE {};\n", c.table)
    } else {
        String::new()
    };
    Ok(Scripts {
        up: dir.join(format!("{base}.up.sql")),
        down: dir.join(format!("{base}.down.sql")),
        up_text: format!("{mark}{comment}{create};\n{analyze}"),
        down_text: format!("{mark}{};\n", c.drop_sql(dialect, true)),
    })
}

/// Writes a pair for each of its indexes: all, or none. Never over a file that is there.
pub fn queue(cx: &Cx, conn: &Connection, c: &Candidate, why: &str) -> Result<Vec<Queued>> {
    let mut out: Vec<Queued> = Vec::new();
    for c in c.all() {
        match one(cx, conn, c, why) {
            Ok(q) => out.push(q),
            Err(e) => {
                for f in out.iter().flat_map(|q| [&q.up, &q.down]) {
                    let _ = std::fs::remove_file(f);
                }
                return Err(e);
            }
        }
    }
    for (q, c) in out.iter().zip(c.all()) {
        let name = q.up.file_name().unwrap_or_default().to_string_lossy().into_owned();
        cx.journal(
            "advice-queued",
            &conn.target().name,
            json!({ "summary": format!("{name} written: {}", c.create(conn.dialect(), true)), "file": q.up.to_string_lossy() }),
        )?;
    }
    Ok(out)
}

fn one(cx: &Cx, conn: &Connection, c: &Candidate, why: &str) -> Result<Queued> {
    let s = scripts(cx, conn, c, why)?;
    write(&s.up, &s.up_text)?;
    if let Err(e) = write(&s.down, &s.down_text) {
        // Half a pair would be a migration without a way back.
        let _ = std::fs::remove_file(&s.up);
        return Err(e);
    }
    Ok(Queued { up: s.up, down: s.down })
}

fn write(path: &Path, text: &str) -> Result<()> {
    let failed = |e| Error::io(format!("writing {}", text::clean(&path.to_string_lossy())), e);
    let mut f = std::fs::OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    f.write_all(text.as_bytes()).and_then(|()| f.sync_all()).map_err(failed)
}

/// Letters, digits and underscores of a name.
fn file_word(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}

/// The version after all that are there, written like them; and no file that makes the same index already.
fn next_version(cx: &Cx, dir: &Path, create: &str) -> Result<String> {
    let reading = |e: std::io::Error| {
        let shown = text::clean(&dir.to_string_lossy()).into_owned();
        let hint = match e.kind() {
            std::io::ErrorKind::NotFound => {
                format!("Make it (mkdir -p {}), or set `migrations` of the target to another one.", text::shell_quoted(&shown))
            }
            _ => "Set `migrations` of the target to the directory of the scripts.".into(),
        };
        Error::io(format!("reading {shown}"), e).hint(hint)
    };
    let (mut newest, mut digits) = (0i64, 0usize);
    for entry in std::fs::read_dir(dir).map_err(reading)? {
        let entry = entry.map_err(reading)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some((version, _)) = name.split_once('_').filter(|_| name.ends_with(".sql")) else { continue };
        if !version.bytes().all(|b| b.is_ascii_digit()) {
            continue;
        }
        if let Ok(n) = version.parse::<i64>()
            && n >= newest
        {
            (newest, digits) = (n, version.len());
        }
        let small = entry.metadata().is_ok_and(|m| m.len() < 1 << 20);
        if small && name.ends_with(".up.sql") && std::fs::read_to_string(entry.path()).is_ok_and(|t| t.contains(create)) {
            return Err(Error::usage(format!("{} makes this index already", text::clean(&name))));
        }
    }
    if digits == 0 || digits >= STAMP {
        let now: i64 = cx.clock.now().strftime("%Y%m%d%H%M%S").to_string().parse().unwrap_or(0);
        return Ok(now.max(newest.saturating_add(1)).to_string());
    }
    let next = newest.checked_add(1).ok_or_else(|| Error::failed("the newest migration has the highest version there can be"))?;
    Ok(format!("{next:0digits$}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Surroundings, Target};
    use crate::engine::registry;
    use crate::plan::candidates::{Key, Shape};

    fn candidate() -> Candidate {
        Candidate {
            name: "orders_customer_id_idx".into(),
            table: "public.orders".into(),
            schema: Some("public".into()),
            relation: "orders".into(),
            keys: vec![Key { sql: "customer_id".into(), column: Some("customer_id".into()), class: String::new(), down: false }],
            equal: 1,
            include: vec![],
            only_where: None,
            method: None,
            shapes: vec![Shape::Equality],
            behind: false,
            caution: None,
            why: String::new(),
            nodes: vec![],
            partitioned: false,
            with: vec![],
            instead: None,
        }
    }

    fn place(engine: &str) -> (tempfile::TempDir, Cx, Connection) {
        let dir = tempfile::tempdir().unwrap();
        let here = if engine == "sqlite" { "path = \"t.db\"" } else { "host = \"127.0.0.1\"" };
        let text = format!("[store]\npath = \"store.db\"\n[targets.t]\nengine = {engine:?}\n{here}\n");
        std::fs::write(dir.path().join("holdpoint.toml"), text).unwrap();
        let around = Surroundings::made_up(dir.path(), dir.path(), []);
        let config = crate::config::files::load_in(None, &around).unwrap();
        let t = Target { migrations: Some(dir.path().to_path_buf()), ..config.targets["t"].clone() };
        let mut cx = Cx::new(config);
        cx.clock = crate::ops::Clock::fixed("2026-11-21T10:00:00Z".parse().unwrap());
        (dir, cx, Connection::over(registry::engine(t, None)))
    }

    #[test]
    fn the_pair_is_written_like_its_neighbours_and_over_nothing() {
        let (dir, cx, conn) = place("postgres");
        std::fs::write(dir.path().join("0041_first.up.sql"), "select 1").unwrap();
        let q = queue(&cx, &conn, &candidate(), "the statement tests customer_id\nfor equality").unwrap();
        let [q] = q.as_slice() else { panic!("one pair: {q:?}") };
        assert_eq!(q.up, dir.path().join("0042_add_orders_customer_id_idx.up.sql"));
        assert_eq!(
            std::fs::read_to_string(&q.up).unwrap(),
            "-- no-transaction\n-- the statement tests customer_id for equality\nCREATE INDEX CONCURRENTLY orders_customer_id_idx ON public.orders (customer_id);\n"
        );
        assert_eq!(
            std::fs::read_to_string(&q.down).unwrap(),
            "-- no-transaction\nDROP INDEX CONCURRENTLY public.orders_customer_id_idx;\n"
        );
        let again = queue(&cx, &conn, &candidate(), "x").unwrap_err();
        assert!(again.message.contains("0042_add_orders_customer_id_idx.up.sql makes this index already"), "{}", again.message);
        // Indexes that help together only are written together, or not at all.
        let mut both = candidate();
        (both.name, both.keys[0].sql) = ("orders_clerk_idx".into(), "clerk".into());
        both.with.push(candidate());
        queue(&cx, &conn, &both, "x").unwrap_err();
        assert_eq!(
            std::fs::read_dir(dir.path())
                .unwrap()
                .filter(|f| f.as_ref().is_ok_and(|f| f.path().extension().is_some_and(|e| e == "sql")))
                .count(),
            3
        );
        (both.with[0].name, both.with[0].keys[0].sql) = ("orders_day_idx".into(), "day".into());
        let names = |q: &Queued| q.up.file_name().unwrap().to_string_lossy().into_owned();
        let made: Vec<String> = queue(&cx, &conn, &both, "x").unwrap().iter().map(names).collect();
        assert_eq!(made, ["0043_add_orders_clerk_idx.up.sql", "0044_add_orders_day_idx.up.sql"]);
        let read = crate::ops::migrate::files::read(dir.path()).unwrap();
        assert!(read.migrations.iter().any(|m| m.version == 42 && m.no_transaction && m.down.is_some()), "{read:?}");
    }

    #[test]
    fn versions_that_are_times_stay_times() {
        let (dir, cx, conn) = place("sqlite");
        let mut c = candidate();
        (c.table, c.schema) = ("orders".into(), None);
        assert_eq!(scripts(&cx, &conn, &c, "x").unwrap().up, dir.path().join("20261121100000_add_orders_customer_id_idx.up.sql"));
        std::fs::write(dir.path().join("20270101000000_later.up.sql"), "select 1").unwrap();
        let s = scripts(&cx, &conn, &c, "x").unwrap();
        assert_eq!(s.up, dir.path().join("20270101000001_add_orders_customer_id_idx.up.sql"));
        assert_eq!(
            (s.up_text.as_str(), s.down_text.as_str()),
            ("-- x\nCREATE INDEX orders_customer_id_idx ON orders (customer_id);\n", "DROP INDEX orders_customer_id_idx;\n")
        );
        let (_d, cx, conn) = place("mysql");
        (c.table, c.schema) = ("orders".into(), None);
        assert_eq!(scripts(&cx, &conn, &c, "x").unwrap().down_text, "DROP INDEX orders_customer_id_idx ON orders;\n");
    }
}
