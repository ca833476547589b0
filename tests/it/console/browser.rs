//! As much of a browser as the console's tests need: it keeps cookies, and says where its forms come from.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use http::{HeaderMap, HeaderValue, Method, header};

use crate::support::{Connection, Reply, Stream};

#[derive(Clone)]
pub(super) struct Browser {
    address: SocketAddr,
    host: String,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(super) fn new(port: u16) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Self { address, host: address.to_string(), cookies: BTreeMap::new() }
    }

    /// The same, which believes that the site has another name.
    pub(super) fn with_host(&self, host: &str) -> Self {
        Self { host: host.to_owned(), ..self.clone() }
    }

    fn headers(&self, mut headers: HeaderMap) -> HeaderMap {
        headers.insert(header::HOST, HeaderValue::from_str(&self.host).unwrap());
        if !self.cookies.is_empty() {
            let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            headers.insert(header::COOKIE, HeaderValue::from_str(&pairs.join("; ")).unwrap());
        }
        headers
    }

    pub(super) async fn request(&mut self, method: Method, path: &str, headers: HeaderMap, body: &str) -> Reply {
        let mut connection = Connection::open(self.address).await.unwrap();
        let reply = connection.send(method, path, &self.headers(headers), body.as_bytes()).await.unwrap();
        for set in reply.headers.get_all(header::SET_COOKIE) {
            let (name, value) = set.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            match value {
                "" => drop(self.cookies.remove(name)),
                value => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
            }
        }
        reply
    }

    pub(super) async fn get(&mut self, path: &str) -> Reply {
        self.request(Method::GET, path, HeaderMap::new(), "").await
    }

    /// Sends a form from a page of the site.
    pub(super) async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let origin = format!("http://{}", self.host);
        self.post_from(path, &form(fields), Some(&origin), Some("same-origin")).await
    }

    /// Sends a form from somewhere.
    pub(super) async fn post_from(&mut self, path: &str, form: &str, origin: Option<&str>, site: Option<&'static str>) -> Reply {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        if let Some(site) = site {
            headers.insert("sec-fetch-site", HeaderValue::from_static(site));
        }
        self.request(Method::POST, path, headers, form).await
    }

    pub(super) async fn stream(&self, path: &str) -> Stream {
        Stream::open(self.address, Method::GET, path, &self.headers(HeaderMap::new()), b"").await
    }
}

/// The value of a hidden field.
pub(super) fn field(page: &Reply, name: &str) -> String {
    let text = String::from_utf8_lossy(&page.body).into_owned();
    let (_, rest) = text.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("no `{name}` in {text}"));
    rest.split('"').next().unwrap().to_owned()
}

pub(super) fn form(fields: &[(&str, &str)]) -> String {
    let encoded = |text: &str| -> String {
        text.bytes()
            .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
            .collect()
    };
    fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect::<Vec<_>>().join("&")
}
