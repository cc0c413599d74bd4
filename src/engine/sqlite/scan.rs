//! What SQLite counts for each line of a plan while a statement runs. The build has to have it (`.cargo/config.toml`), and a connection
//! has to ask for it: counting costs a fast scan up to three times its time, so all connections are opened with it off.

use crate::plan::sqlite::scans::Scan;
use rusqlite::Connection;
use rusqlite::config::DbConfig;

/// Whether statements that are prepared and stepped from now on are counted. It does nothing in a build that cannot.
pub fn count(conn: &Connection, on: bool) -> rusqlite::Result<()> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_STMT_SCANSTATUS, on).map(drop)
}

/// The lines of the statement with this text that was prepared last, and the cycles of all of it. Empty where nothing was counted.
#[cfg(not(scanstatus))]
pub fn counted(_conn: &Connection, _text: &str) -> (Vec<Scan>, u64) {
    (Vec::new(), 0)
}

#[cfg(scanstatus)]
pub use bundled::counted;

/// rusqlite gives no way to a statement's handle, nor to these counters: C's own functions, and nothing else here.
#[cfg(scanstatus)]
#[allow(unsafe_code)]
mod bundled {
    use super::*;
    use rusqlite::ffi;
    use std::ffi::{CStr, c_char, c_int, c_void};

    pub fn counted(conn: &Connection, text: &str) -> (Vec<Scan>, u64) {
        // SAFETY: the handle is open as long as `conn` is borrowed, this thread owns the connection, and nothing here closes it.
        // The list of a connection's statements begins with the one prepared last, which its `Statement` keeps alive meanwhile.
        let statement = unsafe { ffi::sqlite3_next_stmt(conn.handle(), std::ptr::null_mut()) };
        if statement.is_null() {
            return (Vec::new(), 0);
        }
        // SAFETY: a living statement's text is a string that ends with NUL and lives as long as the statement.
        let own = unsafe { CStr::from_ptr(ffi::sqlite3_sql(statement)) };
        if !text.as_bytes().starts_with(own.to_bytes()) {
            return (Vec::new(), 0);
        }
        let ask = |at: c_int, what: i32, out: *mut c_void| {
            // SAFETY: the statement lives, an index out of range is answered with 1, and each caller gives room of the type that
            // SQLite documents for what is asked.
            unsafe { ffi::sqlite3_stmt_scanstatus_v2(statement, at, what, ffi::SQLITE_SCANSTAT_COMPLEX, out) == 0 }
        };
        let long = |at, what| {
            let mut v = 0i64;
            ask(at, what, (&raw mut v).cast()).then_some(v)
        };
        let int = |at, what| {
            let mut v: c_int = 0;
            ask(at, what, (&raw mut v).cast()).then_some(i64::from(v))
        };
        let mut scans = Vec::new();
        let mut at = 0;
        while let Some(loops) = long(at, ffi::SQLITE_SCANSTAT_NLOOP) {
            let mut words: *const c_char = std::ptr::null();
            let mut estimated = 0f64;
            if ask(at, ffi::SQLITE_SCANSTAT_EXPLAIN, (&raw mut words).cast()) && !words.is_null() {
                // SAFETY: a string that ends with NUL and lives as long as the statement.
                let text = unsafe { CStr::from_ptr(words) }.to_string_lossy().into_owned();
                let known = ask(at, ffi::SQLITE_SCANSTAT_EST, (&raw mut estimated).cast());
                // What is not counted is -1.
                let count = |what| long(at, what).and_then(|v| u64::try_from(v).ok());
                scans.push(Scan {
                    id: int(at, ffi::SQLITE_SCANSTAT_SELECTID).unwrap_or(0),
                    parent: int(at, ffi::SQLITE_SCANSTAT_PARENTID).unwrap_or(0),
                    text,
                    loops: u64::try_from(loops).ok(),
                    visits: count(ffi::SQLITE_SCANSTAT_NVISIT),
                    estimated: known.then_some(estimated),
                    cycles: count(ffi::SQLITE_SCANSTAT_NCYCLE),
                });
            }
            at += 1;
        }
        let all = long(-1, ffi::SQLITE_SCANSTAT_NCYCLE).and_then(|v| u64::try_from(v).ok()).unwrap_or(0);
        (scans, all)
    }
}

#[cfg(all(test, scanstatus))]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_where_a_connection_asks_for_it() {
        let conn = Connection::open_in_memory().expect("database");
        conn.execute_batch("create table t(a); insert into t values (1), (2), (3)").expect("table");
        let text = "select count(*) from t where a > 1; ";
        let run = |on: bool| {
            count(&conn, on).expect("setting");
            let mut s = conn.prepare(text).expect("statement");
            let rows: i64 = s.query_row([], |r| r.get(0)).expect("row");
            assert_eq!(rows, 2);
            counted(&conn, text)
        };
        assert_eq!(run(false).0, []);
        let (scans, _) = run(true);
        assert_eq!((scans.len(), scans[0].text.as_str(), scans[0].loops, scans[0].visits), (1, "SCAN t", Some(1), Some(3)));
        assert_eq!(run(false).0, []);
        // Another statement's counters are not taken for this one's.
        let _s = conn.prepare("select 1").expect("statement");
        assert_eq!(counted(&conn, text).0, []);
    }
}
