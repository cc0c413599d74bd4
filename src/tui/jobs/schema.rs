//! What the schema pane asks of the catalogue.

use super::Shared;
use crate::app::Msg;
use crate::app::panes::schema::{Ask, Told};
use crate::ops;
use std::sync::Arc;

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
