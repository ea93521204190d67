//! Where authorities are kept.
//!
//! ```text
//! UMPIRE_HOME or the user's data folder
//! ├── authorities/<id>.pem   key and certificate, mode 600
//! └── ca.pem                 their certificates and no key: what clients are given
//! ```

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use jiff::Timestamp;

use super::CaError;
use super::authority::Authority;
use super::files::{Readers, exposed, private_folder, write};
use super::hosts::HostPattern;

/// The variable that names the folder.
pub const HOME: &str = "UMPIRE_HOME";

/// Most authorities that are looked at; nobody has so many by intention.
const MOST: usize = 1_000;

/// The folder of authorities.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    folder: PathBuf,
}

/// What [`Store::ensure`] found or made.
#[derive(Debug)]
pub(crate) struct EnsuredAuthorities {
    /// Authorities in use, the oldest first.
    pub authorities: Vec<Authority>,
    /// The id of one that was made, and its hosts: no client trusts it yet.
    pub made: Option<(String, Vec<String>)>,
}

impl Store {
    /// The folder that `home` (the value of [`HOME`]) names, else `umpire` in the user's data folder. Nothing is
    /// made yet.
    pub(crate) fn find(home: Option<OsString>) -> Result<Self, CaError> {
        let folder = match home.filter(|home| !home.is_empty()) {
            Some(home) => home.into(),
            None => etcetera::base_strategy::choose_native_strategy()
                .map_err(|_| CaError::NoHome)?
                .data_dir()
                .join("umpire"),
        };
        Ok(Self { folder })
    }

    /// In this folder.
    #[cfg(test)]
    fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file with all certificates, for clients. It holds no key.
    pub(crate) fn bundle(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The file of an authority.
    pub(crate) fn file(&self, id: &str) -> PathBuf {
        self.keys().join(format!("{id}.pem"))
    }

    fn keys(&self) -> PathBuf {
        self.folder.join("authorities")
    }

    /// All authorities, expired ones too, the oldest first.
    pub(crate) fn all(&self) -> Result<Vec<Authority>, CaError> {
        let mut found = Vec::new();
        for (id, path) in self.files()? {
            let failed = |what, cause| CaError::File { what, path: path.clone(), cause };
            if let Some(mode) = exposed(&path).map_err(|error| failed("look at", error))? {
                return Err(CaError::Exposed { path, mode });
            }
            let content = fs::read_to_string(&path).map_err(|error| failed("read", error))?;
            found.push(Authority::read(&id, &content).map_err(|cause| CaError::Content { path: path.clone(), cause })?);
        }
        found.sort_by(|a, b| (a.from, &a.id).cmp(&(b.from, &b.id)));
        Ok(found)
    }

    /// Those that clients are given: all but those that are too wide.
    pub(crate) fn for_clients(&self) -> Result<Vec<Authority>, CaError> {
        let mut all = self.all()?;
        all.retain(|authority| authority.too_wide().next().is_none());
        Ok(all)
    }

    /// How many there are, readable or not.
    pub(crate) fn count(&self) -> Result<usize, CaError> {
        Ok(self.files()?.len())
    }

    fn files(&self) -> Result<Vec<(String, PathBuf)>, CaError> {
        let keys = self.keys();
        let failed = |cause| CaError::File { what: "read", path: keys.clone(), cause };
        let entries = match fs::read_dir(&keys) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut files = Vec::new();
        for entry in entries.take(MOST) {
            let path = entry.map_err(failed)?.path();
            let id = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            if path.extension().is_some_and(|ending| ending == "pem") && !id.is_empty() {
                files.push((id.to_owned(), path));
            }
        }
        Ok(files)
    }

    /// Makes an authority for these hosts, whatever there is already.
    pub(crate) fn make(&self, hosts: &[HostPattern], now: Timestamp) -> Result<Authority, CaError> {
        let (authority, content) = Authority::make(hosts, now).map_err(CaError::Make)?;
        let failed = |path: &Path, cause| CaError::File { what: "write", path: path.to_owned(), cause };
        private_folder(&self.folder).map_err(|error| failed(&self.folder, error))?;
        private_folder(&self.keys()).map_err(|error| failed(&self.keys(), error))?;
        let file = self.file(&authority.id);
        write(&file, &content, Readers::Owner).map_err(|error| failed(&file, error))?;
        self.write_bundle()?;
        Ok(authority)
    }

    /// The authorities that may vouch for these hosts; for those that none may, one more is made.
    pub(crate) fn ensure(&self, hosts: &[HostPattern], now: Timestamp) -> Result<EnsuredAuthorities, CaError> {
        let mut authorities = self.all()?;
        if authorities.iter().any(|authority| authority.too_wide().next().is_some()) {
            // What an earlier version wrote for clients holds it.
            self.write_bundle()?;
        }
        authorities.retain(|authority| authority.is_usable(now));
        let covered = |host: &&HostPattern| authorities.iter().any(|authority| authority.covers(host));
        let missing: Vec<HostPattern> = hosts.iter().filter(|host| !covered(host)).cloned().collect();
        let mut made = None;
        if !missing.is_empty() || authorities.is_empty() {
            let authority = self.make(&missing, now)?;
            made = Some((authority.id.clone(), authority.subjects.clone()));
            authorities.push(authority);
        }
        Ok(EnsuredAuthorities { authorities, made })
    }

    /// Removes these authorities, or all if `ids` is empty; the ids of those removed. The bundle follows.
    pub(crate) fn remove(&self, ids: &[String]) -> Result<Vec<String>, CaError> {
        let mut removed = Vec::new();
        for (id, path) in self.files()? {
            if ids.is_empty() || ids.contains(&id) {
                fs::remove_file(&path).map_err(|cause| CaError::File { what: "remove", path: path.clone(), cause })?;
                removed.push(id);
            }
        }
        if !removed.is_empty() {
            self.write_bundle()?;
        }
        Ok(removed)
    }

    /// Writes the bundle anew; an empty one is removed.
    fn write_bundle(&self) -> Result<(), CaError> {
        let bundle = self.bundle();
        let failed = |what, cause| CaError::File { what, path: bundle.clone(), cause };
        let pem: String = self.for_clients()?.iter().map(Authority::pem).collect();
        if pem.is_empty() {
            return match fs::remove_file(&bundle) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", error)),
                _ => Ok(()),
            };
        }
        write(&bundle, &pem, Readers::All).map_err(|error| failed("write", error))
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn hosts(texts: &[&str]) -> Vec<HostPattern> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_host_outside_gets_an_authority_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let (store, now) = (Store::at(folder.path().join("home")), Timestamp::now());
        let first = store.ensure(&hosts(&["a.example", "*.b.example"]), now).unwrap();
        assert_eq!(first.made.unwrap().1, ["a.example", "b.example"]);
        let again = store.ensure(&hosts(&["x.b.example", "a.example:8443"]), now).unwrap();
        assert!(again.made.is_none());
        let more = store.ensure(&hosts(&["a.example", "c.example"]), now).unwrap();
        assert_eq!(more.made.unwrap().1, ["c.example"]);
        assert!(!more.authorities[0].permits("c.example") && !more.authorities[1].permits("a.example"));
        let bundle = fs::read_to_string(store.bundle()).unwrap();
        assert_eq!(bundle.matches("BEGIN CERTIFICATE").count(), 2);
        assert!(!bundle.contains("KEY"), "{bundle}");
    }

    #[test]
    fn an_authority_in_its_last_days_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (store, now) = (Store::at(folder.path()), Timestamp::now());
        let old = store.make(&hosts(&["a.example"]), now - SignedDuration::from_hours(24 * 720)).unwrap();
        let ensured = store.ensure(&hosts(&["a.example"]), now).unwrap();
        assert!(ensured.made.is_some() && ensured.authorities.iter().all(|authority| authority.id != old.id));
        assert_eq!(store.all().unwrap().len(), 2);
        assert_eq!(store.remove(std::slice::from_ref(&old.id)).unwrap(), [old.id]);
        assert_eq!(store.all().unwrap().len(), 1);
        assert_eq!(store.remove(&[]).unwrap().len(), 1);
        assert!(!store.bundle().exists());
    }

    #[test]
    fn an_authority_that_is_too_wide_is_neither_used_nor_given_away() {
        use rcgen::{BasicConstraints, CertificateParams, GeneralSubtree, IsCa, KeyPair, NameConstraints};
        let folder = tempfile::tempdir().unwrap();
        let (store, now) = (Store::at(folder.path()), Timestamp::now());
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let permitted_subtrees = ["localhost", "co.uk"].map(|name| GeneralSubtree::DnsName(name.to_owned())).into();
        params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: vec![] });
        let key = KeyPair::generate().unwrap();
        let wide = params.self_signed(&key).unwrap().pem();
        private_folder(&store.keys()).unwrap();
        write(&store.file("0badcafe"), &format!("{}{wide}", key.serialize_pem()), Readers::Owner).unwrap();
        write(&store.bundle(), &wide, Readers::All).unwrap();
        assert_eq!(store.all().unwrap()[0].too_wide().collect::<Vec<_>>(), ["co.uk"]);
        let ensured = store.ensure(&hosts(&["booking.co.uk"]), now).unwrap();
        assert_eq!(ensured.made.unwrap().1, ["booking.co.uk"]);
        assert_eq!(ensured.authorities.len(), 1);
        assert!(!fs::read_to_string(store.bundle()).unwrap().contains(&wide));
        assert_eq!(store.remove(&["0badcafe".to_owned()]).unwrap(), ["0badcafe"]);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_reads_the_key() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join("home"));
        let made = store.make(&hosts(&["a.example"]), Timestamp::now()).unwrap();
        let file = store.file(&made.id);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().unwrap()), mode(store.folder())), (0o600, 0o700, 0o700));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let error = store.all().unwrap_err().to_string();
        assert!(error.contains("others can read the key") && error.contains("chmod 600"), "{error}");
    }

    #[test]
    fn what_is_no_authority_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        store.make(&hosts(&["a.example"]), Timestamp::now()).unwrap();
        write(&store.file("x"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", Readers::Owner)
            .unwrap();
        let error = store.all().unwrap_err();
        assert!(matches!(error, CaError::Content { .. }), "{error}");
        assert_eq!(store.remove(&["x".to_owned()]).unwrap(), ["x"]);
        assert_eq!(store.all().unwrap().len(), 1);
    }
}
