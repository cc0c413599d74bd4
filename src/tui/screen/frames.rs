//! The bytes of frame after frame, judged by a terminal that erases the whole of a wide character of which a half is
//! written over.

use super::*;
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::style::Style;
use std::cell::RefCell;
use std::rc::Rc;

const COLUMNS: u16 = 20;

struct Tape(Rc<RefCell<Vec<u8>>>);

impl Sink for Tape {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(())
    }
    fn size(&self) -> io::Result<Size> {
        Ok(Size { width: COLUMNS, height: 1 })
    }
}

/// What is drawn: symbols one behind the other, each on a ground or none, then others over them at a column.
#[derive(Debug, Clone)]
struct Frame {
    row: Vec<(&'static str, bool)>,
    over: Vec<(u16, &'static str)>,
}

/// A terminal, and what draws on it.
struct Both {
    draws: Terminal<Screen<Tape>>,
    tape: Rc<RefCell<Vec<u8>>>,
    shows: vt100::Parser,
}

impl Both {
    fn new() -> Both {
        let tape = Rc::new(RefCell::new(Vec::new()));
        let draws = Terminal::new(Screen::new(Tape(tape.clone()))).unwrap();
        Both { draws, tape, shows: vt100::Parser::new(1.try_into().unwrap(), COLUMNS.try_into().unwrap(), 0) }
    }

    fn draw(&mut self, frame: &Frame) {
        self.draws
            .draw(|f| {
                let buffer = f.buffer_mut();
                let mut x = 0;
                for (symbol, ground) in &frame.row {
                    let style = if *ground { Style::new().bg(Color::Blue) } else { Style::new() };
                    x = buffer.set_stringn(x, 0, symbol, usize::MAX, style).0;
                }
                for (x, symbol) in &frame.over {
                    buffer.set_string(*x, 0, symbol, Style::new().fg(Color::Red));
                }
                settle(buffer);
            })
            .unwrap();
        self.shows.process(&self.tape.borrow());
        self.tape.borrow_mut().clear();
    }

    fn words(&self) -> String {
        self.shows.screen().contents().trim_end().to_string()
    }

    fn cells(&self) -> Vec<(String, vt100::Color, vt100::Color)> {
        let blank = |s: &str| if s.is_empty() { " ".to_string() } else { s.to_string() };
        let cell = |x| self.shows.screen().cell(0, x).map(|c| (blank(c.contents()), c.fgcolor(), c.bgcolor()));
        let mut cells: Vec<_> = (0..COLUMNS).filter_map(cell).collect();
        // The ground of a second half is its first half's on every terminal; this one keeps none there.
        for x in 1..cells.len() {
            if self.shows.screen().cell(0, x as u16).is_some_and(vt100::Cell::is_wide_continuation) {
                cells[x] = (String::new(), cells[x - 1].1, cells[x - 1].2);
            }
            // Nobody sees in which colour a blank is written.
            if cells[x].0 == " " {
                cells[x].1 = vt100::Color::Default;
            }
        }
        cells
    }
}

fn frames(symbols: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<Frame>> {
    let symbol = || proptest::sample::select(symbols);
    let row = proptest::collection::vec((symbol(), any::<bool>()), 0..most);
    let over = proptest::collection::vec((0..most as u16, symbol()), 0..3);
    proptest::collection::vec((row, over).prop_map(|(row, over)| Frame { row, over }), 2..6)
}

fn the_last_one_stands(frames: &[Frame]) -> Result<(), TestCaseError> {
    let mut all = Both::new();
    for frame in frames {
        all.draw(frame);
        let mut afresh = Both::new();
        afresh.draw(frame);
        prop_assert_eq!(all.cells(), afresh.cells(), "{:?}", frame);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn frames_of_wide_characters_stand_as_if_drawn_afresh(all in frames(&["a", "b", " ", "│", "漢", "字", "😀"], 24)) {
        the_last_one_stands(&all)?;
    }

    /// The row ends early enough for the columns that this terminal gives to a family.
    #[test]
    fn frames_of_doubtful_symbols_stand_as_if_drawn_afresh(
        all in frames(&["a", " ", "漢", "😀", "👨\u{200d}👩\u{200d}👧", "❤\u{fe0f}", "🇩🇪", "e\u{301}", "ｶ\u{ff9e}"], 7)
    ) {
        the_last_one_stands(&all)?;
    }
}

fn plain(row: &[&'static str]) -> Frame {
    Frame { row: row.iter().map(|s| (*s, false)).collect(), over: Vec::new() }
}

/// What a user saw: the second half of the new character is where an emoji began.
#[test]
fn a_wide_character_stays_where_an_emoji_began() {
    let mut t = Both::new();
    t.draw(&plain(&["x", "😀", "z"]));
    t.draw(&plain(&["漢", "漢"]));
    assert_eq!(t.words(), "漢漢");
    t.draw(&plain(&["漢", "字", " ", " ", "a", "😀", "x"]));
    t.draw(&plain(&["字", "漢", "漢", " ", " ", "a", "b"]));
    assert_eq!(t.words(), "字漢漢  ab");
}

/// A border over the second half of what stood below is there, and the half below it is not.
#[test]
fn what_is_drawn_over_a_half_shows() {
    let mut t = Both::new();
    t.draw(&Frame { row: vec![("a", false), ("漢", false), ("b", false)], over: vec![(2, "│")] });
    assert_eq!(t.words(), "a │b");
}
