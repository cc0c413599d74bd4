//! From the driver's errors to ours: which object, which line, what to do next.

use crate::engine::{EFFECT_NOT_KNOWN, tls};
use crate::model::{Error, Kind, Obstacle};
use mysql_async::{DriverError, Error as My, IoError, LocalInfileError, ServerError};

const CERTIFICATE: &str = "A self-signed certificate, or that of the authority, is trusted when `sslrootcert` names its file; `verify-full` wants the host's name in it, too.";

const CLIENT: &str = "Send a certificate that the server's authority (`ssl_ca` there) has signed, with `sslcert` and `sslkey`.";

/// True when the connection cannot be used after this error.
pub(super) fn is_fatal(e: &My) -> bool {
    e.is_fatal() && !matches!(e, My::Driver(DriverError::MixedParams | DriverError::Params(_) | DriverError::StmtParamsMismatch { .. }))
}

/// What happened to a connection, for `SessionStatus::lost`.
pub(super) fn lost(e: &My) -> String {
    match e {
        My::Io(IoError::Io(io)) if io.kind() == std::io::ErrorKind::UnexpectedEof => "the server closed the connection".into(),
        // The driver's words for an end in the middle of a packet.
        My::Io(IoError::Io(io)) if io.to_string() == "bytes remaining on stream" => {
            "the server closed the connection in the middle of its answer".into()
        }
        My::Io(io) => format!("the connection broke: {}", io_text(io)),
        My::Driver(DriverError::ConnectionClosed) => "the server closed the connection".into(),
        My::Driver(DriverError::LocalInfile(LocalInfileError::NoHandler)) => {
            "the server asked for a file of this machine (LOCAL INFILE); that is refused, and the connection was closed".into()
        }
        other => format!("the connection was closed after an error of the protocol: {other}"),
    }
}

fn io_text(e: &IoError) -> String {
    match e {
        IoError::Io(e) => e.to_string(),
        IoError::Tls(e) => e.to_string(),
    }
}

/// An error while a statement ran. `text` is the statement, for the position.
pub(super) fn statement(e: My, text: &str) -> Error {
    match e {
        My::Server(e) => server(e, text),
        e if is_fatal(&e) => Error::connect(lost(&e))
            .hint(EFFECT_NOT_KNOWN)
            .hint("Reconnect: an open transaction, temporary tables and session settings of the old connection are gone."),
        e => Error::failed(e.to_string()),
    }
}

/// The server's refusal of a statement.
pub(super) fn server(e: ServerError, text: &str) -> Error {
    let kind = match e.code {
        // ER_QUERY_INTERRUPTED
        1317 => Kind::Cancelled,
        // read_only option, read-only transaction, InnoDB read-only
        1290 if e.message.contains("read-only") || e.message.contains("read_only") => Kind::ReadOnly,
        1792 | 1836 => Kind::ReadOnly,
        _ => Kind::Statement,
    };
    let mut out = if kind == Kind::Cancelled { Error::cancelled() } else { Error::new(kind, e.message.clone()) };
    out = out.code(e.code.to_string()).detail(format!("SQLSTATE {}", e.state));
    if kind == Kind::Cancelled {
        return out;
    }
    out = match e.code {
        1792 => out.hint("The transaction is read-only: nothing was changed."),
        1205 => out.hint("Another transaction holds the row: see who waits for whom, or try again."),
        1213 => out.hint("The server rolled the whole transaction back: run all of it again."),
        1969 | 3024 => out.hint("The statement reached its time limit and was ended by the server."),
        1142 | 1143 | 1227 | 1370 | 1044 => out.hint("The user lacks a privilege; SHOW GRANTS lists what it has."),
        1064 if ["source", "\\."].iter().any(|w| text.split_whitespace().next().is_some_and(|first| first.eq_ignore_ascii_case(w))) => out
            .hint("source is a command of the mariadb client: in the console \\i file opens the file, and `holdpoint query TARGET --file FILE` runs it."),
        1146 => out.hint("Look at the schema tree for the name; names of tables may be case-sensitive on this server."),
        _ => out,
    };
    match position(text, &e.message) {
        Some(at) => out.at(at),
        None => out,
    }
}

/// Byte offset of `near '…' at line N` in the statement, when the piece that the server quotes occurs on that line or
/// after it exactly where it can be told. The server quotes at most 80 characters up to the statement's end.
pub(super) fn position(text: &str, message: &str) -> Option<usize> {
    let at_line = message.rfind("' at line ")?;
    let line: usize = message[at_line + "' at line ".len()..].split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    let near = message.find("near '")? + "near '".len();
    let piece = message.get(near..at_line)?;
    if piece.is_empty() {
        // The end of the text: something is missing there.
        return Some(text.trim_end().len());
    }
    let start = if line <= 1 { 0 } else { text.match_indices('\n').nth(line - 2)?.0 + 1 };
    // The piece is the rest of the statement, cut at 80 characters.
    let rest = text.trim_end().trim_end_matches(';').trim_end();
    for whole in [text.trim_end(), rest] {
        if whole.ends_with(piece) && whole.len() - piece.len() >= start {
            return Some(whole.len() - piece.len());
        }
    }
    if piece.chars().count() < 79 {
        return None;
    }
    let line_end = text[start..].find('\n').map_or(text.len(), |n| start + n);
    let mut found = text[start..].match_indices(piece).map(|(i, _)| start + i).filter(|i| *i <= line_end);
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// An error while connecting to `address`; `plain` is without TLS over a network.
pub(super) fn connecting(e: My, address: &str, user: &str, password_given: bool, plain: bool) -> Error {
    match e {
        My::Server(e) => {
            let code = e.code.to_string();
            let text = e.message.clone();
            let out =
                match e.code {
                    1045 if !password_given => Error::new(Kind::PasswordNeeded, format!("{address} wants a password for {user}")),
                    1045 | 1698 => {
                        let out = Error::connect(format!("{address} refused the password of {user}"))
                            .hint("Check the user and the password; an account of this server is bound to the host it comes from, too.");
                        // The server has the same words for both.
                        if plain {
                            out.hint("An account that must use TLS (REQUIRE SSL) is refused so, too: `sslmode = \"require\"`.")
                        } else {
                            out
                        }
                    }
                    1049 => Error::connect(format!("{address}: {text}"))
                        .hint("Check the target's `database`; leave it out to see all databases."),
                    1040 | 1203 | 1226 => Error::connect(format!("{address} takes no more connections: {text}"))
                        .hint("MariaDB's extra_port or MySQL's admin_address may still answer."),
                    1129 => Error::connect(format!("{address} blocks this host: {text}")).hint("FLUSH HOSTS (mariadb-admin flush-hosts), from the server's machine or another host, unblocks it; performance_schema.host_cache tells who made the errors."),
                    1130 => Error::connect(format!("{address}: {text}")).hint("The server has no account for this host."),
                    1251 | 2059 => Error::connect(format!("{address} wants a way to log in that is not supported: {text}")),
                    3159 => Error::connect(format!("{address} accepts only encrypted connections"))
                        .hint("Set `sslmode = \"require\"` or stronger."),
                    _ => Error::connect(format!("{address}: {text}")),
                };
            out.code(code).detail(text)
        }
        My::Driver(DriverError::UnknownAuthPlugin { name }) => {
            Error::connect(format!("{address} wants the login method `{name}` for {user}, which is not supported"))
                .hint("Supported: mysql_native_password, caching_sha2_password and ed25519.")
        }
        My::Driver(DriverError::MysqlOldPasswordDisabled) => {
            Error::connect(format!("{address} wants the login method `mysql_old_password` for {user}, which is broken and refused"))
        }
        My::Driver(DriverError::CleartextPluginDisabled) => {
            Error::connect(format!("{address} wants the password of {user} in clear text (`mysql_clear_password`), which is refused"))
        }
        My::Driver(DriverError::NoClientSslFlagFromServer) => Error::connect(format!("{address} does not offer TLS"))
            .by(Obstacle::NoTls)
            .hint("The target's `sslmode` asks for it: set up TLS on the server, or use `prefer` where the network is trusted."),
        My::Io(IoError::Tls(e)) => {
            let why = match &e {
                mysql_async::TlsError::Tls(e) => tls::words(e),
                other => other.to_string(),
            };
            let hint = if matches!(&e, mysql_async::TlsError::Tls(e) if tls::about_client(e)) { CLIENT } else { CERTIFICATE };
            let obstacle = if let mysql_async::TlsError::Tls(e) = &e { tls::obstacle(e) } else { Obstacle::Tls };
            Error::connect(format!("TLS with {address} failed: {why}")).by(obstacle).hint(hint)
        }
        My::Io(IoError::Io(e)) if e.to_string().contains("certificate") || e.kind() == std::io::ErrorKind::InvalidData => {
            let of_tls = e.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>());
            let why = of_tls.map_or_else(|| e.to_string(), tls::words);
            let hint = if of_tls.is_some_and(tls::about_client) { CLIENT } else { CERTIFICATE };
            Error::connect(format!("TLS with {address} failed: {why}")).by(of_tls.map_or(Obstacle::Tls, tls::obstacle)).hint(hint)
        }
        My::Io(IoError::Io(e)) => {
            let what = match e.kind() {
                std::io::ErrorKind::ConnectionRefused => "nothing listens there".to_string(),
                std::io::ErrorKind::NotFound => "there is no such socket".to_string(),
                std::io::ErrorKind::UnexpectedEof => "the server closed the connection at once".to_string(),
                _ => e.to_string(),
            };
            Error::connect(format!("{address} cannot be reached: {what}"))
                .by(Obstacle::of(&e))
                .hint("Check host, port and that the server runs.")
        }
        e => Error::connect(format!("connecting to {address}: {e}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(text: &str, piece: &str, line: usize) -> Option<usize> {
        position(text, &format!("You have an error in your SQL syntax; check the manual … to use near '{piece}' at line {line}"))
    }

    #[test]
    fn a_server_that_is_down_is_told_by_what_was_in_the_way() {
        let e = |e| connecting(My::Io(IoError::Io(e)), "db1:3306", "app", true, true);
        assert_eq!(e(std::io::ErrorKind::ConnectionRefused.into()).obstacle, Some(Obstacle::NobodyListens));
        assert_eq!(e(std::io::ErrorKind::NotFound.into()).obstacle, Some(Obstacle::NobodyListens));
        assert_eq!(e(std::io::ErrorKind::UnexpectedEof.into()).obstacle, None);
    }

    #[test]
    fn a_syntax_error_is_placed_in_the_text() {
        assert_eq!(near("selec 1", "selec 1", 1), Some(0));
        assert_eq!(near("select 1,\n  frm t", "t", 2), Some(16));
        assert_eq!(near("select 1 +", "", 1), Some(10));
        assert_eq!(near("select * form t where a = 'é'", "form t where a = 'é'", 1), Some(9));
        assert_eq!(near("select a a a from t", "a a", 1), None, "not the rest of the text");
        assert_eq!(near("x", "nowhere", 1), None);
        assert_eq!(near("x", "x", 99), None);
        assert_eq!(position("select 1", "Table 'x.y' doesn't exist"), None);
    }

    #[test]
    fn an_unknown_way_to_log_in_is_named() {
        let e = connecting(My::Driver(DriverError::UnknownAuthPlugin { name: "dialog".into() }), "db:3306", "ann", true, false);
        assert_eq!(e.message, "db:3306 wants the login method `dialog` for ann, which is not supported");
    }

    #[test]
    fn a_cancelled_statement_is_no_failure() {
        let e = server(ServerError { code: 1317, message: "Query execution was interrupted".into(), state: "70100".into() }, "");
        assert_eq!(e.kind, Kind::Cancelled);
    }
}
