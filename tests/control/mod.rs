//! A control plane of AWS on loopback: what it is asked it reads the same way for every
//! test, and what it answers is the test's own.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A request.
pub struct Asked {
    /// The region that it is signed for.
    pub region: String,
    /// `DescribeTable`, or `GET /cluster/a`.
    pub what: String,
    /// Null where there is none.
    pub body: Value,
}

/// Serves until the task is ended; its URL.
pub async fn serve(
    answer: impl Fn(Asked) -> Response<Full<Bytes>> + Send + Sync + 'static,
) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            let service = service_fn(move |request| {
                let answer = Arc::clone(&answer);
                async move { Ok::<_, Infallible>(answer(asked(request).await)) }
            });
            let http = hyper::server::conn::http1::Builder::new();
            tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
        }
    });
    (url, serving)
}

async fn asked(request: Request<Incoming>) -> Asked {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let header = |name: &str| head.headers.get(name).and_then(|v| v.to_str().ok());
    // Credential=KEY/DATE/REGION/SERVICE/aws4_request
    let signed = header("authorization").unwrap_or_default();
    Asked {
        region: signed.split('/').nth(2).unwrap_or("unsigned").to_owned(),
        what: match header("x-amz-target") {
            Some(target) => target.rsplit('.').next().unwrap_or_default().to_owned(),
            None => format!("{} {}", head.method, head.uri.path()),
        },
        body: serde_json::from_slice(&body).unwrap_or_default(),
    }
}
