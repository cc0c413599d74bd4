//! Finding by a few letters, in bounded time however long the list: exact scores for short lists, a coarse look at every
//! name and exact scores for the best of them in long ones.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

/// So many names are scored exactly at a key; of a longer list those that a coarse look puts first. 50,000 exact scores would
/// take longer than the 16 ms between two frames.
const EXACT: usize = 2_000;

/// How well a name matches at a coarse look, the best first.
const CLASSES: usize = 5;

/// A typed pattern, ready to be compared with many names.
pub struct Fuzzy {
    pattern: Pattern,
    matcher: Matcher,
    chars: Vec<char>,
    /// Words of the pattern where a coarse look can tell what nucleo would; `None` for its special signs and beyond ASCII.
    words: Option<Vec<Vec<u8>>>,
    /// A capital letter in the pattern makes case matter.
    sensitive: bool,
    empty: bool,
}

impl Fuzzy {
    pub fn new(pattern: &str) -> Self {
        let plain = |w: &str| w.is_ascii() && !w.contains('\\') && !w.starts_with(['^', '\'', '!']) && !w.ends_with('$');
        let words: Vec<&str> = pattern.split_whitespace().collect();
        Fuzzy {
            words: words.iter().all(|w| plain(w)).then(|| words.iter().map(|w| w.as_bytes().to_vec()).collect()),
            sensitive: pattern.chars().any(char::is_uppercase),
            empty: words.is_empty(),
            pattern: Pattern::parse(pattern, CaseMatching::Smart, Normalization::Smart),
            matcher: Matcher::new(Config::DEFAULT),
            chars: Vec::new(),
        }
    }

    /// True when there is nothing to look for: then everything matches.
    pub fn is_empty(&self) -> bool {
        self.empty
    }

    /// How well a name matches, the higher the better; `None` when it does not.
    pub fn score(&mut self, name: &str) -> Option<u32> {
        self.pattern.score(Utf32Str::new(name, &mut self.chars), &mut self.matcher)
    }

    /// The class of a name at a coarse look, below [`CLASSES`]; `None` when it does not match.
    fn class(&mut self, name: &str) -> Option<usize> {
        let Some(words) = &self.words else { return self.score(name).map(|_| 0) };
        if !name.is_ascii() {
            // Letters with accents match those without.
            return self.score(name).map(|_| CLASSES - 1);
        }
        let mut worst = 0;
        for w in words {
            worst = worst.max(class(w, name.as_bytes(), self.sensitive)?);
        }
        Some(worst)
    }

    /// Indexes of the names that match, best first; all in their order for an empty pattern.
    pub fn rank<'a>(&mut self, names: impl Iterator<Item = &'a str> + Clone) -> Vec<usize> {
        self.scored(names).into_iter().map(|(_, i)| i).collect()
    }

    /// The same with scores. Names that were only looked at coarsely stand behind the others, with the score 0.
    pub fn scored<'a>(&mut self, names: impl Iterator<Item = &'a str> + Clone) -> Vec<(u32, usize)> {
        if self.empty {
            return names.enumerate().map(|(i, _)| (0, i)).collect();
        }
        let mut classes: [Vec<(usize, &str)>; CLASSES] = Default::default();
        for (i, name) in names.enumerate() {
            if let Some(c) = self.class(name) {
                classes[c].push((i, name));
            }
        }
        let few = classes.iter().map(Vec::len).sum::<usize>() <= EXACT;
        let mut left = EXACT;
        // Score, length (of equally good names the shortest), index.
        let mut out: Vec<(u32, usize, usize)> = Vec::new();
        let mut coarse = Vec::new();
        for mut hits in classes {
            let from = out.len();
            if hits.len() > left {
                // Of equally near names the short ones are the likely ones. Sorting all of them would take too long.
                if left > 0 {
                    hits.select_nth_unstable_by_key(left, |(i, name)| (name.len(), *i));
                }
            }
            for (i, name) in hits {
                match left.checked_sub(1) {
                    Some(n) => {
                        left = n;
                        out.extend(self.score(name).map(|s| (s, name.len(), i)));
                    }
                    None => coarse.push((0, 0, i)),
                }
            }
            // Where all are scored exactly the classes do not count.
            if !few {
                out[from..].sort_by_key(|(score, len, i)| (std::cmp::Reverse(*score), *len, *i));
            }
        }
        if few {
            out.sort_by_key(|(score, len, i)| (std::cmp::Reverse(*score), *len, *i));
        }
        out.extend(coarse);
        out.into_iter().map(|(score, _, i)| (score, i)).collect()
    }
}

/// Indexes of the names that match the pattern, best first; all of them in their order for an empty pattern.
pub fn rank<'a>(pattern: &str, names: impl Iterator<Item = &'a str> + Clone) -> Vec<usize> {
    Fuzzy::new(pattern).rank(names)
}

/// 0 the name itself, 1 its beginning, 2 the beginning of a word in it, 3 anywhere together, 4 letter after letter.
fn class(word: &[u8], name: &[u8], sensitive: bool) -> Option<usize> {
    let last = name.len().checked_sub(word.len())?;
    let alike = |a: &[u8], b: &[u8]| if sensitive { a == b } else { a.eq_ignore_ascii_case(b) };
    if alike(&name[..word.len()], word) {
        return Some(usize::from(last > 0));
    }
    let first = [word[0], if sensitive { word[0] } else { word[0].to_ascii_uppercase() }];
    let mut best = None;
    for at in 1..=last {
        if first.contains(&name[at]) && alike(&name[at..at + word.len()], word) {
            if !name[at - 1].is_ascii_alphanumeric() {
                return Some(2);
            }
            best = Some(3);
        }
    }
    best.or_else(|| {
        let mut rest = name.iter();
        let each = |w: &u8| rest.any(|b| if sensitive { w == b } else { *w == b.to_ascii_lowercase() });
        word.iter().all(each).then_some(4)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_follow_how_near_a_name_is() {
        let c = |w: &str, n: &str| class(w.as_bytes(), n.as_bytes(), false);
        assert_eq!(c("orders", "ORDERS"), Some(0));
        assert_eq!(c("ord", "orders"), Some(1));
        assert_eq!(c("ord", "old_orders"), Some(2));
        assert_eq!(c("rde", "orders"), Some(3));
        assert_eq!(c("ods", "orders"), Some(4));
        assert_eq!(c("orders", "order"), None);
        assert_eq!(class(b"Ord", b"orders", true), None);
    }

    #[test]
    fn a_long_list_gives_the_same_names_as_exact_scores_and_the_nearest_first() {
        let names: Vec<String> = (0..10_000)
            .map(|i| match i % 5 {
                0 => format!("customer_{i}"),
                1 => format!("Order_line_{i}"),
                2 => format!("old_order_{i}"),
                3 => format!("größe_der_order_{i}"),
                _ => format!("o_r_d_e_r_{i}"),
            })
            .chain(["order".to_string()])
            .collect();
        for pattern in ["order", "ord", "Order", "old 77", "o 9999", "^old", "größe", "grosse", "zz", "line$ order", "!order"] {
            let mut found = rank(pattern, names.iter().map(String::as_str));
            let best = found.first().copied();
            found.sort_unstable();
            let mut exact = Fuzzy::new(pattern);
            let expected: Vec<usize> = (0..names.len()).filter(|i| exact.score(&names[*i]).is_some()).collect();
            assert_eq!(found, expected, "{pattern}");
            if matches!(pattern, "order" | "ord") {
                assert_eq!(best, Some(10_000), "the shortest of the nearest");
            }
        }
        assert_eq!(rank("", names.iter().map(String::as_str)).len(), names.len());
    }
}
