//! Keys and certificates, made by `openssl` where a server that runs as another user can read them.

use super::server::{Unprivileged, run};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

pub struct Certificates {
    dir: tempfile::TempDir,
    user: Unprivileged,
}

impl Certificates {
    /// For a server that runs as the first of these users that is there.
    pub fn readable_by(users: &[&str]) -> Certificates {
        let dir = tempfile::Builder::new().prefix("hp-tls-").tempdir_in("/tmp").expect("dir");
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).expect("mode");
        Certificates { dir, user: Unprivileged::first_of(users) }
    }
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("written");
    }

    /// Runs it there; the arguments have no blanks in them.
    pub fn openssl(&self, args: &str) {
        let mut c = std::process::Command::new("openssl");
        c.args(args.split(' ')).current_dir(self.dir.path());
        run(c, "openssl");
    }

    /// `<name>.key` and `<name>.crt`, signed by itself: an authority, or a server of its own. `more`: further options.
    pub fn self_signed(&self, name: &str, subject: &str, more: &str) {
        let more = if more.is_empty() { String::new() } else { format!(" {more}") };
        self.openssl(&format!("req -x509 -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.crt -subj {subject} -days 2{more}"));
    }

    /// `<name>.key`, `<name>.csr`, and `<name>.crt`, signed by `ca`, with an extension.
    pub fn signed(&self, name: &str, subject: &str, ca: &str, extension: &str) {
        self.openssl(&format!("req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj {subject}"));
        self.write("ext", extension);
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA {ca}.crt -CAkey {ca}.key -CAcreateserial -days 2 -extfile ext -out {name}.crt"
        ));
    }

    /// `<name>.crt` again, as the recipes of the servers' manuals make it: of X.509 version 1, with this serial number.
    pub fn version_1(&self, name: &str, ca: &str, serial: u8, out: &str) {
        self.openssl(&format!("x509 -req -in {name}.csr -CA {ca}.crt -CAkey {ca}.key -set_serial {serial} -days 2 -out {out}"));
    }

    /// `locked.key`: the key with the pass phrase `locked`.
    pub fn locked(&self, name: &str) {
        self.openssl(&format!("pkcs8 -topk8 -v2 aes-256-cbc -in {name}.key -passout pass:locked -out locked.key"));
    }

    /// A setting of the server: the option, and where a copy of the file lies that is the server's user's own.
    pub fn setting(&self, option: &str, name: &str) -> String {
        let copy = self.path(&format!("server-s-{name}"));
        std::fs::copy(self.path(name), &copy).expect("copy");
        std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o600)).expect("mode");
        self.user.own(&copy);
        format!("{option}={}", copy.display())
    }
}
