//! The authorizer: what a statement may do, asked by SQLite while it prepares one.
//!
//! The file of a read-only session is opened read-only; this is the layer above, for what that does not cover: ATTACH (which can create a
//! file), pragmas that switch a protection off, temporary objects.

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// How strict the authorizer is at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Mode {
    /// Anything goes: a session that may write.
    Free = 0,
    /// Reads only.
    Read = 1,
    /// The statement is only explained: what takes effect while it is prepared is refused.
    Explain = 2,
    /// The statement is explained and run: reads only, and no transaction is begun or ended.
    Analyze = 4,
    /// The statement is explained and run inside a transaction of ours that is rolled back: it may write, and reach no other file.
    Trial = 5,
    /// Nothing at all: used to prepare what follows a statement, where only emptiness is allowed.
    Nothing = 3,
}

/// Shared between the session's thread and the callback.
#[derive(Clone)]
pub struct Guard {
    mode: Arc<AtomicU8>,
    /// Databases whose objects stand for another session's, without its rows.
    hollow: Arc<[String]>,
    /// What stands in them: a table of which no column is read is told without its database.
    names: Arc<[String]>,
    /// A column was read by way of a view, or of a query with a name.
    through: Arc<AtomicBool>,
}

impl Guard {
    pub fn new(mode: Mode) -> Self {
        Guard { mode: Arc::new(AtomicU8::new(mode as u8)), hollow: Arc::default(), names: Arc::default(), through: Arc::default() }
    }
    /// Keeps the rows of these databases from being read: there are none here, and none would be another answer than the user's.
    #[must_use]
    pub fn keeping(self, hollow: Vec<String>, names: Vec<String>) -> Self {
        Guard { hollow: hollow.into(), names: names.into(), ..self }
    }
    pub fn is_hollow(&self) -> bool {
        !self.hollow.is_empty()
    }
    fn reads_hollow(&self, ctx: &AuthContext<'_>) -> bool {
        let (AuthAction::Read { table_name, .. }
        | AuthAction::Insert { table_name }
        | AuthAction::Update { table_name, .. }
        | AuthAction::Delete { table_name }) = ctx.action
        else {
            return false;
        };
        // The catalogue itself is as the user's.
        let own =
            table_name.starts_with("sqlite_temp_") || table_name.starts_with("sqlite_master") || table_name.starts_with("sqlite_schema");
        let among = |all: &[String], name: &str| all.iter().any(|h| h.eq_ignore_ascii_case(name));
        !own && ctx.database_name.map_or_else(|| among(&self.names, table_name), |d| among(&self.hollow, d))
    }
    /// Whether what was prepared since this was last asked reads a column by way of a view, or of a query with a name.
    pub fn read_through(&self) -> bool {
        self.through.swap(false, Ordering::Relaxed)
    }
    pub fn set(&self, mode: Mode) {
        self.mode.store(mode as u8, Ordering::Relaxed);
    }
    pub fn now(&self) -> Mode {
        match self.mode.load(Ordering::Relaxed) {
            0 => Mode::Free,
            1 => Mode::Read,
            2 => Mode::Explain,
            4 => Mode::Analyze,
            5 => Mode::Trial,
            _ => Mode::Nothing,
        }
    }
    pub fn judge(&self, ctx: &AuthContext<'_>) -> Authorization {
        if ctx.accessor.is_some() && matches!(ctx.action, AuthAction::Read { .. }) {
            self.through.store(true, Ordering::Relaxed);
        }
        let allowed = match self.now() {
            Mode::Free => true,
            Mode::Read => reads(&ctx.action),
            Mode::Explain => explains(&ctx.action),
            Mode::Analyze => reads(&ctx.action) && !matches!(ctx.action, AuthAction::Transaction { .. } | AuthAction::Savepoint { .. }),
            Mode::Trial => explains(&ctx.action) && !matches!(ctx.action, AuthAction::Transaction { .. } | AuthAction::Savepoint { .. }),
            Mode::Nothing => false,
        };
        let allowed = allowed && (self.now() == Mode::Explain || !self.reads_hollow(ctx));
        if allowed { Authorization::Allow } else { Authorization::Deny }
    }
}

/// Pragmas that only tell something when they have no value.
const TELLING: &[&str] = &[
    "application_id",
    "auto_vacuum",
    "busy_timeout",
    "cache_size",
    "collation_list",
    "compile_options",
    "data_version",
    "database_list",
    "encoding",
    "foreign_keys",
    "freelist_count",
    "function_list",
    "journal_mode",
    "journal_size_limit",
    "locking_mode",
    "max_page_count",
    "mmap_size",
    "module_list",
    "page_count",
    "page_size",
    "pragma_list",
    "query_only",
    "recursive_triggers",
    "schema_version",
    "secure_delete",
    "synchronous",
    "temp_store",
    "trusted_schema",
    "user_version",
    "wal_autocheckpoint",
    "writable_schema",
];

/// Pragmas that take the name of an object (or a limit) and only tell something.
const TELLING_OF: &[&str] = &[
    "foreign_key_check",
    "foreign_key_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "quick_check",
    "table_info",
    "table_list",
    "table_xinfo",
];

fn pragma_reads(name: &str, value: Option<&str>) -> bool {
    let name = name.to_ascii_lowercase();
    TELLING_OF.contains(&name.as_str()) || (value.is_none() && TELLING.contains(&name.as_str()))
}

/// Whether a function (or table-valued function) of our build only reads, by name; `known` is what the connection has.
pub fn harmless(name: &str, known: &[String]) -> bool {
    if let Some(pragma) = name.strip_prefix("pragma_") {
        return pragma_reads(pragma, None);
    }
    function_reads(name) && known.iter().any(|k| k.eq_ignore_ascii_case(name))
}

fn function_reads(name: &str) -> bool {
    // Neither is switched on in our build; refused all the same, because both reach code outside the database.
    !["load_extension", "fts3_tokenizer"].iter().any(|f| name.eq_ignore_ascii_case(f))
}

/// R-tree prepares its writing statements on its own shadow tables when the table is first *read*. Running them fails on
/// the read-only file.
fn rtree_shadow(table: &str) -> bool {
    ["_node", "_rowid", "_parent"].iter().any(|s| table.ends_with(s))
}

fn reads(action: &AuthAction<'_>) -> bool {
    match action {
        AuthAction::Select
        | AuthAction::Read { .. }
        | AuthAction::Recursive
        | AuthAction::Transaction { .. }
        | AuthAction::Savepoint { .. } => true,
        AuthAction::Function { function_name } => function_reads(function_name),
        AuthAction::Pragma { pragma_name, pragma_value } => pragma_reads(pragma_name, *pragma_value),
        AuthAction::Insert { table_name } | AuthAction::Delete { table_name } | AuthAction::Update { table_name, .. } => {
            rtree_shadow(table_name)
        }
        _ => false,
    }
}

fn explains(action: &AuthAction<'_>) -> bool {
    match action {
        // Many pragmas take effect while they are prepared, even under EXPLAIN.
        AuthAction::Pragma { pragma_name, pragma_value } => pragma_reads(pragma_name, *pragma_value),
        AuthAction::Attach { .. } | AuthAction::Detach { .. } => false,
        _ => true,
    }
}
