//! Where a pod has what it shows to the API server of its cluster, and what it knows that by.
//!
//! Injected pods have both in a volume of the sidecar's own (`inject.api_token`); others have them where Kubernetes puts them.

use std::path::{Path, PathBuf};

/// The directories, the one that counts first, and what the token is called there.
const PLACES: [(&str, &str); 2] =
    [("/var/run/secrets/cedarpost", "api-token"), ("/var/run/secrets/kubernetes.io/serviceaccount", "token")];
/// The authority of the cluster.
const AUTHORITY: &str = "ca.crt";

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Account {
    /// The certificates of the cluster's authority, PEM.
    pub(super) ca_file: Option<PathBuf>,
    /// Our own token. It may come and go.
    pub(super) token_file: Option<PathBuf>,
}

impl Account {
    /// Looks for them.
    pub(super) fn find() -> Self {
        Self::below(Path::new("/"))
    }

    fn below(root: &Path) -> Self {
        let places = PLACES.map(|(directory, token)| (root.join(directory.trim_start_matches('/')), token));
        let ca_file = places.iter().map(|(directory, _)| directory.join(AUTHORITY)).find(|path| path.is_file());
        let token_file = places.iter().map(|(directory, token)| directory.join(token)).find(|path| path.is_file());
        Self { ca_file, token_file }
    }
}

#[cfg(test)]
mod tests {
    //! Pods with a volume of the sidecar's, with one of their own, with both and with none.

    use super::*;

    #[test]
    fn what_injected_pods_have_counts_first() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(Account::below(root.path()), Account::default());
        let place = |path: &str| root.path().join(path);
        let write = |path: &str| {
            std::fs::create_dir_all(place(path).parent().unwrap()).unwrap();
            std::fs::write(place(path), "x").unwrap();
        };
        let (own, ca) =
            ("var/run/secrets/kubernetes.io/serviceaccount/token", "var/run/secrets/kubernetes.io/serviceaccount/ca.crt");
        write(own);
        write(ca);
        assert_eq!(Account::below(root.path()), Account { ca_file: Some(place(ca)), token_file: Some(place(own)) });
        // A token that is for others is not shown to the API server.
        write("var/run/secrets/cedarpost/token");
        write("var/run/secrets/cedarpost/ca.crt");
        let injected = Account { ca_file: Some(place("var/run/secrets/cedarpost/ca.crt")), token_file: Some(place(own)) };
        assert_eq!(Account::below(root.path()), injected);
        write("var/run/secrets/cedarpost/api-token");
        let injected = Account { token_file: Some(place("var/run/secrets/cedarpost/api-token")), ..injected };
        assert_eq!(Account::below(root.path()), injected);
    }
}
