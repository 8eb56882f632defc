//! A control plane that follows a script: it expects these requests, in this order, and
//! gives these answers. Whatever else is asked is refused, and fails the test.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A request and its answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The region that it is signed for, and what is asked: `us-east-1 GET /cluster/a`, or
    /// `us-east-1 DescribeTable`.
    pub request: String,
    /// What the body must hold, among other things.
    pub holds: Value,
    /// The answer.
    pub status: u16,
    pub error: Option<&'static str>,
    pub answer: Value,
}

/// A request that is answered with this.
pub fn asked(request: impl Into<String>, answer: Value) -> Exchange {
    Exchange {
        request: request.into(),
        holds: Value::Null,
        status: 200,
        error: None,
        answer,
    }
}

impl Exchange {
    pub fn holding(mut self, holds: Value) -> Exchange {
        self.holds = holds;
        self
    }
}

/// A request that is refused with this error, as the JSON protocols send it.
pub fn refused(
    request: impl Into<String>,
    status: u16,
    error: &'static str,
    message: &str,
) -> Exchange {
    Exchange {
        status,
        error: Some(error),
        ..asked(
            request,
            json!({"message": message, "resourceId": "x", "resourceType": "y"}),
        )
    }
}

pub struct Script {
    pub url: String,
    state: Arc<Mutex<State>>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    to_come: VecDeque<Exchange>,
    wrong: Vec<String>,
}

impl Script {
    pub async fn of(exchanges: impl IntoIterator<Item = Exchange>) -> Script {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            to_come: exchanges.into_iter().collect(),
            wrong: Vec::new(),
        }));
        let shared = Arc::clone(&state);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                let service = service_fn(move |request| answer(Arc::clone(&state), request));
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
            }
        });
        Script {
            url,
            state,
            serving,
        }
    }

    /// The script was followed to its end.
    #[track_caller]
    pub fn done(self) {
        self.serving.abort();
        let state = self.state.lock().unwrap();
        assert!(state.wrong.is_empty(), "{}", state.wrong.join("\n"));
        let left: Vec<_> = state.to_come.iter().map(|e| &e.request).collect();
        assert!(left.is_empty(), "never asked: {left:?}");
    }
}

async fn answer(
    state: Arc<Mutex<State>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let header = |name: &str| head.headers.get(name).and_then(|v| v.to_str().ok());
    // Credential=KEY/DATE/REGION/SERVICE/aws4_request
    let signed = header("authorization").unwrap_or_default();
    let region = signed.split('/').nth(2).unwrap_or("unsigned");
    let what = match header("x-amz-target") {
        Some(target) => target.rsplit('.').next().unwrap_or_default().to_owned(),
        None => format!("{} {}", head.method, head.uri.path()),
    };
    let asked = format!("{region} {what}");
    let mut state = state.lock().unwrap();
    let exchange = match state.to_come.pop_front() {
        Some(next) if next.request == asked && holds(&body, &next.holds) => next,
        other => {
            let expected = other.map_or("nothing".into(), |e| format!("{} {}", e.request, e.holds));
            state
                .wrong
                .push(format!("asked {asked} {body}, expected {expected}"));
            refused("", 400, "ValidationException", "not in the script")
        }
    };
    let mut answer = exchange.answer;
    let mut response = Response::builder().status(exchange.status);
    if let Some(error) = exchange.error {
        // One protocol reads the header, the other the body.
        response = response.header("x-amzn-errortype", error);
        answer["__type"] = format!("com.amazonaws.dynamodb.v20120810#{error}").into();
    }
    Ok(response.body(Full::new(answer.to_string().into())).unwrap())
}

/// Whether the body holds all of it. An absence is asked for with null.
fn holds(body: &Value, expected: &Value) -> bool {
    match (body, expected) {
        (Value::Object(body), Value::Object(expected)) => expected
            .iter()
            .all(|(name, value)| holds(body.get(name).unwrap_or(&Value::Null), value)),
        (_, Value::Null) => body.is_null() || expected == body || body.is_object(),
        _ => body == expected,
    }
}
