//! Certificates and keys from PEM files, as a configuration of rustls.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};

/// Bytes of one file that are read: a chain is some thousands.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Where the certificates are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, then those that lead to a root.
    pub certificates: PathBuf,
    /// Its key: PKCS#8, PKCS#1 or SEC1, without a pass phrase.
    pub key: PathBuf,
    /// Who signs the certificates that clients may show; none are asked for without it.
    pub client_authorities: Option<PathBuf>,
}

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("TLS: {path}: {error}")]
    Read {
        path: PathBuf,
        error: std::io::Error,
    },
    #[error("TLS: {path}: is larger than {FILE_BYTES_MAX} bytes")]
    TooLarge { path: PathBuf },
    #[error("TLS: {path}: {message}")]
    Content { path: PathBuf, message: String },
    #[error("TLS: the key {key} does not fit the certificate {certificates}")]
    Mismatch { certificates: PathBuf, key: PathBuf },
}

/// The bytes of the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsContent {
    certificates: Vec<u8>,
    key: Vec<u8>,
    client_authorities: Option<Vec<u8>>,
}

impl TlsFiles {
    /// Reads the files.
    ///
    /// # Errors
    /// Naming the one that cannot be read.
    pub fn read(&self) -> Result<TlsContent, TlsError> {
        Ok(TlsContent {
            certificates: read(&self.certificates)?,
            key: read(&self.key)?,
            client_authorities: self.client_authorities.as_deref().map(read).transpose()?,
        })
    }

    /// Makes what was read a configuration: HTTP/2 and HTTP/1.1, TLS 1.2 and 1.3.
    ///
    /// # Errors
    /// Naming the file that does not hold what it should.
    pub fn parse(&self, content: &TlsContent) -> Result<ServerConfig, TlsError> {
        let chain = certificates(&self.certificates, &content.certificates)?;
        let key = private_key(&self.key, &content.key)?;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| content_error(&self.certificates, error))?;
        let builder = match (&self.client_authorities, &content.client_authorities) {
            (Some(path), Some(bytes)) => {
                builder.with_client_cert_verifier(verifier(path, bytes, provider)?)
            }
            _ => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| {
            if matches!(error, rustls::Error::InconsistentKeys(_)) {
                return TlsError::Mismatch {
                    certificates: self.certificates.clone(),
                    key: self.key.clone(),
                };
            }
            // What is wrong with a key alone is a general error, all else of the chain.
            let path = match error {
                rustls::Error::General(_) => &self.key,
                _ => &self.certificates,
            };
            content_error(path, error)
        })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn content_error(path: &Path, message: impl std::fmt::Display) -> TlsError {
    TlsError::Content {
        path: path.to_path_buf(),
        message: message.to_string(),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    use std::io::Read;
    let failed = |error| TlsError::Read {
        path: path.to_path_buf(),
        error,
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(TlsError::TooLarge {
            path: path.to_path_buf(),
        });
    }
    Ok(bytes)
}

fn certificates(path: &Path, bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(bytes).collect();
    match found {
        Ok(found) if found.is_empty() => Err(content_error(
            path,
            "holds no certificate (PEM: -----BEGIN CERTIFICATE-----)",
        )),
        Ok(found) => Ok(found),
        Err(error) => Err(content_error(path, error)),
    }
}

fn private_key(path: &Path, bytes: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(bytes).map_err(|error| match error {
        pem::Error::NoItemsFound if contains(bytes, b"ENCRYPTED") => {
            content_error(path, "the key has a pass phrase; it must have none")
        }
        pem::Error::NoItemsFound => content_error(
            path,
            "holds no private key (PEM: PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY)",
        ),
        error => content_error(path, error),
    })
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Believes certificates that one of the authorities signed, and asks for none.
fn verifier(
    path: &Path,
    bytes: &[u8],
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, bytes)? {
        roots
            .add(certificate)
            .map_err(|error| content_error(path, error))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .allow_unauthenticated()
        .build()
        .map_err(|error| content_error(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(directory: &Path) -> TlsFiles {
        TlsFiles {
            certificates: directory.join("chain.pem"),
            key: directory.join("key.pem"),
            client_authorities: None,
        }
    }

    #[test]
    fn a_file_without_what_it_should_hold_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let files = files(directory.path());
        let error = files.read().unwrap_err().to_string();
        assert!(error.contains("chain.pem"), "{error}");
        std::fs::write(&files.certificates, "nothing").unwrap();
        std::fs::write(&files.key, "nothing").unwrap();
        let error = files.parse(&files.read().unwrap()).unwrap_err().to_string();
        assert!(error.contains("chain.pem: holds no certificate"), "{error}");
        let broken = "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
        std::fs::write(&files.certificates, broken).unwrap();
        let error = files.parse(&files.read().unwrap()).unwrap_err().to_string();
        assert!(error.contains("chain.pem"), "{error}");
    }

    #[test]
    fn a_key_with_a_pass_phrase_is_told_apart_from_none() {
        let path = Path::new("key.pem");
        let encrypted =
            b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let error = private_key(path, encrypted).unwrap_err().to_string();
        assert!(error.contains("key.pem: the key has a pass phrase"));
        let error = private_key(path, b"").unwrap_err().to_string();
        assert!(error.contains("key.pem: holds no private key"));
    }
}
