//! Passwords: from where, and by which rules. Nothing here prints one.

use super::surroundings::Surroundings;
use super::{EngineKind, SecretSource, Target};
use crate::model::{Error, Kind, Result};
use secrecy::SecretString;
use std::path::Path;
use std::time::Duration;

mod command;
pub mod my_cnf;
mod pgpass;
pub mod service;

/// The permission bits when group or others may read a file; `None` when they may not, or when it cannot be told.
pub fn open_to_others(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

/// Whether a password's text names environment variables: `${NAME}`. `$${` is a literal `${`.
pub fn has_variables(text: &str) -> bool {
    pieces(text).iter().any(|p| matches!(p, Piece::Variable(_)))
}

/// A password without variables, with `$${` as `${`.
pub fn unescaped(text: &str) -> String {
    pieces(text)
        .into_iter()
        .map(|p| match p {
            Piece::Text(t) | Piece::Variable(t) => t,
        })
        .collect()
}

enum Piece<'a> {
    Text(&'a str),
    Variable(&'a str),
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let after = &rest[at + 2..];
        if at > 0 && rest.as_bytes()[at - 1] == b'$' {
            out.push(Piece::Text(&rest[..at - 1]));
            out.push(Piece::Text("${"));
            rest = after;
            continue;
        }
        let end = after.find('}').filter(|e| {
            let name = &after[..*e];
            !name.is_empty()
                && !name.starts_with(|c: char| c.is_ascii_digit())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        });
        match end {
            Some(end) => {
                out.push(Piece::Text(&rest[..at]));
                out.push(Piece::Variable(&after[..end]));
                rest = &after[end + 1..];
            }
            None => {
                out.push(Piece::Text(&rest[..at + 2]));
                rest = after;
            }
        }
    }
    out.push(Piece::Text(rest));
    out
}

/// How long `password_command` may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);

/// Asks a person; the argument says for what.
pub type Prompt<'a> = &'a (dyn Fn(&str) -> Result<SecretString> + Send + Sync);

/// The password of a target, from its configured source. `None`: no source has one, so the engine tries without, and
/// reports [`Kind::PasswordNeeded`] when the server wants one.
pub async fn resolve(target: &Target, prompt: Option<Prompt<'_>>) -> Result<Option<SecretString>> {
    let cwd = std::env::current_dir().unwrap_or_default();
    resolve_in(target, prompt, &Surroundings::of_process(&cwd)).await
}

/// Like [`resolve`], with everything that is read of the process given.
pub async fn resolve_in(target: &Target, prompt: Option<Prompt<'_>>, around: &Surroundings) -> Result<Option<SecretString>> {
    if target.engine == EngineKind::Sqlite {
        return Ok(None);
    }
    match &target.password {
        SecretSource::Given(secret) => Ok(Some(secret.clone())),
        SecretSource::Expand(text) => expand(text, &target.name, around).map(Some),
        SecretSource::Command(line) => command::run(line, &target.name, COMMAND_LIMIT).await.map(Some),
        SecretSource::Prompt => match prompt {
            Some(ask) => ask(&format!("Password for {}", target.name)).map(Some),
            None => Err(Error::new(Kind::PasswordNeeded, format!("{} wants its password typed", target.name))),
        },
        SecretSource::Auto => Ok(automatic(target, around)?.map(SecretString::from)),
    }
}

/// Where the native client would look. A password file is small and local, so reading it may block.
fn automatic(target: &Target, around: &Surroundings) -> Result<Option<String>> {
    match target.engine {
        EngineKind::Sqlite => Ok(None),
        EngineKind::Postgres => match around.var("PGPASSWORD") {
            Some(password) => Ok(Some(password.to_owned())),
            None => pgpass::find(target, around),
        },
        EngineKind::MySql => match around.var("MYSQL_PWD") {
            Some(password) => Ok(Some(password.to_owned())),
            None => {
                let options = my_cnf::Options::of_home(around);
                Ok(options.fits(target).then_some(options.password).flatten())
            }
        },
    }
}

fn expand(text: &str, name: &str, around: &Surroundings) -> Result<SecretString> {
    let mut out = String::new();
    for piece in pieces(text) {
        match piece {
            Piece::Text(t) => out.push_str(t),
            Piece::Variable(v) => out.push_str(around.var(v).ok_or_else(|| {
                Error::new(Kind::PasswordNeeded, format!("environment variable {v}, which holds the password of {name}, is not set"))
                    .hint(format!("export {v}=…, or give {name} another source: password_command, ~/.pgpass, or prompt = true."))
            })?),
        }
    }
    Ok(SecretString::from(out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;
    use std::path::PathBuf;

    fn around(vars: &[(&str, &str)]) -> Surroundings {
        Surroundings::made_up(&PathBuf::from("/nowhere"), &PathBuf::from("/nowhere"), vars.iter().copied())
    }

    async fn password(t: &Target, vars: &[(&str, &str)]) -> Option<String> {
        resolve_in(t, None, &around(vars)).await.unwrap().map(|s| s.expose_secret().to_owned())
    }

    #[tokio::test]
    async fn each_source_gives_its_password() {
        let mut pg = Target::bare("t", EngineKind::Postgres);
        assert_eq!(password(&pg, &[]).await, None);
        assert_eq!(password(&pg, &[("PGPASSWORD", "x"), ("MYSQL_PWD", "y")]).await.as_deref(), Some("x"));
        let my = Target::bare("t", EngineKind::MySql);
        assert_eq!(password(&my, &[("PGPASSWORD", "x"), ("MYSQL_PWD", "y")]).await.as_deref(), Some("y"));
        pg.password = SecretSource::Expand("a${ONE}$${b}${TWO_2}".into());
        assert_eq!(password(&pg, &[("ONE", "1"), ("TWO_2", "#@:/%")]).await.as_deref(), Some("a1${b}#@:/%"));
        pg.password = SecretSource::Command("echo given".into());
        assert_eq!(password(&pg, &[]).await.as_deref(), Some("given"));
        pg.password = SecretSource::Prompt;
        let ask = |what: &str| Ok(SecretString::from(format!("typed for {what}")));
        let typed = resolve_in(&pg, Some(&ask), &around(&[])).await.unwrap().unwrap();
        assert_eq!(typed.expose_secret(), "typed for Password for t");
        let mut lite = Target::bare("t", EngineKind::Sqlite);
        lite.password = SecretSource::Prompt;
        assert_eq!(password(&lite, &[]).await, None);
    }

    #[tokio::test]
    async fn what_is_missing_is_named() {
        let mut pg = Target::bare("orders", EngineKind::Postgres);
        pg.password = SecretSource::Expand("x${NOT_SET}".into());
        let e = resolve_in(&pg, None, &around(&[])).await.unwrap_err();
        assert_eq!(
            (e.kind, e.message.as_str()),
            (Kind::PasswordNeeded, "environment variable NOT_SET, which holds the password of orders, is not set")
        );
        pg.password = SecretSource::Prompt;
        assert_eq!(resolve_in(&pg, None, &around(&[])).await.unwrap_err().kind, Kind::PasswordNeeded);
    }

    #[test]
    fn variables_are_told_from_text() {
        for (text, variables) in [
            ("${A}", true),
            ("x${A_1}y", true),
            ("$A", false),
            ("${}", false),
            ("${1A}", false),
            ("${a b}", false),
            ("$${A}", false),
            ("${", false),
        ] {
            assert_eq!(has_variables(text), variables, "{text}");
        }
        assert_eq!(unescaped("a$${b}$c${"), "a${b}$c${");
    }

    proptest::proptest! {
        #[test]
        fn text_without_variables_is_kept(text in "[^$]*") {
            proptest::prop_assert!(!has_variables(&text));
            proptest::prop_assert_eq!(unescaped(&text), text);
        }
    }
}
