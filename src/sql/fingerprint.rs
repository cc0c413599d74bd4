//! One name for all runs of a statement: the same words with other constants, other white space or other comments are the same
//! statement.

use super::{TokenKind, lex};
use crate::model::Dialect;
use sha2::{Digest, Sha256};

/// Sixteen hexadecimal digits. Unquoted words count in any case, a list of constants is as long as any other.
pub fn fingerprint(dialect: Dialect, text: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for t in lex(dialect, text) {
        let word = &text[t.span];
        match t.kind {
            TokenKind::Whitespace | TokenKind::Comment => continue,
            TokenKind::String | TokenKind::Number | TokenKind::Parameter => parts.push("?".into()),
            TokenKind::QuotedIdentifier => parts.push(word.to_string()),
            _ => parts.push(word.to_lowercase()),
        }
        // (1, 2, 3) is (1).
        while parts.len() >= 3 && parts[parts.len() - 3..] == ["?", ",", "?"] {
            parts.truncate(parts.len() - 2);
        }
    }
    while parts.last().is_some_and(|p| p == ";") {
        parts.pop();
    }
    let digest = Sha256::digest(parts.join(" ").as_bytes());
    digest.iter().take(8).map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_statement_has_one_name() {
        let of = |s: &str| fingerprint(Dialect::Postgres, s);
        let one = of("select * from t where a = 1 and b in ('x', 'y')");
        assert_eq!(one, of("SELECT *\n FROM t -- all\n WHERE a = 27 AND b IN ('z');"));
        assert_eq!(one, of("select * from t where a = $1 and b in ($2, $3, $4)"));
        assert_ne!(one, of("select * from t where a = 1 and c in ('x', 'y')"));
        assert_ne!(of("select \"T\" from t"), of("select \"t\" from t"), "what is quoted keeps its case");
        assert_eq!(one.len(), 16);
    }
}
