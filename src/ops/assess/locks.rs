//! A session of the lock tree in words, for whoever shows it.

use crate::model::lock_tree::LockSession;
use crate::text;

/// `waits 2 min for RowShareLock on orders`, `idle in transaction for 41 min`: fit for a screen.
pub fn does(s: &LockSession) -> String {
    let for_long = |seconds: u64| if seconds == 0 { "less than 1 s".into() } else { text::age(seconds.saturating_mul(1000)) };
    match (s.waits, s.idle) {
        (Some(w), _) => format!("waits {} for {}", for_long(w), text::clean(if s.wants.is_empty() { "a lock" } else { &s.wants })),
        (None, Some(i)) => format!("{} for {}", text::clean(&s.state), for_long(i)),
        (None, None) if s.id == 0 => "prepared, and held by nobody's session".into(),
        (None, None) if s.state.is_empty() => "may not be looked into".into(),
        (None, None) => text::clean(&s.state).into_owned(),
    }
}

/// `4711 · etl · idle in transaction for 41 min, 39 behind it · UPDATE …`: all on one line, for a screen.
pub fn in_a_line(s: &LockSession, victims: Option<usize>) -> String {
    let id = if s.id == 0 { "prepared".to_string() } else { s.id.to_string() };
    let behind = victims.map_or_else(String::new, |n| format!(", {n} behind it"));
    let statement = text::clean(&text::one_line(&s.statement)).into_owned();
    let parts = [id, text::clean(&s.user).into_owned(), format!("{}{behind}", does(s)), statement];
    let words: Vec<&str> = parts.iter().map(String::as_str).filter(|p| !p.is_empty()).collect();
    words.join(" · ")
}
