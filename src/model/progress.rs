//! How long work tells what it is doing.

/// Where an operation reports to: the console's status line, stderr, or nowhere.
pub trait Progress: Send + Sync {
    /// `step` names the work in a few words ("copying orders"); `done` of `total` in the step's own unit, total when known.
    fn update(&self, step: &str, done: u64, total: Option<u64>);
}

/// Reports to nobody.
pub struct Silent;

impl Progress for Silent {
    fn update(&self, _step: &str, _done: u64, _total: Option<u64>) {}
}
