//! The connection as the screen knows it.

use crate::config::{AccessMode, Target};
use crate::engine::SessionStatus;
use crate::model::{Dialect, Error, Identity, Place, ReadOnly, TxState};
use jiff::Timestamp;

/// A target that a session stands to.
#[derive(Debug, Clone)]
pub struct Server {
    pub target: Target,
    pub identity: Identity,
    pub status: SessionStatus,
    pub dialect: Dialect,
    /// `Some` with the reason when the engine cannot show plans, keep backups, or run migrations.
    pub no_plans: Option<String>,
    pub no_backups: Option<String>,
    pub no_migrations: Option<String>,
}

/// State of the connection.
#[derive(Debug, Clone, Default)]
pub enum Link {
    #[default]
    None,
    Connecting {
        target: String,
        since: Option<Timestamp>,
    },
    Open(Box<Server>),
    Failed {
        target: String,
        error: Error,
    },
}

impl Link {
    pub fn server(&self) -> Option<&Server> {
        match self {
            Link::Open(s) => Some(s),
            _ => None,
        }
    }
    pub fn server_mut(&mut self) -> Option<&mut Server> {
        match self {
            Link::Open(s) => Some(s),
            _ => None,
        }
    }
    /// Name of the target that is open, opening or failed.
    pub fn target_name(&self) -> Option<&str> {
        match self {
            Link::None => None,
            Link::Connecting { target, .. } | Link::Failed { target, .. } => Some(target),
            Link::Open(s) => Some(&s.target.name),
        }
    }
}

impl Server {
    /// What stands on the first line for the access: never more than is proven.
    pub fn access_words(&self, unlocked_minutes: Option<i64>) -> String {
        if let Some(min) = unlocked_minutes {
            return format!("guarded {min} min");
        }
        match (self.target.access, self.status.read_only) {
            (AccessMode::Guarded, _) => "guarded".into(),
            (_, ReadOnly::Role) => "read-only (role)".into(),
            (_, ReadOnly::File) => "read-only (file)".into(),
            (_, ReadOnly::Session) => "read-only (session)".into(),
            (AccessMode::Open, ReadOnly::No) => "open".into(),
            // The engine must not have connected so; if it did, say what is true.
            (AccessMode::ReadOnly, ReadOnly::No) => "NOT read-only".into(),
        }
    }

    /// Where bare names lead, not cleaned, when the session was sent elsewhere than the target says.
    pub fn place_words(&self) -> Option<String> {
        Some(match self.status.place.as_ref()? {
            Place::Path(p) if self.dialect == Dialect::MySql && p.is_empty() => "no database".into(),
            Place::Path(p) if self.dialect == Dialect::MySql => format!("db {p}"),
            Place::Path(p) => format!("path {p}"),
            Place::Beside(all) => {
                let names: Vec<_> = all.iter().map(|b| b.name.as_str()).collect();
                format!("with {}", names.join(", "))
            }
        })
    }

    pub fn tx_words(&self) -> &'static str {
        match self.status.tx {
            TxState::Idle => "no tx",
            TxState::Open => "TX OPEN",
            TxState::Failed => "TX FAILED",
        }
    }
}
