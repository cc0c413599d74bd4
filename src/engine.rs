//! Engines behind capability traits: what can be asked of a database, whichever it is.
//!
//! Absence is a value: an engine that cannot do a thing says [`Capability::No`] with the reason, and a pane shows it.
//! Nothing outside this module matches on the kind of engine, and only here (and in `store`) is a driver named.

use crate::config::Target;
use crate::model::assessment::{Check, Limits, Sample, Seen, Sight};
use crate::model::evidence::Grade;
use crate::model::lock_tree::LockTree;
use crate::model::manifest::{Differences, Fingerprint, Manifest};
use crate::model::migration::Applied;
use crate::model::names::{Names, Relation};
use crate::model::plan::Plan;
use crate::model::recovery::{Action, Deed, Prospect};
use crate::model::rows::Table;
use crate::model::{
    Blocker, CanonicalObject, Dependent, Dialect, Effects, Error, Finding, HeldLock, Identity, NodePath, Place, Progress, Referrer, Result,
    RunningStatement, SchemaNode, TableInfo, TableShape, Usage, Waiting,
};
use crate::sql::outside::Neighbours;
use futures_util::future::BoxFuture;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

mod assessing;
pub use effects::{Touched, Writer};
pub(crate) use fixes::behind_the_greatest;
pub use fixes::{Back, Fixes, NEW_ROWS, NewRows, RowsBy};
pub use referrers::refers_nowhere;
mod effects;
mod failover;
pub mod fingerprint;
mod fixes;
pub mod mysql;
mod outside;
pub mod postgres;
mod referrers;
pub mod registry;
pub mod session;
pub mod sqlite;
pub mod tls;
pub mod tunnel;

pub use session::{Access, Asked, EFFECT_NOT_KNOWN, Event, Outcome, ROLLED_BACK_IN_PART, RowStream, Session, SessionStatus};

/// What an engine says of a capability.
pub enum Capability<T> {
    Yes(T),
    /// With the reason, a short sentence for the pane.
    No(&'static str),
    /// It is there, but was never run against a real server of this product.
    Unverified(T, &'static str),
}

impl<T> Capability<T> {
    /// The capability, or an error that names the reason.
    pub fn get(self) -> Result<T> {
        match self {
            Capability::Yes(t) | Capability::Unverified(t, _) => Ok(t),
            Capability::No(why) => Err(Error::failed(why)),
        }
    }
}

/// What a connection is for; it sets `application_name`, timeouts and how it may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The user's own statements.
    Query,
    /// Catalogue reads and live plans: short `lock_timeout` (≤ 200 ms) and statement timeout.
    Background,
    /// A migration run or a proof: its own connection, never shared.
    Migration,
}

/// How to connect.
#[derive(Debug, Clone)]
pub struct Connect {
    pub role: Role,
    /// `ReadOnly` is proven at open and read back; when it cannot be proven, connecting fails.
    pub access: Access,
    /// Limit for the whole of connecting.
    pub connect_timeout: Duration,
    /// Server-side statement limit; `None` leaves the server's own.
    pub statement_timeout: Option<Duration>,
    /// Server-side limit for waiting on locks; `None` leaves the server's own.
    pub lock_timeout: Option<Duration>,
    /// Where a bare name leads, instead of where the target says: another session's [`SessionStatus::place`].
    pub place: Option<Place>,
    /// Leaves nothing behind, not even files that others' sessions then need a right on (SQLite's log of a closed database).
    pub traceless: bool,
    /// What it reads is for the program's own ends and must be whole: a limit of the account's (`sql_select_limit`) does not hold. So it is
    /// of all but the user's own sessions.
    pub whole: bool,
}

impl Connect {
    pub fn new(role: Role, access: Access) -> Self {
        let (statement_timeout, lock_timeout) = match role {
            Role::Query => (None, None),
            Role::Background => (Some(Duration::from_secs(10)), Some(Duration::from_millis(200))),
            Role::Migration => (None, Some(Duration::from_secs(3))),
        };
        Connect {
            role,
            access,
            connect_timeout: Duration::from_secs(10),
            statement_timeout,
            lock_timeout,
            place: None,
            traceless: false,
            whole: role != Role::Query,
        }
    }
}

/// A configured target, ready to connect to. Cheap to make: it touches nothing.
pub trait Engine: Send + Sync {
    /// `PostgreSQL`, `MariaDB/MySQL`, `SQLite`.
    fn product(&self) -> &'static str;
    fn dialect(&self) -> Dialect;
    fn target(&self) -> &Target;
    /// Opens a session: an actor that owns one connection.
    fn connect(&self, how: Connect) -> BoxFuture<'_, Result<Session>>;
    fn catalog(&self) -> Capability<&dyn Catalog>;
    /// `Session::explain` is the way to a plan; this says whether and why not.
    fn plans(&self) -> Capability<()>;
    /// Plans of INSERT, UPDATE, DELETE and MERGE that are not run: only where planning one needs no right to write.
    fn plans_of_writes(&self) -> Capability<()>;
    fn backups(&self) -> Capability<&dyn Backups>;
    fn migrations(&self) -> Capability<&dyn Migrations>;
    fn locks(&self) -> Capability<&dyn Locks>;
    fn running(&self) -> Capability<&dyn Running>;
    fn assessing(&self) -> Capability<&dyn Assessing>;
    fn recovering(&self) -> Capability<&dyn Recovering>;
    fn measuring(&self) -> &dyn Measuring;
    /// Plans with indexes that are only imagined.
    fn hypothetical(&self) -> Capability<&dyn Hypothetical>;
    fn trials(&self) -> &dyn Trials;
    fn fixes(&self) -> &dyn Fixes;
}

/// A plan as it would be with more indexes.
#[derive(Debug, Clone, PartialEq)]
pub struct Imagined {
    pub plan: Plan,
    /// Of each index in turn, whether the plan takes it.
    pub used: Vec<bool>,
    /// How large each would be, by the engine's estimate.
    pub bytes: Vec<Option<u64>>,
}

impl Imagined {
    /// Whether the plan takes the last so many of the indexes, all of them.
    pub fn takes(&self, last: usize) -> bool {
        self.used.iter().rev().take(last).all(|u| *u)
    }

    /// What the last so many take together.
    pub fn size(&self, last: usize) -> Option<u64> {
        self.bytes.iter().rev().take(last).copied().sum()
    }
}

/// Plans with indexes that are only imagined: nothing is built and nobody else sees them.
pub trait Hypothetical: Send + Sync {
    /// The plan of a statement that reads, as it would be with these indexes (`CREATE INDEX …`), on a session that nobody else uses
    /// meanwhile. An error where the engine lacks what it takes, or refuses an index.
    fn imagine<'a>(&'a self, s: &'a Session, text: &'a str, creates: &'a [&'a str]) -> BoxFuture<'a, Result<Imagined>>;
    /// The plan as it would be without an index that is there, by its name (PostgreSQL: perhaps with its schema), on a session that nobody
    /// else uses meanwhile. An error where the engine lacks what it takes.
    fn hide<'a>(&'a self, s: &'a Session, text: &'a str, index: &'a str) -> BoxFuture<'a, Result<Plan>>;
}

/// How a planner does without an index that is there, on a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hiding {
    /// This statement goes before the measured one, in a transaction that is rolled back with it.
    InTransaction(String),
    /// These statements switch the index off and on; no row is touched.
    Switch { off: String, on: String },
    /// It does not: it takes a second copy without the index.
    SecondCopy,
}

/// What trying something on a copy needs of an engine.
pub trait Trials: Send + Sync {
    /// A private copy of the database, to be removed by [`Backups::discard`]; `None` where the way to one is a backup's restore.
    fn copy<'a>(&'a self, _progress: &'a dyn Progress, _cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Option<Scratch>>> {
        Box::pin(async { Ok(None) })
    }
    /// Whether [`Trials::copy`] makes copies.
    fn copies_itself(&self) -> bool {
        false
    }
    /// How large such a copy is; `None` where copies are restores.
    fn copy_bytes<'a>(&'a self, _s: &'a Session) -> BoxFuture<'a, Result<Option<u64>>> {
        Box::pin(async { Ok(None) })
    }
    /// Statements that bring a table (as SQL) of a fresh copy, or with a fresh index, to the state of one that is in use.
    fn settle(&self, table: &str) -> Vec<String>;
    /// Whether a copy has the statistics of its original, so that it is settled only where there are some.
    fn settles_as_found(&self) -> bool {
        false
    }
    /// How an index (PostgreSQL: its name as SQL, else bare) of a table (as SQL) is hidden; `s` tells the server's version.
    fn hiding(&self, s: &Session, table: &str, index: &str) -> Hiding;
    /// Statements that make an empty table `name` (as SQL) with the columns and indexes of `table` (as SQL), without its triggers and
    /// foreign keys.
    fn twin<'a>(&'a self, s: &'a Session, table: &'a str, name: &'a str) -> BoxFuture<'a, Result<Vec<String>>>;
    /// Whether planning a statement may run functions in it, so that even a plan takes a proof of what they do.
    fn planning_runs(&self) -> bool {
        false
    }
    /// What running one writing statement would set off, on a session that reads: what cannot be looked through is told as something
    /// that stays or reaches outside, never left out.
    fn effects<'a>(&'a self, s: &'a Session, text: &'a str) -> BoxFuture<'a, Result<Effects>>;
    /// Bytes of an index (PostgreSQL: its name as SQL, else bare, like the table's); `None` when the engine does not tell.
    fn index_bytes<'a>(&'a self, s: &'a Session, table: &'a str, index: &'a str) -> BoxFuture<'a, Result<Option<u64>>>;
}

/// What a measurement depends on beside the statement.
pub trait Measuring: Send + Sync {
    /// Settings by which the planner decides, and the memory that it counts with, by name: measurements are compared only under the same.
    fn planner_settings<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<BTreeMap<String, String>>>;
    /// What the planner expects a statement to cost for any values of its parameters, which stand in it as the server writes them (`$1`);
    /// `None` where no server plans so. Plans it, and runs nothing.
    fn generic_cost<'a>(&'a self, _s: &'a Session, _text: &'a str, _parameters: usize) -> BoxFuture<'a, Result<Option<f64>>> {
        Box::pin(async { Ok(None) })
    }
    /// Values of a column from the server's statistics, the most common one first and rare ones last; `None` where it keeps none.
    fn common_values<'a>(&'a self, _s: &'a Session, _table: &'a str, _column: &'a str) -> BoxFuture<'a, Result<Option<Vec<String>>>> {
        Box::pin(async { Ok(None) })
    }
}

/// What an emergency assessment reads. Nothing here may wait for a lock that somebody holds on a table, or make anybody wait.
pub trait Assessing: Send + Sync {
    /// In the order in which they are best read: cheap and explanatory ones first.
    fn checks(&self) -> &'static [Check];
    /// A database of the server to log into when the target's own cannot be, empty for none: its catalogue may be locked, or the account
    /// may have no right to it.
    fn elsewhere(&self) -> Option<&'static str> {
        None
    }
    /// The GRANT that lets the session's account into a database.
    fn entry(&self, _s: &Session, database: &str) -> String {
        format!("a right on database {database}")
    }
    /// How long one statement may take on the server.
    fn statement_limit(&self) -> Duration {
        Duration::from_secs(2)
    }
    /// What the session's role may see: asked once, before all checks.
    fn sight<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Sight>>;
    /// What a check sees now. An error is the server's, and makes the check `unknown`.
    fn look<'a>(&'a self, s: &'a Session, sight: &'a Sight, check: &'a Check, limits: &'a Limits) -> BoxFuture<'a, Result<Seen>>;
    /// The counters of a check that compares two samples, or what stands for them where they cannot be had.
    fn sample<'a>(&'a self, s: &'a Session, sight: &'a Sight, check: &'a Check) -> BoxFuture<'a, Result<Result<Sample, Seen>>>;
    fn compare(&self, sight: &Sight, check: &Check, limits: &Limits, first: &Sample, second: &Sample) -> Seen;
    /// What can be seen where no connection is possible: processes, who listens, the disk, the end of the log. Reads files of this
    /// machine, and nothing of a server elsewhere. `places` are those that it told when it last answered ([`Seen::places`]).
    fn outside(&self, places: &BTreeMap<String, String>) -> Vec<Seen>;
    /// What was in the way of a login, looked at by itself: a pooler's own word ([`Obstacle::Pooler`](crate::model::Obstacle::Pooler)), a file that was cut off. `None` where nothing is
    /// known of it.
    fn before<'a>(&'a self, _e: &'a Error, _limits: &'a Limits) -> BoxFuture<'a, Option<Seen>> {
        Box::pin(async { None })
    }
    /// Who waits for whom now.
    fn lock_tree<'a>(&'a self, s: &'a Session, sight: &'a Sight) -> BoxFuture<'a, Result<LockTree>>;
}

/// How a login that hangs is told.
const UNANSWERED: &str = "takes the connection and does not answer the login";

/// The figure of the check of a log in which a server, which is not there, said nothing of an end: 1.
pub const SILENT: &str = "silent";

/// The words by which a block that acts says that its object is not there as it was approved.
pub const ANOTHER: &str = "holdpoint: it is another one now";

/// Recovery actions: what each would do to its object as that is now. Looking changes nothing; `ops::recovery` acts.
pub trait Recovering: Send + Sync {
    fn deeds(&self) -> Vec<Deed>;
    /// The object as it is now, and exactly what would be sent. An error where there is no such object, where the action is none for it, or
    /// where the role cannot see what it is, with the GRANT.
    fn look<'a>(&'a self, s: &'a Session, action: &'a Action) -> BoxFuture<'a, Result<Prospect>>;
    /// The steps of a failover from a server that does not answer: all that can be said without it. `followers` is a sentence of who
    /// followed it when it was last assessed.
    fn failover_of_the_dead(&self, _action: &Action, _object: String, _followers: &str) -> Option<Prospect> {
        None
    }
    /// How a person does what is no action here, where the server has a way of its own.
    fn by_hand(&self, _action: &Action) -> Option<String> {
        None
    }
    /// Whether what was done can be seen to have taken effect.
    fn took_effect<'a>(&'a self, s: &'a Session, p: &'a Prospect) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async { Ok(matches!(s.fetch(p.verify.clone()).await?.scalar(), Some("t" | "1" | "true"))) })
    }
}

/// What other sessions of the server are running.
pub trait Running: Send + Sync {
    /// The plan of the statement that the session with this id runs now, with what it has counted so far where the server tells.
    fn plan_of<'a>(&'a self, s: &'a Session, id: u64) -> BoxFuture<'a, Result<Plan>>;
    /// Long commands (building an index, copying a table) with how far they are: a row for each, columns as the engine tells them.
    fn progress<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Table>>;
    /// What clients run or keep open now, the one that began first at the head, without `s`; and sentences about what could not be
    /// seen, each with the privilege that would show it.
    fn statements<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<(Vec<RunningStatement>, Vec<String>)>>;
}

/// What a session does and holds, and who waits for it. `backend` is [`Session::backend`] of the one that is asked about; `s` is
/// another one.
pub trait Locks: Send + Sync {
    /// The statement that it runs now; `None` when it is gone or does nothing.
    fn running<'a>(&'a self, s: &'a Session, backend: u64) -> BoxFuture<'a, Result<Option<String>>>;
    /// Ends its connection on the server while it runs something; false when there was nothing to end.
    fn end<'a>(&'a self, s: &'a Session, backend: u64) -> BoxFuture<'a, Result<bool>>;
    /// Statements of clients that run or wait now, those of `s` left out. A role that may not see others' sessions counts fewer.
    fn busy<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<u64>>;
    fn held<'a>(&'a self, s: &'a Session, backend: u64) -> BoxFuture<'a, Result<Vec<HeldLock>>>;
    fn waiting_for<'a>(&'a self, s: &'a Session, backend: u64) -> BoxFuture<'a, Result<Vec<Waiting>>>;
    /// Who has the lock that it waits for now; empty when it waits for none.
    fn blockers<'a>(&'a self, s: &'a Session, backend: u64) -> BoxFuture<'a, Result<Vec<Blocker>>>;
}

/// The schema tree, definitions, and the canonical catalogue.
pub trait Catalog: Send + Sync {
    /// Children of a node, loaded when it is opened. Never counts rows.
    fn children<'a>(&'a self, s: &'a Session, at: &'a NodePath) -> BoxFuture<'a, Result<Vec<SchemaNode>>>;
    /// The names among [`Catalog::children`], in their order, where they are known much sooner than the rest. `None` where they are not.
    fn outline<'a>(&'a self, _s: &'a Session, _at: &'a NodePath) -> BoxFuture<'a, Result<Option<Vec<SchemaNode>>>> {
        Box::pin(async { Ok(None) })
    }
    /// The statement that would make the object again, as the server tells it.
    fn definition<'a>(&'a self, s: &'a Session, at: &'a NodePath) -> BoxFuture<'a, Result<String>>;
    /// Whether [`Catalog::children`] is quick and leaves a session as it was, whatever its state: then the user's own session,
    /// while nothing has been run on it, spares the wait for another one.
    fn leaves_no_trace(&self) -> bool {
        false
    }
    /// A SELECT of the first `limit` rows of a table or view, with names quoted for this engine, for a session in that place.
    fn preview(&self, at: &NodePath, limit: u32, place: Option<&Place>) -> Option<String>;
    /// Every user object, normalised and sorted: what proofs compare.
    /// Holdpoint's own and the migration tool's history tables are left out.
    ///
    /// The order of a table's columns is an object of its own, kind `column-order`: its name is the table's, its definition
    /// the column names in order, joined by `, `. No other definition may depend on that order. So a proof can tell
    /// "the same columns in another order" (equivalent) from a schema that differs.
    fn objects<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Vec<CanonicalObject>>>;
    /// Kinds of [`Catalog::objects`] that a backup does not bring back into another database (owners, privileges): they are
    /// left out where a database is compared with a scratch copy.
    fn not_restored(&self) -> &'static [&'static str] {
        &[]
    }
    /// Every user table with its columns in order (same omissions); for content hashes.
    fn tables<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Vec<TableShape>>>;
    /// Which of these functions (names as the classifier found them, perhaps qualified) may write. Whatever cannot be
    /// proven harmless is in the answer; the default knows of no proof.
    fn writing_functions<'a>(&'a self, _s: &'a Session, names: &'a [String]) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(async move { Ok(names.to_vec()) })
    }
    /// Of a name among [`Catalog::writing_functions`] that no function bears as far as this login sees: a sentence in the server's way,
    /// without a capital. `None` where there is one, or where that cannot be told.
    fn no_function<'a>(&'a self, _s: &'a Session, _name: &'a str) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(async { Ok(None) })
    }
    /// Which functions count as reading on this engine, and what to do about another one: a hint behind a refusal.
    fn functions_that_read(&self) -> &'static str {
        "A function counts as reading when the catalogue declares it stable or immutable."
    }
    /// What a result's [`crate::model::Origin`] names, where it is no table whose rows could be changed: `app.v is a view`. `None` where
    /// that cannot be told.
    fn no_table<'a>(&'a self, _s: &'a Session, _name: &'a [String]) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(async { Ok(None) })
    }
    /// What a statement that reads by its text would call behind its names: functions in views, operators, casts, domains,
    /// aggregates and policies. `None` when nothing may write. An engine whose session
    /// or authorizer stops such writes by itself has nothing to look up.
    fn hidden_writer<'a>(&'a self, _s: &'a Session, _text: &'a str) -> BoxFuture<'a, Result<Option<Writer>>> {
        Box::pin(async move { Ok(None) })
    }
    /// What planning a statement that writes would run although the statement itself is not: as [`Catalog::hidden_writer`].
    fn planning_writer<'a>(&'a self, _s: &'a Session, _text: &'a str) -> BoxFuture<'a, Result<Option<Writer>>> {
        Box::pin(async move { Ok(None) })
    }
    /// What a change of this table's rows sets off beyond them, or keeps it from being rolled back: triggers, rules, what is computed with
    /// each row (checks, defaults), an engine without transactions. Sentences; empty when nothing does. What foreign keys do is told by
    /// [`Catalog::referrers`].
    fn beyond_the_rows<'a>(&'a self, s: &'a Session, table: &'a [String], touched: Touched) -> BoxFuture<'a, Result<Vec<String>>>;
    /// The foreign keys that lead to a table, its own among them.
    fn referrers<'a>(&'a self, s: &'a Session, table: &'a [String]) -> BoxFuture<'a, Result<Vec<Referrer>>>;
    /// The tables that a table's rows lie in, where it has none of its own: partitions and tables that inherit from it, each with what it
    /// takes, in words.
    fn parts<'a>(&'a self, _s: &'a Session, _table: &'a [String]) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    /// A table's columns and key, by its name as it stands in a statement (one part is looked for as the session would) or by
    /// an [`Origin`](crate::model::rows::Origin)'s table. `None` when there is no such table, or it is a view.
    fn table<'a>(&'a self, s: &'a Session, name: &'a [String]) -> BoxFuture<'a, Result<Option<TableInfo>>>;
    /// What there is round the database that its scripts could reach by a name: other databases, tables kept elsewhere.
    fn neighbours<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Neighbours>>;
    /// The numbers that sequences and the like give next, by the counter's full name. They are neither catalogue nor rows,
    /// and no transaction takes them back. Further on is greater: of a sequence that counts down the sign is turned.
    fn counters<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<BTreeMap<String, i128>>>;
    /// What the database holds outside its tables, each as something that differs when it does.
    fn beside_tables<'a>(&'a self, _s: &'a Session) -> BoxFuture<'a, Result<BTreeMap<String, String>>> {
        Box::pin(async { Ok(BTreeMap::new()) })
    }
    /// Sizes and use of the relations of a schema, from statistics alone: in a few statements for all of them, none of which counts
    /// rows or waits for a lock.
    fn usage<'a>(&'a self, s: &'a Session, schema: &'a str) -> BoxFuture<'a, Result<Usage>>;
    /// What uses a table, a view, a column or a function: known to the catalogue, or found by the names in bodies. What a table's
    /// own columns need of each other is not told.
    fn dependents<'a>(&'a self, s: &'a Session, at: &'a NodePath) -> BoxFuture<'a, Result<Vec<Dependent>>>;
    /// What findings and advice upon a plan need of its tables, named as plan or statement name them: types, indexes, keys, how old
    /// the statistics are. From the catalogue alone, nothing is counted; a table that is not found is left out.
    fn plan_facts<'a>(&'a self, s: &'a Session, relations: &'a [String]) -> BoxFuture<'a, Result<crate::plan::known::Known>>;
    /// Adds to the facts what index advice needs beyond findings: how values are spread, which extensions there are. From
    /// statistics; where an engine keeps none, the facts stay as they are.
    fn spread<'a>(&'a self, _s: &'a Session, known: crate::plan::known::Known) -> BoxFuture<'a, Result<crate::plan::known::Known>> {
        Box::pin(async move { Ok(known) })
    }
    /// The schemas of functions that the session finds under these names and that are not the server's own; a name that stands for
    /// functions of several schemas is left out.
    fn schemas_of<'a>(&'a self, _s: &'a Session, _functions: &'a [String]) -> BoxFuture<'a, Result<BTreeMap<String, String>>> {
        Box::pin(async { Ok(BTreeMap::new()) })
    }
    /// The share of a table's rows (0 to 1) that pass a condition; table and condition as SQL. Counted where the table is known to
    /// have no more than [`COUNTED`] rows; an engine whose planner estimates it from statistics of every column asks that instead.
    fn kept<'a>(&'a self, s: &'a Session, table: &'a str, condition: &'a str, rows: Option<f64>) -> BoxFuture<'a, Result<Option<f64>>> {
        Box::pin(count_kept(s, table, condition, rows))
    }
    /// How many different values an expression over a table's columns has; counted under the same limit, else `None`.
    fn distinct<'a>(&'a self, s: &'a Session, table: &'a str, key: &'a str, rows: Option<f64>) -> BoxFuture<'a, Result<Option<f64>>> {
        Box::pin(count_distinct(s, table, key, rows))
    }
    /// All names that completion proposes, in a few statements: relations with their columns, foreign keys, functions.
    fn names<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Names>>;
    /// The relations of a schema that [`Catalog::names`] left for later ([`Names::unread`]), with their columns.
    fn names_of<'a>(&'a self, _s: &'a Session, _schema: &'a str) -> BoxFuture<'a, Result<Vec<Relation>>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    /// Whether [`Catalog::hidden_writer`] looks anything up: spares opening a session where it does not.
    fn looks_behind_names(&self) -> bool {
        false
    }
}

/// Most rows of a table that are counted for advice: one pass over so many takes seconds at most.
pub const COUNTED: f64 = 2_000_000.0;

async fn count_kept(s: &Session, table: &str, condition: &str, rows: Option<f64>) -> Result<Option<f64>> {
    if rows.is_none_or(|r| r > COUNTED) {
        return Ok(None);
    }
    let counted = s.fetch(format!("SELECT count(*), sum(CASE WHEN {condition} THEN 1 ELSE 0 END) FROM {table}")).await?;
    let number = |i: usize| counted.rows.first()?.get(i)?.as_deref()?.parse::<f64>().ok();
    Ok(match (number(0), number(1)) {
        (Some(all), Some(kept)) if all > 0.0 => Some(kept / all),
        _ => None,
    })
}

async fn count_distinct(s: &Session, table: &str, key: &str, rows: Option<f64>) -> Result<Option<f64>> {
    if rows.is_none_or(|r| r > COUNTED) {
        return Ok(None);
    }
    let counted = s.fetch(format!("SELECT count(DISTINCT {key}) FROM {table}")).await?;
    Ok(counted.rows.first().and_then(|r| r.first()?.as_deref()?.parse().ok()))
}

/// A place for proofs: a database made for the purpose, dropped at the end.
pub struct Scratch {
    /// The target that reaches it: same engine, its own database, access open, no environment.
    pub target: Target,
    pub grade: Grade,
}

/// Taking, restoring and comparing backups with the engine's own tools.
pub trait Backups: Send + Sync {
    /// Missing or too old client tools, no space, wrong versions: found before anything starts. `critical` blocks.
    fn preflight<'a>(&'a self, identity: &'a Identity) -> BoxFuture<'a, Vec<Finding>>;
    /// Takes a backup into the empty directory `dir` (made 0700 by the caller), and returns the manifest without writing it.
    /// `password` is what the target's secret resolved to; it goes to tools by environment or a 0600 file, never argv.
    fn take<'a>(
        &'a self,
        dir: &'a Path,
        by: &'a str,
        progress: &'a dyn Progress,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Manifest>>;
    /// Restores the backup in `dir` into a fresh scratch database. Refuses a scratch place on the same server as a
    /// production target (compared by server id), which the caller passes as `forbidden_server`.
    fn restore<'a>(
        &'a self,
        dir: &'a Path,
        manifest: &'a Manifest,
        forbidden_server: Option<&'a str>,
        progress: &'a dyn Progress,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Scratch>>;
    /// A login with rights on the scratch copy alone, made for the scripts of a proof: what no reading of a script shows
    /// (text put together at run time, a function's body) is stopped there by the server. `None` where the copy's own login
    /// will do, because databases are apart (PostgreSQL, SQLite), or because none can be made and nothing of `of`, the target's
    /// identity, is within reach. [`Backups::discard`] removes it.
    fn confine<'a>(&'a self, _scratch: &'a Scratch, _of: &'a Identity) -> BoxFuture<'a, Result<Option<Target>>> {
        Box::pin(async { Ok(None) })
    }
    /// Refuses where [`Backups::confine`] would, before a backup is taken or restored for it: tried on the scratch server itself.
    fn may_confine<'a>(&'a self, _of: &'a Identity) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Ok(()) })
    }
    /// Compares a fresh restore with what the manifest says: objects, row counts, hashes.
    fn compare<'a>(
        &'a self,
        dir: &'a Path,
        manifest: &'a Manifest,
        scratch: &'a Scratch,
        progress: &'a dyn Progress,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Differences>>;
    /// Drops the scratch database. Never touches anything that `restore` did not make.
    fn discard<'a>(&'a self, scratch: Scratch) -> BoxFuture<'a, Result<()>>;
}

/// What running migrations needs of an engine.
pub trait Migrations: Send + Sync {
    /// DDL rolls back with its transaction (PostgreSQL, SQLite), or commits by itself (MySQL, MariaDB).
    fn transactional_ddl(&self) -> bool;
    /// The statement that opens a migration's transaction; one that may wait for a lock later must take it here.
    fn begin(&self) -> &'static str {
        "BEGIN"
    }
    /// Rows of sqlx's history table, by version; `None` when the table is not there.
    fn history<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Option<Vec<Applied>>>>;
    /// Creates the history table exactly as sqlx would.
    fn ensure_history<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<()>>;
    /// The statement that inserts a history row; run inside the migration's transaction where DDL is transactional.
    fn insert_history(&self, row: &Applied) -> String;
    /// The statement that marks a row as done (`success = true`, `execution_time`).
    fn finish_history(&self, version: i64, execution_time: i64) -> String;
    fn delete_history(&self, version: i64) -> String;
    /// Takes the migrator lock that sqlx would take (same key), polling until `wait` is over; never a blocking call with an open transaction.
    /// The error names the holder. SQLite: checks that nobody else writes (BEGIN IMMEDIATE serves as the lock).
    fn lock<'a>(&'a self, s: &'a Session, wait: Duration) -> BoxFuture<'a, Result<()>>;
    fn unlock<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<()>>;
    /// What must hold right before a run: no long transactions, no blockers, not a replica, free disk where visible.
    /// `critical` blocks; what could not be seen is `unknown`.
    fn preconditions<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Vec<Finding>>>;
    /// Statements to run on the session before the run, e.g. lock timeout; and for SQLite nothing.
    fn session_setup(&self, lock_timeout: Duration) -> Vec<String>;
}

/// Where an engine gets the password from when it connects. Filled by `config::secrets`, or by a prompt.
pub type Password = Option<SecretString>;

/// Content and catalogue of the database behind `s`; see [`fingerprint::take`].
pub async fn fingerprint(catalog: &dyn Catalog, s: &Session, progress: &dyn Progress, cancel: &CancellationToken) -> Result<Fingerprint> {
    fingerprint::take(catalog, s, progress, cancel).await
}
