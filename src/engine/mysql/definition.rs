//! Definitions as the server tells them, made fit for its own client: what holds statements is put between DELIMITER lines, and nobody
//! is named as the one who defined it, because that account may not exist where the text is run.

use super::catalog::{at, lit};
use crate::engine::Session;
use crate::model::{Dialect, Result};
use crate::sql::{TokenKind, ended, lex};

/// What a routine, trigger or event was made under, and is run under wherever it is called.
pub(super) struct Under<'a> {
    /// `sql_mode`; decides what its text means.
    pub mode: &'a str,
    /// `time_zone` of an event.
    pub zone: Option<&'a str>,
}

/// The text of SHOW CREATE as a script that makes it under the settings of its own, as mariadb-dump does, and leaves the client's as they were.
pub(super) fn script(shown: &str, under: &Under<'_>) -> String {
    let quoted = |v: &str| format!("'{}'", v.replace('\'', "''"));
    let (mut before, mut after) = (format!("sql_mode = {}", quoted(under.mode)), "sql_mode = @saved_sql_mode".to_string());
    let mut saved = "@saved_sql_mode = @@sql_mode".to_string();
    if let Some(zone) = under.zone {
        saved.push_str(", @saved_time_zone = @@time_zone");
        before.push_str(&format!(", time_zone = {}", quoted(zone)));
        after.push_str(", time_zone = @saved_time_zone");
    }
    format!("SET {saved}, {before};\n{}\nSET {after};", delimited(shown))
}

/// A view as the dictionary has it, without opening it. Its ALGORITHM is not told there.
pub(super) async fn of_view(s: &Session, schema: &str, name: &str) -> Result<Option<String>> {
    let found = s
        .fetch(format!(
            "SELECT VIEW_DEFINITION, SECURITY_TYPE, CHECK_OPTION FROM information_schema.VIEWS WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
            lit(schema),
            lit(name)
        ))
        .await?;
    let Some(row) = found.rows.first().filter(|r| !at(r, 0).is_empty()) else { return Ok(None) };
    let check = if at(row, 2) == "NONE" { String::new() } else { format!(" WITH {} CHECK OPTION", at(row, 2)) };
    let name = Dialect::MySql.quote_ident(name);
    Ok(Some(ended(Dialect::MySql, &format!("CREATE SQL SECURITY {} VIEW {name} AS {}{check}", at(row, 1), at(row, 0)))))
}

fn delimited(shown: &str) -> String {
    let text = ownerless(shown);
    if !text.contains(';') {
        return ended(Dialect::MySql, &text);
    }
    let end = [";;", "//", "$$", "||"].into_iter().find(|d| !text.contains(d)).map_or_else(|| longer(&text), str::to_string);
    format!("DELIMITER {end}\n{text}\n{end}\nDELIMITER ;")
}

/// A trigger's text with the one that it comes after among those of the same table, time and event: SHOW CREATE leaves that out.
pub(super) fn following(text: &str, before: &str) -> String {
    let tokens: Vec<_> =
        lex(Dialect::MySql, text).into_iter().filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment)).collect();
    let is = |i: usize, word: &str| tokens.get(i).is_some_and(|t| text[t.span.clone()].eq_ignore_ascii_case(word));
    let Some(for_each) = (0..tokens.len()).find(|i| is(*i, "for") && is(i + 1, "each") && is(i + 2, "row")) else { return text.into() };
    if is(for_each + 3, "follows") || is(for_each + 3, "precedes") {
        return text.into();
    }
    let end = tokens[for_each + 2].span.end;
    format!("{} FOLLOWS {}{}", &text[..end], Dialect::MySql.quote_ident(before), &text[end..])
}

/// A delimiter that the text does not hold.
fn longer(text: &str) -> String {
    let mut end = ";;;".to_string();
    while text.contains(&end) {
        end.push(';');
    }
    end
}

/// Without `DEFINER=…`, which stands only before the word that says what is created.
pub(super) fn ownerless(text: &str) -> String {
    let tokens = lex(Dialect::MySql, text);
    let word = |i: usize| tokens.get(i).map_or("", |t| &text[t.span.clone()]);
    for i in 0..tokens.len() {
        if ["view", "procedure", "function", "trigger", "event"].iter().any(|w| word(i).eq_ignore_ascii_case(w)) {
            break;
        }
        if word(i).eq_ignore_ascii_case("definer") && word(i + 1) == "=" {
            // `name`@`host`, or a role's name alone; then a blank.
            let blank = (i..tokens.len()).find(|j| tokens[*j].kind == TokenKind::Whitespace);
            let rest = blank.map_or("", |j| &text[tokens[j].span.end..]);
            return format!("{}{rest}", &text[..tokens[i].span.start]);
        }
    }
    text.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_named_and_statements_are_delimited() {
        let script = delimited;
        assert_eq!(script("CREATE DEFINER=`root`@`local host` PROCEDURE `p`()\ncommit"), "CREATE PROCEDURE `p`()\ncommit;");
        assert_eq!(
            script("CREATE DEFINER=`r` trigger tr before insert on t for each row begin set @definer = 1; end"),
            "DELIMITER ;;\nCREATE trigger tr before insert on t for each row begin set @definer = 1; end\n;;\nDELIMITER ;"
        );
        let after = |text| following(text, "tr`1");
        assert_eq!(
            after("CREATE trigger `for each row` before insert on t FOR each ROW begin end"),
            "CREATE trigger `for each row` before insert on t FOR each ROW FOLLOWS `tr``1` begin end"
        );
        let told = "create trigger x after update on t for each row precedes y set @a = 1";
        assert_eq!(after(told), told);
        assert!(script("CREATE EVENT e DO begin select ';;'; select '//'; end").starts_with("DELIMITER $$\n"));
        assert_eq!(script("CREATE FUNCTION f() returns int return 1 -- tail"), "CREATE FUNCTION f() returns int return 1 -- tail\n;");
        assert_eq!(
            super::script("CREATE FUNCTION f() returns int return 1", &Under { mode: "ANSI", zone: Some("+00:00") }),
            "SET @saved_sql_mode = @@sql_mode, @saved_time_zone = @@time_zone, sql_mode = 'ANSI', time_zone = '+00:00';\n\
             CREATE FUNCTION f() returns int return 1;\nSET sql_mode = @saved_sql_mode, time_zone = @saved_time_zone;"
        );
        let view = "CREATE ALGORITHM=UNDEFINED DEFINER=`root`@`localhost` SQL SECURITY DEFINER VIEW `v` AS select 1";
        assert_eq!(ownerless(view), "CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `v` AS select 1");
    }
}
