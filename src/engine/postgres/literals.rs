//! Types of numbers that stand in the place of literals.
//!
//! The server gives a parameter the type that its place wants, prefers some (`round($1)` is of a double), takes it for what stands beside it
//! (`date - $1` for a date), and for a text where nothing says more: `$1 < $2` compares letters. A number that is written there has a type of
//! its own. So where the place is no column of numbers that takes it as it is, the number is declared with the type that it would have as a
//! literal (PostgreSQL, "Numeric Constants"): integer, bigint, numeric. Where the server takes that for an error (`name = 42`), it stays
//! with what the server found.

use super::actor::Actor;
use super::link::{Job, Lost};
use crate::engine::session::Event;
use crate::model::{Param, Result, TxState};
use crate::sql::params::truth;
use tokio::sync::mpsc;

const INT8: u32 = 20;
const INT2: u32 = 21;
const INT4: u32 = 23;
const OID: u32 = 26;
const FLOAT4: u32 = 700;
const NUMERIC: u32 = 1700;

pub(super) const TEXT: u32 = 25;

/// Numbers that are tried one by one where not all of them can be declared; each costs a round trip.
const MOST: usize = 8;

/// The type of a number that is written so.
fn of_literal(number: &str) -> u32 {
    match (number.parse::<i32>(), number.parse::<i64>()) {
        (Ok(_), _) => INT4,
        (_, Ok(_)) => INT8,
        _ => NUMERIC,
    }
}

/// Whether a place of a type says what the number is. Of a `real` the nearest one is meant, which no literal is equal to.
fn fits(place: u32, number: &str) -> bool {
    match place {
        INT2 => number.parse::<i16>().is_ok(),
        INT4 => number.parse::<i32>().is_ok(),
        INT8 => number.parse::<i64>().is_ok(),
        OID => number.parse::<u32>().is_ok(),
        NUMERIC | FLOAT4 => true,
        _ => false,
    }
}

/// The parameter whose type the server could not tell (`concat($1)` takes any), and which is a text as a literal in its place would be. What
/// reads as a truth value may be meant as one: of that the user has to say the type.
pub(super) fn undetermined(last: &Result<Event>, params: &[Param], declared: &[u32]) -> Option<usize> {
    let e = last.as_ref().err().filter(|e| e.code.as_deref() == Some("42P18"))?;
    // The words around it are the server's language.
    let number = e.message.split_once('$')?.1;
    let number: usize = number[..number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len())].parse().ok()?;
    let at = number.checked_sub(1).filter(|i| declared.get(*i).is_none_or(|t| *t == 0))?;
    match params.get(at)? {
        Param::Text(t) if truth(t).is_none() => Some(at),
        Param::Null => Some(at),
        _ => None,
    }
}

impl Actor {
    /// The types to declare a statement's parameters with; none where the server is to find all. Fails only when it was cancelled: what else
    /// is wrong with the statement is said when it is run.
    pub(super) async fn declared(
        &mut self,
        text: &str,
        params: &[Param],
        events: &mpsc::Sender<Result<Event>>,
    ) -> Result<Result<Vec<u32>>, Lost> {
        let numbers: Vec<(usize, &str)> = params
            .iter()
            .enumerate()
            .filter_map(|(i, p)| match p {
                Param::Literal(n) => Some((i, n.as_str())),
                _ => None,
            })
            .collect();
        if numbers.is_empty() || self.link.tx == TxState::Failed {
            return Ok(Ok(Vec::new()));
        }
        let mut declared = vec![0; params.len()];
        let found = match self.described(text, &declared, events).await? {
            Ok(found) => found,
            Err(e) => return Ok(Err(e)),
        };
        let unsaid = |(i, n): &(usize, &str)| found.as_ref().and_then(|f| f.get(*i)).is_none_or(|place| !fits(*place, n));
        let open: Vec<(usize, u32)> = numbers.into_iter().filter(unsaid).map(|(i, n)| (i, of_literal(n))).collect();
        if open.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        for (i, own) in &open {
            declared[*i] = *own;
        }
        match self.described(text, &declared, events).await? {
            Ok(Some(_)) => return Ok(Ok(declared)),
            Ok(None) => open.iter().for_each(|(i, _)| declared[*i] = 0),
            Err(e) => return Ok(Err(e)),
        }
        if open.len() > 1 && open.len() <= MOST {
            for (i, own) in open {
                declared[i] = own;
                match self.described(text, &declared, events).await? {
                    Ok(Some(_)) => {}
                    Ok(None) => declared[i] = 0,
                    Err(e) => return Ok(Err(e)),
                }
            }
        }
        Ok(Ok(declared))
    }

    /// Asks without harm to an open transaction, which an error would end.
    async fn described(
        &mut self,
        text: &str,
        declared: &[u32],
        events: &mpsc::Sender<Result<Event>>,
    ) -> Result<Result<Option<Vec<u32>>>, Lost> {
        let mut job = Job { text, declared, ..Job::default() };
        if self.link.tx == TxState::Open {
            job.prelude = vec!["SAVEPOINT holdpoint_types".into()];
            job.coda = vec!["ROLLBACK TO SAVEPOINT holdpoint_types", "RELEASE SAVEPOINT holdpoint_types"];
        }
        self.link.describe(job, events.clone()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_type_that_it_has_as_a_literal() {
        for (number, own) in
            [("42", INT4), ("-2147483648", INT4), ("2147483648", INT8), ("9223372036854775808", NUMERIC), ("1.5", NUMERIC), (".5", NUMERIC)]
        {
            assert_eq!(of_literal(number), own, "{number}");
        }
        assert!(fits(INT8, "42") && fits(NUMERIC, "1.5") && fits(FLOAT4, "1.15"));
        let (text, double, date) = (25, 701, 1082);
        assert!(!fits(INT8, "1.5") && !fits(INT2, "40000") && [text, double, date].iter().all(|place| !fits(*place, "1")));
    }
}
