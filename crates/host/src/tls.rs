//! TLS for the doors and towards receivers: rustls with aws-lc-rs, certificates read again when their files change,
//! client certificates where the operator wants them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::Deserialize;
use tokio_rustls::TlsAcceptor;

use crate::listener::{Stream, Wrap};

/// Seconds between two looks at the certificate files.
const LOOK_SECONDS: u64 = 2;

/// Certificates of a door.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// PEM file with the server's certificate and those between it and its authority.
    pub certificate: PathBuf,
    /// PEM file with its private key.
    pub key: PathBuf,
    /// PEM file with the authorities that vouch for clients. Without it, no client certificate is asked for.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
    /// Whether a client without a certificate is refused.
    #[serde(default = "yes")]
    pub client_required: bool,
    /// Whether the MLLP listeners speak TLS with these certificates too.
    #[serde(default)]
    pub mllp: bool,
}

fn yes() -> bool {
    true
}

/// Why TLS can't be set up. Names the file, never what is in it.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read, or isn't the PEM that it should be.
    #[error("{what} {} can't be used", path.display())]
    File {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// rustls refuses the combination (a key that doesn't belong to its certificate, …).
    #[error("certificate settings: {0}")]
    Settings(String),
}

impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bad = || TlsError::File { what, path: path.to_owned() };
    let list: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(|_| bad())?.collect();
    list.ok().filter(|l| !l.is_empty()).ok_or_else(bad)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path)
        .map_err(|_| TlsError::File { what: "private key", path: path.to_owned() })
}

fn authorities(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates("authority file", path)? {
        store.add(certificate).map_err(|e| TlsError::Settings(e.to_string()))?;
    }
    Ok(store)
}

/// What a server presents and asks for, read from the files as they are now.
///
/// # Errors
/// [`TlsError`].
pub fn server_config(settings: &Settings) -> Result<ServerConfig, TlsError> {
    let said = |e: &dyn std::fmt::Display| TlsError::Settings(e.to_string());
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| said(&e))?;
    let builder = match &settings.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(authorities(path)?), provider());
            let verifier = if settings.client_required { verifier } else { verifier.allow_unauthenticated() };
            builder.with_client_cert_verifier(verifier.build().map_err(|e| said(&e))?)
        }
    };
    let chain = certificates("certificate", &settings.certificate)?;
    let mut config = builder.with_single_cert(chain, key(&settings.key)?).map_err(|e| said(&e))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// What a client trusts and presents.
///
/// # Errors
/// [`TlsError`].
pub fn client_config(ca: &Path, identity: Option<(&Path, &Path)>) -> Result<ClientConfig, TlsError> {
    let said = |e: &dyn std::fmt::Display| TlsError::Settings(e.to_string());
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| said(&e))?
        .with_root_certificates(authorities(ca)?);
    match identity {
        None => Ok(builder.with_no_client_auth()),
        Some((certificate, private)) => builder
            .with_client_auth_cert(certificates("certificate", certificate)?, key(private)?)
            .map_err(|e| said(&e)),
    }
}

/// The settings in force, and when their files were last looked at.
struct Kept {
    settings: Settings,
    current: RwLock<Current>,
}

struct Current {
    config: Arc<ServerConfig>,
    stamps: Vec<Option<SystemTime>>,
    looked: Instant,
}

fn stamps(settings: &Settings) -> Vec<Option<SystemTime>> {
    [Some(&settings.certificate), Some(&settings.key), settings.client_ca.as_ref()]
        .into_iter()
        .flatten()
        .map(|path| std::fs::metadata(path).and_then(|m| m.modified()).ok())
        .collect()
}

impl Kept {
    fn fresh(&self) -> Option<Arc<ServerConfig>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        (current.looked.elapsed() < Duration::from_secs(LOOK_SECONDS)).then(|| current.config.clone())
    }

    /// Looks at the files. New ones that can't be used leave the old ones in force, and are told in the log.
    fn look(&self) -> Arc<ServerConfig> {
        if let Some(config) = self.fresh() {
            return config;
        }
        let now = stamps(&self.settings);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.looked = Instant::now();
        if now != current.stamps {
            match server_config(&self.settings) {
                Ok(config) => {
                    current.config = Arc::new(config);
                    current.stamps = now;
                    tracing::info!("certificates reloaded");
                }
                Err(error) => {
                    tracing::error!(error = %error, "new certificates can't be used, the old ones stay")
                }
            }
        }
        current.config.clone()
    }
}

/// Wraps accepted connections in TLS. Certificates that are replaced on disk are in force for connections made
/// a few seconds later; those that are open stay as they are.
///
/// # Errors
/// [`TlsError`] where the files can't be used now.
pub fn wrap(settings: &Settings) -> Result<Wrap, TlsError> {
    let current = Current {
        config: Arc::new(server_config(settings)?),
        stamps: stamps(settings),
        looked: Instant::now(),
    };
    let kept = Arc::new(Kept { settings: settings.clone(), current: RwLock::new(current) });
    Ok(Arc::new(move |stream| {
        let kept = kept.clone();
        Box::pin(async move {
            let config = match kept.fresh() {
                Some(config) => config,
                None => tokio::task::spawn_blocking(move || kept.look()).await.map_err(io::Error::other)?,
            };
            let stream = TlsAcceptor::from(config).accept(stream).await?;
            let certificate = stream.get_ref().1.peer_certificates().and_then(|c| c.first());
            let certificate = certificate.map(|c| Arc::<[u8]>::from(c.as_ref()));
            Ok((Box::new(stream) as Box<dyn Stream>, certificate))
        })
    }))
}
