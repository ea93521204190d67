//! What each kind of client needs to trust Umpire's authorities.
//!
//! `Store (its bundle of certificates) → one paragraph per client`

use std::io;
use std::path::Path;

use crate::ca::{Authority, Store};
use crate::text::{self, Printer, SafeText, safe_format, visible};

/// Writes all of it.
pub(super) fn write(store: &Store, authorities: &[Authority], out: &mut Printer<'_>) -> io::Result<()> {
    let bundle = store.bundle();
    let file = quoted(&bundle);
    out.line(safe_format!("Certificates for clients (no key): {}", bundle.display()))?;
    out.line("Trust is needed by the client alone, and only for the hosts that `umpire ca show` lists.")?;
    if authorities.len() > 1 {
        let certificates = text::count(authorities.len() as u64, "certificate");
        out.line(safe_format!("The file holds {certificates}; stores that take one at a time need each."))?;
    }
    for (client, lines) in clients(&file) {
        out.line("")?;
        out.line(client)?;
        for line in lines {
            out.line(safe_format!("    {line}"))?;
        }
    }
    out.line("\nWhat reads SSL_CERT_FILE, REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE trusts that file alone. If the client")?;
    out.line(safe_format!("also talks to other hosts by TLS, give it both: `cat SYSTEM_BUNDLE {file} > both.pem`."))?;
    out.line("Take it away again with `umpire ca remove` and, in the stores, by the name \"Umpire CA\".")
}

/// As a shell takes it; shells of Windows want backslashes as they are.
fn quoted(path: &Path) -> SafeText {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:\\".contains(c);
    if cfg!(windows) && text.chars().all(plain) { visible(&text) } else { text::quoted(&text) }
}

fn clients(file: &str) -> Vec<(&'static str, Vec<String>)> {
    vec![
        ("curl", vec![format!("curl --cacert {file} …"), format!("export CURL_CA_BUNDLE={file}")]),
        (
            "Node.js",
            vec![
                format!("export NODE_EXTRA_CA_CERTS={file}"),
                "export NODE_USE_ENV_PROXY=1    # 22.21 and later of 22, and 24: they heed HTTPS_PROXY then".to_owned(),
                "Node.js 20 heeds no HTTPS_PROXY: use umpire proxy --to, or give its HTTP library a proxy".to_owned(),
            ],
        ),
        (
            "Python",
            vec![
                format!("export SSL_CERT_FILE={file}         # ssl, urllib, httpx, aiohttp"),
                format!("export REQUESTS_CA_BUNDLE={file}    # requests"),
            ],
        ),
        (
            ".NET",
            vec![
                format!("export SSL_CERT_FILE={file}    # Linux; then SSL_CERT_DIR goes on to be read too"),
                "Windows, macOS: the system's store, below".to_owned(),
            ],
        ),
        (
            "Java",
            vec![
                format!("keytool -importcert -noprompt -alias umpire -file {file} \\"),
                "    -keystore umpire.p12 -storetype PKCS12 -storepass changeit".to_owned(),
                "java -Djavax.net.ssl.trustStore=umpire.p12 -Djavax.net.ssl.trustStorePassword=changeit \\".to_owned(),
                "    -Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=8080 …".to_owned(),
            ],
        ),
        ("Go", vec![format!("export SSL_CERT_FILE={file}    # Linux and BSD; elsewhere the system's store, below")]),
        ("Ruby", vec![format!("export SSL_CERT_FILE={file}")]),
        ("PHP", vec![format!("php -d openssl.cafile={file} -d curl.cainfo={file} …    # or the same two in php.ini")]),
        (
            "Browsers",
            vec![
                "Chrome, Edge, Safari: the system's store, below (on Linux: certutil -d sql:$HOME/.pki/nssdb -A \\"
                    .to_owned(),
                format!("    -t C,, -n \"Umpire CA\" -i {file})"),
                "Firefox: Settings, Privacy & Security, View Certificates, Authorities, Import: for websites"
                    .to_owned(),
            ],
        ),
        (
            "The system's store",
            vec![
                format!(
                    "Debian, Ubuntu: sudo cp {file} /usr/local/share/ca-certificates/umpire.crt && sudo update-ca-certificates"
                ),
                format!("Fedora, RHEL:   sudo trust anchor {file}"),
                format!(
                    "macOS:          security add-trusted-cert -r trustRoot -k ~/Library/Keychains/login.keychain-db {file}"
                ),
                format!("Windows:        certutil -user -addstore Root {file}"),
            ],
        ),
    ]
}
