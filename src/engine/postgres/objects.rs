//! The canonical catalogue: every user object as (kind, name, definition), equal for equal schemas whatever their oids.
//!
//! Owners (`owner`), privileges (`privileges`) and the settings of the database (`setting`) are objects of their own kinds, so that comparing a restore on
//! another cluster can leave them out. Column order is its own object (`column-order`): a column that was dropped and added
//! again differs there and nowhere else. The values of sequences are data and are not here.
//! Left out: system schemas, temporary objects, members of extensions (the extension stands for them), sqlx's history table.

use super::catalog::{cell, pinned};
use crate::engine::Session;
use crate::model::{CanonicalObject, Result};

/// Kinds that a restore with `--no-owner --no-privileges` into another database does not bring back.
pub(super) const NOT_RESTORED: [&str; 4] = ["owner", "privileges", "default-privileges", "setting"];

pub(super) async fn all(s: &Session) -> Result<Vec<CanonicalObject>> {
    let text = format!("{COMMON}{}", PARTS.join(" UNION ALL "));
    let t = pinned(s, &text, &[]).await?;
    let mut out: Vec<CanonicalObject> = t
        .rows
        .iter()
        .map(|r| CanonicalObject { kind: cell(r, 0).into(), name: cell(r, 1).into(), definition: cell(r, 2).into() })
        .collect();
    out.sort();
    Ok(out)
}

/// `ns`: user schemas; `rel`: user relations with their qualified names. `to_jsonb(x) ->> 'column'` reads catalogue columns
/// that older servers do not have.
const COMMON: &str = "WITH ns AS MATERIALIZED (SELECT n.oid, n.nspname, quote_ident(n.nspname) AS q, n.nspowner, n.nspacl FROM pg_catalog.pg_namespace n \
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'), \
    ext AS MATERIALIZED (SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'), \
    rel AS MATERIALIZED (SELECT c.*, ns.q || '.' || quote_ident(c.relname) AS full_name, \
        CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'f' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized-view' WHEN 'S' THEN 'sequence' WHEN 'c' THEN 'type' END AS word \
        FROM pg_catalog.pg_class c JOIN ns ON ns.oid = c.relnamespace \
        WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S', 'c') AND c.relname <> '_sqlx_migrations' \
        AND NOT EXISTS (SELECT FROM ext WHERE ext.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND ext.objid = c.oid)), \
    fn AS MATERIALIZED (SELECT p.*, ns.q || '.' || quote_ident(p.proname) || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')' AS full_name \
        FROM pg_catalog.pg_proc p JOIN ns ON ns.oid = p.pronamespace \
        WHERE NOT EXISTS (SELECT FROM ext WHERE ext.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND ext.objid = p.oid)), \
    ty AS MATERIALIZED (SELECT t.*, ns.q || '.' || quote_ident(t.typname) AS full_name FROM pg_catalog.pg_type t JOIN ns ON ns.oid = t.typnamespace \
        LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid WHERE t.typtype IN ('e', 'd', 'r', 'c', 'b') AND (t.typrelid = 0 OR c.relkind = 'c') \
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_type el WHERE el.typarray = t.oid) \
        AND NOT EXISTS (SELECT FROM ext WHERE ext.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND ext.objid = t.oid)) ";

const PARTS: &[&str] = &[
    // Schemas; public exists everywhere.
    "SELECT 'schema'::text AS kind, ns.q::text AS name, coalesce('comment ' || quote_literal(pg_catalog.obj_description(ns.oid, 'pg_namespace')), '')::text AS definition FROM ns \
     WHERE NOT EXISTS (SELECT FROM ext WHERE ext.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND ext.objid = ns.oid)",
    // Tables of every kind, without their columns.
    "SELECT 'table', rel.full_name, concat_ws(' ', CASE rel.relkind WHEN 'p' THEN 'partitioned' WHEN 'f' THEN 'foreign' ELSE 'ordinary' END, \
     CASE rel.relpersistence WHEN 'u' THEN 'unlogged' END, 'partition by ' || pg_catalog.pg_get_partkeydef(rel.oid), pg_catalog.pg_get_expr(rel.relpartbound, rel.oid), \
     'inherits ' || (SELECT string_agg(h.inhparent::pg_catalog.regclass::text, ', ' ORDER BY h.inhseqno) FROM pg_catalog.pg_inherits h WHERE h.inhrelid = rel.oid), \
     'of ' || nullif(rel.reloftype, 0)::pg_catalog.regtype, 'using ' || nullif(am.amname, 'heap'), 'tablespace ' || sp.spcname, \
     'with (' || (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(rel.reloptions) o) || ')', \
     CASE WHEN rel.relrowsecurity THEN 'row level security' END, CASE WHEN rel.relforcerowsecurity THEN 'forced' END, \
     CASE rel.relreplident WHEN 'n' THEN 'replica identity nothing' WHEN 'f' THEN 'replica identity full' WHEN 'i' THEN 'replica identity index' END, \
     'server ' || fs.srvname, 'options (' || array_to_string(ft.ftoptions, ', ') || ')', 'comment ' || quote_literal(pg_catalog.obj_description(rel.oid, 'pg_class'))) \
     FROM rel LEFT JOIN pg_catalog.pg_am am ON am.oid = rel.relam LEFT JOIN pg_catalog.pg_tablespace sp ON sp.oid = rel.reltablespace \
     LEFT JOIN pg_catalog.pg_foreign_table ft ON ft.ftrelid = rel.oid LEFT JOIN pg_catalog.pg_foreign_server fs ON fs.oid = ft.ftserver WHERE rel.relkind IN ('r', 'p', 'f')",
    "SELECT 'column', rel.full_name || '.' || quote_ident(a.attname), concat_ws(' ', pg_catalog.format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END, \
     CASE WHEN a.attgenerated = '' THEN 'default ' ELSE 'generated ' END || pg_catalog.pg_get_expr(d.adbin, d.adrelid), \
     CASE a.attidentity WHEN 'a' THEN 'identity always' WHEN 'd' THEN 'identity by default' END, \
     CASE WHEN a.attcollation <> t.typcollation THEN 'collate ' || a.attcollation::pg_catalog.regcollation END, \
     CASE WHEN a.attstorage <> t.typstorage THEN 'storage ' || a.attstorage::text END, 'compression ' || nullif(to_jsonb(a) ->> 'attcompression', ''), \
     CASE WHEN a.attstattarget >= 0 THEN 'statistics ' || a.attstattarget END, 'options (' || array_to_string(a.attoptions, ', ') || ')', \
     'foreign options (' || array_to_string(a.attfdwoptions, ', ') || ')', 'comment ' || quote_literal(pg_catalog.col_description(a.attrelid, a.attnum))) \
     FROM rel JOIN pg_catalog.pg_attribute a ON a.attrelid = rel.oid AND a.attnum > 0 AND NOT a.attisdropped JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
     LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE rel.relkind IN ('r', 'p', 'f', 'm', 'c', 'v')",
    "SELECT 'column-order', rel.full_name, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM rel JOIN pg_catalog.pg_attribute a \
     ON a.attrelid = rel.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE rel.relkind IN ('r', 'p', 'f', 'c') GROUP BY rel.full_name",
    "SELECT 'index', ns.q || '.' || quote_ident(ic.relname), concat_ws(' ', pg_catalog.pg_get_indexdef(i.indexrelid), CASE WHEN NOT i.indisvalid THEN 'INVALID' END, CASE WHEN NOT i.indisready THEN 'NOT READY' END, \
     CASE WHEN i.indisclustered THEN 'clustered' END, CASE WHEN i.indisreplident THEN 'replica identity' END, 'tablespace ' || sp.spcname, \
     'comment ' || quote_literal(pg_catalog.obj_description(ic.oid, 'pg_class'))) \
     FROM pg_catalog.pg_index i JOIN rel ON rel.oid = i.indrelid JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid JOIN ns ON ns.oid = ic.relnamespace \
     LEFT JOIN pg_catalog.pg_tablespace sp ON sp.oid = ic.reltablespace",
    "SELECT 'constraint', coalesce(rel.full_name, ty.full_name) || '.' || quote_ident(k.conname), concat_ws(' ', pg_catalog.pg_get_constraintdef(k.oid), CASE WHEN NOT k.convalidated AND pg_catalog.pg_get_constraintdef(k.oid) !~ 'NOT VALID' THEN 'NOT VALID' END, \
     CASE WHEN k.connoinherit AND k.contype = 'c' THEN 'no inherit' END, 'comment ' || quote_literal(pg_catalog.obj_description(k.oid, 'pg_constraint'))) \
     FROM pg_catalog.pg_constraint k LEFT JOIN rel ON rel.oid = k.conrelid LEFT JOIN ty ON ty.oid = k.contypid WHERE k.contype <> 't' AND (rel.oid IS NOT NULL OR ty.oid IS NOT NULL)",
    "SELECT 'trigger', rel.full_name || '.' || quote_ident(t.tgname), concat_ws(' ', pg_catalog.pg_get_triggerdef(t.oid), CASE t.tgenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always' END, \
     'comment ' || quote_literal(pg_catalog.obj_description(t.oid, 'pg_trigger'))) FROM pg_catalog.pg_trigger t JOIN rel ON rel.oid = t.tgrelid WHERE NOT t.tgisinternal",
    "SELECT 'rule', rel.full_name || '.' || quote_ident(r.rulename), concat_ws(' ', pg_catalog.pg_get_ruledef(r.oid), CASE r.ev_enabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always' END) \
     FROM pg_catalog.pg_rewrite r JOIN rel ON rel.oid = r.ev_class WHERE r.rulename <> '_RETURN'",
    "SELECT 'policy', rel.full_name || '.' || quote_ident(p.polname), concat_ws(' ', CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END, 'for ' || p.polcmd::text, \
     'to ' || (SELECT string_agg(CASE WHEN r = 0 THEN 'public' ELSE quote_ident(pg_catalog.pg_get_userbyid(r)) END, ', ' ORDER BY 1) FROM unnest(p.polroles) r), \
     'using (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')', 'check (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')') FROM pg_catalog.pg_policy p JOIN rel ON rel.oid = p.polrelid",
    "SELECT rel.word, rel.full_name, concat_ws(' ', 'with (' || (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(rel.reloptions) o) || ')', CASE WHEN rel.relkind = 'm' AND NOT rel.relispopulated THEN 'not populated' END, \
     pg_catalog.pg_get_viewdef(rel.oid), 'comment ' || quote_literal(pg_catalog.obj_description(rel.oid, 'pg_class'))) FROM rel WHERE rel.relkind IN ('v', 'm')",
    "SELECT 'function', fn.full_name, concat_ws(' ', pg_catalog.pg_get_functiondef(fn.oid), 'comment ' || quote_literal(pg_catalog.obj_description(fn.oid, 'pg_proc'))) FROM fn WHERE fn.prokind <> 'a'",
    "SELECT 'aggregate', fn.full_name, concat_ws(' ', g.aggkind, 'sfunc ' || g.aggtransfn, 'stype ' || pg_catalog.format_type(g.aggtranstype, NULL), 'finalfunc ' || nullif(g.aggfinalfn::text, '-'), \
     'combinefunc ' || nullif(g.aggcombinefn::text, '-'), 'initcond ' || quote_literal(g.agginitval), 'parallel ' || fn.proparallel::text, 'comment ' || quote_literal(pg_catalog.obj_description(fn.oid, 'pg_proc'))) \
     FROM fn JOIN pg_catalog.pg_aggregate g ON g.aggfnoid = fn.oid",
    "SELECT 'type', ty.full_name, concat_ws(' ', CASE ty.typtype \
     WHEN 'e' THEN 'enum (' || coalesce((SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e WHERE e.enumtypid = ty.oid), '') || ')' \
     WHEN 'd' THEN concat_ws(' ', 'domain', pg_catalog.format_type(ty.typbasetype, ty.typtypmod), CASE WHEN ty.typnotnull THEN 'not null' END, 'default ' || ty.typdefault, \
        CASE WHEN ty.typcollation <> 0 THEN 'collate ' || ty.typcollation::pg_catalog.regcollation END) \
     WHEN 'r' THEN (SELECT concat_ws(' ', 'range', pg_catalog.format_type(r.rngsubtype, NULL), 'canonical ' || nullif(r.rngcanonical::text, '-'), 'diff ' || nullif(r.rngsubdiff::text, '-')) FROM pg_catalog.pg_range r WHERE r.rngtypid = ty.oid) \
     WHEN 'c' THEN 'composite' ELSE concat_ws(' ', 'base', ty.typinput, ty.typoutput, ty.typlen, ty.typalign, ty.typstorage) END, 'comment ' || quote_literal(pg_catalog.obj_description(ty.oid, 'pg_type'))) FROM ty",
    "SELECT 'sequence', rel.full_name, concat_ws(' ', pg_catalog.format_type(q.seqtypid, NULL), 'start', q.seqstart, 'increment', q.seqincrement, 'min', q.seqmin, 'max', q.seqmax, 'cache', q.seqcache, CASE WHEN q.seqcycle THEN 'cycle' END, \
     'owned by ' || (SELECT d.refobjid::pg_catalog.regclass || '.' || quote_ident(a.attname) FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid \
        WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = rel.oid AND d.deptype IN ('a', 'i') LIMIT 1), 'comment ' || quote_literal(pg_catalog.obj_description(rel.oid, 'pg_class'))) \
     FROM rel JOIN pg_catalog.pg_sequence q ON q.seqrelid = rel.oid",
    "SELECT 'extension', quote_ident(e.extname), concat_ws(' ', e.extversion, 'in', e.extnamespace::pg_catalog.regnamespace) FROM pg_catalog.pg_extension e",
    "SELECT 'statistics', ns.q || '.' || quote_ident(s.stxname), pg_catalog.pg_get_statisticsobjdef(s.oid) FROM pg_catalog.pg_statistic_ext s JOIN ns ON ns.oid = s.stxnamespace",
    "SELECT 'collation', ns.q || '.' || quote_ident(c.collname), concat_ws(' ', c.collprovider, to_jsonb(c) ->> 'collcollate', to_jsonb(c) ->> 'collctype', coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale'), CASE WHEN NOT c.collisdeterministic THEN 'nondeterministic' END) \
     FROM pg_catalog.pg_collation c JOIN ns ON ns.oid = c.collnamespace WHERE NOT EXISTS (SELECT FROM ext WHERE ext.classid = 'pg_catalog.pg_collation'::pg_catalog.regclass AND ext.objid = c.oid)",
    "SELECT 'operator', o.oid::pg_catalog.regoperator::text, concat_ws(' ', o.oprcode, 'commutator ' || nullif(o.oprcom, 0)::pg_catalog.regoperator, 'negator ' || nullif(o.oprnegate, 0)::pg_catalog.regoperator, CASE WHEN o.oprcanmerge THEN 'merges' END, CASE WHEN o.oprcanhash THEN 'hashes' END) \
     FROM pg_catalog.pg_operator o JOIN ns ON ns.oid = o.oprnamespace WHERE NOT EXISTS (SELECT FROM ext WHERE ext.classid = 'pg_catalog.pg_operator'::pg_catalog.regclass AND ext.objid = o.oid)",
    "SELECT 'cast', pg_catalog.format_type(c.castsource, NULL) || ' as ' || pg_catalog.format_type(c.casttarget, NULL), concat_ws(' ', c.castcontext, c.castmethod, nullif(c.castfunc, 0)::pg_catalog.regprocedure) \
     FROM pg_catalog.pg_cast c WHERE c.oid >= 16384 AND NOT EXISTS (SELECT FROM ext WHERE ext.classid = 'pg_catalog.pg_cast'::pg_catalog.regclass AND ext.objid = c.oid)",
    "SELECT 'publication', quote_ident(p.pubname), concat_ws(' ', CASE WHEN p.puballtables THEN 'all tables' END, CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END, CASE WHEN p.pubdelete THEN 'delete' END, CASE WHEN p.pubtruncate THEN 'truncate' END, \
     CASE WHEN (to_jsonb(p) ->> 'pubviaroot')::boolean THEN 'via root' END, \
     'tables ' || (SELECT string_agg(pr.prrelid::pg_catalog.regclass::text, ', ' ORDER BY pr.prrelid::pg_catalog.regclass::text) FROM pg_catalog.pg_publication_rel pr WHERE pr.prpubid = p.oid)) FROM pg_catalog.pg_publication p",
    "SELECT 'event-trigger', quote_ident(e.evtname), concat_ws(' ', e.evtevent, e.evtfoid::pg_catalog.regproc, e.evtenabled, array_to_string(e.evttags, ', ')) FROM pg_catalog.pg_event_trigger e \
     WHERE NOT EXISTS (SELECT FROM ext WHERE ext.classid = 'pg_catalog.pg_event_trigger'::pg_catalog.regclass AND ext.objid = e.oid)",
    "SELECT 'server', quote_ident(f.srvname), concat_ws(' ', w.fdwname, f.srvtype, f.srvversion, 'options (' || array_to_string(f.srvoptions, ', ') || ')') FROM pg_catalog.pg_foreign_server f JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = f.srvfdw",
    "SELECT 'default-privileges', coalesce(ns.q, 'all schemas') || ' ' || quote_ident(pg_catalog.pg_get_userbyid(d.defaclrole)) || ' ' || d.defaclobjtype::text, \
     (SELECT string_agg(a::text, ', ' ORDER BY a::text) FROM unnest(d.defaclacl) a) FROM pg_catalog.pg_default_acl d LEFT JOIN ns ON ns.oid = d.defaclnamespace",
    "SELECT 'setting', coalesce(quote_ident(pg_catalog.pg_get_userbyid(nullif(s.setrole, 0))), 'database'), (SELECT string_agg(c, ', ' ORDER BY c) FROM unnest(s.setconfig) c) \
     FROM pg_catalog.pg_db_role_setting s WHERE s.setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())",
    // Owners.
    "SELECT 'owner', 'schema ' || ns.q, quote_ident(pg_catalog.pg_get_userbyid(ns.nspowner)) FROM ns",
    "SELECT 'owner', rel.word || ' ' || rel.full_name, quote_ident(pg_catalog.pg_get_userbyid(rel.relowner)) FROM rel",
    "SELECT 'owner', 'function ' || fn.full_name, quote_ident(pg_catalog.pg_get_userbyid(fn.proowner)) FROM fn",
    "SELECT 'owner', 'type ' || ty.full_name, quote_ident(pg_catalog.pg_get_userbyid(ty.typowner)) FROM ty WHERE ty.typrelid = 0",
    // Privileges: none granted explicitly and the defaults granted explicitly are the same.
    "SELECT 'privileges', 'schema ' || ns.q, (SELECT string_agg(a::text, ', ' ORDER BY a::text) FROM unnest(coalesce(ns.nspacl, pg_catalog.acldefault('n', ns.nspowner))) a) FROM ns",
    "SELECT 'privileges', rel.word || ' ' || rel.full_name, (SELECT string_agg(a::text, ', ' ORDER BY a::text) FROM unnest(coalesce(rel.relacl, pg_catalog.acldefault(CASE WHEN rel.relkind = 'S' THEN 's' ELSE 'r' END::\"char\", rel.relowner))) a) FROM rel WHERE rel.relkind <> 'c'",
    "SELECT 'privileges', 'column ' || rel.full_name || '.' || quote_ident(a.attname), (SELECT string_agg(x::text, ', ' ORDER BY x::text) FROM unnest(a.attacl) x) FROM rel JOIN pg_catalog.pg_attribute a ON a.attrelid = rel.oid AND NOT a.attisdropped WHERE a.attacl IS NOT NULL AND cardinality(a.attacl) > 0",
    "SELECT 'privileges', 'function ' || fn.full_name, (SELECT string_agg(a::text, ', ' ORDER BY a::text) FROM unnest(coalesce(fn.proacl, pg_catalog.acldefault('f', fn.proowner))) a) FROM fn",
    "SELECT 'privileges', 'type ' || ty.full_name, (SELECT string_agg(a::text, ', ' ORDER BY a::text) FROM unnest(coalesce(ty.typacl, pg_catalog.acldefault('T', ty.typowner))) a) FROM ty WHERE ty.typrelid = 0",
];
