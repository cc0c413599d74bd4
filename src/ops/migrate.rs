//! Migrations: the queue of a directory against a database's history, the rollback proof, apply and revert, rehearsal.

mod exec;
pub mod files;
pub mod prove;
pub mod run;
pub mod status;

pub use prove::{ProofReport, StepProof, prove};
pub use run::{ApplyReport, RevertReport, StepRun, apply, clear_and_apply, rehearse, revert};
pub use status::{Queue, QueueItem, status};
