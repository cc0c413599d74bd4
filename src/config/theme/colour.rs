//! Colours, how many of them a terminal has, and the nearest one where it has fewer.

use crate::config::toml_file::nearest;

/// A colour of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Colour {
    /// The terminal's own.
    Reset,
    /// One of the sixteen, 0–15.
    Ansi(u8),
    /// One of the 256.
    Indexed(u8),
    Rgb(u8, u8, u8),
}

/// How many colours may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ColourDepth {
    /// None: reverse, bold and underline only.
    None,
    Ansi16,
    Indexed256,
    True,
}

impl ColourDepth {
    /// From the environment's variables: <https://no-color.org>, `COLORTERM`, and the name of the terminal.
    pub fn detect(env: impl Fn(&str) -> Option<String>) -> ColourDepth {
        let var = |name: &str| env(name).filter(|v| !v.is_empty());
        let term = var("TERM").unwrap_or_default();
        if var("NO_COLOR").is_some()
            || ["dumb", "vt100", "vt102", "vt220"].contains(&term.as_str())
            || term.ends_with("-mono")
            || term.ends_with("-m")
        {
            ColourDepth::None
        } else if var("COLORTERM").is_some_and(|v| v == "truecolor" || v == "24bit") || term.ends_with("-direct") {
            ColourDepth::True
        } else if term.contains("256color") || ["xterm-kitty", "xterm-ghostty", "alacritty", "foot", "wezterm"].contains(&term.as_str()) {
            ColourDepth::Indexed256
        } else {
            ColourDepth::Ansi16
        }
    }
}

const NAMES: [&str; 16] = [
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "white",
    "bright-black",
    "bright-red",
    "bright-green",
    "bright-yellow",
    "bright-blue",
    "bright-magenta",
    "bright-cyan",
    "bright-white",
];

/// The sixteen as xterm has them by default; real palettes differ, so themes name twins where it matters.
const XTERM: [(u8, u8, u8); 16] = [
    (0, 0, 0),
    (205, 0, 0),
    (0, 205, 0),
    (205, 205, 0),
    (0, 0, 238),
    (205, 0, 205),
    (0, 205, 205),
    (229, 229, 229),
    (127, 127, 127),
    (255, 0, 0),
    (0, 255, 0),
    (255, 255, 0),
    (92, 92, 255),
    (255, 0, 255),
    (0, 255, 255),
    (255, 255, 255),
];

const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];

impl Colour {
    /// Reads `#rrggbb`, a name or `default`. The error is a clause without a place.
    pub fn parse(text: &str) -> Result<Colour, String> {
        if text == "default" {
            return Ok(Colour::Reset);
        }
        if let Some(digits) = text.strip_prefix('#') {
            let part = |i: usize| digits.get(i..i + 2).and_then(|d| u8::from_str_radix(d, 16).ok());
            return match (digits.len() == 6 && digits.is_ascii(), part(0), part(2), part(4)) {
                (true, Some(r), Some(g), Some(b)) => Ok(Colour::Rgb(r, g, b)),
                _ => Err("a colour is written #rrggbb, with six hexadecimal digits".into()),
            };
        }
        match NAMES.iter().position(|n| *n == text) {
            Some(n) => Ok(Colour::Ansi(n as u8)),
            None => Err(match nearest(text, NAMES) {
                Some(near) => format!("unknown colour `{}`; did you mean `{near}`?", crate::text::clean(text)),
                None => format!("unknown colour `{}`: neither #rrggbb, nor a terminal colour, nor in [palette]", crate::text::clean(text)),
            }),
        }
    }

    /// A number from 0 to 255.
    pub fn numbered(n: u8) -> Colour {
        if n < 16 { Colour::Ansi(n) } else { Colour::Indexed(n) }
    }

    /// Red, green and blue as xterm shows it; `None` for the terminal's own.
    pub fn rgb(self) -> Option<(u8, u8, u8)> {
        match self {
            Colour::Reset => None,
            Colour::Rgb(r, g, b) => Some((r, g, b)),
            Colour::Ansi(n) => Some(XTERM[usize::from(n.min(15))]),
            Colour::Indexed(n @ 0..=15) => Some(XTERM[usize::from(n)]),
            Colour::Indexed(n @ 16..=231) => {
                let n = usize::from(n - 16);
                Some((LEVELS[n / 36], LEVELS[n / 6 % 6], LEVELS[n % 6]))
            }
            Colour::Indexed(n) => {
                let grey = 8 + 10 * (n - 232);
                Some((grey, grey, grey))
            }
        }
    }

    /// The nearest colour that the terminal has; `None` where it has none.
    pub fn at(self, depth: ColourDepth) -> Option<Colour> {
        match (depth, self) {
            (ColourDepth::None, _) => None,
            (ColourDepth::True, c) => Some(c),
            (ColourDepth::Indexed256, Colour::Rgb(r, g, b)) => Some(Colour::Indexed(closest((r, g, b), 16..=255))),
            (ColourDepth::Indexed256, c) => Some(c),
            (ColourDepth::Ansi16, Colour::Rgb(..) | Colour::Indexed(_)) => self.rgb().map(|rgb| Colour::Ansi(closest(rgb, 0..=15))),
            (ColourDepth::Ansi16, c) => Some(c),
        }
    }
}

fn closest(rgb: (u8, u8, u8), among: std::ops::RangeInclusive<u8>) -> u8 {
    let first = *among.start();
    among.min_by_key(|n| Colour::Indexed(*n).rgb().map_or(u32::MAX, |c| distance(rgb, c))).unwrap_or(first)
}

/// The "redmean" approximation of how different two colours look: <https://www.compuphase.com/cmetric.htm>.
fn distance(a: (u8, u8, u8), b: (u8, u8, u8)) -> u32 {
    let mean = (u32::from(a.0) + u32::from(b.0)) / 2;
    let square = |x: u8, y: u8| u32::from(x.abs_diff(y)).pow(2);
    (((512 + mean) * square(a.0, b.0)) >> 8) + 4 * square(a.1, b.1) + (((767 - mean) * square(a.2, b.2)) >> 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_told_by_the_environment() {
        let depth = |vars: &[(&str, &str)]| ColourDepth::detect(|n| vars.iter().find(|(k, _)| *k == n).map(|(_, v)| (*v).to_owned()));
        assert_eq!(depth(&[("NO_COLOR", "1"), ("COLORTERM", "truecolor")]), ColourDepth::None);
        assert_eq!(depth(&[("NO_COLOR", ""), ("TERM", "xterm-256color")]), ColourDepth::Indexed256);
        assert_eq!(depth(&[("COLORTERM", "truecolor"), ("TERM", "xterm-256color")]), ColourDepth::True);
        assert_eq!(depth(&[("TERM", "xterm-direct")]), ColourDepth::True);
        assert_eq!(depth(&[("TERM", "screen")]), ColourDepth::Ansi16);
        assert_eq!(depth(&[("TERM", "linux")]), ColourDepth::Ansi16);
        assert_eq!(depth(&[("TERM", "dumb"), ("COLORTERM", "truecolor")]), ColourDepth::None);
        assert_eq!(depth(&[("TERM", "vt220")]), ColourDepth::None);
        assert_eq!(depth(&[]), ColourDepth::Ansi16);
    }

    #[test]
    fn colours_go_to_the_nearest() {
        assert_eq!(Colour::Rgb(255, 0, 0).at(ColourDepth::Indexed256), Some(Colour::Indexed(196)));
        assert_eq!(Colour::Rgb(255, 0, 0).at(ColourDepth::Ansi16), Some(Colour::Ansi(9)));
        assert_eq!(Colour::Rgb(9, 8, 8).at(ColourDepth::Indexed256), Some(Colour::Indexed(232)));
        assert_eq!(Colour::Rgb(1, 2, 3).at(ColourDepth::True), Some(Colour::Rgb(1, 2, 3)));
        assert_eq!(Colour::Indexed(231).at(ColourDepth::Ansi16), Some(Colour::Ansi(15)));
        assert_eq!(Colour::Ansi(3).at(ColourDepth::Ansi16), Some(Colour::Ansi(3)));
        assert_eq!(Colour::Reset.at(ColourDepth::Ansi16), Some(Colour::Reset));
        assert_eq!(Colour::Ansi(3).at(ColourDepth::None), None);
        for n in 16..=255u8 {
            let (r, g, b) = Colour::Indexed(n).rgb().unwrap();
            let Some(Colour::Indexed(m)) = Colour::Rgb(r, g, b).at(ColourDepth::Indexed256) else { panic!() };
            assert_eq!(Colour::Indexed(m).rgb(), Some((r, g, b)), "{n} keeps its value");
        }
    }

    #[test]
    fn colours_are_read() {
        assert_eq!(Colour::parse("#0aF4c2"), Ok(Colour::Rgb(0x0a, 0xf4, 0xc2)));
        assert_eq!(Colour::parse("bright-red"), Ok(Colour::Ansi(9)));
        assert_eq!(Colour::parse("default"), Ok(Colour::Reset));
        assert!(Colour::parse("#12").unwrap_err().contains("six"));
        assert!(Colour::parse("#ééé").unwrap_err().contains("six"));
        assert_eq!(Colour::parse("gren").unwrap_err(), "unknown colour `gren`; did you mean `green`?");
    }
}
