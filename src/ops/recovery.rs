//! Recovery actions: looked at, approved, done to exactly what was approved, and verified.
//!
//! [`prepare`] tells what an action would do to its object as it is now. [`super::gate::clear_recovery`] turns that and what a person typed
//! into a right. [`act`] reads the object again, in the acting statement itself where the server can, and does nothing when it is
//! another one by now; then it looks for the effect. The journal has it before and after.

use super::assess::{is_denied, is_full, is_limited, is_locked_catalogue};
use super::gate::RecoveryRight;
use super::{Connection, Cx, cancelling, waits};
use crate::config::Target;
use crate::engine::{Recovering, Session};
use crate::model::recovery::{Action, Deed, Level, Outcome, Prospect};
use crate::model::{Error, Kind, Obstacle, Result};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long the effect is looked for.
const TO_SHOW: Duration = Duration::from_secs(10);
/// Before a second try to log in.
const AGAIN: Duration = Duration::from_millis(500);
/// What waits for a lock, in a sentence.
const WHAT: &str = "action";
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// What can be done on this engine.
pub fn deeds(conn: &Connection) -> Result<Vec<Deed>> {
    Ok(conn.engine().recovering().get()?.deeds())
}

/// Another way in where a login to the target's own database fails because its catalogue is locked, or because the account may not use it
/// (a monitor's often may not): what is about sessions or the server is done from elsewhere. Gives the connection and what to say of it; the error of the first try where there is no other way, or the deed is about the database
/// itself.
async fn elsewhere(cx: &Cx, target: Target, deed: Deed, e: Error) -> Result<(Connection, String)> {
    let of_server = deed.level() == Level::One || matches!(deed, Deed::StartReplica | Deed::ResumeReplay | Deed::Failover);
    let (locked, limited) = (is_locked_catalogue(&e), is_limited(&e));
    let hangs = e.obstacle == Some(Obstacle::LoginHangs);
    if !(locked || hangs || is_denied(&e) || is_limited(&e)) || !of_server {
        return Err(e);
    }
    let own = target.database.clone().unwrap_or_else(|| "the target's database".into());
    let conn = super::connect::connect_to(cx, target.clone()).await?;
    let other = conn.engine().assessing().get().ok().and_then(|a| a.elsewhere()).filter(|d| *d != own);
    let Some(database) = other else { return Err(e) };
    let conn = super::connect::connect_to(cx, Target { database: (!database.is_empty()).then(|| database.into()), ..target }).await?;
    conn.reader().await.map_err(|_| e)?;
    let own = crate::text::clean(&own).into_owned();
    let why = match () {
        () if locked => format!("the catalogue of {own} is locked"),
        () if hangs => format!("a login to {own} is not answered, as where its catalogue is locked"),
        () if limited => format!("database {own} has as many connections as it may have"),
        () => format!("this account may not use database {own}"),
    };
    let instead = if database.is_empty() { "without a database".to_string() } else { format!("into database {database} instead") };
    Ok((conn, format!("{why}: logged {} {instead}", if database.is_empty() { "in" } else { "" }).replace("  ", " ")))
}

/// A session that can act on the target: its own database's, or another way in, with what to say of that. Where all connections are taken it
/// is tried once more: a session of our own that has just ended may still have been counted.
pub async fn connected(cx: &Cx, target: Target, deed: Deed) -> Result<(Connection, Option<String>)> {
    let own = || async {
        let conn = super::connect::connect_to(cx, target.clone()).await?;
        conn.reader().await?;
        Ok(conn)
    };
    let mut tried = own().await;
    if tried.as_ref().is_err_and(is_full) {
        tokio::time::sleep(AGAIN).await;
        tried = own().await;
    }
    match tried {
        Ok(conn) => Ok((conn, None)),
        Err(e) => elsewhere(cx, target, deed, e).await.map(|(conn, how)| (conn, Some(how))),
    }
}

/// Who followed the target's server when that was last seen, as a sentence: in the seconds before it died nobody may have.
pub(in crate::ops) fn followers(cx: &Cx, target: &Target) -> String {
    let known = cx.store.followers(&target.kept_as()).ok().flatten();
    let Some(known) = known else { return "Who followed it is not known here: no assessment saw anybody.".into() };
    let at = known.at.strftime("%Y-%m-%d %H:%M UTC");
    format!("It was followed by {} when an assessment last saw anybody do so ({at}).", known.names.join(", "))
}

/// A failover is wanted most where nobody answers: its steps, as far as they can be told without the server. `None` where the deed is another
/// one, or where the server has answered and refused.
pub fn failover_of_the_dead(cx: &Cx, target: &Target, action: &Action, e: &Error) -> Option<Prospect> {
    if action.deed != Deed::Failover || e.kind != Kind::Connect || e.code.is_some() {
        return None;
    }
    let engine = crate::engine::registry::engine(target.clone(), None);
    let mut p = engine.recovering().get().ok()?.failover_of_the_dead(action, target.name.clone(), &followers(cx, target))?;
    p.is.push(("this server".into(), format!("does not answer: {}", e.message)));
    Some(p)
}

/// What the action would do to its object, as that is now. Changes nothing.
pub async fn prepare(conn: &Connection, action: &Action) -> Result<Prospect> {
    let engine = conn.engine().recovering().get()?;
    if !engine.deeds().contains(&action.deed) {
        let all: Vec<&str> = engine.deeds().iter().map(|d| d.name()).collect();
        let none = Error::usage(format!("{} is no action of {}", action.deed.name(), conn.engine().product()));
        let none = engine.by_hand(action).into_iter().fold(none, Error::hint);
        return Err(none.hint(format!("There are: {}.", all.join(", "))));
    }
    let (name, takes) = (action.deed.name(), action.deed.takes());
    if takes.is_empty() && !action.object.is_empty() {
        return Err(Error::usage(format!("{name} takes no object")));
    }
    if action.object.is_empty() && !action.deed.may_lack_object() {
        return Err(Error::usage(format!("{name} needs the {takes}")));
    }
    if action.value.is_some() && !action.deed.takes_value() {
        return Err(Error::usage(format!("{name} takes one object at a time, and nothing beside it")));
    }
    engine.look(&conn.reader().await?, action).await
}

/// The words that show what an action would do; nothing is done by them. Each is one word of a shell, whatever is in it.
pub fn command(action: &Action, target: &str) -> String {
    let word = crate::text::shell_word;
    let mut out = format!("holdpoint recover {} {}", word(target), action.deed.name());
    for part in [Some(&action.object), action.value.as_ref()].into_iter().flatten().filter(|p| !p.is_empty()) {
        out.push_str(&format!(" {}", word(part)));
    }
    out
}

/// Names what was looked at in eight digits: another object of that name, or the same in another state, has another one.
pub fn mark(conn: &Connection, p: &Prospect) -> String {
    let mut h = Sha256::new();
    let parts = [conn.target().name.as_str(), p.action.deed.name(), &p.object, &p.statement];
    for part in parts.into_iter().chain(p.identity.iter().map(String::as_str)) {
        h.update((part.len() as u64).to_le_bytes());
        h.update(part.as_bytes());
    }
    hex::encode(&h.finalize()[..4])
}

/// Does what was approved, once.
///
/// # Errors
/// The server's refusal; [`Kind::Cancelled`]. Both are in the journal. That the object is another one by now is no error.
pub async fn act(cx: &Cx, conn: &Connection, right: RecoveryRight) -> Result<Outcome> {
    if right.target != conn.target().name {
        return Err(Error::held(format!("held: it was approved for {}, and this is {}", right.target, conn.target().name)));
    }
    super::gate::recovery::use_up(cx, conn, &right).await?;
    let RecoveryRight { target, prospect, approved, .. } = right;
    let engine = conn.engine().recovering().get()?;
    let of_it = |more: serde_json::Value, words: &str| {
        let mut body = json!({
            "summary": format!("{words}: {} {}", prospect.action.deed.name(), crate::text::clean(&prospect.object)),
            "action": prospect.action.deed.name(),
            "object": prospect.object,
            "identity": prospect.identity,
            "statement": prospect.statement,
            "approved": approved,
            "place": conn.target().leads(),
            "server": conn.target().server(),
        });
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            body.extend(more.clone());
        }
        body
    };
    // What cannot be journaled must not be done.
    cx.journal("recovery-begin", &target, of_it(json!({ "level": prospect.action.deed.level().name() }), "recovery begun"))?;
    let done = async {
        let session = conn.writer().await?;
        let now = engine.look(&session, &prospect.action).await;
        let outcome = match now {
            Ok(now) if now.identity == prospect.identity && now.statement == prospect.statement => {
                match cancelling::unless_cancelled(cx, &session, sent(conn, &session, &prospect)).await {
                    Ok(None) => Ok(effect(cx, engine, &session, &prospect).await),
                    Ok(Some(nothing)) => Ok(nothing),
                    // What was cut off may have taken effect all the same: it is looked at, by a session that answers.
                    Err(e) => match cut_off(conn, engine, &prospect).await {
                        Some(true) => {
                            Ok(Outcome::Unverified(format!("it was cut off ({}), and has taken effect: {}", e.message, prospect.then)))
                        }
                        _ if e.kind == Kind::Connect => Err(e.context("whether it was done is not known")),
                        _ => Err(e),
                    },
                }
            }
            Ok(_) => Ok(another(&prospect)),
            Err(e) if e.kind == Kind::Connect => Err(e),
            Err(e) => Ok(Outcome::Nothing(e.message)),
        };
        if tokio::time::timeout(TO_SHOW, session.clone().close()).await.is_err() {
            session.sever();
        }
        outcome
    };
    let outcome = done.await;
    let (kind, words, says) = match &outcome {
        Ok(Outcome::Verified(s)) => ("recovery-done", "recovery done", s.clone()),
        Ok(Outcome::Unverified(s)) => ("recovery-unverified", "recovery done, its effect not seen", s.clone()),
        Ok(Outcome::Nothing(s)) => ("recovery-nothing", "recovery did nothing", s.clone()),
        Err(e) => ("recovery-failed", "recovery failed", e.message.clone()),
    };
    let kept = cx.journal(kind, &target, of_it(json!({ "says": says }), words));
    match (outcome, kept) {
        (Ok(outcome), Err(e)) => Err(e.context(format_args!("it was done ({}), and the journal could not take it", told(&outcome)))),
        (outcome, _) => outcome,
    }
}

/// The sentence of an outcome.
pub fn told(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Verified(s) | Outcome::Unverified(s) | Outcome::Nothing(s) => s,
    }
}

fn another(p: &Prospect) -> Outcome {
    Outcome::Nothing(format!("{} is not what was approved any more", crate::text::clean(&p.object)))
}

/// Sends what acts. Where it gave up for a lock, who has that lock was looked for meanwhile.
async fn sent(conn: &Connection, s: &Session, p: &Prospect) -> Result<Option<Outcome>> {
    let whom = Mutex::new(None);
    let tell =
        |told: &str| *whom.lock().unwrap_or_else(PoisonError::into_inner) = Some(told.to_string()).filter(|t| *t != waits::over(WHAT));
    let sent = waits::told(conn, WHAT, &|| s.backend(), &tell, send(s, p)).await;
    let whom = whom.into_inner().unwrap_or_else(PoisonError::into_inner);
    sent.map_err(|mut e| match whom {
        Some(told) if is_lock_timeout(&e) => {
            e.hints.clear();
            e.hint(told).hint("Once that has ended, do it again.")
        }
        _ => e,
    })
}

/// Gave up waiting for a lock: PostgreSQL's `lock_timeout`, MySQL's `lock_wait_timeout`.
fn is_lock_timeout(e: &Error) -> bool {
    matches!(e.code.as_deref(), Some("55P03" | "1205"))
}

/// Sends what acts; `None` when the server did it.
async fn send(s: &Session, p: &Prospect) -> Result<Option<Outcome>> {
    for setup in &p.before {
        s.fetch(setup.clone()).await?;
    }
    let acted = match s.fetch(p.statement.clone()).await {
        Ok(table) => table,
        // A block that found no such object says so by an error of its own.
        Err(e) if p.rereads && e.message.contains(crate::engine::ANOTHER) => return Ok(Some(another(p))),
        // ER_NO_SUCH_THREAD: what was looked for directly before is not there.
        Err(e) if e.code.as_deref() == Some("1094") => return Ok(Some(another(p))),
        Err(e) if e.message.contains("You are not owner of") => {
            return Err(e.hint("Ending other accounts' sessions takes GRANT CONNECTION ADMIN ON *.* (MySQL: CONNECTION_ADMIN)."));
        }
        Err(e) => return Err(e),
    };
    if p.rereads && !acted.columns.is_empty() {
        match acted.rows.first().map(|r| r.first().cloned().flatten()) {
            None => return Ok(Some(another(p))),
            Some(Some(no)) if no == "f" => {
                return Ok(Some(Outcome::Nothing("the server answered that there was nothing to do it to".into())));
            }
            Some(_) => {}
        }
    }
    for more in &p.after {
        s.fetch(more.clone()).await?;
    }
    Ok(None)
}

/// Whether something that was cut off took effect, seen by another session; `None` where that cannot be seen.
async fn cut_off(conn: &Connection, engine: &dyn Recovering, p: &Prospect) -> Option<bool> {
    let look = async {
        let session = conn.reader().await?;
        engine.took_effect(&session, p).await
    };
    tokio::time::timeout(TO_SHOW, look).await.ok()?.ok()
}

/// Looks for the effect of what was done.
async fn effect(cx: &Cx, engine: &dyn Recovering, s: &Session, p: &Prospect) -> Outcome {
    let begun = tokio::time::Instant::now();
    loop {
        match engine.took_effect(s, p).await {
            Ok(true) => return Outcome::Verified(p.then.clone()),
            Ok(false) => {}
            Err(e) => return Outcome::Unverified(format!("it was sent, and its effect could not be looked for: {}", e.message)),
        }
        if begun.elapsed() >= TO_SHOW || cx.cancel.is_cancelled() {
            let waited = crate::text::duration(begun.elapsed());
            return Outcome::Unverified(format!("it was sent, and {waited} later it had not taken effect; look again"));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_command_is_words_of_a_shell() {
        let of = |object: &str, target: &str| command(&Action { deed: Deed::Terminate, object: object.into(), value: None }, target);
        assert_eq!(of("4711", "shop"), "holdpoint recover shop terminate 4711");
        assert_eq!(of("a'$(id)", "postgres://a@h/b?x=1"), "holdpoint recover 'postgres://a@h/b?x=1' terminate 'a'\\''$(id)'");
        assert_eq!(of("", "shop"), "holdpoint recover shop terminate");
    }
}
