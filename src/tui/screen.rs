//! The backend that ratatui draws into: it turns changed cells into as few bytes as it can, because over a slow link
//! bytes are latency, and hands a frame to the terminal in one write inside a synchronized update.
//!
//! Colours and attributes stay set from one frame to the next, and nothing at all is written when nothing changed.

#[cfg(test)]
mod frames;
mod held;

pub use held::settle;
use held::{Held, Write as Writes, columns, doubtful};
use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::style::{Color, Modifier};
use std::io::{self, Write};

const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

/// Where frames go: the terminal, or a buffer in tests.
pub trait Sink {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()>;
    fn size(&self) -> io::Result<Size>;
}

/// The process's own terminal.
pub struct Tty;

impl Sink for Tty {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        super::terminal::write_all(bytes)
    }
    fn size(&self) -> io::Result<Size> {
        // Asked several times for each frame: of the terminal that is open, where crossterm opens it again each time.
        if let Ok(size) = rustix::termios::tcgetwinsize(std::io::stdout())
            && size.ws_col > 0
            && size.ws_row > 0
        {
            return Ok(Size { width: size.ws_col, height: size.ws_row });
        }
        let (width, height) = crossterm::terminal::size()?;
        Ok(Size { width, height })
    }
}

/// See the module.
pub struct Screen<S> {
    sink: S,
    out: Vec<u8>,
    /// Where the terminal's cursor is; `None` when it cannot be told (after the last column).
    at: Option<Position>,
    shown: bool,
    fg: Color,
    bg: Color,
    underline: Color,
    modifier: Modifier,
    held: Held,
}

impl<S: Sink> Screen<S> {
    pub fn new(sink: S) -> Self {
        Screen {
            sink,
            out: Vec::with_capacity(16 * 1024),
            at: None,
            shown: false,
            fg: Color::Reset,
            bg: Color::Reset,
            underline: Color::Reset,
            modifier: Modifier::empty(),
            held: Held::default(),
        }
    }

    /// Writes a symbol at its place.
    fn put(&mut self, at: Position, cell: &Cell, width: u16) {
        self.go(at, width);
        self.style(cell);
        let symbol = cell.symbol();
        self.out.extend_from_slice(symbol.as_bytes());
        let next = at.x + columns(symbol);
        // Terminals differ in where the cursor is after the last column; after doubtful symbols, too.
        self.at = (next < width && !doubtful(symbol)).then_some(Position { x: next, y: at.y });
    }

    /// Writes a row from a column to its end, so that it is right whatever the terminal takes for the width of its symbols.
    fn rewrite(&mut self, from: u16, y: u16) {
        let row = self.held.row(y).to_vec();
        let width = self.held.size().width;
        // A symbol that is wider there than here must not break the line.
        self.out.extend_from_slice(b"\x1b[?7l");
        let mut x = from;
        while let Some(cell) = row.get(usize::from(x)) {
            let covers = columns(cell.symbol());
            if doubtful(cell.symbol()) {
                // What a narrower symbol would leave standing goes first.
                self.go(Position { x, y }, width);
                self.style(cell);
                self.out.extend(std::iter::repeat_n(b' ', usize::from(covers)));
                self.at = None;
            }
            self.put(Position { x, y }, cell, width);
            x += covers;
        }
        self.out.extend_from_slice(b"\x1b[?7h");
    }

    fn go(&mut self, to: Position, width: u16) {
        match self.at {
            Some(p) if p == to => {}
            Some(p) if p.y == to.y && p.x < to.x && to.x < width => {
                let _ = match to.x - p.x {
                    1 => self.out.write_all(b"\x1b[C"),
                    n => write!(self.out, "\x1b[{n}C"),
                };
            }
            Some(p) if p.x == to.x && to.y == p.y + 1 => self.out.push(b'\n'),
            Some(p) if to.x == 0 && to.y == p.y + 1 => self.out.extend_from_slice(b"\r\n"),
            Some(p) if to.x == 0 && to.y == p.y => self.out.push(b'\r'),
            _ if to.x == 0 => {
                let _ = write!(self.out, "\x1b[{}H", to.y + 1);
            }
            _ => {
                let _ = write!(self.out, "\x1b[{};{}H", to.y + 1, to.x + 1);
            }
        }
        self.at = Some(to);
    }

    /// Sets what differs, in one escape sequence.
    fn style(&mut self, cell: &Cell) {
        if cell.modifier == self.modifier && cell.fg == self.fg && cell.bg == self.bg && cell.underline_color == self.underline {
            return;
        }
        let mut codes = String::new();
        let gone = self.modifier.difference(cell.modifier);
        if !gone.is_empty() {
            // Attributes are few and seldom overlap: a reset is shorter than taking them away one by one.
            codes.push('0');
            (self.fg, self.bg, self.underline, self.modifier) = (Color::Reset, Color::Reset, Color::Reset, Modifier::empty());
        }
        for (flag, code) in ATTRIBUTES {
            if cell.modifier.contains(flag) && !self.modifier.contains(flag) {
                push(&mut codes, code);
            }
        }
        if cell.fg != self.fg {
            color(&mut codes, cell.fg, 30);
        }
        if cell.bg != self.bg {
            color(&mut codes, cell.bg, 40);
        }
        if cell.underline_color != self.underline {
            match cell.underline_color {
                Color::Reset => push(&mut codes, "59"),
                Color::Rgb(r, g, b) => push(&mut codes, &format!("58;2;{r};{g};{b}")),
                Color::Indexed(i) => push(&mut codes, &format!("58;5;{i}")),
                // Underlines take no named colours; they follow the text.
                _ => {}
            }
        }
        (self.fg, self.bg, self.underline, self.modifier) = (cell.fg, cell.bg, cell.underline_color, cell.modifier);
        if codes == "0" {
            codes.clear();
        }
        let _ = write!(self.out, "\x1b[{codes}m");
    }

    /// Bytes that go with the next frame, e.g. for the clipboard.
    pub fn write_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sink.send(bytes)
    }

    /// Forgets what is known of the terminal, after another program had it.
    pub fn forget(&mut self) {
        self.at = None;
        self.shown = false;
        self.out.extend_from_slice(b"\x1b[0m\x1b[?25l");
        (self.fg, self.bg, self.underline, self.modifier) = (Color::Reset, Color::Reset, Color::Reset, Modifier::empty());
    }
}

const ATTRIBUTES: [(Modifier, &str); 9] = [
    (Modifier::BOLD, "1"),
    (Modifier::DIM, "2"),
    (Modifier::ITALIC, "3"),
    (Modifier::UNDERLINED, "4"),
    (Modifier::SLOW_BLINK, "5"),
    (Modifier::RAPID_BLINK, "6"),
    (Modifier::REVERSED, "7"),
    (Modifier::HIDDEN, "8"),
    (Modifier::CROSSED_OUT, "9"),
];

fn push(codes: &mut String, code: &str) {
    if !codes.is_empty() {
        codes.push(';');
    }
    codes.push_str(code);
}

/// `base` is 30 for text, 40 for the ground; the bright ones are 60 above.
fn color(codes: &mut String, c: Color, base: u8) {
    let code = match c {
        Color::Reset => base + 9,
        Color::Black => base,
        Color::Red => base + 1,
        Color::Green => base + 2,
        Color::Yellow => base + 3,
        Color::Blue => base + 4,
        Color::Magenta => base + 5,
        Color::Cyan => base + 6,
        Color::Gray => base + 7,
        Color::DarkGray => base + 60,
        Color::LightRed => base + 61,
        Color::LightGreen => base + 62,
        Color::LightYellow => base + 63,
        Color::LightBlue => base + 64,
        Color::LightMagenta => base + 65,
        Color::LightCyan => base + 66,
        Color::White => base + 67,
        Color::Indexed(i) => return push(codes, &format!("{};5;{i}", base + 8)),
        Color::Rgb(r, g, b) => return push(codes, &format!("{};2;{r};{g};{b}", base + 8)),
    };
    push(codes, &code.to_string());
}

impl<S: Sink> Backend for Screen<S> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let size = self.sink.size()?;
        if self.held.size() != size {
            self.held.clear(size);
        }
        // The window may have become smaller since the frame was laid out; the next one is laid out for it.
        let changes: Vec<(u16, u16, &Cell)> = content.filter(|(x, y, _)| *x < size.width && *y < size.height).collect();
        // Moving the real cursor over the screen while it is shown flickers.
        if self.shown && !changes.is_empty() {
            self.out.extend_from_slice(b"\x1b[?25l");
            self.shown = false;
        }
        for row in changes.chunk_by(|a, b| a.1 == b.1) {
            let y = row[0].1;
            match self.held.change(y, row) {
                Writes::Changes => row.iter().for_each(|(x, _, cell)| self.put(Position { x: *x, y }, cell, size.width)),
                Writes::Columns(columns, from) => {
                    let held = self.held.row(y).to_vec();
                    for x in columns {
                        if let Some(cell) = held.get(usize::from(x)) {
                            self.put(Position { x, y }, cell, size.width);
                        }
                    }
                    if let Some(from) = from {
                        self.rewrite(from, y);
                    }
                }
            }
        }
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if self.shown {
            self.out.extend_from_slice(b"\x1b[?25l");
            self.shown = false;
        }
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        // The position follows; showing it here would flash it at the wrong place. See set_cursor_position.
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.at.unwrap_or_default())
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let width = self.sink.size()?.width;
        self.go(position.into(), width);
        if !self.shown {
            self.out.extend_from_slice(b"\x1b[?25h");
            self.shown = true;
        }
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, kind: ClearType) -> io::Result<()> {
        if matches!(kind, ClearType::All) {
            self.held.clear(self.sink.size()?);
        }
        // Clearing paints with the ground that is set.
        self.out.extend_from_slice(b"\x1b[0m");
        (self.fg, self.bg, self.underline, self.modifier) = (Color::Reset, Color::Reset, Color::Reset, Modifier::empty());
        self.out.extend_from_slice(match kind {
            ClearType::All => b"\x1b[2J".as_slice(),
            ClearType::AfterCursor => b"\x1b[J",
            ClearType::BeforeCursor => b"\x1b[1J",
            ClearType::CurrentLine => b"\x1b[2K",
            ClearType::UntilNewLine => b"\x1b[K",
        });
        Ok(())
    }

    fn size(&self) -> io::Result<Size> {
        self.sink.size()
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: self.sink.size()?, pixels: Size::default() })
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let mut frame = std::mem::take(&mut self.out);
        // A few bytes arrive whole anyway.
        if frame.len() > 64 {
            let mut whole = Vec::with_capacity(frame.len() + 16);
            whole.extend_from_slice(BEGIN);
            whole.append(&mut frame);
            whole.extend_from_slice(END);
            frame = whole;
        }
        let sent = self.sink.send(&frame);
        frame.clear();
        self.out = frame;
        sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::Terminal;
    use ratatui::style::Style;
    use std::cell::RefCell;
    use std::rc::Rc;

    struct Tape(Rc<RefCell<Vec<u8>>>);

    impl Sink for Tape {
        fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.0.borrow_mut().extend_from_slice(bytes);
            Ok(())
        }
        fn size(&self) -> io::Result<Size> {
            Ok(Size { width: 20, height: 4 })
        }
    }

    fn show(lines: &[(&str, Style)], t: &mut Terminal<Screen<Tape>>) {
        t.draw(|f| {
            for (y, (line, style)) in lines.iter().enumerate() {
                // As the canvas lays it out.
                let mut x = 0;
                for g in unicode_segmentation::UnicodeSegmentation::graphemes(*line, true) {
                    f.buffer_mut()[(x, y as u16)].set_symbol(g).set_style(*style);
                    x += crate::text::width(g) as u16;
                }
            }
        })
        .unwrap();
    }

    #[test]
    fn a_terminal_shows_what_was_drawn_and_an_unchanged_frame_costs_nothing() {
        let tape = Rc::new(RefCell::new(Vec::new()));
        let mut t = Terminal::new(Screen::new(Tape(tape.clone()))).unwrap();
        let mut vt = vt100::Parser::new(4.try_into().unwrap(), 20.try_into().unwrap(), 0);
        let bold = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
        for frame in [
            vec![("one", Style::new()), ("two 漢字 x", bold), ("12345678901234567890", Style::new())],
            vec![("one", bold), ("twö 漢字 y", Style::new()), ("1234567890123456789x", Style::new().bg(Color::Indexed(200)))],
            vec![("one", Style::new().fg(Color::Rgb(1, 2, 3))), ("", Style::new()), ("x234567890", Style::new()), ("end", bold)],
        ] {
            show(&frame, &mut t);
            vt.process(&tape.borrow());
            tape.borrow_mut().clear();
            let want: Vec<String> = (0..4).map(|i| frame.get(i).map_or("", |l| l.0).to_string()).collect();
            let got: Vec<String> = vt.screen().rows(0, 20).map(|r| r.trim_end().to_string()).collect();
            assert_eq!(got, want);
            let cell = vt.screen().cell(0, 0).unwrap();
            assert_eq!(cell.bold(), frame[0].1.add_modifier.contains(Modifier::BOLD));
            show(&frame, &mut t);
            assert!(tape.borrow().is_empty(), "an unchanged frame wrote {:?}", tape.borrow());
        }
    }

    #[test]
    fn a_window_that_became_smaller_meanwhile_is_survived() {
        let tape = Rc::new(RefCell::new(Vec::new()));
        let mut screen = Screen::new(Tape(tape.clone()));
        let cell = Cell::new("x");
        screen.draw([(19, 0, &cell), (20, 0, &cell), (0, 3, &cell), (0, 4, &cell), (90, 40, &cell)].into_iter()).unwrap();
        Backend::flush(&mut screen).unwrap();
        assert_eq!(tape.borrow().iter().filter(|b| **b == b'x').count(), 2);
    }

    /// A terminal that counts every character by itself: a family is six columns wide there, a red heart one.
    #[test]
    fn symbols_of_doubtful_width_leave_nothing_behind() {
        let tape = Rc::new(RefCell::new(Vec::new()));
        let mut t = Terminal::new(Screen::new(Tape(tape.clone()))).unwrap();
        let mut vt = vt100::Parser::new(4.try_into().unwrap(), 20.try_into().unwrap(), 0);
        let plain = Style::new();
        let frames = [
            // What is behind the family does not change, and is covered by it all the same.
            ["abcdefghijklmnopqrs", "a", "12345678901👨\u{200d}👩\u{200d}👧x", "-- below"],
            ["a👨\u{200d}👩\u{200d}👧 b ❤\u{fe0f} c 🇩🇪 d", "👍🏽 x", "12345678901234567890", "👨\u{200d}👩\u{200d}👧 below"],
            ["a👨\u{200d}👩\u{200d}👧 b ❤\u{fe0f} X 🇩🇪 d", "👍🏽 y", "1", "👨\u{200d}👩\u{200d}👧 below"],
            ["a1  b 2  c 3  d", "1  x", "1", "-- below"],
        ];
        // The columns in which a letter or a digit stands, which no doubt may touch.
        let letters = |line: &str| -> Vec<(usize, char)> {
            let mut at = 0;
            let mut out = Vec::new();
            for g in unicode_segmentation::UnicodeSegmentation::graphemes(line, true) {
                out.extend(g.chars().next().filter(char::is_ascii_alphanumeric).map(|c| (at, c)));
                at += crate::text::width(g);
            }
            out
        };
        for frame in frames {
            show(&frame.map(|l| (l, plain)), &mut t);
            vt.process(&tape.borrow());
            tape.borrow_mut().clear();
            for (y, line) in frame.iter().enumerate() {
                let row = |x: usize| vt.screen().cell(y as u16, x as u16).map(|c| c.contents().to_string()).unwrap_or_default();
                let got: Vec<(usize, char)> =
                    (0..20).filter_map(|x| row(x).chars().next().filter(char::is_ascii_alphanumeric).map(|c| (x, c))).collect();
                assert_eq!(got, letters(line), "row {y} of {frame:?}");
            }
            show(&frame.map(|l| (l, plain)), &mut t);
            assert!(tape.borrow().is_empty(), "an unchanged frame wrote {:?}", tape.borrow());
        }
        // A row without such symbols costs what it did.
        show(&[("a1  b 2  c 3  e", plain), ("1  x", plain), ("1", plain), ("-- below", plain)], &mut t);
        assert_eq!(String::from_utf8_lossy(&tape.borrow()), "\x1b[1;15He");
    }
}
