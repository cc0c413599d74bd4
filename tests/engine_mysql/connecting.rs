//! Logins, TLS, and servers that have no place left.

use super::support::certificates::Certificates;
use super::support::relay::Relay;
use super::*;

/// The users that a server may run as.
const SERVERS: &[&str] = &["mysql", "nobody"];

fn how() -> Connect {
    Connect::new(Role::Query, Access::ReadWrite)
}

/// The target of the account `secured`, which wants TLS.
fn secured(server: &MariaServer, made: &Certificates, ssl: SslMode, root: Option<&str>, password: &str) -> Arc<dyn Engine> {
    let mut t = target(server, "");
    (t.user, t.sslmode) = (Some("secured".into()), ssl);
    t.sslrootcert = root.map(|f| made.path(f));
    registry::engine(t, Some(SecretString::from(password.to_string())))
}

/// With the one root the session is encrypted, and a wrong password is told; with the other there is no session, and this is why.
async fn trusts(server: &MariaServer, made: &Certificates, ssl: SslMode, (root, other): (&str, &str), why: &str) {
    let with = |root, password| secured(server, made, ssl, Some(root), password);
    let s = with(root, "secret").connect(how()).await.unwrap_or_else(|e| panic!("{ssl:?}: {e:?}"));
    let cipher = s.fetch("show session status like 'Ssl_cipher'").await.expect("cipher");
    assert!(cipher.rows[0][1].as_deref().is_some_and(|c| !c.is_empty()), "{ssl:?}");
    let e = with(root, "wrong").connect(how()).await.err().expect("wrong password");
    assert_eq!(e.code.as_deref(), Some("1045"), "{ssl:?}: {e:?}");
    let e = with(other, "secret").connect(how()).await.err().expect("another root");
    assert!(e.message.ends_with(why), "{ssl:?}: {e:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_fails_says_why() {
    let server = MariaServer::shared();
    server.sql("", "create user if not exists secret@'127.0.0.1' identified by 'right'");
    let mut t = target(server, "");
    t.user = Some("secret".into());
    let e = engine(t.clone()).connect(how()).await.err().expect("no password");
    assert_eq!(e.kind, Kind::PasswordNeeded, "{e:?}");
    let e = registry::engine(t.clone(), Some(SecretString::from("wrong".to_string()))).connect(how()).await.err().expect("wrong password");
    assert_eq!((e.kind, e.code.as_deref()), (Kind::Connect, Some("1045")), "{e:?}");
    assert!(!format!("{e:?}").contains("wrong\""), "{e:?}");
    let s = registry::engine(t.clone(), Some(SecretString::from("right".to_string()))).connect(how()).await.expect("right password");
    assert_eq!(s.identity().product, product());
    assert_eq!(s.identity().user, "secret@127.0.0.1");
    let e = engine(target(server, "no_such_db")).connect(how()).await.err().expect("no database");
    assert_eq!(e.code.as_deref(), Some("1049"), "{e:?}");
    let mut gone = target(server, "");
    let closed = support::server::ClosedPort::new();
    gone.port = Some(closed.port);
    let e = engine(gone).connect(how()).await.err().expect("nobody there");
    assert!(e.message.contains("nothing listens"), "{e:?}");
    let mut tls = target(server, "");
    tls.sslmode = SslMode::Require;
    match engine(tls).connect(how()).await {
        // MySQL makes itself certificates at its first start.
        Ok(s) => assert!(MariaServer::is_mysql(), "{:?}", s.identity()),
        Err(e) => assert!(e.message.contains("does not offer TLS"), "{e:?}"),
    }
    let mut by_socket = target(server, "");
    (by_socket.host, by_socket.port) = (None, None);
    by_socket.socket = Some(server.socket.clone());
    let s2 = engine(by_socket).connect(how()).await.expect("socket");
    assert_eq!(s2.identity().server_id, s.identity().server_id, "the same server, whatever the way");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_self_signed_server_is_trusted_by_its_own_certificate_and_no_other() {
    let made = Certificates::readable_by(SERVERS);
    for name in ["self", "other"] {
        made.self_signed(name, "/CN=db", "-addext subjectAltName=DNS:localhost,IP:127.0.0.1");
    }
    made.openssl("req -x509 -key self.key -out name.crt -subj /CN=db -addext subjectAltName=DNS:db.example");
    let server = MariaServer::start(&[&made.setting("--ssl-cert", "self.crt"), &made.setting("--ssl-key", "self.key")]);
    server.sql("", "create user secured@'127.0.0.1' identified by 'secret' require ssl");
    let with = |ssl, root, password| secured(&server, &made, ssl, root, password);
    for ssl in [SslMode::Require, SslMode::VerifyCa, SslMode::VerifyFull] {
        // The other is of the same name, with another key.
        trusts(&server, &made, ssl, ("self.crt", "other.crt"), "its certificate is self-signed").await;
    }
    for ssl in [SslMode::VerifyCa, SslMode::VerifyFull] {
        let e = with(ssl, None, "secret").connect(how()).await.err().expect("an authority is wanted");
        assert!(e.message.ends_with("its certificate is self-signed") && e.hints[0].contains("sslrootcert"), "{ssl:?}: {e:?}");
    }
    // The key is the server's, and the certificate that is trusted is for another name.
    with(SslMode::VerifyCa, Some("name.crt"), "secret").connect(how()).await.map(drop).expect("no name is looked at");
    assert!(with(SslMode::VerifyFull, Some("name.crt"), "secret").connect(how()).await.is_err());
}

/// As MySQL makes them for itself: signed by its authority, and without any name that a client could look for.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_without_a_name_is_trusted_by_its_chain() {
    let made = Certificates::readable_by(SERVERS);
    for ca in ["ca", "other"] {
        made.self_signed(ca, &format!("/CN={ca}"), "");
    }
    made.signed("server", "/CN=Server", "ca", "basicConstraints=CA:FALSE");
    let server = MariaServer::start(&[&made.setting("--ssl-cert", "server.crt"), &made.setting("--ssl-key", "server.key")]);
    server.sql("", "create user secured@'127.0.0.1' identified by 'secret' require ssl");
    let with = |ssl, root, password| secured(&server, &made, ssl, root, password);
    for ssl in [SslMode::Require, SslMode::VerifyCa] {
        trusts(&server, &made, ssl, ("ca.crt", "other.crt"), "signed by nobody who is trusted here").await;
    }
    let e = with(SslMode::VerifyFull, Some("ca.crt"), "secret").connect(how()).await.err().expect("a name is wanted");
    assert!(e.message.ends_with("its certificate carries no name, and 127.0.0.1 is wanted"), "{e:?}");
    let e = with(SslMode::Disable, None, "secret").connect(how()).await.err().expect("TLS is wanted");
    assert!(e.hints.iter().any(|h| h.contains("REQUIRE SSL")), "{e:?}");
}

/// A connection that is given up for a second one counts as an error of the host, which the server then blocks for everybody.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_over_tls_is_one_connection_whatever_name_the_certificate_bears() {
    let made = Certificates::readable_by(SERVERS);
    made.self_signed("ca", "/CN=Test-CA", "");
    made.signed("server", "/CN=x", "ca", "subjectAltName=DNS:db.internal");
    let server = MariaServer::start(&[&made.setting("--ssl-cert", "server.crt"), &made.setting("--ssl-key", "server.key")]);
    server.sql("", "create user secured@'127.0.0.1' identified by 'secret' require ssl");
    let made_so_far = || -> u64 {
        let told = server.sql("", "show global status like 'Connections'");
        told.split_whitespace().last().and_then(|n| n.parse().ok()).expect("a count")
    };
    let given_up = || server.sql("", "show global status where variable_name in ('Aborted_connects_preauth', 'Aborted_clients')");
    let before = given_up();
    for (ssl, root) in [
        (SslMode::Prefer, None),
        (SslMode::Require, None),
        (SslMode::Require, Some("ca.crt")),
        (SslMode::VerifyCa, Some("ca.crt")),
        (SslMode::VerifyCa, Some("server.crt")),
    ] {
        for password in ["secret", "wrong"] {
            let count = made_so_far();
            let login = secured(&server, &made, ssl, root, password).connect(how()).await;
            assert_eq!(login.is_ok(), password == "secret", "{ssl:?} {root:?}");
            if let Ok(s) = login {
                s.close().await;
            }
            // One is this count's own.
            assert_eq!(made_so_far() - count, 2, "{ssl:?} {root:?} {password}: more than one connection for a login");
        }
    }
    assert_eq!(given_up(), before, "a connection was given up, or ended without a word");
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_and_tls_work_as_configured() {
    let made = Certificates::readable_by(SERVERS);
    let d = made.dir();
    made.self_signed("ca", "/CN=Test-CA", "");
    made.self_signed("other", "/CN=Other-CA", "");
    made.signed("server", "/CN=x", "ca", "subjectAltName=DNS:localhost");
    made.signed("client", "/CN=x", "ca", "subjectAltName=DNS:client");
    let options = [made.setting("--ssl-cert", "server.crt"), made.setting("--ssl-key", "server.key"), made.setting("--ssl-ca", "ca.crt")];
    let server = MariaServer::start(&options.iter().map(String::as_str).collect::<Vec<_>>());
    let awkward = "p\"a#s s\\w'ö$";
    // MySQL has its own way, and takes another one that is not known here.
    let ways = match MariaServer::is_mysql() {
        true => {
            "create user ed@'127.0.0.1' identified with caching_sha2_password by 'secret';
            create user old@'127.0.0.1' identified with sha256_password by 'x'"
        }
        false => {
            server.sql("", "install soname 'auth_ed25519'");
            "create user ed@'127.0.0.1' identified via ed25519 using password('secret');
            create user old@'127.0.0.1' identified via mysql_old_password"
        }
    };
    server.sql(
        "",
        &format!(
            "create database over_tls; create table over_tls.t (a int primary key); insert into over_tls.t values (1);
        {ways};
        create user bycert@'127.0.0.1' require x509;
        create user crypt@'127.0.0.1' identified by '{}' require ssl; grant all on *.* to crypt@'127.0.0.1'",
            awkward.replace('\\', "\\\\").replace('\'', "''")
        ),
    );
    let user = |name: &str, ssl: SslMode| {
        let mut t = target(&server, "");
        t.user = Some(name.into());
        t.sslmode = ssl;
        t
    };
    let with = |t: Target, password: &str| registry::engine(t, Some(SecretString::from(password.to_string())));
    for (ssl, encrypted) in [(SslMode::Disable, false), (SslMode::Prefer, true), (SslMode::Require, true)] {
        let mut made = with(user("ed", ssl), "secret").connect(how()).await;
        // Without TLS there is nothing between the driver and the server: one challenge in 256 is misread there (`greeting::with_end`).
        if ssl == SslMode::Disable && made.is_err() {
            made = with(user("ed", ssl), "secret").connect(how()).await;
        }
        let s = made.unwrap_or_else(|e| panic!("{ssl:?}: {e:?}"));
        let cipher = s.fetch("show session status like 'Ssl_cipher'").await.expect("cipher");
        assert_eq!(cipher.rows[0][1].as_deref().is_some_and(|c| !c.is_empty()), encrypted, "{ssl:?}");
        let e = with(user("ed", ssl), "wrong").connect(how()).await.err().expect("wrong password");
        assert_eq!(e.code.as_deref(), Some("1045"), "{e:?}");
    }
    let e = with(user("old", SslMode::Require), "x").connect(how()).await.err().expect("unsupported");
    assert_eq!(e.kind, Kind::Connect, "{e:?}");
    let e = with(user("crypt", SslMode::Disable), awkward).connect(how()).await.err().expect("needs TLS");
    assert_eq!(e.kind, Kind::Connect, "{e:?}");

    // The certificate names localhost, not 127.0.0.1.
    let root = |ssl, file: &str| {
        let mut t = user("root", ssl);
        t.sslrootcert = Some(d.join(file));
        t
    };
    engine(root(SslMode::VerifyCa, "ca.crt")).connect(how()).await.expect("the chain is fine");
    engine(root(SslMode::Require, "ca.crt")).connect(how()).await.map(drop).unwrap_or_else(|e| panic!("{e:?}"));
    let e = engine(root(SslMode::VerifyFull, "ca.crt")).connect(how()).await.err().expect("another name");
    assert!(e.message.starts_with("TLS with"), "{e:?}");
    let mut named = root(SslMode::VerifyFull, "ca.crt");
    named.host = Some("localhost".into());
    // The account is bound to 127.0.0.1; by name the server may see ::1 first, so only TLS is looked at.
    if let Err(e) = engine(named).connect(how()).await {
        assert!(!e.message.starts_with("TLS with"), "{e:?}");
    }
    for ssl in [SslMode::VerifyCa, SslMode::VerifyFull] {
        let e = engine(root(ssl, "other.crt")).connect(how()).await.err().expect("another authority");
        assert!(e.message.starts_with("TLS with") && e.message.ends_with("signed by nobody who is trusted here"), "{e:?}");
    }
    // The server's own certificate as the root: it is that server, whoever signed it.
    engine(root(SslMode::VerifyCa, "server.crt")).connect(how()).await.expect("the certificate itself is trusted");
    let e = engine(root(SslMode::VerifyFull, "server.crt")).connect(how()).await.err().expect("another name");
    assert!(e.message.starts_with("TLS with"), "{e:?}");
    let mut cert = user("bycert", SslMode::Require);
    assert!(engine(cert.clone()).connect(how()).await.is_err());
    (cert.sslcert, cert.sslkey) = (Some(d.join("client.crt")), Some(d.join("client.key")));
    engine(cert.clone()).connect(how()).await.expect("by certificate");
    // The same key with a pass phrase.
    made.locked("client");
    let mut locked = cert.clone();
    locked.sslkey = Some(d.join("locked.key"));
    let e = engine(locked.clone()).connect(how()).await.err().expect("locked");
    assert!(e.kind == Kind::PassphraseNeeded && e.message.ends_with("locked.key wants its pass phrase"), "{e:?}");
    holdpoint::engine::tls::locked::open(&d.join("locked.key"), &SecretString::from("locked".to_string())).expect("opened");
    engine(locked.clone()).connect(how()).await.expect("by certificate and pass phrase");
    // The server's own programs are lent the opened key, and nothing of it is on a disk.
    locked.database = Some("over_tls".into());
    server.sql("", "grant all on over_tls.* to bycert@'127.0.0.1'");
    let place = tempfile::tempdir().expect("dir");
    let backups = engine(locked.clone());
    let taken = backups
        .backups()
        .get()
        .expect("backups")
        .take(place.path(), "tester", &holdpoint::model::Silent, &tokio_util::sync::CancellationToken::new())
        .await
        .expect("a dump by certificate and pass phrase");
    assert!(taken.artefacts[0].bytes > 0);
    // The recipe of the server's manual makes one of X.509 version 1.
    made.version_1("client", "ca", 7, "old.crt");
    cert.sslcert = Some(d.join("old.crt"));
    engine(cert).connect(how()).await.unwrap_or_else(|e| panic!("version 1: {e:?}"));

    // An idle encrypted connection stays, and is noticed when it dies; cancelling works through TLS.
    let s = with(user("crypt", SslMode::Require), awkward).connect(how()).await.expect("over TLS");
    let slow = {
        let s = s.clone();
        tokio::spawn(async move { run(&s, &MariaServer::asleep(50, "tls_cancel")).await })
    };
    support::wait_until("the statement runs", || running(&server, "tls_cancel") == 1);
    s.cancel().await.expect("cancel");
    assert_eq!(slow.await.expect("task").expect_err("cancelled").kind, Kind::Cancelled);
    assert_eq!(s.status().lost, None);
    let id = s.fetch("select connection_id()").await.expect("id").scalar().expect("id").to_string();
    let mut watch = s.watch();
    server.sql("", &format!("kill {id}"));
    tokio::time::timeout(support::PATIENCE, watch.wait_for(|s| s.lost.is_some())).await.expect("noticed").expect("lost");

    // The tools log in by a file, with a password that no shell and no option file takes lightly.
    let mut t = user("crypt", SslMode::Require);
    t.database = Some("over_tls".into());
    let e = with(t, awkward);
    let out = tempfile::tempdir().expect("dir");
    let manifest = e
        .backups()
        .get()
        .expect("backups")
        .take(out.path(), "tester", &holdpoint::model::Silent, &tokio_util::sync::CancellationToken::new())
        .await
        .expect("a dump over TLS");
    assert!(manifest.artefacts[0].bytes > 0);
}

/// The line holds the statement back while the order to end it arrives: the server forgets that one.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_the_cancel_came_before_is_cancelled_again() {
    let server = MariaServer::shared();
    let relay = Relay::to(server.port);
    let mut t = target(server, "");
    t.port = Some(relay.port);
    let s = engine(t).connect(how()).await.expect("connect");
    // So many that an order's own connection stays below.
    for _ in 0..30 {
        s.fetch("select 1").await.expect("read");
    }
    let turns = relay.turns();
    relay.give_each(turns);
    let slow = MariaServer::asleep(60, "overtaken");
    let mut rows = s.run(&slow).await.expect("sent");
    support::wait_until("the statement is on its way", || relay.turns() > turns);
    s.cancel().await.expect("the server has taken the order");
    assert_eq!(running(server, "overtaken"), 0, "it has not come there");
    relay.free();
    let ended = async { while rows.next().await.is_some_and(|e| e.is_ok_and(|e| !matches!(e, Event::Done(_)))) {} };
    tokio::select! {
        () = ended => {}
        e = s.cancel_until_ended() => panic!("{e:?}"),
        () = tokio::time::sleep(support::PATIENCE) => panic!("it was not ended"),
    }
    support::wait_until("nothing of it is left", || running(server, "overtaken") == 0);
    assert_eq!(s.fetch("select 7").await.expect("the next one is not hit").scalar(), Some("7"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_is_named_and_cancelling_says_that_it_cannot() {
    let server = MariaServer::start(&["--max-connections=10"]);
    let mut t = target(&server, "");
    server.sql("", "create user plain@'127.0.0.1'");
    t.user = Some("plain".into());
    let e = engine(t);
    let mut sessions = Vec::new();
    let refused = loop {
        match e.connect(how()).await {
            Ok(s) => sessions.push(s),
            Err(e) => break e,
        }
        assert!(sessions.len() < 20);
    };
    assert_eq!(refused.code.as_deref(), Some("1040"), "{refused:?}");
    let s = sessions.pop().expect("a session");
    let slow = {
        let s = s.clone();
        tokio::spawn(async move { run(&s, &MariaServer::asleep(30, "nobody_comes")).await })
    };
    support::wait_until("the statement runs", || running(&server, "nobody_comes") == 1);
    let e = s.cancel().await.expect_err("no second connection");
    assert!(e.message.contains("cancelling is not possible"), "{e:?}");
    sessions.pop().expect("another").close().await;
    // The client is gone before the server has counted it out, and asking the server takes a place too: try until it works.
    let begun = std::time::Instant::now();
    while let Err(e) = s.cancel().await {
        assert!(e.message.contains("no second connection") && begun.elapsed() < support::PATIENCE, "{e:?}");
    }
    assert_eq!(slow.await.expect("task").expect_err("cancelled").kind, Kind::Cancelled);
}
