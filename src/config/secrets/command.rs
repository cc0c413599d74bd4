//! `password_command`: the first line of what a shell command prints.

use crate::model::{Error, Result};
use secrecy::SecretString;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;

/// Longest output that is read of either stream, bytes: a password is one line.
const MOST: u64 = 64 * 1024;

/// Ends the command with all that it started.
struct Group(Option<rustix::process::Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
        }
    }
}

/// Runs the command by `sh -c` and takes the first line of its output. What it says on stderr is in the error.
pub async fn run(command: &str, target: &str, limit: Duration) -> Result<SecretString> {
    let failed = |what: String| Error::failed(format!("password_command of {target} {what}"));
    let mut child = tokio::process::Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Its own group: what it starts ends with it, and Ctrl-C in the console is not its.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| failed(format!("could not be started: {e}")))?;
    let mut group = Group(child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw));
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let work = async {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let read_out = async {
            match stdout {
                Some(s) => s.take(MOST).read_to_end(&mut out).await.map(drop),
                None => Ok(()),
            }
        };
        let read_err = async {
            match stderr {
                Some(s) => s.take(MOST).read_to_end(&mut err).await.map(drop),
                None => Ok(()),
            }
        };
        let (a, b) = tokio::join!(read_out, read_err);
        a.and(b).map_err(|e| failed(format!("could not be read: {e}")))?;
        let status = child.wait().await.map_err(|e| failed(format!("could not be waited for: {e}")))?;
        Ok::<_, Error>((status, out, err))
    };
    let done = tokio::time::timeout(limit, work).await;
    let (status, out, err) = match done {
        Ok(done) => done?,
        Err(_) => {
            return Err(failed(format!("gave nothing within {} s", limit.as_secs()))
                .hint("It must not ask anything itself: it has no terminal. Unlock its store before, or use prompt = true."));
        }
    };
    // It has ended and was waited for: its number may be another's by now.
    group.0 = None;
    let said = crate::text::clean_lines(String::from_utf8_lossy(&err).trim());
    if !status.success() {
        let how = status.code().map_or_else(|| "was killed".to_owned(), |c| format!("ended with exit code {c}"));
        let e = failed(how);
        return Err(if said.is_empty() { e } else { e.detail(last_lines(&said)) });
    }
    let text = String::from_utf8(out).map_err(|_| failed("printed something that is not UTF-8".into()))?;
    let line = text.lines().next().unwrap_or("");
    if line.is_empty() {
        let e = failed("printed nothing in its first line".into());
        return Err(if said.is_empty() { e } else { e.detail(last_lines(&said)) });
    }
    Ok(SecretString::from(line))
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    async fn ok(command: &str) -> String {
        run(command, "t", Duration::from_secs(20)).await.unwrap().expose_secret().to_owned()
    }
    async fn err(command: &str) -> Error {
        run(command, "t", Duration::from_secs(20)).await.unwrap_err()
    }

    #[tokio::test]
    async fn the_first_line_is_the_password() {
        assert_eq!(ok("printf 'p#@:/%%  \\nlogin: mira\\n'").await, "p#@:/%  ");
        assert_eq!(ok("echo warning >&2; printf one").await, "one");
    }

    #[tokio::test]
    async fn failures_say_what_the_command_said() {
        let e = err("echo 'no such entry' >&2; exit 3").await;
        assert_eq!(e.message, "password_command of t ended with exit code 3");
        assert_eq!(e.detail.as_deref(), Some("no such entry"));
        assert!(err("true").await.message.contains("printed nothing"));
        assert!(err("printf '\\377\\n'").await.message.contains("not UTF-8"));
        let e = err("printf '\\033[2J' >&2; exit 1").await;
        assert!(!e.detail.unwrap_or_default().contains('\x1b'));
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_ended_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let pid_file = dir.path().join("pid");
        // The inner shell outlives `sh -c` unless the whole group is ended.
        let command = format!("sh -c 'echo $$ > {0}.new; mv {0}.new {0}; exec tail -f /dev/null'", pid_file.display());
        // A busy machine may not have begun the inner shell by then.
        let mut limit = 1;
        let pid = loop {
            let e = run(&command, "t", Duration::from_secs(limit)).await.unwrap_err();
            assert!(e.message.contains(&format!("within {limit} s")), "{e}");
            match std::fs::read_to_string(&pid_file) {
                Ok(pid) => break pid,
                Err(_) => limit *= 2,
            }
            assert!(limit < 60, "it never began");
        };
        let gone = async {
            loop {
                let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
                if stat.is_empty() || stat.contains(") Z ") {
                    break;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), gone).await.expect("the command's child still runs");
    }
}
