//! How things look: one style for each role, one set of glyphs. Everything stays readable without any colour.

use crate::app::State;
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
    pub marker: &'static str,
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
pub const UNICODE: Glyphs = Glyphs {
    ascii: false,
    vertical: "│",
    rule: "─",
    heavy: "═",
    env_left: "▐",
    env_right: "▌",
    tab_left: "▏",
    tab_right: "▕",
    marker: "▸",
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
    /// Rule of the title rows; follows the environment.
    pub rule: &'static str,
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
    pub selection: Style,
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
    pub quoted: Style,
    pub parameter: Style,
    pub unterminated: Style,
    pub heat: [Style; 3],
}

fn fg(c: Color) -> Style {
    Style::new().fg(c)
}

impl Look {
    /// The sixteen colours that every colour terminal has, as its user set them.
    pub fn dark(glyphs: Glyphs) -> Self {
        let bold = Modifier::BOLD;
        Look {
            glyphs,
            rule: glyphs.rule,
            text: Style::new(),
            dim: fg(Color::DarkGray),
            strong: Style::new().add_modifier(bold),
            focus: fg(Color::Cyan).add_modifier(bold),
            title: Style::new(),
            border: fg(Color::DarkGray),
            chosen: Style::new().add_modifier(Modifier::REVERSED),
            chosen_away: Style::new().add_modifier(bold),
            key: fg(Color::Cyan),
            header: Style::new().add_modifier(bold),
            null: fg(Color::DarkGray).add_modifier(Modifier::ITALIC),
            selection: Style::new().add_modifier(Modifier::REVERSED),
            production: fg(Color::LightRed).add_modifier(bold),
            qa: fg(Color::Yellow).add_modifier(bold),
            development: fg(Color::Green).add_modifier(bold),
            other: fg(Color::Magenta).add_modifier(bold),
            critical: fg(Color::LightRed).add_modifier(bold),
            warning: fg(Color::Yellow),
            info: Style::new(),
            ok: fg(Color::Green),
            unknown: fg(Color::Magenta),
            keyword: fg(Color::LightBlue),
            string: fg(Color::Green),
            number: fg(Color::Yellow),
            comment: fg(Color::DarkGray),
            quoted: fg(Color::Cyan),
            parameter: fg(Color::Magenta),
            unterminated: fg(Color::LightRed),
            heat: [fg(Color::DarkGray), fg(Color::Yellow), fg(Color::LightRed)],
        }
    }

    /// No colour at all: bold, dim, underlined, reversed.
    pub fn mono(glyphs: Glyphs) -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let dim = plain.add_modifier(Modifier::DIM);
        let underlined = plain.add_modifier(Modifier::UNDERLINED);
        let reversed = plain.add_modifier(Modifier::REVERSED);
        Look {
            glyphs,
            rule: glyphs.rule,
            text: plain,
            dim,
            strong: bold,
            focus: reversed,
            title: plain,
            border: plain,
            chosen: reversed,
            chosen_away: bold,
            key: bold,
            header: bold,
            null: dim,
            selection: reversed,
            production: reversed.add_modifier(Modifier::BOLD),
            qa: bold,
            development: plain,
            other: bold,
            critical: bold,
            warning: bold,
            info: plain,
            ok: plain,
            unknown: underlined,
            keyword: bold,
            string: plain,
            number: plain,
            comment: dim,
            quoted: plain,
            parameter: underlined,
            unterminated: underlined,
            heat: [plain, plain, bold],
        }
    }

    /// Style of an environment's word.
    pub fn environment(&self, name: Option<&str>) -> Style {
        match name {
            Some("production") => self.production,
            Some("qa") => self.qa,
            Some("development") => self.development,
            _ => self.other,
        }
    }

    /// Style of the borders: they carry the environment where it matters most.
    pub fn environment_border(&self, state: &State) -> Style {
        if state.environment() == Some("production") { Style { add_modifier: Modifier::empty(), ..self.production } } else { self.border }
    }

    /// The look for the state's environment: production has heavy rules.
    pub fn for_environment(&self, production: bool) -> Look {
        Look { rule: if production { self.glyphs.heavy } else { self.glyphs.rule }, ..self.clone() }
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
