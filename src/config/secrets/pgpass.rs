//! `.pgpass`: PostgreSQL's password file.
//!
//! Format and rules: <https://www.postgresql.org/docs/current/libpq-pgpass.html>. `PGPASSFILE`, else `~/.pgpass`; a file
//! that others may read is not used.

use crate::config::Target;
use crate::config::surroundings::Surroundings;
use crate::config::toml_file::shown;
use crate::model::{Error, Result};

/// The password of the first line that fits. A fitting line in a file that others may read is an error: libpq would
/// ignore the file with a warning that nobody sees in a full-screen program.
pub fn find(target: &Target, around: &Surroundings) -> Result<Option<String>> {
    let path = around.var("PGPASSFILE").map_or_else(|| around.home.join(".pgpass"), |f| around.path(f, &around.cwd));
    if !path.is_file() {
        return Ok(None);
    }
    let bytes = std::fs::read(&path).map_err(|e| Error::io(format!("reading {}", shown(&path)), e))?;
    let text = String::from_utf8_lossy(&bytes);
    let found = lookup(&text, &Wanted::of(target, around));
    match (&found, super::open_to_others(&path)) {
        (Some(_), Some(mode)) => {
            let shown = shown(&path);
            Err(Error::usage(format!("{shown} has the password of {}, and others may read this file (mode {mode:04o})", target.name))
                .hint(format!("chmod 600 {shown}")))
        }
        _ => Ok(found),
    }
}

/// What a line must fit.
struct Wanted {
    /// The host; for a socket `localhost` and its directory.
    hosts: Vec<String>,
    port: String,
    database: String,
    user: String,
}

impl Wanted {
    fn of(t: &Target, around: &Surroundings) -> Self {
        let user = t.user.clone().unwrap_or_else(|| around.user.clone());
        let hosts = match (&t.host, &t.socket) {
            (Some(host), _) => vec![host.clone()],
            (None, Some(dir)) => vec!["localhost".into(), dir.to_string_lossy().into_owned()],
            (None, None) => vec!["localhost".into()],
        };
        Wanted {
            hosts,
            port: t.port.unwrap_or(5432).to_string(),
            // libpq's default database is the user's name.
            database: t.database.clone().unwrap_or_else(|| user.clone()),
            user,
        }
    }
}

fn lookup(text: &str, w: &Wanted) -> Option<String> {
    text.lines().filter(|l| !l.starts_with('#')).find_map(|line| {
        let fields = fields(line.trim_end_matches('\r'));
        let [host, port, database, user, password, ..] = fields.as_slice() else { return None };
        let fits = |field: &Field, wanted: &str| field.any || field.text == wanted;
        (w.hosts.iter().any(|h| fits(host, h)) && fits(port, &w.port) && fits(database, &w.database) && fits(user, &w.user))
            .then(|| password.text.clone())
    })
}

struct Field {
    text: String,
    /// A bare `*`; `\*` is the character.
    any: bool,
}

fn fields(line: &str) -> Vec<Field> {
    let mut out = Vec::new();
    let mut text = String::new();
    let mut escaped = false;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                escaped = true;
                text.push(chars.next().unwrap_or('\\'));
            }
            ':' => {
                out.push(Field { any: text == "*" && !escaped, text: std::mem::take(&mut text) });
                escaped = false;
            }
            c => text.push(c),
        }
    }
    out.push(Field { any: text == "*" && !escaped, text });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::EngineKind;
    use std::os::unix::fs::PermissionsExt;

    fn target(host: Option<&str>, port: Option<u16>, database: &str, user: Option<&str>) -> Target {
        let mut t = Target::bare("orders", EngineKind::Postgres);
        t.host = host.map(Into::into);
        t.port = port;
        t.database = Some(database.into());
        t.user = user.map(Into::into);
        t
    }

    fn password(text: &str, t: &Target) -> Option<String> {
        let around = Surroundings::made_up("/h".as_ref(), "/w".as_ref(), []);
        lookup(text, &Wanted::of(t, &around))
    }

    #[test]
    fn the_first_line_that_fits_wins() {
        let text = "# comment:*:*:*:no\n\
                    db.example:5432:orders:mira:one\n\
                    db.example:*:*:mira:two\n\
                    localhost:5433:*:*:three\r\n\
                    *:*:*:tester:p\\:a\\\\ss #@/%\n\
                    fe80\\:\\:1:*:*:*:v6\n\
                    short:line\n";
        assert_eq!(password(text, &target(Some("db.example"), None, "orders", Some("mira"))).as_deref(), Some("one"));
        assert_eq!(password(text, &target(Some("db.example"), Some(6432), "orders", Some("mira"))).as_deref(), Some("two"));
        assert_eq!(password(text, &target(None, Some(5433), "x", Some("y"))).as_deref(), Some("three"));
        assert_eq!(password(text, &target(Some("other"), None, "x", None)).as_deref(), Some("p:a\\ss #@/%"), "the login name is the user");
        assert_eq!(password(text, &target(Some("fe80::1"), None, "x", Some("y"))).as_deref(), Some("v6"));
        assert_eq!(password(text, &target(Some("other"), None, "x", Some("y"))), None);
    }

    #[test]
    fn a_socket_is_localhost_or_its_directory() {
        let mut t = target(None, None, "d", Some("u"));
        t.socket = Some("/run/pg".into());
        assert_eq!(password("localhost:5432:d:u:a\n", &t).as_deref(), Some("a"));
        assert_eq!(password("/run/pg:5432:d:u:b\n", &t).as_deref(), Some("b"));
        assert_eq!(password("db:5432:d:u:c\n", &t), None);
    }

    #[test]
    fn an_escaped_star_is_a_star() {
        assert_eq!(password("\\*:*:*:*:x\n", &target(Some("h"), None, "d", None)), None);
        assert_eq!(password("\\*:*:*:*:x\n", &target(Some("*"), None, "d", None)).as_deref(), Some("x"));
        assert_eq!(password("*:*:*:*:*\n", &target(Some("h"), None, "d", None)).as_deref(), Some("*"));
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_when_it_is_needed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pass");
        let around = Surroundings::made_up(dir.path(), dir.path(), [("PGPASSFILE", file.to_str().unwrap())]);
        let t = target(Some("h"), None, "d", Some("u"));
        assert_eq!(find(&t, &around).unwrap(), None, "no file");
        std::fs::write(&file, "h:*:*:u:hush\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let e = find(&t, &around).unwrap_err();
        assert!(e.message.contains("mode 0644") && e.hints[0].starts_with("chmod 600 ") && !format!("{e:?}").contains("hush"), "{e:?}");
        assert_eq!(find(&target(Some("other"), None, "d", Some("u")), &around).unwrap(), None);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(find(&t, &around).unwrap().as_deref(), Some("hush"));
    }

    proptest::proptest! {
        #[test]
        fn any_password_survives_escaping(password in "[^\\n\\r]*", junk in ".*") {
            let escaped = password.replace('\\', "\\\\").replace(':', "\\:");
            let found = super::tests::password(&format!("h:*:*:*:{escaped}\n"), &target(Some("h"), None, "d", None));
            proptest::prop_assert_eq!(found, Some(password));
            let _ = super::tests::password(&junk, &target(Some("h"), None, "d", None));
        }
    }
}
