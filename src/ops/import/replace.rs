//! Rows of a file in the place of those with the same keys: what a file of saved rows holds stands again as it was.

use super::columns::{computed, fitted, found, places, statement, with_number};
use super::{Import, file, zone};
use crate::engine::Session;
use crate::model::{Error, Param, Result};
use crate::ops::cells::{self, CellStatement, RowEdit};
use crate::ops::datafix::{self, DataFix};
use crate::ops::query::Unlock;
use crate::ops::{Connection, Cx};
use crate::sql::before::unlocked;
use crate::text;
use std::collections::HashMap;

/// Gives each row of the table that a line of the file names by its whole key the values of that line, and makes those that are not
/// there: a data fix, on every target, that waits for commit or rollback. `opened` is given the session that it runs on.
///
/// # Errors
/// Every line has to be taken; nothing stays otherwise.
pub async fn replace(
    cx: &Cx,
    conn: &Connection,
    unlock: Option<&Unlock>,
    import: &Import,
    opened: impl FnOnce(&Session),
) -> Result<DataFix> {
    let (dialect, limit) = (conn.dialect(), conn.target().blast_radius);
    let mut table = found(conn, import).await?;
    let shown = text::clean(&table.name).into_owned();
    let mut file = file::open(import, dialect)?.reader;
    with_number(&mut table, file.columns());
    let columns = places(&table, file.columns())?;
    let key = match (table.key.as_slice(), &table.number) {
        ([], Some(number)) => std::slice::from_ref(number),
        (key, _) => key,
    };
    let sent = columns.iter().copied().filter(|c| !computed(c)).collect::<Vec<_>>();
    let Some(of_key) = key.iter().map(|k| sent.iter().position(|c| c.name == *k)).collect::<Option<Vec<_>>>().filter(|of| !of.is_empty())
    else {
        let why = if key.is_empty() { "the table has no key".into() } else { format!("the file has no column {}", key.join(", ")) };
        return Err(Error::usage(format!("rows of {shown} cannot be replaced: {}", text::clean(&why)))
            .hint("Delete those that the file has, then import it without --replace."));
    };
    // A number that the server alone gives is left as it is.
    let number = table.number.as_ref().filter(|n| !key.contains(n));
    let written: Vec<usize> =
        (0..sent.len()).filter(|i| !of_key.contains(i) && !sent[*i].generated && Some(&sent[*i].name) != number).collect();
    let inserted: Vec<usize> = (0..sent.len()).filter(|i| Some(&sent[*i].name) != number).collect();
    let reader = conn.surveyor().await?;
    // Keys are moments, too; and the data fix below saves what it replaces by the same clocks.
    let zone = zone::setting(&reader, import, file.zone()).await?;
    zone::set(&reader, &zone).await?;
    zone.iter().for_each(|setting| conn.ran(setting));
    let own = conn.catalog()?.referrers(&reader, &[table.schema.clone(), table.name.clone()]).await?;
    let at = |names: &[String]| names.iter().map(|n| sent.iter().position(|c| c.name == *n)).collect::<Option<Vec<_>>>();
    // Keys by which the table refers to itself: the places of both sides in a line.
    let own = own.iter().filter(|k| k.schema == table.schema && k.table == table.name);
    let own: Vec<_> = own.filter_map(|k| Some((at(&k.columns)?, at(&k.referenced)?))).collect();
    let mut edits: Vec<Edit> = Vec::new();
    let mut lines: HashMap<Vec<String>, u64> = HashMap::new();
    loop {
        cx.check_cancelled()?;
        let Some(record) = file.read().map_err(Error::usage)? else { break };
        let wrong = |why: String| Error::usage(format!("line {}: {}", record.line, text::clean(&why)));
        let values = fitted(dialect, import.form, &columns, record.values.map_err(wrong)?, &mut |_| ()).map_err(wrong)?;
        let of = |places: &[usize]| places.iter().map(|i| (sent[*i].name.clone(), values[*i].clone())).collect::<Vec<(String, Param)>>();
        let named = of(&of_key);
        if let Some((column, _)) = named.iter().find(|(_, v)| *v == Param::Null) {
            return Err(wrong(format!("{column} is NULL, and names no row")));
        }
        if let Some(first) = lines.insert(named.iter().map(|(_, v)| format!("{v:?}")).collect(), record.line) {
            return Err(wrong(format!("its key stands in line {first}, too")));
        }
        if edits.len() as u64 == limit {
            let limit = text::thousands(limit);
            return Err(Error::held(format!("held: the file holds more rows than this target allows ({limit})"))
                .hint("Replace fewer rows at a time, or raise `blast_radius` of the target in the configuration."));
        }
        let one = cells::replacement(dialect, &table, &named, &of(&written));
        let (look, params) =
            one.select.as_ref().map_or((String::new(), Vec::new()), |(look, params)| (unlocked(look).to_string(), params.clone()));
        let there = cells::rows(&reader, look, &params).await?;
        let text = |i: &usize| match &values[*i] {
            Param::Null => None,
            value => Some(value.text().map_or_else(|| format!("{value:?}"), str::to_string)),
        };
        let told = |places: &[usize]| places.iter().map(text).collect::<Option<Vec<_>>>();
        let refers = own.iter().map(|(from, _)| told(from)).collect();
        let makes = own.iter().map(|(_, to)| told(to).filter(|_| there == 0)).collect();
        let edit = |statement| Edit { statement, refers, makes };
        match there {
            0 => {
                let columns: Vec<_> = inserted.iter().map(|i| sent[*i]).collect();
                let text = statement(dialect, &table, &columns, 1);
                let made = cells::statements(dialect, &table, None, &[RowEdit::Insert { cells: of(&inserted) }]);
                edits.extend(made.into_iter().next().map(|one| edit(CellStatement { text, ..one })));
            }
            1 if written.is_empty() => {}
            1 => edits.push(edit(one)),
            n => return Err(wrong(format!("{n} rows have its key"))),
        }
    }
    if edits.is_empty() {
        return Err(Error::usage("the file has no row that could be put in the place of another"));
    }
    let edits = behind_what_they_refer_to(edits);
    let what = format!("{} of {shown} replaced", text::counted(edits.len() as u64, "row"));
    datafix::rows_named(cx, conn, unlock, &table, &edits, what, opened).await
}

/// A line's statement, and for each key by which the table refers to itself the values by which its row does so, and those that others
/// may refer to once the row is made; `None` where there are none.
struct Edit {
    statement: CellStatement,
    refers: Vec<Option<Vec<String>>>,
    makes: Vec<Option<Vec<String>>>,
}

/// The statements in an order in which each row is made before those that refer to it; otherwise that of the lines. In a ring the lines'
/// order stays, and the server says what it makes of it.
fn behind_what_they_refer_to(edits: Vec<Edit>) -> Vec<CellStatement> {
    let mut makers: HashMap<(usize, &Vec<String>), usize> = HashMap::new();
    for (i, edit) in edits.iter().enumerate() {
        makers.extend(edit.makes.iter().enumerate().filter_map(|(key, v)| Some(((key, v.as_ref()?), i))));
    }
    let needs = |i: usize| edits[i].refers.iter().enumerate().filter_map(|(key, v)| makers.get(&(key, v.as_ref()?)).copied());
    let mut order = Vec::with_capacity(edits.len());
    let mut begun = vec![false; edits.len()];
    for first in 0..edits.len() {
        let mut way: Vec<usize> = Vec::new();
        let mut next = Some(first).filter(|i| !begun[*i]);
        loop {
            if let Some(i) = next {
                begun[i] = true;
                way.push(i);
            }
            let Some(last) = way.last() else { break };
            next = needs(*last).find(|i| !begun[*i]);
            if next.is_none() {
                order.extend(way.pop());
            }
        }
    }
    let mut statements: Vec<_> = edits.into_iter().map(|e| Some(e.statement)).collect();
    order.into_iter().filter_map(|i| statements[i].take()).collect()
}
