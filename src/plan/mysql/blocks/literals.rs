//! Strings that MariaDB writes into its JSON as they are. A literal with a `"` in it ends its string too early, and `\'` is no escape
//! of JSON. Each string stands alone on its line, as `"key": "…"`, or in a list: so it reaches up to the line's last quote.

/// The text with its strings written as JSON asks for; `None` where they all are. One line that is wrong shows that the server writes
/// its strings as they are, and then all of them are.
pub fn mended(text: &str) -> Option<String> {
    if !text.lines().any(|l| split(l).is_some_and(|s| !s.good())) {
        return None;
    }
    let mut out = String::with_capacity(text.len() + 64);
    for line in text.split_inclusive('\n') {
        match split(line) {
            Some(s) => s.write(&mut out),
            None => out.push_str(line),
        }
    }
    Some(out)
}

/// A line that holds one string, or a list of them.
struct Strings<'a> {
    before: &'a str,
    /// What stands between the first and the last quote.
    inside: &'a str,
    after: &'a str,
    list: bool,
}

impl Strings<'_> {
    fn parts(&self) -> impl Iterator<Item = &str> {
        let whole = (!self.list).then_some(self.inside);
        whole.into_iter().chain(self.list.then(|| self.inside.split("\", \"")).into_iter().flatten())
    }

    fn good(&self) -> bool {
        self.parts().all(|p| serde_json::from_str::<String>(&format!("\"{p}\"")).is_ok())
    }

    fn write(&self, out: &mut String) {
        out.push_str(self.before);
        for (i, part) in self.parts().enumerate() {
            out.push_str(if i > 0 { ", \"" } else { "\"" });
            for c in part.chars() {
                if matches!(c, '"' | '\\') {
                    out.push('\\');
                }
                out.push(c);
            }
            out.push('"');
        }
        out.push_str(self.after);
    }
}

fn split(line: &str) -> Option<Strings<'_>> {
    let start = line.len() - line.trim_start().len();
    if !line[start..].starts_with('"') {
        return None;
    }
    // Behind the key, if there is one.
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let key = line[start + 1..].split_once("\": ").filter(|(key, _)| !key.is_empty() && key.chars().all(named));
    let value = key.map_or(start, |(_, rest)| line.len() - rest.len());
    let (list, open) = if line[value..].starts_with("[\"") { (true, value + 1) } else { (false, value) };
    let close = line.rfind('"').filter(|close| *close > open && line[open..].starts_with('"'))?;
    let rest = line[close + 1..].trim();
    let ends = if list { matches!(rest, "]" | "],") } else { matches!(rest, "" | ",") };
    ends.then(|| Strings { before: &line[..open], inside: &line[open + 1..close], after: &line[close + 1..], list })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_that_are_none_are_written_anew_and_others_left() {
        let raw = "{\n  \"key\": \"k\"y\",\n  \"possible_keys\": [\"k\"y\", \"a\\\\b\"],\n  \"rows\": 3,\n  \"list\": [\n    \"q\"x\",\n    \"it\\'s\"\n  ],\n  \"c\": \"v <> '\", \"r_rows\": 7, \"x\": \"'\"\n}\n";
        let value: serde_json::Value = serde_json::from_str(&mended(raw).expect("mended")).expect("JSON");
        assert_eq!(
            value,
            serde_json::json!({
                "key": "k\"y", "possible_keys": ["k\"y", "a\\\\b"], "rows": 3, "list": ["q\"x", "it\\'s"],
                "c": "v <> '\", \"r_rows\": 7, \"x\": \"'"
            })
        );
        for right in [
            "{\n  \"key\": \"k\\\"y\",\n  \"ref\": [\"a\", \"b\"],\n  \"u\": \"\\u00e9\"\n}",
            "{\"a\": \"b\", \"c\": {\"d\": \"e\"}}",
            "{\n\"a\": \"b\" }",
            "",
            "\"",
            "\"a\": \"",
        ] {
            assert_eq!(mended(right), None, "{right}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_within_a_string_comes_back(text in "[ -~é]{0,20}") {
            let raw = format!("{{\n \"broken\": \"a\"b\",\n \"condition\": \"{text}\",\n \"n\": 1\n}}");
            let value: serde_json::Value = serde_json::from_str(&mended(&raw).expect("mended")).expect("JSON");
            proptest::prop_assert_eq!(value["condition"].as_str(), Some(text.as_str()));
            proptest::prop_assert_eq!(value["n"].as_i64(), Some(1));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[\"\\\\:,\\[\\] a\né]{0,40}") {
            let _ = mended(&text);
        }
    }
}
