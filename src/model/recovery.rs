//! Recovery actions: what may be done to a server in an emergency, and what is known of one before it is done.

use serde::{Deserialize, Serialize};

/// What can be done. Each is one act on one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// Ends the statement that a session runs; the session stays.
    Cancel,
    /// Ends a session.
    Terminate,
    /// Ends a session that keeps a transaction open and does nothing.
    EndIdle,
    /// Drops an index that a failed build left behind.
    DropIndex,
    /// Drops a replication slot that nobody reads.
    DropSlot,
    /// VACUUM (FREEZE) of one table.
    Vacuum,
    CommitPrepared,
    RollbackPrepared,
    /// Makes the database (PostgreSQL) or the server (MariaDB) refuse writes.
    ReadOnly,
    /// Takes that back.
    ReadWrite,
    ResumeReplay,
    /// Raises a setting that a server has run into.
    RaiseLimit,
    /// Builds an invalid index anew.
    Reindex,
    /// Moves a replication slot that nobody reads ahead: what lies between is lost to its consumer.
    AdvanceSlot,
    /// Lets a replica go on that was stopped.
    StartReplica,
    /// Brings what is in a write-ahead log into its file, and empties the log.
    Checkpoint,
    /// What a person does to recover a damaged file into a new one. Never done from here.
    Salvage,
    /// What a person does to let another server take over. Never done from here.
    Failover,
}

impl Deed {
    pub const ALL: [Deed; 18] = [
        Deed::Cancel,
        Deed::Terminate,
        Deed::EndIdle,
        Deed::DropIndex,
        Deed::Reindex,
        Deed::Vacuum,
        Deed::Checkpoint,
        Deed::ResumeReplay,
        Deed::RaiseLimit,
        Deed::StartReplica,
        Deed::AdvanceSlot,
        Deed::DropSlot,
        Deed::CommitPrepared,
        Deed::RollbackPrepared,
        Deed::ReadOnly,
        Deed::ReadWrite,
        Deed::Salvage,
        Deed::Failover,
    ];

    /// As it stands on the command line and in the journal.
    pub fn name(self) -> &'static str {
        match self {
            Deed::Cancel => "cancel",
            Deed::Terminate => "terminate",
            Deed::EndIdle => "end-idle",
            Deed::DropIndex => "drop-index",
            Deed::DropSlot => "drop-slot",
            Deed::Vacuum => "vacuum",
            Deed::CommitPrepared => "commit-prepared",
            Deed::RollbackPrepared => "rollback-prepared",
            Deed::ReadOnly => "read-only",
            Deed::ReadWrite => "read-write",
            Deed::ResumeReplay => "resume-replay",
            Deed::RaiseLimit => "raise-limit",
            Deed::Reindex => "reindex",
            Deed::AdvanceSlot => "advance-slot",
            Deed::StartReplica => "start-replica",
            Deed::Checkpoint => "checkpoint",
            Deed::Salvage => "salvage",
            Deed::Failover => "failover",
        }
    }

    pub fn named(name: &str) -> Option<Deed> {
        Deed::ALL.into_iter().find(|d| d.name() == name)
    }

    /// What it does, in a few words.
    pub fn does(self) -> &'static str {
        match self {
            Deed::Cancel => "ends the statement that a session runs; the session stays",
            Deed::Terminate => "ends a session: its transaction is rolled back",
            Deed::EndIdle => "ends a session that is idle in a transaction",
            Deed::DropIndex => "drops an index that a failed build left invalid",
            Deed::DropSlot => "drops a replication slot that nobody reads",
            Deed::Vacuum => "vacuums one table and freezes its old rows",
            Deed::CommitPrepared => "commits a prepared transaction",
            Deed::RollbackPrepared => "rolls a prepared transaction back",
            Deed::ReadOnly => "stops writing",
            Deed::ReadWrite => "allows writing again",
            Deed::ResumeReplay => "lets a standby replay again",
            Deed::RaiseLimit => "raises a setting that the server has run into",
            Deed::Reindex => "builds an index anew",
            Deed::AdvanceSlot => "moves a replication slot ahead that nobody reads",
            Deed::StartReplica => "lets a replica go on that was stopped",
            Deed::Checkpoint => "brings the write-ahead log into the file and empties it",
            Deed::Salvage => "prints how a damaged file is recovered into a new one; nothing is done",
            Deed::Failover => "prints how another server takes over; nothing is done",
        }
    }

    /// What the object is that it takes; empty where it is the server or the database itself.
    pub fn takes(self) -> &'static str {
        match self {
            Deed::Cancel | Deed::Terminate | Deed::EndIdle => "process id",
            Deed::DropIndex | Deed::Reindex => "index",
            Deed::DropSlot => "slot",
            Deed::AdvanceSlot => "slot, and how far",
            Deed::StartReplica => "connection, of several",
            Deed::Vacuum => "table",
            Deed::CommitPrepared | Deed::RollbackPrepared => "transaction's name",
            Deed::RaiseLimit => "setting and value",
            Deed::ReadOnly | Deed::ReadWrite | Deed::ResumeReplay | Deed::Checkpoint | Deed::Salvage | Deed::Failover => "",
        }
    }

    /// It does without a name where there is only one object that can be meant.
    pub fn may_lack_object(self) -> bool {
        self.takes().is_empty() || self == Deed::StartReplica
    }

    /// A second word says how far it goes.
    pub fn takes_value(self) -> bool {
        matches!(self, Deed::RaiseLimit | Deed::AdvanceSlot)
    }

    /// Who may say yes to it.
    pub fn level(self) -> Level {
        match self {
            Deed::Cancel | Deed::Terminate | Deed::EndIdle => Level::One,
            Deed::DropIndex | Deed::Reindex | Deed::Vacuum | Deed::Checkpoint | Deed::ResumeReplay | Deed::RaiseLimit | Deed::Salvage => {
                Level::Two
            }
            Deed::AdvanceSlot | Deed::DropSlot | Deed::CommitPrepared | Deed::RollbackPrepared => Level::Three,
            Deed::StartReplica | Deed::ReadOnly | Deed::ReadWrite | Deed::Failover => Level::Three,
        }
    }
}

/// How much an action asks of whoever wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Level {
    /// Somebody's work is lost: the object's name, typed.
    #[serde(rename = "L1")]
    One,
    /// The same, with an effect on all: the object's name, typed.
    #[serde(rename = "L2")]
    Two,
    /// Data may be lost, or everybody's work stops: a second person, or what policy says.
    #[serde(rename = "L3")]
    Three,
}

impl Level {
    pub fn name(self) -> &'static str {
        match self {
            Level::One => "L1",
            Level::Two => "L2",
            Level::Three => "L3",
        }
    }
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    pub deed: Deed,
    /// As it was typed; empty where the deed takes none.
    pub object: String,
    /// Only where the deed takes one ([`Deed::takes_value`]).
    pub value: Option<String>,
}

/// What an action would do to its object, as that is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Prospect {
    pub action: Action,
    /// The object's full name: what is typed to confirm.
    pub object: String,
    /// What makes it this object and no other that bears the name later: start times, numbers, states.
    pub identity: Vec<String>,
    /// What it is now: name and value.
    pub is: Vec<(String, String)>,
    /// Sentences: what happens, what is lost with it, how it could be taken back.
    pub does: String,
    pub loses: Vec<String>,
    pub undo: String,
    /// The lock that it takes, and for whom it waits.
    pub lock: String,
    /// Exactly what is sent, in this order; the last one but [`Prospect::after`] acts.
    pub before: Vec<String>,
    pub statement: String,
    pub after: Vec<String>,
    /// The acting statement looks for the object by its identity itself, and gives no row when there is none.
    pub rereads: bool,
    /// A SELECT that gives true once it has taken effect.
    #[serde(skip)]
    pub verify: String,
    /// What is true then.
    pub then: String,
    /// Why it is only printed, to be done by a person.
    pub by_hand: Option<String>,
    /// What that person does, in this order, where it is more than the statement.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<String>,
}

/// What came of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "says", rename_all = "kebab-case")]
pub enum Outcome {
    /// Done, and seen to have taken effect.
    Verified(String),
    /// The server took it, and its effect could not be seen yet.
    Unverified(String),
    /// Nothing was done: the object is not what was approved.
    Nothing(String),
}

impl Prospect {
    /// An action of which all is still to be filled in but what it is.
    pub fn of(action: &Action, object: impl Into<String>) -> Prospect {
        Prospect {
            action: action.clone(),
            object: object.into(),
            identity: Vec::new(),
            is: Vec::new(),
            does: String::new(),
            loses: Vec::new(),
            undo: "There is no undo.".into(),
            lock: "It takes no lock.".into(),
            before: Vec::new(),
            statement: String::new(),
            after: Vec::new(),
            rereads: false,
            verify: String::new(),
            then: String::new(),
            by_hand: None,
            steps: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn every_deed_has_a_name_of_its_own() {
        for d in Deed::ALL {
            assert_eq!(Deed::named(d.name()), Some(d));
            assert_eq!(serde_json::to_value(d).unwrap(), d.name());
        }
        assert_eq!(Deed::named("drop-everything"), None);
    }
}
