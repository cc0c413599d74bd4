//! What a statement calls that its text does not show. A read-only transaction stops ordinary writes, but not what a
//! function does outside of it (`COPY … TO PROGRAM`, dblink, ending another session), so a read is refused when one of
//! its views, operators, casts, domains, aggregates or policies leads to a volatile function of a user.
//!
//! A function in an operator class or a cast counts only where the statement can come to it by the types of its values.
//!
//! A function that its author declared stable or immutable is looked through, too, wherever it stands: the server keeps it from writing
//! itself, but not from calling one that does. What stays hidden: such a function in C, whose author is believed. A volatile one behind
//! these counts as reading where its body says no command at all, for a function is volatile unless its author says otherwise.
//!
//! A function that is called with fewer arguments computes their defaults, which the caller's text does not show either. What a foreign
//! table does on its server nobody here can see: postgres_fdw's transaction there may write, whatever ours may.
//!
//! Planning runs functions that the statement does not name: in expressions of indexes, statistics, checks and defaults. They count.
//!
//! The server's own is what initdb made, wherever it stands, and nothing that somebody put into its schemas or over it since: see [`INITDB`].

use super::catalog::{array, pinned, writing_functions};
use crate::engine::Session;
use crate::model::rows::Table;
use crate::model::{Dialect, Reading, Result};
use crate::sql::{self, Class, Token, TokenKind};
use std::collections::BTreeSet;

/// Views that are followed before the look-up gives up (and refuses).
const MOST_VIEWS: usize = 200;

/// Bytes of a name that the server keeps (NAMEDATALEN - 1): it cuts longer ones off, so `SELECT * FROM long…` may mean another name.
const NAME_BYTES: usize = 63;

/// A table `initdb` of one number: the last transaction of initdb's whose rows count as the server's own. A row that has a greater one was
/// made or replaced since, as long as transactions are numbered for the first time. The extension plpgsql is the last thing that initdb
/// makes, and what ties its functions to it is changed by no GRANT or ALTER; where it was dropped, template0 is the next best. Without
/// either everything is looked through.
pub(super) const INITDB: &str = "initdb(xid) AS MATERIALIZED (SELECT LEAST(min(d.xmin::text::bigint), \
       (SELECT b.xmin::text::bigint FROM pg_catalog.pg_database b WHERE b.datname = 'template0')) FROM pg_catalog.pg_depend d \
       WHERE d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.refobjid < 16384 AND d.deptype = 'e')";

/// A table `v` of the functions that are asked about: volatile ones that are not known to read, and of users those that are declared stable
/// or immutable and whose bodies can be read (or that may do anything). Other names of the server's own volatile functions count as these;
/// of what is written in C the author is believed where it belongs to an extension (but for isn's `isn_weak(true)`, called immutable, after which
/// the session takes wrong numbers). The server's own (`builtin`) count behind operators,
/// casts and the like only; one that was replaced is a user's, but the server finds those in `internal` by their numbers, whatever their
/// rows say since.
const ASKED: &str = "{initdb}, v AS MATERIALIZED (SELECT p.oid, p.proname, p.oid < 16384 AND CASE WHEN p.provolatile = 'v' AND l.lanname IN ('internal', 'c') THEN true \
         ELSE (p.xmin::text::bigint <= (SELECT xid FROM initdb)) IS TRUE END AS builtin \
       FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang \
       WHERE (p.provolatile = 'v' OR p.oid >= 16384 OR (p.xmin::text::bigint <= (SELECT xid FROM initdb)) IS NOT TRUE) \
         AND CASE WHEN p.provolatile = 'v' THEN NOT {known} \
         ELSE p.prokind = 'f' AND CASE l.lanname WHEN 'sql' THEN true WHEN 'plpgsql' THEN true \
             WHEN 'internal' THEN EXISTS (SELECT 1 FROM pg_catalog.pg_proc b WHERE b.oid < 16384 AND b.prolang = p.prolang AND b.prosrc = p.prosrc AND b.provolatile = 'v') \
             WHEN 'c' THEN NOT (p.oid < 16384 AND p.probin LIKE '$libdir/%') AND (NOT {extension} OR p.probin = '$libdir/isn' AND p.prosrc = 'accept_weak_input') ELSE NOT l.lanpltrusted END END)";

/// A condition on `pg_proc p`: it belongs to an extension.
const EXTENSION: &str = "EXISTS (SELECT 1 FROM pg_catalog.pg_depend x WHERE x.classid = 'pg_catalog.pg_proc'::regclass AND x.objid = p.oid AND x.deptype = 'e')";

/// The answer from a table `hit`: what leads to which function, and whether planning leaves a volatile one alone there. Of a volatile
/// SQL function planning may take the text in, so that is looked through; and one that is run is volatile unless its author says
/// otherwise, so what SQL and PL/pgSQL say is read, too. The oids stand there a second time, as an array, because the server expects
/// thousands of hits and would read every function there is.
const ANSWER: &str = "SELECT CASE WHEN EXISTS (SELECT 1 FROM unnest(p.proconfig) c WHERE c ILIKE 'standard_conforming_strings=%') THEN 'escapes' \
         WHEN p.provolatile = 'v' AND h.idle THEN 'inlined' WHEN p.provolatile = 'v' THEN h.what \
         WHEN l.lanname IN ('sql', 'plpgsql') THEN 'body' ELSE 'foreign' END, \
       'function ' || p.oid::regprocedure::text, \
       CASE WHEN l.lanname NOT IN ('sql', 'plpgsql') OR p.prokind <> 'f' THEN '' WHEN p.prosrc <> '' THEN p.prosrc \
         ELSE regexp_replace(pg_catalog.pg_get_functiondef(p.oid), '^CREATE OR REPLACE FUNCTION ', '') END, \
       CASE h.what WHEN 'calls' THEN '' ELSE h.what END \
     FROM hit h JOIN pg_catalog.pg_proc p ON p.oid = h.oid AND p.oid = ANY (ARRAY(SELECT oid FROM hit)) \
     JOIN pg_catalog.pg_language l ON l.oid = p.prolang \
     WHERE p.provolatile <> 'v' OR NOT h.idle OR l.lanname = 'sql'";

/// Whether there is anything that [`LOOK`] could find at its first level for a read; of plain tables and the server's own functions there
/// is not, and LOOK costs some 20 ms in a new session, most of them for the server to read and plan it. $1: names in the text,
/// $2: calls and fields.
///
/// No row: nothing. It may say yes too often, never no too often. Numbers below 16384 (`FirstNormalObjectId`) came with the server, and
/// of these what was replaced counts always: it stands behind words and views that name nothing. Languages 12 and 13 are `internal` and
/// `c` (`pg_language.dat`), whose functions count only when they are volatile.
const ANYTHING: &str = "WITH {initdb} SELECT 1 WHERE EXISTS (SELECT 1 FROM pg_catalog.pg_class c WHERE c.relname = ANY ($1::text[]) \
         AND CASE WHEN c.oid < 16384 AND c.relkind = 'v' THEN EXISTS (SELECT 1 FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid \
             AND (r.xmin::text::bigint <= (SELECT xid FROM initdb)) IS NOT TRUE) \
           ELSE c.relkind NOT IN ('r', 'i', 'I', 'S', 't') OR c.relhasrules OR c.relrowsecurity OR c.relhassubclass \
             OR EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.atttypid >= 16384) \
               AND EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k WHERE k.contypid >= 16384 AND k.conbin IS NOT NULL) \
             OR EXISTS (SELECT 1 FROM (SELECT 'pg_catalog.pg_class'::regclass, i.indexrelid FROM pg_catalog.pg_index i \
                 WHERE i.indrelid = c.oid AND (i.indpred IS NOT NULL OR i.indexprs IS NOT NULL) \
               UNION ALL SELECT 'pg_catalog.pg_statistic_ext'::regclass, e.oid FROM pg_catalog.pg_statistic_ext e WHERE e.stxrelid = c.oid \
               UNION ALL SELECT 'pg_catalog.pg_constraint'::regclass, k.oid FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c') x(classid, objid) \
             JOIN pg_catalog.pg_depend d ON d.classid = x.classid AND d.objid = x.objid \
             WHERE d.refclassid IN ('pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_operator'::regclass)) END) \
     OR EXISTS (SELECT 1 FROM pg_catalog.pg_type t WHERE t.typname = ANY ($1::text[]) AND t.oid >= 16384 AND t.typrelid = 0) \
     OR EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k WHERE k.contypid > 0 AND k.contypid < 16384 AND k.oid >= 16384) \
     OR EXISTS (SELECT 1 FROM pg_catalog.pg_proc p WHERE p.proname = ANY ($2::text[]) AND (p.oid >= 16384 \
         OR p.proargdefaults IS NOT NULL AND (p.xmin::text::bigint <= (SELECT xid FROM initdb)) IS NOT TRUE)) \
     OR EXISTS (SELECT 1 FROM pg_catalog.pg_proc p WHERE p.oid < 16384 AND p.prolang NOT IN (12, 13) \
         AND (p.xmin::text::bigint <= (SELECT xid FROM initdb)) IS NOT TRUE) \
     OR EXISTS (SELECT 1 FROM pg_catalog.pg_aggregate a WHERE a.aggfnoid < 16384 AND (a.xmin::text::bigint <= (SELECT xid FROM initdb)) IS NOT TRUE) \
     OR EXISTS (SELECT 1 FROM (SELECT c.castfunc FROM pg_catalog.pg_cast c WHERE c.oid >= 16384 \
         UNION ALL SELECT a.amproc FROM pg_catalog.pg_amproc a WHERE a.oid >= 16384 \
         UNION ALL SELECT o.oprcode FROM pg_catalog.pg_operator o WHERE o.oid >= 16384) x(oid) \
       JOIN pg_catalog.pg_proc p ON p.oid = x.oid WHERE p.provolatile = 'v' OR p.prolang NOT IN (12, 13) OR p.oid >= 16384 AND NOT {extension})";

/// One round trip for each level of views. $1: names in the text, $2: operators, $3: calls and fields, $4: whether it is only
/// planned, so that volatile functions are not run, $5: names that stand for themselves, and `schema.name` where one stands before.
///
/// `named` is every type that the statement can come to: types and rows of relations that are named, what users' functions and operators
/// take and give, and what all these are made of. Where a value becomes one of a domain has no short rule (literals, polymorphic
/// functions, rows, arrays, JSON), so a domain's condition counts as soon as the statement can come to it.
///
/// `attached` is what planning computes beside the statement: expressions of indexes, statistics, checks and partition keys of the
/// relations that are named, and for a statement that writes their defaults and rules. Volatile functions are left alone there.
const LOOK: &str = "WITH RECURSIVE {asked}, \
     named(oid) AS (SELECT t.oid FROM pg_catalog.pg_type t WHERE t.typname = ANY ($1::text[]) \
       UNION SELECT unnest(p.prorettype || p.proargtypes::oid[] || p.proallargtypes) FROM pg_catalog.pg_proc p \
         WHERE p.proname = ANY ($3::text[]) AND p.oid >= 16384 \
       UNION SELECT unnest(ARRAY[a.aggtranstype, a.aggmtranstype]) FROM pg_catalog.pg_aggregate a JOIN pg_catalog.pg_proc p ON p.oid = a.aggfnoid \
         WHERE p.proname = ANY ($3::text[]) AND p.oid >= 16384 \
       UNION SELECT k.contypid FROM pg_catalog.pg_constraint k WHERE k.contypid > 0 AND k.contypid < 16384 AND k.oid >= 16384 \
       UNION SELECT unnest(ARRAY[o.oprleft, o.oprright, o.oprresult]) FROM pg_catalog.pg_operator o WHERE o.oprname = ANY ($2::text[]) AND o.oid >= 16384 \
       UNION SELECT x.oid FROM named m JOIN pg_catalog.pg_type t ON t.oid = m.oid CROSS JOIN LATERAL ( \
         SELECT t.typelem UNION ALL SELECT t.typbasetype \
         UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE t.oid::text IN (r.rngtypid::text, to_jsonb(r) ->> 'rngmultitypid') \
         UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE t.typrelid <> 0 AND a.attrelid = t.typrelid AND a.attnum > 0) x(oid) \
         WHERE x.oid <> 0), \
     rels(oid) AS (SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = ANY ($1::text[]) \
         AND (c.relname = ANY ($5::text[]) OR n.nspname || '.' || c.relname = ANY ($5::text[])) \
       UNION SELECT x.oid FROM rels CROSS JOIN LATERAL (SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = rels.oid \
         UNION ALL SELECT d.refobjid FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass \
           AND d.objid = r.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass WHERE r.ev_class = rels.oid) x(oid)), \
     attached(what, classid, objid) AS (SELECT 'index ' || x.relname, 'pg_catalog.pg_class'::regclass, x.oid FROM pg_catalog.pg_index i \
         JOIN rels ON rels.oid = i.indrelid JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid WHERE i.indpred IS NOT NULL OR i.indexprs IS NOT NULL \
       UNION ALL SELECT 'key of a partitioned table', 'pg_catalog.pg_class'::regclass, k.partrelid FROM pg_catalog.pg_partitioned_table k \
         JOIN rels ON rels.oid = k.partrelid WHERE k.partexprs IS NOT NULL \
       UNION ALL SELECT 'statistics ' || e.stxname, 'pg_catalog.pg_statistic_ext'::regclass, e.oid FROM pg_catalog.pg_statistic_ext e JOIN rels ON rels.oid = e.stxrelid \
       UNION ALL SELECT 'constraint ' || k.conname, 'pg_catalog.pg_constraint'::regclass, k.oid FROM pg_catalog.pg_constraint k JOIN rels ON rels.oid = k.conrelid \
         WHERE k.contype = 'c' \
       UNION ALL SELECT 'default', 'pg_catalog.pg_attrdef'::regclass, d.oid FROM pg_catalog.pg_attrdef d JOIN rels ON rels.oid = d.adrelid WHERE $4::boolean \
       UNION ALL SELECT 'default', 'pg_catalog.pg_type'::regclass, t.oid FROM pg_catalog.pg_attribute a JOIN rels ON rels.oid = a.attrelid \
         JOIN pg_catalog.pg_type t ON t.oid = a.atttypid WHERE $4::boolean AND t.typtype = 'd' AND a.attnum > 0 \
       UNION ALL SELECT 'rule', 'pg_catalog.pg_rewrite'::regclass, r.oid FROM pg_catalog.pg_rewrite r JOIN rels ON rels.oid = r.ev_class WHERE $4::boolean), \
     expressed(what, classid, objid, idle) AS (SELECT a.what, a.classid, a.objid, true FROM attached a \
       UNION ALL SELECT 'domain ' || t.typname, 'pg_catalog.pg_constraint'::regclass, con.oid, $4::boolean FROM pg_catalog.pg_constraint con \
         JOIN pg_catalog.pg_type t ON t.oid = con.contypid WHERE t.oid IN (SELECT oid FROM named) \
       UNION ALL SELECT 'policy ' || pol.polname, 'pg_catalog.pg_policy'::regclass, pol.oid, $4::boolean FROM pg_catalog.pg_policy pol \
         JOIN pg_catalog.pg_class c ON c.oid = pol.polrelid WHERE c.relrowsecurity AND c.oid IN (SELECT oid FROM rels) \
           AND (pol.polcmd IN ('r', '*') OR $4::boolean)), \
     hit(what, oid, idle) AS (SELECT 'calls', v.oid, $4::boolean FROM v WHERE v.proname = ANY ($3::text[]) AND NOT v.builtin \
       UNION SELECT 'server, in which a function of its own was replaced,', v.oid, $4::boolean FROM v WHERE v.oid < 16384 AND NOT v.builtin \
       UNION SELECT e.what, v.oid, e.idle FROM expressed e JOIN pg_catalog.pg_depend d ON d.classid = e.classid AND d.objid = e.objid \
         LEFT JOIN pg_catalog.pg_operator o ON d.refclassid = 'pg_catalog.pg_operator'::regclass AND o.oid = d.refobjid \
         JOIN v ON v.oid = COALESCE(o.oprcode::oid, CASE WHEN d.refclassid = 'pg_catalog.pg_proc'::regclass THEN d.refobjid END) \
       UNION SELECT 'aggregate ' || g.proname, v.oid, false FROM pg_catalog.pg_aggregate a JOIN pg_catalog.pg_proc g ON g.oid = a.aggfnoid \
         JOIN v ON v.oid IN (a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn) \
         WHERE g.proname = ANY ($3::text[]) OR g.oid < 16384 AND (a.xmin::text::bigint <= (SELECT xid FROM initdb)) IS NOT TRUE), \
     asked_operators(oid) AS MATERIALIZED (SELECT o.oid FROM pg_catalog.pg_operator o WHERE (o.oprcode IN (SELECT oid FROM v)) IS TRUE) \
     {answer} \
     UNION ALL SELECT 'maybe', '', '', '' WHERE EXISTS (SELECT 1 FROM pg_catalog.pg_cast c WHERE (c.castfunc IN (SELECT oid FROM v)) IS TRUE) \
       OR EXISTS (SELECT 1 FROM pg_catalog.pg_amproc a WHERE (a.amproc IN (SELECT oid FROM v)) IS TRUE) \
       OR EXISTS (SELECT 1 FROM asked_operators o JOIN pg_catalog.pg_amop a ON a.amopopr = o.oid) \
       OR EXISTS (SELECT 1 FROM asked_operators o JOIN pg_catalog.pg_operator w ON o.oid IN (w.oid, w.oprcom, w.oprnegate) WHERE w.oprname = ANY ($2::text[])) \
     UNION ALL SELECT 'foreign table ' || c.relname, CASE WHEN w.fdwname = 'file_fdw' THEN 'a program' ELSE 'another server by ' || w.fdwname END, '', '' \
       FROM pg_catalog.pg_foreign_table f JOIN pg_catalog.pg_class c ON c.oid = f.ftrelid JOIN pg_catalog.pg_foreign_server fs ON fs.oid = f.ftserver \
       JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = fs.srvfdw \
       WHERE c.oid IN (SELECT oid FROM rels) AND (w.fdwname <> 'file_fdw' OR EXISTS (SELECT 1 FROM unnest(f.ftoptions) o WHERE o LIKE 'program=%')) \
         AND NOT $4::boolean \
     UNION ALL SELECT 'text', 'default of an argument of ' || p.oid::regprocedure::text, 'SELECT ' || pg_catalog.pg_get_expr(p.proargdefaults, 0), '' \
       FROM pg_catalog.pg_proc p WHERE p.proargdefaults IS NOT NULL \
         AND (p.oid >= 16384 OR (p.xmin::text::bigint <= (SELECT xid FROM initdb)) IS NOT TRUE) AND p.proname = ANY ($3::text[]) \
     UNION ALL SELECT 'text', 'domain ' || t.oid::regtype::text || ' (' || con.conname || ')', 'SELECT ' || pg_catalog.pg_get_expr(con.conbin, 0), '' FROM pg_catalog.pg_constraint con \
       JOIN pg_catalog.pg_type t ON t.oid = con.contypid WHERE NOT $4::boolean AND con.conbin IS NOT NULL AND t.oid IN (SELECT oid FROM named) \
     UNION ALL SELECT 'view', 'policy ' || pol.polname || ' on ' || c.oid::regclass::text, 'SELECT ' || pg_catalog.pg_get_expr(pol.polqual, pol.polrelid), '' \
       FROM pg_catalog.pg_policy pol JOIN pg_catalog.pg_class c ON c.oid = pol.polrelid \
       WHERE pol.polqual IS NOT NULL AND (pol.polcmd IN ('r', '*') OR $4::boolean) AND c.relrowsecurity AND c.oid IN (SELECT oid FROM rels) \
     UNION ALL SELECT 'view', 'view ' || c.oid::regclass::text, pg_catalog.pg_get_viewdef(c.oid), '' FROM pg_catalog.pg_class c \
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'v' AND c.relname = ANY ($1::text[]) \
         AND (c.relname = ANY ($5::text[]) OR n.nspname || '.' || c.relname = ANY ($5::text[])) AND (c.oid >= 16384 OR EXISTS (SELECT 1 FROM pg_catalog.pg_rewrite r \
         WHERE r.ev_class = c.oid AND (r.xmin::text::bigint <= (SELECT xid FROM initdb)) IS NOT TRUE))";

/// What is asked only where some function of [`ASKED`] stands in an operator, an operator class or a cast: whether the statement can
/// come to it. $1: names in the text and in all that stands behind it, $2: operators, $3: calls and fields, $4: whether it
/// is only planned, $5: whether it converts anything.
///
/// `reach` is every type that a value in the statement can have: the server's own types; types that are named, of the columns of
/// relations that are named, that functions of a named name take or give, that operators give; what all these are made of, and what
/// they are converted to unasked. Operators that stand between two literals choose their types from what there is, so theirs count,
/// unless there is one for texts, which is then the server's choice.
///
/// An operator is used when its operands are such types; planning may turn it round or negate it. A class is used when it is the
/// default of such a type, or an index, a partition key or a range stands on it.
const REACHED: &str = "WITH RECURSIVE {asked}, \
     rels(oid) AS (SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relname = ANY ($1::text[]) \
       UNION SELECT i.inhrelid FROM rels JOIN pg_catalog.pg_inherits i ON i.inhparent = rels.oid), \
     ranges AS MATERIALIZED (SELECT r.rngtypid, r.rngsubtype, r.rngsubopc, (to_jsonb(r) ->> 'rngmultitypid')::oid AS multi FROM pg_catalog.pg_range r), \
     start(oid) AS (SELECT t.oid FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace \
         WHERE n.nspname IN ('pg_catalog', 'information_schema') OR t.typname = ANY ($1::text[]) \
       UNION ALL SELECT unnest(p.prorettype || p.proargtypes::oid[] || p.proallargtypes) FROM pg_catalog.pg_proc p WHERE p.proname = ANY ($3::text[]) \
       UNION ALL SELECT x.oid FROM pg_catalog.pg_operator o CROSS JOIN LATERAL (SELECT o.oprresult UNION ALL SELECT y.oid FROM unnest(ARRAY[o.oprleft, o.oprright]) y(oid) \
           WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_operator b WHERE b.oprname = o.oprname AND b.oprnamespace = 'pg_catalog'::regnamespace \
             AND b.oprleft = 'text'::regtype AND b.oprright = 'text'::regtype)) x(oid) WHERE o.oprname = ANY ($2::text[])), \
     into_unasked AS MATERIALIZED (SELECT c.castsource, c.casttarget FROM pg_catalog.pg_cast c WHERE c.castcontext = 'i'), \
     reach(oid) AS (SELECT oid FROM start WHERE oid <> 0 UNION SELECT x.oid FROM reach m JOIN pg_catalog.pg_type t ON t.oid = m.oid CROSS JOIN LATERAL ( \
         SELECT t.typelem UNION ALL SELECT t.typarray UNION ALL SELECT t.typbasetype \
         UNION ALL SELECT r.rngsubtype FROM ranges r WHERE t.oid IN (r.rngtypid, r.multi) \
         UNION ALL SELECT r.multi FROM ranges r WHERE r.rngtypid = t.oid \
         UNION ALL SELECT r.rngtypid FROM ranges r WHERE r.multi = t.oid \
         UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE t.typrelid <> 0 AND a.attrelid = t.typrelid AND a.attnum > 0 \
         UNION ALL SELECT c.casttarget FROM into_unasked c WHERE c.castsource = t.oid) x(oid) WHERE x.oid <> 0), \
     used(family) AS (SELECT c.opcfamily FROM pg_catalog.pg_opclass c WHERE c.opcdefault AND c.opcintype IN (SELECT oid FROM reach) \
       UNION SELECT c.opcfamily FROM pg_catalog.pg_opclass c WHERE c.oid IN ( \
         SELECT unnest(i.indclass::oid[]) FROM pg_catalog.pg_index i WHERE i.indrelid IN (SELECT oid FROM rels) \
         UNION ALL SELECT unnest(k.partclass::oid[]) FROM pg_catalog.pg_partitioned_table k WHERE k.partrelid IN (SELECT oid FROM rels) \
         UNION ALL SELECT r.rngsubopc FROM ranges r WHERE r.rngtypid IN (SELECT oid FROM reach))), \
     said(oid) AS (SELECT unnest(ARRAY[o.oid, o.oprcom, o.oprnegate]) FROM pg_catalog.pg_operator o WHERE o.oprname = ANY ($2::text[])), \
     hit(what, oid, idle) AS (SELECT 'operator ' || o.oprname, v.oid, false FROM pg_catalog.pg_operator o JOIN v ON v.oid = o.oprcode \
         WHERE o.oid IN (SELECT oid FROM said) AND (o.oprleft = 0 OR o.oprleft IN (SELECT oid FROM reach)) \
         AND (o.oprright = 0 OR o.oprright IN (SELECT oid FROM reach)) \
       UNION SELECT 'operator family ' || f.opfname, v.oid, false FROM pg_catalog.pg_amproc a JOIN v ON v.oid = a.amproc \
         JOIN pg_catalog.pg_opfamily f ON f.oid = a.amprocfamily WHERE f.oid IN (SELECT family FROM used) \
         AND a.amproclefttype IN (SELECT oid FROM reach) AND a.amprocrighttype IN (SELECT oid FROM reach) \
       UNION SELECT 'operator family ' || f.opfname, v.oid, false FROM pg_catalog.pg_amop a JOIN pg_catalog.pg_operator o ON o.oid = a.amopopr \
         JOIN v ON v.oid = o.oprcode JOIN pg_catalog.pg_opfamily f ON f.oid = a.amopfamily WHERE f.oid IN (SELECT family FROM used) \
         AND a.amoplefttype IN (SELECT oid FROM reach) AND a.amoprighttype IN (SELECT oid FROM reach) \
       UNION SELECT 'cast from ' || a.typname || ' to ' || b.typname, v.oid, $4::boolean FROM pg_catalog.pg_cast c JOIN v ON v.oid = c.castfunc \
         JOIN pg_catalog.pg_type a ON a.oid = c.castsource JOIN pg_catalog.pg_type b ON b.oid = c.casttarget \
         WHERE c.castsource IN (SELECT oid FROM reach) AND c.casttarget IN (SELECT oid FROM reach) \
         AND (c.castcontext = 'i' OR c.castcontext = 'a' AND $1::text[] && ARRAY['insert', 'update', 'merge'] OR $5::boolean OR a.typname = ANY ($1::text[]) OR b.typname = ANY ($1::text[]) \
           OR b.typname IN ('text', 'varchar', 'json', 'jsonb'))) \
     {answer}";

/// A condition on `pg_proc p`: a C function of an extension that comes with PostgreSQL (or hypopg), known to read alone although it is
/// declared volatile. It is told by its library and the symbol in it, which only a superuser can bind to a name: what it is called and
/// which schema it is in says nothing. The symbols carry the extension's version at their ends.
pub(super) const KNOWN_READER: &str = "(p.prolang = (SELECT l.oid FROM pg_catalog.pg_language l WHERE l.lanname = 'c') AND CASE p.probin \
     WHEN '$libdir/pg_stat_statements' THEN p.prosrc ~ '^pg_stat_statements(_1_[0-9]+|_info)?$' \
     WHEN '$libdir/pg_buffercache' THEN p.prosrc IN ('pg_buffercache_pages', 'pg_buffercache_summary', 'pg_buffercache_usage_counts') \
     WHEN '$libdir/pgstattuple' THEN p.prosrc ~ '^(pgstattuple|pgstattuplebyid|pgstattuple_approx|pgstatindex|pgstatindexbyid|pgstatginindex|pgstathashindex|pg_relpages|pg_relpagesbyid)(_v1_[0-9]+)?$' \
     WHEN '$libdir/pg_freespacemap' THEN p.prosrc = 'pg_freespace' \
     WHEN '$libdir/pg_visibility' THEN p.prosrc IN ('pg_visibility', 'pg_visibility_rel', 'pg_visibility_map', 'pg_visibility_map_rel', \
       'pg_visibility_map_summary', 'pg_check_frozen', 'pg_check_visible') \
     WHEN '$libdir/pageinspect' THEN true WHEN '$libdir/amcheck' THEN p.prosrc = 'verify_heapam' \
     WHEN '$libdir/pgrowlocks' THEN p.prosrc = 'pgrowlocks' \
     WHEN '$libdir/pg_walinspect' THEN p.prosrc ~ '^pg_get_wal_(record|records|stats|fpi|block)' \
     WHEN '$libdir/old_snapshot' THEN p.prosrc = 'pg_old_snapshot_time_mapping' \
     WHEN '$libdir/sslinfo' THEN p.prosrc ~ '^ssl_' \
     WHEN '$libdir/postgres_fdw' THEN p.prosrc ~ '^postgres_fdw_get_connections(_1_[0-9]+)?$' \
     WHEN '$libdir/tablefunc' THEN p.prosrc = 'normal_rand' \
     WHEN '$libdir/uuid-ossp' THEN p.prosrc IN ('uuid_generate_v1', 'uuid_generate_v1mc', 'uuid_generate_v4') \
     WHEN '$libdir/pgcrypto' THEN p.prosrc IN ('pg_gen_salt', 'pg_gen_salt_rounds', 'pg_random_bytes', 'pg_random_uuid', 'pgp_sym_encrypt_text', \
       'pgp_sym_encrypt_bytea', 'pgp_pub_encrypt_text', 'pgp_pub_encrypt_bytea') \
     WHEN '$libdir/hypopg' THEN p.prosrc IN ('hypopg', 'hypopg_relation_size', 'hypopg_get_indexdef', 'hypopg_hidden_indexes') \
     ELSE false END)";

/// Operators that words of the grammar call: `a IN (b)` is `a = b`, and so on.
const BEHIND_WORDS: &[(&str, &[&str])] = &[
    ("in", &["=", "<>"]),
    ("between", &["<", "<=", ">", ">="]),
    ("like", &["~~", "!~~"]),
    ("ilike", &["~~*", "!~~*"]),
    ("similar", &["~", "!~"]),
    ("case", &["="]),
    ("nullif", &["="]),
    ("using", &["="]),
    ("natural", &["="]),
    ("distinct", &["="]),
];

/// The server's own functions that may do more than read.
pub(super) const VOLATILE: &str = "SELECT DISTINCT proname::text FROM pg_catalog.pg_proc \
    WHERE pronamespace = 'pg_catalog'::regnamespace AND provolatile = 'v' AND proname = ANY ($1::text[])";

/// A sentence that names what may write behind `text` when it is run, beside what it says itself: a read, or a change of rows.
pub(super) async fn writer(s: &Session, text: &str) -> Result<Option<String>> {
    Look::default().through(s, text, false).await
}

/// A sentence that names what may write when `text`, a statement that writes, is only planned: planning runs functions that are declared
/// stable or immutable, and those that compare values for its estimates.
pub(super) async fn planner(s: &Session, text: &str) -> Result<Option<String>> {
    Look::default().through(s, text, true).await
}

/// A text that waits to be looked through.
struct Waiting {
    text: String,
    /// A function's body, which converts whatever it puts into its variables.
    body: bool,
}

#[derive(Default)]
struct Look {
    seen: BTreeSet<String>,
    /// Texts that are only planned: volatile functions in them are not run.
    idle: Vec<Waiting>,
    /// Texts that are run.
    run: Vec<Waiting>,
    /// Functions' bodies and the like that will be run, and what they call.
    bodies: Vec<(String, Vec<String>)>,
    /// All that was said at any level.
    all: Said,
    /// Whether operators, classes or casts may be in it.
    maybe: bool,
    /// What called something that was looked through, and stands in no text: casts, operators and the like.
    unnamed: BTreeSet<String>,
    /// Something is run: of a read everything, of a plan the bodies that planning runs.
    runs: bool,
}

impl Look {
    async fn through(mut self, s: &Session, text: &str, planned: bool) -> Result<Option<String>> {
        self.runs = !planned;
        if let Err(why) = called(text)
            && why == ESCAPES
        {
            return Ok(Some(format!("it {why}")));
        }
        let first = Waiting { text: text.to_string(), body: false };
        if planned {
            self.idle.push(first);
        } else {
            let mut said = Said::default();
            said.gather(text);
            let [names, _, calls, ..] = said.params(false);
            let anything = ANYTHING.replace("{initdb}", INITDB).replace("{extension}", EXTENSION);
            if ask(s, &anything, &[names, calls]).await?.rows.is_empty() {
                return Ok(None);
            }
            self.run.push(first);
        }
        let whole = |text: &str| {
            let text = text.replace("{asked}", ASKED).replace("{answer}", ANSWER).replace("{known}", KNOWN_READER);
            text.replace("{initdb}", INITDB).replace("{extension}", EXTENSION)
        };
        let (look, reached) = (whole(LOOK), whole(REACHED));
        loop {
            let idle = !self.idle.is_empty();
            let level = std::mem::take(if idle { &mut self.idle } else { &mut self.run });
            let (found, idle) = if !level.is_empty() {
                self.runs |= !idle;
                let mut said = Said::default();
                for w in level {
                    for said in [&mut said, &mut self.all] {
                        said.gather(&w.text);
                        said.converts |= w.body;
                    }
                }
                let [names, operators, calls, planned, _] = said.params(idle);
                (ask(s, &look, &[names, operators, calls, planned, list(&said.places)]).await?, idle)
            } else if std::mem::take(&mut self.maybe) {
                let idle = !self.runs;
                (ask(s, &reached, &self.all.params(idle)).await?, idle)
            } else {
                return Ok(None);
            };
            for row in &found.rows {
                let cell = |i: usize| row.get(i).and_then(Option::as_deref).unwrap_or("");
                if let Some(why) = self.answer(s, idle, cell(0), cell(1), cell(2)).await? {
                    let unsaid: Vec<&str> = self.unnamed.iter().map(String::as_str).filter(|w| !why.contains(w)).take(3).collect();
                    let by = if unsaid.is_empty() { String::new() } else { format!(" (called by the {})", unsaid.join(", or the ")) };
                    return Ok(Some(why + &by));
                }
                if !cell(3).is_empty() {
                    self.unnamed.insert(cell(3).to_string());
                }
            }
            if let Some(why) = self.own_calls(s).await? {
                return Ok(Some(why));
            }
        }
    }

    /// The server's own functions that new bodies call. Users' are found at the next level; what is no function at all (`AS t(a)`) is found
    /// nowhere.
    async fn own_calls(&mut self, s: &Session) -> Result<Option<String>> {
        let bodies = std::mem::take(&mut self.bodies);
        if bodies.is_empty() {
            return Ok(None);
        }
        let all: BTreeSet<String> = bodies.iter().flat_map(|(_, calls)| calls.iter().cloned()).collect();
        let known: BTreeSet<&str> = sql::functions::known(Dialect::Postgres).collect();
        let own = ask(s, VOLATILE, &[list(&all)]).await?;
        let writes: BTreeSet<&str> = own.rows.iter().filter_map(|r| r.first()?.as_deref()).filter(|f| !known.contains(f)).collect();
        let found = bodies.iter().find_map(|(who, calls)| calls.iter().find(|c| writes.contains(c.as_str())).map(|f| (who, f)));
        Ok(found.map(|(who, f)| format!("the {who} calls {f}, which may write")))
    }

    /// Takes one line of an answer; a sentence when it may write.
    async fn answer(&mut self, s: &Session, idle: bool, what: &str, who: &str, text: &str) -> Result<Option<String>> {
        match what {
            "maybe" => self.maybe = true,
            "escapes" => return Ok(Some(format!("the {who} has a setting of its own by which its strings are read, so it may write"))),
            "foreign" => return Ok(Some(format!("the {who} is written in a language that may do anything, so it may write"))),
            what => {
                let volatile = !matches!(what, "view" | "text" | "body" | "inlined");
                if volatile && (text.is_empty() || says_command(text)) {
                    return Ok(Some(match what {
                        "calls" => format!("the {who} may write"),
                        what => format!("the {what} calls the {who}, which may write"),
                    }));
                }
                let what = if volatile { "body" } else { what };
                // What was planned may be run by another way.
                let mark = if what == "body" || !idle { who.to_string() } else { format!("{who} as planned") };
                if !self.seen.insert(mark) {
                    return Ok(None);
                }
                if self.seen.len() > MOST_VIEWS {
                    return Ok(Some(format!("more than {MOST_VIEWS} views and functions stand behind it, too many to look through")));
                }
                let idle = idle && what != "body";
                let body = matches!(what, "body" | "inlined");
                if body && text.contains('\\') && s.status().reading.backslash {
                    return Ok(Some(format!("the {who} holds a backslash, which this session takes for an escape, so it may write")));
                }
                if what == "view" && !idle {
                    let verdict = sql::classify(Dialect::Postgres, text);
                    if verdict.class != Class::Read {
                        return Ok(Some(format!("the {who} may write: {}", verdict.reason)));
                    }
                    if let Some(f) = writing_functions(s, &verdict.functions).await?.into_iter().next() {
                        return Ok(Some(format!("the {who} calls {f}, which may write")));
                    }
                } else if what != "view" {
                    let calls = match called(text) {
                        Err(why) if what != "text" => return Ok(Some(format!("the {who} {why}, which may write"))),
                        Ok(calls) => calls,
                        Err(_) => calls_of(text),
                    };
                    if !idle {
                        self.bodies.push((who.to_string(), calls));
                    }
                }
                if idle { &mut self.idle } else { &mut self.run }.push(Waiting { text: text.to_string(), body });
            }
        }
        Ok(None)
    }
}

/// Asks with names pinned: a search path may put a user's operators before the server's. The many joins would be compiled by the server
/// (`jit`) for seconds, too.
async fn ask(s: &Session, text: &str, params: &[String]) -> Result<Table> {
    pinned(s, text, &params.iter().map(String::as_str).collect::<Vec<_>>()).await
}

/// As the end of a sentence.
const ESCAPES: &str = "spells a name in escapes (U&)";

/// Names of the functions that a body calls, without their schemas; or what it does that hides them, as the end of a sentence.
pub(super) fn called(body: &str) -> std::result::Result<Vec<String>, &'static str> {
    for t in sql::lex(Dialect::Postgres, body) {
        let word = &body[t.span.clone()];
        match t.kind {
            // Nobody writes names in escapes who does not want to hide them, and PL/pgSQL may say UESCAPE much later.
            TokenKind::QuotedIdentifier if !word.starts_with('"') => return Err(ESCAPES),
            TokenKind::Identifier | TokenKind::Keyword if word.eq_ignore_ascii_case("execute") => {
                return Err("builds statements while it runs");
            }
            _ => {}
        }
    }
    Ok(calls_of(body))
}

/// Words with which a statement begins that does more than read, or that runs what stands elsewhere. A body that has none of them can
/// only compute, look and call: each of PostgreSQL's statements begins with its own word (gram.y, `stmt`).
const COMMANDS: &[&str] = &[
    "abort",
    "alter",
    "analyse",
    "analyze",
    "call",
    "checkpoint",
    "cluster",
    "comment",
    "commit",
    "copy",
    "create",
    "deallocate",
    "delete",
    "discard",
    "do",
    "drop",
    "execute",
    "explain",
    "fetch",
    "grant",
    "import",
    "insert",
    "listen",
    "load",
    "lock",
    "merge",
    "move",
    "notify",
    "prepare",
    "reassign",
    "refresh",
    "reindex",
    "release",
    "reset",
    "revoke",
    "rollback",
    "savepoint",
    "security",
    "set",
    "start",
    "truncate",
    "unlisten",
    "update",
    "vacuum",
];

/// Whether a function's body says a word of [`COMMANDS`], be it as a name.
fn says_command(body: &str) -> bool {
    sql::lex(Dialect::Postgres, body).into_iter().any(|t| {
        matches!(t.kind, TokenKind::Identifier | TokenKind::Keyword)
            && COMMANDS.contains(&body[t.span.clone()].to_ascii_lowercase().as_str())
    })
}

/// The tokens that mean something, and where a backslash leaves it open how the server reads strings, those of the other reading.
fn readings(text: &str) -> Vec<Vec<Token>> {
    let other = text.contains('\\').then(|| Reading::postgres(false));
    let means = |t: &Token| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment);
    let of = |r: Reading| sql::lex(r, text).into_iter().filter(means).collect();
    std::iter::once(Dialect::Postgres.into()).chain(other).map(of).collect()
}

/// Names that stand before a parenthesis, without their schemas, as the server keeps them. `INSERT INTO t (…)` calls nothing.
pub(super) fn calls_of(body: &str) -> Vec<String> {
    let mut out = BTreeSet::new();
    for tokens in readings(body) {
        let raw = |i: usize| tokens.get(i).map_or("", |t| &body[t.span.clone()]);
        for i in (0..tokens.len()).filter(|i| raw(i + 1) == "(") {
            let mut first = i;
            while first >= 2 && raw(first - 1) == "." {
                first -= 2;
            }
            if first == 0 || !raw(first - 1).eq_ignore_ascii_case("into") {
                out.extend(kept(tokens[i].kind, raw(i)));
            }
        }
    }
    out.into_iter().collect()
}

/// Names behind a dot: `row.name` calls a function of that name, if there is no such column.
pub(super) fn after_dots(text: &str) -> Vec<String> {
    let mut out = BTreeSet::new();
    for tokens in readings(text) {
        let raw = |i: usize| &text[tokens[i].span.clone()];
        out.extend((1..tokens.len()).filter(|i| raw(i - 1) == ".").flat_map(|i| kept(tokens[i].kind, raw(i))));
    }
    out.into_iter().collect()
}

/// How the server may keep a name, if a token can be one. It folds ASCII letters; others only where the encoding has one byte for each.
fn kept(kind: TokenKind, word: &str) -> Vec<String> {
    let names = match kind {
        TokenKind::Identifier | TokenKind::Keyword => vec![word.to_ascii_lowercase(), word.to_lowercase()],
        TokenKind::QuotedIdentifier => {
            vec![word.strip_prefix('"').and_then(|w| w.strip_suffix('"')).unwrap_or(word).replace("\"\"", "\"")]
        }
        _ => Vec::new(),
    };
    let cut = |name: &String| {
        let end = (0..=NAME_BYTES).rev().find(|&i| name.is_char_boundary(i)).unwrap_or(0);
        (name.len() > NAME_BYTES).then(|| name[..end].to_string())
    };
    let cuts: Vec<String> = names.iter().filter_map(cut).collect();
    names.into_iter().chain(cuts).collect()
}

fn list(set: &BTreeSet<String>) -> String {
    array(&set.iter().cloned().collect::<Vec<_>>())
}

/// Every name, operator and call of a text, as the catalogue writes them.
#[derive(Debug, Default)]
struct Said {
    names: BTreeSet<String>,
    operators: BTreeSet<String>,
    calls: BTreeSet<String>,
    /// What may name a relation: the last parts of names, with the schema if one stands before.
    places: BTreeSet<String>,
    /// Some value is made another type's: `::`, CAST, `type 'literal'`, columns of XML or JSON, or a parameter.
    converts: bool,
}

impl Said {
    /// For [`LOOK`] and [`REACHED`].
    fn params(&self, planned: bool) -> [String; 5] {
        let converts = self.converts || planned;
        let [names, operators, calls] = [&self.names, &self.operators, &self.calls].map(list);
        [names, operators, calls, planned.to_string(), converts.to_string()]
    }

    fn gather_places(&mut self, text: &str, tokens: &[Token]) {
        let raw = |i: usize| tokens.get(i).map_or("", |t| &text[t.span.clone()]);
        for (i, t) in tokens.iter().enumerate().filter(|(i, _)| raw(i + 1) != ".") {
            let names = kept(t.kind, raw(i));
            let schemas = if i > 1 && raw(i - 1) == "." { kept(tokens[i - 2].kind, raw(i - 2)) } else { Vec::new() };
            // A session's own temporary schema has a number in its name.
            match schemas.is_empty() || schemas.iter().any(|s| s.starts_with("pg_temp")) {
                true => self.places.extend(names),
                false => self.places.extend(schemas.iter().flat_map(|s| names.iter().map(move |n| format!("{s}.{n}")))),
            }
        }
    }

    fn gather(&mut self, text: &str) {
        for tokens in readings(text) {
            self.gather_places(text, &tokens);
        }
        let mut before = None;
        for t in readings(text).into_iter().flatten() {
            let word = &text[t.span.clone()];
            match t.kind {
                TokenKind::Identifier | TokenKind::Keyword => {
                    let ascii = word.to_ascii_lowercase();
                    self.names.extend(kept(t.kind, word));
                    self.converts |= matches!(ascii.as_str(), "cast" | "xmltable" | "json_table");
                    if let Some((_, operators)) = BEHIND_WORDS.iter().find(|(w, _)| *w == ascii) {
                        self.operators.extend(operators.iter().map(|o| (*o).to_string()));
                    }
                }
                TokenKind::QuotedIdentifier => self.names.extend(kept(t.kind, word)),
                TokenKind::Operator => {
                    self.converts |= word == "::";
                    self.operators.insert(word.to_string());
                }
                TokenKind::String => {
                    self.converts |= matches!(before, Some(TokenKind::Identifier | TokenKind::QuotedIdentifier));
                }
                TokenKind::Parameter => self.converts = true,
                _ => {}
            }
            before = Some(t.kind);
        }
        self.calls.extend(calls_of(text).into_iter().chain(after_dots(text)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Said {
        let mut out = Said::default();
        out.gather(text);
        out
    }

    #[test]
    fn names_operators_and_calls_are_gathered() {
        let s = said("select \"Wei\"\"rd\", t.f, public.G(x) from V_a where a #### 2");
        assert!(s.names.contains("v_a") && s.names.contains("Wei\"rd"), "{s:?}");
        assert!(s.operators.contains("####") && !s.operators.contains("="), "{s:?}");
        assert!(s.calls.contains("g") && s.calls.contains("f"), "{s:?}");
    }

    #[test]
    fn names_are_cut_and_folded_as_the_server_does_it() {
        let long = "é".repeat(40);
        let s = said(&format!("select * from {long}, \"{long}x\", VÉ"));
        assert!(s.names.contains(&"é".repeat(31)) && s.names.contains(&long), "{s:?}");
        assert!(s.names.contains("vÉ") && s.names.contains("vé"), "{s:?}");
    }

    #[test]
    fn a_body_that_says_a_command_is_told() {
        for body in ["begin copy (select 1) to 'x'; return 1; end", "begin if a then Notify x; end if; end", "select 1; set x = 1"] {
            assert!(says_command(body), "{body}");
        }
        for body in ["begin return value ~ 'copy'; end", "/* insert */ select \"update\" from t", "begin raise exception 'delete'; end"] {
            assert!(!says_command(body), "{body}");
        }
    }

    #[test]
    fn what_converts_is_seen() {
        for text in ["select a::b", "select cast(a as b)", "select t '(7)'", "select \"t\" /* */ '(7)'", "select $1"] {
            assert!(said(text).converts, "{text}");
        }
        assert!(!said("select 'a', t.b from t where c = 'd'").converts);
        assert!(said("select 1 where a in (1)").operators.contains("="));
    }
}
