//! Collecting proposals, and putting the best ones first.

use super::scope::{Scope, Source};
use super::{Proposal, ProposalKind, Reach, kind_of};
use super::{keywords, more};
use crate::model::names::{Names, Relation};
use crate::model::{Dialect, NodeKind};
use crate::sql::functions::harmless;
use crate::sql::reserved::{ident, plain};
use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use std::collections::HashMap;

/// Proposals that are given; nobody reads further.
pub const MOST: usize = 100;

/// Functions that are called so often that they need no use before: `co` means `count` more often than `cos`.
const EVERYDAY: &[&str] = &[
    "count",
    "sum",
    "max",
    "min",
    "avg",
    "coalesce",
    "now",
    "lower",
    "upper",
    "length",
    "round",
    "concat",
    "substr",
    "substring",
    "replace",
    "date",
    "date_trunc",
    "date_format",
    "string_agg",
    "group_concat",
    "to_char",
    "extract",
    "row_number",
    "generate_series",
    "nullif",
];

/// Proposals as they are found, with their weight.
pub struct Collecting<'a> {
    pub dialect: Dialect,
    pub names: &'a Names,
    pub prefix: &'a str,
    /// A name in quotes is typed.
    pub quoted: bool,
    pub found: Vec<(i64, Proposal)>,
}

impl Collecting<'_> {
    /// Adds what is matched by `by`.
    pub fn push(&mut self, kind: ProposalKind, insert: String, detail: String, by: &str, weight: i64) {
        if let Some(weight) = self.weigh(by, weight) {
            self.found.push((weight, Proposal { kind, insert, detail }));
        }
    }
    /// What a name weighs when it fits what is typed: as it fits, as it is used, and as its place has it.
    fn weigh(&self, name: &str, weight: i64) -> Option<i64> {
        let fit = fit(self.prefix, name)?;
        let used = match name.bytes().any(|b| b.is_ascii_uppercase() || !b.is_ascii()) {
            true => self.names.used.get(&name.to_lowercase()),
            false => self.names.used.get(name),
        };
        // Once is chance: with nothing typed it must not take a column out of its table's order.
        let used = used.copied().filter(|u| !self.prefix.is_empty() || *u >= 3).unwrap_or(0);
        Some(fit + weight + i64::from(used.min(20)) * 10)
    }
    /// A name, quoted where it has to be.
    pub fn name(&mut self, kind: ProposalKind, name: &str, detail: String, weight: i64) {
        let insert = if self.quoted { self.dialect.quote_ident(name) } else { ident(self.dialect, name) };
        self.push(kind, insert, detail, name, weight);
    }
    /// The engine whose words are proposed.
    pub fn engine(&self) -> u8 {
        keywords::engine(self.dialect, self.names.mariadb)
    }
    /// Those of a list that the engine knows.
    pub fn words(&mut self, list: &'static [(&'static str, u8)]) {
        let list: Vec<&str> = keywords::of(self.engine(), list).collect();
        self.keywords(&list);
    }
    pub fn keywords(&mut self, list: &[&str]) {
        if !self.quoted {
            // In the order of the list, where nothing else tells them apart.
            for (k, behind) in list.iter().zip(0..) {
                self.push(ProposalKind::Keyword, (*k).to_string(), String::new(), k, 150 - behind);
            }
        }
    }
    /// What the engine knows of the keywords in or behind a clause.
    pub fn keywords_behind(&mut self, clause: &str) {
        let list: Vec<&str> = keywords::after(clause).iter().copied().filter(|k| keywords::known(self.engine(), k)).collect();
        self.keywords(&list);
    }
    /// A table as it has to be named from here.
    pub fn table_text(&self, schema: &str, name: &str) -> String {
        let bare = ident(self.dialect, name);
        // A bare name means the first table along the path.
        let found = self.names.relation(None, name).is_some_and(|r| *r.schema == *schema && *r.name == *name);
        if found && (self.names.on_path(schema) || self.names.path.is_empty()) {
            bare
        } else {
            format!("{}.{bare}", ident(self.dialect, schema))
        }
    }
    /// Names of routines, as they are called.
    pub fn routines(&mut self, list: &[Box<str>], kind: ProposalKind, behind: &str) {
        if self.quoted {
            return;
        }
        for f in list {
            // One that the search path does not reach has its schema before it.
            if self.dialect == Dialect::Sqlite && more::BARE.contains(&&**f) {
                self.push(kind, f.to_string(), String::new(), f, 0);
            } else if f.split('.').all(|part| plain(self.dialect, part)) || harmless(self.dialect, f) {
                let bare = f.rsplit('.').next().unwrap_or(f);
                let weight = if EVERYDAY.contains(&&**f) { 130 } else { 0 };
                self.push(kind, format!("{f}{behind}"), String::new(), bare, weight);
            }
        }
    }
    pub fn functions(&mut self) {
        let names = self.names;
        self.routines(&names.functions, ProposalKind::Function, "(");
    }
    /// Functions that may stand in FROM.
    pub fn row_functions(&mut self) {
        let names = self.names;
        self.routines(&names.row_functions, ProposalKind::Function, "(");
    }
    /// The functions that the database itself defines: only they can be dropped.
    pub fn own_functions(&mut self) {
        let names = self.names;
        for (p, name) in names.places().filter(|(p, _)| p.kind == NodeKind::Function && &*p.group == "Functions") {
            let bare = name.split('(').next().unwrap_or(name);
            let qualified = format!("{}.{bare}", p.schema);
            if names.procedures.iter().any(|f| **f == *bare || **f == qualified) {
                continue;
            }
            let name = ident(self.dialect, bare);
            let insert = if names.on_path(&p.schema) { name } else { format!("{}.{name}", ident(self.dialect, &p.schema)) };
            self.push(ProposalKind::Function, insert, String::new(), bare, 0);
        }
    }
    /// Those of them that a trigger may execute: it gives them no arguments.
    pub fn trigger_functions(&mut self) {
        let names = self.names;
        for (p, name) in names.places().filter(|(p, name)| p.kind == NodeKind::Function && name.ends_with("()")) {
            let bare = name.trim_end_matches("()");
            let qualified = format!("{}.{bare}", p.schema);
            if names.procedures.iter().any(|f| **f == *bare || **f == qualified) {
                continue;
            }
            let name = ident(self.dialect, bare);
            let insert = if names.on_path(&p.schema) { name } else { format!("{}.{name}", ident(self.dialect, &p.schema)) };
            self.push(ProposalKind::Function, format!("{insert}()"), String::new(), bare, 0);
        }
    }
    /// What hangs on a relation, by its bare name; or only what stands under one heading.
    pub fn hanging(&mut self, kind: NodeKind, under: Option<&str>, on: &Relation) {
        let names = self.names;
        let of = |(p, _): &(&crate::model::names::Place, &str)| {
            p.kind == kind
                && under.is_none_or(|u| u == &*p.group)
                && p.schema == on.schema
                && p.relation.as_ref().is_some_and(|(_, name)| *name == on.name)
        };
        for (_, name) in names.places().filter(of) {
            self.name(proposal_kind(kind), name, String::new(), 300);
        }
    }
    /// Objects of one kind that are neither tables nor routines, or those under one heading alone.
    pub fn placed(&mut self, wanted: NodeKind, under: Option<&str>) {
        let names = self.names;
        let kind = proposal_kind(wanted);
        for (p, name) in names.places() {
            if p.kind != wanted || under.is_some_and(|u| u != &*p.group) {
                continue;
            }
            if fit(self.prefix, name).is_none() {
                continue;
            }
            let bare = if self.quoted { self.dialect.quote_ident(name) } else { ident(self.dialect, name) };
            // A trigger's name takes no schema on PostgreSQL; the table behind it has one.
            let reached =
                names.on_path(&p.schema) || names.path.is_empty() || wanted == NodeKind::Trigger && self.dialect == Dialect::Postgres;
            let insert = if reached { bare } else { format!("{}.{bare}", ident(self.dialect, &p.schema)) };
            let on = p.relation.as_ref().map_or_else(String::new, |(_, table)| table.to_string());
            self.push(kind, insert, on, name, 100);
        }
    }
    /// Tables and views, or those of these kinds alone.
    pub fn relations(&mut self, scope: &Scope, kinds: Option<&[NodeKind]>) {
        for c in &scope.ctes {
            self.name(ProposalKind::Query, c, "with".into(), 350);
        }
        let names = self.names;
        let place: HashMap<&str, usize> = names.path.iter().enumerate().map(|(i, s)| (s.as_str(), i)).collect();
        let rank = |r: &Relation| place.get(&*r.schema).copied().unwrap_or(usize::MAX);
        // A bare name means the first table along the path.
        let mut first: HashMap<&str, usize> = HashMap::new();
        // Of 50,000 tables that fit one letter, only those become proposals that can be among the best.
        let mut fitting: Vec<(i64, usize, &Relation)> = Vec::new();
        for r in names.relations.iter().filter(|r| kinds.is_none_or(|k| k.contains(&r.kind) && !r.system)) {
            let weight = match (r.system, place.contains_key(&*r.schema)) {
                (true, _) => -400,
                (false, true) => 300,
                (false, false) => 100,
            };
            if let Some(weight) = self.weigh(&r.name, weight) {
                fitting.push((weight, fitting.len(), r));
            }
        }
        for (_, _, r) in &fitting {
            let best = first.entry(&r.name).or_insert(usize::MAX);
            *best = rank(r).min(*best);
        }
        let typed = !self.prefix.is_empty();
        if fitting.len() > 2 * MOST {
            fitting.select_nth_unstable_by(2 * MOST, |a, b| {
                let shorter = || a.2.name.len().cmp(&b.2.name.len()).then_with(|| a.2.name.cmp(&b.2.name));
                b.0.cmp(&a.0).then_with(|| if typed { shorter() } else { std::cmp::Ordering::Equal }).then(a.1.cmp(&b.1))
            });
            fitting.truncate(2 * MOST);
            fitting.sort_unstable_by_key(|(_, place, _)| *place);
        }
        for (weight, _, r) in fitting {
            let bare = if self.quoted { self.dialect.quote_ident(&r.name) } else { ident(self.dialect, &r.name) };
            let reached = names.path.is_empty() || place.contains_key(&*r.schema) && first.get(&*r.name) == Some(&rank(r));
            let insert = if reached { bare } else { format!("{}.{bare}", ident(self.dialect, &r.schema)) };
            // What a bare name finds needs no schema beside it.
            let detail = if reached { String::new() } else { r.schema.to_string() };
            self.found.push((weight, Proposal { kind: kind_of(r), insert, detail }));
        }
        for s in &names.schemas {
            self.name(ProposalKind::Schema, s, String::new(), if names.on_path(s) { 50 } else { 120 });
        }
    }
    pub fn columns(&mut self, s: &Source, qualify: bool, less: i64) {
        for (name, type_name) in &s.columns {
            let mut insert = if self.quoted { self.dialect.quote_ident(name) } else { ident(self.dialect, name) };
            if qualify && !s.alias.is_empty() && !self.quoted {
                insert = format!("{}.{insert}", ident(self.dialect, &s.alias));
            }
            let detail = if s.alias.is_empty() { type_name.clone() } else { format!("{type_name} · {}", s.alias) };
            self.push(ProposalKind::Column, insert, detail, name, 500 - less);
        }
    }
    /// The columns that a statement lists of its own table: in the table's order while nothing of one is typed.
    pub fn own_columns(&mut self, s: &Source) {
        let from = self.found.len();
        self.columns(s, false, 0);
        if self.prefix.is_empty() {
            for (weight, _) in &mut self.found[from..] {
                *weight = 500;
            }
        }
    }
    pub fn expression(&mut self, scope: &Scope, reach: Reach) {
        let reaches = |s: &&Source| match reach {
            Reach::All => true,
            Reach::Read => !s.target,
            Reach::Written => s.target,
        };
        let sources: Vec<&Source> = scope.sources.iter().filter(reaches).collect();
        for (level, list) in [sources, scope.outer.iter().collect()].into_iter().enumerate() {
            for s in &list {
                let twice = |name: &str| list.iter().filter(|o| o.columns.iter().any(|c| c.0.eq_ignore_ascii_case(name))).count() > 1;
                let (doubled, single): (Vec<_>, Vec<_>) = s.columns.iter().cloned().partition(|c| twice(&c.0));
                let less = level as i64 * 100;
                self.columns(&Source { columns: single, ..(*s).clone() }, level > 0, less);
                self.columns(&Source { columns: doubled, ..(*s).clone() }, true, less);
                if !s.alias.is_empty() {
                    self.name(ProposalKind::Alias, &s.alias, s.name.join("."), 250 - less);
                }
            }
        }
        self.functions();
    }
    /// The best ones in order, each once; keywords in capitals or not, those inside of proposals as the statement's.
    pub fn rank(mut self, upper: bool, upper_around: bool) -> Vec<Proposal> {
        // What weighs the same stands shortest first; with nothing typed, as the catalogue has it: columns in their table's order.
        let typed = !self.prefix.is_empty();
        let shorter = |a: &Proposal, b: &Proposal| a.insert.len().cmp(&b.insert.len()).then_with(|| a.insert.cmp(&b.insert));
        self.found.sort_by(|a, b| {
            let tie = || if typed { shorter(&a.1, &b.1) } else { std::cmp::Ordering::Equal };
            b.0.cmp(&a.0).then_with(tie)
        });
        let mut out: Vec<Proposal> = Vec::new();
        for (_, mut p) in self.found {
            if p.kind == ProposalKind::Keyword {
                p.insert = if upper { p.insert.to_uppercase() } else { p.insert.to_lowercase() };
            } else if p.kind == ProposalKind::Join && !upper_around {
                p.insert = p.insert.replace(" ON ", " on ").replace(" AND ", " and ");
            }
            let same = |o: &Proposal| o.insert == p.insert;
            if out.iter().any(same) {
                continue;
            }
            out.push(p);
            if out.len() == MOST {
                break;
            }
        }
        // What is typed whole leads the others, so that taking the first changes nothing; alone it is no proposal.
        if out.len() == 1 && out[0].insert == self.prefix {
            out.clear();
        }
        out
    }
}

fn proposal_kind(kind: NodeKind) -> ProposalKind {
    match kind {
        NodeKind::Function => ProposalKind::Event,
        NodeKind::Index => ProposalKind::Index,
        NodeKind::Trigger => ProposalKind::Trigger,
        NodeKind::Sequence => ProposalKind::Sequence,
        NodeKind::Constraint => ProposalKind::Constraint,
        _ => ProposalKind::Type,
    }
}

/// How well a word fits what is typed: whole, from its start, from the start of a part, or by its letters in order.
fn fit(prefix: &str, word: &str) -> Option<i64> {
    if prefix.is_empty() {
        return Some(0);
    }
    let starts = |w: &str| w.get(..prefix.len()).is_some_and(|s| s.eq_ignore_ascii_case(prefix));
    if word.eq_ignore_ascii_case(prefix) {
        return Some(5000);
    }
    if starts(word) {
        return Some(4000 - (word.len().min(100) as i64));
    }
    if word.match_indices(['_', '.', ' ']).any(|(i, _)| starts(&word[i + 1..])) {
        return Some(3000 - (word.len().min(100) as i64));
    }
    // Most words do not fit, and the first letter tells at once.
    let first = prefix.chars().next()?.to_ascii_lowercase();
    if !word.chars().any(|c| c.to_ascii_lowercase() == first) {
        return None;
    }
    thread_local! {
        static FUZZY: std::cell::RefCell<Fuzzy> = std::cell::RefCell::new(Fuzzy::default());
    }
    let score = FUZZY.with_borrow_mut(|f| f.score(prefix, word))?;
    // Letters strewn over a long name are chance.
    (i64::from(score) >= prefix.chars().count() as i64 * 16).then_some(1000 + i64::from(score))
}

/// The matcher, and the pattern of what was typed last: thousands of words are held against the same one.
struct Fuzzy {
    matcher: Matcher,
    typed: String,
    pattern: Pattern,
    buffer: Vec<char>,
}

impl Default for Fuzzy {
    fn default() -> Self {
        let (typed, pattern, buffer) = (String::new(), Pattern::default(), Vec::new());
        Fuzzy { matcher: Matcher::new(Config::DEFAULT), typed, pattern, buffer }
    }
}

impl Fuzzy {
    fn score(&mut self, typed: &str, word: &str) -> Option<u32> {
        if self.typed != typed {
            self.typed = typed.to_string();
            self.pattern = Pattern::new(typed, CaseMatching::Ignore, Normalization::Smart, AtomKind::Fuzzy);
        }
        self.pattern.score(Utf32Str::new(word, &mut self.buffer), &mut self.matcher)
    }
}
