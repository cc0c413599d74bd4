//! `holdpoint recover`: one recovery action on one object.

use super::args::RecoverYes;
use super::{connect, output};
use crate::cli::Format;
use crate::config::Target;
use crate::model::recovery::{Action, Deed, Outcome, Prospect};
use crate::model::{Error, Result};
use crate::ops::gate::{Yes, approve_recovery, clear_recovery};
use crate::ops::{Connection, Cx, recovery};
use crate::text;
use std::process::ExitCode;

pub async fn recover(
    cx: &Cx,
    target: &str,
    deed: Option<&str>,
    object: Option<String>,
    value: Option<String>,
    yes: RecoverYes,
    format: Format,
) -> Result<ExitCode> {
    let json = matches!(format, Format::Json | Format::Ndjson);
    let Some(deed) = deed else {
        let conn = connect::target(cx, target)?;
        let conn = crate::ops::connect::connect_to(cx, conn).await?;
        return list(&conn, json);
    };
    let Some(deed) = Deed::named(deed) else {
        let all: Vec<&str> = Deed::ALL.iter().map(|d| d.name()).collect();
        return Err(
            Error::usage(format!("there is no recovery action {}", text::clean(deed))).hint(format!("There are: {}.", all.join(", ")))
        );
    };
    let action = Action { deed, object: object.unwrap_or_default(), value };
    let of = connect::target(cx, target)?;
    let (conn, how) = match recovery::connected(cx, of.clone(), deed).await {
        Ok(found) => found,
        Err(e) => return unreached(cx, &of, &action, e, yes.dry_run, json),
    };
    if let Some(how) = how {
        output::message(&how);
    }
    let prospect = recovery::prepare(&conn, &action).await?;
    let mark = recovery::mark(&conn, &prospect);
    if yes.approve {
        show(&prospect, &mark, false)?;
        let (seen, reason) = (yes.seen.unwrap_or_default(), yes.reason.unwrap_or_default());
        let approval = approve_recovery(cx, &conn, &prospect, &seen, &reason).await?;
        output::message(&format!("{} It is good for an hour, for anybody but {}.", approval.summary, text::clean(&cx.operator)));
        return Ok(ExitCode::SUCCESS);
    }
    let Some(typed) = yes.confirm else {
        if json {
            output::json(&serde_json::json!({ "prospect": prospect, "seen": mark, "level": deed.level() }))?;
        } else {
            show(&prospect, &mark, true)?;
        }
        if yes.dry_run {
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(why) = &prospect.by_hand {
            return Err(Error::held(format!("held: {}", text::clean(why))).hint("Do yourself what is shown."));
        }
        return Err(Error::held(format!("held: {} {} is done only after a yes", deed.name(), text::clean(&prospect.object)))
            .hint(format!("If it is what you mean: --confirm {} --seen {mark}.", text::shell_word(&prospect.object))));
    };
    let yes = Yes { object: typed, seen: yes.seen.unwrap_or_default(), reason: yes.reason, target: yes.confirm_target };
    if !json {
        show(&prospect, &mark, false)?;
    }
    let right = clear_recovery(cx, &conn, prospect, &yes).await??;
    let outcome = recovery::act(cx, &conn, right).await?;
    if json {
        output::json(&outcome)?;
    } else {
        let word = match outcome {
            Outcome::Verified(_) => "Done",
            Outcome::Unverified(_) => "Done, not verified",
            Outcome::Nothing(_) => "Nothing was done",
        };
        output::line(&format!("{word}: {}.", text::clean(recovery::told(&outcome))))?;
    }
    Ok(match outcome {
        Outcome::Verified(_) => ExitCode::SUCCESS,
        Outcome::Nothing(_) => ExitCode::from(1),
        Outcome::Unverified(_) => ExitCode::from(5),
    })
}

/// Nobody answers: what a person does then is printed all the same.
fn unreached(cx: &Cx, target: &Target, action: &Action, e: Error, dry_run: bool, json: bool) -> Result<ExitCode> {
    let Some(prospect) = recovery::failover_of_the_dead(cx, target, action, &e) else { return Err(e) };
    if json {
        output::json(&serde_json::json!({ "prospect": prospect, "level": action.deed.level() }))?;
    } else {
        show(&prospect, "", false)?;
    }
    match prospect.by_hand {
        Some(why) if !dry_run => Err(Error::held(format!("held: {}", text::clean(&why))).hint("Do yourself what is shown.")),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// The actions of the target's engine.
fn list(conn: &Connection, json: bool) -> Result<ExitCode> {
    let deeds = recovery::deeds(conn)?;
    if json {
        let all: Vec<_> = deeds
            .iter()
            .map(|d| serde_json::json!({ "action": d.name(), "level": d.level(), "takes": d.takes(), "does": d.does() }))
            .collect();
        output::json(&all)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut t = output::TextTable::new(&["action", "level", "takes", "what it does"]).in_prose();
    for d in deeds {
        t.row(vec![d.name().into(), d.level().name().into(), d.takes().into(), d.does().into()]);
    }
    t.print()?;
    Ok(ExitCode::SUCCESS)
}

/// All that is known before it is done.
fn show(p: &Prospect, mark: &str, ask: bool) -> Result<()> {
    let level = p.action.deed.level();
    let object = text::clean(&p.object);
    output::line(&format!("{} {object} ({}: {})", p.action.deed.name(), level.name(), p.action.deed.does()))?;
    let widest = p.is.iter().map(|(name, _)| text::width(name)).max().unwrap_or(0);
    for (name, value) in &p.is {
        let value = text::truncate(&text::clean(value), 400).into_owned();
        for (i, part) in text::wrap(&value, 76usize.saturating_sub(widest).max(20)).into_iter().enumerate() {
            let name = if i == 0 { name.as_str() } else { "" };
            output::line(&format!("  {name:<widest$}  {part}"))?;
        }
    }
    let mut told: Vec<(&str, String)> = vec![("does", p.does.clone())];
    told.extend(p.loses.iter().map(|l| ("loses", l.clone())));
    told.extend([("undo", p.undo.clone()), ("lock", p.lock.clone())]);
    for (name, words) in told {
        for (i, part) in text::wrap(&text::clean(&words), 70).into_iter().enumerate() {
            output::line(&format!("{:<7}{part}", if i == 0 { name } else { "" }))?;
        }
    }
    for (i, step) in p.steps.iter().enumerate() {
        for (j, part) in text::wrap(&text::clean(step), 68).into_iter().enumerate() {
            let number = if j == 0 { format!("{}.", i + 1) } else { String::new() };
            output::line(&format!("{:<7}{number:<3}{part}", if i + j == 0 { "do" } else { "" }))?;
        }
    }
    for (i, sent) in p.before.iter().chain([&p.statement]).chain(&p.after).filter(|s| !s.is_empty()).enumerate() {
        output::line(&format!("{:<7}{};", if i == 0 { "sends" } else { "" }, text::clean(sent)))?;
    }
    if ask && p.by_hand.is_none() {
        output::line(&format!("{:<7}--confirm {} --seen {mark}", "yes", text::shell_word(&p.object)))?;
    }
    Ok(())
}
