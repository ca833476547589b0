//! A small MCP client over one HTTP/1.1 connection, which sends whatever it is given: it must be able to misbehave.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::PATH;

/// The stateful protocol version that these tests speak.
pub(crate) const LEGACY: &str = "2025-11-25";
/// The stateless one.
pub(crate) const MODERN: &str = "2026-07-28";

const DEADLINE: Duration = Duration::from_secs(20);

/// A whole HTTP answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    /// The JSON-RPC message in the body, or the last one of an event stream; null when there is none.
    pub(crate) fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        let events = || last_event(&text.replace("\r\n", "\n").replace('\r', "\n"));
        serde_json::from_str(&text).ok().or_else(events).unwrap_or_default()
    }

    /// The code of a JSON-RPC error.
    pub(crate) fn code(&self) -> Option<i64> {
        self.json()["error"]["code"].as_i64()
    }

    /// Whether this is a result that reports no tool error and asks for nothing.
    pub(crate) fn is_good(&self) -> bool {
        let message = self.json();
        let result = &message["result"];
        self.status == 200 && result.is_object() && result["isError"] != true && result["resultType"] != "input_required"
    }

    /// The id of the decision when this is the refusal of a tool in the form every client survives.
    pub(crate) fn denial(&self) -> Option<String> {
        let result = &self.json()["result"];
        let shaped = self.status == 200 && result["isError"] == true && result["structuredContent"].is_null();
        let id = result["_meta"]["dev.cedarpost/decision"]["id"].as_str().filter(|id| shaped && !id.is_empty());
        id.map(str::to_owned)
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name)?.to_str().ok().map(str::to_owned)
    }
}

/// The JSON of the last event that has any; the data of an event may be spread over several lines.
fn last_event(stream: &str) -> Option<Value> {
    let data = |event: &str| event.lines().filter_map(|line| line.strip_prefix("data:")).collect::<Vec<_>>().join("\n");
    stream.rsplit("\n\n").find_map(|event| serde_json::from_str(&data(event)).ok())
}

/// One keep-alive connection.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Self::over(stream).await
    }

    /// The same over a stream that is there already.
    pub(crate) async fn over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> io::Result<Self> {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    /// Sends exactly these headers and this body, and reads the answer to its end.
    pub(crate) async fn send(&mut self, method: Method, path: &str, headers: &HeaderMap, body: &[u8]) -> io::Result<Reply> {
        let mut request = Request::builder().method(method).uri(path).body(Full::from(body.to_vec())).unwrap();
        request.headers_mut().clone_from(headers);
        let exchange = async {
            self.sender.ready().await?;
            let (parts, body) = self.sender.send_request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok::<_, hyper::Error>(Reply { status: parts.status.as_u16(), headers: parts.headers, body })
        };
        tokio::time::timeout(DEADLINE, exchange).await?.map_err(io::Error::other)
    }
}

/// An answer that is read piece by piece.
pub(crate) struct Stream {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    body: Incoming,
    read: String,
    /// The connection ends with this.
    _sender: SendRequest<Full<Bytes>>,
}

impl Stream {
    /// Sends a request on a connection of its own, and returns with the head of the answer.
    pub(crate) async fn open(address: SocketAddr, method: Method, path: &str, headers: &HeaderMap, body: &[u8]) -> Self {
        Self::over(Connection::open(address).await.unwrap(), method, path, headers, body).await
    }

    /// The same over a connection that is there already.
    pub(crate) async fn over(connection: Connection, method: Method, path: &str, headers: &HeaderMap, body: &[u8]) -> Self {
        let mut sender = connection.sender;
        let mut request = Request::builder().method(method).uri(path).body(Full::from(body.to_vec())).unwrap();
        request.headers_mut().clone_from(headers);
        let sent = tokio::time::timeout(DEADLINE, sender.send_request(request)).await.expect("an answer in time").unwrap();
        let (parts, body) = sent.into_parts();
        Self { status: parts.status.as_u16(), headers: parts.headers, body, read: String::new(), _sender: sender }
    }

    /// The next event with all its lines, byte for byte; `None` when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.find("\n\n") {
                let rest = self.read.split_off(end + 2);
                return Some(std::mem::replace(&mut self.read, rest));
            }
            let frame = tokio::time::timeout(DEADLINE, self.body.frame()).await.expect("an event in time")?;
            if let Some(data) = frame.ok()?.data_ref() {
                self.read.push_str(std::str::from_utf8(data).unwrap());
            }
        }
    }

    /// The answer, when it is one in one piece.
    pub(crate) async fn body(&mut self) -> Value {
        let whole = async {
            while let Some(Ok(frame)) = self.body.frame().await {
                self.read.extend(frame.data_ref().map(|data| std::str::from_utf8(data).unwrap().to_owned()));
            }
        };
        tokio::time::timeout(DEADLINE, whole).await.expect("an answer in time");
        serde_json::from_str(&self.read).unwrap_or_else(|_| panic!("not in one piece: {}", self.read))
    }

    /// The message in the next event that has one.
    pub(crate) async fn message(&mut self) -> Option<Value> {
        loop {
            if let Some(message) = last_event(&self.next().await?) {
                return Some(message);
            }
        }
    }
}

/// Which generation of the protocol a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    Legacy,
    Modern,
}

/// A well-behaved client that has shaken hands and asked for the tools.
pub(crate) struct Mcp {
    pub(crate) connection: Connection,
    era: Era,
    host: String,
    pub(crate) session: Option<String>,
    /// Headers of every request besides those of the protocol.
    pub(crate) shows: HeaderMap,
}

impl Mcp {
    pub(crate) async fn connect(address: SocketAddr, era: Era) -> io::Result<Self> {
        Self::connect_showing(address, era, HeaderMap::new()).await
    }

    /// A client whose every request has these headers, credentials say.
    pub(crate) async fn connect_showing(address: SocketAddr, era: Era, shows: HeaderMap) -> io::Result<Self> {
        let mut client = Self::shake_hands_showing(address, era, shows).await?;
        client.request("tools", "tools/list", None, json!({})).await?;
        Ok(client)
    }

    /// The same without asking for the tools.
    pub(crate) async fn shake_hands(address: SocketAddr, era: Era) -> io::Result<Self> {
        Self::shake_hands_showing(address, era, HeaderMap::new()).await
    }

    async fn shake_hands_showing(address: SocketAddr, era: Era, shows: HeaderMap) -> io::Result<Self> {
        Self::shake_hands_over(Connection::open(address).await?, &address.to_string(), era, shows).await
    }

    /// The same over a connection that is there already, to this host.
    pub(crate) async fn shake_hands_over(connection: Connection, host: &str, era: Era, shows: HeaderMap) -> io::Result<Self> {
        let mut client = Self { connection, era, host: host.to_owned(), session: None, shows };
        if era == Era::Legacy {
            let hello = json!({"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "lab", "version": "1"}});
            let reply = client.request("hello", "initialize", None, hello).await?;
            client.session = reply.header("mcp-session-id");
            let done = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
            let headers = client.headers("notifications/initialized", None);
            client.connection.send(Method::POST, PATH, &headers, done.as_bytes()).await?;
        }
        Ok(client)
    }

    /// Sends a message as it is, with the headers that fit it.
    pub(crate) async fn say(&mut self, message: &Value) -> io::Result<Reply> {
        let headers = self.headers(message["method"].as_str().unwrap_or_default(), None);
        self.connection.send(Method::POST, PATH, &headers, message.to_string().as_bytes()).await
    }

    /// Sends a request on a connection of its own and reads the answer piece by piece.
    pub(crate) async fn stream(&self, address: SocketAddr, id: &str, method: &str, name: Option<&str>, params: Value) -> Stream {
        let (headers, body) = (self.headers(method, name), self.body(id, method, params));
        Stream::open(address, Method::POST, PATH, &headers, body.as_bytes()).await
    }

    /// Listens to what the server says by itself.
    pub(crate) async fn listen(&self, address: SocketAddr, last_event: Option<&str>) -> Stream {
        let mut headers = self.listening_headers();
        headers.extend(last_event.map(|id| (HeaderName::from_static("last-event-id"), HeaderValue::from_str(id).unwrap())));
        Stream::open(address, Method::GET, PATH, &headers, b"").await
    }

    /// The same over a connection that is there already.
    pub(crate) async fn listen_over(&self, connection: Connection) -> Stream {
        Stream::over(connection, Method::GET, PATH, &self.listening_headers(), b"").await
    }

    fn listening_headers(&self) -> HeaderMap {
        let mut headers = self.headers("", None);
        headers.remove("content-type");
        headers
    }

    pub(crate) async fn call(&mut self, id: &str, tool: &str, arguments: Value) -> io::Result<Reply> {
        self.request(id, "tools/call", Some(tool), json!({"name": tool, "arguments": arguments})).await
    }

    fn body(&self, id: &str, method: &str, mut params: Value) -> String {
        if self.era == Era::Modern {
            for (key, value) in modern_meta().as_object().unwrap() {
                params["_meta"][key] = value.clone();
            }
        }
        json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()
    }

    pub(crate) async fn request(&mut self, id: &str, method: &str, name: Option<&str>, params: Value) -> io::Result<Reply> {
        let (headers, body) = (self.headers(method, name), self.body(id, method, params));
        self.connection.send(Method::POST, PATH, &headers, body.as_bytes()).await
    }

    /// The headers of a correct request.
    pub(crate) fn headers(&self, method: &str, name: Option<&str>) -> HeaderMap {
        let mut headers = vec![
            ("host", self.host.as_str()),
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
        ];
        match self.era {
            Era::Modern => headers.extend([("mcp-protocol-version", MODERN), ("mcp-method", method)]),
            Era::Legacy if self.session.is_some() => headers.push(("mcp-protocol-version", LEGACY)),
            Era::Legacy => {}
        }
        headers.extend(name.filter(|_| self.era == Era::Modern).map(|name| ("mcp-name", name)));
        headers.extend(self.session.as_deref().map(|session| ("mcp-session-id", session)));
        let header = |(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        let mut headers: HeaderMap = headers.into_iter().map(header).collect();
        for (name, value) in &self.shows {
            headers.append(name.clone(), value.clone());
        }
        headers
    }
}

/// The `_meta` member of every request of a stateless client.
pub(crate) fn modern_meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": {"name": "lab", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {}
    })
}
