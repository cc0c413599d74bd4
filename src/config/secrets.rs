//! Passwords: from where, and by which rules. Nothing here prints one.

use super::surroundings::Surroundings;
use super::{EngineKind, SecretSource, Target};
use crate::model::{Error, Kind, Result};
use secrecy::SecretString;
use std::path::Path;

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
        SecretSource::Command(_) => Err(Error::failed("password_command is not built yet")),
        SecretSource::Prompt => match prompt {
            Some(ask) => ask(&format!("Password for {}", target.name)).map(Some),
            None => Err(Error::new(Kind::PasswordNeeded, format!("{} wants its password typed", target.name))),
        },
        SecretSource::Auto => Ok(None),
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
