//! Names of types as `format_type` writes them: built-in ones from a table, so that usual queries need no further round trip.

use crate::model::{Align, Cell};
use std::collections::HashMap;

/// Built-in types of PostgreSQL 15, sorted by oid; oids of built-in types never change.
static BUILT_IN: &[(u32, &str)] = &[
    (16, "boolean"),
    (17, "bytea"),
    (18, "\"char\""),
    (19, "name"),
    (20, "bigint"),
    (21, "smallint"),
    (22, "int2vector"),
    (23, "integer"),
    (24, "regproc"),
    (25, "text"),
    (26, "oid"),
    (27, "tid"),
    (28, "xid"),
    (29, "cid"),
    (30, "oidvector"),
    (32, "pg_ddl_command"),
    (114, "json"),
    (142, "xml"),
    (143, "xml[]"),
    (194, "pg_node_tree"),
    (199, "json[]"),
    (269, "table_am_handler"),
    (271, "xid8[]"),
    (325, "index_am_handler"),
    (600, "point"),
    (601, "lseg"),
    (602, "path"),
    (603, "box"),
    (604, "polygon"),
    (628, "line"),
    (629, "line[]"),
    (650, "cidr"),
    (651, "cidr[]"),
    (700, "real"),
    (701, "double precision"),
    (705, "unknown"),
    (718, "circle"),
    (719, "circle[]"),
    (774, "macaddr8"),
    (775, "macaddr8[]"),
    (790, "money"),
    (791, "money[]"),
    (829, "macaddr"),
    (869, "inet"),
    (1000, "boolean[]"),
    (1001, "bytea[]"),
    (1002, "\"char\"[]"),
    (1003, "name[]"),
    (1005, "smallint[]"),
    (1006, "int2vector[]"),
    (1007, "integer[]"),
    (1008, "regproc[]"),
    (1009, "text[]"),
    (1010, "tid[]"),
    (1011, "xid[]"),
    (1012, "cid[]"),
    (1013, "oidvector[]"),
    (1014, "character[]"),
    (1015, "character varying[]"),
    (1016, "bigint[]"),
    (1017, "point[]"),
    (1018, "lseg[]"),
    (1019, "path[]"),
    (1020, "box[]"),
    (1021, "real[]"),
    (1022, "double precision[]"),
    (1027, "polygon[]"),
    (1028, "oid[]"),
    (1033, "aclitem"),
    (1034, "aclitem[]"),
    (1040, "macaddr[]"),
    (1041, "inet[]"),
    (1042, "character"),
    (1043, "character varying"),
    (1082, "date"),
    (1083, "time without time zone"),
    (1114, "timestamp without time zone"),
    (1115, "timestamp without time zone[]"),
    (1182, "date[]"),
    (1183, "time without time zone[]"),
    (1184, "timestamp with time zone"),
    (1185, "timestamp with time zone[]"),
    (1186, "interval"),
    (1187, "interval[]"),
    (1231, "numeric[]"),
    (1263, "cstring[]"),
    (1266, "time with time zone"),
    (1270, "time with time zone[]"),
    (1560, "bit"),
    (1561, "bit[]"),
    (1562, "bit varying"),
    (1563, "bit varying[]"),
    (1700, "numeric"),
    (1790, "refcursor"),
    (2201, "refcursor[]"),
    (2202, "regprocedure"),
    (2203, "regoper"),
    (2204, "regoperator"),
    (2205, "regclass"),
    (2206, "regtype"),
    (2207, "regprocedure[]"),
    (2208, "regoper[]"),
    (2209, "regoperator[]"),
    (2210, "regclass[]"),
    (2211, "regtype[]"),
    (2249, "record"),
    (2275, "cstring"),
    (2277, "anyarray"),
    (2278, "void"),
    (2279, "trigger"),
    (2280, "language_handler"),
    (2281, "internal"),
    (2283, "anyelement"),
    (2287, "record[]"),
    (2776, "anynonarray"),
    (2949, "txid_snapshot[]"),
    (2950, "uuid"),
    (2951, "uuid[]"),
    (2970, "txid_snapshot"),
    (3115, "fdw_handler"),
    (3220, "pg_lsn"),
    (3221, "pg_lsn[]"),
    (3310, "tsm_handler"),
    (3361, "pg_ndistinct"),
    (3402, "pg_dependencies"),
    (3500, "anyenum"),
    (3614, "tsvector"),
    (3615, "tsquery"),
    (3642, "gtsvector"),
    (3643, "tsvector[]"),
    (3644, "gtsvector[]"),
    (3645, "tsquery[]"),
    (3734, "regconfig"),
    (3735, "regconfig[]"),
    (3769, "regdictionary"),
    (3770, "regdictionary[]"),
    (3802, "jsonb"),
    (3807, "jsonb[]"),
    (3831, "anyrange"),
    (3838, "event_trigger"),
    (3904, "int4range"),
    (3905, "int4range[]"),
    (3906, "numrange"),
    (3907, "numrange[]"),
    (3908, "tsrange"),
    (3909, "tsrange[]"),
    (3910, "tstzrange"),
    (3911, "tstzrange[]"),
    (3912, "daterange"),
    (3913, "daterange[]"),
    (3926, "int8range"),
    (3927, "int8range[]"),
    (4072, "jsonpath"),
    (4073, "jsonpath[]"),
    (4089, "regnamespace"),
    (4090, "regnamespace[]"),
    (4096, "regrole"),
    (4097, "regrole[]"),
    (4191, "regcollation"),
    (4192, "regcollation[]"),
    (4451, "int4multirange"),
    (4532, "nummultirange"),
    (4533, "tsmultirange"),
    (4534, "tstzmultirange"),
    (4535, "datemultirange"),
    (4536, "int8multirange"),
    (4537, "anymultirange"),
    (4538, "anycompatiblemultirange"),
    (4600, "pg_brin_bloom_summary"),
    (4601, "pg_brin_minmax_multi_summary"),
    (5017, "pg_mcv_list"),
    (5038, "pg_snapshot"),
    (5039, "pg_snapshot[]"),
    (5069, "xid8"),
    (5077, "anycompatible"),
    (5078, "anycompatiblearray"),
    (5079, "anycompatiblenonarray"),
    (5080, "anycompatiblerange"),
    (6150, "int4multirange[]"),
    (6151, "nummultirange[]"),
    (6152, "tsmultirange[]"),
    (6153, "tstzmultirange[]"),
    (6155, "datemultirange[]"),
    (6157, "int8multirange[]"),
];

/// All user-defined types that a result can have: table row types are left out, because there may be thousands. Types are named as the
/// session's search path has it, which may put a user's operators before the server's: hence `OPERATOR`.
pub(super) const QUERY: &str = "SELECT t.oid, pg_catalog.format_type(t.oid, NULL) FROM pg_catalog.pg_type t \
    LEFT JOIN pg_catalog.pg_type e ON e.oid OPERATOR(pg_catalog.=) t.typelem LEFT JOIN pg_catalog.pg_class c \
      ON c.oid OPERATOR(pg_catalog.=) CASE WHEN t.typrelid OPERATOR(pg_catalog.<>) 0 THEN t.typrelid ELSE e.typrelid END \
    WHERE t.oid OPERATOR(pg_catalog.>=) 16384 AND t.typtype OPERATOR(pg_catalog.=) ANY ('{b,c,e,r,m,d}') \
      AND (c.oid IS NULL OR c.relkind OPERATOR(pg_catalog.=) 'c') LIMIT 5000";

/// Names of this database's own types.
#[derive(Default)]
pub(super) struct Types {
    own: HashMap<u32, String>,
    /// The names have to be read (again) before the next statement.
    pub stale: bool,
}

impl Types {
    pub fn unread() -> Self {
        Types { own: HashMap::new(), stale: true }
    }

    pub fn replace(&mut self, rows: &[Vec<Option<String>>]) {
        self.own = rows
            .iter()
            .filter_map(|r| match r.as_slice() {
                [Some(oid), Some(name)] => Some((oid.parse().ok()?, name.clone())),
                _ => None,
            })
            .collect();
        self.stale = false;
    }

    /// The name with its modifier, e.g. `numeric(10,2)[]`. A type that nobody told us of yet is named by its oid, and the
    /// names are read again before the next statement.
    pub fn name(&mut self, oid: u32, modifier: i32) -> String {
        let name = match built_in(oid) {
            Some(n) => n,
            None => match self.own.get(&oid) {
                Some(n) => n,
                None => {
                    self.stale = true;
                    return format!("type {oid}");
                }
            },
        };
        with_modifier(name, modifier)
    }
}

fn built_in(oid: u32) -> Option<&'static str> {
    BUILT_IN.binary_search_by_key(&oid, |(o, _)| *o).ok().map(|i| BUILT_IN[i].1)
}

/// What `format_type(oid, modifier)` would print.
fn with_modifier(name: &str, modifier: i32) -> String {
    if let Some(element) = name.strip_suffix("[]") {
        return format!("{}[]", with_modifier(element, modifier));
    }
    if modifier < 0 {
        return if name == "character" { "bpchar".into() } else { name.into() };
    }
    match name {
        // Both carry the length of the varlena header.
        "numeric" => {
            let m = modifier - 4;
            let scale = m & 0x7ff;
            // Since 15 the scale is signed, 11 bits.
            let scale = if scale >= 1024 { scale - 2048 } else { scale };
            format!("numeric({},{scale})", (m >> 16) & 0xffff)
        }
        "character varying" | "character" => format!("{name}({})", modifier - 4),
        "bit" | "bit varying" => format!("{name}({modifier})"),
        "timestamp without time zone" | "timestamp with time zone" | "time without time zone" | "time with time zone" => {
            let (head, tail) = name.split_at(name.find(' ').unwrap_or(name.len()));
            format!("{head}({modifier}){tail}")
        }
        "interval" => interval(modifier),
        _ => name.into(),
    }
}

/// Fields in the upper half, precision in the lower (`intervaltypmodout`).
fn interval(modifier: i32) -> String {
    const BITS: [(i32, &str); 6] = [(2, "year"), (1, "month"), (3, "day"), (10, "hour"), (11, "minute"), (12, "second")];
    let fields = (modifier >> 16) & 0x7fff;
    let precision = modifier & 0xffff;
    let mut out = String::from("interval");
    if fields != 0x7fff {
        let named: Vec<&str> = BITS.iter().filter(|(b, _)| fields & (1 << b) != 0).map(|(_, n)| *n).collect();
        match named.as_slice() {
            [] => {}
            [one] => out.push_str(&format!(" {one}")),
            [first, .., last] => out.push_str(&format!(" {first} to {last}")),
        }
    }
    if precision != 0xffff {
        out.push_str(&format!("({precision})"));
    }
    out
}

/// How a column's values are to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Text,
    /// Always digits.
    Integer,
    /// Digits, or `NaN` and `Infinity`, which are no numbers in JSON.
    Float,
}

impl Shape {
    pub fn of(oid: u32) -> Shape {
        match oid {
            20 | 21 | 23 | 26 => Shape::Integer,
            700 | 701 | 1700 => Shape::Float,
            _ => Shape::Text,
        }
    }
    pub fn align(self, oid: u32) -> Align {
        // money is text with a currency sign, and still a number to the eye.
        if self != Shape::Text || oid == 790 { Align::Right } else { Align::Left }
    }
    #[inline]
    pub fn cell(self, bytes: &[u8]) -> Cell<'_> {
        match self {
            Shape::Text => Cell::Text(bytes),
            Shape::Integer => Cell::Number(bytes),
            Shape::Float => match bytes {
                [b'0'..=b'9', ..] | [b'-', b'0'..=b'9', ..] => Cell::Number(bytes),
                _ => Cell::Text(bytes),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(BUILT_IN.windows(2).all(|w| w[0].0 < w[1].0));
    }

    #[test]
    fn modifiers_are_written_as_the_server_does() {
        let mut t = Types::default();
        assert_eq!(t.name(1700, (10 << 16 | 2) + 4), "numeric(10,2)");
        assert_eq!(t.name(1700, (3 << 16 | (-2 & 0x7ff)) + 4), "numeric(3,-2)");
        assert_eq!(t.name(1231, (10 << 16 | 2) + 4), "numeric(10,2)[]");
        assert_eq!(t.name(1043, 24), "character varying(20)");
        assert_eq!(t.name(1042, 7), "character(3)");
        assert_eq!(t.name(1184, 3), "timestamp(3) with time zone");
        assert_eq!(t.name(1562, 8), "bit varying(8)");
        assert_eq!(t.name(23, -1), "integer");
        assert!(!t.stale);
        assert_eq!(t.name(99_999, -1), "type 99999");
        assert!(t.stale);
    }

    #[test]
    fn not_a_number_is_text() {
        assert_eq!(Shape::Float.cell(b"NaN"), Cell::Text(b"NaN"));
        assert_eq!(Shape::Float.cell(b"-1.5"), Cell::Number(b"-1.5"));
        assert_eq!(Shape::Float.cell(b"-Infinity"), Cell::Text(b"-Infinity"));
    }
}
