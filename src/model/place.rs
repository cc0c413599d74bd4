//! Where names lead in a session.

/// Where a bare name leads in a session, when that is no longer what it was at connecting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// PostgreSQL's `search_path` as the server writes it, MySQL's current database (empty when none is chosen).
    Path(String),
    /// SQLite's databases beside the file that was opened, in the order in which a bare name is looked for in them, that of temporary
    /// objects first. (The file itself comes behind that one.)
    Beside(Vec<Beside>),
}

/// A database that a session has beside its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    pub name: String,
    /// `None` where it is in memory or in a file without a name: nobody else can open it.
    pub file: Option<String>,
    /// It was opened for reading alone (`?mode=ro`).
    pub read_only: bool,
    /// What makes the objects of such a one anew, without their rows; in the order in which that works.
    pub objects: Vec<String>,
}

impl Place {
    pub fn path(&self) -> Option<&str> {
        match self {
            Place::Path(p) => Some(p),
            Place::Beside(_) => None,
        }
    }

    pub fn beside(&self) -> &[Beside] {
        match self {
            Place::Path(_) => &[],
            Place::Beside(all) => all,
        }
    }

    /// The same for a session that writes: without what would only look like the user's own.
    pub fn shared(&self) -> Place {
        match self {
            Place::Path(p) => Place::Path(p.clone()),
            Place::Beside(all) => Place::Beside(all.iter().filter(|b| b.file.is_some()).cloned().collect()),
        }
    }

    /// Whether the rows of a schema are in the user's own session alone.
    pub fn is_private(&self, schema: &str) -> bool {
        self.beside().iter().any(|b| b.file.is_none() && b.name.eq_ignore_ascii_case(schema))
    }
}
