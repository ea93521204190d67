//! Do clients of this machine trust Umpire's authorities?
//!
//! `Store → current? covers the hosts?` · `variables → their files hold the authorities?` · `the system's store`

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::{CheckState, DoctorCheck};
use crate::ca::{Authority, HostPattern, Store};

/// Variables that name files of trusted certificates, and who reads them.
pub const VARIABLES: [(&str, &str); 6] = [
    ("NODE_EXTRA_CA_CERTS", "Node.js"),
    ("SSL_CERT_FILE", "Python's ssl, Go, Ruby, .NET on Linux"),
    ("REQUESTS_CA_BUNDLE", "Python's requests"),
    ("CURL_CA_BUNDLE", "curl, requests"),
    ("AWS_CA_BUNDLE", "the AWS tools"),
    ("DENO_CERT", "Deno"),
];

/// A certificate in its last days is no news: the next run makes a new one.
const DAY: u64 = 86_400;

/// What a run needs of authorities.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TrustNeeds<'a> {
    /// What it is to intercept.
    pub intercept: &'a [HostPattern],
    /// It is to listen with a certificate of Umpire's authority.
    pub tls: bool,
}

impl TrustNeeds<'_> {
    fn any(self) -> bool {
        self.tls || !self.intercept.is_empty()
    }

    /// What of these authorities the run would use.
    fn of<'a>(self, current: &[&'a Authority]) -> Vec<&'a Authority> {
        let host = |authority: &Authority| self.intercept.iter().any(|host| authority.covers(host));
        let own = |index: usize| self.tls && index == 0;
        let wanted = current.iter().enumerate().filter(|(index, authority)| own(*index) || host(authority));
        wanted.map(|(_, authority)| *authority).collect()
    }
}

/// All that a run needs; of what it doesn't need, only what is a danger.
pub(crate) fn examine(store: &Store, needs: TrustNeeds<'_>) -> Vec<DoctorCheck> {
    let all = match store.all() {
        Ok(all) => all,
        Err(error) => {
            let (state, advice) = if needs.any() {
                (CheckState::Bad, "do what it says: without a usable authority nothing can be intercepted")
            } else {
                (CheckState::Warning, "this run needs none; do what it says before one does")
            };
            return vec![DoctorCheck::new("authority", state, error.to_string(), advice)];
        }
    };
    let mut checks: Vec<DoctorCheck> = all.iter().filter_map(too_wide).collect();
    if !needs.any() {
        return checks;
    }
    let now = Timestamp::now();
    let current: Vec<&Authority> = all.iter().filter(|authority| authority.is_usable(now)).collect();
    checks.push(authority(store, &all, &current, needs, now));
    if current.is_empty() {
        return checks;
    }
    for host in needs.intercept {
        if !current.iter().any(|authority| authority.covers(host)) {
            let found = format!("no authority may vouch for {host}");
            let advice = format!("`umpire ca init {host}` makes one more; clients then need `umpire ca trust` anew");
            checks.push(DoctorCheck::new("hosts", CheckState::Warning, found, advice));
        }
    }
    let wanted = needs.of(&current);
    checks.extend(wanted.iter().copied().filter(|authority| !authority.binds_java()).map(not_for_java));
    if !wanted.is_empty() {
        checks.extend(trust(store, &wanted));
    }
    checks
}

/// Who of this environment trusts all of these authorities, and who does not, by file.
fn trust(store: &Store, wanted: &[&Authority]) -> Vec<DoctorCheck> {
    let ids = wanted.iter().map(|authority| authority.id.as_str()).collect::<Vec<_>>().join(", ");
    let mut by_file: Vec<(PathBuf, Vec<String>)> = Vec::new();
    for (name, who) in VARIABLES {
        let Some(file) = std::env::var_os(name).filter(|file| !file.is_empty()).map(PathBuf::from) else { continue };
        let variable = format!("{name} ({who})");
        match by_file.iter_mut().find(|(other, _)| *other == file) {
            Some((_, variables)) => variables.push(variable),
            None => by_file.push((file, vec![variable])),
        }
    }
    let (mut trusting, mut checks) = (Vec::new(), Vec::new());
    for (file, variables) in by_file {
        let names = variables.join(" and ");
        let named = format!("{names}: {}", file.display());
        let check = match certificates(&file) {
            Err(error) => DoctorCheck::new(
                "trust",
                CheckState::Bad,
                format!("{named} can't be read: {error}"),
                format!("name {} there, or unset it", store.bundle().display()),
            ),
            Ok(held) => match wanted.iter().find(|authority| !held.contains(&authority.certificate)) {
                None => {
                    trusting.push(names);
                    continue;
                }
                Some(lacking) => DoctorCheck::new(
                    "trust",
                    CheckState::Warning,
                    format!("{named} does not hold authority {}", lacking.id),
                    format!(
                        "`cat {} {} > both.pem`, and name that file there",
                        file.display(),
                        store.bundle().display()
                    ),
                ),
            },
        };
        checks.push(check);
    }
    if system(wanted) {
        trusting.push("the system's store".to_owned());
    }
    if !trusting.is_empty() {
        checks.insert(0, DoctorCheck::good("trust", format!("authority {ids} is trusted by {}", trusting.join(", "))));
    } else if checks.is_empty() {
        checks.push(DoctorCheck::new(
            "trust",
            CheckState::Warning,
            format!("neither this environment nor the system's store trusts authority {ids}"),
            "`umpire ca trust` says what your client needs; set its variable where the client is started",
        ));
    }
    checks
}

fn not_for_java(authority: &Authority) -> DoctorCheck {
    let id = &authority.id;
    let found = format!("authority {id} is of an earlier version: Java takes what it signs for every host");
    let advice =
        format!("if a Java client trusts it, `umpire ca remove {id}` and `umpire ca init HOST...` for another");
    DoctorCheck::new("authority", CheckState::Warning, found, advice)
}

/// What is to be said of an authority for names that nobody owns.
fn too_wide(authority: &Authority) -> Option<DoctorCheck> {
    let names: Vec<&str> = authority.too_wide().collect();
    let id = &authority.id;
    (!names.is_empty()).then(|| {
        let found = format!("authority {id} could vouch for everything below {}; it is not used any more", names.join(", "));
        let advice = format!(
            "`umpire ca remove {id}`, and take \"Umpire CA {id}\" out of every store and file that trusts it; `umpire ca init` \
             with the hosts themselves makes a narrow one"
        );
        DoctorCheck::new("authority", CheckState::Bad, found, advice)
    })
}

fn authority(
    store: &Store,
    all: &[Authority],
    current: &[&Authority],
    needs: TrustNeeds<'_>,
    now: Timestamp,
) -> DoctorCheck {
    let Some(last) = current.iter().max_by_key(|authority| authority.until) else {
        let found = if all.is_empty() {
            format!("there is no certificate authority in {} yet", store.folder().display())
        } else {
            format!("of {} none is to be used any more", counted(all.len(), "authority", "authorities"))
        };
        let mut command = vec!["umpire ca init".to_owned()];
        command.extend(needs.intercept.iter().map(ToString::to_string));
        let advice = format!("`{}` makes one, or else the next run does; then `umpire ca trust`", command.join(" "));
        return DoctorCheck::new("authority", CheckState::Warning, found, advice);
    };
    let days = usize::try_from(last.left(now).as_secs() / DAY).unwrap_or(usize::MAX);
    let keys = store.file(&last.id);
    DoctorCheck::good(
        "authority",
        format!(
            "{} in use, the newest for {} more; key in {}",
            counted(current.len(), "authority", "authorities"),
            counted(days, "day", "days"),
            keys.display()
        ),
    )
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<_, _>>).map_err(|error| error.to_string())
}

/// True if the system's store holds all of these. Where variables name another store in its place, it was not looked at.
fn system(wanted: &[&Authority]) -> bool {
    let replaced = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| std::env::var_os(name).is_some());
    let held = if replaced { Vec::new() } else { rustls_native_certs::load_native_certs().certs };
    !wanted.is_empty() && wanted.iter().all(|authority| held.contains(&authority.certificate))
}
