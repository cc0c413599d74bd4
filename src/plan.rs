//! Query plans: what servers print, read into [`crate::model::plan`], and arithmetic upon it. Pure: no driver, no connection,
//! so that a plan from a file is read like one from a server. `engine/` asks, this room reads.

/// Indexes that may help a statement, and why none would.
pub mod candidates;
/// Two plans of one statement side by side.
pub mod compare;
/// How deep a plan may nest.
pub mod deep;
/// Whose plan a text is, and reading it.
pub mod detect;
/// What a measurement was made in, and whether two of them can be compared.
pub mod environment;
/// Conditions as servers print them, as trees.
pub mod expression;
/// What a plan says, with its numbers and the step that tests it.
pub mod findings;
/// The JSON that leaves.
pub mod json;
/// Facts beyond a plan that findings and advice may use.
pub mod known;
/// Statistics of repeated runs, and the verdict whether one way is better than another.
pub mod measure;
/// `EXPLAIN` of MySQL and MariaDB.
pub mod mysql;
/// Encodings, and what a text picked up on its way.
pub mod origin;
/// What a node is about in the text of its statement.
pub mod places;
/// `EXPLAIN` of PostgreSQL.
pub mod postgres;
/// Whether the parts add up to the whole.
pub mod reconcile;
/// What a performance test asks of a statement.
pub mod requirement;
/// What a plan is, apart from its numbers.
pub mod shape;
/// A plan for other people: Markdown, HTML, SVG.
pub mod share;
/// `EXPLAIN QUERY PLAN` of SQLite.
pub mod sqlite;
/// The outermost SELECT, for what plans do not tell.
pub mod statement;
/// Planner settings that may be tried for one plan.
pub mod switches;
/// What nodes and figures are called.
pub mod words;
