//! `~/.my.cnf`: the option file of the MySQL and MariaDB clients.
//!
//! Format: <https://mariadb.com/kb/en/configuring-mariadb-with-option-files/>. The groups `[client]`, `[client-server]` and
//! `[client-mariadb]` are read; `!include` is not followed. Like the clients we set a file aside that everybody may write.

use crate::config::Target;
use crate::config::surroundings::Surroundings;

/// What the client's groups say.
#[derive(Default)]
pub struct Options {
    pub user: Option<String>,
    pub password: Option<String>,
    pub host: Option<String>,
    pub port: Option<u16>,
    pub socket: Option<String>,
    /// Why something was set aside.
    pub notes: Vec<String>,
}

impl Options {
    /// Reads `~/.my.cnf`; nothing when there is none.
    pub fn of_home(around: &Surroundings) -> Options {
        use std::os::unix::fs::PermissionsExt;
        let path = around.home.join(".my.cnf");
        let Ok(meta) = std::fs::metadata(&path) else { return Options::default() };
        if meta.permissions().mode() & 0o002 != 0 {
            let note = "~/.my.cnf is set aside, as the clients do: everybody may write it (chmod 600 ~/.my.cnf).".to_owned();
            return Options { notes: vec![note], ..Options::default() };
        }
        match std::fs::read(&path) {
            Ok(bytes) => parse(&String::from_utf8_lossy(&bytes)),
            Err(e) => Options { notes: vec![format!("~/.my.cnf is set aside: {e}.")], ..Options::default() },
        }
    }

    /// Whether the file speaks of the target's server and user: what it leaves open fits, what it names must be the same.
    /// So a password is never sent to a server that it was not written for.
    pub fn fits(&self, t: &Target) -> bool {
        let local = |h: &str| h == "localhost";
        let socket = t.socket.as_ref().map(|s| s.to_string_lossy().into_owned());
        let host = match (&self.host, &self.socket) {
            (Some(h), _) => t.host.as_deref().map_or(local(h), |t| t == h),
            (None, Some(s)) => socket.as_ref() == Some(s) || (socket.is_none() && t.host.as_deref().is_none_or(local)),
            (None, None) => true,
        };
        let port = self.port.is_none() || socket.is_some() || t.port.unwrap_or(3306) == self.port.unwrap_or(3306);
        let user = self.user.is_none() || t.user.is_none() || self.user == t.user;
        host && port && user
    }

    /// Fills where and who, for a URL that leaves them open.
    pub fn fill(&self, t: &mut Target) {
        if t.host.is_none() && t.socket.is_none() {
            match (&self.socket, &self.host) {
                (Some(socket), None) => t.socket = Some(socket.into()),
                (Some(socket), Some(host)) if host == "localhost" => t.socket = Some(socket.into()),
                (_, host) => t.host = host.clone(),
            }
            t.port = t.port.or(self.port);
        }
        if self.fits(t) && t.user.is_none() {
            t.user = self.user.clone();
        }
    }
}

fn parse(text: &str) -> Options {
    let mut out = Options::default();
    let mut inside = false;
    for line in text.lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with('!') {
            out.notes.push(format!("~/.my.cnf: `{}` is not followed.", crate::text::clean(line)));
            continue;
        }
        if let Some(group) = line.strip_prefix('[') {
            let group = group.split(']').next().unwrap_or_default().trim();
            inside = ["client", "client-server", "client-mariadb"].contains(&group);
            continue;
        }
        if !inside {
            continue;
        }
        let (key, value) = line.split_once('=').map_or((line, None), |(k, v)| (k, Some(v)));
        let Some(value) = value.map(self::value).filter(|v| !v.is_empty()) else { continue };
        match key.trim().replace('_', "-").as_str() {
            "user" => out.user = Some(value),
            "password" => out.password = Some(value),
            "host" => out.host = Some(value),
            "socket" => out.socket = Some(value),
            "port" => match value.parse() {
                Ok(port) if port > 0 => out.port = Some(port),
                _ => out.notes.push("~/.my.cnf: the port is not a number from 1 to 65535.".into()),
            },
            _ => {}
        }
    }
    out
}

/// A value: quoted with `'` or `"`, or up to a `#`; escapes as the clients know them.
fn value(raw: &str) -> String {
    let raw = raw.trim();
    let quote = raw.chars().next().filter(|c| matches!(c, '\'' | '"'));
    let body = if quote.is_some() { &raw[1..] } else { raw };
    let mut out = String::new();
    let mut chars = body.chars();
    while let Some(c) = chars.next() {
        match c {
            c if Some(c) == quote => return out,
            '#' if quote.is_none() => break,
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some('b') => out.push('\u{8}'),
                Some('s') => out.push(' '),
                Some(c @ ('\\' | '"' | '\'' | '#')) => out.push(c),
                Some(c) => out.extend(['\\', c]),
                None => out.push('\\'),
            },
            c => out.push(c),
        }
    }
    if quote.is_none() {
        out.truncate(out.trim_end().len())
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::EngineKind;
    use std::os::unix::fs::PermissionsExt;

    fn target(host: Option<&str>, user: Option<&str>) -> Target {
        let mut t = Target::bare("stock", EngineKind::MySql);
        t.host = host.map(Into::into);
        t.user = user.map(Into::into);
        t
    }

    #[test]
    fn the_clients_groups_are_read() {
        let o = parse(
            "!includedir /etc/my.cnf.d\n[mysqld]\nuser=mysql\nport=1\n[client]\nuser = mira # me\npassword=\"p#@:/%;\\\"x\"\n; c\nhost=db\n[client-mariadb]\nport = 3307\nsocket=/run/m.sock\n[mysqldump]\nuser=no\n",
        );
        assert_eq!((o.user.as_deref(), o.password.as_deref()), (Some("mira"), Some("p#@:/%;\"x")));
        assert_eq!((o.host.as_deref(), o.port, o.socket.as_deref()), (Some("db"), Some(3307), Some("/run/m.sock")));
        assert_eq!(o.notes, ["~/.my.cnf: `!includedir /etc/my.cnf.d` is not followed."]);
    }

    #[test]
    fn values() {
        for (raw, expected) in [
            ("abc", "abc"),
            (" 'a b' # c", "a b"),
            ("a#b", "a"),
            ("a\\sb\\\\", "a b\\"),
            ("\"\"", ""),
            ("'a\\'b'", "a'b"),
            ("a;b", "a;b"),
            ("ü", "ü"),
        ] {
            assert_eq!(value(raw), expected, "{raw}");
        }
        assert_eq!(parse("[client]\npassword\n").password, None, "a bare password asks");
    }

    #[test]
    fn a_password_goes_only_where_it_was_written_for() {
        let o = parse("[client]\nuser=mira\npassword=x\nhost=db\n");
        assert!(o.fits(&target(Some("db"), Some("mira"))));
        assert!(o.fits(&target(Some("db"), None)));
        assert!(!o.fits(&target(Some("other"), Some("mira"))));
        assert!(!o.fits(&target(Some("db"), Some("root"))));
        let anywhere = parse("[client]\npassword=x\n");
        assert!(anywhere.fits(&target(Some("other"), Some("root"))));
        let local = parse("[client]\nsocket=/run/m.sock\npassword=x\n");
        assert!(local.fits(&target(None, None)) && local.fits(&target(Some("localhost"), None)));
        assert!(!local.fits(&target(Some("db"), None)));
    }

    #[test]
    fn a_file_that_everybody_may_write_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let around = Surroundings::made_up(dir.path(), dir.path(), []);
        assert!(Options::of_home(&around).notes.is_empty());
        let file = dir.path().join(".my.cnf");
        std::fs::write(&file, "[client]\npassword=x\nuser=u\nhost=h\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o606)).unwrap();
        let o = Options::of_home(&around);
        assert!(o.password.is_none() && o.notes[0].contains("chmod 600"), "{:?}", o.notes);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let mut t = target(None, None);
        Options::of_home(&around).fill(&mut t);
        assert_eq!((t.host.as_deref(), t.user.as_deref()), (Some("h"), Some("u")));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in ".*", tail in ".*") {
            let _ = parse(&format!("[client]\n{text}\npassword={tail}"));
        }
    }
}
