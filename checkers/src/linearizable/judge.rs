//! Judging one object with a model of any type: searching, and where there is no
//! order, finding a small set of operations that shows it.

use super::groups::Groups;
use super::intervals::Intervals;
use super::model::Model;
use super::object::{self, Misfit, Object};
use super::options::ObjectOptions;
use super::plan::Item;
use super::proof::{self, Flaw};
use super::search::{Found, Stuck, search};
use super::shrink;
use super::space::{Space, States};
use crate::budget::Budget;
use crate::operations::{NEVER, Operations};
use crate::sequential::Ordered;
use crate::words;

/// A history, and how it is to be understood.
pub(crate) struct Case<'a> {
    pub(crate) operations: &'a Operations,
    pub(crate) intervals: Intervals,
    pub(crate) options: &'a ObjectOptions,
    pub(crate) budget: Budget,
    /// Whether to make a violation as small as can be, whatever it takes.
    pub(crate) thorough: bool,
    /// How many operations the object has, where only some of them are judged.
    pub(crate) picked_of: Option<usize>,
}

/// What was found of one object.
#[derive(Debug)]
pub(crate) enum Judged {
    /// Orders that explain the operations, one for each part of the object.
    Valid(Vec<Vec<u32>>),
    /// There is such an order, and why none was found.
    Unproved(String),
    Violated(Violation),
    /// Why nobody knows.
    Unknown(String),
}

/// Operations that no order explains.
#[derive(Debug)]
pub(crate) struct Violation {
    /// Why not, in words.
    pub(crate) explanation: String,
    /// Operations, and whether their completions matter; ascending.
    pub(crate) operations: Vec<(u32, bool)>,
    /// The one that fits nowhere, if it is one.
    pub(crate) culprit: Option<u32>,
}

/// A [`Model`] of any type.
pub(crate) trait Judge: Send + Sync {
    fn name(&self) -> &str;

    /// Judges the object whose operations `members` are.
    fn judge(&self, case: &Case<'_>, members: &[u32]) -> Result<Judged, Misfit>;

    /// Judges all objects together by the order of each process alone; see
    /// [`sequential`](crate::sequential).
    fn order(&self, case: &Case<'_>, groups: &Groups, who: &[u32]) -> Result<Ordered, Misfit>;

    /// Verifies orders of its parts.
    fn verify(&self, case: &Case<'_>, members: &[u32], orders: &[&[u64]]) -> Result<(), Flaw>;
}

impl<M: Model> Judge for M {
    fn name(&self) -> &str {
        Model::name(self)
    }

    fn judge(&self, case: &Case<'_>, members: &[u32]) -> Result<Judged, Misfit> {
        let objects = object::objects(
            self,
            case.operations,
            &case.intervals,
            members,
            case.options,
        )?;
        let mut orders = Vec::with_capacity(objects.len());
        let mut unknown = None;
        for object in objects {
            let mut states = States::new(self, &object.classes);
            let overwrites = self.overwrites();
            match search(&object.items, &mut states, overwrites, &case.budget).0 {
                Found::Order(order) => {
                    let operation = |item: u32| object.items[item as usize].operation;
                    orders.push(order.into_iter().map(operation).collect());
                }
                Found::Stuck(stuck) => {
                    let violation = witness(self, case, members, &object, stuck, &states);
                    return Ok(Judged::Violated(violation));
                }
                Found::Exhausted {
                    why,
                    passed,
                    returns,
                } => {
                    unknown.get_or_insert(format!(
                        "the search gave up {why}: it had explained the first {passed} of {}",
                        words::count(returns as u64, "completed operation")
                    ));
                }
            }
        }
        Ok(match unknown {
            None => Judged::Valid(orders),
            Some(why) => Judged::Unknown(why),
        })
    }

    fn order(&self, case: &Case<'_>, groups: &Groups, who: &[u32]) -> Result<Ordered, Misfit> {
        crate::sequential::judge(self, case, groups, who)
    }

    fn verify(&self, case: &Case<'_>, members: &[u32], orders: &[&[u64]]) -> Result<(), Flaw> {
        proof::verify(self, case, members, orders)
    }
}

/// Says why there is no order, and makes the violation small.
fn witness<M: Model>(
    model: &M,
    case: &Case<'_>,
    members: &[u32],
    whole: &Object<M::Op>,
    stuck: Stuck,
    states: &dyn Space,
) -> Violation {
    let culprit = &whole.items[stuck.item as usize];
    let explaining = Explaining {
        operations: case.operations,
        items: &whole.items,
        are_some: case.picked_of.is_some(),
        left_aside: left_aside(model, case, members, whole, culprit.ret),
    };
    let of_whole = explaining.explain(&stuck, states);
    let mut culprit = culprit.operation;
    let shrunk = (case.options.small_witness || case.thorough)
        .then(|| shrink::shrink(model, case, whole.clone(), stuck));
    let small = shrunk.as_ref().unwrap_or(whole);
    let mut operations: Vec<(u32, bool)> = small
        .items
        .iter()
        .map(|item| (item.operation, item.is_resolved()))
        .collect();
    operations.sort_unstable();
    let mut explanation = of_whole;
    let are_others = case.picked_of.is_some() && shrunk.is_some();
    if are_others || !operations.contains(&(culprit, true)) {
        // Among the few it is another that fits nowhere, or the words are to be of them. States
        // are numbered by the search that came across them: search once more.
        let mut states = States::new(model, &small.classes);
        let (found, _) = search(&small.items, &mut states, model.overwrites(), &case.budget);
        if let Found::Stuck(stuck) = found {
            culprit = small.items[stuck.item as usize].operation;
            let explaining = Explaining {
                operations: case.operations,
                items: &small.items,
                are_some: true,
                left_aside: Vec::new(),
            };
            explanation = explaining.explain(&stuck, &states);
        }
    }
    let all = case.picked_of.unwrap_or(members.len());
    explanation.push_str(&words::enough(operations.len(), all));
    Violation {
        explanation,
        operations,
        culprit: Some(culprit),
    }
}

/// The unresolved operations of the object that were invoked before that and not searched, as no
/// order needs them, in words.
fn left_aside<M: Model>(
    model: &M,
    case: &Case<'_>,
    members: &[u32],
    object: &Object<M::Op>,
    until: u32,
) -> Vec<String> {
    let mut searched: Vec<u32> = object.items.iter().map(|item| item.operation).collect();
    searched.sort_unstable();
    let words = |&member: &u32| {
        let is_left = case.operations.all[member as usize].ret() == NEVER
            && case.intervals.of(case.operations, member)[0] < until
            && searched.binary_search(&member).is_err();
        let op = is_left.then(|| object::operation_of(model, case.operations, member).ok()?);
        let op = op.flatten().filter(|op| !model.read_only(op))?;
        let pair = [op, object.classes.first()?.clone()];
        let is_here = model.parts(&pair).is_none_or(|part| part[0] == part[1]);
        is_here.then(|| worded(case.operations, member, &model.describe(&pair[0])))
    };
    members.iter().filter_map(words).collect()
}

/// What a search was about, for words about where it got stuck.
struct Explaining<'a> {
    operations: &'a Operations,
    items: &'a [Item],
    /// Whether there are other operations of the object.
    are_some: bool,
    /// What was not searched because no order needs it.
    left_aside: Vec<String>,
}

impl Explaining<'_> {
    fn explain(&self, stuck: &Stuck, space: &dyn Space) -> String {
        let item = &self.items[stuck.item as usize];
        let culprit = space.describe(item.class);
        let mut text = format!(
            "{} fits nowhere: ",
            capitalised(&named(self.operations, item.operation, &culprit))
        );
        let states = stuck.states.iter();
        let reasons = states.map(|&state| space.describe_state(state));
        let reasons = words::list_with("or", reasons, stuck.states.len());
        let among = match self.are_some {
            true => " among these operations",
            false => "",
        };
        let others = match stuck.is_all {
            true => "",
            false => " (or perhaps something else: not all was tried)",
        };
        text.push_str(&format!(
            "by the time that it returned, in every order of what came before{among}, {reasons}{others}, and {culprit} cannot happen then."
        ));
        if !stuck.order.is_empty() {
            let last = words::last(&stuck.order, |&at| {
                let item = &self.items[at as usize];
                worded(self.operations, item.operation, &space.describe(item.class))
            });
            text.push_str(&format!(" The longest order that is right so far: {last}."));
        }
        if !self.left_aside.is_empty() {
            let left = words::list(self.left_aside.iter(), self.left_aside.len());
            let them = match self.left_aside.len() {
                1 => "it",
                _ => "they",
            };
            text.push_str(&format!(
                " Left aside, as {them} may not have happened and no other needs that: {left}."
            ));
        }
        text
    }
}

/// `read 7 (events 40 to 43)`.
fn worded(operations: &Operations, at: u32, what: &str) -> String {
    format!("{what} ({})", events(operations, at))
}

/// `process 3's read 7 (events 40 to 43)`.
pub(crate) fn named(operations: &Operations, at: u32, what: &str) -> String {
    let process = operations.all[at as usize].process;
    format!("process {process}'s {}", worded(operations, at, what))
}

fn events(operations: &Operations, at: u32) -> String {
    let operation = &operations.all[at as usize];
    match operation.ret() {
        NEVER => format!("event {}, never resolved", operation.call),
        ret => format!("events {} to {ret}", operation.call),
    }
}

pub(crate) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
