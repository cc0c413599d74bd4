//! JSON as lines of a tree that folds. Values are pieces of the text itself: numbers keep all their digits, keys their order, and a key
//! that comes twice comes twice.

use std::ops::Range;

/// Deeper nesting is no tree that one reads.
const DEEPEST: usize = 256;

/// One line of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub depth: usize,
    /// With its quotes.
    pub key: Option<Range<usize>>,
    /// The whole value.
    pub value: Range<usize>,
    /// `None` for plain values.
    pub children: Option<Children>,
    pub open: bool,
    /// The line after its last descendant.
    pub end: usize,
}

/// What a node holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Children {
    pub object: bool,
    pub count: usize,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    pub nodes: Vec<Node>,
    /// Lines that are to be seen.
    pub visible: Vec<u32>,
}

impl Tree {
    /// Reads an object or an array; `None` for anything else.
    pub fn parse(text: &str) -> Option<Tree> {
        let mut p = Parser { bytes: text.as_bytes(), at: 0, nodes: Vec::new() };
        p.blanks();
        if !matches!(p.peek(), Some(b'{' | b'[')) {
            return None;
        }
        p.value(None, 0)?;
        p.blanks();
        if p.at < p.bytes.len() {
            return None;
        }
        let mut tree = Tree { nodes: p.nodes, visible: Vec::new() };
        tree.show();
        Some(tree)
    }

    /// Finds the lines that are to be seen.
    fn show(&mut self) {
        self.visible.clear();
        let mut at = 0;
        while let Some(n) = self.nodes.get(at) {
            self.visible.push(at as u32);
            at = if n.open || n.children.is_none() { at + 1 } else { n.end };
        }
    }

    /// Opens or closes the node of a visible line; false when it has nothing to fold.
    pub fn fold(&mut self, line: usize, open: bool) -> bool {
        let node = self.visible.get(line).and_then(|i| self.nodes.get_mut(*i as usize));
        let Some(n) = node.filter(|n| n.children.is_some_and(|c| c.count > 0) && n.open != open) else { return false };
        n.open = open;
        self.show();
        true
    }

    /// The visible line of the node that holds this one.
    pub fn parent(&self, line: usize) -> Option<usize> {
        let depth = self.node(line)?.depth;
        (0..line).rev().find(|l| self.node(*l).is_some_and(|n| n.depth < depth))
    }

    /// The node of a visible line.
    pub fn node(&self, line: usize) -> Option<&Node> {
        self.nodes.get(*self.visible.get(line)? as usize)
    }
}

/// By JSON's grammar alone: how large a number may be is no question of its text.
fn is_number(word: &[u8]) -> bool {
    let digits = |s: &[u8]| s.iter().take_while(|b| b.is_ascii_digit()).count();
    let rest = word.strip_prefix(b"-").unwrap_or(word);
    let whole = digits(rest);
    if whole == 0 || whole > 1 && rest[0] == b'0' {
        return false;
    }
    let mut rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let n = digits(fraction);
        if n == 0 {
            return false;
        }
        rest = &fraction[n..];
    }
    if let Some(exponent) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) {
        let exponent = exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
        let n = digits(exponent);
        return n > 0 && n == exponent.len();
    }
    rest.is_empty()
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }
    fn eat(&mut self, b: u8) -> Option<()> {
        self.blanks();
        (self.peek() == Some(b)).then(|| self.at += 1)
    }

    fn value(&mut self, key: Option<Range<usize>>, depth: usize) -> Option<()> {
        self.blanks();
        let (start, line) = (self.at, self.nodes.len());
        self.nodes.push(Node { depth, key, value: start..start, children: None, open: true, end: line + 1 });
        match self.peek()? {
            open @ (b'{' | b'[') if depth < DEEPEST => {
                let object = open == b'{';
                let close = if object { b'}' } else { b']' };
                self.at += 1;
                let mut count = 0;
                if self.eat(close).is_none() {
                    loop {
                        let key = if object {
                            self.blanks();
                            let key = self.string()?;
                            self.eat(b':')?;
                            Some(key)
                        } else {
                            None
                        };
                        self.value(key, depth + 1)?;
                        count += 1;
                        if self.eat(close).is_some() {
                            break;
                        }
                        self.eat(b',')?;
                    }
                }
                self.nodes[line].children = Some(Children { object, count });
            }
            b'"' => {
                self.string()?;
            }
            _ => {
                let rest = &self.bytes[self.at..];
                let len = rest.iter().position(|b| !(b.is_ascii_alphanumeric() || b"+-.".contains(b))).unwrap_or(rest.len());
                let word = &rest[..len];
                if !is_number(word) && !matches!(word, b"true" | b"false" | b"null") {
                    return None;
                }
                self.at += len;
            }
        }
        self.nodes[line].value = start..self.at;
        self.nodes[line].end = self.nodes.len();
        Some(())
    }

    fn string(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        if self.peek()? != b'"' {
            return None;
        }
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(start..self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, tree: &Tree) -> Vec<String> {
        tree.visible
            .iter()
            .map(|i| {
                let n = &tree.nodes[*i as usize];
                format!(
                    "{}{}{}",
                    " ".repeat(n.depth),
                    n.key.clone().map_or("", |k| &text[k]),
                    if n.children.is_some() { "…" } else { &text[n.value.clone()] }
                )
            })
            .collect()
    }

    #[test]
    fn a_tree_folds_and_keeps_the_text_exactly() {
        let text = r#" {"a": [1, 12345678901234567890.10, {"x": null}], "b": {}, "b": "q\"]", "é": -1e5} "#;
        let mut t = Tree::parse(text).unwrap();
        let all = ["…", " \"a\"…", "  1", "  12345678901234567890.10", "  …", "   \"x\"null", " \"b\"…", " \"b\"\"q\\\"]\"", " \"é\"-1e5"];
        assert_eq!(lines(text, &t), all);
        assert!(t.fold(1, false) && !t.fold(1, false));
        assert_eq!(lines(text, &t), ["…", " \"a\"…", " \"b\"…", " \"b\"\"q\\\"]\"", " \"é\"-1e5"]);
        assert!(!t.fold(2, false), "nothing is in it");
        assert!(t.fold(1, true));
        assert_eq!(lines(text, &t), all);
        assert_eq!((t.parent(5), t.parent(4), t.parent(0)), (Some(4), Some(1), None));
    }

    #[test]
    fn what_other_programs_cannot_hold_is_a_tree_all_the_same() {
        let text = r#"{"a": 1, "a": 2, "big": 1e400, "lone": "\ud83d", "small": -0.5E-999}"#;
        let t = Tree::parse(text).unwrap();
        assert_eq!(lines(text, &t), ["…", " \"a\"1", " \"a\"2", " \"big\"1e400", " \"lone\"\"\\ud83d\"", " \"small\"-0.5E-999"]);
        for wrong in ["[-]", "[1.]", "[.5]", "[1e]", "[1e+]", "[+1]", "[1.5.2]", "[0x1]", "[00]", "[1e5x]"] {
            assert!(Tree::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_json_is_no_tree() {
        let deep = "[".repeat(100_000);
        for wrong in ["", "1", "\"a\"", "{", "[1,]", "{\"a\"}", "{a:1}", "[1] x", "[nul]", "[\"a", "[01]", "[1 2]", "{\"a\":1,}", &deep] {
            assert!(Tree::parse(wrong).is_none(), "{}", &wrong[..wrong.len().min(20)]);
        }
    }

    proptest::proptest! {
        #[test]
        fn it_accepts_what_serde_writes_and_never_panics(s in "[\\[\\]{}:,\"\\\\a1 .e-]{0,60}", keys in proptest::collection::btree_map(".*", ".*", 0..5)) {
            let _ = Tree::parse(&s);
            let text = serde_json::to_string(&keys).unwrap();
            proptest::prop_assert_eq!(Tree::parse(&text).map(|t| t.visible.len()), Some(keys.len() + 1));
        }
    }
}
