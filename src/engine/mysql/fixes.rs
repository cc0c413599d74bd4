//! Data fixes on MariaDB and MySQL: rows are looked at by their keys before and after.

use super::catalog::lit;
use super::{MySql, mariadb};
use crate::engine::{Back, Fixes, NewRows, Session};
use crate::model::{ColumnInfo, Dialect, Result, TableInfo};
use crate::sql::before::Touch;
use crate::sql::lex;
use crate::text;
use futures_util::future::BoxFuture;

impl Fixes for MySql {
    fn begin_fix(&self, only_new: bool) -> &'static [&'static str] {
        if only_new {
            // Its looks lock nothing, and see no rows that others make meanwhile.
            return &["SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION READ WRITE"];
        }
        // A SELECT sees the rows that a statement behind it changes, its subqueries included, at this level alone.
        &["SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "START TRANSACTION READ WRITE"]
    }
    fn look_changes(&self, select: &str) -> Option<&'static str> {
        // In a string or a comment it is no token.
        let sets = lex(Dialect::MySql, select).into_iter().any(|t| &select[t.span] == ":=");
        sets.then_some("it sets a variable while it runs, and the look at its rows would set it, too")
    }
    fn moments_alike<'a>(&'a self, s: &'a Session, columns: &'a [&'a ColumnInfo]) -> BoxFuture<'a, Result<Option<(String, String)>>> {
        Box::pin(super::zone::alike(s, columns))
    }
    fn parameters_matter(&self) -> bool {
        true
    }
    fn triggers_fired<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Option<u64>>> {
        Box::pin(async move {
            // MariaDB counts them by session, MySQL does not.
            let counted = s.fetch("SHOW SESSION STATUS LIKE 'Executed_triggers'").await?;
            Ok(counted.rows.first().and_then(|r| r.get(1)?.as_deref()?.parse().ok()))
        })
    }
    fn cascades_fire_triggers(&self) -> bool {
        // "Cascaded foreign key actions do not activate triggers", both manuals say; tried on MariaDB 10.11, MySQL 8.4 and 9.7.
        false
    }
    fn remarks<'a>(&'a self, s: &'a Session, table: &'a TableInfo, touch: Option<&'a Touch>) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(async move {
            let mut out = Vec::new();
            if let Some(touch) = touch {
                out.extend(zone(s, table).await?);
                let of = match unseen(s, table, touch).await? {
                    Unseen::Nothing => None,
                    Unseen::OtherDatabases => Some("tables of other databases"),
                    Unseen::Tables => Some("tables"),
                };
                out.extend(of.map(|of| {
                    format!("{of} that this login may not see can have foreign keys to these rows: what those change, there or from there on, is neither told nor saved")
                }));
            }
            if !mariadb(s) && !has(s, table, "'TRIGGER'", Scope::Table).await? {
                out.push(
                    "this login lacks TRIGGER, so triggers of the table would not be seen: what they change is neither told nor saved"
                        .into(),
                );
            }
            Ok(out)
        })
    }
    fn unseen_back<'a>(&'a self, s: &'a Session, table: &'a TableInfo, touch: &'a Touch) -> BoxFuture<'a, Result<Back>> {
        Box::pin(async move {
            // A way through another database, whose tables have keys to this one and this one's to them, is left out: it would lock the whole
            // table for nearly every login.
            if unseen(s, table, touch).await? != Unseen::Tables {
                return Ok(Back::default());
            }
            // Whatever way they take, they come back by a key of the table's own.
            let out = super::referrers::own_rules(s, table).await?;
            Ok(Back { deletes: out.deletes && *touch == Touch::Delete, ..out })
        })
    }
    fn new_rows<'a>(&'a self, s: &'a Session, table: &'a TableInfo) -> BoxFuture<'a, Result<std::result::Result<NewRows, String>>> {
        Box::pin(super::new_rows::of(s, table))
    }
}

/// The moments of TIMESTAMP come in the session's time zone, and name none.
async fn zone(s: &Session, table: &TableInfo) -> Result<Option<String>> {
    let moments = table.columns.iter().filter(|c| c.type_name.to_ascii_lowercase().starts_with("timestamp"));
    let moments: Vec<String> = moments.map(|c| text::clean(&c.name).into_owned()).collect();
    if moments.is_empty() {
        return Ok(None);
    }
    let zone = s.fetch(format!("SELECT {}", super::zone::ZONE)).await?;
    let zone = text::clean(zone.scalar().unwrap_or("?")).into_owned();
    Ok(Some(format!("{} stands here, and in what was saved, in the time zone {zone}", moments.join(", "))))
}

/// Whose foreign keys to a table the server's catalogue may keep from a login: those of tables on which it has no right at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unseen {
    Nothing,
    OtherDatabases,
    Tables,
}

/// A right to change all tables of the server, or of the database, shows the keys of those; so does InnoDB itself where it may be asked.
async fn unseen(s: &Session, table: &TableInfo, touch: &Touch) -> Result<Unseen> {
    const CHANGES: &str = "'INSERT', 'UPDATE', 'DELETE', 'REFERENCES', 'ALTER'";
    let refers = match touch {
        Touch::Nothing => false,
        Touch::Delete | Touch::Any => true,
        // A key refers to columns that an index begins with.
        Touch::Update(columns) => {
            let columns = columns.iter().map(|c| lit(c)).chain(["''".into()]).collect::<Vec<_>>().join(", ");
            let (schema, name) = (lit(&table.schema), lit(&table.name));
            let found = s.fetch(format!(
                "SELECT EXISTS (SELECT 1 FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = {schema} AND TABLE_NAME = {name} AND COLUMN_NAME IN ({columns}))"
            ));
            found.await?.scalar() == Some("1")
        }
    };
    Ok(match () {
        () if !refers || has(s, table, CHANGES, Scope::Server).await? || super::referrers::all_are_told(s, table).await? => Unseen::Nothing,
        () if has(s, table, CHANGES, Scope::Database).await? => Unseen::OtherDatabases,
        () => Unseen::Tables,
    })
}

/// What a right is for; each one holds for what is within.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    Server,
    Database,
    Table,
}

/// One of these rights on the server, down to the scope. On MySQL the triggers of a table are shown to who has TRIGGER (information_schema,
/// "TRIGGERS" in the manual). Of a role's rights nothing stands there.
async fn has(s: &Session, table: &TableInfo, rights: &str, scope: Scope) -> Result<bool> {
    let (of_database, of_table) = (scope >= Scope::Database, scope >= Scope::Table);
    let own = "GRANTEE = (SELECT CONCAT(QUOTE(LEFT(u, CHAR_LENGTH(u) - CHAR_LENGTH(SUBSTRING_INDEX(u, '@', -1)) - 1)), '@', \
               QUOTE(SUBSTRING_INDEX(u, '@', -1))) FROM (SELECT CURRENT_USER() AS u) AS me)";
    let (schema, name) = (lit(&table.schema), lit(&table.name));
    let text = format!(
        "SELECT EXISTS (SELECT 1 FROM information_schema.USER_PRIVILEGES WHERE {own} AND PRIVILEGE_TYPE IN ({rights})) \
         OR {of_database} AND EXISTS (SELECT 1 FROM information_schema.SCHEMA_PRIVILEGES WHERE {own} AND {schema} LIKE TABLE_SCHEMA AND PRIVILEGE_TYPE IN ({rights})) \
         OR {of_table} AND EXISTS (SELECT 1 FROM information_schema.TABLE_PRIVILEGES WHERE {own} AND TABLE_SCHEMA = {schema} \
            AND TABLE_NAME = {name} AND PRIVILEGE_TYPE IN ({rights}))"
    );
    Ok(s.fetch(text).await?.scalar() == Some("1"))
}
