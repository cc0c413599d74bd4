use super::*;
use crate::model::Dialect;

/// Presses keys as a user does: what is typed in INSERT goes into the text.
fn press(vim: &mut Vim, e: &mut Editor, keys: &str) {
    let mut typing = false;
    for c in keys.chars() {
        let key = match c {
            '␛' => Key::plain(Code::Esc),
            '®' => Key::ctrl('r'),
            c => Key::char(c),
        };
        if typing {
            match c {
                '␛' => {
                    vim.left_insert(e);
                    typing = false;
                }
                '⏎' => e.newline(),
                c => e.insert_char(c),
            }
            continue;
        }
        typing = vim.key(e, key) == Did::Insert;
    }
}

fn at(text: &str) -> Editor {
    let cursor = text.find('|').expect("a cursor");
    let mut e = Editor::new(Dialect::Sqlite, &text.replacen('|', "", 1));
    e.go_to_byte(cursor);
    e
}

fn show(e: &Editor) -> String {
    let mut out = e.text().to_string();
    out.insert(e.cursor_byte(), '|');
    out
}

#[test]
fn keys_do_what_vim_does() {
    let mut wrong = Vec::new();
    for (text, keys, want) in [
        // Motions.
        ("|select a", "l", "s|elect a"),
        ("s|elect", "hh", "|select"),
        ("|ab", "lll", "a|b"),
        ("|one\ntwo\nthree", "jj", "one\ntwo\n|three"),
        ("on|e\ntwo\nx", "jjk", "one\ntw|o\nx"),
        ("|one\ntwo", "2j", "one\n|two"),
        ("|select a.b from t", "w", "select |a.b from t"),
        ("|select a.b from t", "3w", "select a.|b from t"),
        ("select a.|b", "b", "select a|.b"),
        ("select a.|b", "3b", "|select a.b"),
        ("|select abc", "e", "selec|t abc"),
        ("selec|t abc", "e", "select ab|c"),
        ("  sel|ect", "0", "|  select"),
        ("  sel|ect", "^", "  |select"),
        ("|select", "$", "selec|t"),
        ("one\ntw|o\nthree", "gg", "|one\ntwo\nthree"),
        ("on|e\ntwo\nthree", "G", "one\ntwo\n|three"),
        ("|one\ntwo\nthree", "2G", "one\n|two\nthree"),
        ("|select (a, b)", "f(", "select |(a, b)"),
        ("|a,b,c", "2f,", "a,b|,c"),
        ("|select (a, b)", "t(", "select| (a, b)"),
        ("|abc", "fx", "|abc"),
        // Operators with motions.
        ("select |abc from t", "dw", "select |from t"),
        ("select |abc", "dw", "select| "),
        ("select |abc\nfrom t", "dw", "select| \nfrom t"),
        ("select |abc from t", "cwxy␛", "select x|y from t"),
        ("|one two three", "2dw", "|three"),
        ("|one two three", "d2w", "|three"),
        ("select a|bc, d", "d$", "select |a"),
        ("select a|bc", "d0", "|bc"),
        ("select ab|c", "db", "select |c"),
        ("|abc def", "de", "| def"),
        ("|a(b)", "df(", "|b)"),
        ("|a(b)", "dt(", "|(b)"),
        ("one\nt|wo\nthree", "dd", "one\n|three"),
        ("one\nt|wo", "dd", "|one"),
        ("|one\ntwo\nthree", "2dd", "|three"),
        ("|one\ntwo\nthree", "dj", "|three"),
        ("one\ntw|o\nthree", "dG", "|one"),
        ("one\ntw|o", "dgg", "|"),
        ("  one |two\nx", "ccnew␛", "  ne|w\nx"),
        ("|one\ntwo", "yyp", "one\n|one\ntwo"),
        ("|one\ntwo", "yyjp", "one\ntwo\n|one"),
        ("|one two", "ywwP", "one |two"),
        ("|one\ntwo", "ddp", "two\n|one"),
        ("|ab", "xp", "b|a"),
        ("|abc", "2x", "|c"),
        ("ab|c", "x", "a|b"),
        ("|abc", "y$p", "aab|cbc"),
        ("|ab", "ylp", "a|ab"),
        ("|ab", "yl3p", "aaa|ab"),
        ("|one\ntwo", ">>", "    |one\ntwo"),
        ("|one\ntwo\nx", ">j", "    |one\n    two\nx"),
        ("|one\ntwo\nx", "2>>", "    |one\n    two\nx"),
        // Objects.
        ("select a|bc from", "diw", "select | from"),
        ("select a|bc from", "ciwx␛", "select |x from"),
        ("f(\"a b|c\", d)", "di\"", "f(\"|\", d)"),
        ("f(|x, \"a\")", "ci\"q␛", "f(x, \"|q\")"),
        ("f(a, g(b|), c)", "di(", "f(a, g(|), c)"),
        ("f(a, |g(b), c)", "di(", "f(|)"),
        ("in |(1,\n2)", "di(", "in (|)"),
        ("a\n\nb|\nc\n\nd", "dip", "a\n\n|\nd"),
        ("f(|x)", "yi(p", "f(x|x)"),
        // Typing.
        ("a|b", "ix␛", "a|xb"),
        ("|ab", "ax␛", "a|xb"),
        ("  a|b", "Ix␛", "  |xab"),
        ("|ab", "Axy␛", "abx|y"),
        ("  |ab\nc", "ox␛", "  ab\n  |x\nc"),
        ("  |ab\nc", "Ox␛", "  |x\n  ab\nc"),
        ("|", "iab⏎c␛", "ab\n|c"),
        // Undo, redo, again.
        ("|one two", "dwu", "|one two"),
        ("|one two", "dwu®", "|two"),
        ("|ab", "Axyz␛u", "a|b"),
        ("  |ab", "ox␛u", "  a|b"),
        ("|a b c d", "dw..", "|d"),
        ("|one two three", "cwx␛w.", "x |x three"),
        ("|a\nb\nc", "A;␛j.j.", "a;\nb;\nc|;"),
        ("|a\nb", "ox␛.", "a\nx\n|x\nb"),
        ("|one two", "cwx␛u", "|one two"),
        ("|one two", "cwx␛w.u", "x |two"),
        ("|abcd", "x.", "|cd"),
        ("|a\nb\nc", ">>j.", "    a\n    |b\nc"),
        // VISUAL.
        ("|select abc", "ved", "| abc"),
        ("s|elect", "vlly", "s|elect"),
        ("|one\ntwo\nthree", "Vjd", "|three"),
        ("|one\ntwo\nthree", "VjyGp", "one\ntwo\nthree\n|one\ntwo"),
        ("o|ne two", "viwcx␛", "|x two"),
        ("f(a|, b)", "vi(d", "f(|)"),
        ("|one two", "yiwwviwp", "one on|e"),
        ("|one\ntwo", "Vj>", "    |one\n    two"),
        ("|one two", "vw␛x", "one |wo"),
        ("ab|c", "vhhx", "|"),
        ("|a\n\nb\nc", "jjVipd", "a\n|"),
        // What is no command does nothing.
        ("|abc", "dq", "|abc"),
        ("|abc", "d␛x", "|bc"),
        ("|ä😀e\u{301}x", "lx", "ä|e\u{301}x"),
        ("|e\u{301}x", "x", "|x"),
    ] {
        let mut e = at(text);
        let mut vim = Vim::default();
        press(&mut vim, &mut e, keys);
        if show(&e) != want {
            wrong.push(format!("{text:?} {keys}: {:?}, not {want:?}", show(&e)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What vim 9 itself makes of texts and keys: text with the cursor, keys, text with the cursor then.
#[test]
fn a_table_of_what_vim_does() {
    let mut wrong = Vec::new();
    for case in include_str!("cases.txt").lines() {
        let parts: Vec<String> = case.split('\t').map(|p| p.replace('⏎', "\n")).collect();
        let [text, keys, want] = parts.as_slice() else { panic!("{case:?}") };
        let mut e = at(text);
        let mut vim = Vim::default();
        press(&mut vim, &mut e, keys);
        if vim.waits() || vim.mode != Mode::Normal {
            press(&mut vim, &mut e, "␛");
        }
        if show(&e) != *want {
            wrong.push(format!("{text:?} {keys}: {:?}, not {want:?}", show(&e)));
        }
    }
    assert!(wrong.is_empty(), "{} of the table:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn keys_outside_of_the_list_are_the_keymaps() {
    let mut e = at("|abc");
    let mut vim = Vim::default();
    for key in
        [Key::char(' '), Key::char(':'), Key::char('?'), Key::char('r'), Key::plain(Code::F(5)), Key::plain(Code::Esc), Key::ctrl('c')]
    {
        assert_eq!(vim.key(&mut e, key), Did::NotMine, "{key}");
    }
    assert_eq!(vim.key(&mut e, Key::char('/')), Did::Search);
    vim.key(&mut e, Key::char('3'));
    assert_eq!(vim.key(&mut e, Key::char('n')), Did::Next(3));
    // What is selected is what runs.
    vim.key(&mut e, Key::char('v'));
    vim.key(&mut e, Key::char('l'));
    assert_eq!(e.selection(), Some(0..2));
    vim.key(&mut e, Key::plain(Code::Esc));
    assert_eq!(e.selection(), None);
}

proptest::proptest! {
    #[test]
    fn no_keys_break_anything(text in "[a-z(\"\n ä]{0,40}", keys in "[hjklwbe0$gGftdcyp>iIaAoOvVux.1-3\"(␛®]{0,40}") {
        let mut e = Editor::new(Dialect::Sqlite, &text);
        let mut vim = Vim::default();
        press(&mut vim, &mut e, &keys);
        press(&mut vim, &mut e, "␛␛␛");
        while e.undo() {}
        proptest::prop_assert_eq!(e.text(), text);
    }
}

/// Hands that know more of vim than the list type commands of two keys: the second is none of its own.
#[test]
fn the_letter_of_a_command_that_is_not_of_the_list_does_nothing() {
    for keys in ["dap", "yiwdap", "d'x", "dFx", "c]p", "vap\u{241b}"] {
        let mut e = at("on|e two");
        press(&mut Vim::default(), &mut e, keys);
        assert_eq!(e.text().to_string(), "one two", "{keys}");
    }
}
