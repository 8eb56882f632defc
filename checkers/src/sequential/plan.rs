//! The operations of all objects, laid out for a search: what each process does, one step
//! after the other, and who uses which object. It knows no model.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// A step of a process: an operation of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) process: u32,
    pub(super) object: u32,
    /// Of the object's different operations, which.
    pub(super) class: u32,
    /// Of the history's operations, which.
    pub(super) operation: u32,
    /// Whether it certainly happened. If not it is the last step of its process.
    pub(super) is_resolved: bool,
    /// Whether it leaves every state of its object as it is.
    pub(super) is_read: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The steps of each process, in its order.
    pub(super) processes: Vec<Vec<Step>>,
    /// By object, the processes that use it, each with its last step that does.
    pub(super) users: Vec<Vec<(u32, u32)>>,
    /// By object, how many resolved steps there are.
    pub(super) resolved: Vec<u32>,
    /// The processes whose last step is not resolved.
    pub(super) doubtful: Vec<u32>,
}

impl Plan {
    /// Lays out steps, given in the order of the history, of so many objects. Numbers of
    /// processes may have gaps. O(n).
    pub(super) fn new(steps: &[Step], objects: usize) -> Plan {
        let mut plan = Plan {
            users: vec![Vec::new(); objects],
            resolved: vec![0; objects],
            ..Plan::default()
        };
        let mut numbers: HashMap<u32, u32, FixedState> = HashMap::default();
        for &step in steps {
            let next = plan.processes.len() as u32;
            let process = *numbers.entry(step.process).or_insert(next);
            if process == next {
                plan.processes.push(Vec::new());
            }
            let members = &mut plan.processes[process as usize];
            members.push(Step { process, ..step });
            match step.is_resolved {
                true => plan.resolved[step.object as usize] += 1,
                false => plan.doubtful.push(process),
            }
        }
        for (process, members) in (0..).zip(&plan.processes) {
            for (place, step) in (0..).zip(members) {
                let users = &mut plan.users[step.object as usize];
                match users.last_mut() {
                    Some((user, last)) if *user == process => *last = place,
                    _ => users.push((process, place)),
                }
            }
        }
        plan
    }
}
