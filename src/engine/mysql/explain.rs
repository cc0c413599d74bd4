//! Asking for a plan.

use crate::model::plan::Plan;
use crate::model::{Error, Result};
use mysql_async::Conn;

pub(super) async fn take(_conn: &mut Conn, _text: &str, _analyze: bool, _mariadb: bool, _version: &str, _open: bool) -> Result<Plan> {
    Err(Error::failed("plans of MariaDB and MySQL are not there yet"))
}
