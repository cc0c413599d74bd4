//! Themes: named styles as plain data. What draws with them is in `ui`.
//!
//! A theme file inherits another (`dark` unless it says otherwise) key by key, its palette too. Built-in ones are in
//! `themes/`; the user's in `$XDG_CONFIG_HOME/holdpoint/themes/`, where a file of a built-in name takes its place.

use super::surroundings::Surroundings;
use super::toml_file::{self, At, Entry, Item, Node, Problems, Section, Tree, list, nearest, shown, unknown};
use crate::model::{Error, Result, Severity};
use std::collections::BTreeMap;
use std::path::PathBuf;

mod colour;

pub use colour::{Colour, ColourDepth};

/// The built-in themes by name.
pub const BUILT_IN: [(&str, &str); 4] = [
    ("dark", include_str!("../../themes/dark.toml")),
    ("light", include_str!("../../themes/light.toml")),
    ("high-contrast", include_str!("../../themes/high-contrast.toml")),
    ("mono", include_str!("../../themes/mono.toml")),
];

/// How a piece of text looks. A colour that is `None` stays what it is below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    pub fg: Option<Colour>,
    pub bg: Option<Colour>,
    pub bold: bool,
    pub dim: bool,
    pub italic: bool,
    pub underline: bool,
    pub reverse: bool,
}

/// Kinds of SQL tokens that look different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SqlStyles {
    pub keyword: Style,
    pub string: Style,
    pub number: Style,
    pub comment: Style,
    pub identifier: Style,
    pub operator: Style,
    pub parameter: Style,
}

/// All styles.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Theme {
    pub name: String,
    pub text: Style,
    pub dim: Style,
    /// Border and title of the focused pane.
    pub accent: Style,
    pub border: Style,
    pub title: Style,
    /// First and last line.
    pub status: Style,
    pub key_hint: Style,
    pub selection: Style,
    pub cursor_line: Style,
    /// Letters that a filter found.
    pub matched: Style,
    pub null: Style,
    /// What stands for a character that cannot be shown.
    pub escape: Style,
    pub error_mark: Style,
    pub statement_mark: Style,
    /// From cold to hot.
    pub heat: [Style; 5],
    pub development: Style,
    pub qa: Style,
    pub production: Style,
    pub other: Style,
    pub ok: Style,
    pub info: Style,
    pub warning: Style,
    pub critical: Style,
    pub unknown: Style,
    pub sql: SqlStyles,
    pub diff_add: Style,
    pub diff_remove: Style,
}

impl Theme {
    /// Loads a theme for a terminal. Where no colour may be used it is `mono`, whatever was asked for.
    pub fn load(name: &str, depth: ColourDepth, around: &Surroundings) -> Result<Theme> {
        Self::load_from(name, depth, Some(&around.config_dir.join("themes")))
    }

    /// A built-in theme, without looking at any file.
    pub fn built_in(name: &str, depth: ColourDepth) -> Result<Theme> {
        Self::load_from(name, depth, None)
    }

    fn load_from(name: &str, depth: ColourDepth, dir: Option<&PathBuf>) -> Result<Theme> {
        let name = if depth == ColourDepth::None { "mono" } else { name };
        let mut layers = Vec::new();
        let mut next = Some((name.to_owned(), None));
        let mut seen: Vec<String> = Vec::new();
        while let Some((current, at)) = next {
            let times = seen.iter().filter(|s| **s == current).count();
            // A file may inherit the built-in theme whose name it bears.
            if times > usize::from(built_in_name(&current)) {
                let message = format!("theme `{}` inherits itself", crate::text::clean(&current));
                return Err(at.map_or_else(|| Error::usage(&message), |at: At| at.error(&message)));
            }
            let (file, tree) = open(&current, if times == 0 { dir } else { None }, at.as_ref())?;
            next = inherits(&tree, &current, file)?;
            seen.push(current);
            layers.push(tree);
        }
        let mut layers = layers.into_iter().rev();
        let Some(mut tree) = layers.next() else { return Err(Error::usage("the theme is empty")) };
        layers.for_each(|l| tree.merge_sections(l, &["environment", "severity", "sql", "diff", "palette"]));
        let problems = Problems::default();
        let theme = read(name, &tree, depth, &problems);
        problems.first()?;
        Ok(theme)
    }

    /// Names that [`Theme::load`] knows: built-in ones and the user's files.
    pub fn names(around: &Surroundings) -> Vec<String> {
        names(Some(&around.config_dir.join("themes")))
    }

    /// The style of an environment. `production` is what the configuration says of it ([`super::Config::is_production`]).
    pub fn environment(&self, name: Option<&str>, production: bool) -> Style {
        match name {
            _ if production => self.production,
            Some("development") => self.development,
            Some("qa") => self.qa,
            _ => self.other,
        }
    }

    pub fn severity(&self, severity: Severity) -> Style {
        match severity {
            Severity::Ok => self.ok,
            Severity::Info => self.info,
            Severity::Warning => self.warning,
            Severity::Critical => self.critical,
            Severity::Unknown => self.unknown,
        }
    }

    /// The style for a share of the whole, 0 to 1.
    pub fn heat(&self, share: f64) -> Style {
        // Steps are where a reader's eye should stop: a tenth, a quarter, half of the time.
        let step = [0.02, 0.1, 0.25, 0.5].iter().filter(|limit| share >= **limit).count();
        self.heat[step]
    }
}

fn built_in_name(name: &str) -> bool {
    BUILT_IN.iter().any(|(n, _)| *n == name)
}

fn names(dir: Option<&PathBuf>) -> Vec<String> {
    let mut names: Vec<String> = BUILT_IN.iter().map(|(n, _)| (*n).to_owned()).collect();
    let files = dir.and_then(|d| std::fs::read_dir(d).ok()).into_iter().flatten().flatten();
    let mut own: Vec<String> =
        files.filter_map(|f| f.file_name().to_str().and_then(|n| n.strip_suffix(".toml")).map(str::to_owned)).collect();
    own.sort();
    own.retain(|n| !names.contains(n));
    names.extend(own);
    names
}

/// The file of a name, or the built-in theme; true when it is a file.
fn open(name: &str, dir: Option<&PathBuf>, at: Option<&At>) -> Result<(bool, Tree)> {
    let plain = !name.is_empty() && !name.contains(['/', '\\']) && !name.starts_with('.');
    if let Some(path) = dir.map(|d| d.join(format!("{name}.toml"))).filter(|p| plain && p.is_file()) {
        return Ok((true, Tree::parse(&shown(&path), &toml_file::read(&path)?, Some(&path))?));
    }
    if let Some((_, text)) = BUILT_IN.iter().find(|(n, _)| *n == name) {
        return Ok((false, Tree::parse(&format!("themes/{name}.toml"), text, None)?));
    }
    let names = names(dir);
    let valid: Vec<&str> = names.iter().map(String::as_str).collect();
    let message = unknown("theme", name, "", &valid);
    let e = at.map_or_else(|| Error::usage(&message), |at| at.error(&message));
    Err(match (nearest(name, valid.iter().copied()), dir) {
        (Some(_), _) => e.hint(format!("Themes: {}.", list(&valid))),
        (None, Some(dir)) => e.hint(format!("Your own themes are files in {}.", shown(dir))),
        (None, None) => e,
    })
}

/// What the theme inherits, with the place that says so.
fn inherits(tree: &Tree, name: &str, file: bool) -> Result<Option<(String, Option<At>)>> {
    let problems = Problems::default();
    let parent = tree.section(&problems).text("inherits").map(|(text, at)| (text.to_owned(), Some(at.clone())));
    problems.first()?;
    Ok(parent.or_else(|| (file || name != "dark").then(|| ("dark".to_owned(), None))))
}

/// A palette's colour: its value, and its twin for 16 colours.
type Palette<'a> = BTreeMap<&'a str, (Colour, Option<Colour>)>;

fn palette<'a>(top: &Section<'a>) -> Palette<'a> {
    let mut out = Palette::new();
    let Some(s) = top.table("palette") else { return out };
    for e in s.entries() {
        let value = match &e.item.node {
            Node::Array(pair) if pair.len() == 2 => plain(&pair[0]).and_then(|c| plain(&pair[1]).map(|twin| (c, Some(twin)))),
            Node::Array(_) => Err((e.item.at.clone(), "a pair is [colour, twin for 16 colours]".to_owned())),
            _ => plain(&e.item).map(|c| (c, None)),
        };
        match value {
            Ok((_, Some(Colour::Rgb(..) | Colour::Indexed(_)))) => {
                s.problems().add(&e.item.at, "the twin must be one of the 16 terminal colours, or \"default\"");
            }
            Ok(pair) => {
                out.insert(&e.key, pair);
            }
            Err((at, message)) => s.problems().add(&at, message),
        }
    }
    out
}

/// A colour that is no palette's name.
fn plain(item: &Item) -> std::result::Result<Colour, (At, String)> {
    let wrong = |message: String| (item.at.clone(), message);
    match &item.node {
        Node::Text(text) => Colour::parse(text).map_err(wrong),
        Node::Integer(n) => u8::try_from(*n).map(Colour::numbered).map_err(|_| wrong("a colour's number is from 0 to 255".into())),
        other => Err(wrong(format!("a colour must be a string or a number, not {}", other.kind()))),
    }
}

/// Reads styles for one depth.
struct Reader<'a> {
    palette: Palette<'a>,
    depth: ColourDepth,
    problems: &'a Problems,
}

impl<'a> Reader<'a> {
    fn colour(&self, item: &Item) -> Option<Colour> {
        let named = match &item.node {
            Node::Text(name) => self.palette.get(name.as_str()),
            _ => None,
        };
        let (colour, twin) = match named {
            Some(pair) => *pair,
            None => match plain(item) {
                Ok(colour) => (colour, None),
                Err((at, message)) => {
                    let near = match &item.node {
                        Node::Text(name) => nearest(name, self.palette.keys().copied()),
                        _ => None,
                    };
                    let message = near.map_or(message, |n| format!("unknown colour; did you mean `{n}` of [palette]?"));
                    self.problems.add(&at, message);
                    return None;
                }
            },
        };
        match (self.depth, twin) {
            (ColourDepth::Ansi16, Some(twin)) => Some(twin),
            (depth, _) => colour.at(depth),
        }
    }

    fn style(&self, s: &Section<'a>, key: &'static str) -> Style {
        s.item(key).map_or_else(Style::default, |item| self.item(item))
    }

    fn item(&self, item: &Item) -> Style {
        let Node::Table(entries) = &item.node else {
            return Style { fg: self.colour(item), ..Style::default() };
        };
        self.fields(entries)
    }

    fn fields(&self, fields: &[Entry]) -> Style {
        let mut style = Style::default();
        let mut ansi = None;
        for Entry { key, key_at, item } in fields {
            match key.as_str() {
                "fg" => style.fg = self.colour(item),
                "bg" => style.bg = self.colour(item),
                "modifiers" => self.modifiers(&mut style, item),
                "ansi" => match &item.node {
                    Node::Table(inner) if !inner.iter().any(|e| e.key == "ansi") => {
                        ansi = Some(self.fields(inner));
                    }
                    _ => self.problems.add(&item.at, "`ansi` must be a table with fg, bg and modifiers"),
                },
                other => self.problems.add(key_at, unknown("key", other, "a style", &["fg", "bg", "modifiers", "ansi"])),
            }
        }
        ansi.filter(|_| self.depth == ColourDepth::Ansi16).unwrap_or(style)
    }

    fn modifiers(&self, style: &mut Style, item: &Item) {
        const WORDS: [&str; 5] = ["bold", "dim", "italic", "underline", "reverse"];
        let Node::Array(words) = &item.node else {
            return self.problems.add(&item.at, format!("`modifiers` must be an array of strings, not {}", item.node.kind()));
        };
        for w in words {
            match &w.node {
                Node::Text(t) => match t.as_str() {
                    "bold" => style.bold = true,
                    "dim" => style.dim = true,
                    "italic" => style.italic = true,
                    "underline" => style.underline = true,
                    "reverse" => style.reverse = true,
                    other => self.problems.add(&w.at, unknown("modifier", other, "", &WORDS)),
                },
                other => self.problems.add(&w.at, format!("a modifier must be a string, not {}", other.kind())),
            }
        }
    }
}

fn read(name: &str, tree: &Tree, depth: ColourDepth, problems: &Problems) -> Theme {
    let top = tree.section(problems);
    let _ = top.text("inherits");
    let r = Reader { palette: palette(&top), depth, problems };
    let mut t = Theme {
        name: name.to_owned(),
        text: r.style(&top, "text"),
        dim: r.style(&top, "dim"),
        accent: r.style(&top, "accent"),
        border: r.style(&top, "border"),
        title: r.style(&top, "title"),
        status: r.style(&top, "status"),
        key_hint: r.style(&top, "key-hint"),
        selection: r.style(&top, "selection"),
        cursor_line: r.style(&top, "cursor-line"),
        matched: r.style(&top, "match"),
        null: r.style(&top, "null"),
        escape: r.style(&top, "escape"),
        error_mark: r.style(&top, "error-mark"),
        statement_mark: r.style(&top, "statement-mark"),
        ..Theme::default()
    };
    if let Some(item) = top.item("heat") {
        match &item.node {
            Node::Array(steps) if steps.len() == t.heat.len() => {
                for (step, item) in t.heat.iter_mut().zip(steps) {
                    *step = r.item(item);
                }
            }
            _ => problems.add(&item.at, "`heat` must be an array of five styles, from cold to hot"),
        }
    }
    let group = |name: &'static str, styles: &mut [(&'static str, &mut Style)]| {
        if let Some(s) = top.table(name) {
            for (key, style) in styles {
                **style = r.style(&s, key);
            }
            s.finish();
        }
    };
    group(
        "environment",
        &mut [("development", &mut t.development), ("qa", &mut t.qa), ("production", &mut t.production), ("other", &mut t.other)],
    );
    group(
        "severity",
        &mut [
            ("ok", &mut t.ok),
            ("info", &mut t.info),
            ("warning", &mut t.warning),
            ("critical", &mut t.critical),
            ("unknown", &mut t.unknown),
        ],
    );
    group(
        "sql",
        &mut [
            ("keyword", &mut t.sql.keyword),
            ("string", &mut t.sql.string),
            ("number", &mut t.sql.number),
            ("comment", &mut t.sql.comment),
            ("identifier", &mut t.sql.identifier),
            ("operator", &mut t.sql.operator),
            ("parameter", &mut t.sql.parameter),
        ],
    );
    group("diff", &mut [("add", &mut t.diff_add), ("remove", &mut t.diff_remove)]);
    top.finish();
    t
}

#[cfg(test)]
mod tests;
