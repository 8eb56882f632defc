//! Client request tokens: a transaction sent again within ten minutes under the
//! same token is not executed again. Kept here rather than left to the engine,
//! since a replay must not be stamped as a new write.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use ring::digest::{Digest, SHA256, digest};
use serde_json::Value;

use super::error::{ApiError, ApiResult, ErrorKind};
use super::operation::Operation;
use super::request::Request;

/// How long AWS remembers a token.
const LIFETIME: Duration = Duration::from_secs(600);
const TOKEN: &str = "ClientRequestToken";

/// The tokens of one region.
#[derive(Default)]
pub(super) struct Tokens {
    completed: HashMap<String, Completed>,
    /// The same tokens, the oldest first, so that expiry looks at no other.
    order: VecDeque<(Instant, String)>,
}

struct Completed {
    transaction: [u8; 32],
    answer: String,
}

/// What is known about a request's token before it runs.
pub(super) struct Claim<'r> {
    /// The request without its token.
    request: Cow<'r, Value>,
    token: Option<(String, Digest)>,
    replay: Option<String>,
}

impl Claim<'_> {
    /// The answer to give instead of executing.
    pub(super) fn replay(&self) -> Option<String> {
        self.replay.clone()
    }

    /// What to execute.
    pub(super) fn request(&self) -> &Value {
        &self.request
    }
}

impl Tokens {
    /// Looks a request's token up. A request that carries none is always new.
    pub(super) fn claim<'r>(&mut self, request: &'r Request) -> ApiResult<Claim<'r>> {
        let mut claim = Claim {
            request: Cow::Borrowed(&request.body),
            token: None,
            replay: None,
        };
        if request.operation != Operation::TransactWriteItems || request.body.get(TOKEN).is_none() {
            return Ok(claim);
        }
        let body = claim.request.to_mut().as_object_mut();
        let token = match body.and_then(|body| body.remove(TOKEN)) {
            None | Some(Value::Null) => return Ok(claim),
            Some(Value::String(token)) => token,
            Some(_) => return Err(ApiError::of(ErrorKind::Serialization)),
        };
        if !(1..=36).contains(&token.len()) {
            let bound = if token.is_empty() {
                "greater than or equal to 1"
            } else {
                "less than or equal to 36"
            };
            return Err(ApiError::validation(format!(
                "1 validation error detected: Value '{token}' at 'clientRequestToken' failed to \
                 satisfy constraint: Member must have length {bound}"
            )));
        }
        // Only what the transaction does counts, not how much it is told about it.
        let items = &claim.request["TransactItems"];
        let transaction = digest(&SHA256, items.to_string().as_bytes());
        self.expire(LIFETIME);
        if let Some(done) = self.completed.get(&token) {
            if done.transaction != transaction.as_ref() {
                return Err(ApiError::of(ErrorKind::IdempotentParameterMismatch));
            }
            claim.replay = Some(done.answer.clone());
        }
        claim.token = Some((token, transaction));
        Ok(claim)
    }

    /// Remembers the answer of a transaction that succeeded.
    pub(super) fn complete(&mut self, claim: Claim<'_>, answer: &str) {
        let Some((token, digest)) = claim.token else {
            return;
        };
        let mut transaction = [0; 32];
        transaction.copy_from_slice(digest.as_ref());
        let done = Completed {
            transaction,
            answer: answer.to_owned(),
        };
        self.order.push_back((Instant::now(), token.clone()));
        self.completed.insert(token, done);
    }

    /// Forgets the tokens that are older than `lifetime`.
    fn expire(&mut self, lifetime: Duration) {
        while let Some((at, _)) = self.order.front()
            && at.elapsed() >= lifetime
            && let Some((_, token)) = self.order.pop_front()
        {
            self.completed.remove(&token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_token_is_known_until_its_time_is_up() {
        let request = Request {
            operation: Operation::TransactWriteItems,
            body: json!({"ClientRequestToken": "one", "TransactItems": []}),
        };
        let mut tokens = Tokens::default();
        let claim = tokens.claim(&request).unwrap();
        assert_eq!(claim.replay(), None);
        assert_eq!(claim.request(), &json!({"TransactItems": []}));
        tokens.complete(claim, "answer");
        let replay = tokens.claim(&request).unwrap().replay();
        assert_eq!(replay.as_deref(), Some("answer"));
        tokens.expire(Duration::ZERO);
        assert_eq!(tokens.claim(&request).unwrap().replay(), None);
    }
}
