//! A server that followed another one, and does no more: a promotion that nobody meant makes two servers that take writes, each of them sound.

use super::summary::summary;
use crate::model::assessment::{Assessment, Muted};
use crate::model::{Finding, Severity};
use jiff::Timestamp;

/// The checks that tell whether a server follows another, with the figure that does.
const FOLLOWS: [(&str, &str); 2] = [("PG02", "follows"), ("MY10", "sources")];
/// When it was last seen to follow, in seconds since 1970.
const FOLLOWED: &str = "followed";
/// For so long it is told, in seconds: by then it is meant.
const TOLD: f64 = 86_400.0;

pub(super) fn compared(last: &Assessment, now: &mut Assessment, mutes: &[Muted]) {
    let figure = |a: &Assessment, check: &str, name: &str| a.checks.iter().find(|c| c.check == check)?.figures.get(name).copied();
    for (check, follows) in FOLLOWS {
        let (Some(was), Some(is)) = (figure(last, check, follows), figure(now, check, follows)) else { continue };
        let since = if was > 0.0 { Some(last.began.as_second() as f64) } else { figure(last, check, FOLLOWED) };
        let (Some(since), true) = (since, is == 0.0) else { continue };
        let (began, Some(seen)) = (now.began, now.checks.iter_mut().find(|c| c.check == check)) else { continue };
        if began.as_second() as f64 - since > TOLD {
            continue;
        }
        seen.figures.insert(FOLLOWED.into(), since);
        let at = Timestamp::from_second(since as i64).unwrap_or(began).strftime("%Y-%m-%d %H:%M UTC");
        let words = format!("it followed another server at {at}, and does no more: where that one still takes writes, two servers do");
        seen.find(Finding::new(Severity::Warning, check, "role", words).next(
            "Find out who promoted it or stopped it from following, and whether the other one still takes writes. Then keep applications on one of the \
             two, and build the other anew.",
        ));
        *seen = seen.clone().muted_by(mutes, began);
        now.summary = summary(&now.checks);
    }
}
