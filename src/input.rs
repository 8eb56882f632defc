//! A saved history that is to be read: where it is, and how it is to be understood.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use witness_histories::{Format, ReadError, Reader};

/// A history's place and, where its contents do not tell, its format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The file, or `-` for standard input.
    pub path: PathBuf,
    /// The format; none: its contents tell it.
    pub format: Option<Format>,
    /// Whether `[key value]` is a key and a value, as in Jepsen's independent tests.
    pub independent: bool,
}

impl Input {
    /// The history at this path (`-`: standard input), as its contents tell.
    pub fn new(path: impl Into<PathBuf>) -> Input {
        Input {
            path: path.into(),
            format: None,
            independent: false,
        }
    }

    /// A reader from the beginning.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(&self) -> Result<Reader<Box<dyn Read + Send>>, ReadError> {
        let name = self.path.display().to_string();
        let source: Box<dyn Read + Send> = if self.path == Path::new("-") {
            Box::new(io::stdin())
        } else {
            match File::open(&self.path) {
                Ok(file) => Box::new(file),
                Err(error) => return Err(ReadError::Io { name, error }),
            }
        };
        let mut reader = Reader::new(name, source);
        if let Some(format) = self.format {
            reader = reader.with_format(format);
        }
        if self.independent {
            reader = reader.independent();
        }
        Ok(reader)
    }
}
