//! From the command line's target to a connection; asks for a password when the server wants one and a person is there.

use crate::config::Target;
use crate::model::{Error, Result};
use crate::ops::{Connection, Cx, connect};
use std::io::IsTerminal;

/// The configured target of that name, or the one that a URL or an SQLite file names; that one is called by its place.
pub fn target(cx: &Cx, name: &str) -> Result<Target> {
    let mut target = connect::target(cx, name)?;
    if !cx.config.targets.contains_key(name) {
        target.name = target.place();
    }
    Ok(target)
}

/// Connects, and opens the background session so that a wrong or missing password is found out here.
pub async fn open(cx: &Cx, name: &str) -> Result<Connection> {
    let target = target(cx, name)?;
    loop {
        let attempt = async {
            let conn = connect::connect_to(cx, target.clone()).await?;
            conn.reader().await?;
            Ok::<_, Error>(conn)
        };
        match attempt.await {
            Err(e) if e.asks() => ask(cx, &target, e)?,
            other => return other,
        }
    }
}

/// Asks for the target's password on the terminal; gives the error back when nobody can answer.
pub fn ask(cx: &Cx, target: &Target, e: Error) -> Result<()> {
    if !std::io::stdin().is_terminal() {
        return Err(match connect::locked_key(target) {
            Some(_) => e.hint(format!("Give the pass phrase in {}: nobody can type it here.", connect::KEY_PASSPHRASE)),
            None => e.hint("Give the password by password_command, ${ENV}, .pgpass or .my.cnf: nobody can type it here."),
        });
    }
    let clean = |s: &str| crate::text::clean(s).into_owned();
    let prompt = match connect::locked_key(target) {
        Some(key) => format!("Pass phrase of {}: ", clean(&key.display().to_string())),
        None => format!("Password for {}: ", clean(&target.name)),
    };
    let secret = rpassword::prompt_password(prompt).map_err(|e| Error::io("reading the password", e))?;
    // A wrong pass phrase ends it: the terminal is asked once.
    connect::typed(cx, target, secret.into())
}
