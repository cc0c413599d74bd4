//! Authentication, TLS, poolers, and servers that are none.

use super::support::certificates::Certificates;
use super::*;

#[tokio::test]
async fn passwords_and_missing_things_are_told_apart() {
    let pg = PgServer::shared();
    let e = refused(engine(target(pg, "no such database"))).await;
    assert_eq!((e.kind, e.code.as_deref()), (Kind::Connect, Some("3D000")));
    let mut nobody = target(pg, "postgres");
    nobody.port = Some(1);
    assert_eq!(refused(engine(nobody)).await.kind, Kind::Connect);
    let mut tls = tcp(pg, "postgres");
    tls.sslmode = SslMode::Require;
    let e = refused(engine(tls)).await;
    assert!(e.message.contains("does not offer TLS"), "{e:?}");
    let _ = with_password(target(pg, "postgres"), "unused").connect(Connect::new(Role::Query, Access::ReadWrite)).await.unwrap();
}

#[tokio::test]
async fn authentication_and_tls_work_as_libpq_s() {
    let made = Certificates::readable_by(&["postgres", "nobody"]);
    let d = made.dir();
    let hba = "local all postgres trust\nhost all md5user 127.0.0.1/32 md5\nhost all scram 127.0.0.1/32 scram-sha-256\nhost all clear 127.0.0.1/32 password\n\
        hostssl all overtls 127.0.0.1/32 scram-sha-256\nhostssl all bycert 127.0.0.1/32 cert\nhost all kerb 127.0.0.1/32 gss\nhost all peeruser 127.0.0.1/32 reject\nhost all postgres 127.0.0.1/32 trust\nhost all postgres ::1/128 trust\n";
    made.write("hba", hba);
    made.self_signed("ca", "/CN=Test-CA", "");
    made.self_signed("other", "/CN=Other-CA", "");
    made.signed("server", "/CN=localhost", "ca", "subjectAltName=DNS:localhost");
    made.signed("client", "/CN=bycert", "ca", "subjectAltName=DNS:client");
    let settings = [
        made.setting("hba_file", "hba"),
        made.setting("ssl_cert_file", "server.crt"),
        made.setting("ssl_key_file", "server.key"),
        made.setting("ssl_ca_file", "ca.crt"),
        "ssl=on".to_string(),
    ];
    let pg = PgServer::start(&settings.iter().map(String::as_str).collect::<Vec<_>>());
    pg.psql("postgres", "set password_encryption = 'md5'; create role md5user login password 'geheim'; set password_encryption = 'scram-sha-256'; create role scram login password 'pä ss';
        create role clear login password 'klar'; create role overtls login password 'x'; create role bycert login; create role kerb login");
    let user = |name: &str, ssl: SslMode| {
        let mut t = tcp(&pg, "postgres");
        t.user = Some(name.into());
        t.sslmode = ssl;
        t
    };
    let how = || Connect::new(Role::Query, Access::ReadWrite);
    for (name, password) in [("md5user", "geheim"), ("scram", "pä ss"), ("clear", "klar"), ("overtls", "x")] {
        for ssl in [SslMode::Disable, SslMode::Prefer, SslMode::Require] {
            let good = with_password(user(name, ssl), password).connect(how()).await;
            if name == "overtls" && ssl == SslMode::Disable {
                let e = good.err().unwrap();
                assert!(e.hints.iter().any(|h| h.contains("without TLS")), "{e:?}");
                continue;
            }
            let s = good.unwrap_or_else(|e| panic!("{name} {ssl:?}: {e:?}"));
            let tls = s.fetch("select ssl from pg_stat_ssl where pid = pg_backend_pid()").await.unwrap();
            assert_eq!(tls.scalar(), Some(if ssl == SslMode::Disable { "f" } else { "t" }));
            let wrong = refused(with_password(user(name, ssl), "wrong")).await;
            assert_eq!((wrong.kind, wrong.code.as_deref()), (Kind::Connect, Some("28P01")), "{wrong:?}");
            assert!(!format!("{wrong:?}").contains("wrong\""));
            let none = refused(engine(user(name, ssl))).await;
            assert_eq!(none.kind, Kind::PasswordNeeded, "{none:?}");
        }
    }
    let gss = refused(engine(user("kerb", SslMode::Prefer))).await;
    assert!(gss.message.contains("GSSAPI"), "{gss:?}");
    let nobody = refused(engine(user("peeruser", SslMode::Prefer))).await;
    assert_eq!(nobody.code.as_deref(), Some("28000"));

    // Verification: 127.0.0.1 is not in the certificate, localhost is.
    let with_root = |ssl, root: &str, host: &str| {
        let mut t = user("postgres", ssl);
        t.host = Some(host.into());
        t.sslrootcert = Some(d.join(root));
        t
    };
    assert!(engine(with_root(SslMode::VerifyCa, "ca.crt", "127.0.0.1")).connect(how()).await.is_ok());
    assert!(engine(with_root(SslMode::VerifyFull, "ca.crt", "localhost")).connect(how()).await.is_ok());
    assert!(
        engine(with_root(SslMode::VerifyCa, "server.crt", "127.0.0.1")).connect(how()).await.is_ok(),
        "the certificate itself is trusted"
    );
    let e = refused(engine(with_root(SslMode::VerifyFull, "ca.crt", "127.0.0.1"))).await;
    assert!(e.message.contains("TLS with the server") && e.hints[0].contains("127.0.0.1"), "{e:?}");
    for ssl in [SslMode::VerifyCa, SslMode::VerifyFull, SslMode::Require] {
        let e = refused(engine(with_root(ssl, "other.crt", "localhost"))).await;
        assert!(e.message.contains("TLS with the server"), "{e:?}");
    }
    let e = refused(engine(with_root(SslMode::VerifyFull, "no such file", "localhost"))).await;
    assert_eq!(e.kind, Kind::Usage);

    // A client certificate, and cancel through TLS.
    let mut t = user("bycert", SslMode::Require);
    (t.sslcert, t.sslkey) = (Some(d.join("client.crt")), Some(d.join("client.key")));
    let s = engine(t).connect(how()).await.unwrap();
    let stream = s.run("select pg_sleep(600)").await.unwrap();
    let mut stream = stream;
    let cancelled = loop {
        s.cancel().await.unwrap();
        match tokio::time::timeout(Duration::from_millis(50), stream.next()).await {
            Ok(Some(Err(e))) => break e,
            Ok(None) => panic!("ended without an error"),
            _ => {}
        }
    };
    assert_eq!(cancelled.kind, Kind::Cancelled);
    assert_eq!(s.fetch("select 1").await.unwrap().scalar(), Some("1"));

    // The same key with a pass phrase: pg_dump is lent what it was opened to.
    made.locked("client");
    pg.psql("postgres", "create database bycert owner bycert");
    pg.psql("bycert", "create table t (i int); insert into t values (1); alter table t owner to bycert; grant execute on all functions in schema pg_catalog to bycert");
    let mut t = user("bycert", SslMode::Require);
    (t.sslcert, t.sslkey, t.database) = (Some(d.join("client.crt")), Some(d.join("locked.key")), Some("bycert".into()));
    assert_eq!(refused(engine(t.clone())).await.kind, Kind::PassphraseNeeded);
    holdpoint::engine::tls::locked::open(&d.join("locked.key"), &secrecy::SecretString::from("locked".to_string())).unwrap();
    let place = tempfile::tempdir().unwrap();
    assert_eq!(take(&engine(t), place.path()).await.fingerprint.tables["public.t"].rows, 1);

    // The recipe of the servers' manuals makes one of X.509 version 1.
    made.version_1("client", "ca", 7, "old.crt");
    let mut t = user("bycert", SslMode::Require);
    (t.sslcert, t.sslkey) = (Some(d.join("old.crt")), Some(d.join("client.key")));
    let s = engine(t).connect(how()).await.unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(s.fetch("select client_serial from pg_stat_ssl where pid = pg_backend_pid()").await.unwrap().scalar(), Some("7"));

    // Backup tools reach a server that wants a password.
    pg.psql("postgres", "create database own owner scram");
    pg.psql("own", "create table t (i int); insert into t values (1); alter table t owner to scram; grant execute on all functions in schema pg_catalog to scram");
    let mut t = user("scram", SslMode::Require);
    t.database = Some("own".into());
    let place = tempfile::tempdir().unwrap();
    let manifest = take(&with_password(t, "pä ss"), place.path()).await;
    assert_eq!(manifest.fingerprint.tables["public.t"].rows, 1);
}

/// A stand-in for a transaction pooler: passes bytes on, hands out a cancel key of its own, and refuses what `refuse` names.
async fn pooler(to: u16, refuse: Option<&'static str>) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut startup = vec![0u8; 4];
                client.read_exact(&mut startup).await.unwrap();
                let len = u32::from_be_bytes(startup[..4].try_into().unwrap()) as usize;
                startup.resize(len, 0);
                client.read_exact(&mut startup[4..]).await.unwrap();
                if let Some(name) = refuse
                    && startup.windows(name.len()).any(|w| w == name.as_bytes())
                {
                    let body = format!("SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: {name}\0\0");
                    let mut message = vec![b'E'];
                    message.extend((body.len() as u32 + 4).to_be_bytes());
                    message.extend(body.as_bytes());
                    client.write_all(&message).await.unwrap();
                    return;
                }
                let mut server = tokio::net::TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                server.write_all(&startup).await.unwrap();
                // Up to ReadyForQuery the server speaks alone; then the key in between is changed.
                let mut greeting = Vec::new();
                while !greeting.ends_with(&[b'Z', 0, 0, 0, 5, b'I']) {
                    assert_ne!(server.read_buf(&mut greeting).await.unwrap(), 0);
                }
                let key = greeting.windows(5).position(|w| w == [b'K', 0, 0, 0, 12]).unwrap();
                greeting[key + 8] ^= 1;
                client.write_all(&greeting).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    port
}

#[tokio::test]
async fn poolers_are_noticed_before_anything_is_set() {
    let pg = PgServer::shared();
    for refuse in [None, Some("lock_timeout")] {
        let port = pooler(pg.port, refuse).await;
        let mut t = tcp(pg, "postgres");
        t.port = Some(port);
        t.sslmode = SslMode::Disable;
        let e = engine(t.clone());
        let s = e.connect(Connect::new(Role::Background, Access::ReadOnly)).await.unwrap();
        assert!(s.identity().pooler.is_some(), "{refuse:?}");
        assert_eq!(s.fetch("show lock_timeout").await.unwrap().scalar(), Some("200ms"), "{refuse:?}");
        assert_eq!(s.fetch("show transaction_read_only").await.unwrap().scalar(), Some("on"));
        let held = e.connect(Connect::new(Role::Migration, Access::ReadWrite)).await.err().unwrap();
        assert!(held.message.contains("is behind a pooler"), "{held:?}");
        t.role = Some("postgres".into());
        assert!(engine(t).connect(Connect::new(Role::Query, Access::ReadWrite)).await.err().unwrap().message.contains("pooler"));
    }
    let direct = open(target(pg, "postgres")).await;
    assert_eq!(direct.identity().pooler, None);
    assert!(direct.identity().server_id.parse::<u64>().is_ok());
    // Something else that listens is not taken for a server.
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut t = tcp(pg, "postgres");
    t.port = Some(port.local_addr().unwrap().port());
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        while let Ok((mut c, _)) = port.accept().await {
            let _ = c.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    assert!(refused(engine(t)).await.message.contains("is not a PostgreSQL server"));
}

/// A server that accepts and says nothing costs the connect timeout, not for ever.
#[tokio::test]
async fn silence_ends_by_the_connect_timeout() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut t = tcp(PgServer::shared(), "postgres");
    t.port = Some(listener.local_addr().unwrap().port());
    let how = Connect { connect_timeout: Duration::from_millis(300), ..Connect::new(Role::Query, Access::ReadWrite) };
    let e = engine(t).connect(how).await.err().unwrap();
    assert_eq!(e.kind, Kind::Connect);
    assert!(e.message.contains("does not answer the login within 300 ms"), "{e:?}");
}
