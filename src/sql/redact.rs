//! Takes the secrets out of a statement before it goes to the journal or the history.

use super::lexer::{Token, TokenKind, lex, other_readings};
use crate::model::Dialect;

/// What stands in the place of a string.
const DOTS: &str = "'…'";

/// `text` with every string literal replaced by `'…'` if the statement carries a password: CREATE and ALTER ROLE or USER,
/// IDENTIFIED BY, SET PASSWORD, replication and subscription connections, foreign servers and user mappings, dblink, keys
/// of encrypted files, and where a name that tells of a secret (`api_token`) is given a value: beside an assignment or a
/// comparison, in the columns of an INSERT, in `set_config`; and with any string replaced that holds a connection URL or a
/// `password=` itself. Other statements come back untouched. Names of users stay, so that the journal can tell whose
/// password was set.
///
/// It errs on the side of hiding: a query that merely compares a column called `password` loses its literals too.
pub fn redact(dialect: Dialect, text: &str) -> String {
    hide(dialect, text, false)
}

/// The same of a statement that is known to carry a secret, though its words do not say so.
pub fn redact_all(dialect: Dialect, text: &str) -> String {
    hide(dialect, text, true)
}

fn hide(dialect: Dialect, text: &str, known: bool) -> String {
    let tokens = lex(dialect, text);
    let whole = known || carries_secret(dialect, text, &tokens);
    let mut out = String::with_capacity(text.len());
    let mut rest = tokens.iter().peekable();
    while let Some(t) = rest.next() {
        let part = &text[t.span.clone()];
        let account = rest.peek().is_some_and(|n| n.kind == TokenKind::Parameter && text[n.span.clone()].starts_with('@'));
        let string = match t.kind {
            // 'user'@'host'
            TokenKind::String => !(dialect == Dialect::MySql && account),
            TokenKind::Unterminated => !part.starts_with("/*"),
            // SQLite takes a quoted name for a string where no name fits.
            TokenKind::QuotedIdentifier => dialect == Dialect::Sqlite && whole && part.starts_with('"'),
            // A comment may repeat what the statement says.
            TokenKind::Comment => {
                if whole || holds_secret(part) {
                    out.push_str(if part.starts_with("/*") { "/* … */" } else { "-- …" });
                    continue;
                }
                false
            }
            _ => false,
        };
        out.push_str(if string && (whole || holds_secret(part)) { DOTS } else { part });
    }
    out
}

/// A statement with `?` in place of its constants: for what others are to read. What is cut off in the middle of a text goes as well,
/// and comments, which may hold anything.
///
/// How a session reads a backslash or a double quote is a setting of its own (`standard_conforming_strings`, `NO_BACKSLASH_ESCAPES`,
/// `ANSI_QUOTES`) that nobody else can see: what is a constant under any of them goes.
pub fn without_constants(dialect: Dialect, text: &str) -> String {
    let tokens = lex(dialect, text);
    let others: Vec<_> =
        other_readings(dialect, text).into_iter().filter(|t| t.len() != tokens.len() || spans_differ(t, &tokens)).collect();
    let mut out = String::with_capacity(text.len());
    // As far as all agree, token by token.
    let agreed = (0..tokens.len()).take_while(|i| others.iter().all(|t| t.get(*i) == tokens.get(*i))).count();
    for t in &tokens[..agreed] {
        match told(t.kind) {
            Told::Constant => out.push('?'),
            Told::Comment => out.push(' '),
            Told::Word => out.push_str(&text[t.span.clone()]),
        }
    }
    let from = tokens.get(agreed).map_or(text.len(), |t| t.span.start);
    // From there on, byte by byte, what is worst.
    let mut rest = vec![Told::Word; text.len() - from];
    for t in others.iter().flatten().chain(&tokens[agreed..]).filter(|t| t.span.end > from) {
        for b in &mut rest[t.span.start.max(from) - from..t.span.end - from] {
            *b = told(t.kind).max(*b);
        }
    }
    let mut at = 0;
    for run in rest.chunk_by(|a, b| a == b) {
        match run[0] {
            Told::Constant => out.push('?'),
            Told::Comment => out.push(' '),
            Told::Word => out.push_str(&text[from + at..from + at + run.len()]),
        }
        at += run.len();
    }
    out
}

/// What of a token may be told, from all to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Word,
    Comment,
    Constant,
}

fn told(kind: TokenKind) -> Told {
    match kind {
        TokenKind::String | TokenKind::Unterminated | TokenKind::Number => Told::Constant,
        TokenKind::Comment => Told::Comment,
        _ => Told::Word,
    }
}

/// Whether two readings part anywhere but in what they call one and the same piece: `"a"` is a name to one and a string to the other.
fn spans_differ(a: &[Token], b: &[Token]) -> bool {
    a.iter().zip(b).any(|(a, b)| a.span != b.span || told(a.kind) != told(b.kind))
}

/// Whether a statement's words say that a value in it is a secret, perhaps one that stands for a parameter.
pub fn secret_among_values(dialect: Dialect, text: &str) -> bool {
    carries_secret(dialect, text, &lex(dialect, text))
}

/// Whether a parameter of this name, or with this value, looks like a secret.
pub fn looks_secret(name: &str, value: &str) -> bool {
    const WHOLE: &[&str] = &["key", "salt"];
    let lower = name.to_ascii_lowercase();
    tells_of_secret(&lower) || lower.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| WHOLE.contains(&part)) || holds_secret(value)
}

/// The table of an INSERT (or REPLACE) that names no columns: its parts without quotes. Which of its values are secrets the table alone tells.
pub fn positional(dialect: Dialect, text: &str) -> Option<Vec<String>> {
    let tokens: Vec<Token> =
        lex(dialect, text).into_iter().filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment)).collect();
    let word = |i: usize| tokens.get(i).map_or(String::new(), |t| text[t.span.clone()].to_ascii_uppercase());
    if !matches!(word(0).as_str(), "INSERT" | "REPLACE" | "WITH") {
        return None;
    }
    let into = (0..tokens.len()).find(|i| word(*i) == "INTO")?;
    let (mut at, mut parts) = (into + 1, Vec::new());
    loop {
        let t = tokens.get(at)?;
        let raw = &text[t.span.clone()];
        parts.push(match t.kind {
            TokenKind::QuotedIdentifier => raw.trim_matches(['"', '`', '[', ']']).to_string(),
            TokenKind::Identifier | TokenKind::Keyword if dialect == Dialect::Postgres => raw.to_lowercase(),
            TokenKind::Identifier | TokenKind::Keyword => raw.to_string(),
            _ => return None,
        });
        if word(at + 1) != "." {
            break;
        }
        at += 2;
    }
    // What comes first behind it: a list of columns, or values of all of them.
    let behind = (at + 1..tokens.len())
        .find(|i| matches!(word(*i).as_str(), "(" | "VALUES" | "VALUE" | "SELECT" | "WITH" | "TABLE" | "SET" | "DEFAULT"))?;
    let list = word(behind) == "(" && !matches!(word(behind + 1).as_str(), "SELECT" | "WITH" | "VALUES" | "TABLE" | "(");
    (!list && word(behind) != "SET").then_some(parts)
}

/// Whether a column of this name holds secrets, as people name them.
pub fn secret_column(name: &str) -> bool {
    tells_of_secret(&name.to_ascii_lowercase())
}

/// Whether a name, in lower case, is one that people give to secrets.
fn tells_of_secret(name: &str) -> bool {
    const WORDS: &[&str] = &["password", "passwd", "passphrase", "pwd", "secret", "token", "credential", "apikey", "privatekey"];
    const WHOLE: &[&str] = &["pw", "pass", "pin", "otp"];
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    WORDS.iter().any(|w| plain.contains(w)) || name.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| WHOLE.contains(&part))
}

/// Whether a value is given to, or compared with, what has the name of a secret.
fn names_secret(text: &str, tokens: &[Token]) -> bool {
    let parts: Vec<(TokenKind, String)> = tokens
        .iter()
        .filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment))
        .map(|t| (t.kind, text[t.span.clone()].to_ascii_lowercase()))
        .collect();
    let at = |i: usize| parts.get(i).map_or("", |p| p.1.as_str());
    let has = |w: &str| parts.iter().any(|p| p.1 == w);
    let is_string = |i: usize| parts.get(i).is_some_and(|p| p.0 == TokenKind::String);
    let lists_columns = has("into") || has("update") || has("merge") || has("with") && has("values");
    let sets_config = has("set_config");
    (0..parts.len()).any(|i| {
        let (kind, part) = &parts[i];
        let before = i.checked_sub(1).map_or("", at);
        let next = at(i + 1);
        match kind {
            // MySQL takes "…" for a name where ANSI_QUOTES is set, which cannot be seen here.
            TokenKind::String if part.starts_with('"') && next == "=" => tells_of_secret(part),
            TokenKind::String => sets_config && before == "(" && at(i.saturating_sub(2)) == "set_config" && tells_of_secret(part),
            TokenKind::Keyword | TokenKind::Identifier | TokenKind::QuotedIdentifier | TokenKind::Parameter => {
                // A parameter is no name that is given something, but for MySQL's variables: its own value is judged by its name.
                (*kind != TokenKind::Parameter || part.starts_with('@'))
                    && tells_of_secret(part)
                    && (matches!(next, "=" | ":=" | "=>" | "==" | "<>" | "!=" | "<=>" | "to" | "in" | "like" | "ilike")
                        || matches!(before, "=" | "<>" | "!=")
                        // 'geheim' AS token
                        || is_string(i.wrapping_sub(1)) || before == "as" && is_string(i.wrapping_sub(2))
                        || lists_columns && (matches!(before, "(" | ",") && matches!(next, ")" | ",") || before == "into")
                        // A schema's table: insert into app.api_tokens values …
                        || lists_columns && before == "." && matches!(next, "(" | "values" | "value" | "select"))
            }
            _ => false,
        }
    })
}

/// Whether the words say that a string in here is a secret.
fn carries_secret(dialect: Dialect, text: &str, tokens: &[Token]) -> bool {
    let names = tokens.iter().filter(|t| matches!(t.kind, TokenKind::Keyword | TokenKind::Identifier | TokenKind::QuotedIdentifier));
    let words: Vec<String> = names.map(|t| text[t.span.clone()].trim_matches(['"', '`', '[', ']']).to_ascii_lowercase()).collect();
    let first = words.first().map_or("", String::as_str);
    let has = |w: &str| words.iter().any(|x| x == w);
    let makes = matches!(first, "create" | "alter");
    let telling = words.iter().any(|w| {
        matches!(w.as_str(), "identified" | "passphrase" | "secret" | "pgp_sym_encrypt" | "pgp_sym_decrypt" | "aes_encrypt" | "aes_decrypt")
            || w.contains("password")
            || w.contains("passwd")
            || w.starts_with("dblink")
    });
    // The password or the key is one of the arguments.
    let plain: Vec<&Token> = tokens.iter().filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment)).collect();
    let calls =
        plain.windows(2).any(|w| &text[w[1].span.clone()] == "(" && ciphers(dialect, &text[w[0].span.clone()].to_ascii_lowercase()));
    // What is written out only to be hashed is a password more often than not.
    let hashed = plain.windows(3).any(|w| {
        w[2].kind == TokenKind::String && &text[w[1].span.clone()] == "(" && hashes(&text[w[0].span.clone()].to_ascii_lowercase())
    });
    // A word that is mistyped must not bring the password of a user to light.
    telling
        || calls
        || hashed
        // A command line may hold anything.
        || first == "copy" && has("program")
        || names_secret(text, tokens)
        || makes && words.get(1).is_some_and(|w| matches!(w.as_str(), "user" | "role"))
        || makes && (has("subscription") || has("server") || has("mapping"))
        || dialect == Dialect::MySql && first == "change" && (has("master") || has("replication"))
        || dialect == Dialect::Sqlite && (first == "pragma" && words.iter().any(|w| w.ends_with("key")) || first == "attach" && has("key"))
}

/// Functions that take a password or a key: pgcrypto's (F.28), MySQL's and MariaDB's.
fn ciphers(dialect: Dialect, name: &str) -> bool {
    match dialect {
        Dialect::Postgres => {
            matches!(
                name,
                "crypt" | "hmac" | "encrypt" | "decrypt" | "encrypt_iv" | "decrypt_iv" | "pgp_pub_decrypt" | "pgp_pub_decrypt_bytea"
            ) || name.starts_with("pgp_sym_")
        }
        Dialect::MySql => matches!(name, "encrypt" | "des_encrypt" | "des_decrypt" | "encode" | "decode" | "kdf"),
        Dialect::Sqlite => false,
    }
}

/// Functions that make a hash of a text, the server's own and those that people write.
fn hashes(name: &str) -> bool {
    matches!(name, "md5" | "sha" | "sha1" | "sha2" | "sha224" | "sha256" | "sha384" | "sha512" | "digest" | "to_base64")
        || name.contains("hash")
}

/// Whether a string (or a function's body) itself holds one.
fn holds_secret(part: &str) -> bool {
    let lower = part.to_ascii_lowercase();
    if lower.contains("password") || lower.contains("passwd") || lower.contains("identified by") || lower.contains("bearer ") {
        return true;
    }
    if lower.match_indices(['=', ':']).any(|(at, _)| names_a_value(&lower, at)) {
        return true;
    }
    // A function's body or a block (DO) is a string, too.
    if let Some(body) = part.strip_prefix('$').and_then(|p| p.split_once('$')).map(|(_, body)| body)
        && names_secret(body, &lex(Dialect::Postgres, body))
    {
        return true;
    }
    // A URL with a user and a password: scheme://user:password@host
    lower.match_indices("://").any(|(at, mark)| {
        let authority = &lower[at + mark.len()..];
        let end = authority.find(|c: char| c == '/' || c.is_whitespace()).unwrap_or(authority.len());
        authority[..end].rfind('@').is_some_and(|a| authority[..a].contains(':'))
    })
}

/// Whether the sign at a byte of a lower-case text gives a value to what is called like a secret: `token=…`, `"api_key": "…"`.
fn names_a_value(lower: &str, at: usize) -> bool {
    let before = lower[..at].trim_end_matches([' ', '\t', '"', '\'']);
    let name = &before[before
        .rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-')
        .map_or(0, |i| i + before[i..].chars().next().map_or(1, char::len_utf8))..];
    let behind = lower[at + 1..].trim_start_matches([' ', '\t']);
    tells_of_secret(name) && behind.starts_with(|c: char| !c.is_whitespace() && c != ':')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::split::tests::sqlish;
    use Dialect::{MySql, Postgres, Sqlite};
    use proptest::prelude::*;

    #[test]
    fn parameters_that_look_secret_are_known() {
        for name in [":password", ":new_passwd", ":apiKey", ":api_key", ":user_pw", ":Token", ":pin", ":client-secret"] {
            assert!(looks_secret(name, "x"), "{name}");
        }
        for name in [":id", ":keyword", ":passenger", ":spin", "$1", "?1", ":day"] {
            assert!(!looks_secret(name, "x"), "{name}");
        }
        assert!(looks_secret(":dsn", "postgres://a:b@h/d"));
        assert!(secret_among_values(Postgres, "alter role a password :p") && !secret_among_values(Postgres, "select :p"));
        assert!(secret_among_values(Postgres, "update u set api_token = :t where id = :id"));
        assert!(!secret_among_values(Sqlite, "select * from t where a = :id and b <> :password"), "the other value is none");
    }

    #[test]
    fn comments_and_documents_that_tell_a_secret_are_hidden() {
        for (d, text, shown) in [
            (Postgres, "select 9 -- token=S3cret", "select 9 -- …"),
            (Postgres, "select 9 /* api_key: S3cret */", "select 9 /* … */"),
            (MySql, "select 9 # pwd = S3cret", "select 9 -- …"),
            (Postgres, "insert into cfg values (1, '{\"api_key\": \"S3cret\"}')", "insert into cfg values (1, '…')"),
        ] {
            assert_eq!(redact(d, text), shown);
        }
        for text in ["select 9 -- a token, see above", "select 9 -- tokens: ", "select a::int -- keyword=x", "select 'time: 12:30'"] {
            assert_eq!(redact(Postgres, text), text);
        }
    }

    #[test]
    fn an_insert_without_columns_is_known() {
        let table = |d, text: &str| positional(d, text).map(|p| p.join("."));
        assert_eq!(table(Postgres, "insert into App.Users values (1, 'x')").as_deref(), Some("app.users"));
        assert_eq!(table(MySql, "INSERT INTO `app`.`Users` SELECT 1, 'x'").as_deref(), Some("app.Users"));
        assert_eq!(table(Sqlite, "insert or ignore into [users] values (1, 'x')").as_deref(), Some("users"));
        assert_eq!(table(Sqlite, "replace into users (select * from t)").as_deref(), Some("users"));
        assert_eq!(table(Postgres, "insert into users as u values (1)").as_deref(), Some("users"));
        for text in [
            "insert into users (a, b) values (1, 'x')",
            "select 1 into t",
            "update t set a = 1",
            "insert into users set a = 1",
            "insert into",
        ] {
            assert_eq!(table(MySql, text), None, "{text}");
        }
        assert_eq!(redact_all(Sqlite, "insert into users values (1, 'geheim')"), "insert into users values (1, '…')");
    }

    #[test]
    fn passwords_are_hidden() {
        for (d, text, shown) in [
            (Postgres, "select crypt('geheim', gen_salt('bf'))", "select crypt('…', gen_salt('…'))"),
            (
                Postgres,
                "select hmac (d, 'geheim', 'sha256'), encrypt from t where a = 'x'",
                "select hmac (d, '…', '…'), encrypt from t where a = '…'",
            ),
            (Postgres, "select encode(d, 'hex'), encrypt from t", "select encode(d, 'hex'), encrypt from t"),
            (MySql, "select encode('x', 'geheim')", "select encode('…', '…')"),
            (Postgres, "CREATE ROLE a LOGIN PASSWORD 'geheim'", "CREATE ROLE a LOGIN PASSWORD '…'"),
            (Postgres, "alter user \"a\" with encrypted password E'ge\\'heim';", "alter user \"a\" with encrypted password '…';"),
            (Postgres, "ALTER ROLE a PASSWORD $$geheim$$", "ALTER ROLE a PASSWORD '…'"),
            (Postgres, "ALTER ROLE a PASSWORD 'geheim", "ALTER ROLE a PASSWORD '…'"),
            (
                Postgres,
                "CREATE SUBSCRIPTION s CONNECTION 'host=h password=geheim' PUBLICATION p",
                "CREATE SUBSCRIPTION s CONNECTION '…' PUBLICATION p",
            ),
            (
                Postgres,
                "CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'u', pass 'geheim')",
                "CREATE USER MAPPING FOR a SERVER s OPTIONS (user '…', pass '…')",
            ),
            (Postgres, "SELECT dblink_connect('c', 'geheim')", "SELECT dblink_connect('…', '…')"),
            (Postgres, "DO $$ BEGIN ALTER ROLE a PASSWORD 'geheim'; END $$", "DO '…'"),
            (Postgres, "SELECT 'postgres://u:geheim@h/db', 'x'", "SELECT '…', 'x'"),
            (Postgres, "ALTER ROLE a PASSWORD 'geheim' -- it is geheim", "ALTER ROLE a PASSWORD '…' -- …"),
            (MySql, "CREATE USER 'a'@'localhost' IDENTIFIED BY 'geheim'", "CREATE USER 'a'@'localhost' IDENTIFIED BY '…'"),
            (MySql, "SET PASSWORD FOR a = PASSWORD(\"geheim\")", "SET PASSWORD FOR a = PASSWORD('…')"),
            (MySql, "GRANT ALL ON *.* TO b IDENTIFIED BY 'geheim'", "GRANT ALL ON *.* TO b IDENTIFIED BY '…'"),
            (MySql, "CHANGE MASTER TO MASTER_HOST='h', MASTER_PASSWORD='geheim'", "CHANGE MASTER TO MASTER_HOST='…', MASTER_PASSWORD='…'"),
            (Sqlite, "PRAGMA key = \"geheim\"", "PRAGMA key = '…'"),
            (Sqlite, "ATTACH 'x.db' AS x KEY 'geheim'", "ATTACH '…' AS x KEY '…'"),
        ] {
            assert_eq!(redact(d, text), shown);
        }
    }

    #[test]
    fn values_of_what_has_the_name_of_a_secret_are_hidden() {
        for text in [
            "update u set api_token = 'geheim'",
            "update u set n = 1, \"apiKey\"='geheim' where id = 1",
            "update u set (id, private_key) = (1, 'geheim')",
            "insert into u (id, client_secret) values (1, 'geheim')",
            "insert into api_tokens values (1, 'geheim')",
            "insert into app.credentials values (1, 'geheim')",
            "insert into u(id, pwd) select 1, 'geheim' on conflict do nothing",
            "merge into u using v on u.id = v.id when not matched then insert (id, token) values (1, 'geheim')",
            "select * from u where access_token = 'geheim'",
            "select * from u where 'geheim' = u.token or token in ('geheim')",
        ] {
            for d in [Postgres, MySql, Sqlite] {
                assert!(!redact(d, text).contains("geheim"), "{d:?} {text}");
                assert!(secret_among_values(d, text), "{d:?} {text}");
            }
        }
        for text in [
            "select set_config('my.token','geheim',false)",
            "select pg_catalog.set_config ( 'x.api_key' , 'geheim', true)",
            "set my.token = 'geheim'",
            "set local app.passphrase to 'geheim'",
            "alter database d set my.secret = 'geheim'",
            "insert into t (name, pin) values ('a', 'geheim')",
            "select sha2('geheim', 256)",
            "select app.pwhash('geheim')",
            "select 1, 'geheim' as token",
            "with x(id, token) as (values (1, 'geheim')) select * from x",
            "select to_base64('geheim')",
            "select 'Bearer geheim'",
            "do $$ begin update u set api_token = 'geheim'; end $$",
            "call login(token => 'geheim')",
        ] {
            assert!(!redact(Postgres, text).contains("geheim"), "{text}");
        }
        assert_eq!(redact(MySql, "set @token = 'geheim'"), "set @token = '…'");
        assert_eq!(redact(MySql, "set @pw := 'geheim'"), "set @pw := '…'");
        assert_eq!(redact(Postgres, "copy u from program 'curl -u me:geheim x'"), "copy u from program '…'");
        for text in [
            "select 'a', token from u where name = 'b'",
            "select md5(body), 'a' as spinning from u where name = 'b'",
            "select count(*) from api_tokens where owner = 'b'",
            "select set_config('work_mem', '64MB', false), current_setting('my.token')",
            "update u set name = 'a' where id = 1",
            "create table u (token text, name text default 'x')",
            "do $$ begin perform 'x' from tokens; end $$",
        ] {
            assert_eq!(redact(Postgres, text), text);
        }
    }

    #[test]
    fn constants_go_however_the_session_reads_a_backslash() {
        for (d, text, shown) in [
            (MySql, r"select sleep(5), 'a\', 'ZSECRETk' from hot", "select sleep(?), ?"),
            (Postgres, r"select pg_sleep(5), 'a\'b ZSECRETo', 'c'", "select pg_sleep(?), ?"),
            (MySql, r#"select "a\", 'ZSECRETk' from hot"#, "select ?"),
            // All agree again after the string, or never part.
            (Postgres, r"select 'a\\', b from t where c = 'x'", "select ?, b from t where c = ?"),
            (MySql, "select `a`, \"b\", 'c\\n' from t -- d", "select `a`, ?, ? from t  "),
            (Sqlite, r"select 'a\', b, 'c'", "select ?, b, ?"),
        ] {
            assert_eq!(without_constants(d, text), shown);
        }
    }

    #[test]
    fn others_are_untouched() {
        for d in [Postgres, MySql, Sqlite] {
            for text in [
                "SELECT 'a', \"b\" FROM t -- note",
                "INSERT INTO t VALUES ('https://example.org/a:b@c')",
                "CREATE TABLE t (a int DEFAULT 'x')",
                "it's",
            ] {
                assert_eq!(redact(d, text), text);
            }
        }
    }

    proptest! {
        /// A constant under any reading that a session may have is told under none.
        #[test]
        fn no_constant_survives_under_any_reading(
            before in "[-'\"\\\\ ,a=/*$E\n]{0,24}", between in "[-'\"\\\\ ,a=/*$\n]{0,12}", after in "['\"\\\\ ,b\n]{0,12}"
        ) {
            let text = format!("select {before}'SECRET'{between}'SECRET{after}");
            for d in [Postgres, MySql, Sqlite] {
                let readings = other_readings(d, &text).into_iter().chain([lex(d, &text)]);
                let constant = |at: usize| {
                    let kind = |t: &Token| t.span.contains(&at).then(|| told(t.kind));
                    readings.clone().any(|r| r.iter().find_map(kind).is_some_and(|k| k != Told::Word))
                };
                let hidden = text.match_indices("SECRET").filter(|(at, _)| constant(*at)).count();
                let shown = without_constants(d, &text).matches("SECRET").count();
                prop_assert!(shown + hidden <= 2, "{d:?} {text}: {}", without_constants(d, &text));
            }
        }

        #[test]
        fn no_string_survives(before in sqlish(), secret in "[a-zA-Z0-9]{12}") {
            for d in [Postgres, MySql, Sqlite] {
                let text = format!("ALTER USER a PASSWORD '{secret}' {before}");
                prop_assert!(!redact(d, &text).contains(&secret));
                let _ = redact(d, &before);
            }
        }
    }
}
