//! What a model is: a sequential object, and what each operation may do to it. It
//! knows nothing of concurrency; that is the engines' business.

use std::hash::Hash;

use serde_json::Value;

use crate::operations::Outcome;

/// An operation as the history has it, for a model to make sense of.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// What was asked for: `read`, `write`, ...
    pub f: &'a str,
    /// The object, if operations name one.
    pub key: Option<&'a Value>,
    /// The invocation's value; null if it has none.
    pub argument: &'a Value,
    /// The completion's value; null if it has none or the operation is not known to
    /// have happened.
    pub result: &'a Value,
    /// How it ended. Operations that merely failed are not shown to models.
    pub outcome: Outcome,
    /// Who asked; 0 unless the model is [by process](Model::by_process).
    pub process: u32,
}

impl Call<'_> {
    /// Whether it is known to have happened, so that its result means something.
    pub fn happened(&self) -> bool {
        self.outcome == Outcome::Happened
    }

    /// That this operation cannot be one of the model's.
    pub fn unexpected(&self, expected: &str) -> String {
        format!("expected {expected}, found {} of {}", self.f, self.argument)
    }
}

/// A sequential object: its states, and what each operation may do in each.
///
/// A history is linearizable when its operations can be put in an order that agrees
/// with real time and that the model allows from its initial state on.
///
/// ```
/// use serde_json::Value;
/// use witness_checkers::{Call, Checker, Digest, LinearizableBy, Model, Options, Valid};
///
/// /// A light switch: `toggle` returns whether the light is on now.
/// struct Switch;
///
/// impl Model for Switch {
///     type State = bool;
///     type Op = Option<bool>;
///     type Next = Option<bool>;
///
///     fn name(&self) -> &str {
///         "switch"
///     }
///     fn initial(&self) -> bool {
///         false
///     }
///     fn operation(&self, call: &Call<'_>) -> Result<Option<Self::Op>, String> {
///         match call.f {
///             "toggle" => Ok(Some(call.result.as_bool())),
///             _ => Err(call.unexpected("toggle")),
///         }
///     }
///     fn step(&self, on: &bool, seen: &Self::Op) -> Option<bool> {
///         seen.is_none_or(|seen| seen != *on).then_some(!on)
///     }
///     fn describe_state(&self, on: &bool) -> String {
///         format!("the light is {}", if *on { "on" } else { "off" })
///     }
///     fn describe(&self, seen: &Self::Op) -> String {
///         seen.map_or("toggle".into(), |on| format!("toggle to {on}"))
///     }
/// }
///
/// let checker = LinearizableBy(Switch);
/// let history = witness_histories::history(
///     "0 invoke toggle\n1 invoke toggle\n0 ok toggle _ true\n1 ok toggle _ true",
/// )?;
/// let digest = Digest::of(&history, [&checker as &dyn Checker])?;
/// let verdict = checker.check(&digest, &Options::default());
/// assert_eq!(verdict.valid, Valid::False, "two toggles, and both turned it on");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Model: Send + Sync {
    /// What there is to know of the object between operations.
    type State: Clone + Eq + Hash + Send + Sync;
    /// An operation with what came of it.
    type Op: Clone + Eq + Hash + Send + Sync;
    /// The states that a step can lead to: `Option<State>` if at most one, `Vec<State>`
    /// if the object is not deterministic.
    type Next: IntoIterator<Item = Self::State>;

    /// Its name on the command line and in a verdict.
    fn name(&self) -> &str;

    /// The state before the first operation.
    fn initial(&self) -> Self::State;

    /// The operation of that call; `None` if it says nothing and does nothing.
    ///
    /// An operation of which nobody knows whether it happened has no result: it must
    /// be allowed wherever any result would be. One that was
    /// [refused](Outcome::Refused) must not change the state.
    ///
    /// # Errors
    /// Why it is no operation of this model, in words.
    fn operation(&self, call: &Call<'_>) -> Result<Option<Self::Op>, String>;

    /// The states in which the operation can leave the object; none if it cannot
    /// happen in this state.
    fn step(&self, state: &Self::State, op: &Self::Op) -> Self::Next;

    /// The same of a state that nobody needs any more: to change a large one takes less than
    /// to make another.
    fn advance(&self, state: Self::State, op: &Self::Op) -> Self::Next {
        self.step(&state, op)
    }

    /// Whether the operation leaves every state as it is. Such operations are settled
    /// at once, and may be left out when a violation is made small.
    fn read_only(&self, op: &Self::Op) -> bool {
        let _ = op;
        false
    }

    /// Whether each operation that is not read-only leads, wherever it may happen, to
    /// one state that is the same whatever was before: registers and locks. Operations
    /// of which nobody knows are then tried only right before what needs them.
    fn overwrites(&self) -> bool {
        false
    }

    /// Whether `op` cannot be judged without `other`: leaving `other` out, with all
    /// that need it, must not make a violation where there was none. This is what
    /// makes a shrunk history a proof about the whole one.
    fn needs(&self, op: &Self::Op, other: &Self::Op) -> bool {
        let _ = op;
        !self.read_only(other)
    }

    /// Whether `op` saw what `other` left: with `op` a small witness shows something
    /// like `other`, so that a stale read is not taken for one of what nobody wrote.
    fn reads_from(&self, op: &Self::Op, other: &Self::Op) -> bool {
        let _ = (op, other);
        false
    }

    /// Whether whatever may happen from `other` on may happen from `state` on: each
    /// operation that can happen in `other` can in `state`, and leads to a state that
    /// covers the one that it leads to from `other`. A state always covers itself.
    fn covers(&self, state: &Self::State, other: &Self::State) -> bool {
        let _ = (state, other);
        false
    }

    /// Whether it matters who asked.
    fn by_process(&self) -> bool {
        false
    }

    /// Numbers for independent parts of the object, one for each of these operations;
    /// `None` if it must be looked at as a whole.
    fn parts(&self, ops: &[Self::Op]) -> Option<Vec<u32>> {
        let _ = ops;
        None
    }

    /// About how many bytes a state takes, all that it alone refers to included, for the
    /// memory budget.
    fn state_bytes(&self, state: &Self::State) -> usize {
        size_of_val(state)
    }

    /// The state in words: `the value is 3`.
    fn describe_state(&self, state: &Self::State) -> String;

    /// The operation in words: `write 3`.
    fn describe(&self, op: &Self::Op) -> String;
}
