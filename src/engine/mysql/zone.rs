//! The session's time zone: TIMESTAMP keeps moments, and sends them as that zone's clocks show them, without its name. Where clocks are
//! put back, one hour stands for two moments.

use crate::engine::Session;
use crate::model::rows::offset_of_zone;
use crate::model::{ColumnInfo, Result};

/// What gives its name, as [`named`] does.
pub(super) const ZONE: &str = "IF(@@SESSION.time_zone <> 'SYSTEM', @@SESSION.time_zone, \
     IF(@@GLOBAL.system_time_zone = 'UTC', 'UTC', CONCAT('SYSTEM (', @@GLOBAL.system_time_zone, ')')))";

/// The server names its system's zone by letters of the day when it was started (`EST`), which are no name of a zone, or another one's.
pub(super) fn named(zone: &str, of_system: &str) -> String {
    match (zone, of_system) {
        ("SYSTEM", "UTC") => "UTC".into(),
        ("SYSTEM", letters) => format!("SYSTEM ({letters})"),
        (own, _) => own.into(),
    }
}

/// By how much clocks have been put back somewhere, in seconds.
const PUT_BACK: [u32; 4] = [1800, 3600, 7200, 10_800];

/// See `Fixes::moments_alike`.
pub(super) async fn alike(s: &Session, columns: &[&ColumnInfo]) -> Result<Option<(String, String)>> {
    let moments: Vec<_> = columns.iter().filter(|c| c.type_name.to_ascii_lowercase().starts_with("timestamp")).collect();
    if moments.is_empty() {
        return Ok(None);
    }
    let zone = s.fetch(format!("SELECT {ZONE}")).await?.scalar().unwrap_or_default().to_string();
    if offset_of_zone(&zone).is_some() {
        return Ok(None);
    }
    let alike = |c: &&&ColumnInfo| {
        let name = super::catalog::q(&c.name);
        let others = PUT_BACK.iter().flat_map(|n| ["+", "-"].map(|sign| format!("FROM_UNIXTIME(UNIX_TIMESTAMP({name}) {sign} {n})")));
        format!("CAST({name} AS DATETIME(6)) IN ({})", others.collect::<Vec<_>>().join(", "))
    };
    Ok(Some((moments.iter().map(alike).collect::<Vec<_>>().join(" OR "), zone)))
}
