//! Definitions as the server tells them, made fit for its own client: what holds statements is put between DELIMITER lines, and nobody
//! is named as the one who defined it, because that account may not exist where the text is run.

use crate::model::Dialect;
use crate::sql::{TokenKind, lex};

/// The text of SHOW CREATE as a script.
pub(super) fn script(shown: &str) -> String {
    let text = ownerless(shown);
    if !text.contains(';') {
        return format!("{text};");
    }
    let end = [";;", "//", "$$", "||"].into_iter().find(|d| !text.contains(d)).map_or_else(|| longer(&text), str::to_string);
    format!("DELIMITER {end}\n{text}\n{end}\nDELIMITER ;")
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
        assert_eq!(script("CREATE DEFINER=`root`@`local host` PROCEDURE `p`()\ncommit"), "CREATE PROCEDURE `p`()\ncommit;");
        assert_eq!(
            script("CREATE DEFINER=`r` trigger tr before insert on t for each row begin set @definer = 1; end"),
            "DELIMITER ;;\nCREATE trigger tr before insert on t for each row begin set @definer = 1; end\n;;\nDELIMITER ;"
        );
        assert!(script("CREATE EVENT e DO begin select ';;'; select '//'; end").starts_with("DELIMITER $$\n"));
        let view = "CREATE ALGORITHM=UNDEFINED DEFINER=`root`@`localhost` SQL SECURITY DEFINER VIEW `v` AS select 1";
        assert_eq!(ownerless(view), "CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `v` AS select 1");
    }
}
