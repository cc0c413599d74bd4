//! Indexes that help together only: one for each alternative of an OR.

use super::super::reasons::{Reason, Why};
use super::super::uses::Use;
use super::super::{Candidate, Candidates, Dropped, Shape, TOGETHER};
use super::served::served;
use super::{Draft, consider, make, same};
use crate::plan::findings::scene::{Product, Scene};

/// What else may be done where no index serves all alternatives.
pub const UNION: &str = "Written as a UNION, each alternative finds its rows by itself: compare the plans.";

/// Begins what is said where they all have an index.
pub const EACH: &str = "each of the";

/// An index for each of the alternatives of an OR over several columns: what they find is put together.
pub(super) fn together(s: &Scene<'_>, u: &Use<'_>, all: &[Use<'_>], share: Option<f64>, lucky: Option<f64>, out: &mut Candidates) {
    let way = match s.product {
        Product::Postgres => "BitmapOr",
        Product::MySql | Product::MariaDb => "index_merge",
        Product::Sqlite => "MULTI-INDEX OR",
    };
    for e in &u.either {
        let mut made: Vec<Candidate> = Vec::new();
        for arm in &e.arms {
            let shape = if arm.equal == arm.keys.len() { Shape::Equality } else { Shape::Range };
            let why =
                format!("each alternative of {} is looked up in an index of its own, and what they find is put together ({way})", e.text);
            let c = make(s, u, Draft { keys: arm.keys.clone(), equal: arm.equal, shapes: vec![shape], why });
            if !made.iter().any(|o| same(&o.keys, o.equal, &c.keys, c.equal)) {
                made.push(c);
            }
        }
        let arms = made.len();
        let (there, mut missing): (Vec<_>, Vec<_>) = made.into_iter().map(|c| (served(&c, u.table), c)).partition(|(r, _)| r.is_some());
        if missing.len() > TOGETHER {
            let says = format!(
                "the alternatives {} on {} take {} indexes at once, and so many were not tried together",
                e.text,
                u.table.name,
                missing.len()
            );
            out.reasons.push(Reason::new(Why::Alternatives, &u.table.name, says).next(UNION));
        } else if missing.is_empty() {
            let Some((Some(reason), c)) = there.into_iter().next() else { continue };
            let says = format!("{EACH} {arms} alternatives of {} has an index", e.text);
            out.dropped.push(Dropped {
                what: c.spec(s.dialect),
                reason: Reason { text: says, index: reason.index, ..Reason::new(Why::Served, &u.table.name, "") },
            });
        } else {
            let mut first = missing.remove(0).1;
            first.with = missing.into_iter().map(|(_, c)| c).collect();
            consider(s, u, all, share, lucky, first, out);
        }
    }
}
