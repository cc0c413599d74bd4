//! Statements out of a grammar file, by a seed: expanded, then perhaps damaged the way that makes scanners disagree.

use holdpoint::model::Dialect;
use holdpoint::sql::{TokenKind, lex};
use std::collections::BTreeMap;

/// A small generator of numbers (splitmix64): the same seed gives the same statements on every machine.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// Below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// Depth from which on the first alternative is taken: each rule's first one is the plainest.
const DEEP: usize = 9;

pub struct Grammar {
    dialect: Dialect,
    rules: BTreeMap<String, Vec<(usize, Vec<String>)>>,
}

impl Grammar {
    /// Lines `name*weight = alternative`; `<name>` stands for a rule, `§` for a blank within a word.
    pub fn parse(dialect: Dialect, text: &str) -> Grammar {
        let mut rules: BTreeMap<String, Vec<(usize, Vec<String>)>> = BTreeMap::new();
        for line in text.lines().filter(|l| !l.starts_with('#') && !l.trim().is_empty()) {
            let (head, alternative) = line.split_once(" =").unwrap_or_else(|| panic!("no ` =` in {line}"));
            let (name, weight) = head.trim().split_once('*').unwrap_or((head.trim(), "1"));
            let parts = alternative.split_whitespace().map(str::to_string).collect();
            rules.entry(name.into()).or_default().push((weight.parse().expect("weight"), parts));
        }
        for part in rules.values().flatten().flat_map(|(_, parts)| parts) {
            if let Some(name) = rule_of(part) {
                assert!(rules.contains_key(name), "no rule is named {name}");
            }
        }
        Grammar { dialect, rules }
    }

    /// One statement.
    pub fn statement(&self, dice: &mut Dice) -> String {
        let mut words = Vec::new();
        self.expand("stmt", 0, dice, &mut words);
        let mut text = words.join(" ");
        if dice.one_in(3) {
            for _ in 0..=dice.below(2) {
                text = self.damage(&text, dice);
            }
        }
        text.replace('§', " ")
    }

    fn expand(&self, rule: &str, depth: usize, dice: &mut Dice, out: &mut Vec<String>) {
        let alternatives = &self.rules[rule];
        let mut at = 0;
        if depth < DEEP {
            let mut left = dice.below(alternatives.iter().map(|(w, _)| w).sum());
            while left >= alternatives[at].0 {
                left -= alternatives[at].0;
                at += 1;
            }
        }
        for part in &alternatives[at].1 {
            match rule_of(part) {
                Some(name) => self.expand(name, depth + 1, dice, out),
                None => out.push(part.clone()),
            }
        }
    }

    /// Deletes, doubles, swaps or joins tokens, changes their case, quotes a name, or puts something in between.
    fn damage(&self, text: &str, dice: &mut Dice) -> String {
        let mut parts: Vec<(TokenKind, String)> = lex(self.dialect, text).into_iter().map(|t| (t.kind, text[t.span].to_string())).collect();
        if parts.is_empty() {
            return text.into();
        }
        let at = dice.below(parts.len());
        match dice.below(9) {
            0 => drop(parts.remove(at)),
            1 => {
                let again = parts[at].clone();
                parts.insert(at, again);
            }
            2 => {
                let other = dice.below(parts.len());
                parts.swap(at, other);
            }
            3 => {
                // A blank out, so that two tokens touch.
                if let Some(blank) = (at..parts.len()).find(|&i| parts[i].0 == TokenKind::Whitespace) {
                    parts.remove(blank);
                }
            }
            4 => {
                let blanks =
                    ["/**/", "/* ' */", "--\n", "-- ' \n", "\t", "\n", "\u{c}", "\r\n", "/* /* */ */", "\u{a0}", " # x\n", "/*!*/"];
                if let Some(blank) = (at..parts.len()).find(|&i| parts[i].0 == TokenKind::Whitespace) {
                    parts[blank].1 = blanks[dice.below(blanks.len())].into();
                }
            }
            5 => parts[at].1 = parts[at].1.to_uppercase(),
            6 => {
                let quotes = [('"', '"'), ('`', '`'), ('[', ']'), ('\'', '\'')];
                let (open, close) = quotes[dice.below(quotes.len())];
                parts[at].1 = format!("{open}{}{close}", parts[at].1);
            }
            _ => {
                let mut words = Vec::new();
                self.expand("insert", 0, dice, &mut words);
                parts.insert(at, (TokenKind::Other, format!(" {} ", words.join(" "))));
            }
        }
        parts.into_iter().map(|(_, text)| text).collect()
    }
}

fn rule_of(part: &str) -> Option<&str> {
    part.strip_prefix('<')?.strip_suffix('>').filter(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_alphanumeric()))
}
