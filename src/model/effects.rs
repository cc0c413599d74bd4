//! What running a writing statement sets off, as far as it can be known before it runs: named to a person before a measurement, and
//! what the gate decides by.

use super::Dialect;
use sha2::{Digest, Sha256};

/// What a statement does besides its answer: sentences that hold names as the server tells them, so whoever shows them cleans them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effects {
    /// Tables whose rows change, each with how: `public.orders: UPDATE`.
    pub written: Vec<String>,
    /// Triggers that may fire, each with its moment and function.
    pub triggers: Vec<String>,
    /// Rows of other tables that foreign keys change.
    pub cascades: Vec<String>,
    /// Foreign keys that are checked for the rows: what they look for, and where.
    pub checks: Vec<String>,
    /// Counters that advance and stay so, by full name.
    pub sequences: Vec<String>,
    pub locks: Vec<String>,
    /// What a commit would do, which is done and measured at the statement's end: deferred constraints and triggers.
    pub deferred: Vec<String>,
    /// What no rollback takes back inside the database: reasons why it is not run on the target itself.
    pub stays: Vec<String>,
    /// What reaches beyond the database: reasons why it is not run on a copy either.
    pub outside: Vec<String>,
    /// What would lead from a copy back to the original: reasons why a copy will not do.
    pub back: Vec<String>,
    pub notes: Vec<String>,
}

impl Effects {
    /// Adds a line once.
    pub fn note(list: &mut Vec<String>, line: impl Into<String>) {
        let line = line.into();
        if !list.contains(&line) {
            list.push(line);
        }
    }

    /// One line for each thing, with its heading in front.
    pub fn lines(&self) -> Vec<String> {
        let mut out = Vec::new();
        let groups: [(&str, &Vec<String>); 10] = [
            ("Writes", &self.written),
            ("Trigger", &self.triggers),
            ("Cascade", &self.cascades),
            ("Foreign key", &self.checks),
            ("Counter that advances and stays so", &self.sequences),
            ("Lock", &self.locks),
            ("At its end", &self.deferred),
            ("Cannot be rolled back", &self.stays),
            ("Beyond the database", &self.outside),
            ("From a copy back to the original", &self.back),
        ];
        for (heading, list) in groups {
            out.extend(list.iter().map(|l| format!("{heading}: {l}")));
        }
        if self.triggers.is_empty() {
            // PostgreSQL checks foreign keys by triggers of its own, and plans count their time as such.
            out.push(if self.checks.is_empty() { "No trigger fires." } else { "Beside these checks no trigger fires." }.into());
        }
        if self.sequences.is_empty() {
            out.push("No counter stays advanced.".into());
        }
        out.extend(self.notes.iter().cloned());
        out
    }

    /// Changes when anything that was named changes.
    pub fn digest(&self, dialect: Dialect, statement: &str) -> String {
        let mut h = Sha256::new();
        h.update(format!("{dialect:?}\n{statement}\n"));
        for l in self.lines() {
            h.update(l.as_bytes());
            h.update(b"\n");
        }
        hex::encode(h.finalize())
    }
}
