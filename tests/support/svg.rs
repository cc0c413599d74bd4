//! A terminal screen as an SVG picture, for the README.

use std::fmt::Write;

const CELL: (f32, f32) = (8.4, 17.0);
const BACKGROUND: &str = "#14161b";
const FOREGROUND: &str = "#d7dae0";

/// The usual sixteen, as a dark terminal shows them.
const ANSI: [&str; 16] = [
    "#1d2026", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#c8ccd4", "#5c6370", "#ff7a85", "#b5e890", "#ffd68a",
    "#7cc4ff", "#de8ef0", "#6fd3df", "#ffffff",
];

fn colour(c: vt100::Color, default: &str) -> String {
    match c {
        vt100::Color::Default => default.to_string(),
        vt100::Color::Idx(i) if i < 16 => ANSI[i as usize].to_string(),
        // xterm's cube and greys.
        vt100::Color::Idx(i) if i >= 232 => {
            let g = 8 + (u32::from(i) - 232) * 10;
            format!("#{g:02x}{g:02x}{g:02x}")
        }
        vt100::Color::Idx(i) => {
            let n = u32::from(i) - 16;
            let level = |v: u32| if v == 0 { 0 } else { 55 + v * 40 };
            format!("#{:02x}{:02x}{:02x}", level(n / 36), level(n / 6 % 6), level(n % 6))
        }
        vt100::Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[derive(PartialEq, Clone)]
struct Style {
    fg: String,
    bg: String,
    more: String,
}

fn style_at(screen: &vt100::Screen, row: u16, column: u16) -> Style {
    let plain = || Style { fg: FOREGROUND.into(), bg: BACKGROUND.into(), more: String::new() };
    let Some(cell) = screen.cell(row, column) else { return plain() };
    // The second half of a wide character looks as the first.
    if cell.is_wide_continuation() && column > 0 {
        return style_at(screen, row, column - 1);
    }
    let (mut fg, mut bg) = (colour(cell.fgcolor(), FOREGROUND), colour(cell.bgcolor(), BACKGROUND));
    if cell.inverse() {
        std::mem::swap(&mut fg, &mut bg);
    }
    let mut more = String::new();
    for (on, attribute) in [
        (cell.bold(), " font-weight=\"bold\""),
        (cell.italic(), " font-style=\"italic\""),
        (cell.underline(), " text-decoration=\"underline\""),
        (cell.dim(), " opacity=\"0.65\""),
    ] {
        if on {
            more.push_str(attribute);
        }
    }
    Style { fg, bg, more }
}

/// Draws what the screen shows now.
pub fn render(screen: &vt100::Screen) -> String {
    let (rows, columns) = screen.size();
    let (rows, columns) = (u16::from(rows), u16::from(columns));
    let (w, h) = (f32::from(columns) * CELL.0 + 24.0, f32::from(rows) * CELL.1 + 24.0);
    let mut out = String::new();
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w:.0} {h:.0}\" font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"14\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n"
    );
    for row in 0..rows {
        let mut column = 0;
        while column < columns {
            // A run of cells of one style is one element: the picture stays small.
            let (start, style) = (column, style_at(screen, row, column));
            let mut text = String::new();
            while column < columns && style_at(screen, row, column) == style {
                let Some(cell) = screen.cell(row, column) else { break };
                if !cell.is_wide_continuation() {
                    text.push_str(if cell.contents().is_empty() { " " } else { cell.contents() });
                }
                column += 1;
            }
            let (x, y) = (12.0 + f32::from(start) * CELL.0, 12.0 + f32::from(row) * CELL.1);
            let width = f32::from(column - start) * CELL.0;
            if style.bg != BACKGROUND {
                let _ = writeln!(
                    out,
                    "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\"/>",
                    width + 0.3,
                    CELL.1 + 0.3,
                    style.bg
                );
            }
            if !text.trim().is_empty() {
                let _ = writeln!(
                    out,
                    "<text xml:space=\"preserve\" x=\"{x:.1}\" y=\"{:.1}\" textLength=\"{width:.1}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{}\"{}>{}</text>",
                    y + 13.0,
                    style.fg,
                    style.more,
                    escape(&text)
                );
            }
        }
    }
    out.push_str("</svg>\n");
    out
}
