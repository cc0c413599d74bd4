//! Dropping an invalid index or building it anew, and freezing a table.

use super::{LOCK_TIMEOUT, facts, lit, none, quote, size};
use crate::engine::Session;
use crate::engine::postgres::catalog::{Row, cell, pinned};
use crate::model::recovery::{Action, Deed, Prospect};
use crate::model::{Error, Result};

/// The one relation that is meant: a bare name must be unique among the schemas.
async fn only(s: &Session, text: &str, what: &str, name: &str) -> Result<Row> {
    let mut rows = pinned(s, text, &[name]).await?.rows;
    match rows.len() {
        0 => Err(none(what, name)),
        1 => Ok(rows.remove(0)),
        _ => {
            let all: Vec<String> = rows.iter().map(|r| format!("{}.{}", cell(r, 1), cell(r, 2))).collect();
            Err(Error::usage(format!("there are several: {}", crate::text::clean(&all.join(", ")))).hint("Name it with its schema."))
        }
    }
}

const INDEX: &str = "SELECT c.oid, n.nspname, c.relname, t.oid::regclass::text, i.indisvalid, c.relkind, \
        c.relpages::bigint * current_setting('block_size')::bigint, pg_catalog.pg_get_indexdef(c.oid), \
        (SELECT k.conname FROM pg_catalog.pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x') LIMIT 1), \
        (SELECT p.pid FROM pg_catalog.pg_stat_progress_create_index p WHERE p.index_relid = c.oid LIMIT 1), i.indisready, i.indislive, \
        NOT (pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') OR (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)) \
            AND EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.relation = t.oid AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted) \
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        JOIN pg_catalog.pg_class t ON t.oid = i.indrelid WHERE c.relname = $1 OR n.nspname || '.' || c.relname = $1";

pub(super) async fn index(s: &Session, action: &Action) -> Result<Prospect> {
    let row = only(s, INDEX, "index", &action.object).await?;
    let name = format!("{}.{}", cell(&row, 1), cell(&row, 2));
    let shown = crate::text::clean(&name).into_owned();
    let (builds, deed) = (action.deed == Deed::Reindex, action.deed.name());
    if cell(&row, 4) == "t" {
        let (done, verb) = if builds { ("built anew", "Rebuilding") } else { ("dropped", "Dropping") };
        return Err(Error::usage(format!("{shown} is valid: queries may use it, so it is not {done} from here"))
            .hint(format!("{verb} a valid index is a migration.")));
    }
    if !cell(&row, 9).is_empty() {
        return Err(Error::usage(format!("{shown} is being built now, by session {}", cell(&row, 9)))
            .hint(format!("Cancel that first: cancel {}.", cell(&row, 9))));
    }
    if cell(&row, 12) == "t" {
        return Err(Error::failed(format!("whether {shown} is being built now is hidden from {}", s.identity().user))
            .hint(format!("GRANT pg_read_all_stats TO {}; shows it.", quote(&s.identity().user))));
    }
    // What a rebuild left behind stands beside the index that it was to replace, which is sound.
    if builds && ["_ccnew", "_ccold"].iter().any(|end| cell(&row, 2).trim_end_matches(|c: char| c.is_ascii_digit()).ends_with(end)) {
        return Err(Error::usage(format!("{shown} was left behind by a rebuild: the index that it was to replace is still there"))
            .hint("Drop it: drop-index."));
    }
    if builds && cell(&row, 5) == "i" && s.identity().major.parse::<u32>().is_ok_and(|v| v < 12) {
        return Err(Error::usage("before version 12 an index is built anew only under a lock that nobody reads beside")
            .hint("Drop it, and build it: CREATE INDEX CONCURRENTLY."));
    }
    if (!builds && !cell(&row, 8).is_empty()) || cell(&row, 5) != "i" {
        let why = if cell(&row, 5) == "i" {
            format!("the constraint {} stands on it", cell(&row, 8))
        } else {
            "it belongs to a partitioned table".into()
        };
        return Err(Error::usage(format!("{deed} is nothing for {shown}: {}", crate::text::clean(&why))));
    }
    let mut p = Prospect::of(action, name);
    p.identity = vec![format!("oid {}", cell(&row, 0)), format!("ready {}, live {}", cell(&row, 10), cell(&row, 11)), cell(&row, 7).into()];
    p.is = facts(&row, &[("table", 3), ("definition", 7)]);
    p.is.insert(1, ("size (estimate)".into(), size(&row, 6)));
    p.is.push(("state".into(), "invalid: no query uses it, and every write may still keep it up".into()));
    if builds {
        return Ok(rebuilt(p, &row, &shown));
    }
    p.does = "Drops the invalid index without stopping reads and writes of its table.".into();
    p.loses = vec!["Nothing that a query could use. A unique index stops enforcing what it still enforces.".into()];
    p.undo = format!("Build it again: {};", cell(&row, 7).replacen(" INDEX ", " INDEX CONCURRENTLY ", 1));
    p.lock = "SHARE UPDATE EXCLUSIVE on the table; waits for all transactions that use it, 10 s at most, and may be repeated.".into();
    p.before = vec![LOCK_TIMEOUT.into()];
    p.statement = format!("DROP INDEX CONCURRENTLY {}.{}", quote(cell(&row, 1)), quote(cell(&row, 2)));
    p.verify = format!("SELECT NOT EXISTS (SELECT 1 FROM pg_catalog.pg_class WHERE oid = {})", cell(&row, 0));
    p.then = format!("{shown} is gone");
    Ok(p)
}

/// An index that is built beside the invalid one and then takes its place. The rebuilt one is another object of that name.
fn rebuilt(mut p: Prospect, row: &Row, shown: &str) -> Prospect {
    let full = format!("{}.{}", quote(cell(row, 1)), quote(cell(row, 2)));
    p.does =
        "Builds the index anew beside the invalid one, without stopping reads and writes of its table, and puts it in its place.".into();
    p.loses = vec![
        "Nothing. It reads the whole table twice and takes the index's room once more while it runs.".into(),
        "What made the build fail makes it fail again (rows that are doubled under a unique index, a value that the expression refuses); \
         what is left then is one more invalid index, named …_ccnew."
            .into(),
    ];
    p.undo = "Ctrl-C ends it; what is left is an index named …_ccnew, to be dropped (drop-index).".into();
    p.lock = "SHARE UPDATE EXCLUSIVE on the table: reads and writes go on, DDL waits; it waits for all transactions that use the table, \
              however long, and holds back vacuum as long as it runs."
        .into();
    // Giving up in the middle would leave another invalid index.
    p.before = vec!["SET lock_timeout = 0".into(), "SET statement_timeout = 0".into()];
    p.statement = format!("REINDEX INDEX CONCURRENTLY {full}");
    p.verify = format!(
        "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_index WHERE indexrelid = pg_catalog.to_regclass({}) AND indisvalid AND indisready)",
        lit(&full)
    );
    p.then = format!("{shown} is valid");
    p
}

const TABLE: &str = "SELECT c.oid, n.nspname, c.relname, c.relkind, pg_catalog.age(c.relfrozenxid), \
        CASE WHEN c.relpages > 0 OR c.reltuples >= 0 THEN c.relpages::bigint * current_setting('block_size')::bigint END, \
        (SELECT st.n_dead_tup FROM pg_catalog.pg_stat_all_tables st WHERE st.relid = c.oid), \
        (SELECT p.pid FROM pg_catalog.pg_stat_progress_vacuum p WHERE p.relid = c.oid LIMIT 1), c.relfrozenxid, \
        (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) OR pg_catalog.pg_has_role(c.relowner, 'USAGE') \
            OR (SELECT pg_catalog.pg_has_role(datdba, 'USAGE') FROM pg_catalog.pg_database WHERE datname = current_database()) \
            OR current_setting('server_version_num')::int >= 170000, pg_catalog.pg_get_userbyid(c.relowner) \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'm', 't') AND (c.relname = $1 OR n.nspname || '.' || c.relname = $1)";

pub(super) async fn vacuum(s: &Session, action: &Action) -> Result<Prospect> {
    let row = only(s, TABLE, "table", &action.object).await?;
    let name = format!("{}.{}", cell(&row, 1), cell(&row, 2));
    if !cell(&row, 7).is_empty() {
        return Err(Error::usage(format!("{} is being vacuumed now, by process {}", crate::text::clean(&name), cell(&row, 7))));
    }
    // The server would skip it with a warning. From 17 on there is a privilege of its own, which the server judges.
    if cell(&row, 9) == "f" {
        return Err(Error::usage(format!("{} may not vacuum {}", s.identity().user, crate::text::clean(&name)))
            .hint(format!("Its owner ({}), the owner of the database or a superuser may.", crate::text::clean(cell(&row, 10)))));
    }
    let mut p = Prospect::of(action, name.clone());
    p.identity = vec![format!("oid {}", cell(&row, 0))];
    // Of a table that was never analysed the catalogue knows none.
    let known = Some(size(&row, 5)).filter(|s| !s.is_empty());
    p.is = vec![("size (estimate)".into(), known.unwrap_or_else(|| "not known: never vacuumed or analysed".into()))];
    p.is.extend(facts(&row, &[("age of its oldest row version", 4), ("dead rows (estimate)", 6)]));
    p.does = "Removes dead rows and freezes old ones, so that the age of the table falls.".into();
    p.loses = vec!["Nothing. It reads the whole table and may write much of it: disks and standbys have to keep up.".into()];
    p.undo = "There is nothing to undo; Ctrl-C stops it, and what it did stays.".into();
    p.lock = "SHARE UPDATE EXCLUSIVE on the table: reads and writes go on, DDL waits. Gives up after waiting 10 s.".into();
    p.before = vec![LOCK_TIMEOUT.into(), "SET statement_timeout = 0".into()];
    p.statement = format!("VACUUM (FREEZE) {}.{}", quote(cell(&row, 1)), quote(cell(&row, 2)));
    // A transaction that is older than the table's rows keeps them from being frozen.
    let (oid, age, frozen) = (cell(&row, 0), cell(&row, 4), cell(&row, 8));
    p.verify = format!(
        "SELECT relfrozenxid::text <> '{frozen}' OR pg_catalog.age(relfrozenxid) < least({age}, 1000) FROM pg_catalog.pg_class WHERE oid = {oid}"
    );
    p.then = format!("the oldest row version of {} is younger now", crate::text::clean(&name));
    Ok(p)
}
