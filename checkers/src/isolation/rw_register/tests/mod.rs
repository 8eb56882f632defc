//! Histories as papers tell them, and small random ones against brute force.

mod brute;
mod papers;
mod random;
