//! What the sessions of a server run at a moment.

/// A session that runs something, or keeps a transaction open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunningStatement {
    /// What the server calls the session: a process id, a connection's number.
    pub id: u64,
    /// Empty where the server does not tell, as all texts here.
    pub user: String,
    pub database: String,
    /// Address and program.
    pub client: String,
    /// In the server's words: `active`, `idle in transaction`, `Sending data`.
    pub state: String,
    /// What it waits for, in the server's words.
    pub waits: String,
    /// Sessions that hold the lock that it waits for.
    pub blocked_by: Vec<u64>,
    /// Since the statement began, or since the session has done nothing in its transaction; milliseconds.
    pub ms: Option<u64>,
    /// Since its transaction began; milliseconds.
    pub tx_ms: Option<u64>,
    pub text: String,
    pub far: Option<HowFar>,
}

/// How far a long command is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HowFar {
    /// `CREATE INDEX CONCURRENTLY`; empty where the statement says it.
    pub command: String,
    pub relation: String,
    pub phase: String,
    /// Of the phase; `None` where its end is not known.
    pub percent: Option<f64>,
    /// `1234 of 9876`.
    pub work: String,
}

/// A share of nothing does not occur: equal figures are equal.
impl Eq for HowFar {}
