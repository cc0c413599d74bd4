//! The time zone by whose clocks a file's moments are written: MariaDB and MySQL read TIMESTAMP by that of the session.

use super::Import;
use crate::engine::Session;
use crate::model::{Dialect, Error, Result};

/// What sets it: that which was asked for, or that which the file names.
pub(super) async fn setting(s: &Session, import: &Import, of_file: Option<&str>) -> Result<Option<String>> {
    let Some(zone) = import.time_zone.as_deref().or(of_file) else { return Ok(None) };
    let shown = crate::text::clean(zone).into_owned();
    if s.dialect() != Dialect::MySql {
        return Err(match import.time_zone {
            Some(_) => Error::usage("--time-zone is for MariaDB and MySQL: elsewhere the values name their time zone, or have none"),
            None => Error::usage(format!("the file's moments are written in the time zone {shown}, which MariaDB and MySQL alone read")),
        });
    }
    // The letters of the system's zone tell whether it is another server's.
    let name = match zone.strip_prefix("SYSTEM (").and_then(|z| z.strip_suffix(')')) {
        Some(letters) => {
            let here = s.fetch("SELECT @@GLOBAL.system_time_zone").await?.scalar().unwrap_or_default().to_string();
            if here != letters {
                let here = crate::text::clean(&here).into_owned();
                return Err(Error::held(format!(
                    "held: the file's moments are written in its server's own time zone, {}, and this server's is {here}",
                    crate::text::clean(letters)
                ))
                .hint("Name the zone with --time-zone, such as '+02:00'; SYSTEM is this server's own."));
            }
            "SYSTEM"
        }
        None => zone,
    };
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+-:/".contains(&b)) {
        return Err(Error::usage(format!("{shown} is no name of a time zone")));
    }
    Ok(Some(format!("SET time_zone = '{name}'")))
}

/// Sets it in a session.
pub(super) async fn set(s: &Session, setting: &Option<String>) -> Result<()> {
    let Some(text) = setting else { return Ok(()) };
    let hint = "The server has to know the zone by its name (its time zone tables). Name it with --time-zone, such as '+02:00'.";
    s.fetch(text.clone()).await.map(drop).map_err(|e| e.context("setting the time zone of the file's moments").hint(hint))
}
