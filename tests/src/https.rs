//! Certificates of an authority of our own, made by openssl, and a client that believes
//! in it.

use std::fs;
use std::io;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::raw::{Raw, RawReply};
use crate::tools;

/// Who signs certificates.
#[derive(Debug, Clone)]
pub struct Authority {
    pub certificate: PathBuf,
    key: PathBuf,
}

/// A certificate, with those that lead to the authority, and its key.
#[derive(Debug, Clone)]
pub struct Pair {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// The kinds of keys that a server may have, as commands of openssl that print one.
pub const KEY_KINDS: [(&str, &[&str]); 5] = [
    ("rsa-pkcs1", &["genrsa", "-traditional", "2048"]),
    ("rsa-pkcs8", &["genpkey", "-quiet", "-algorithm", "RSA"]),
    (
        "ec-sec1",
        &["ecparam", "-name", "prime256v1", "-genkey", "-noout"],
    ),
    (
        "ec-pkcs8",
        &[
            "genpkey",
            "-quiet",
            "-algorithm",
            "EC",
            "-pkeyopt",
            "ec_paramgen_curve:P-384",
        ],
    ),
    ("ed25519", &["genpkey", "-quiet", "-algorithm", "ED25519"]),
];

/// The kind that is made fastest.
pub const FAST: &[&str] = KEY_KINDS[2].1;

fn openssl(arguments: &[&str]) -> String {
    tools::run(Command::new("openssl").args(arguments))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

/// A new key in a file.
pub fn key(place: &Path, kind: &[&str]) {
    // Standard error has progress and warnings.
    let made = Command::new("openssl").args(kind).output();
    let made = made.expect("openssl");
    assert!(made.status.success(), "openssl {kind:?}");
    fs::write(place, made.stdout).expect("a key file");
}

impl Authority {
    /// A new one, which signs itself.
    #[must_use]
    pub fn new(directory: &Path, name: &str) -> Self {
        let made = Self {
            certificate: directory.join(format!("{name}.pem")),
            key: directory.join(format!("{name}.key")),
        };
        key(&made.key, FAST);
        let subject = format!("/CN={name}");
        openssl(&[
            "req",
            "-x509",
            "-new",
            "-key",
            text(&made.key),
            "-subj",
            &subject,
            "-days",
            "2",
            "-out",
            text(&made.certificate),
        ]);
        made
    }

    /// An authority that this one has signed; its file holds itself alone.
    #[must_use]
    pub fn intermediate(&self, directory: &Path, name: &str) -> Self {
        let signed = self.sign(directory, name, FAST, "basicConstraints=critical,CA:TRUE");
        Self {
            certificate: signed.certificate,
            key: signed.key,
        }
    }

    /// A certificate for 127.0.0.1, for servers and clients.
    #[must_use]
    pub fn pair(&self, directory: &Path, name: &str, kind: &[&str]) -> Pair {
        self.sign(
            directory,
            name,
            kind,
            "subjectAltName=IP:127.0.0.1,DNS:localhost",
        )
    }

    fn sign(&self, directory: &Path, name: &str, kind: &[&str], extension: &str) -> Pair {
        let place = |suffix: &str| directory.join(format!("{name}.{suffix}"));
        let pair = Pair {
            certificate: place("pem"),
            key: place("key"),
        };
        key(&pair.key, kind);
        let (request, extensions) = (place("csr"), place("ext"));
        fs::write(&extensions, extension).expect("a file of extensions");
        let subject = format!("/CN={name}");
        openssl(&[
            "req",
            "-new",
            "-key",
            text(&pair.key),
            "-subj",
            &subject,
            "-out",
            text(&request),
        ]);
        openssl(&[
            "x509",
            "-req",
            "-in",
            text(&request),
            "-CA",
            text(&self.certificate),
            "-CAkey",
            text(&self.key),
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            text(&extensions),
            "-out",
            text(&pair.certificate),
        ]);
        pair
    }
}

impl Pair {
    /// The certificate itself, as it travels.
    #[must_use]
    pub fn der(&self) -> Vec<u8> {
        let found = CertificateDer::from_pem_file(&self.certificate).expect("a certificate");
        found.to_vec()
    }
}

/// A client of one server.
#[derive(Debug, Clone)]
pub struct Https {
    address: String,
    config: Arc<ClientConfig>,
}

/// A connection to it.
pub type HttpsConnection = StreamOwned<ClientConnection, TcpStream>;

impl Https {
    /// A client that believes `authority` and shows `own`, if it has one. It never
    /// resumes a session: each connection is a whole handshake.
    #[must_use]
    pub fn new(address: &str, authority: &Authority, own: Option<&Pair>) -> Self {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_file(&authority.certificate).expect("a certificate");
        roots.add(root).expect("an authority");
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_root_certificates(roots);
        let mut config = match own {
            None => builder.with_no_client_auth(),
            Some(own) => {
                let chain = CertificateDer::pem_file_iter(&own.certificate)
                    .expect("certificates")
                    .collect::<Result<_, _>>()
                    .expect("certificates");
                let key = PrivateKeyDer::from_pem_file(&own.key).expect("a key");
                let config = builder.with_client_auth_cert(chain, key);
                config.expect("a certificate and its key")
            }
        };
        config.resumption = rustls::client::Resumption::disabled();
        Self {
            address: address.to_string(),
            config: Arc::new(config),
        }
    }

    /// Sends a request on a new connection and reads its answer.
    ///
    /// # Errors
    /// When none comes.
    pub fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<RawReply> {
        let (mut connection, _) = self.connect()?;
        let mut request = format!(
            "{method} {target} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        connection.send(format!("{request}\r\n{body}").as_bytes())?;
        connection.reply()
    }

    /// A new connection, shaken.
    ///
    /// # Errors
    /// When the server refuses it.
    pub fn connect(&self) -> io::Result<(Raw<HttpsConnection>, Vec<u8>)> {
        let name = ServerName::try_from("127.0.0.1").expect("a name");
        let session = ClientConnection::new(self.config.clone(), name).expect("a session");
        let socket = TcpStream::connect(&self.address)?;
        socket.set_nodelay(true)?;
        let mut stream = StreamOwned::new(session, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        let shown = stream.conn.peer_certificates().unwrap_or_default();
        let certificate = shown.first().map(|shown| shown.to_vec());
        Ok((Raw::new(stream), certificate.unwrap_or_default()))
    }
}
