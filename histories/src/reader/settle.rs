//! What an event owes to the ones before it: what its format leaves out is supplied,
//! tuples are split, and it must fit. Events come here in their order.

use super::{ReadError, Warning};
use crate::draft::{Completion, Draft};
use crate::event::Event;
use crate::independent::Tuples;
use crate::jsonl::ParseError;
use crate::validate::Validator;

/// What is remembered of the events so far.
#[derive(Debug)]
pub(super) struct Settler {
    completion: Completion,
    pub(super) tuples: Option<Tuples>,
    pub(super) validator: Option<Validator>,
    pub(super) events: u64,
}

impl Settler {
    pub(super) fn new() -> Self {
        Settler {
            completion: Completion::default(),
            tuples: None,
            validator: Some(Validator::new()),
            events: 0,
        }
    }

    /// The event of a draft, which stands on that line of the source of that name.
    #[inline]
    pub(super) fn complete<'a>(
        &mut self,
        name: &str,
        line: u64,
        draft: Draft<'a>,
    ) -> Result<Event<'a>, ReadError> {
        self.completion
            .event(draft, line)
            .map_err(|field| ReadError::Malformed {
                name: name.to_owned(),
                line,
                error: ParseError {
                    field: Some(field.name().to_owned()),
                    column: None,
                    message: "missing".to_owned(),
                },
            })
    }

    /// The next event, which stands on that line of the source of that name.
    #[inline]
    pub(super) fn settle(
        &mut self,
        name: &str,
        line: u64,
        event: &mut Event<'_>,
    ) -> Result<(), ReadError> {
        if let Some(tuples) = &mut self.tuples {
            tuples.split(event);
        }
        if let Some(validator) = &mut self.validator {
            validator
                .event(event)
                .map_err(|invalid| ReadError::Invalid {
                    name: name.to_owned(),
                    line,
                    problem: invalid.problem,
                })?;
        }
        self.events += 1;
        Ok(())
    }

    /// What was supplied so far.
    pub(super) fn supplied(&self, name: &str) -> impl Iterator<Item = Warning> {
        self.completion
            .supplied()
            .map(|(what, events, line)| Warning::Supplied {
                name: name.to_owned(),
                line,
                events,
                what,
            })
    }
}
