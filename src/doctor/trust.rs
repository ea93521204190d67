//! Do clients of this machine trust Umpire's authorities?
//!
//! `Store → current? covers the hosts?` · `variables → their files hold the authorities?` · `the system's store`

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::{Check, State};
use crate::ca::{Authority, HostPattern, Store};

/// Variables that name files of trusted certificates, and who reads them.
pub const VARIABLES: [(&str, &str); 6] = [
    ("NODE_EXTRA_CA_CERTS", "Node.js, beside its own"),
    ("SSL_CERT_FILE", "Python's ssl, Go, Ruby and .NET on Linux, in place of the system's"),
    ("REQUESTS_CA_BUNDLE", "Python's requests, in place of its own"),
    ("CURL_CA_BUNDLE", "curl and requests, in place of the system's"),
    ("AWS_CA_BUNDLE", "the AWS tools, in place of their own"),
    ("DENO_CERT", "Deno, beside its own"),
];

/// A certificate in its last days is no news: the next run makes a new one.
const DAY: u64 = 86_400;

/// All of it; nothing if nothing is to be intercepted and there is no authority.
pub fn examine(store: &Store, intercept: &[HostPattern]) -> Vec<Check> {
    let all = match store.all() {
        Ok(all) => all,
        Err(error) => {
            let advice = "do what it says: without a usable authority nothing can be intercepted";
            return vec![Check::new("authority", State::Bad, error.to_string(), advice)];
        }
    };
    if all.is_empty() {
        if intercept.is_empty() {
            return Vec::new();
        }
        let found = format!("there is no certificate authority in {} yet", store.folder().display());
        let hosts: Vec<String> = intercept.iter().map(ToString::to_string).collect();
        let advice = format!("`umpire ca init {}` makes it; then `umpire ca trust`", hosts.join(" "));
        return vec![Check::new("authority", State::Warning, found, advice)];
    }
    let now = Timestamp::now();
    let current: Vec<&Authority> = all.iter().filter(|authority| authority.is_usable(now)).collect();
    let mut checks: Vec<Check> = all.iter().filter_map(too_wide).collect();
    checks.push(authority(store, &all, &current, now));
    for host in intercept {
        if !current.iter().any(|authority| authority.covers(host)) {
            let found = format!("no authority may vouch for {host}");
            let advice = format!("`umpire ca init {host}` makes one more; clients then need `umpire ca trust` anew");
            checks.push(Check::new("hosts", State::Warning, found, advice));
        }
    }
    // What is asked for decides what has to be trusted; without hosts, all.
    let wanted: Vec<&Authority> = current
        .iter()
        .filter(|authority| intercept.is_empty() || intercept.iter().any(|host| authority.covers(host)))
        .copied()
        .collect();
    let set = VARIABLES.iter().filter_map(|(name, who)| Some((*name, *who, std::env::var_os(name)?)));
    let variables: Vec<Check> = set
        .filter(|(_, _, value)| !value.is_empty())
        .map(|(name, who, file)| variable(name, who, file, &wanted, store))
        .collect();
    let system = system(&wanted);
    if variables.is_empty() && !system {
        checks.push(Check::new(
            "trust",
            State::Warning,
            "neither this environment nor the system's store trusts the authority",
            "`umpire ca trust` says what your client needs; set its variable where the client is started",
        ));
    } else if system {
        checks.push(Check::good("system-store", "the system's store trusts the authority"));
    }
    checks.extend(variables);
    checks
}

/// What is to be said of an authority for names that nobody owns.
fn too_wide(authority: &Authority) -> Option<Check> {
    let names: Vec<&str> = authority.too_wide().collect();
    let id = &authority.id;
    (!names.is_empty()).then(|| {
        let found = format!("authority {id} could vouch for everything below {}; it is not used any more", names.join(", "));
        let advice = format!(
            "`umpire ca remove {id}`, and take \"Umpire CA {id}\" out of every store and file that trusts it; `umpire ca init` \
             with the hosts themselves makes a narrow one"
        );
        Check::new("authority", State::Bad, found, advice)
    })
}

fn authority(store: &Store, all: &[Authority], current: &[&Authority], now: Timestamp) -> Check {
    let Some(last) = current.iter().max_by_key(|authority| authority.until) else {
        let found = format!("none of {} authorities is good any more", all.len());
        return Check::new(
            "authority",
            State::Warning,
            found,
            "the next run makes a new one; clients need `umpire ca trust` anew",
        );
    };
    let days = last.left(now).as_secs() / DAY;
    let keys = store.file(&last.id);
    Check::good(
        "authority",
        format!("{} in use, the newest for {days} more days; key in {}", current.len(), keys.display()),
    )
}

fn variable(name: &'static str, who: &str, file: OsString, wanted: &[&Authority], store: &Store) -> Check {
    let file = PathBuf::from(file);
    let add = |why: String| {
        let (file, bundle) = (file.display(), store.bundle());
        let advice = format!("`cat {file} {} > both.pem`, and let {name} name that file", bundle.display());
        Check::new("variable", State::Warning, format!("{name} ({who}) names {file}, {why}"), advice)
    };
    match certificates(&file) {
        Err(error) => Check::new(
            "variable",
            State::Bad,
            format!("{name} ({who}) names {}, which can't be read: {error}", file.display()),
            format!("let it name {}, or unset it", store.bundle().display()),
        ),
        Ok(held) => match wanted.iter().find(|authority| !held.contains(&authority.certificate)) {
            None => Check::good("variable", format!("{name} ({who}) trusts the authority")),
            Some(authority) => add(format!("which does not hold authority {}", authority.id)),
        },
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<_, _>>).map_err(|error| error.to_string())
}

/// True if the system's store holds all of these. (On systems where SSL_CERT_FILE takes its place, that file.)
fn system(wanted: &[&Authority]) -> bool {
    let held = rustls_native_certs::load_native_certs().certs;
    !wanted.is_empty() && wanted.iter().all(|authority| held.contains(&authority.certificate))
}
