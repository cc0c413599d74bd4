//! Tests of themes: what is built in is complete and readable, what is broken is named.

use super::*;
use std::fs;

const DEPTHS: [ColourDepth; 4] = [ColourDepth::None, ColourDepth::Ansi16, ColourDepth::Indexed256, ColourDepth::True];

fn all(t: &Theme) -> Vec<(&'static str, Style)> {
    vec![
        ("text", t.text),
        ("dim", t.dim),
        ("accent", t.accent),
        ("border", t.border),
        ("title", t.title),
        ("status", t.status),
        ("key-hint", t.key_hint),
        ("selection", t.selection),
        ("cursor-line", t.cursor_line),
        ("match", t.matched),
        ("null", t.null),
        ("escape", t.escape),
        ("error-mark", t.error_mark),
        ("statement-mark", t.statement_mark),
        ("heat 0", t.heat[0]),
        ("heat 1", t.heat[1]),
        ("heat 2", t.heat[2]),
        ("heat 3", t.heat[3]),
        ("heat 4", t.heat[4]),
        ("development", t.development),
        ("qa", t.qa),
        ("production", t.production),
        ("other", t.other),
        ("ok", t.ok),
        ("info", t.info),
        ("warning", t.warning),
        ("critical", t.critical),
        ("unknown", t.unknown),
        ("keyword", t.sql.keyword),
        ("string", t.sql.string),
        ("number", t.sql.number),
        ("comment", t.sql.comment),
        ("identifier", t.sql.identifier),
        ("operator", t.sql.operator),
        ("parameter", t.sql.parameter),
        ("add", t.diff_add),
        ("remove", t.diff_remove),
    ]
}

/// Relative luminance and contrast ratio: <https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio>.
fn contrast(a: (u8, u8, u8), b: (u8, u8, u8)) -> f64 {
    let luminance = |(r, g, b): (u8, u8, u8)| {
        let part = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.03928 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b)
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn built_in_themes_are_readable() {
    // Backgrounds on which people really run them, with the terminal's own text colour.
    for (name, text, background, least) in [
        ("dark", (220, 220, 220), (0, 0, 0), 4.5),
        ("dark", (220, 220, 220), (30, 30, 38), 4.5),
        ("light", (20, 20, 20), (255, 255, 255), 4.5),
        ("light", (20, 20, 20), (250, 245, 235), 4.5),
        ("high-contrast", (255, 255, 255), (0, 0, 0), 7.0),
    ] {
        for depth in [ColourDepth::Indexed256, ColourDepth::True] {
            let t = Theme::built_in(name, depth).unwrap();
            assert_ne!(t.selection, t.cursor_line);
            for (what, s) in all(&t) {
                let fg = s.fg.and_then(Colour::rgb).unwrap_or(text);
                let bg = s.bg.and_then(Colour::rgb).unwrap_or(background);
                // Lines are not read.
                let least = if what == "border" { 2.0 } else { least };
                assert!(contrast(fg, bg) >= least, "{name} {depth:?} {what}: {fg:?} on {bg:?} is {:.1}", contrast(fg, bg));
            }
            // Text keeps its colour under the cursor and in a selection.
            for (what, s) in all(&t).into_iter().filter(|(w, s)| s.bg.is_none() && *w != "border") {
                for over in [t.cursor_line, t.selection] {
                    let fg = over.fg.or(s.fg).and_then(Colour::rgb).unwrap_or(text);
                    let bg = over.bg.and_then(Colour::rgb).unwrap_or(background);
                    assert!(contrast(fg, bg) >= 3.0, "{name} {depth:?} {what} over {over:?} is {:.1}", contrast(fg, bg));
                }
            }
        }
    }
}

#[test]
fn sixteen_colours_avoid_what_palettes_spoil() {
    let t = Theme::built_in("dark", ColourDepth::Ansi16).unwrap();
    for (what, s) in all(&t) {
        for colour in [s.fg, s.bg].into_iter().flatten() {
            assert!(matches!(colour, Colour::Reset | Colour::Ansi(_)), "{what}: {colour:?}");
        }
        // Dark blue cannot be read on black, and the bright ones are Solarized's greys.
        assert!(!matches!(s.fg, Some(Colour::Ansi(4 | 8..=14))), "{what}: {:?}", s.fg);
    }
    assert_ne!(t.selection, t.cursor_line);
}

#[test]
fn without_colour_there_is_none_and_meaning_stays() {
    for name in ["dark", "light", "mono", "no such theme"] {
        let t = Theme::built_in(name, ColourDepth::None).unwrap();
        assert_eq!(t.name, "mono");
        for (what, s) in all(&t) {
            assert!(s.fg.is_none() && s.bg.is_none(), "{what}: {s:?}");
        }
        assert_ne!(t.production, t.development);
        assert_ne!(t.critical, t.ok);
        assert_ne!(t.selection, t.cursor_line);
        assert_ne!(t.diff_add, t.diff_remove);
        assert!(t.production.reverse && t.selection.reverse);
    }
    for (_, s) in all(&Theme::built_in("mono", ColourDepth::True).unwrap()) {
        assert!(s.fg.is_none() && s.bg.is_none(), "mono has no colours where there could be some: {s:?}");
    }
}

#[test]
fn every_style_of_a_theme_comes_from_its_file() {
    for (name, _) in BUILT_IN {
        for depth in DEPTHS {
            Theme::built_in(name, depth).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
    }
    let t = Theme::built_in("dark", ColourDepth::True).unwrap();
    for (what, s) in all(&t) {
        assert_ne!(s, Style::default(), "{what} is missing in dark.toml");
    }
    assert_eq!(t.heat(0.0), t.heat[0]);
    assert_eq!(t.heat(0.3), t.heat[3]);
    assert_eq!(t.heat(1.0), t.heat[4]);
    assert_eq!(t.environment(Some("live"), true), t.production);
    assert_eq!(t.environment(None, false), t.other);
    assert_eq!(t.severity(Severity::Unknown), t.unknown);
}

/// A home with themes in it; it is gone when the directory is dropped.
fn home(files: &[(&str, &str)]) -> (tempfile::TempDir, Surroundings) {
    let dir = tempfile::tempdir().unwrap();
    let around = Surroundings::made_up(dir.path(), dir.path(), []);
    fs::create_dir_all(around.config_dir.join("themes")).unwrap();
    for (name, text) in files {
        fs::write(around.config_dir.join("themes").join(name), text).unwrap();
    }
    (dir, around)
}

#[test]
fn own_themes_inherit() {
    let (_home, around) = home(&[
        ("mine.toml", "inherits = \"base\"\ntitle = \"hot\"\n[palette]\ngreen = 46\n"),
        ("base.toml", "dim = { fg = \"hot\", modifiers = [\"bold\"] }\n[palette]\nhot = [\"#ff8000\", \"yellow\"]\n"),
        ("dark.toml", "inherits = \"dark\"\nnull = \"red\"\n"),
    ]);
    let t = Theme::load("mine", ColourDepth::True, &around).unwrap();
    assert_eq!(t.title.fg, Some(Colour::Rgb(255, 128, 0)));
    assert!(t.dim.bold);
    assert_eq!(t.ok.fg, Some(Colour::Indexed(46)), "a palette's change reaches inherited styles");
    assert_eq!(t.diff_remove, t.null, "the user's dark, too");
    assert_eq!(Theme::load("mine", ColourDepth::Ansi16, &around).unwrap().title.fg, Some(Colour::Ansi(3)));
    assert_eq!(Theme::names(&around), ["dark", "light", "high-contrast", "mono", "base", "mine"]);
}

#[test]
fn broken_themes_are_named_with_their_place() {
    for (text, expected) in [
        ("txet = \"red\"\n", ":1:1: unknown key `txet` in the top level; did you mean `text`?"),
        ("text = \"gren\"\n", ":1:8: unknown colour; did you mean `green` of [palette]?"),
        ("text = { fgg = \"red\" }\n", ":1:10: unknown key `fgg` in a style; did you mean `fg`?"),
        ("text = { modifiers = [\"blod\"] }\n", ":1:23: unknown modifier `blod`; did you mean `bold`?"),
        ("heat = [\"red\"]\n", ":1:8: `heat` must be an array of five styles"),
        ("[palette]\nx = [\"#ff0000\", \"#00ff00\"]\n", ":2:5: the twin must be one of the 16"),
        ("text = 300\n", ":1:8: a colour's number is from 0 to 255"),
        ("[sql]\nkeywrod = \"red\"\n", ":2:1: unknown key `keywrod` in [sql]; did you mean `keyword`?"),
        ("inherits = \"drak\"\n", ":1:12: unknown theme `drak`; did you mean `dark`?"),
        ("inherits = \"mine\"\n", ":1:12: theme `mine` inherits itself"),
        ("text = \n", ":1:"),
    ] {
        let (_home, around) = home(&[("mine.toml", text)]);
        let e = Theme::load("mine", ColourDepth::True, &around).err().unwrap_or_else(|| panic!("accepted: {text}"));
        assert!(e.message.contains(&format!("mine.toml{expected}")), "{text}{}", e.message);
    }
    let (_home, around) = home(&[("a.toml", "inherits = \"b\"\n"), ("b.toml", "inherits = \"a\"\n")]);
    assert!(Theme::load("a", ColourDepth::True, &around).unwrap_err().message.contains("inherits itself"));
    assert!(Theme::load("../a", ColourDepth::True, &around).unwrap_err().message.contains("unknown theme"));
    assert_eq!(Theme::load("drak", ColourDepth::True, &around).unwrap_err().message, "unknown theme `drak`; did you mean `dark`?");
}
