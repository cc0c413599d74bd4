//! The SELECTs inside a statement: in parentheses and as arms of UNION, where the plan prints no conditions (SQLite).

use crate::model::Dialect;
use crate::plan::statement::{self, Select};
use crate::sql::{Token, TokenKind, lex};

/// All of them that can be read, in the order in which they begin; the outermost one among them where it is an arm.
pub fn selects(dialect: Dialect, text: &str) -> Vec<Select> {
    let tokens: Vec<Token> =
        lex(dialect, text).into_iter().filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment)).collect();
    let word = |i: usize| tokens.get(i).and_then(|t| text.get(t.span.clone())).unwrap_or("").to_lowercase();
    let words: Vec<String> = (0..tokens.len()).map(word).collect();
    // Ranges of tokens: the whole, and what stands between parentheses.
    let mut ranges = vec![(0, tokens.len())];
    let mut open = Vec::new();
    for (i, w) in words.iter().enumerate() {
        match w.as_str() {
            "(" => open.push(i),
            ")" => {
                if let Some(from) = open.pop()
                    && matches!(words.get(from + 1).map(String::as_str), Some("select" | "with"))
                {
                    ranges.push((from + 1, i));
                }
            }
            _ => {}
        }
    }
    ranges.sort_unstable();
    let mut out = Vec::new();
    for (from, to) in ranges {
        let mut depth = 0i32;
        let mut cuts = vec![from];
        for (i, w) in words.iter().enumerate().take(to).skip(from) {
            depth += i32::from(w == "(") - i32::from(w == ")");
            if depth == 0 && matches!(w.as_str(), "union" | "intersect" | "except") {
                cuts.push(i);
            }
        }
        cuts.push(to);
        for pair in cuts.windows(2) {
            let [start, end] = pair else { continue };
            let mut first = *start;
            while first < *end && matches!(words[first].as_str(), "union" | "intersect" | "except" | "all" | "distinct") {
                first += 1;
            }
            let (Some(a), Some(b)) = (tokens.get(first), end.checked_sub(1).and_then(|e| tokens.get(e))) else { continue };
            if first < *end
                && let Some(part) = text.get(a.span.start..b.span.end)
                && let Some(q) = statement::read(dialect, part)
            {
                out.push(q);
            }
        }
    }
    out
}

/// What may be made of a smallest or largest value without reading another row: functions by their names.
const OF_VALUES: [&str; 9] = ["coalesce", "abs", "round", "greatest", "least", "age", "datediff", "timestampdiff", "date"];

/// The column of `SELECT min(x) FROM …`, `SELECT max(x) - min(x), … FROM …`, where nothing but its ends is selected.
pub fn extreme(dialect: Dialect, text: &str) -> Option<String> {
    let tokens: Vec<Token> =
        lex(dialect, text).into_iter().filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment)).collect();
    let word = |i: usize| tokens.get(i).and_then(|t| text.get(t.span.clone())).unwrap_or("");
    let is = |i: usize, w: &str| word(i).eq_ignore_ascii_case(w);
    if !is(0, "select") {
        return None;
    }
    let mut at = 1;
    let mut found: Option<&str> = None;
    while at < tokens.len() && !is(at, "from") {
        if (is(at, "min") || is(at, "max")) && is(at + 1, "(") {
            at += 2;
            while is(at + 1, ".") {
                at += 2;
            }
            let column = word(at).trim_matches(['"', '`', '[', ']']);
            if !is(at + 1, ")") || found.is_some_and(|f| !f.eq_ignore_ascii_case(column)) {
                return None;
            }
            found = Some(column);
            at += 2;
            continue;
        }
        let name = matches!(tokens[at].kind, TokenKind::Identifier | TokenKind::QuotedIdentifier | TokenKind::Keyword);
        let call = is(at + 1, "(") && OF_VALUES.iter().any(|f| is(at, f));
        // What it is called stands behind `as`, or behind the value and before what ends it.
        let behind_value = is(at - 1, ")") || matches!(tokens[at - 1].kind, TokenKind::Number);
        let called = is(at, "as") || is(at - 1, "as") || behind_value && (is(at + 1, ",") || is(at + 1, "from"));
        if name && !call && !called {
            return None;
        }
        at += 1;
    }
    is(at, "from").then_some(found)?.map(str::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selects_are_found_wherever_they_stand() {
        let of = |text: &str| -> Vec<String> {
            selects(Dialect::Sqlite, text).iter().map(|q| q.tables.iter().map(|t| t.name.as_str()).collect::<Vec<_>>().join(",")).collect()
        };
        assert_eq!(of("select * from a where id in (select a_id from b where x = 5)"), ["a", "b"]);
        assert_eq!(of("select 1 from a union all select 2 from b where y = (select max(z) from c)"), ["a", "b", "c"]);
        assert_eq!(of("with t as (select * from a where x = 1) select * from t"), ["t", "a"]);
        assert_eq!(of("select count(*) from a where (x = 1 or y = 2)"), ["a"]);
        assert!(of("(((").is_empty());
    }

    #[test]
    fn the_ends_of_a_column() {
        let of = |text: &str| extreme(Dialect::Postgres, text);
        assert_eq!(of("select max(o.created_at) from orders o where customer_id = 5").as_deref(), Some("created_at"));
        assert_eq!(of("select min(total) as least from orders").as_deref(), Some("total"));
        assert_eq!(of("select min(o.total), max(total) as most from orders o").as_deref(), Some("total"));
        assert_eq!(of("select min(total), max(id) from orders"), None);
        assert_eq!(of("select max(total), 1 from orders").as_deref(), Some("total"));
        assert_eq!(of("select max(o.total) - min(o.total) span, round(max(total), 2) from orders o").as_deref(), Some("total"));
        assert_eq!(of("select coalesce(max(total), 0) as most from orders").as_deref(), Some("total"));
        assert_eq!(of("select max(total), count(*) from orders"), None);
        assert_eq!(of("select max(total), state from orders"), None);
        assert_eq!(of("select distinct max(total) from orders"), None);
        assert_eq!(of("select max(total + 1) from orders"), None);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(select |from |where |union |all |\\(|\\)|[a-z.=1'\"`;]{1,3}| |with |é|max\\(){0,30}") {
            for d in [Dialect::Postgres, Dialect::MySql, Dialect::Sqlite] {
                let _ = (selects(d, &text), extreme(d, &text));
            }
        }
    }
}
