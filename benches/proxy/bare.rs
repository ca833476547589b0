//! A pass-through HTTP/1.1 proxy that reads nothing: what one more hop costs, and so the floor for every proxy built on hyper.

use std::convert::Infallible;
use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, StatusCode, Uri, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

type Body = BoxBody<Bytes, hyper::Error>;

#[derive(Clone)]
struct Bare {
    client: Client<HttpConnector, Incoming>,
    upstream: Authority,
}

/// Serves on a free loopback port until it is killed.
pub(crate) async fn run(upstream: SocketAddr) -> Result<()> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let bare = Bare { client, upstream: upstream.to_string().parse()? };
    let listener = TcpListener::bind("127.0.0.1:0").await.context("failed to listen")?;
    crate::announce(&listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let bare = bare.clone();
        let service = service_fn(move |request| {
            let bare = bare.clone();
            async move { Ok::<_, Infallible>(bare.forward(request).await.unwrap_or_else(|_| bad_gateway())) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

impl Bare {
    async fn forward(&self, mut request: Request<Incoming>) -> Result<Response<Body>> {
        let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        *request.uri_mut() = Uri::builder().scheme(Scheme::HTTP).authority(self.upstream.clone()).path_and_query(path).build()?;
        request.headers_mut().remove(header::HOST);
        request.headers_mut().remove(header::CONNECTION);
        let mut response = self.client.request(request).await?;
        response.headers_mut().remove(header::CONNECTION);
        Ok(response.map(BodyExt::boxed))
    }
}

fn bad_gateway() -> Response<Body> {
    let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed());
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}
