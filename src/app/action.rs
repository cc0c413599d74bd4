//! Everything that a key, the leader menu or the palette can ask for. The name is what `keymap.toml` uses, the doc line
//! is what help, menus and the palette show.

macro_rules! actions {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal $short:literal,)+) => {
        /// Something that a user can ask for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Action {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Action {
            /// All actions, in the order in which help lists them.
            pub const ALL: &'static [Action] = &[$(Action::$variant,)+];

            /// The name in `keymap.toml`.
            pub fn name(self) -> &'static str {
                match self { $(Action::$variant => $name,)+ }
            }

            /// One or two words for the footer and the leader menu.
            pub fn short(self) -> &'static str {
                match self { $(Action::$variant => $short,)+ }
            }

            /// One sentence for help and the palette.
            pub fn doc(self) -> &'static str {
                match self { $(Action::$variant => concat!($($doc),+).trim_ascii(),)+ }
            }

            /// The action of a name.
            pub fn from_name(name: &str) -> Option<Action> {
                match name { $($name => Some(Action::$variant),)+ _ => None }
            }
        }
    };
}

actions! {
    /// Explains the pane that you are in, with its keys.
    Help "help" "help",
    /// Finds any action, target or object by a few letters.
    Palette "palette" "find",
    /// Runs the selected statements, or the one under the cursor.
    Run "run" "run",
    /// Runs all statements of the editor in order, on one session, and stops at the first error.
    /// A letter alone does it only where all of them read.
    RunAll "run-all" "run all",
    /// Shows how the server would run the statement under the cursor, without running it.
    Plan "plan" "plan",
    /// Really runs the statement under the cursor, if it only reads, and shows what each step took; always rolled back.
    Analyze "analyze" "analyze",
    /// Switches between Plan and Results.
    ToggleLower "toggle-lower" "plan/results",
    /// Cancels what is running. With nothing running it asks whether to quit.
    Cancel "cancel" "cancel",
    /// Ends the console; asks when a transaction is open or work is running.
    Quit "quit" "quit",

    /// Goes to the next pane.
    NextPane "next-pane" "next pane",
    /// Goes to the pane before.
    PreviousPane "previous-pane" "pane before",
    /// Gives the pane the whole screen, or gives it back.
    Zoom "zoom" "zoom",
    /// Shows the next keys.
    Leader "leader" "menu",
    /// Goes to the schema tree.
    GoSchema "go-schema" "schema",
    /// Goes to the editor.
    GoQuery "go-query" "query",
    /// Goes to the results.
    GoResults "go-results" "results",
    /// Goes to the plan.
    GoPlan "go-plan" "plan pane",
    /// Goes to the migration queue.
    GoMigrations "go-migrations" "migrations",
    /// Goes to the checklist.
    GoChecklist "go-checklist" "checklist",
    /// Goes to the backups.
    GoBackups "go-backups" "backups",
    /// Goes to the journal.
    GoJournal "go-journal" "journal",
    /// Goes to what the server runs now: the statements of its sessions, who waits for whom, how far long commands are.
    GoSessions "go-sessions" "sessions",
    /// Assesses the target, open or not: what is wrong with the server, worst first, by one connection of its own that only reads.
    GoAssess "assess" "assess",
    /// Goes to the start screen: demo, known targets, a new target. The connection stays.
    GoStart "go-start" "targets",
    /// Goes to a table, view, column, function, index or trigger in the schema tree, found by a few letters (table.column too).
    Jump "jump" "go to object",
    /// Shows all messages of this session.
    Messages "messages" "messages",
    /// Allows guarded writing for 15 minutes, after you typed the target's name.
    Unlock "unlock" "unlock",
    /// Makes the target read-only again at once.
    Lock "lock" "lock",
    /// Connects again with the same target.
    Reconnect "reconnect" "reconnect",
    /// Stops the console and gives the shell back; refused while a run or a writing transaction is open.
    Suspend "suspend" "suspend",
    /// Draws the whole screen again.
    Redraw "redraw" "redraw",

    /// Goes up.
    Up "up" "up",
    /// Goes down.
    Down "down" "down",
    /// Goes left, closes a branch.
    Left "left" "left",
    /// Goes right, opens a branch.
    Right "right" "right",
    /// Goes up a page.
    PageUp "page-up" "page up",
    /// Goes down a page.
    PageDown "page-down" "page down",
    /// Goes to the first line.
    First "first" "first",
    /// Goes to the last line.
    Last "last" "last",
    /// Goes to the first column.
    FirstColumn "first-column" "first column",
    /// Goes to the last column.
    LastColumn "last-column" "last column",
    /// Opens what the cursor is on.
    Open "open" "open",
    /// Goes back: closes what is open, clears the filter.
    Back "back" "back",
    /// Filters the tree as you type; in results it finds the next row that holds a text.
    Filter "filter" "filter",
    /// Copies what the cursor is on to the clipboard of your terminal.
    Copy "copy" "copy",
    /// Copies the row as the grid shows it, as a line of TSV.
    CopyRow "copy-row" "copy row",
    /// Selects rows from the cursor's one on, for copying and exporting, or drops the selection.
    MarkRows "mark-rows" "select rows",
    /// Writes rows of the result into a file: all, those shown, or the selected ones; its ending says the format.
    Export "export" "export",
    /// Runs the statement under the cursor and streams its rows straight from the server into a file.
    ExportStatement "export-statement" "export from server",
    /// Copies the rows of the result as CSV: the selected ones, or all.
    CopyCsv "copy-csv" "CSV",
    /// Copies the rows of the result as TSV, which spreadsheets take: the selected ones, or all.
    CopyTsv "copy-tsv" "TSV",
    /// Copies the rows of the result as JSON: the selected ones, or all.
    CopyJson "copy-json" "JSON",
    /// Copies the rows of the result as a Markdown table: the selected ones, or all.
    CopyMarkdown "copy-markdown" "Markdown",
    /// Copies the rows of the result as INSERT statements: the selected ones, or all.
    CopyInsert "copy-insert" "INSERT",
    /// Reads the list again.
    Refresh "refresh" "refresh",

    /// Leaves the editor for the commands of its pane.
    LeaveEditor "leave-editor" "commands",
    /// Proposes what may come at the cursor; the list also comes by itself while you type, and Tab takes what is chosen.
    Complete "complete" "complete",
    /// Goes back to typing.
    Insert "insert" "type",
    /// Takes the last change back.
    Undo "undo" "undo",
    /// Makes the change again that was taken back.
    Redo "redo" "redo",
    /// Selects the whole text.
    SelectAll "select-all" "select all",
    /// Starts a selection at the cursor, or drops it.
    Select "select" "select",
    /// Cuts the selection.
    Cut "cut" "cut",
    /// Pastes what was cut or copied here.
    Paste "paste" "paste",
    /// Drops the selection.
    Unselect "unselect" "drop selection",
    /// Goes to the start of the word before.
    WordLeft "word-left" "word before",
    /// Goes to the start of the next word.
    WordRight "word-right" "next word",
    /// Deletes the character under the cursor.
    DeleteChar "delete-char" "delete",
    /// Deletes to the end of the word.
    DeleteWordRight "delete-word-right" "delete word ahead",
    /// Deletes to the end of the line, or the line's end; what was deleted can be pasted.
    KillLine "kill-line" "delete line's rest",
    /// Deletes what stands before the cursor on its line; it can be pasted.
    KillLineLeft "kill-line-left" "delete line's start",
    /// Deletes the word before the cursor.
    DeleteWord "delete-word" "delete word",
    /// Imports a CSV, TSV or NDJSON file into a table: tried first, then asked.
    Import "import" "import",
    /// Finds a statement that was run before and puts it into the editor.
    History "history" "history",
    /// In the list of statements that were run: those of the open target alone, or of all targets.
    HistoryScope "history-scope" "this target/all",
    /// Finds a saved query and puts it into the editor.
    Library "library" "saved queries",
    /// Saves the statement under a name, for the library.
    SaveQuery "save-query" "save query",
    /// Looks for text in the editor as you type it, in any case unless you type a capital.
    FindText "find-text" "find",
    /// Goes to the next match of what was looked for.
    FindNextText "find-next-text" "next match",
    /// Goes to the match before.
    FindPreviousText "find-previous-text" "match before",
    /// Looks for text and puts other text in its place, one by one or all as one step.
    ReplaceText "replace-text" "replace",
    /// Makes comments of the selected lines or the cursor's, or takes the marks off again.
    ToggleComment "toggle-comment" "comment",
    /// Lays out the selection or the statement under the cursor; nothing but white space changes.
    Format "format" "format",
    /// Gives the text to the editor of $VISUAL or $EDITOR and takes it back as one step.
    EditOutside "edit-outside" "own editor",
    /// Finds a snippet by a few letters and puts it at the cursor; Tab goes through its places.
    Snippets "snippets" "snippets",
    /// Makes a new buffer beside the others; each is saved as you type and comes back with its target.
    NewBuffer "new-buffer" "new buffer",
    /// Goes to the next buffer of the editor.
    NextBuffer "next-buffer" "next buffer",
    /// Goes to the buffer before.
    PreviousBuffer "previous-buffer" "buffer before",
    /// Closes the buffer; its text is kept, and a file with unsaved changes or an open transaction is asked about.
    CloseBuffer "close-buffer" "close buffer",
    /// Opens the buffer again that was closed last, then the one before it.
    ReopenBuffer "reopen-buffer" "reopen buffer",
    /// Opens a .sql file in the editor.
    OpenFile "open-file" "open file",
    /// Saves the editor's text: into its own file, or into one that is asked for.
    SaveFile "save-file" "save file",
    /// Asks for a file to save the editor's text into.
    SaveFileAs "save-file-as" "save file as",

    /// Shows the statement that would make the object again.
    Definition "definition" "definition",
    /// Puts the object's name into the editor.
    InsertName "insert-name" "name to editor",
    /// Copies the object's name with its schema, quoted as a statement has to write it.
    CopyQualified "copy-qualified" "copy full name",
    /// Writes a SELECT, INSERT, UPDATE or DELETE over the table into the editor, with every column named.
    Template "template" "statement",
    /// Shows or hides the size and use of tables: rows, bytes, reads and writes by the server's statistics, never counted.
    Sizes "sizes" "sizes",
    /// Shows what uses the object: views, functions, foreign keys, indexes, triggers, saved queries, pending migrations.
    UsedBy "used-by" "used by",
    /// Draws the table with the tables that its foreign keys lead to, and those whose keys lead to it.
    Related "related" "related",
    /// Goes to the next result.
    NextResult "next-result" "next result",
    /// Goes to the result before.
    PreviousResult "previous-result" "result before",
    /// Keeps the result when further ones need its place, or lets it go again.
    PinResult "pin-result" "pin",
    /// Compares the result with another one, by key columns or row by row.
    CompareResults "compare-results" "compare",
    /// Tells what the column under the cursor holds: counts, NULLs, different values, least, greatest, sum, the most frequent.
    ColumnStatistics "column-statistics" "statistics",
    /// Draws the numbers of the column under the cursor as bars, a line, or a histogram; again for the next kind.
    Chart "chart" "chart",
    /// Goes to the next row that holds the text that was looked for, from the last one to the first.
    FindAgain "find-again" "find next",
    /// Goes to the row before that holds the text that was looked for, from the first one to the last.
    FindBackwards "find-backwards" "find before",
    /// Closes the result.
    CloseResult "close-result" "close",
    /// Changes the value of the cell; changes are staged until you write them.
    EditCell "edit-cell" "change",
    /// Sets the cell to NULL.
    SetNull "set-null" "NULL",
    /// Adds a row.
    AddRow "add-row" "add row",
    /// Marks the row to be deleted, or takes the mark back.
    DeleteRow "delete-row" "delete row",
    /// Shows the staged changes as SQL and writes them in one transaction.
    WriteEdits "write-edits" "write",
    /// Throws the staged changes away.
    DiscardEdits "discard-edits" "discard",
    /// Follows the foreign key of the cell; on a key that others refer to, shows their rows.
    FollowKey "follow-key" "follow key",
    /// Sorts the loaded rows by the cursor's column: ascending, then descending, then as they came.
    SortRows "sort-rows" "sort",
    /// Asks the server for the rows again in the order of the cursor's column, with a statement that you see first.
    SortOnServer "sort-on-server" "sort on server",
    /// Shows only the loaded rows that pass a filter.
    FilterRows "filter-rows" "filter",
    /// Shows all loaded rows again.
    ClearFilter "clear-filter" "no filter",
    /// Hides the cursor's column.
    HideColumn "hide-column" "hide column",
    /// Shows all columns again, in the order in which they came.
    AllColumns "all-columns" "all columns",
    /// Moves the cursor's column to the left.
    ColumnLeft "column-left" "move left",
    /// Moves the cursor's column to the right.
    ColumnRight "column-right" "move right",
    /// Makes the cursor's column wider.
    Wider "wider" "wider",
    /// Makes the cursor's column narrower.
    Narrower "narrower" "narrower",
    /// Shows one row as a list of names and values, or the grid again.
    RecordView "record-view" "record",
    /// Breaks long lines of the value at the edge of the screen, or does not.
    ToggleWrap "toggle-wrap" "wrap",
    /// Shows the value in another form: JSON tree, text, hexadecimal.
    CellForm "cell-form" "form",
    /// Keeps the columns up to the cursor's one on the screen while the others scroll; again: none.
    Freeze "freeze" "freeze",
    /// Shows what the server sent, untouched.
    Raw "raw" "raw",
    /// Turns the plan that follows your typing on or off.
    LivePlan "live-plan" "live plan",
    /// Measures the heat of plan nodes by something else: self time, estimate error, pages, rows.
    PlanHeat "plan-heat" "heat",
    /// Folds the branches of a plan in which nothing is hot, or unfolds all.
    FoldCold "fold-cold" "fold cold",
    /// Goes to the hottest node of a plan, then to the next one by rank.
    NextHot "next-hot" "next hot",
    /// Goes to the hot node before, by rank.
    PreviousHot "previous-hot" "hotter",
    /// Draws each node of a plan as wide as its share of the time, or the tree again.
    FlameView "flame-view" "flame",
    /// Draws each node of a plan as wide as its rows, and where rows vanish; or the tree again.
    FlowView "flow-view" "row flow",
    /// Lists what was found in a plan, with its numbers and what to do next; Enter goes to the node.
    PlanFindings "plan-findings" "findings",
    /// Scrolls what is known of the plan node down.
    DetailsDown "details-down" "details down",
    /// Scrolls what is known of the plan node up.
    DetailsUp "details-up" "details up",
    /// Goes to the place in the statement that the plan node is about.
    ShowInSql "show-in-sql" "in the SQL",
    /// Keeps the plan to compare later ones with, or lets it go.
    PinPlan "pin-plan" "keep",
    /// Compares the plan with the kept one, or with the one before: what moved, what became slower, which estimate is behind it.
    ComparePlans "compare-plans" "compare",
    /// Says which index would help the plan's statement, as far as that can be tried, or why none does.
    Advise "advise" "advice",
    /// The same, measured: the indexes are built on a scratch copy and the statement is run with and without them.
    AdviseMeasured "advise-measured" "measured advice",
    /// Lists earlier plans of the statement, with their times and whether their shape changed.
    PlanHistory "plan-history" "history",
    /// Opens a plan from a file: EXPLAIN output of any of the servers, no connection needed.
    OpenPlan "open-plan" "open plan",
    /// Writes the plan into a file as Markdown, HTML, SVG or JSON, with its constants or without.
    SharePlan "share-plan" "share",
    /// Tries a planner setting for the statement's plan alone: estimated, or measured by turns with the plan as it is.
    WhatIf "what-if" "what if",
    /// Shows the plans of a statement for common, median and rare values side by side.
    ParamSets "param-sets" "value sets",
    /// Measures the statement and writes a performance test of it into plan-tests/.
    WritePlanTest "write-plan-test" "write test",
    /// Lists the performance tests of the project, those of the statement first, and runs the one that you choose.
    RunPlanTest "run-plan-test" "run test",
    /// Leads the statement through the checklist query-optimization: a test that fails, the change, the same test passing.
    Optimize "optimize" "optimize",
    /// Begins a transaction: what follows stands or falls together, until commit or roll back.
    Begin "begin" "begin",
    /// Switches between auto-commit and manual transactions, in which the first statement begins one that you end.
    ManualTransactions "manual-transactions" "manual/auto",
    /// Switches whether running all statements stops at the first error or goes on.
    GoOn "go-on" "stop/go on",
    /// Rolls the open transaction back.
    Rollback "rollback" "roll back",
    /// Commits the open transaction.
    Commit "commit" "commit",

    /// Proves the rollback of the pending migrations up to the chosen one, on a scratch copy.
    Prove "prove" "prove",
    /// Proves the rollback of all pending migrations, on a scratch copy.
    ProveAll "prove-all" "prove all",
    /// Runs the next step that a program can prove.
    RunNext "run-next" "run next",
    /// Runs all steps that need nobody, and stops at the first hold point.
    RunProvable "run-provable" "run all",
    /// Signs the step, with your name and a text.
    Sign "sign" "sign",
    /// Shows the evidence of the step.
    ShowEvidence "show-evidence" "evidence",
    /// Applies the range that was cleared; asks for the target's name.
    Apply "apply" "apply",
    /// Reverts the migrations of the open run; asks for the target's name.
    Revert "revert" "revert",
    /// Starts a checklist run, or chooses another range for it.
    StartRun "start-run" "choose range",
    /// Closes the run: reverting then takes a proof of its own.
    CloseRun "close-run" "close run",
    /// Lists the checklists with how each of them stands, and shows the one that you choose.
    Checklists "checklists" "checklists",
    /// Takes a backup.
    TakeBackup "take-backup" "take",
    /// Restores the backup into the scratch place and compares it.
    VerifyBackup "verify-backup" "verify",
    /// Checks the journal's chain of hashes.
    VerifyJournal "verify-journal" "verify",

    /// Shows the plan of what the chosen session runs at this moment, where the server tells it.
    SessionPlan "session-plan" "its plan",
    /// Puts the statement of the chosen session into the editor.
    SessionStatement "session-statement" "to editor",

    /// Shows who waits for whose lock, root blockers first, read again every five seconds; again: back to the checks.
    LockTree "lock-tree" "lock tree",
    /// Cancels or ends the session under the lock tree's cursor, after what that does and loses was shown and its number was typed.
    Recover "recover" "act",
    /// Writes the assessment for whoever comes next: findings, changes, who waits for whom, timeline; Markdown, HTML or JSON by the file's name.
    HandOver "hand-over" "hand over",

    /// Shows or hides the demo's guide.
    ToggleGuide "toggle-guide" "guide",
    /// Makes a new target.
    NewTarget "new-target" "new target",
    /// Makes the demo's databases and opens them.
    Demo "demo" "demo",
}

impl Action {
    /// A move in a list or text, or an edit: what only makes sense as a key.
    pub fn is_move(self) -> bool {
        (Action::Up..=Action::Back).contains(&self) || (Action::LeaveEditor..=Action::DeleteWord).contains(&self)
    }

    /// What the plan pane does, wherever it is asked for: all that stand together from the heat on.
    pub fn of_plan(self) -> bool {
        (Action::PlanHeat..Action::Begin).contains(&self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_a_name_of_its_own_and_a_sentence() {
        let mut seen = std::collections::BTreeSet::new();
        for a in Action::ALL {
            assert!(seen.insert(a.name()), "{} twice", a.name());
            assert_eq!(Action::from_name(a.name()), Some(*a));
            assert!(a.doc().ends_with('.') && !a.short().is_empty(), "{}", a.name());
        }
    }
}
