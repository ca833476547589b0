//! `inject` and `webhook`: the sidecar in pods of Kubernetes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{FileFlag, LogFlags, Override};

const INJECT_HELP: &str = "\
Examples:
  cedarpost inject --image registry.example/cedarpost:0.1 -f deploy.yaml > injected.yaml
      a Deployment whose pods get the sidecar
  helm template shop | cedarpost inject --config cedarpost.toml -f - | kubectl apply -f -
      with images and limits from the settings file
  cedarpost inject --config cedarpost.toml -f injected.yaml --verify
      is everything injected as it would be now?
  cedarpost inject -f injected.yaml --remove
      the manifest as it was

Pods say in annotations what they need: docs/kubernetes.md lists them. Comments do not survive, and keys come out sorted.

Exit codes:
    0  done; with --verify: everything is injected as it would be now
    1  failed while running
    2  the command line cannot be understood
    3  a manifest cannot be read or injected; with --verify: something is not injected as it would be now
   78  the configuration is wrong";

/// `inject`
#[derive(Debug, Clone, Args)]
#[command(after_help = INJECT_HELP)]
pub struct InjectFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub file: FileFlag,
    /// The manifest to read, YAML or JSON; - for standard input (may be repeated)
    #[arg(long = "filename", short = 'f', value_name = "FILE", required = true)]
    pub manifests: Vec<PathBuf>,
    /// The sidecar's image
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<String>,
    /// The form to write [default: that of the first manifest]
    #[arg(long, short, value_name = "FORMAT", value_enum)]
    pub output: Option<ManifestFormatFlag>,
    /// Only say whether everything is injected as it would be now
    #[arg(long, conflicts_with_all = ["remove", "output"])]
    pub verify: bool,
    /// Take the sidecar out, and put back what was changed for it
    #[arg(long)]
    pub remove: bool,
}

/// `--output` of `inject`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ManifestFormatFlag {
    /// For people.
    Yaml,
    /// For programs.
    Json,
}

impl InjectFlags {
    /// The settings these flags give.
    #[must_use]
    pub fn overrides(&self) -> Vec<Override> {
        Override::text("inject.image", "--image", self.image.as_ref()).into_iter().collect()
    }
}

const WEBHOOK_HELP: &str = "\
Example:
  cedarpost webhook --image registry.example/cedarpost:0.1 --cert-file /tls/tls.crt --key-file /tls/tls.key
      what a MutatingWebhookConfiguration points at: POST /mutate; also /livez, /readyz and /metrics

Renewed certificates are noticed. docs/kubernetes.md tells the whole story.";

/// `webhook`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = WEBHOOK_HELP)]
pub struct WebhookFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub file: FileFlag,
    /// Where an API server asks, such as 0.0.0.0:8443
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// The certificate to answer with, PEM
    #[arg(long, value_name = "FILE")]
    pub cert_file: Option<String>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<String>,
    /// The sidecar's image
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub log: LogFlags,
}

impl WebhookFlags {
    /// The settings these flags give.
    #[must_use]
    pub fn overrides(&self) -> Vec<Override> {
        let own = [
            Override::text("webhook.address", "--listen", self.listen.as_ref()),
            Override::text("webhook.tls_cert_file", "--cert-file", self.cert_file.as_ref()),
            Override::text("webhook.tls_key_file", "--key-file", self.key_file.as_ref()),
            Override::text("inject.image", "--image", self.image.as_ref()),
        ];
        own.into_iter().chain(self.log.overrides()).flatten().collect()
    }
}
