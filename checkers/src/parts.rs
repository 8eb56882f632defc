//! Whether a history is whole: a run may be recorded in parts, a host each, and one of them
//! alone reads what, as far as it knows, nobody wrote. Nor is anything decided where another
//! run may have been at the same tables. It judges nothing; it says what is missing.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use witness_histories::{Event, Kind, Process};

/// What a recorder said of the part that it is.
#[derive(Debug, Deserialize)]
struct Said {
    run: String,
    part: u64,
    parts: u64,
}

/// The parts that recorders said they were.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    /// By run and number of parts: which parts were said, and how often.
    runs: BTreeMap<(String, u64), BTreeMap<u64, u64>>,
    /// Those that saw, having read the evidence, that the tables were their run's alone.
    undisturbed: BTreeSet<(String, u64)>,
    /// What the first that saw otherwise said.
    disturbed: Option<String>,
    garbled: Option<u64>,
}

impl Parts {
    /// Takes in an event; only what Witness itself says of parts matters: `{"phase":"part"}` at
    /// a part's begin, and at its end `"undisturbed"`, or `"disturbed"` and why.
    pub(crate) fn event(&mut self, event: &Event<'_>) {
        if event.f != "phase" || event.process != Process::Witness || event.kind != Kind::Ok {
            return;
        }
        let Some(value) = &event.value else { return };
        let value = serde_json::from_str::<serde_json::Value>(value.get());
        let Ok(value) = value else { return };
        let phase = value["phase"].as_str().unwrap_or_default().to_owned();
        if !["part", "undisturbed", "disturbed"].contains(&phase.as_str()) {
            return;
        }
        let why = value["why"].as_str().unwrap_or("another run").to_owned();
        match (phase.as_str(), serde_json::from_value::<Said>(value)) {
            ("part", Ok(Said { run, part, parts })) if (1..=parts).contains(&part) => {
                let run = self.runs.entry((run, parts)).or_default();
                *run.entry(part).or_default() += 1;
            }
            ("undisturbed", Ok(Said { run, part, .. })) => {
                self.undisturbed.insert((run, part));
            }
            ("disturbed", _) => self.disturbed = self.disturbed.take().or(Some(why)),
            _ => self.garbled = self.garbled.or(Some(event.index)),
        }
    }

    /// What keeps the history from being one whole run; none where nothing does.
    pub(crate) fn lack(&self) -> Option<String> {
        const MERGE: &str =
            "merge the parts of one run, each once: witness merge PART1 PART2 … -o whole.jsonl";
        if let Some(index) = self.garbled {
            return Some(format!(
                "event {index} says that this is a part of a run, but not which: nothing is decided"
            ));
        }
        let mut runs = self.runs.iter();
        let ((run, of), said) = runs.next()?;
        if runs.next().is_some() {
            return Some(format!(
                "these are parts of {} different runs, and nothing is decided of them together; {MERGE}",
                self.runs.len()
            ));
        }
        if let Some((part, times)) = said.iter().find(|(_, times)| **times > 1) {
            return Some(format!(
                "part {part} of {of} is in here {times} times, and nothing is decided; {MERGE}"
            ));
        }
        if said.len() as u64 == *of {
            if let Some(why) = &self.disturbed {
                return Some(format!("a part of this run was disturbed: {why}"));
            }
            let unseen = said
                .keys()
                .find(|part| !self.undisturbed.contains(&(run.clone(), **part)));
            return unseen.map(|part| {
                format!(
                    "part {part} of {of} ended before it could see whether the tables were this run's to the end, and nothing is decided"
                )
            });
        }
        let there: Vec<_> = said.keys().map(u64::to_string).collect();
        let parts = if there.len() == 1 { "part" } else { "parts" };
        Some(format!(
            "this is {parts} {} of {of} of a run: what the others wrote is not in here, and nothing is decided; {MERGE}",
            there.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use witness_histories::history;

    use crate::{Digest, Options, Valid, Verdicts, find};

    /// A stale read: 1 was written and nothing is read, beside those notes.
    fn judged(notes: &str) -> Verdicts {
        let text = format!(
            "{notes}
            0 invoke write x 1
            0 ok     write x 1
            1 invoke read  x null
            1 ok     read  x null"
        );
        let history = history(&text).unwrap();
        let checker = find("linearizable").unwrap();
        let digest = Digest::of(&history, [checker]).unwrap();
        let alone = checker.check(&digest, &Options::default());
        let shrunk = crate::shrink(&digest, &Options::default());
        assert_eq!(shrunk.is_some(), digest.is_whole());
        if !digest.is_whole() {
            assert_eq!(alone.valid, Valid::Unknown, "{alone:?}");
        }
        Verdicts::compose(vec![alone], &digest)
    }

    fn said(phase: &str, run: &str, part: u64, parts: u64) -> String {
        format!(
            "witness ok phase _ {{\"phase\":\"{phase}\",\"run\":\"{run}\",\"part\":{part},\"parts\":{parts}}}\n"
        )
    }

    fn note(run: &str, part: u64, parts: u64) -> String {
        said("part", run, part, parts) + &said("undisturbed", run, part, parts)
    }

    #[test]
    fn of_a_part_alone_nothing_is_decided() {
        for (notes, why) in [
            (note("a", 1, 2), "this is part 1 of 2 of a run"),
            (
                note("a", 3, 3) + &note("a", 1, 3),
                "this is parts 1, 3 of 3 of a run",
            ),
            (
                note("a", 1, 2) + &note("b", 2, 2),
                "parts of 2 different runs",
            ),
            (
                note("a", 1, 2) + &note("a", 2, 3),
                "parts of 2 different runs",
            ),
            (
                note("a", 2, 2) + &note("a", 2, 2),
                "part 2 of 2 is in here 2 times",
            ),
            (
                note("a", 1, 2) + &note("a", 2, 2) + &note("a", 2, 2),
                "part 2 of 2 is in here 2 times",
            ),
            (note("a", 3, 2), "but not which"),
            (
                note("a", 1, 2) + &said("part", "a", 2, 2),
                "part 2 of 2 ended before it could see",
            ),
            (
                note("a", 1, 2) + &said("part", "a", 2, 2) + &said("undisturbed", "b", 2, 2),
                "part 2 of 2 ended before it could see",
            ),
            (
                note("a", 1, 2) + &note("a", 2, 2) + &said("disturbed", "a", 2, 2),
                "a part of this run was disturbed: another run",
            ),
            (
                "witness ok phase _ {\"phase\":\"undisturbed\"}\n".to_owned(),
                "but not which",
            ),
            (
                "witness ok phase _ {\"phase\":\"part\"}\n".to_owned(),
                "but not which",
            ),
        ] {
            let verdicts = judged(&notes);
            assert_eq!(verdicts.valid, Valid::Unknown, "{notes}");
            assert!(verdicts.verdicts.is_empty());
            assert!(verdicts.notes[0].contains(why), "{:?}", verdicts.notes);
        }
    }

    #[test]
    fn a_whole_run_is_decided_as_any_history() {
        let other =
            "witness ok phase _ {\"phase\":\"setup\",\"part\":1,\"parts\":2,\"run\":\"a\"}\n";
        for notes in [
            String::new(),
            other.to_owned(),
            note("a", 2, 2) + &note("a", 1, 2),
            note("a", 1, 1),
        ] {
            assert_eq!(judged(&notes).valid, Valid::False, "{notes}");
        }
    }

    #[test]
    fn a_proof_of_a_part_proves_nothing() {
        let text = "0 invoke write x 1\n0 ok     write x 1";
        let checker = find("linearizable").unwrap();
        let whole = Digest::of(&history(text).unwrap(), [checker]).unwrap();
        let (_, proof) = crate::linearize(&whole, &Options::default());
        let proof = proof.unwrap();
        assert_eq!(
            crate::verify_proof(&whole, &Options::default(), &proof),
            Ok(())
        );
        let part = history(&(note("a", 1, 2) + text)).unwrap();
        let part = Digest::of(&part, [checker]).unwrap();
        // The same operations, one event later.
        let mut later = proof.clone();
        for order in &mut later.orders {
            order.operations.iter_mut().for_each(|event| *event += 1);
        }
        let flaw = crate::verify_proof(&part, &Options::default(), &later).unwrap_err();
        assert!(flaw.to_string().contains("this is part 1 of 2"), "{flaw}");
    }
}
