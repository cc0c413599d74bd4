//! The main job in the console: browse, query, plan, be held, prove, sign, apply, revert, read the journal.
