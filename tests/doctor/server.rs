//! A control plane of AWS that answers from a table, in whatever order it is asked, by a
//! clock of its own. What is not in the table fails the test.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{DATE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What is answered, by what is asked: `us-east-1 DescribeTable witness_seats`.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// A status and a body.
    pub of: BTreeMap<String, (u16, Value)>,
    /// How far the clock is behind.
    pub behind: Duration,
}

impl Answers {
    /// Refuses what is asked as AWS does.
    pub fn refuse(&mut self, asked: &str, error: &str, message: &str) {
        let kind = format!("com.amazonaws.dynamodb.v20120810#{error}");
        let body = json!({"__type": kind, "message": message});
        self.of.insert(asked.into(), (400, body));
    }
}

pub struct Server {
    pub url: String,
    /// What was asked and is not in the table.
    unknown: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub async fn of(answers: Answers) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (answers, unknown) = (Arc::new(answers), Arc::new(Mutex::new(Vec::new())));
        let kept = Arc::clone(&unknown);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answers, unknown) = (Arc::clone(&answers), Arc::clone(&kept));
                let service = service_fn(move |request| {
                    answer(Arc::clone(&answers), Arc::clone(&unknown), request)
                });
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
            }
        });
        Server { url, unknown }
    }

    pub fn done(self) {
        let unknown = self.unknown.lock().unwrap();
        assert!(unknown.is_empty(), "not in the table: {unknown:?}");
    }
}

async fn answer(
    answers: Arc<Answers>,
    unknown: Arc<Mutex<Vec<String>>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let header = |name: &str| head.headers.get(name).and_then(|v| v.to_str().ok());
    // Credential=KEY/DATE/REGION/SERVICE/aws4_request
    let signed = header("authorization").unwrap_or_default();
    let region = signed.split('/').nth(2).unwrap_or("unsigned");
    let target = header("x-amz-target").unwrap_or_default();
    let what = target.rsplit('.').next().unwrap_or_default();
    let table = body["TableName"].as_str().unwrap_or_default();
    let asked = format!("{region} {what} {table}");
    let (status, body) = match answers.of.get(asked.trim()) {
        Some(known) => known.clone(),
        None => {
            unknown.lock().unwrap().push(asked);
            (500, json!({}))
        }
    };
    let now = SystemTime::now() - answers.behind;
    let date = aws_sdk_dynamodb::primitives::DateTime::from(now);
    let date = date.fmt(aws_sdk_dynamodb::primitives::DateTimeFormat::HttpDate);
    let mut response = Response::new(Full::new(body.to_string().into()));
    *response.status_mut() = status.try_into().unwrap();
    let date = HeaderValue::from_str(&date.unwrap()).unwrap();
    response.headers_mut().insert(DATE, date);
    Ok(response)
}
