//! The table of figures: each with its budget, its floor where it has one, and a verdict that can fail.

use std::process::ExitCode;

/// What a figure may be at most.
#[derive(Clone, Copy)]
pub enum Budget {
    /// Times the floor, with the floor's name when it is another program.
    Times(f64, &'static str),
    /// An amount in the figure's own unit.
    Most(f64),
    /// Not in the budgets: measured to be known.
    None,
}

/// A floor: what a minimal or the engine's own program needs for the same.
pub type Floor = Option<f64>;

#[derive(Default)]
pub struct Report {
    begun: bool,
    beyond: Vec<String>,
    over: usize,
    figures: usize,
}

impl Report {
    /// Prints one line at once: a run that breaks off keeps what it measured.
    pub fn row(&mut self, what: &str, unit: &str, floor: Floor, figure: f64, budget: Budget) {
        if !std::mem::replace(&mut self.begun, true) {
            println!("| what | budget | figure | floor | × floor | verdict |\n|---|---|--:|--:|--:|---|");
        }
        self.figures += 1;
        let (words, limit) = match budget {
            Budget::Times(n, name) => {
                let name = if name.is_empty() { "floor" } else { name };
                (format!("≤ {n} × {name}"), floor.map(|f| f * n))
            }
            Budget::Most(n) => (format!("≤ {} {unit}", number(n)), Some(n)),
            Budget::None => ("–".into(), None),
        };
        let verdict = match (limit, budget) {
            (None, Budget::None) => "–".to_string(),
            // A budget whose floor is lacking was not measured, which is no pass.
            (None, _) => self.fail(what, "NOT MEASURED"),
            (Some(l), _) if !figure.is_finite() || !l.is_finite() => self.fail(what, "NOT MEASURED"),
            (Some(l), _) if figure <= l => "✔ within".into(),
            (Some(l), _) if figure <= 2.0 * l => {
                self.over += 1;
                format!("{:.2} × budget", figure / l)
            }
            (Some(_), _) => self.fail(what, "✘ BEYOND 2 ×"),
        };
        let (shown, ratio) = floor.map_or_else(Default::default, |f| (number(f), format!("{:.2}", figure / f)));
        println!("| {what}, {unit} | {words} | {} | {shown} | {ratio} | {verdict} |", number(figure));
    }

    fn fail(&mut self, what: &str, verdict: &str) -> String {
        self.beyond.push(what.to_string());
        verdict.to_string()
    }

    /// The last word, and the exit code.
    pub fn end(self) -> ExitCode {
        println!(
            "\n{} figures: {} over budget but within twice of it, {} beyond or not measured.",
            self.figures,
            self.over,
            self.beyond.len()
        );
        for b in &self.beyond {
            println!("- beyond twice its budget, or not measured: {b}");
        }
        if self.beyond.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn number(n: f64) -> String {
    match n.abs() {
        a if a == 0.0 || a >= 100.0 => format!("{n:.0}"),
        a if a >= 10.0 => format!("{n:.1}"),
        a if a >= 0.1 => format!("{n:.2}"),
        _ => format!("{n:.4}"),
    }
}
