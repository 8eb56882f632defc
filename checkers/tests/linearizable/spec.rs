//! What each object does, written down a second time, as simply as can be: a state is
//! a list of numbers, and an operation has outcomes.

use serde_json::{Value, json};

pub type State = Vec<i64>;

/// Nothing, in a register.
const NIL: i64 = i64::MIN;

pub fn initial(model: &str, starts_at_zero: bool) -> State {
    match model {
        "register" | "cas-register" if starts_at_zero => vec![0],
        "register" | "cas-register" | "kv" => vec![NIL],
        "mutex" | "owner-mutex" | "seat" => vec![-1],
        // Fences may start anywhere.
        "fenced-lock" => vec![-1, -8],
        "semaphore" => vec![2],
        "counter" => vec![0],
        _ => vec![],
    }
}

/// The states after an acquire that returned that fence, which may be greater than the few that
/// [`outcomes`] has; none if it is another operation.
pub fn fenced(
    model: &str,
    state: &State,
    f: &str,
    process: u64,
    result: &Value,
) -> Option<Vec<State>> {
    let fence = result
        .as_i64()
        .filter(|_| (model, f) == ("fenced-lock", "acquire"))?;
    let is_next = state[0] < 0 && fence > state[1];
    let next = is_next.then(|| vec![process as i64, fence]);
    Some(next.into_iter().collect())
}

/// What an operation may do: the state after it, and what it returns. `None` is a
/// result that says that nothing was done.
pub fn outcomes(
    model: &str,
    state: &State,
    f: &str,
    argument: &Value,
    process: u64,
) -> Vec<(State, Option<Value>)> {
    let number = argument.as_i64().unwrap_or(1);
    let did = |state: State, result: Value| vec![(state, Some(result))];
    let nil = |number: i64| {
        if number == NIL {
            Value::Null
        } else {
            json!(number)
        }
    };
    let me = process as i64;
    match (model, f) {
        ("register" | "cas-register", "read") => did(state.clone(), nil(state[0])),
        ("register" | "cas-register", "write") => did(vec![number], Value::Null),
        ("cas-register", "cas") => {
            let pair = argument.as_array().unwrap();
            let (old, new) = (pair[0].as_i64().unwrap(), pair[1].as_i64().unwrap());
            if state[0] == old {
                did(vec![new], Value::Null)
            } else {
                vec![(state.clone(), None)]
            }
        }
        // The value is a text of digits: 12 is "12".
        ("kv", "get") => did(
            state.clone(),
            match state[0] {
                NIL => Value::Null,
                digits => json!(digits.to_string()),
            },
        ),
        ("kv", "put") => did(
            vec![argument.as_str().unwrap().parse().unwrap()],
            Value::Null,
        ),
        ("kv", "append") => {
            let digit = argument.as_str().unwrap();
            let before = if state[0] == NIL {
                String::new()
            } else {
                state[0].to_string()
            };
            did(
                vec![format!("{before}{digit}").parse().unwrap()],
                Value::Null,
            )
        }
        ("kv", "delete") => did(vec![NIL], Value::Null),
        ("mutex", "acquire") if state[0] < 0 => did(vec![1], Value::Null),
        ("mutex", "release") if state[0] > 0 => did(vec![-1], Value::Null),
        ("owner-mutex", "acquire") if state[0] < 0 => did(vec![me], Value::Null),
        ("owner-mutex", "release") if state[0] == me => did(vec![-1], Value::Null),
        // Fences need not be consecutive.
        ("fenced-lock", "acquire") if state[0] < 0 => (state[1] + 1..state[1] + 20)
            .map(|fence| (vec![me, fence], Some(json!(fence))))
            .collect(),
        ("fenced-lock", "release") if state[0] == me => did(vec![-1, state[1]], Value::Null),
        ("semaphore", "acquire") if state[0] >= number => did(vec![state[0] - number], Value::Null),
        ("semaphore", "release") if state[0] + number <= 2 => {
            did(vec![state[0] + number], Value::Null)
        }
        ("fifo-queue" | "unordered-queue", "enqueue") | ("stack", "push") => {
            let mut state = state.clone();
            state.push(number);
            if model == "unordered-queue" {
                state.sort_unstable();
            }
            did(state, Value::Null)
        }
        // Of priority p: p itself is 10 p, and [p, x] is 10 p + x.
        ("priority-queue", "insert") => {
            let number = match argument.as_array() {
                Some(pair) => 10 * pair[0].as_i64().unwrap() + pair[1].as_i64().unwrap(),
                None => 10 * number,
            };
            let mut state = state.clone();
            state.push(number);
            state.sort_unstable();
            did(state, Value::Null)
        }
        ("priority-queue", "delete-min") if !state.is_empty() => (0..state.len())
            .filter(|&at| state[at] / 10 == state[0] / 10)
            .map(|at| {
                let mut state = state.clone();
                let value = match state.remove(at) {
                    plain if plain % 10 == 0 => json!(plain / 10),
                    pair => json!([pair / 10, pair % 10]),
                };
                (state, Some(value))
            })
            .collect(),
        (_, "dequeue" | "pop" | "delete-min") if state.is_empty() => did(vec![], Value::Null),
        (_, "dequeue" | "pop") => {
            let places = match model {
                "fifo-queue" => 0..1,
                "stack" => state.len() - 1..state.len(),
                _ => 0..state.len(),
            };
            places
                .map(|at| {
                    let mut state = state.clone();
                    let value = state.remove(at);
                    (state, Some(json!(value)))
                })
                .collect()
        }
        ("set", "add") => {
            let mut after = state.clone();
            after.push(number);
            after.sort_unstable();
            after.dedup();
            let changed = after != *state;
            vec![
                (after.clone(), Some(Value::Null)),
                (after, Some(json!(changed))),
            ]
        }
        ("set", "remove") => {
            let mut after = state.clone();
            after.retain(|&member| member != number);
            let changed = after != *state;
            vec![
                (after.clone(), Some(Value::Null)),
                (after, Some(json!(changed))),
            ]
        }
        ("set", "contains") => did(state.clone(), json!(state.contains(&number))),
        ("set", "read") => did(state.clone(), json!(state)),
        ("counter", "read") => did(state.clone(), json!(state[0])),
        ("counter", "add") => did(vec![state[0] + number], Value::Null),
        ("counter", "increment") => vec![
            (vec![state[0] + number], Some(Value::Null)),
            (vec![state[0] + number], Some(json!(state[0] + number))),
        ],
        ("counter", "decrement") => did(vec![state[0] - number], Value::Null),
        ("seat", "acquire") if state[0] < 0 => did(vec![1], Value::Null),
        ("seat", "reset") => did(vec![-1], Value::Null),
        _ => vec![],
    }
}
