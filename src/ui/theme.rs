//! How things look: one style for each role, one set of glyphs. Everything stays readable without any colour.

use crate::app::State;
use crate::config::theme::{self, Colour, Theme};
use crate::model::Severity;
use ratatui::style::{Color, Modifier, Style};

/// The characters that are drawn; ASCII twins for terminals that have no others.
#[derive(Debug, Clone, Copy)]
pub struct Glyphs {
    pub ascii: bool,
    pub vertical: &'static str,
    pub rule: &'static str,
    /// The rule where the environment is production.
    pub heavy: &'static str,
    pub env_left: &'static str,
    pub env_right: &'static str,
    pub tab_left: &'static str,
    pub tab_right: &'static str,
    /// The cursor of a list; never what a node's own marks are.
    pub marker: &'static str,
    /// The same in a pane without the focus.
    pub marker_away: &'static str,
    pub open: &'static str,
    pub closed: &'static str,
    pub statement: &'static str,
    pub branch: &'static str,
    pub last: &'static str,
    pub pass: &'static str,
    pub bar: [&'static str; 8],
    pub proved: &'static str,
    pub signed: &'static str,
    pub waiting: &'static str,
    pub running: &'static str,
    pub held: &'static str,
    pub failed: &'static str,
    pub expired: &'static str,
    pub voided: &'static str,
    pub unknown: &'static str,
    pub lossy: &'static str,
    pub corners: [&'static str; 4],
    pub arrow: &'static str,
    pub dot: &'static str,
}

/// For terminals with Unicode.
const UNICODE: Glyphs = Glyphs {
    ascii: false,
    vertical: "│",
    rule: "─",
    heavy: "═",
    env_left: "▐",
    env_right: "▌",
    tab_left: "▏",
    tab_right: "▕",
    marker: "❯",
    marker_away: "›",
    open: "▾",
    closed: "▸",
    statement: "▎",
    branch: "├ ",
    last: "└ ",
    pass: "│ ",
    bar: ["▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"],
    proved: "✔",
    signed: "✎",
    waiting: "·",
    running: "▶",
    // The raised hand is two columns wide and drawn in colour by some terminals; this one is neither.
    held: "■",
    failed: "✖",
    expired: "◷",
    voided: "⊘",
    unknown: "?",
    lossy: "◐",
    corners: ["┌", "┐", "└", "┘"],
    arrow: "→",
    dot: "·",
};

/// For those without.
pub const ASCII: Glyphs = Glyphs {
    ascii: true,
    vertical: "|",
    rule: "-",
    heavy: "=",
    env_left: "[",
    env_right: "]",
    tab_left: "[",
    tab_right: "]",
    marker: ">",
    marker_away: ":",
    open: "-",
    closed: "+",
    statement: "|",
    branch: "|-",
    last: "`-",
    pass: "| ",
    bar: ["#", "#", "#", "#", "#", "#", "#", "#"],
    proved: "[x]",
    signed: "[s]",
    waiting: "[ ]",
    running: "[>]",
    held: "[#]",
    failed: "[!]",
    expired: "[e]",
    voided: "[v]",
    unknown: "[?]",
    lossy: "[~]",
    corners: ["+", "+", "+", "+"],
    arrow: "->",
    dot: "-",
};

/// Styles by role.
#[derive(Debug, Clone)]
pub struct Look {
    pub glyphs: Glyphs,
    pub text: Style,
    pub dim: Style,
    pub strong: Style,
    /// Title of the pane that has the focus.
    pub focus: Style,
    pub title: Style,
    pub border: Style,
    /// What the cursor is on.
    pub chosen: Style,
    /// The same in a pane without the focus.
    pub chosen_away: Style,
    pub key: Style,
    pub header: Style,
    pub null: Style,
    /// What stands for a character that cannot be shown.
    pub escape: Style,
    pub selection: Style,
    pub statement: Style,
    pub error: Style,
    pub production: Style,
    pub qa: Style,
    pub development: Style,
    pub other: Style,
    pub critical: Style,
    pub warning: Style,
    pub info: Style,
    pub ok: Style,
    pub unknown: Style,
    pub keyword: Style,
    pub string: Style,
    pub number: Style,
    pub comment: Style,
    pub identifier: Style,
    pub operator: Style,
    pub parameter: Style,
    pub heat: [Style; 5],
    pub add: Style,
    pub remove: Style,
}

fn colour(c: Colour) -> Color {
    const ANSI: [Color; 16] = [
        Color::Black,
        Color::Red,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::Cyan,
        Color::Gray,
        Color::DarkGray,
        Color::LightRed,
        Color::LightGreen,
        Color::LightYellow,
        Color::LightBlue,
        Color::LightMagenta,
        Color::LightCyan,
        Color::White,
    ];
    match c {
        Colour::Reset => Color::Reset,
        Colour::Ansi(n) => ANSI[usize::from(n & 15)],
        Colour::Indexed(n) => Color::Indexed(n),
        Colour::Rgb(r, g, b) => Color::Rgb(r, g, b),
    }
}

fn style(s: theme::Style) -> Style {
    let mut out = Style { fg: s.fg.map(colour), bg: s.bg.map(colour), ..Style::new() };
    for (on, flag) in [
        (s.bold, Modifier::BOLD),
        (s.dim, Modifier::DIM),
        (s.italic, Modifier::ITALIC),
        (s.underline, Modifier::UNDERLINED),
        (s.reverse, Modifier::REVERSED),
    ] {
        if on {
            out = out.add_modifier(flag);
        }
    }
    out
}

impl Look {
    /// A theme, with or without characters beyond ASCII.
    pub fn new(t: &Theme, ascii: bool) -> Self {
        let glyphs = if ascii { ASCII } else { UNICODE };
        let bold = Modifier::BOLD;
        Look {
            glyphs,
            text: style(t.text),
            dim: style(t.dim),
            strong: style(t.text).add_modifier(bold),
            focus: style(t.accent).add_modifier(bold),
            title: style(t.title),
            border: style(t.border),
            chosen: style(t.selection),
            chosen_away: style(t.text).add_modifier(bold),
            key: style(t.key_hint),
            header: style(t.title).add_modifier(bold),
            null: style(t.null),
            escape: style(t.escape),
            selection: style(t.selection),
            statement: style(t.statement_mark),
            error: style(t.error_mark),
            production: style(t.production),
            qa: style(t.qa),
            development: style(t.development),
            other: style(t.other),
            critical: style(t.critical),
            warning: style(t.warning),
            info: style(t.info),
            ok: style(t.ok),
            unknown: style(t.unknown),
            keyword: style(t.sql.keyword),
            string: style(t.sql.string),
            number: style(t.sql.number),
            comment: style(t.sql.comment),
            identifier: style(t.sql.identifier),
            operator: style(t.sql.operator),
            parameter: style(t.sql.parameter),
            heat: t.heat.map(style),
            add: style(t.diff_add),
            remove: style(t.diff_remove),
        }
    }

    /// The style for a share of the whole, 0 to 1; the steps are the theme's.
    pub fn heat(&self, share: f64) -> Style {
        let step = [0.02, 0.1, 0.25, 0.5].iter().filter(|limit| share >= **limit).count();
        self.heat[step]
    }

    /// Style of an environment's word.
    pub fn environment(&self, name: Option<&str>, production: bool) -> Style {
        match name {
            _ if production => self.production,
            Some("qa") => self.qa,
            Some("development") => self.development,
            _ => self.other,
        }
    }

    /// Style of the borders: they carry the environment where it matters most.
    pub fn environment_border(&self, state: &State) -> Style {
        if state.production() {
            // The colour alone: a reversed rule would shout.
            Style { add_modifier: Modifier::empty(), bg: None, fg: self.production.fg.or(self.production.bg), ..Style::new() }
        } else {
            self.border
        }
    }

    /// The rule of title rows: heavy in production.
    pub fn rule(&self, state: &State) -> &'static str {
        if state.production() { self.glyphs.heavy } else { self.glyphs.rule }
    }

    /// Cleaned words of ours as this terminal can show them: our own punctuation has ASCII twins.
    pub fn ascii_words<'t>(&self, words: &'t str) -> std::borrow::Cow<'t, str> {
        if !self.glyphs.ascii || words.is_ascii() {
            return words.into();
        }
        let twins = |ch: char| match ch {
            '…' => "..".into(),
            '·' => "-".into(),
            '→' => "->".into(),
            '×' => "x".into(),
            '≈' => "~".into(),
            other => other.to_string(),
        };
        words.chars().map(twins).collect::<String>().into()
    }

    pub fn severity(&self, s: Severity) -> Style {
        match s {
            Severity::Critical => self.critical,
            Severity::Warning => self.warning,
            Severity::Unknown => self.unknown,
            Severity::Info => self.info,
            Severity::Ok => self.ok,
        }
    }
}
