//! The command line as clap sees it: every subcommand is an operation that the console has too.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// A terminal console for databases that puts hold points in front of dangerous actions.
///
/// Without a subcommand the console opens. Exit codes: 0 fine, 1 findings or failed, 2 usage, 3 cannot connect,
/// 4 held by a gate, 5 could not see, 130 cancelled.
#[derive(Debug, Parser)]
// Not `args_conflicts_with_subcommands`: it would refuse `--config` before a subcommand.
#[command(
    name = "holdpoint",
    version,
    max_term_width = 100,
    subcommand_precedence_over_arg = true,
    override_usage = "holdpoint [OPTIONS] [TARGET] [FILE.sql]\n       holdpoint [OPTIONS] <COMMAND>"
)]
pub struct Cli {
    /// Open the console on this target, URL without a password, or SQLite file, as `holdpoint open` does.
    #[arg(value_name = "TARGET")]
    pub target: Option<String>,

    /// SQL file to open in the editor.
    #[arg(value_name = "FILE.sql")]
    pub file: Option<PathBuf>,

    /// Read this project file instead of the holdpoint.toml found upward from here.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    #[command(subcommand)]
    pub command: Option<Command>,
}

/// How data is written to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
pub enum Format {
    /// Aligned columns, cleaned for the terminal.
    #[default]
    Table,
    /// One JSON document, exact.
    Json,
    /// One JSON object per line, exact.
    Ndjson,
    /// RFC 4180, exact.
    Csv,
}

/// How an assessment, or a lock tree, is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
pub enum AssessFormat {
    /// A line for each check as it is done, what was found, the most likely cause.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// One JSON document for each finding, or session of a lock tree, a line each.
    Ndjson,
}

/// How a plan is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
pub enum PlanFormat {
    /// The tree, with aligned figures before it.
    #[default]
    Table,
    /// One JSON document: the manual's page plan-json tells its keys.
    Json,
    /// The same in one line.
    Ndjson,
    /// For a ticket: the statement, the tree, the findings.
    Markdown,
    /// One page that needs nothing else.
    Html,
    /// A picture: each step as wide as its share of the time.
    Svg,
    /// The outcome of --test for machines that show tests.
    Junit,
}

/// Engines whose plans are read from files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanEngine {
    Postgres,
    #[value(name = "mysql")]
    MySql,
    #[value(name = "mariadb")]
    MariaDb,
    Sqlite,
}

impl From<PlanEngine> for crate::plan::detect::Family {
    fn from(e: PlanEngine) -> Self {
        match e {
            PlanEngine::Postgres => Self::Postgres,
            PlanEngine::MySql => Self::MySql,
            PlanEngine::MariaDb => Self::MariaDb,
            PlanEngine::Sqlite => Self::Sqlite,
        }
    }
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RowFormat {
    /// Aligned columns, cleaned for the terminal.
    Table,
    /// One JSON document, exact.
    Json,
    /// One JSON object per line, exact.
    Ndjson,
    /// RFC 4180, exact.
    Csv,
    /// Tabs between values, as PostgreSQL's COPY reads it, exact.
    Tsv,
    /// A table for README files and issues.
    Markdown,
    /// INSERT statements, exact.
    Insert,
}

/// What an imported file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImportFormat {
    Csv,
    Tsv,
    Ndjson,
}

/// Silencing what is known: nothing is assessed then.
#[derive(Debug, clap::Args)]
#[group(multiple = true)]
pub struct Mutes {
    /// Silence a check, or what it says of one object, for a while, and assess nothing
    #[arg(long, value_name = "CHECK[:OBJECT]", requires_all = ["reason", "span"], conflicts_with_all = ["checks", "output", "unmute", "muted"])]
    pub mute: Option<String>,
    /// Why it is silenced
    #[arg(long, requires = "mute")]
    pub reason: Option<String>,
    /// For how long: `4h`, `7d`; 90 days at most
    #[arg(long = "for", value_name = "TIME", id = "span", requires = "mute")]
    pub span: Option<String>,
    /// Let it speak again, and assess nothing
    #[arg(long, value_name = "CHECK[:OBJECT]", conflicts_with_all = ["checks", "output", "muted"])]
    pub unmute: Option<String>,
    /// List what is silenced, and assess nothing
    #[arg(long, conflicts_with_all = ["checks", "output"])]
    pub muted: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the demo (three SQLite databases of one shop, in DIR) and open it
    Demo {
        /// A new directory, or one that an earlier `holdpoint demo` made
        #[arg(default_value = "holdpoint-demo")]
        dir: PathBuf,
        /// Make it, say where it is, and do not open the console
        #[arg(long)]
        no_open: bool,
    },
    /// Open the console on a target, a URL without a password, or an SQLite file
    Open {
        target: Option<String>,
        /// SQL file to open in the editor
        #[arg(value_name = "FILE.sql")]
        file: Option<PathBuf>,
        /// In an emergency: assess the target instead of opening it, by a single connection
        #[arg(long, requires = "target", conflicts_with = "file")]
        assess: bool,
    },
    /// Run SQL and write its rows to standard output
    Query {
        target: String,
        /// The statements; without it they are read from --file or standard input
        #[arg(allow_hyphen_values = true)]
        sql: Option<String>,
        #[arg(short, long, value_name = "FILE.sql", conflicts_with = "sql")]
        file: Option<PathBuf>,
        /// A saved query, by its name: a file of the project's queries/ directory, or with ~ one of your own
        #[arg(long, value_name = "NAME", conflicts_with_all = ["sql", "file"])]
        saved: Option<String>,
        /// Value of a parameter (`:name`, `$1`, `?`): NAME=VALUE, 1=VALUE; NULL is no value, 'quotes' make a text
        #[arg(short, long = "param", value_name = "NAME=VALUE")]
        params: Vec<String>,
        /// On a guarded target: commit the data fix; without it the change is shown and rolled back
        #[arg(long)]
        commit: bool,
        /// Run what stands behind a statement that failed, too; the exit code is 1 all the same
        #[arg(long, conflicts_with = "output")]
        go_on: bool,
        /// `table` without it, or what the ending of --output says
        #[arg(long, value_enum)]
        format: Option<RowFormat>,
        /// Write the rows into a new file: it is there when all rows are in it, and nothing is written over
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// The table that `--format insert` names; without it the first one that the statement reads
        #[arg(long, value_name = "TABLE")]
        into: Option<String>,
    },
    /// Show the plan of one statement, or one that a file holds
    Explain {
        /// Not with --plan, which asks no database
        #[arg(required_unless_present = "plan")]
        target: Option<String>,
        #[arg(allow_hyphen_values = true)]
        sql: Option<String>,
        #[arg(short, long, value_name = "FILE.sql", conflicts_with = "sql")]
        file: Option<PathBuf>,
        /// Really run the statement, which must be a proven read, and roll back; one that writes only with --on-scratch or --in-place
        #[arg(long)]
        analyze: bool,
        /// With --analyze: run a statement that writes on a private copy of the database, which is removed afterwards. With --set
        /// hidden_index=NAME: try it there
        #[arg(long, conflicts_with_all = ["plan", "running", "progress", "in_place"])]
        on_scratch: bool,
        /// With --analyze: run a statement that writes on the target itself, a development target, and roll it back; what that sets off and
        /// what stays is named first
        #[arg(long, requires = "analyze", conflicts_with_all = ["plan", "running", "progress"])]
        in_place: bool,
        /// With --analyze, --test and --write-test: also when the server expects a high cost or is busy (`analyze_cost`, `analyze_load`)
        #[arg(long)]
        anyway: bool,
        /// Which index would help, as far as that can be tried, or why none does
        #[arg(long, conflicts_with_all = ["plan", "running", "progress"])]
        advise: bool,
        /// With --advise: build the indexes on a scratch copy and measure the statement with and without them
        #[arg(long = "measure", requires = "advise")]
        measure_advice: bool,
        /// With --advise: write the best one as a pair of migration scripts into the target's directory
        #[arg(long, requires = "advise")]
        queue: bool,
        /// Run a performance test: 0 it holds, 1 it fails, 5 not to be said, 4 not safe to run (the manual's page plan-test)
        #[arg(long, value_name = "FILE.toml", conflicts_with_all = ["sql", "file", "analyze", "plan"])]
        test: Option<PathBuf>,
        /// Measure the statement and write a performance test with that as its baseline; a file that is there is left alone
        #[arg(long, value_name = "FILE.toml", conflicts_with_all = ["analyze", "plan", "test", "running", "progress", "redact"])]
        write_test: Option<PathBuf>,
        /// What the written test requires: `ratio <= 0.8`, `p95 < 100 ms`, `pages <= 500`, `no sort`, `no table scan on TABLE`
        #[arg(long, value_name = "REQUIREMENT", requires = "write_test")]
        require: Vec<String>,
        /// Try a planner setting for this plan alone, compared with the plan as it is: `enable_seqscan=off`, `work_mem=64MB`, a flag of
        /// optimizer_switch, `hidden_index=NAME` alone; several with commas, or one by one; with --analyze both are run by turns
        #[arg(long = "set", value_name = "NAME=VALUE", conflicts_with_all = ["plan", "test", "write_test", "running", "progress"])]
        settings: Vec<String>,
        /// Propose sets for the parameters from what the tables hold: common, median and rare values
        #[arg(long, conflicts_with_all = ["plan", "test", "running", "progress", "param_sets", "settings"])]
        propose_sets: bool,
        /// Values of the statement's parameters in named sets, side by side: SET:NAME=VALUE, once for each value
        #[arg(long = "param-set", value_name = "SET:NAME=VALUE", conflicts_with_all = ["plan", "test", "running", "progress"])]
        param_sets: Vec<String>,
        /// The plan of what the session with this id (pid) runs at this moment: MariaDB from 10.9 on, MySQL
        #[arg(long, value_name = "ID", conflicts_with_all = ["sql", "file", "analyze", "plan"])]
        running: Option<u64>,
        /// How far long commands of the server are: VACUUM, CREATE INDEX, ALTER TABLE, COPY …
        #[arg(long, conflicts_with_all = ["sql", "file", "analyze", "plan", "running"])]
        progress: bool,
        /// Read a plan that a server or a client printed, from a file (`-`: standard input)
        #[arg(long, value_name = "FILE", conflicts_with_all = ["target", "sql", "file", "analyze"])]
        plan: Option<PathBuf>,
        /// Whose plan it is, where the file leaves that open
        #[arg(long, value_enum, requires = "plan")]
        engine: Option<PlanEngine>,
        #[arg(long, value_enum, default_value_t)]
        format: PlanFormat,
        /// Leave the constants of the statement out: ? stands in their places
        #[arg(long, conflicts_with = "progress")]
        redact: bool,
    },
    /// What is wrong with a server, the most likely cause first; only reads, on one connection
    ///
    /// Exit code: 0 nothing, 1 findings, 3 no connection, 5 nothing found but not all could be seen.
    Assess {
        target: String,
        /// Only these checks, by id or name: `PG06,connections`
        #[arg(long, value_delimiter = ',', value_name = "CHECK")]
        checks: Vec<String>,
        /// Seconds for all of it
        #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
        budget: u64,
        /// Seconds between the two samples of checks that compare counters
        #[arg(long, default_value_t = 5, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600))]
        timeframe: u64,
        #[arg(long, value_enum, default_value_t)]
        format: AssessFormat,
        /// A plugin's output and exit codes for Nagios and its kin: 0 sound, 1 warning, 2 critical, 3 unknown
        #[arg(long)]
        nagios: bool,
        /// Write the hand-over into a new file: .md, .html or .json; statements lose their constants
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        mutes: Mutes,
    },
    /// Who waits for whom: root blockers first, those behind them below; looked at once, on one connection
    ///
    /// Exit code: 0 nobody waits for long, 1 somebody does, 3 no connection, 5 the account may not see it.
    Locks {
        target: String,
        /// JSON has statements without their constants
        #[arg(long, value_enum, default_value_t)]
        format: AssessFormat,
    },
    /// Do one recovery action to one object: looked at, approved for just that object, verified, journaled
    ///
    /// Without an action it lists those of the target's engine. Without --confirm it shows what would be done, and is held.
    Recover {
        target: String,
        /// cancel, terminate, end-idle, drop-index, vacuum, drop-slot, commit-prepared, rollback-prepared, read-only, read-write …
        #[arg(value_name = "ACTION")]
        deed: Option<String>,
        /// What it is done to: a process id, an index, a slot, a table, a transaction's name, a setting
        object: Option<String>,
        /// The new value, for raise-limit
        #[arg(allow_hyphen_values = true)]
        value: Option<String>,
        #[command(flatten)]
        yes: RecoverYes,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// List schemas, tables and columns, or show an object's definition
    Schema {
        target: String,
        /// `schema.table`, `table` or a schema; without it the top of the tree
        object: Option<String>,
        #[command(flatten)]
        show: Show,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// The migration queue: status, proof of rollback, apply, revert
    #[command(subcommand)]
    Migrate(Migrate),
    /// Take, verify and list backups
    #[command(subcommand)]
    Backup(Backup),
    /// The checklist that gates a run: what is proved, what is missing, signing
    #[command(subcommand)]
    Checklist(Checklist),
    /// Run a checklist's provable steps in order, up to the first hold point that needs a person
    Run {
        /// The checklist's id: schema-migration, query-optimization, emergency-assessment or emergency-recovery
        checklist: String,
        #[command(flatten)]
        range: Range,
        /// Ticket that the run belongs to
        #[arg(long)]
        issue: Option<String>,
        /// The performance test that query-optimization is about; without it the one that was worked on last, or the only one
        #[arg(long, value_name = "FILE.toml")]
        test: Option<PathBuf>,
    },
    /// Rows of a CSV, TSV or NDJSON file into a table; tried and rolled back unless --commit is given
    Import {
        target: String,
        /// Table, or schema.table; the file's first line names its columns
        table: String,
        file: PathBuf,
        /// Keep the rows; without it everything is tried and rolled back
        #[arg(long)]
        commit: bool,
        /// Leave out rows that are refused; without it one refused row keeps all of them out
        #[arg(long)]
        skip_refused: bool,
        /// Put each row in the place of the one with the same key, and make those that are not there: so saved rows stand again as they were
        #[arg(long, conflicts_with = "skip_refused")]
        replace: bool,
        /// Text that stands for NULL; without it nothing at all in CSV, \\N in TSV, null in NDJSON
        #[arg(long, value_name = "TEXT")]
        null: Option<String>,
        /// MariaDB, MySQL: the time zone of the file's TIMESTAMP values, such as +00:00; without it the session's, or that which saved rows name
        #[arg(long, value_name = "ZONE", allow_hyphen_values = true)]
        time_zone: Option<String>,
        /// Without it the file's ending says the format
        #[arg(long, value_enum)]
        format: Option<ImportFormat>,
    },
    /// Statements that were run before, newest first
    History {
        /// Only this target's
        target: Option<String>,
        /// Only those that hold this text, in any case
        #[arg(short, long, value_name = "TEXT")]
        search: Option<String>,
        #[arg(short = 'n', long, default_value_t = 50, value_name = "COUNT")]
        limit: usize,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Carry evidence between hosts that cannot reach all environments
    #[command(subcommand)]
    Evidence(Evidence),
    /// The append-only, hash-chained record
    #[command(subcommand)]
    Journal(Journal),
    /// Print a page of the manual; without one, list them
    Manual {
        /// editor, running, results, export, plan, assess … or configuration and keymap, which explain every key of those files
        page: Option<String>,
    },
}

/// Which migrations of which target.
#[derive(Debug, Clone, Args)]
pub struct Range {
    pub target: String,
    /// Up to and with this version; all pending ones without it
    #[arg(long, value_name = "VERSION")]
    pub to: Option<i64>,
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// What a person says to a recovery action.
#[derive(Debug, clap::Args)]
pub struct RecoverYes {
    /// Only show what would be done
    #[arg(long, conflicts_with_all = ["confirm", "approve"])]
    pub dry_run: bool,
    /// The object's full name, typed: does it
    #[arg(long, value_name = "NAME")]
    pub confirm: Option<String>,
    /// The mark of what was shown, so that nothing else is done
    #[arg(long, value_name = "MARK")]
    pub seen: Option<String>,
    /// As a second person: approve what was shown, for an hour
    #[arg(long, conflicts_with = "confirm", requires = "reason")]
    pub approve: bool,
    /// Why it may be done
    #[arg(long)]
    pub reason: Option<String>,
    /// The target's name, typed again, where policy lets one person approve alone
    #[arg(long, value_name = "NAME")]
    pub confirm_target: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Migrate {
    /// What is applied, what is pending, and what is wrong with the files
    Status(Range),
    /// Prove the rollback on a restore of the newest verified backup
    Prove(Range),
    /// Apply, revert and apply again, in the first environment: what later environments ask for
    Rehearse(Range),
    /// Apply pending migrations; needs the checklist's clearance
    Apply(Range),
    /// Revert applied migrations, newest first, down to and including --to (without it: the last applied range)
    Revert {
        #[command(flatten)]
        range: Range,
        /// The target's name, typed again: needed when the run is closed and data may be lost
        #[arg(long, value_name = "NAME")]
        confirm: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub enum Backup {
    /// Take a backup with the engine's own tool, with a manifest
    Take {
        target: String,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Restore a backup into the scratch place and compare it with its manifest
    Verify {
        target: String,
        /// Id (or its first characters) or directory; the newest without it
        backup: Option<String>,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// List the target's backups
    List {
        target: String,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

#[derive(Debug, Subcommand)]
pub enum Checklist {
    /// Every step with its evidence, or what is missing and how to get it
    Show {
        #[command(flatten)]
        range: Range,
        /// The checklist's id: schema-migration, query-optimization, emergency-assessment or emergency-recovery
        #[arg(long, value_name = "ID", default_value = "schema-migration")]
        checklist: String,
    },
    /// Sign a step that only a person can know
    Sign {
        #[command(flatten)]
        range: Range,
        /// The step's id
        #[arg(default_value = "approval")]
        step: String,
        /// The checklist's id: schema-migration, emergency-assessment
        #[arg(long, value_name = "ID", default_value = "schema-migration")]
        checklist: String,
        /// Who signs
        #[arg(long = "as", value_name = "NAME")]
        signer: Option<String>,
        /// Why, or what the step asks for
        #[arg(long)]
        reason: Option<String>,
        /// The target's name, typed again; needed when approving alone
        #[arg(long, value_name = "NAME")]
        confirm: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub enum Evidence {
    /// Write a target's evidence as a hash-bound bundle
    Export {
        target: String,
        /// File to write; standard output without it
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Read a bundle that another host exported
    Import { file: PathBuf },
}

#[derive(Debug, Subcommand)]
pub enum Journal {
    /// The newest entries
    Show {
        /// Only this target's
        target: Option<String>,
        #[arg(short = 'n', long, default_value_t = 50, value_name = "COUNT")]
        limit: usize,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Walk the hash chain and say whether anything was changed, removed or added
    Verify,
}

/// What `schema` shows of an object, instead of what stands under it.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(multiple = false)]
pub struct Show {
    /// Show the statement that would make the object again
    #[arg(long)]
    pub definition: bool,
    /// Show size and use of the relations of a schema, by the server's statistics
    #[arg(long)]
    pub sizes: bool,
    /// Show what uses the object, `table.column` too: the catalogue, saved queries, pending migrations
    #[arg(long)]
    pub used_by: bool,
    /// Draw the table with the tables that foreign keys lead to and from
    #[arg(long)]
    pub related: bool,
    /// Write a statement over the table with every column named
    #[arg(long, value_enum, value_name = "STATEMENT")]
    pub template: Option<Template>,
}

/// Statements that can be written over a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Template {
    Select,
    Insert,
    Update,
    Delete,
}
