//! A chart above the panes: a column's numbers as bars, as a line over the rows, or as a histogram. Drawing it is in `ui::chart`.

use super::Action;
use crate::ops::column::Series;
use crate::text;

/// How numbers are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One bar for each row, or for the mean of a group of rows.
    Bars,
    /// The numbers over their rows.
    Line,
    /// How many numbers are in which range.
    Histogram,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Bars => "Bars",
            Kind::Line => "Line",
            Kind::Histogram => "Histogram",
        }
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Chart {
    /// The column and the rows that were looked at.
    pub title: String,
    pub kind: Kind,
    pub series: Series,
    /// First bar on the screen.
    pub top: usize,
}

/// A horizontal bar: what it is called, how long it is, and its number.
pub struct Bar {
    pub label: String,
    /// `None` where there is no number.
    pub value: Option<f64>,
}

impl Chart {
    /// Few rows are bars at first, many a line.
    pub fn new(title: impl Into<String>, series: Series) -> Self {
        let kind = if series.points.len() <= 60 && series.each == 1 { Kind::Bars } else { Kind::Line };
        Chart { title: title.into(), kind, series, top: 0 }
    }

    /// Kind and title, and how many rows make a point; a histogram counts each.
    pub fn heading(&self, dot: &str) -> String {
        let title = &self.title;
        let each = match self.kind {
            Kind::Bars | Kind::Line if self.series.each > 1 => format!(", {} to a point", crate::text::thousands(self.series.each)),
            _ => String::new(),
        };
        format!("{} {dot} {title}{each}", self.kind.name())
    }

    /// The next kind, or the one before.
    pub fn turn(&mut self, forward: bool) {
        self.top = 0;
        self.kind = match (self.kind, forward) {
            (Kind::Bars, true) | (Kind::Histogram, false) => Kind::Line,
            (Kind::Line, true) | (Kind::Bars, false) => Kind::Histogram,
            (Kind::Histogram, true) | (Kind::Line, false) => Kind::Bars,
        };
    }

    /// Moves by an action, with `page` bars on the screen.
    pub fn go(&mut self, action: Action, page: usize) {
        let bars = match self.kind {
            Kind::Bars => self.series.points.len(),
            Kind::Line => 0,
            Kind::Histogram => self.series.bins.len(),
        };
        // The last line of the page is the axis.
        let last = bars.saturating_sub(page.saturating_sub(1));
        self.top = match action {
            Action::Left => return self.turn(false),
            Action::Right => return self.turn(true),
            Action::Up => self.top.saturating_sub(1),
            Action::Down => self.top + 1,
            Action::PageUp => self.top.saturating_sub(page),
            Action::PageDown => self.top + page,
            Action::First => 0,
            Action::Last => last,
            _ => return,
        }
        .min(last);
    }

    /// The bars of this kind, from `from` on, at most `count`.
    pub fn bars(&self, from: usize, count: usize) -> Vec<Bar> {
        match self.kind {
            Kind::Histogram => {
                let bins = self.series.bins.iter().skip(from).take(count);
                bins.map(|b| Bar { label: format!("{} to {}", number(b.from), number(b.to)), value: Some(b.count as f64) }).collect()
            }
            Kind::Bars | Kind::Line => {
                let points = self.series.points.iter().enumerate().skip(from).take(count);
                points
                    .map(|(i, p)| Bar { label: p.label.clone().unwrap_or_else(|| self.rows_of(i)), value: p.values.map(|v| v[1]) })
                    .collect()
            }
        }
    }

    /// The rows that a point stands for, counted from 1.
    pub fn rows_of(&self, point: usize) -> String {
        let first = point as u64 * self.series.each;
        let last = (first + self.series.each).min(self.series.rows);
        if self.series.each == 1 {
            text::thousands(first + 1)
        } else {
            format!("{} to {}", text::thousands(first + 1), text::thousands(last))
        }
    }

    /// What the bars' lengths run between: zero is always among it.
    pub fn range(&self) -> (f64, f64) {
        match self.kind {
            Kind::Histogram => (0.0, self.series.bins.iter().map(|b| b.count as f64).fold(0.0, f64::max)),
            Kind::Bars | Kind::Line => (self.series.min.min(0.0), self.series.max.max(0.0)),
        }
    }

    /// What is copied: a line for each bar, name and number with a tab between.
    pub fn text(&self) -> String {
        let line = |b: Bar| format!("{}\t{}", b.label, b.value.map_or_else(String::new, |v| v.to_string()));
        self.bars(0, usize::MAX).into_iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// A number for an axis or beside a bar: six digits that count, thousands apart.
pub fn number(v: f64) -> String {
    let size = v.abs();
    if v == 0.0 {
        return "0".into();
    }
    if !(1e-4..1e15).contains(&size) {
        return format!("{v:.2e}");
    }
    let digits = usize::try_from(5 - size.log10().floor() as i64).unwrap_or(0);
    let s = format!("{size:.digits$}");
    let (whole, rest) = s.split_once('.').unwrap_or((&s, ""));
    let whole = whole.parse().map_or_else(|_| whole.to_string(), text::thousands);
    let rest = rest.trim_end_matches('0');
    let sign = if v < 0.0 { "-" } else { "" };
    if rest.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::column::series::{Bin, Point};

    #[test]
    fn numbers_of_axes_are_short() {
        for (v, s) in [
            (0.0, "0"),
            (-0.5, "-0.5"),
            (1234567.0, "1,234,567"),
            (1234.5678, "1,234.57"),
            (0.1 + 0.2, "0.3"),
            (1e20, "1.00e20"),
            (999999.9, "1,000,000"),
            (0.00001, "1.00e-5"),
        ] {
            assert_eq!(number(v), s);
        }
    }

    #[test]
    fn kinds_follow_each_other_and_scrolling_has_an_end() {
        let points = (0..50).map(|i| Point { label: None, values: (i != 3).then_some([f64::from(i); 3]) }).collect();
        let bins = vec![Bin { from: 0.0, to: 50.0, count: 49 }];
        let mut c = Chart::new("n", Series { rows: 50, numbers: 49, min: 0.0, max: 49.0, each: 1, points, bins });
        assert_eq!(c.kind, Kind::Bars);
        c.go(Action::Last, 11);
        assert_eq!(c.top, 40);
        c.go(Action::PageDown, 11);
        assert_eq!(c.top, 40);
        assert!(c.text().starts_with("1\t0\n2\t1\n3\t2\n4\t\n5\t4"), "{}", c.text());
        c.turn(true);
        assert_eq!((c.kind, c.top), (Kind::Line, 0));
        c.go(Action::Down, 11);
        assert_eq!(c.top, 0);
        c.turn(true);
        assert_eq!(c.text(), "0 to 50\t49");
        c.go(Action::Left, 11);
        assert_eq!(c.kind, Kind::Line);
    }

    #[test]
    fn only_what_joins_rows_says_how_many_make_a_point() {
        let points = vec![Point { label: None, values: Some([1.0; 3]) }];
        let mut c = Chart::new("n", Series { rows: 2_400, numbers: 2_400, min: 1.0, max: 1.0, each: 1_200, points, bins: Vec::new() });
        assert_eq!((c.kind, c.heading("·").contains("1,200 to a point")), (Kind::Line, true));
        c.turn(true);
        assert_eq!((c.kind, c.heading("·").contains("to a point")), (Kind::Histogram, false));
    }
}
