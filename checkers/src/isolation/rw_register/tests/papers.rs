//! Histories as papers tell them.
