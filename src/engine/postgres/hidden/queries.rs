//! What the catalogue is asked to find what a statement calls without saying so.

/// A table `initdb` of one number: the last transaction of initdb's whose rows count as the server's own. A row that has a greater one was
/// made or replaced since, as long as transactions are numbered for the first time. The extension plpgsql is the last thing that initdb
/// makes, and what ties its functions to it is changed by no GRANT or ALTER; where it was dropped, template0 is the next best. Without
/// either everything is looked through.
pub(in crate::engine::postgres) const INITDB: &str = "initdb(xid) AS MATERIALIZED (SELECT LEAST(min(d.xmin::text::bigint), \
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
pub(super) const ANYTHING: &str = "WITH {initdb} SELECT 1 WHERE EXISTS (SELECT 1 FROM pg_catalog.pg_class c WHERE c.relname = ANY ($1::text[]) \
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
pub(super) const LOOK: &str = "WITH RECURSIVE {asked}, \
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
pub(super) const REACHED: &str = "WITH RECURSIVE {asked}, \
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
pub(in crate::engine::postgres) const KNOWN_READER: &str = "(p.prolang = (SELECT l.oid FROM pg_catalog.pg_language l WHERE l.lanname = 'c') AND CASE p.probin \
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

/// The server's own functions that may do more than read.
pub(in crate::engine::postgres) const VOLATILE: &str = "SELECT DISTINCT proname::text FROM pg_catalog.pg_proc \
    WHERE pronamespace = 'pg_catalog'::regnamespace AND provolatile = 'v' AND proname = ANY ($1::text[])";

/// A query with all that stands in braces put in.
pub(super) fn whole(query: &str) -> String {
    let text = query.replace("{asked}", ASKED).replace("{answer}", ANSWER).replace("{known}", KNOWN_READER);
    text.replace("{initdb}", INITDB).replace("{extension}", EXTENSION)
}
