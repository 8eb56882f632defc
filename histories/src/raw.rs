//! Values that are known to be JSON, and need not be read again to show it.

use serde::Deserialize;
use serde::de::value::{BorrowedStrDeserializer, Error, MapDeserializer};
use serde_json::value::RawValue;

/// What serde_json hands a RawValue to whoever asks for one under.
const NAME: &str = "$serde_json::private::RawValue";

/// The text, which is known to be JSON without space around it. A RawValue is handed over as a
/// map from a name to its text; should that change, the text is read after all.
///
/// # Errors
/// It is no JSON.
#[inline]
pub(crate) fn known(json: &str) -> Result<&RawValue, serde_json::Error> {
    debug_assert!(serde_json::from_str::<&RawValue>(json).is_ok(), "{json}");
    if json == "null" {
        return Ok(RawValue::NULL);
    }
    let entry = (NAME, BorrowedStrDeserializer::<Error>::new(json));
    let entries = MapDeserializer::new(std::iter::once(entry));
    <&RawValue>::deserialize(entries).or_else(|_| serde_json::from_str(json))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_handed_over_unread() {
        let entry = (NAME, BorrowedStrDeserializer::<Error>::new("[1, 2]"));
        let raw = <&RawValue>::deserialize(MapDeserializer::new(std::iter::once(entry)));
        assert_eq!(
            raw.map(RawValue::get),
            Ok("[1, 2]"),
            "serde_json hands it over otherwise"
        );
        assert_eq!(known("null").unwrap().get(), "null");
    }
}
