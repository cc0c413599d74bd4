//! The server's answer to one statement, while it is read: rows into batches, events to the reader.

use super::cancel::Control;
use super::types::{Shape, Types};
use crate::engine::session::Event;
use crate::model::rows::Origin;
use crate::model::{Align, BatchBuilder, Cell, Column, Error, Notice, Result};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How long a cancel may take before it is sent again.
pub(super) const AGAIN: Duration = Duration::from_secs(1);

/// Which part of a job's answer is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Types,
    Main,
    Coda,
}

/// State of one statement while its answer is read.
pub(super) struct Run {
    pub events: mpsc::Sender<Result<Event>>,
    /// The reader went away: what comes is thrown away.
    pub abandoned: bool,
    /// When a cancel was sent last.
    pub cancelled: Option<Instant>,
    /// No batch was handed over yet.
    pub first: bool,
    pub batch: BatchBuilder,
    pub shapes: Vec<Shape>,
    /// COPY TO STDOUT runs; true when its data is binary.
    pub copy: Option<bool>,
    /// Command tags of the prelude that are still to come.
    pub wanted: usize,
    pub stage: Stage,
    pub types: Vec<Vec<Option<String>>>,
    pub tag: Option<String>,
    pub error: Option<Error>,
    pub elapsed: Duration,
    pub coda_left: usize,
    pub copy_in: bool,
    /// It is a statement of the user: what is said meanwhile is said to its reader.
    pub users: bool,
    /// Types of the parameters, where the statement is only described.
    pub described: Option<Vec<u32>>,
}

impl Run {
    /// One that has not begun, with so many statements before and behind it.
    pub fn new(events: mpsc::Sender<Result<Event>>, before: usize, behind: usize) -> Run {
        Run {
            events,
            abandoned: false,
            cancelled: None,
            first: true,
            batch: BatchBuilder::new(0),
            shapes: Vec::new(),
            copy: None,
            wanted: before,
            stage: Stage::Main,
            types: Vec::new(),
            tag: None,
            error: None,
            elapsed: Duration::ZERO,
            coda_left: behind,
            copy_in: false,
            users: false,
            described: None,
        }
    }

    async fn send(&mut self, event: Event) {
        if !self.abandoned && self.events.send(Ok(event)).await.is_err() {
            self.abandoned = true;
        }
    }

    pub async fn flush(&mut self) {
        if !self.batch.is_empty() {
            self.first = false;
            let batch = self.batch.take();
            self.send(Event::Rows(batch)).await;
        }
    }

    /// Cancels on the server when the reader went away, and again when a cancel had no effect: it may have reached the server
    /// before the statement did.
    pub fn check(&mut self, control: &Arc<Control>) {
        self.abandoned |= self.events.is_closed();
        if self.stage == Stage::Coda || !(self.abandoned || control.asked()) {
            return;
        }
        match self.cancelled {
            // Somebody else sent this one just now.
            None if control.asked() => self.cancelled = Some(Instant::now()),
            Some(at) if at.elapsed() < AGAIN => {}
            _ => {
                self.cancelled = Some(Instant::now());
                control.again();
            }
        }
    }

    pub async fn notice(&mut self, notice: Notice) {
        if self.stage != Stage::Coda {
            self.flush().await;
            self.send(Event::Notice(notice)).await;
        }
    }

    pub async fn columns(&mut self, fields: &[Field], types: &mut Types, parameters: &BTreeMap<String, String>) {
        self.shapes = fields.iter().map(|f| Shape::of(f.oid)).collect();
        let columns: Vec<Column> = fields
            .iter()
            .zip(&self.shapes)
            .map(|(f, s)| {
                let type_name = types.name(f.oid, f.modifier);
                let style = super::written::style(parameters, &type_name);
                Column { name: f.name.clone(), type_name, align: s.align(f.oid), origin: f.origin(), style }
            })
            .collect();
        self.batch = BatchBuilder::new(columns.len());
        self.send(Event::Columns(columns.into())).await;
    }

    pub async fn copy_out(&mut self, binary: bool) {
        self.copy = Some(binary);
        self.batch = BatchBuilder::new(1);
        let column = Column {
            name: "copy".into(),
            type_name: if binary { "bytea" } else { "text" }.into(),
            align: Align::Left,
            origin: None,
            style: None,
        };
        self.send(Event::Columns([column].into())).await;
    }

    pub fn copied(&mut self, data: &[u8]) {
        if self.abandoned {
            return;
        }
        match self.copy {
            Some(true) => self.batch.push(Cell::Binary(data)),
            _ => self.batch.push(Cell::Text(data.strip_suffix(b"\n").unwrap_or(data))),
        }
    }

    /// Takes a DataRow's body. False when it is malformed.
    pub fn row(&mut self, body: &[u8]) -> bool {
        let Some((head, mut rest)) = body.split_at_checked(2) else { return false };
        let n = usize::from(u16::from_be_bytes([head[0], head[1]]));
        let mut taken: Vec<Option<String>> = Vec::new();
        if self.stage == Stage::Main && n != self.shapes.len() {
            return false;
        }
        for i in 0..n {
            let Some((len, after)) = rest.split_at_checked(4) else { return false };
            let len = i32::from_be_bytes([len[0], len[1], len[2], len[3]]);
            let value = if len < 0 {
                rest = after;
                None
            } else {
                let Some((value, after)) = after.split_at_checked(len as usize) else { return false };
                rest = after;
                Some(value)
            };
            match self.stage {
                Stage::Main if !self.abandoned => self.batch.push(value.map_or(Cell::Null, |v| self.shapes[i].cell(v))),
                Stage::Types => taken.push(value.map(|v| String::from_utf8_lossy(v).into_owned())),
                _ => {}
            }
        }
        match self.stage {
            Stage::Types => self.types.push(taken),
            Stage::Main if n == 0 && !self.abandoned => self.batch.push_bare(),
            _ => {}
        }
        true
    }
}

/// A field of a RowDescription.
pub(super) struct Field {
    pub name: String,
    pub oid: u32,
    pub modifier: i32,
    /// Table and column that it is taken from; zero where it is computed.
    table: u32,
    number: i16,
}

impl Field {
    fn origin(&self) -> Option<Origin> {
        // System columns (ctid, xmin) have negative numbers and cannot be written.
        (self.table != 0 && self.number > 0)
            .then(|| Origin { table: vec![format!("#{}", self.table)], column: format!("#{}", self.number) })
    }
}

/// Reads a RowDescription's body; names need not be UTF-8 (a server with encoding SQL_ASCII).
pub(super) fn row_description(body: &[u8]) -> Option<Vec<Field>> {
    let (n, mut rest) = body.split_at_checked(2)?;
    let n = u16::from_be_bytes([n[0], n[1]]);
    let mut fields = Vec::with_capacity(usize::from(n));
    for _ in 0..n {
        let end = rest.iter().position(|b| *b == 0)?;
        let name = String::from_utf8_lossy(&rest[..end]).into_owned();
        // Table oid 4, column 2, type oid 4, size 2, modifier 4, format 2.
        let (tail, after) = rest[end + 1..].split_at_checked(18)?;
        rest = after;
        let oid = u32::from_be_bytes([tail[6], tail[7], tail[8], tail[9]]);
        let modifier = i32::from_be_bytes([tail[12], tail[13], tail[14], tail[15]]);
        let table = u32::from_be_bytes([tail[0], tail[1], tail[2], tail[3]]);
        let number = i16::from_be_bytes([tail[4], tail[5]]);
        fields.push(Field { name, oid, modifier, table, number });
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn hostile_descriptions_are_survived(body: Vec<u8>) {
            let _ = row_description(&body);
        }
    }
}
