//! One region's endpoint: HTTP/1.1 with keep-alive, one JSON request a POST.
//! Whatever bytes come, the answer is an error of the API, never a panic.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue, SERVER};
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::auth::{Signed, verify};
use super::clock::wall_us;
use super::cluster::Cluster;
use super::error::{ApiError, ApiResult, ErrorKind};
use super::fault::FaultAction;
use super::operation::Operation;
use super::request::Request;

/// The largest body the service reads.
const BODY_MAX_BYTES: usize = 16 * 1024 * 1024;

/// How long a connection may wait for its next request. Longer than any pause of a
/// test: a pooled connection closed under its client looks like a lost answer.
const IDLE_MAX: Duration = Duration::from_secs(600);

/// A request that gets no answer: its connection is closed.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed without an answer")]
struct Unanswered;

type Reply = Response<Full<Bytes>>;

/// Serves a region, for ever. Its connections end with it.
pub(super) async fn serve(cluster: Arc<Cluster>, region: usize, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(serve_connection(cluster.clone(), region, stream));
            }
            // Out of file descriptors, say: others may close theirs meanwhile.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn serve_connection(cluster: Arc<Cluster>, region: usize, stream: TcpStream) {
    // Answers are small; waiting to fill a packet would only delay them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(cluster.clone(), region, request));
    // An error here is the client's end of the connection, or an unanswered request.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    cluster: Arc<Cluster>,
    region: usize,
    request: hyper::Request<Incoming>,
) -> Result<Reply, Unanswered> {
    if request.method() == Method::GET {
        let name = &cluster.options.regions[region];
        let health = format!("healthy: dynamodb.{name}.amazonaws.com ");
        return Ok(reply(StatusCode::OK, "text/plain", health));
    }
    if request.method() != Method::POST {
        let body = "<UnknownOperationException/>\n".to_owned();
        return Ok(reply(StatusCode::NOT_FOUND, "text/plain", body));
    }
    let result = match read(&cluster, region, request).await {
        Ok((operation, body)) => execute(cluster, region, operation, &body).await?,
        Err(error) => Err(error),
    };
    let (status, body) = match result {
        Ok(body) => (StatusCode::OK, body),
        Err(error) => (
            StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            error.body,
        ),
    };
    Ok(reply(status, "application/x-amz-json-1.0", body))
}

/// Reads a request, and checks who sent it.
async fn read(
    cluster: &Cluster,
    region: usize,
    request: hyper::Request<Incoming>,
) -> ApiResult<(Operation, Bytes)> {
    let (head, body) = request.into_parts();
    // Said up front, it need not be read to be refused.
    if body.size_hint().lower() > BODY_MAX_BYTES as u64 {
        return Err(ApiError::of(ErrorKind::RequestTooLarge));
    }
    let body = match Limited::new(body, BODY_MAX_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Err(ApiError::of(ErrorKind::RequestTooLarge));
        }
        Err(_) => return Err(ApiError::of(ErrorKind::Serialization)),
    };
    let target = head.headers.get("x-amz-target");
    let operation = target
        .and_then(|target| Operation::from_target(target.to_str().ok()?))
        .ok_or_else(|| ApiError::of(ErrorKind::UnknownOperation))?;
    let signed = Signed {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body: &body,
    };
    let options = &cluster.options;
    let now_s = (wall_us() / 1_000_000) as i64;
    verify(
        &signed,
        &options.credentials,
        &options.regions[region],
        now_s,
    )?;
    Ok((operation, body))
}

/// Executes a request, with the fault that was planned for it.
async fn execute(
    cluster: Arc<Cluster>,
    region: usize,
    operation: Operation,
    body: &[u8],
) -> Result<ApiResult<String>, Unanswered> {
    let fault = cluster.fault(operation, region);
    match fault {
        Some(FaultAction::Fail(kind)) => return Ok(Err(ApiError::of(kind))),
        Some(FaultAction::Cancel(reasons)) => return Ok(Err(ApiError::canceled(reasons))),
        Some(FaultAction::DropRequest) => return Err(Unanswered),
        Some(FaultAction::Hang) => std::future::pending().await,
        Some(FaultAction::LoseAnswer) | None => {}
    };
    let request = match Request::parse(operation, body) {
        Ok(request) => request,
        Err(error) => return Ok(Err(error)),
    };
    // A task of its own: a client that goes away does not undo what it asked for.
    let result = tokio::spawn(cluster.execute(region, request))
        .await
        .unwrap_or_else(|error| Err(ApiError::internal(error.to_string())));
    match fault {
        Some(FaultAction::LoseAnswer) => Err(Unanswered),
        _ => Ok(result),
    }
}

fn reply(status: StatusCode, content_type: &'static str, body: String) -> Reply {
    let checksum = crc32fast::hash(body.as_bytes());
    let mut reply = Response::new(Full::new(Bytes::from(body)));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(SERVER, HeaderValue::from_static("Server"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert("x-amz-crc32", HeaderValue::from(checksum));
    if let Ok(id) = HeaderValue::from_str(&request_id()) {
        headers.insert("x-amzn-requestid", id);
    }
    reply
}

/// 52 capitals and digits, as the service makes them.
fn request_id() -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    (0..52)
        .map(|_| ALPHABET[fastrand::usize(..ALPHABET.len())] as char)
        .collect()
}
