//! Plain data that every layer shares. No I/O, no driver, no terminal: serde and the standard library only.

pub mod assessment;
pub mod catalog;
pub mod dialect;
pub mod effects;
pub mod error;
pub mod evidence;
pub mod finding;
pub mod lock_tree;
pub mod manifest;
pub mod migration;
pub mod names;
pub mod place;
pub mod plan;
pub mod print;
pub mod progress;
pub mod recovery;
pub mod rows;
pub mod running;
pub mod server;

pub use catalog::{
    Blocker, CanonicalObject, ColumnInfo, Dependent, Follow, HeldLock, NodeKind, NodePath, Referrer, RelationUsage, SchemaNode, TableInfo,
    TableShape, Usage, Waiting,
};
pub use dialect::{Dialect, Reading};
pub use effects::Effects;
pub use error::{Error, Kind, Obstacle, Result, STAYS};
pub use finding::{Fault, Finding, Severity};
pub use place::{Beside, Place};
pub use print::Print;
pub use progress::{Progress, Silent};
pub use rows::{Align, BatchBuilder, Cell, Column, Param, RowBatch};
pub use running::{HowFar, RunningStatement};
pub use server::{Identity, Notice, ReadOnly, TxState};
