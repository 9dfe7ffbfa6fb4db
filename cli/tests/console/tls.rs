//! Connections by TLS: to a server, a cluster, and through Sentinels that are reached by TLS themselves.

use crate::harness::*;
use crate::run::{tsgen_at, Ran};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// An authority, and what it has signed for a server and for a client.
struct Papers(tempfile::TempDir);

impl Papers {
    fn issue() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, pem: String| std::fs::write(folder.path().join(name), pem).expect("a file");
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        // Where all have one name, each would seem to have signed itself.
        params.distinguished_name.push(DnType::CommonName, "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        write("ca.pem", params.self_signed(&key).expect("a certificate").pem());
        let issuer = Issuer::new(params, key);
        for name in ["server", "client"] {
            let key = KeyPair::generate().expect("a key");
            let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
            let mut params = CertificateParams::new(names).expect("parameters");
            params.distinguished_name.push(DnType::CommonName, name);
            write(&format!("{name}.pem"), params.signed_by(&key, &issuer).expect("a certificate").pem());
            write(&format!("{name}.key"), key.serialize_pem());
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// Options of a server that speaks TLS only.
    fn options(&self) -> Vec<String> {
        let files = [("cert-file", "server.pem"), ("key-file", "server.key"), ("ca-cert-file", "ca.pem")];
        let files = files.map(|(option, name)| [format!("--tls-{option}"), self.path(name)]).concat();
        [vec!["--port".to_owned(), "0".to_owned()], files].concat()
    }

    fn start(&self, more: &[&str]) -> Server {
        let options = self.options();
        let options: Vec<&str> = options.iter().map(String::as_str).chain(more.iter().copied()).collect();
        Server::start(&options)
    }

    fn serve(&self, more: &[&str]) -> Server {
        let server = self.start(more);
        server.client().ok(&format!("CONFIG SET tls-port {}", server.port));
        server
    }

    /// Runs it with the authority, and with the client's certificate.
    fn tsgen(&self, url: &str, args: &[&str]) -> Ran {
        let (ca, cert, key) = (self.path("ca.pem"), self.path("client.pem"), self.path("client.key"));
        tsgen_at(url, &[args, &["--cacert", &ca, "--cert", &cert, "--key", &key]].concat(), "")
    }
}

#[test]
fn a_server_by_tls() {
    let papers = Papers::issue();
    let server = papers.serve(&["--tls-auth-clients", "optional"]);
    server.client().play("> SELECT 3\n OK\n > TSGEN.ADD k 5 a x\n 1");
    let (port, ca) = (server.port, papers.path("ca.pem"));
    let url = format!("rediss://127.0.0.1:{port}");
    let ls = |url: &str, args: &[&str]| tsgen_at(url, &[&["ls"], args].concat(), "");
    assert!(ls(&url, &["--cacert", &ca]).done().contains(" k "));
    assert!(ls(&format!("redis://localhost:{port}"), &["--tls", "--cacert", &ca]).done().contains(" k "));
    assert!(ls(&url, &["--insecure"]).done().contains(" k "));
    assert!(ls(&format!("{url}/#insecure"), &[]).done().contains(" k "));
    // Nobody here has signed it.
    assert!(ls(&url, &[]).failed(3).contains("certificate"));
    // Without TLS, it does not speak to anybody.
    ls(&format!("redis://127.0.0.1:{port}"), &[]).failed(3);
    // A certificate of the client's own.
    server.client().ok("CONFIG SET tls-auth-clients yes");
    ls(&url, &["--cacert", &ca]).failed(3);
    assert!(papers.tsgen(&url, &["ls"]).done().contains(" k "));
    assert!(papers.tsgen(&url, &["info", "k", "--db", "3"]).done().contains("TSGEN"));
    assert!(papers.tsgen(&url, &["metrics"]).done().contains("tsgen_up{"));
}

#[test]
fn what_makes_no_sense_is_said() {
    let papers = Papers::issue();
    let ls = |url: &str, args: &[&str], code: i32| tsgen_at(url, &[&["ls"], args].concat(), "").failed(code);
    let key = papers.path("client.key");
    assert!(ls("redis://127.0.0.1:1", &["--cacert", &papers.path("ca.pem")], 1).contains("--tls, or rediss://"));
    assert!(ls("unix:///s", &["--tls"], 1).contains("not over a socket"));
    assert!(ls("rediss://127.0.0.1:1", &["--cacert", "/dev/null"], 1).contains("this is no PEM"));
    assert!(ls("rediss://127.0.0.1:1", &["--cacert", "/nowhere"], 1).contains("--cacert /nowhere: No such file"));
    assert!(ls("rediss://127.0.0.1:1", &["--key", &key], 2).contains("--cert"));
}

#[test]
fn a_cluster_by_tls() {
    let papers = Papers::issue();
    // A node has to know its port from the start. This server keeps it free.
    let keeper = Server::plain(&["--port", "0"]);
    let port = keeper.port;
    let node = papers.start(&["--cluster-enabled", "yes", "--tls-cluster", "yes", "--tls-port", &port.to_string()]);
    node.client().ok("CLUSTER ADDSLOTSRANGE 0 16383");
    wait_until("it is a cluster", || node.client().ok("CLUSTER INFO").text().contains("cluster_state:ok"));
    node.client().ok("TSGEN.ADD k 5 a x");
    for url in [format!("clusters://127.0.0.1:{port}"), format!("cluster://127.0.0.1:{port}")] {
        assert!(papers.tsgen(&url, &["ls", "--tls"]).done().contains(" k "), "{url}");
        assert!(papers.tsgen(&url, &["info", "k", "--tls"]).done().contains("TSGEN"), "{url}");
    }
}

/// A Sentinel in a folder, on a port that somebody else keeps free.
fn sentinel(papers: &Papers, folder: &Path, port: u16, master: u16) -> std::process::Child {
    let path: PathBuf = folder.join("sentinel.conf");
    let [cert, key, ca] = ["server.pem", "server.key", "ca.pem"].map(|name| papers.path(name));
    let configuration = format!(
        "port 0\ntls-port {port}\nbind 127.0.0.1\ntls-replication yes\ntls-cert-file {cert}\ntls-key-file {key}\ntls-ca-cert-file {ca}\n\
         sentinel monitor watched 127.0.0.1 {master} 1\n"
    );
    std::fs::write(&path, configuration).expect("a configuration file");
    let mut command = mortal(&programs().server);
    command.arg(path).arg("--sentinel").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("start a Sentinel")
}

#[test]
fn sentinels_by_tls() {
    let papers = Papers::issue();
    let master = papers.serve(&[]);
    master.client().ok("TSGEN.ADD k 5 a x");
    // It keeps the Sentinel's port free.
    let keeper = Server::plain(&["--port", "0"]);
    let mut sentinel = sentinel(&papers, keeper.folder(), keeper.port, master.port);
    let url = format!("sentinels://127.0.0.1:{}/watched", keeper.port);
    let listed = || papers.tsgen(&url, &["ls"]);
    wait_until("the Sentinel tells", || listed().code == 0);
    assert!(listed().done().contains(" k "));
    assert!(papers.tsgen(&url, &["info", "k"]).done().contains("TSGEN"));
    sentinel.kill().expect("end it");
    sentinel.wait().expect("its end");
}
