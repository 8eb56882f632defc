//! A control plane that follows a script: it expects these requests, in this order, and
//! gives these answers. Whatever else is asked is refused, and fails the test.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::control::{Asked, serve};

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
        let state = Arc::new(Mutex::new(State {
            to_come: exchanges.into_iter().collect(),
            wrong: Vec::new(),
        }));
        let shared = Arc::clone(&state);
        let (url, serving) = serve(move |asked| answer(&shared, &asked)).await;
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

fn answer(state: &Mutex<State>, Asked { region, what, body }: &Asked) -> Response<Full<Bytes>> {
    let asked = format!("{region} {what}");
    let mut state = state.lock().unwrap();
    let exchange = match state.to_come.pop_front() {
        Some(next) if next.request == asked && holds(body, &next.holds) => next,
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
    response.body(Full::new(answer.to_string().into())).unwrap()
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
