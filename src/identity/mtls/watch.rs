//! Keeps the certificates of authorities as their files say. The files are read twice a second and compared by content; what two looks
//! in a row find counts, so nothing half-written does. A file that cannot be used leaves those before in force.

use std::time::Duration;

use super::authorities::{Authorities, Authority};
use super::bundle::{Bundle, BundleError};
use crate::lifecycle::{Stop, again};
use crate::listen::tls::read;

/// How often the files are looked at.
const PERIOD: Duration = Duration::from_millis(500);

/// The look at all files.
#[derive(Debug)]
pub(in crate::identity) struct AuthoritiesWatch {
    authorities: Authorities,
    each: Vec<Seen>,
}

/// What is known of one file.
#[derive(Debug, Clone, Default)]
struct Seen {
    /// What it held at the last look, while that is not what is in force.
    pending: Option<Result<Vec<u8>, String>>,
    /// What was last wrong with it, so that it is said once.
    problem: Option<String>,
}

impl AuthoritiesWatch {
    pub(in crate::identity) fn new(authorities: Authorities) -> Self {
        let each = vec![Seen::default(); authorities.0.each.len()];
        Self { authorities, each }
    }

    /// Looks again and again until told to stop.
    pub(in crate::identity) async fn run(self, stop: Stop) {
        again(PERIOD, stop, self, Self::look).await;
    }

    /// Looks once.
    pub(super) fn look(&mut self) {
        for (authority, seen) in self.authorities.0.each.iter().zip(&mut self.each) {
            let path = &authority.settings.ca_file;
            let read = read(path);
            let now = read.as_ref().map(Clone::clone).map_err(ToString::to_string);
            if read.as_ref().is_ok_and(|text| *text == authority.bundle.load().text) {
                (seen.pending, seen.problem) = (None, None);
                self.authorities.0.metrics.authority(&authority.settings.name, true);
            } else if seen.pending.as_ref() == Some(&now) {
                let bundle = read.map_err(BundleError::from).and_then(|text| Bundle::of(path, text));
                self.authorities.judge_file(authority, bundle, &mut seen.problem);
            } else {
                seen.pending = Some(now);
            }
        }
    }
}

impl Authorities {
    /// Puts the certificates of an authority in force, or says once why not.
    fn judge_file(&self, authority: &Authority, bundle: Result<Bundle, BundleError>, problem: &mut Option<String>) {
        let (name, path) = (&authority.settings.name, &authority.settings.ca_file);
        let error = match bundle {
            Ok(bundle) => {
                self.replace(authority, bundle);
                self.0.metrics.authority(name, true);
                *problem = None;
                tracing::info!(authority = %name, file = %path.display(), "an authority has other certificates");
                return;
            }
            Err(error) => error,
        };
        let said = error.to_string();
        if problem.as_ref() != Some(&said) {
            let error = &error as &dyn std::error::Error;
            tracing::error!(authority = %name, error, "the file of an authority cannot be used; its certificates stay as they were");
            self.0.metrics.authority(name, false);
            *problem = Some(said);
        }
    }
}
