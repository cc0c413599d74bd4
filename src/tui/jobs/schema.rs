//! What the catalogue is asked: for the schema pane, for completion, and for the table behind a result.

use super::Shared;
use crate::app::effect::ResultId;
use crate::app::panes::schema::{Ask, Told};
use crate::app::{Action, Msg};
use crate::model::{Error, NodePath};
use crate::ops;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What is below a node: first the names alone, where the engine has them sooner.
pub(super) async fn children(shared: Arc<Shared>, link: u64, at: NodePath) {
    let Some(live) = shared.live(link) else { return };
    let unused = (!live.used.load(Ordering::SeqCst)).then_some(&live.query);
    let early = |names| shared.send(Msg::Outline { link, at: at.clone(), names });
    let result = ops::schema::children_early(&live.connection, unused, &at, early).await;
    shared.send(Msg::Children { link, at, result });
}

pub(super) async fn definition(shared: Arc<Shared>, link: u64, at: NodePath) {
    let Some(live) = shared.live(link) else { return };
    let result = ops::schema::definition(&shared.cx(), &live.connection, &at).await;
    shared.send(Msg::Definition { link, at, result });
}

/// All names that completion proposes.
pub(super) async fn names(shared: Arc<Shared>, link: u64) {
    let Some(live) = shared.live(link) else { return };
    let result = ops::schema::names(&shared.cx(), &live.connection).await.map(Box::new);
    shared.send(Msg::Names { link, result });
}

/// The names of one schema that was left for later.
pub(super) async fn names_of(shared: Arc<Shared>, link: u64, schema: String) {
    let Some(live) = shared.live(link) else { return };
    let result = ops::schema::names_of(&live.connection, &schema).await;
    shared.send(Msg::NamesOf { link, schema, result });
}

/// The columns of a temporary table. Only its own session sees it; no row is read. A name that cannot be read so is not proposed, and
/// nothing is lost.
pub(super) async fn temporary_table(shared: Arc<Shared>, link: u64, name: String) {
    let Some(live) = shared.live(link) else { return };
    let text = format!("SELECT * FROM {} LIMIT 0", live.connection.dialect().quote_ident(&name));
    if let Ok(table) = live.query.fetch(text).await {
        shared.send(Msg::TemporaryTable { link, name, columns: table.columns });
    }
}

/// The table whose rows a result shows, to change them.
pub(super) async fn table_of(shared: Arc<Shared>, link: u64, result: ResultId, table: Vec<String>, then: Action) {
    let Some(live) = shared.live(link) else { return };
    let look = async {
        let (catalog, session) = (live.connection.catalog()?, live.connection.follower().await?);
        match catalog.table(&session, &table).await? {
            Some(info) => Ok(Ok(info)),
            None => catalog.no_table(&session, &table).await.map(Err),
        }
    };
    let info = match look.await {
        Ok(Ok(info)) => Ok(Some(info)),
        Ok(Err(Some(what))) => Err(Error::failed(format!("Read-only: {what}, and its rows are changed in its tables."))),
        Ok(Err(None)) => Ok(None),
        Err(e) => Err(e.context("looking the table up")),
    };
    shared.send(Msg::TableOf { link, result, table, info, then });
}

/// What the pane asks of one node or schema.
pub(super) async fn answer(shared: Arc<Shared>, link: u64, ask: Ask) {
    let Some(live) = shared.live(link) else { return };
    let cx = shared.cx();
    let told = match ask {
        Ask::Template { at, template } => Told::Template(ops::schema::template(&cx, &live.connection, &at, template).await),
        Ask::UsedBy { at } => {
            let result = ops::used_by::used_by(&cx, &live.connection, &at).await.map(Box::new);
            Told::UsedBy { at, result }
        }
        Ask::Usage { schema } => {
            let result = ops::schema::usage(&cx, &live.connection, &schema).await;
            Told::Usage { schema, result }
        }
    };
    shared.send(Msg::Schema { link, told });
}
