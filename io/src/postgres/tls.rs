//! `Roots`: whose certificates are trusted on the way to the server.
//!
//! Owns TLS, which is used where the connection string says `sslmode=require`. Invariant: a
//! certificate is always checked, with the name of the server.

use super::server::Failure;
use tokio_postgres::{Client, Config};
use whitebeam_sdk::{Error, ErrorKind};

/// Whose certificates are trusted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) enum Roots {
    /// Those that the system trusts.
    #[default]
    System,
    /// Those in a file, in PEM.
    #[cfg(feature = "postgres-tls")]
    File(std::path::PathBuf),
}

#[cfg(not(feature = "postgres-tls"))]
impl Roots {
    #[allow(clippy::unused_async, reason = "it connects where TLS is built in")]
    pub(super) async fn connect(&self, _: &Config) -> Result<Client, Failure> {
        Err(Failure::Final(
            Error::new(
                ErrorKind::Unsupported,
                "the connection string says sslmode=require, and TLS is not built in",
            )
            .help("build with the feature `postgres-tls`"),
        ))
    }
}

#[cfg(feature = "postgres-tls")]
impl Roots {
    pub(super) async fn connect(&self, config: &Config) -> Result<Client, Failure> {
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| no_tls("TLS cannot be set up").caused_by(e))?
            .with_root_certificates(self.load()?)
            .with_no_client_auth();
        let tls = tokio_postgres_rustls::MakeRustlsConnect::new(tls);
        let (client, connection) = config.connect(tls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    fn load(&self) -> Result<rustls::RootCertStore, Error> {
        use rustls::pki_types::{CertificateDer, pem::PemObject};
        let mut store = rustls::RootCertStore::empty();
        match self {
            Roots::System => {
                store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                match store.is_empty() {
                    false => Ok(store),
                    true => Err(no_tls("the system trusts no certificate at all")),
                }
            }
            Roots::File(path) => {
                let unreadable = || no_tls(&format!("{}: holds no certificates", path.display()));
                let certificates = CertificateDer::pem_file_iter(path);
                for certificate in certificates.map_err(|e| unreadable().caused_by(e))? {
                    let certificate = certificate.map_err(|e| unreadable().caused_by(e))?;
                    store
                        .add(certificate)
                        .map_err(|e| unreadable().caused_by(e))?;
                }
                match store.is_empty() {
                    false => Ok(store),
                    true => Err(unreadable()),
                }
            }
        }
    }
}

#[cfg(feature = "postgres-tls")]
fn no_tls(message: &str) -> Error {
    Error::new(ErrorKind::Unavailable, message)
        .help("name the authority that signed the server's certificate: .trusting(\"ca.pem\")")
}
