//! Advice for other people's eyes: without the constants of the statement.

use super::{Report, Verified};
use crate::plan::candidates::{Dropped, Key, Reason};
use crate::plan::share::{Constants, redact};

impl Report {
    /// The report without constants: in conditions, indexes, sentences. An index whose definition has a constant has a plainer name.
    #[must_use]
    pub fn redacted(&self) -> Report {
        let c = Constants::of(&self.plan, Some(&self.statement));
        let mut out = self.clone();
        out.statement = c.sql(&self.statement);
        out.plan = redact(&self.plan, Some(&self.statement));
        for a in &mut out.advice {
            let named = a.candidate.name.clone();
            for k in &mut a.candidate.keys {
                let sql = key(&c, k);
                if sql != k.sql {
                    a.candidate.name = format!("{}_idx", a.candidate.relation);
                    k.sql = sql;
                }
            }
            for w in &mut a.candidate.with {
                w.keys.iter_mut().for_each(|k| k.sql = key(&c, k));
                w.why = c.prose(&w.why);
            }
            a.candidate.only_where = a.candidate.only_where.take().map(|w| c.sql(&w));
            a.candidate.why = c.prose(&a.candidate.why);
            a.create = c.sql(&a.create).replace(&named, &a.candidate.name);
            a.spec = c.sql(&a.spec);
            a.unless = c.prose(&a.unless);
            a.plan = a.plan.take().map(|p| redact(&p, Some(&self.statement)));
            if let Some(m) = &mut a.measured {
                m.plan = redact(&m.plan, Some(&self.statement));
            }
            for o in a.others.iter_mut().chain(a.measured.as_mut().and_then(|m| m.others.as_mut())) {
                for s in o.helped.iter_mut().chain(&mut o.hurt).chain(&mut o.changed) {
                    s.sql = c.sql(&s.sql);
                }
            }
        }
        for Dropped { what, reason: r } in &mut out.dropped {
            *what = c.sql(what);
            reason(&c, r);
        }
        out.reasons.iter_mut().for_each(|r| reason(&c, r));
        for Verified { text, .. } in &mut out.verified {
            *text = c.prose(text);
        }
        for n in out.notes.iter_mut().chain(&mut out.differs) {
            *n = c.prose(n);
        }
        out
    }
}

/// The beginning of a MySQL column (`state(64)`) is a number of ours.
fn key(c: &Constants, k: &Key) -> String {
    if k.column.is_some() { k.sql.clone() } else { c.sql(&k.sql) }
}

fn reason(c: &Constants, r: &mut Reason) {
    r.text = c.prose(&r.text);
    r.next = c.prose(&r.next);
    r.sql = r.sql.take().map(|s| c.sql(&s));
}
