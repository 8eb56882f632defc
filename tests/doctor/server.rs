//! A control plane of AWS that answers from a table, in whatever order it is asked, by a
//! clock of its own. What is not in the table fails the test.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use hyper::header::{DATE, HeaderValue};
use serde_json::{Value, json};

use super::control::{Asked, serve};

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
        let unknown = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&unknown);
        let (url, _) = serve(move |asked| answer(&answers, &kept, &asked)).await;
        Server { url, unknown }
    }

    pub fn done(self) {
        let unknown = self.unknown.lock().unwrap();
        assert!(unknown.is_empty(), "not in the table: {unknown:?}");
    }
}

fn answer(
    answers: &Answers,
    unknown: &Mutex<Vec<String>>,
    Asked { region, what, body }: &Asked,
) -> Response<Full<Bytes>> {
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
    response
}
