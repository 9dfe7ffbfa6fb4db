//! Connections by TLS: which certificates are trusted, and which is shown.

use super::url::Url;
use crate::args::Common;
use anyhow::{bail, Context};
use redis::cluster::ClusterClientBuilder;
use redis::{Client, ClientTlsConfig, TlsCertificates, TlsMode};
use std::path::Path;
use tsgen_client::Server;

/// What the command line says of it.
#[derive(Clone, Default)]
pub struct Tls {
    certificates: Option<TlsCertificates>,
    is_insecure: bool,
}

impl Tls {
    /// Reads the files. The URL becomes one by TLS if that is asked for.
    pub fn of(common: &Common, url: &mut Url) -> anyhow::Result<Self> {
        let read = |option: &str, file: &Path| {
            let pem = std::fs::read(file).with_context(|| format!("{option} {}", file.display()))?;
            // Without this, a file of something else would be one of no certificates, and the error that no server can be trusted.
            if !pem.windows(10).any(|window| window == b"-----BEGIN") {
                bail!("{option} {}: this is no PEM", file.display());
            }
            Ok(pem)
        };
        let of =
            |option, file: &Option<_>| file.as_ref().map(|file: &std::path::PathBuf| read(option, file)).transpose();
        let root_cert = of("--cacert", &common.cacert)?;
        let (cert, key) = (of("--cert", &common.cert)?, of("--key", &common.tls_key)?);
        let client_tls = cert.zip(key).map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key });
        if common.tls && !url.secure() {
            bail!("--tls: not over a socket");
        }
        let is_meant = root_cert.is_some() || client_tls.is_some() || common.insecure;
        if is_meant && !url.is_secure() {
            bail!("--cacert, --cert, --key and --insecure are for connections by TLS: --tls, or rediss://, sentinels:// or clusters://");
        }
        let certificates =
            (root_cert.is_some() || client_tls.is_some()).then_some(TlsCertificates { client_tls, root_cert });
        Ok(Self { certificates, is_insecure: common.insecure || url.is_insecure })
    }

    /// The server, or the cluster, at an URL.
    pub fn server(&self, url: &Url) -> anyhow::Result<Server> {
        let at = || format!("--url: {}", url.place());
        if !url.is_secure() {
            return Server::at(&url.text()).with_context(at);
        }
        if !url.is_cluster() {
            let text = format!("{}{}", url.text(), if self.is_insecure { "#insecure" } else { "" });
            let client = match &self.certificates {
                Some(certificates) => Client::build_with_tls(text, certificates.clone()),
                None => Client::open(text),
            };
            return Ok(client.map_err(tsgen_client::Error::from).with_context(at)?.into());
        }
        let mode = if self.is_insecure { TlsMode::Insecure } else { TlsMode::Secure };
        let builder = ClusterClientBuilder::new(url.hosts.iter().map(|host| url.one(host).text())).tls(mode);
        let builder = match &self.certificates {
            Some(certificates) => builder.certs(certificates.clone()),
            None => builder,
        };
        builder.try_into().with_context(at)
    }
}
