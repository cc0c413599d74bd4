//! The connection itself as a check: what it means that none can be made.

use super::How;
use crate::engine::Session;
use crate::model::assessment::{Check, Limit, Seen};
use crate::model::{Error, Finding, Kind, Severity};

const CONNECT: Check = Check {
    id: "connect",
    name: "connect",
    reads: "a login and one statement",
    means: "What nobody can reach is down, whatever its processes do.",
    limits: &[Limit { name: "took", unit: "ms", warning: 1000.0, critical: 5000.0 }],
    twice: false,
};

/// The catalogue that a login reads is locked: `lock_timeout` ends it (55P03).
pub(super) fn is_locked_catalogue(e: &Error) -> bool {
    e.code.as_deref() == Some("55P03")
}

pub(super) fn connected(session: &Session, remark: Option<String>, took: f64, how: &How) -> Seen {
    let address = &session.identity().address;
    let mut seen = Seen::of(&CONNECT).says(format!("answered within {took:.0} ms")).figure("took", took);
    seen.took = took;
    let severity = Severity::of(took, how.limits.of(&CONNECT, "took"));
    if let Some(remark) = remark {
        seen.says = remark.clone();
        seen.find(
            Finding::new(Severity::Critical, CONNECT.id, address, remark)
                .next("The lock tree names who holds the lock: end that session, and logins work again."),
        );
    } else if severity >= Severity::Warning {
        seen.find(
            Finding::new(severity, CONNECT.id, address, format!("a login took {took:.0} ms"))
                .next("The server or the network is overloaded: look at connections and locks."),
        );
    }
    seen
}

/// No connection: what the failure means, by the server's code or by what the operating system said.
pub(super) fn seen(e: &Error, target: &str, took: f64) -> Seen {
    let said = e.message.to_lowercase();
    let (severity, message, next) = match e.code.as_deref() {
        Some("53300" | "1040" | "08004") => (
            Severity::Critical,
            format!("all connections are taken: {}", e.message),
            "Log in as a role that has reserved connections (a superuser), or stop one of the applications.",
        ),
        Some("57P03") if said.contains("shutting down") => {
            (Severity::Critical, e.message.clone(), "The server is being stopped: find out by whom before it is started again.")
        }
        Some("57P03") => (
            Severity::Critical,
            format!("the server is not ready: {}", e.message),
            "It starts or recovers: wait, and look into its log how far it is. Do not stop it again: recovery would begin anew.",
        ),
        Some("55P03" | "57014") => (
            Severity::Critical,
            format!("a login waits for a lock of the catalogue: {}", e.message),
            "Somebody holds a lock on the catalogue: ask for the lock tree in another database of the server.",
        ),
        Some("28P01" | "28000" | "1045" | "1698") => (
            Severity::Unknown,
            e.message.clone(),
            "The server answers, and refuses this login: check the role, its password and pg_hba.conf.",
        ),
        Some("3D000" | "1049") => {
            (Severity::Unknown, e.message.clone(), "The server answers: the name of the database is wrong, or it was dropped.")
        }
        _ if e.kind == Kind::PasswordNeeded => (Severity::Unknown, e.message.clone(), "Give the target a source for its password."),
        _ if said.contains("refused") || said.contains("no such file") => (
            Severity::Critical,
            format!("nobody listens there: {}", e.message),
            "The server is not running, or listens elsewhere: look at its process and the end of its log.",
        ),
        _ if said.contains("no answer") || said.contains("timed out") => {
            (Severity::Critical, e.message.clone(), "The machine does not answer, or a firewall drops the packets: try another port of it.")
        }
        _ => (Severity::Critical, e.message.clone(), "Look at the server's process and the end of its log."),
    };
    let mut seen = Seen::of(&CONNECT).says(message.clone());
    seen.took = took;
    let mut finding = Finding::new(severity, CONNECT.id, target, message).next(next);
    if severity == Severity::Unknown {
        finding = finding.lifts(e.hints.first().cloned().unwrap_or_else(|| "a login that the server accepts".into()));
    }
    seen.find(finding);
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn each_failure_says_what_it_means() {
        let meaning = |code: Option<&str>, message: &str| {
            let e = Error { code: code.map(str::to_string), ..Error::connect(message) };
            let seen = seen(&e, "shop", 1.0);
            (seen.severity, seen.findings[0].next.clone())
        };
        let (severity, next) = meaning(Some("53300"), "sorry, too many clients already");
        assert!(severity == Severity::Critical && next.contains("reserved connections"), "{next}");
        let (_, next) = meaning(Some("57P03"), "the database system is starting up");
        assert!(next.contains("Do not stop it again"), "{next}");
        let (_, next) = meaning(Some("57P03"), "the database system is shutting down");
        assert!(next.contains("by whom"), "{next}");
        let (_, next) = meaning(None, "connection refused (os error 111)");
        assert!(next.contains("not running"), "{next}");
        let (severity, _) = meaning(Some("28P01"), "password authentication failed");
        assert_eq!(severity, Severity::Unknown, "that the login is wrong does not mean that the server is ill");
    }
}
