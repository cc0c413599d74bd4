//! A connection that goes in the middle of an assessment: that the server went away is the news, and comes before what was found until then.

use super::failure;
use crate::model::assessment::{Check, Seen};
use crate::model::{Error, Finding, Severity};

/// Id of the check, which is in no engine's catalogue: it is there when it happens.
pub(super) const LOST: &str = "lost";

const CHECK: Check = Check {
    id: LOST,
    name: "connection lost",
    reads: "the connection itself, and another login",
    means: "A server that goes away while it is looked at was stopped, or has crashed.",
    limits: &[],
    twice: false,
};

/// Somebody ended the session or the server: `admin_shutdown`.
fn is_ended(e: &Error) -> bool {
    e.message.contains("administrator command")
}

/// What it means; `again` is what came of another login.
pub(super) fn seen(e: &Error, target: &str, again: Result<(), Error>) -> Seen {
    let gone = format!("the server went away in the middle of the assessment ({})", e.message);
    let (severity, message, next) = match again {
        Ok(()) if is_ended(e) => (
            Severity::Warning,
            format!("this session was ended in the middle of the assessment ({}); the server takes logins", e.message),
            "Somebody ended it, or the server was restarted: assess again, and look at how long it is up.".to_string(),
        ),
        Ok(()) => (
            Severity::Critical,
            format!("{gone}, and takes logins again"),
            "It has crashed and recovered, or was restarted: the end of its log says why. Then assess again.".to_string(),
        ),
        Err(now) => {
            let (_, what, next) = failure::meaning(&now);
            (Severity::Critical, format!("{gone}; now {what}"), next)
        }
    };
    let mut seen = Seen::of(&CHECK).says(message.clone());
    seen.find(Finding::new(severity, LOST, target, message).next(next));
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_told_by_what_comes_of_another_login() {
        let lost = |why: &str| Error::connect(format!("the connection to db1:5432 is lost: {why}"));
        let crashed = lost("the server closed the connection");
        let s = seen(
            &crashed,
            "shop",
            Err(Error::connect("no PostgreSQL server answers at db1:5432: connection refused").by(crate::model::Obstacle::NobodyListens)),
        );
        assert_eq!(s.severity, Severity::Critical);
        assert!(s.says.starts_with("the server went away in the middle") && s.says.contains("now nobody listens there"), "{}", s.says);
        assert!(s.findings[0].next.contains("end of its log"), "{:?}", s.findings[0]);
        assert!(seen(&crashed, "shop", Ok(())).says.ends_with("and takes logins again"));
        // Ending one session is no outage.
        let ended = lost("terminating connection due to administrator command");
        assert_eq!(seen(&ended, "shop", Ok(())).severity, Severity::Warning);
        assert_eq!(seen(&ended, "shop", Err(Error::connect("connection refused"))).severity, Severity::Critical);
    }
}
